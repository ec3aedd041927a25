//! `cmsgpack`.

use crate::error::Error;
use crate::frame::{Frame, Function, Type};
use std::ffi::{CStr, c_int};

pub(crate) const FUNCTIONS: &[(&CStr, Function)] =
    &[(c"pack", pack), (c"unpack", unpack), (c"unpack_one", unpack_one), (c"unpack_limit", unpack_limit)];

/// Tables that are nested deeper are packed as nil.
const NESTING_MAX: u32 = 16;
/// How deep what is unpacked may be nested: our own recursion ends here.
const UNPACK_NESTING_MAX: u32 = 2_000;

/// Sets what the library says of itself.
pub(crate) fn describe(frame: &mut Frame<'_>) {
    for (name, text) in [
        (c"_NAME", "cmsgpack"),
        (c"_VERSION", "lua-cmsgpack 0.4.0"),
        (c"_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"),
        (c"_DESCRIPTION", "MessagePack C implementation for Lua"),
    ] {
        frame.push_bytes(text.as_bytes());
        frame.set_field_raw(name);
    }
}

fn pack(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let count = frame.top();
    if count == 0 {
        return Err(Error::argument(0, "MessagePack pack needs input."));
    }
    if !frame.has_room(8) {
        return Err(Error::argument(0, "Too many arguments for MessagePack pack."));
    }
    let mut out = std::mem::take(&mut frame.host().text);
    out.clear();
    for index in 1..=count {
        frame.push_copy(index);
        encode(frame, &mut out, 0)?;
    }
    frame.spend(out.len())?;
    frame.host().text = out;
    frame.push_text();
    Ok(1)
}

/// Appends the value on top, and takes it off.
fn encode(frame: &mut Frame<'_>, out: &mut Vec<u8>, level: u32) -> Result<(), Error> {
    match frame.type_of(-1) {
        Type::String => {
            let text = frame.bytes(-1).unwrap_or_default();
            frame.check_memory(out.len() + text.len())?;
            match text.len() {
                len @ 0..32 => out.push(0xa0 | len as u8),
                len => header(out, len, [Some(0xd9), Some(0xda), Some(0xdb)]),
            }
            out.extend_from_slice(text);
        }
        Type::Boolean => out.push(if frame.boolean(-1) { 0xc3 } else { 0xc2 }),
        Type::Number => encode_number(frame.number(-1).unwrap_or_default(), out),
        Type::Table if level < NESTING_MAX => encode_table(frame, out, level)?,
        _ => out.push(0xc0),
    }
    frame.pop(1);
    Ok(())
}

