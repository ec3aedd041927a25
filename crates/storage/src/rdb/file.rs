//! Whole RDB files: what a replica is given to begin with.
//!
//! ```text
//! file:     "REDIS" version 4 │ AUX name value … │ FUNCTION2 code … │ blocks … │ EOF │ CRC64 8
//! block:    (SELECTDB db │ (EXPIRETIME_MS at)? type 1 │ key │ value) …
//! ```
//!
//! Blocks may be filled by any thread and come in any order, since each begins with its own SELECTDB.

use super::{Writer, crc64, entry};
use dunlin_structures::Entry;
use std::io::{self, Write};

/// What stands in the place of a value's type.
mod opcode {
    pub(super) const FUNCTION2: u8 = 245;
    pub(super) const AUX: u8 = 250;
    pub(super) const EXPIRETIME_MS: u8 = 252;
    pub(super) const SELECTDB: u8 = 254;
    pub(super) const EOF: u8 = 255;
}

/// A block is written once it is this large.
const BLOCK_BYTES: usize = 1024 * 1024;

/// Entries that stand together in a file.
#[derive(Debug, Default)]
pub struct FileBlock {
    writer: Writer,
    db: Option<u16>,
}

impl FileBlock {
    /// A block whose long strings are compressed, or not.
    pub fn new(compresses: bool) -> Self {
        Self { writer: Writer::new(compresses), db: None }
    }

    /// Adds an entry of database `db`. One of a type that has no form is left out: there is none.
    pub fn entry(&mut self, db: u16, entry: &Entry) {
        let writer = &mut self.writer;
        if self.db != Some(db) {
            self.db = Some(db);
            writer.byte(opcode::SELECTDB);
            writer.length(db.into());
        }
        let start = writer.bytes.len();
        if let Some(at) = entry.expire_at() {
            writer.byte(opcode::EXPIRETIME_MS);
            writer.time(at);
        }
        let kind_at = writer.bytes.len();
        writer.byte(0);
        writer.string(entry.key());
        match entry::write(writer, entry) {
            Some((kind, _)) => writer.bytes[kind_at] = kind,
            None => writer.bytes.truncate(start),
        }
    }

    /// Whether it is large enough to be written.
    pub fn is_full(&self) -> bool {
        self.writer.bytes.len() >= BLOCK_BYTES
    }

    /// Makes room for the next entries.
    pub fn clear(&mut self) {
        self.db = None;
        self.writer.bytes.clear();
        self.writer.bytes.shrink_to(2 * BLOCK_BYTES);
    }
}

/// A file that is being written, to anything that takes bytes.
#[derive(Debug)]
pub struct FileWriter<W> {
    out: W,
    sum: u64,
    len: u64,
}

impl<W: Write> FileWriter<W> {
    /// Begins a file of that version, which says of itself what `about` says.
    ///
    /// # Errors
    /// Of `out`, as with all that is written.
    pub fn new(out: W, version: u16, about: &[(&str, &str)]) -> io::Result<Self> {
        let mut writer = Writer::new(false);
        writer.raw(format!("REDIS{version:04}").as_bytes());
        for (name, value) in about {
            writer.byte(opcode::AUX);
            writer.string(name.as_bytes());
            writer.string(value.as_bytes());
        }
        let mut file = Self { out, sum: 0, len: 0 };
        file.put(&writer.bytes)?;
        Ok(file)
    }

    /// Adds a library of functions.
    ///
    /// # Errors
    /// Of the output.
    pub fn library(&mut self, code: &[u8]) -> io::Result<()> {
        let mut writer = Writer::new(false);
        writer.byte(opcode::FUNCTION2);
        writer.string(code);
        self.put(&writer.bytes)
    }

    /// Adds what is in a block.
    ///
    /// # Errors
    /// Of the output.
    pub fn block(&mut self, block: &FileBlock) -> io::Result<()> {
        self.put(&block.writer.bytes)
    }

    /// Ends the file. Returns the output and how many bytes the file has.
    ///
    /// # Errors
    /// Of the output.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        self.put(&[opcode::EOF])?;
        let sum = self.sum.to_le_bytes();
        self.put(&sum)?;
        self.out.flush()?;
        Ok((self.out, self.len))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum = crc64::update(self.sum, bytes);
        self.len += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin_structures::entry::StringValue;

    fn text(key: &[u8], text: &[u8], expire_at: Option<i64>) -> Entry {
        Entry::string(key, StringValue::Text(text), expire_at)
    }

    #[test]
    fn a_file_is_what_redis_writes() {
        let mut file = FileWriter::new(Vec::new(), 10, &[("redis-bits", "64")]).expect("memory takes all");
        file.library(b"#!lua name=l\n").expect("memory takes all");
        let mut block = FileBlock::new(true);
        block.entry(0, &text(b"k", b"v", None));
        block.entry(0, &text(b"e", b"w", Some(0x0102)));
        block.entry(9, &text(b"k", b"v", None));
        file.block(&block).expect("memory takes all");
        let (bytes, len) = file.finish().expect("memory takes all");
        let mut expected = b"REDIS0010\xfa\x0aredis-bits\xc0\x40".to_vec();
        expected.extend_from_slice(b"\xf5\x0d#!lua name=l\n");
        expected.extend_from_slice(b"\xfe\x00\x00\x01k\x01v\xfc\x02\x01\0\0\0\0\0\0\x00\x01e\x01w");
        expected.extend_from_slice(b"\xfe\x09\x00\x01k\x01v\xff");
        let sum = crc64::sum(&expected).to_le_bytes();
        expected.extend_from_slice(&sum);
        assert_eq!((bytes.as_slice(), len), (expected.as_slice(), expected.len() as u64));
    }

    #[test]
    fn a_block_that_is_used_again_begins_with_its_database() {
        let mut block = FileBlock::default();
        block.entry(3, &text(b"k", b"v", None));
        block.clear();
        block.entry(3, &text(b"k", b"v", None));
        assert_eq!(block.writer.bytes, b"\xfe\x03\x00\x01k\x01v");
        assert!(!block.is_full());
        block.entry(3, &text(b"k", &vec![b'x'; 2 * BLOCK_BYTES], None));
        assert!(block.is_full());
    }
}
