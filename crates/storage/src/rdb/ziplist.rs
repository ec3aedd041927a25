//! Ziplists, which Redis wrote before listpacks: each element says how long the one before it is.
//!
//! ```text
//! bytes of all 4 │ where the last element begins 4 │ elements 2 (65,535: unknown) │ elements │ FF
//!
//! element:  length of the one before 1, or FE and 4 │ head │ text or integer
//! ```

use super::{Damaged, Read, Reader, Texts};

const HEADER_BYTES: usize = 10;
const END: u8 = 0xff;
const LONG_BEFORE: u8 = 0xfe;
const COUNT_UNKNOWN: usize = 0xffff;

/// The elements.
pub fn items(bytes: &[u8]) -> Read<Texts> {
    let mut reader = Reader::new(bytes);
    let len = u32::from_le_bytes(reader.array()?);
    let tail = u32::from_le_bytes(reader.array()?);
    let count = usize::from(u16::from_le_bytes(reader.array()?));
    if usize::try_from(len).ok() != Some(bytes.len()) {
        return Err(Damaged("a ziplist whose length is wrong"));
    }
    let mut texts = Texts::new();
    let (mut before, mut last) = (0, HEADER_BYTES);
    while reader.rest() != [END] {
        last = bytes.len() - reader.rest().len();
        let claimed = match reader.byte()? {
            LONG_BEFORE => u32::from_le_bytes(reader.array()?) as usize,
            short => short.into(),
        };
        if claimed != before {
            return Err(Damaged("a ziplist whose elements don't meet"));
        }
        read_item(&mut reader, &mut texts)?;
        before = bytes.len() - reader.rest().len() - last;
    }
    if tail as usize != last || count != COUNT_UNKNOWN && count != texts.len() {
        return Err(Damaged("a ziplist whose header is wrong"));
    }
    Ok(texts)
}

fn read_item(reader: &mut Reader<'_>, texts: &mut Texts) -> Read<()> {
    let head = reader.byte()?;
    match head {
        0x00..0x40 => texts.push(reader.take(head.into())?),
        0x40..0x80 => {
            let len = u64::from(head & 0x3f) << 8 | u64::from(reader.byte()?);
            texts.push(reader.take(len)?);
        }
        0x80..0xc0 => {
            let len = u32::from_be_bytes(reader.array()?);
            texts.push(reader.take(len.into())?);
        }
        0xc0 => texts.push_int(i16::from_le_bytes(reader.array()?).into()),
        0xd0 => texts.push_int(i32::from_le_bytes(reader.array()?).into()),
        0xe0 => texts.push_int(i64::from_le_bytes(reader.array()?)),
        0xf0 => {
            let [a, b, c] = reader.array()?;
            texts.push_int((i32::from_le_bytes([0, a, b, c]) >> 8).into());
        }
        0xfe => texts.push_int(i8::from_le_bytes(reader.array()?).into()),
        0xf1..=0xfd => texts.push_int(i64::from(head & 0xf) - 1),
        _ => return Err(Damaged("a ziplist whose elements are broken")),
    }
    Ok(())
}
