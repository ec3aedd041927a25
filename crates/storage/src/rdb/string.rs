//! Strings: bytes behind their length, integers, or compressed bytes.

use super::length::{self, Length};
use super::{Damaged, Read, Reader, Writer, lzf};
use dunlin_structures::number::{IntegerBuffer, parse_i64};
use std::borrow::Cow;

const INT_8: u8 = 0;
const INT_16: u8 = 1;
const INT_32: u8 = 2;
const LZF: u8 = 3;
/// What says that an encoding follows.
const ENCODED: u8 = 0xc0;

/// The longest text that is tried as an integer.
const INT_LEN_MAX: usize = 11;
/// Shorter texts are not worth compressing.
const COMPRESSED_LEN_MIN: usize = 21;

pub fn read<'a>(reader: &mut Reader<'a>) -> Read<Cow<'a, [u8]>> {
    let number = match length::read_any(reader)? {
        Length::Plain(len) => return reader.take(len).map(Cow::Borrowed),
        Length::Encoded(INT_8) => i8::from_le_bytes(reader.array()?).into(),
        Length::Encoded(INT_16) => i16::from_le_bytes(reader.array()?).into(),
        Length::Encoded(INT_32) => i32::from_le_bytes(reader.array()?).into(),
        Length::Encoded(LZF) => {
            let compressed_len = length::read(reader)?;
            let len = length::read(reader)?;
            let compressed = reader.take(compressed_len)?;
            let text = usize::try_from(len).ok().and_then(|len| lzf::decompress(compressed, len));
            return text.map(Cow::Owned).ok_or(Damaged("a compressed string that is not what it says"));
        }
        Length::Encoded(_) => return Err(Damaged("a string of an unknown encoding")),
    };
    Ok(Cow::Owned(IntegerBuffer::new().format(number).to_vec()))
}

pub fn write(writer: &mut Writer, text: &[u8]) {
    if text.len() <= INT_LEN_MAX
        && let Some(number) = parse_i64(text)
        && write_short_int(writer, number)
    {
        return;
    }
    if writer.compresses
        && text.len() >= COMPRESSED_LEN_MIN
        && let Some(compressed) = lzf::compress(text)
    {
        writer.byte(ENCODED | LZF);
        length::write(writer, compressed.len() as u64);
        length::write(writer, text.len() as u64);
        return writer.raw(&compressed);
    }
    length::write(writer, text.len() as u64);
    writer.raw(text);
}

fn write_short_int(writer: &mut Writer, number: i64) -> bool {
    if let Ok(number) = i8::try_from(number) {
        writer.byte(ENCODED | INT_8);
        writer.raw(&number.to_le_bytes());
    } else if let Ok(number) = i16::try_from(number) {
        writer.byte(ENCODED | INT_16);
        writer.raw(&number.to_le_bytes());
    } else if let Ok(number) = i32::try_from(number) {
        writer.byte(ENCODED | INT_32);
        writer.raw(&number.to_le_bytes());
    } else {
        return false;
    }
    true
}
