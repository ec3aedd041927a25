//! Writes the base of a rewrite: commands that make the whole state at one LSN, in checked blocks.
//!
//! It has its own file and may be written and sealed on any thread while the log goes on. Nobody reads the file before
//! [`super::LogWriter::finish_rewrite`] has named it in the manifest.

use std::io::IoSlice;
use std::path::PathBuf;

use super::annotation::{Annotation, Kind};
use super::directory::io_error;
use super::error::LogError;
use super::lsn::Lsn;
use super::resp;
use crate::disk::{DiskFile, append_all};

/// A block is written once it is this large.
const BLOCK_BYTES: usize = 1024 * 1024;

/// Commands that stand in one block of a base. Any thread may fill one: they come in any order, since each begins with
/// its own SELECT.
#[derive(Debug, Default)]
pub struct BaseBlock {
    db: Option<u16>,
    bytes: Vec<u8>,
}

impl BaseBlock {
    /// Adds a command in wire form, on database `db`.
    pub fn command(&mut self, db: u16, command: &[u8]) {
        self.select(db);
        self.bytes.extend_from_slice(command);
    }

    /// Adds a command given as arguments.
    pub fn command_args(&mut self, db: u16, args: &[&[u8]]) {
        self.select(db);
        resp::encode_command(args, &mut self.bytes);
    }

    /// Whether it is large enough to be written.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK_BYTES
    }

    /// Makes room for the next commands.
    pub fn clear(&mut self) {
        self.db = None;
        self.bytes.clear();
        self.bytes.shrink_to(2 * BLOCK_BYTES);
    }

    fn select(&mut self, db: u16) {
        if self.db != Some(db) {
            self.db = Some(db);
            resp::encode_command(&[b"SELECT", db.to_string().as_bytes()], &mut self.bytes);
        }
    }
}

/// A base that is being written.
#[derive(Debug)]
pub struct BaseWriter<F> {
    file: F,
    path: PathBuf,
    sequence: u64,
    segment: u64,
    lsn: Lsn,
    /// What [`Self::command`] has gathered.
    block: BaseBlock,
    written_bytes: u64,
}

/// A base that is whole and durable, under a name that doesn't count yet.
#[derive(Debug)]
pub struct SealedBase {
    pub(super) path: PathBuf,
    /// The sequence number that it will have in the manifest.
    pub(super) sequence: u64,
    pub(super) len_bytes: u64,
}

impl<F: DiskFile> BaseWriter<F> {
    pub(super) fn new(
        file: F,
        path: PathBuf,
        sequence: u64,
        segment: u64,
        lsn: Lsn,
    ) -> Result<Self, LogError> {
        let mut base =
            Self { file, path, sequence, segment, lsn, block: BaseBlock::default(), written_bytes: 0 };
        let line = base.line(Kind::Base);
        base.put(&[line.as_bytes()])?;
        Ok(base)
    }

    /// The LSN whose state the base holds.
    pub fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// Adds a command in wire form, on database `db`.
    ///
    /// # Errors
    /// The disk refused; the base can't be finished any more.
    pub fn command(&mut self, db: u16, command: &[u8]) -> Result<(), LogError> {
        self.block.command(db, command);
        if self.block.is_full() { self.flush() } else { Ok(()) }
    }

    /// Adds a command given as arguments.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub fn command_args(&mut self, db: u16, args: &[&[u8]]) -> Result<(), LogError> {
        self.block.command_args(db, args);
        if self.block.is_full() { self.flush() } else { Ok(()) }
    }

    /// Adds what was gathered elsewhere, if anything.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub fn block(&mut self, block: &BaseBlock) -> Result<(), LogError> {
        if block.bytes.is_empty() {
            return Ok(());
        }
        let kind = Kind::Block { len_bytes: block.bytes.len() as u64, crc: crc32fast::hash(&block.bytes) };
        let line = self.line(kind);
        self.put(&[line.as_bytes(), &block.bytes])
    }

    /// Closes and syncs the file. Takes as long as the disk needs for all of it.
    ///
    /// # Errors
    /// The disk refused: the rewrite is to be aborted.
    pub fn seal(mut self) -> Result<SealedBase, LogError> {
        self.flush()?;
        let line = self.line(Kind::End);
        self.put(&[line.as_bytes()])?;
        self.file.sync_data().map_err(io_error("sync", &self.path))?;
        Ok(SealedBase { path: self.path, sequence: self.sequence, len_bytes: self.written_bytes })
    }

    fn flush(&mut self) -> Result<(), LogError> {
        let mut block = std::mem::take(&mut self.block);
        self.block(&block)?;
        block.clear();
        self.block = block;
        Ok(())
    }

    fn line(&self, kind: Kind) -> String {
        let lsn = self.lsn.get();
        Annotation { kind, segment: self.segment, lsn, synced: lsn }.to_line()
    }

    fn put(&mut self, parts: &[&[u8]]) -> Result<(), LogError> {
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        append_all(&mut self.file, &mut slices).map_err(io_error("write", &self.path))?;
        self.written_bytes += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        Ok(())
    }
}
