//! Sets: texts one by one, an intset or a listpack.

use super::{Read, Reader, Texts, intset, list, listpack, string};

pub fn read(reader: &mut Reader<'_>) -> Read<Texts> {
    list::read(reader)
}

pub fn read_intset(reader: &mut Reader<'_>) -> Read<Texts> {
    let mut texts = Texts::new();
    intset::integers(&string::read(reader)?)?.iter().for_each(|number| texts.push_int(*number));
    Ok(texts)
}

pub fn read_listpack(reader: &mut Reader<'_>) -> Read<Texts> {
    listpack::items(&string::read(reader)?)
}
