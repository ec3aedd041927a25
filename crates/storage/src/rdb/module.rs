//! Values of module types: parts, each behind the number of its type, as Redis' modules save them.
//!
//! ```text
//! type and version 8 │ (opcode │ part).. │ 0
//!
//! type and version:  name, nine characters of 6 bits each │ version 10 bits
//! opcode:            1 signed │ 2 unsigned │ 3 float │ 4 double │ 5 string
//! ```
//!
//! Opcodes and integers are written as lengths. One file a type says which parts it has: a [`ModuleType`], and a line in
//! [`TYPES`].

use super::sketch::{cms, tdigest, topk};
use super::{Damaged, Read, Reader, Writer, bloom, cuckoo, length, string};
use dunlin_structures::entry::Payload;
use std::borrow::Cow;

/// All that are read and written.
const TYPES: &[ModuleType] = &[bloom::TYPE, cms::TYPE, cuckoo::TYPE, tdigest::TYPE, topk::TYPE];

/// How one type of a module is saved.
pub struct ModuleType {
    /// What TYPE answers: nine characters.
    pub name: &'static str,
    /// The version of its layout that is written, the newest that is read.
    pub version: u16,
    /// Reads the parts, which were written in that version. What comes out must be fit for every command.
    pub read: fn(&mut Parts<'_, '_>, u16) -> Read<Box<dyn Payload>>,
    /// Writes the parts. Nothing if the object is of another type than the name says.
    pub write: fn(&mut PartWriter<'_>, &dyn Payload) -> Option<()>,
}

// What follows in a value.
const END: u64 = 0;
const SIGNED: u64 = 1;
const UNSIGNED: u64 = 2;
const FLOAT: u64 = 3;
const DOUBLE: u64 = 4;
const STRING: u64 = 5;

const NAME_LEN: usize = 9;
const VERSION_BITS: u32 = 10;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A name in 54 bits. One that has other characters or another length has none.
fn number_of(name: &str) -> Option<u64> {
    let add = |number: u64, byte: u8| {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        Some(number << 6 | digit as u64)
    };
    (name.len() == NAME_LEN).then(|| name.bytes().try_fold(0, add)).flatten()
}

/// The object whose type was read as a module's.
pub fn read(reader: &mut Reader<'_>) -> Read<Box<dyn Payload>> {
    let id = length::read(reader)?;
    let (number, version) = (id >> VERSION_BITS, (id & ((1 << VERSION_BITS) - 1)) as u16);
    let of_number = |known: &&ModuleType| number_of(known.name) == Some(number);
    let known = TYPES.iter().find(of_number).ok_or(Damaged("a module's type that is not known"))?;
    if version > known.version {
        return Err(Damaged("a module's type in a version that is not known"));
    }
    let mut parts = Parts { reader };
    let object = (known.read)(&mut parts, version)?;
    parts.opcode(END)?;
    Ok(object)
}

/// Writes an object behind its type and version. Nothing for one that has no form.
pub fn write(writer: &mut Writer, object: &dyn Payload) -> Option<()> {
    let name = object.type_name()?;
    let known = TYPES.iter().find(|known| known.name == name)?;
    writer.length(number_of(name)? << VERSION_BITS | u64::from(known.version));
    let mut parts = PartWriter { writer };
    (known.write)(&mut parts, object)?;
    parts.writer.length(END);
    Some(())
}

/// The parts of an object, read in order: each must be of the type that is asked for.
pub struct Parts<'r, 'a> {
    reader: &'r mut Reader<'a>,
}

impl<'a> Parts<'_, 'a> {
    fn opcode(&mut self, expected: u64) -> Read<()> {
        let found = length::read(self.reader)?;
        if found == expected { Ok(()) } else { Err(Damaged("a module's part of another type")) }
    }

    pub fn unsigned(&mut self) -> Read<u64> {
        self.opcode(UNSIGNED)?;
        length::read(self.reader)
    }

    pub fn signed(&mut self) -> Read<i64> {
        self.opcode(SIGNED)?;
        length::read(self.reader).map(u64::cast_signed)
    }

    pub fn float(&mut self) -> Read<f32> {
        self.opcode(FLOAT)?;
        self.reader.array().map(f32::from_le_bytes)
    }

    pub fn double(&mut self) -> Read<f64> {
        self.opcode(DOUBLE)?;
        self.reader.double()
    }

    /// A string; what was compressed has been read whole.
    pub fn string(&mut self) -> Read<Cow<'a, [u8]>> {
        self.opcode(STRING)?;
        string::read(self.reader)
    }

    /// Bytes that are left for all further parts: no number of parts can be larger.
    pub fn bytes_left(&self) -> usize {
        self.reader.rest().len()
    }
}

/// Where the parts of an object are written, in order.
pub struct PartWriter<'w> {
    writer: &'w mut Writer,
}

impl PartWriter<'_> {
    pub fn unsigned(&mut self, number: u64) {
        self.writer.length(UNSIGNED);
        self.writer.length(number);
    }

    pub fn signed(&mut self, number: i64) {
        self.writer.length(SIGNED);
        self.writer.length(number.cast_unsigned());
    }

    pub fn float(&mut self, number: f32) {
        self.writer.length(FLOAT);
        self.writer.raw(&number.to_le_bytes());
    }

    pub fn double(&mut self, number: f64) {
        self.writer.length(DOUBLE);
        self.writer.double(number);
    }

    pub fn string(&mut self, text: &[u8]) {
        self.writer.length(STRING);
        self.writer.string(text);
    }
}

#[cfg(test)]
mod tests {
    use super::{PartWriter, Parts, number_of};
    use crate::rdb::{Reader, Writer};

    #[test]
    fn a_name_is_a_number() {
        assert_eq!(number_of("AAAAAAAAB"), Some(1));
        assert_eq!(number_of("AAAAAAAB_"), Some(127));
        assert_eq!(number_of("MBbloom--"), Some(0xc_05b9_68a2_6fbe));
        assert_eq!((number_of("short"), number_of("spaces in")), (None, None));
    }

    #[test]
    fn parts_come_back_and_only_as_what_they_are() {
        let mut writer = Writer::new(true);
        let mut parts = PartWriter { writer: &mut writer };
        parts.unsigned(u64::MAX);
        parts.signed(-5);
        parts.float(1.5);
        parts.double(-0.25);
        parts.string(&[7; 100]);
        let mut reader = Reader::new(&writer.bytes);
        let mut parts = Parts { reader: &mut reader };
        assert_eq!(parts.unsigned(), Ok(u64::MAX));
        assert_eq!(parts.signed(), Ok(-5));
        assert_eq!(parts.float(), Ok(1.5));
        assert_eq!(parts.double(), Ok(-0.25));
        assert_eq!(parts.string().expect("it was written"), [7; 100].as_slice());
        assert!(parts.bytes_left() == 0 && parts.unsigned().is_err());
        let mut reader = Reader::new(&writer.bytes);
        assert!(Parts { reader: &mut reader }.signed().is_err());
    }
}