/// A kind and a length in as many bytes as it needs.
fn header(out: &mut Vec<u8>, len: usize, [one, two, four]: [Option<u8>; 3]) {
    match (len, one, two, four) {
        (0..=0xff, Some(kind), ..) => out.extend_from_slice(&[kind, len as u8]),
        (0..=0xffff, _, Some(kind), _) => {
            out.push(kind);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        (_, _, _, kind) => {
            out.push(kind.unwrap_or_default());
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

fn encode_number(number: f64, out: &mut Vec<u8>) {
    let is_integer = number.floor() == number && number >= -(2f64.powi(63)) && number < 2f64.powi(63);
    if is_integer {
        return encode_integer(number as i64, out);
    }
    let single = number as f32;
    if f64::from(single) == number {
        out.push(0xca);
        out.extend_from_slice(&single.to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

fn encode_integer(number: i64, out: &mut Vec<u8>) {
    let mut put = |kind: u8, len: usize| {
        out.push(kind);
        out.extend_from_slice(&number.to_be_bytes()[8 - len..]);
    };
    match number {
        -32..=0x7f => out.push(number as u8),
        0x80..=0xff => put(0xcc, 1),
        0x100..=0xffff => put(0xcd, 2),
        0x1_0000..=0xffff_ffff => put(0xce, 4),
        0x1_0000_0000.. => put(0xcf, 8),
        -0x80..=-33 => put(0xd0, 1),
        -0x8000..=-0x81 => put(0xd1, 2),
        -0x8000_0000..=-0x8001 => put(0xd2, 4),
        _ => put(0xd3, 8),
    }
}

fn encode_table(frame: &mut Frame<'_>, out: &mut Vec<u8>, level: u32) -> Result<(), Error> {
    frame.reserve(4)?;
    frame.tick()?;
    frame.check_memory(out.len())?;
    let table = frame.top();
    let (mut is_array, mut max, mut count) = (true, 0f64, 0usize);
    frame.push_nil();
    while frame.next(table) {
        frame.pop(1);
        count += 1;
        let key = if frame.type_of(-1) == Type::Number { frame.number(-1).unwrap_or(0.0) } else { 0.0 };
        is_array &= key > 0.0 && key.floor() == key && key <= f64::from(i32::MAX);
        max = max.max(key);
    }
    if is_array && max == count as f64 {
        match count {
            0..=15 => out.push(0x90 | count as u8),
            _ => header(out, count, [None, Some(0xdc), Some(0xdd)]),
        }
        for index in 1..=count {
            frame.push_index(table, index as c_int);
            encode(frame, out, level + 1)?;
        }
        return Ok(());
    }
    match count {
        0..=15 => out.push(0x80 | count as u8),
        _ => header(out, count, [None, Some(0xde), Some(0xdf)]),
    }
    frame.push_nil();
    while frame.next(table) {
        frame.push_copy(-2);
        encode(frame, out, level + 1)?;
        encode(frame, out, level + 1)?;
    }
    Ok(())
}

fn unpack(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    unpack_some(frame, 0, 0)
}

fn unpack_one(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let offset = frame.optional_integer(2, 0)?;
    frame.set_top(1);
    unpack_some(frame, 1, offset)
}

fn unpack_limit(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let limit = frame.check_integer(2)?;
    let offset = frame.optional_integer(3, 0)?;
    frame.set_top(1);
    unpack_some(frame, limit, offset)
}

const MISSING: Error = Error::text("Missing bytes in input.");
const BAD_FORMAT: Error = Error::text("Bad data format in input.");

fn unpack_some(frame: &mut Frame<'_>, limit: i64, offset: i64) -> Result<c_int, Error> {
    let all = limit == 0 && offset == 0;
    let text = frame.check_bytes(1)?.to_vec();
    if offset < 0 || limit < 0 {
        return Err(Error::formatted(format!(
            "Invalid request to unpack with offset of {} and limit of {}.",
            offset as i32,
            text.len() as i32
        )));
    }
    if offset as usize > text.len() {
        return Err(Error::formatted(format!(
            "Start offset {} greater than input length {}.",
            offset as i32,
            text.len() as i32
        )));
    }
    frame.spend(text.len())?;
    frame.check_memory(text.len())?;
    let mut input = Input { rest: &text[offset as usize..], values: 0, nesting: 0 };
    let limit = if all { i64::from(i32::MAX) } else { limit };
    let mut count = 0;
    while !input.rest.is_empty() && i64::from(count) < limit {
        input.value(frame)?;
        count += 1;
    }
    if !all {
        let place = if input.rest.is_empty() { -1.0 } else { (text.len() - input.rest.len()) as f64 };
        frame.reserve(1)?;
        frame.push_number(place);
        frame.insert(2);
        count += 1;
    }
    Ok(count)
}

struct Input<'t> {
    rest: &'t [u8],
    values: u32,
    nesting: u32,
}

impl<'t> Input<'t> {
    fn take(&mut self, len: usize) -> Result<&'t [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(MISSING)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(MISSING)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn length<const N: usize>(&mut self) -> Result<usize, Error> {
        Ok(self.array::<N>()?.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)))
    }

    /// Pushes the next value.
    fn value(&mut self, frame: &mut Frame<'_>) -> Result<(), Error> {
        self.values += 1;
        if self.values.is_multiple_of(1024) {
            frame.tick()?;
            frame.check_memory(0)?;
        }
        if self.nesting > UNPACK_NESTING_MAX || !frame.has_room(4) {
            return Err(Error::text(
                "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)",
            ));
        }
        let [kind] = self.array::<1>()?;
        let number = match kind {
            0..=0x7f => f64::from(kind),
            0xe0..=0xff => f64::from(kind as i8),
            0xcc => f64::from(self.array::<1>()?[0]),
            0xcd => f64::from(u16::from_be_bytes(self.array()?)),
            0xce => f64::from(u32::from_be_bytes(self.array()?)),
            // Lua's integers are signed.
            0xcf | 0xd3 => i64::from_be_bytes(self.array()?) as f64,
            0xd0 => f64::from(i8::from_be_bytes(self.array()?)),
            0xd1 => f64::from(i16::from_be_bytes(self.array()?)),
            0xd2 => f64::from(i32::from_be_bytes(self.array()?)),
            0xca => f64::from(f32::from_be_bytes(self.array()?)),
            0xcb => f64::from_be_bytes(self.array()?),
            _ => return self.other(frame, kind),
        };
        frame.push_number(number);
        Ok(())
    }

    fn other(&mut self, frame: &mut Frame<'_>, kind: u8) -> Result<(), Error> {
        let len = match kind {
            0xc0 => {
                frame.push_nil();
                return Ok(());
            }
            0xc2 | 0xc3 => {
                frame.push_boolean(kind == 0xc3);
                return Ok(());
            }
            0xa0..=0xbf => usize::from(kind & 0x1f),
            0x80..=0x9f => usize::from(kind & 0xf),
            0xd9 => self.length::<1>()?,
            0xda | 0xdc | 0xde => self.length::<2>()?,
            0xdb | 0xdd | 0xdf => self.length::<4>()?,
            _ => return Err(BAD_FORMAT),
        };
        match kind {
            0xa0..=0xbf | 0xd9..=0xdb => self.string(frame, len),
            0x90..=0x9f | 0xdc | 0xdd => self.list(frame, len),
            _ => self.map(frame, len),
        }
    }

    fn string(&mut self, frame: &mut Frame<'_>, len: usize) -> Result<(), Error> {
        let text = self.take(len)?;
        frame.push_bytes(text);
        Ok(())
    }

    fn list(&mut self, frame: &mut Frame<'_>, len: usize) -> Result<(), Error> {
        // A claimed length is no reason to take memory: each element has at least a byte.
        frame.push_table(len.min(self.rest.len()), 0);
        self.nesting += 1;
        for index in 1..=len {
            self.value(frame)?;
            frame.set_index_raw(index as c_int);
        }
        self.nesting -= 1;
        Ok(())
    }

    fn map(&mut self, frame: &mut Frame<'_>, len: usize) -> Result<(), Error> {
        frame.push_table(0, len.min(self.rest.len() / 2));
        self.nesting += 1;
        for _ in 0..len {
            self.value(frame)?;
            self.value(frame)?;
            frame.set_raw(-3)?;
        }
        self.nesting -= 1;
        Ok(())
    }
}
