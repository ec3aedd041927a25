//! `struct`: values packed as C's structures.

use crate::error::Error;
use crate::frame::{Frame, Function, to_integer};
use std::ffi::{CStr, c_int};

pub(crate) const FUNCTIONS: &[(&CStr, Function)] = &[(c"pack", pack), (c"unpack", unpack), (c"size", size)];

/// An integer has no more bytes.
const INTEGER_BYTES_MAX: usize = 32;
/// What `!` means without a number.
const ALIGNMENT: usize = 8;

/// A format that is being read.
struct Format {
    text: Vec<u8>,
    at: usize,
    is_big_endian: bool,
    alignment: usize,
}

impl Format {
    fn new(text: &[u8]) -> Self {
        // A C string ends at the first NUL.
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        Self { text: text[..end].to_vec(), at: 0, is_big_endian: false, alignment: 1 }
    }

    fn next(&mut self) -> Option<u8> {
        let option = self.text.get(self.at).copied()?;
        self.at += 1;
        Some(option)
    }

    fn number(&mut self, otherwise: usize) -> Result<usize, Error> {
        let mut value = None;
        while let Some(digit) = self.text.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            let digit = usize::from(digit - b'0');
            let next = value.unwrap_or(0usize) * 10 + digit;
            if next > i32::MAX as usize {
                return Err(Error::text("integral size overflow"));
            }
            value = Some(next);
            self.at += 1;
        }
        Ok(value.unwrap_or(otherwise))
    }

    fn size(&mut self, option: u8) -> Result<usize, Error> {
        Ok(match option {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > INTEGER_BYTES_MAX {
                    return Err(Error::formatted(format!(
                        "integral size {size} is larger than limit of {INTEGER_BYTES_MAX}"
                    )));
                }
                size
            }
            _ => 0,
        })
    }

    /// Bytes to leave out at a position.
    fn padding(&self, position: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let size = size.min(self.alignment);
        // As the original for sizes that are no powers of two.
        size.wrapping_sub(position & (size - 1)) & (size - 1)
    }

    fn control(&mut self, option: u8) -> Result<(), Error> {
        match option {
            b' ' => {}
            b'>' => self.is_big_endian = true,
            b'<' => self.is_big_endian = false,
            b'!' => {
                let alignment = self.number(ALIGNMENT)?;
                if !alignment.is_power_of_two() {
                    return Err(Error::formatted(format!("alignment {alignment} is not a power of 2")));
                }
                self.alignment = alignment;
            }
            other => {
                let text = [b"invalid format option '", &[other][..], b"'"].concat();
                return Err(Error::Argument(1, text.into()));
            }
        }
        Ok(())
    }

    fn put(&self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.is_big_endian { out.extend(bytes.iter().rev()) } else { out.extend_from_slice(bytes) }
    }

    fn take<const N: usize>(&self, bytes: &[u8]) -> [u8; N] {
        let mut taken = [0; N];
        taken.copy_from_slice(&bytes[..N]);
        if self.is_big_endian {
            taken.reverse();
        }
        taken
    }
}

fn pack(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let mut format = Format::new(frame.check_bytes(1)?);
    let mut out = Vec::new();
    let mut argument = 2;
    // Behind the arguments comes a nil, as whoever gives too few is told.
    frame.push_nil();
    while let Some(option) = format.next() {
        let size = format.size(option)?;
        let padding = format.padding(out.len(), option, size);
        frame.check_memory(out.len() + size)?;
        out.resize(out.len() + padding, 0);
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let number = frame.check_number(argument)?;
                argument += 1;
                let value = if number < 0.0 { to_integer(number) as u64 } else { as_unsigned_long(number) };
                let mut bytes = [0; INTEGER_BYTES_MAX];
                bytes[..8].copy_from_slice(&value.to_le_bytes());
                format.put(&bytes[..size], &mut out);
            }
            b'x' => out.push(0),
            b'f' => {
                let number = frame.check_number(argument)? as f32;
                argument += 1;
                format.put(&number.to_le_bytes(), &mut out);
            }
            b'd' => {
                let number = frame.check_number(argument)?;
                argument += 1;
                format.put(&number.to_le_bytes(), &mut out);
            }
            b'c' | b's' => {
                let text = frame.check_bytes(argument)?;
                argument += 1;
                let size = if size == 0 { text.len() } else { size };
                let Some(text) = text.get(..size) else {
                    return Err(Error::argument(argument, "string too short"));
                };
                out.extend_from_slice(text);
                if option == b's' {
                    out.push(0);
                }
            }
            _ => format.control(option)?,
        }
    }
    frame.push_bytes(&out);
    Ok(1)
}

