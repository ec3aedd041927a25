//! Listpacks: packed elements between a header and an end byte.
//!
//! ```text
//! bytes of all 4 │ elements 2 (65,535: unknown) │ elements (see [`packed`](dunlin_structures::packed)) │ FF
//! ```
//!
//! Listpacks from elsewhere may hold an integer wider than it need be, or as text: both are read.

use super::{Damaged, Read, Reader, Texts, Writer};
use dunlin_structures::packed::PackedMut;

const HEADER_BYTES: usize = 6;
const END: u8 = 0xff;
const COUNT_UNKNOWN: usize = 0xffff;

const BROKEN: Damaged = Damaged("a listpack whose elements are broken");

/// The elements.
pub fn items(bytes: &[u8]) -> Read<Texts> {
    let mut reader = Reader::new(bytes);
    let len = u32::from_le_bytes(reader.array()?);
    let count = usize::from(u16::from_le_bytes(reader.array()?));
    if usize::try_from(len).ok() != Some(bytes.len()) {
        return Err(Damaged("a listpack whose length is wrong"));
    }
    let mut texts = Texts::new();
    while reader.rest() != [END] {
        read_item(&mut reader, &mut texts)?;
    }
    if count != COUNT_UNKNOWN && count != texts.len() {
        return Err(Damaged("a listpack whose number of elements is wrong"));
    }
    Ok(texts)
}

fn read_item(reader: &mut Reader<'_>, texts: &mut Texts) -> Read<()> {
    let before = reader.rest().len();
    let head = reader.byte()?;
    match head {
        0x00..0x80 => texts.push_int(head.into()),
        0x80..0xc0 => texts.push(reader.take(u64::from(head & 0x3f))?),
        0xc0..0xe0 => {
            let wide = i16::from(head & 0x1f) << 8 | i16::from(reader.byte()?);
            texts.push_int(i64::from(wide << 3 >> 3));
        }
        0xe0..0xf0 => {
            let len = u64::from(head & 0xf) << 8 | u64::from(reader.byte()?);
            texts.push(reader.take(len)?);
        }
        0xf0 => {
            let len = u32::from_le_bytes(reader.array()?);
            texts.push(reader.take(len.into())?);
        }
        0xf1 => texts.push_int(i16::from_le_bytes(reader.array()?).into()),
        0xf2 => {
            let [a, b, c] = reader.array()?;
            texts.push_int((i32::from_le_bytes([0, a, b, c]) >> 8).into());
        }
        0xf3 => texts.push_int(i32::from_le_bytes(reader.array()?).into()),
        0xf4 => texts.push_int(i64::from_le_bytes(reader.array()?)),
        0xf5.. => return Err(BROKEN),
    }
    let len = before - reader.rest().len();
    let (tail, tail_len) = tail(len);
    if reader.take(tail_len as u64)? != &tail[..tail_len] {
        return Err(BROKEN);
    }
    Ok(())
}

/// An element's length as it stands behind it: seven bits a byte, the highest first; all but the first are marked.
fn tail(len: usize) -> ([u8; 5], usize) {
    let tail_len = match len {
        0..128 => 1,
        128..16_384 => 2,
        16_384..2_097_152 => 3,
        2_097_152..268_435_456 => 4,
        _ => 5,
    };
    let mut tail = [0; 5];
    for (at, byte) in tail[..tail_len].iter_mut().enumerate() {
        let bits = (len >> (7 * (tail_len - 1 - at))) as u8 & 0x7f;
        *byte = if at == 0 { bits } else { bits | 0x80 };
    }
    (tail, tail_len)
}

/// Writes elements as a string that holds a listpack. `count` is how many there are.
pub fn write(writer: &mut Writer, elements: &[u8], count: usize) {
    writer.string(&framed(elements, count));
}

/// Elements with header and end.
pub fn framed(elements: &[u8], count: usize) -> Vec<u8> {
    let len = HEADER_BYTES + elements.len() + 1;
    let mut bytes = Vec::with_capacity(len);
    bytes.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&(count.min(COUNT_UNKNOWN) as u16).to_le_bytes());
    bytes.extend_from_slice(elements);
    bytes.push(END);
    bytes
}

/// The elements as a packed block.
pub fn elements(bytes: &[u8]) -> Read<Vec<u8>> {
    let mut block = Vec::with_capacity(bytes.len());
    items(bytes)?.iter().for_each(|text| PackedMut::push(&mut block, text));
    Ok(block)
}
