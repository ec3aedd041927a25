//! Lengths: one to nine bytes, the first two bits say how many.
//!
//! ```text
//! 00llllll                up to 63
//! 01llllll l              up to 16,383
//! 10000000 l l l l        32 bits, big-endian
//! 10000001 l..            64 bits, big-endian
//! 11eeeeee                no length: a string in encoding e follows
//! ```

use super::{Damaged, Read, Reader, Writer};

/// A length, or the encoding of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Plain(u64),
    Encoded(u8),
}

pub fn read_any(reader: &mut Reader<'_>) -> Read<Length> {
    let first = reader.byte()?;
    let low = first & 0x3f;
    Ok(match (first >> 6, low) {
        (0, _) => Length::Plain(low.into()),
        (1, _) => Length::Plain(u64::from(low) << 8 | u64::from(reader.byte()?)),
        (2, 0) => Length::Plain(u32::from_be_bytes(reader.array()?).into()),
        (2, 1) => Length::Plain(u64::from_be_bytes(reader.array()?)),
        (2, _) => return Err(Damaged("a length of an unknown form")),
        _ => Length::Encoded(low),
    })
}

/// A length that is no string's.
pub fn read(reader: &mut Reader<'_>) -> Read<u64> {
    match read_any(reader)? {
        Length::Plain(length) => Ok(length),
        Length::Encoded(_) => Err(Damaged("an encoded string where a length belongs")),
    }
}

pub fn write(writer: &mut Writer, length: u64) {
    match length {
        0..0x40 => writer.byte(length as u8),
        0x40..0x4000 => writer.raw(&(0x4000 | length as u16).to_be_bytes()),
        _ => match u32::try_from(length) {
            Ok(length) => {
                writer.byte(0x80);
                writer.raw(&length.to_be_bytes());
            }
            Err(_) => {
                writer.byte(0x81);
                writer.raw(&length.to_be_bytes());
            }
        },
    }
}