fn as_unsigned_long(number: f64) -> u64 {
    if number >= 2f64.powi(63) {
        (to_integer(number - 2f64.powi(63)) as u64) ^ 1 << 63
    } else {
        to_integer(number) as u64
    }
}

const TOO_SHORT: Error = Error::argument(2, "data string too short");

fn unpack(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let mut format = Format::new(frame.check_bytes(1)?);
    let data = frame.check_bytes(2)?.to_vec();
    let position = frame.optional_integer(3, 1)?;
    // The original has an unsigned position: a negative one is a large one.
    if position == 0 {
        return Err(Error::argument(3, "offset must be 1 or greater"));
    }
    let mut position = (position as usize).wrapping_sub(1);
    let mut results = 0;
    while let Some(option) = format.next() {
        let mut size = format.size(option)?;
        position = position.wrapping_add(format.padding(position, option, size));
        let mut bytes = slice(&data, position, size).ok_or(TOO_SHORT)?;
        frame.reserve(2).map_err(|_| Error::text("stack overflow (too many results)"))?;
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                frame.push_number(integer(bytes, &format, option.is_ascii_lowercase()));
                results += 1;
            }
            b'x' => {}
            b'f' => {
                frame.push_number(f64::from(f32::from_le_bytes(format.take(bytes))));
                results += 1;
            }
            b'd' => {
                frame.push_number(f64::from_le_bytes(format.take(bytes)));
                results += 1;
            }
            b'c' => {
                if size == 0 {
                    let Some(previous) = (if results == 0 { None } else { frame.number(-1) }) else {
                        return Err(Error::text("format 'c0' needs a previous size"));
                    };
                    size = as_unsigned_long(previous) as usize;
                    frame.pop(1);
                    results -= 1;
                    bytes = slice(&data, position, size).ok_or(TOO_SHORT)?;
                }
                frame.push_bytes(bytes);
                results += 1;
            }
            b's' => {
                let rest = data.get(position..).unwrap_or_default();
                let Some(end) = rest.iter().position(|byte| *byte == 0) else {
                    return Err(Error::text("unfinished string in data"));
                };
                size = end + 1;
                frame.push_bytes(&rest[..end]);
                results += 1;
            }
            _ => format.control(option)?,
        }
        position += size;
    }
    frame.push_number(position.wrapping_add(1) as i64 as f64);
    Ok(results + 1)
}

fn slice(data: &[u8], position: usize, size: usize) -> Option<&[u8]> {
    data.get(position..position.checked_add(size)?)
}

fn integer(bytes: &[u8], format: &Format, is_signed: bool) -> f64 {
    let mut value = 0u64;
    let mut add = |byte: &u8| value = value << 8 | u64::from(*byte);
    if format.is_big_endian {
        bytes.iter().for_each(&mut add)
    } else {
        bytes.iter().rev().for_each(&mut add)
    }
    if !is_signed {
        return value as f64;
    }
    // Shifted as the machine does, whatever the size.
    let mask = u64::MAX.wrapping_shl((bytes.len() as u32 * 8).wrapping_sub(1));
    if value & mask != 0 {
        value |= mask;
    }
    value as i64 as f64
}

fn size(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let mut format = Format::new(frame.check_bytes(1)?);
    let mut position = 0usize;
    while let Some(option) = format.next() {
        let size = format.size(option)?;
        position += format.padding(position, option, size);
        match option {
            b's' => return Err(Error::argument(1, "option 's' has no fixed size")),
            b'c' if size == 0 => return Err(Error::argument(1, "option 'c0' has no fixed size")),
            _ => {}
        }
        if !option.is_ascii_alphanumeric() {
            format.control(option)?;
        }
        position += size;
    }
    frame.push_number(position as f64);
    Ok(1)
}
