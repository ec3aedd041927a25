//! Lists: texts one by one; a ziplist; or a quicklist, which is a list of ziplists or listpacks.

use super::{Damaged, Read, Reader, Texts, Writer, length, listpack, string, ziplist};

/// A node of a quicklist that is one text.
const PLAIN: u64 = 1;
/// A node that is a listpack.
const PACKED: u64 = 2;

pub fn read(reader: &mut Reader<'_>) -> Read<Texts> {
    let mut texts = Texts::new();
    for _ in 0..reader.count()? {
        texts.push(&string::read(reader)?);
    }
    Ok(texts)
}

pub fn read_ziplist(reader: &mut Reader<'_>) -> Read<Texts> {
    ziplist::items(&string::read(reader)?)
}

pub fn read_quicklist(reader: &mut Reader<'_>) -> Read<Texts> {
    let mut texts = Texts::new();
    for _ in 0..reader.count()? {
        ziplist::items(&string::read(reader)?)?.iter().for_each(|text| texts.push(text));
    }
    Ok(texts)
}

pub fn read_quicklist_2(reader: &mut Reader<'_>) -> Read<Texts> {
    let mut texts = Texts::new();
    for _ in 0..reader.count()? {
        match length::read(reader)? {
            PLAIN => match string::read(reader)? {
                text if text.is_empty() => return Err(Damaged("a list's node without a byte")),
                text => texts.push(&text),
            },
            PACKED => listpack::items(&string::read(reader)?)?.iter().for_each(|text| texts.push(text)),
            _ => return Err(Damaged("a list's node of an unknown form")),
        }
    }
    Ok(texts)
}

/// Writes a node of a quicklist that is a listpack of these elements. How many nodes there are goes before the first.
pub fn write_packed(writer: &mut Writer, elements: &[u8], count: usize) {
    writer.length(PACKED);
    listpack::write(writer, elements, count);
}

/// Writes a node of a quicklist that is one text.
pub fn write_plain(writer: &mut Writer, text: &[u8]) {
    writer.length(PLAIN);
    writer.length(text.len() as u64);
    writer.raw(text);
}
