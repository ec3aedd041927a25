//! Reads a whole log back: the base, then the incr files, command by command, in bounded memory.
//!
//! Before the first command is handed out the last file is looked through, because only it may be torn and nothing
//! of a torn end may be applied. What is torn and what is damaged:
//!
//! - In a run of ours, bytes that don't check are a torn end if we wrote nothing behind them: a crash took writes back
//!   that nobody had been promised. If a line of ours follows, they are damage, unless they look as a loss of power leaves
//!   them (a sector of what stood there before) and nothing in the file says that they were ever durable (see `synced` in
//!   [`super::annotation`]).
//! - Outside of our runs Redis' rule holds: a file that ends in the middle of a command or group is torn, whatever
//!   else is wrong is damage; but a rest of zeros, which some file systems leave, counts as torn.
//! - What the next file has written anew doesn't count here, see [`Loader::first_lsn`].
//! - A file that we began is never empty, since its first line was durable before it was named. Redis begins empty ones.
//! - A base of ours and every file but the last were synced before they were named, so there all of it is damage.

use std::path::{Path, PathBuf};

use super::annotation::{Annotation, Kind, LINE_BYTES_MAX};
use super::directory::{LogDirectory, io_error, refuse_rdb};
use super::error::{Damage, LogError};
use super::lsn::Lsn;
use super::manifest::Manifest;
use super::resp::Args;
use super::segment::{
    After, Bounds, Depth, Fault, Item, Mark, SegmentReader, has_lost_sector, is_zero_from, lines_after,
};
use crate::disk::{Disk, DiskFile};

/// How forgiving the reader is.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// `aof-load-truncated`: cut a torn end instead of refusing it.
    pub cut_torn_tail: bool,
    /// A longer argument counts as damage. Bytes; Redis' default for requests is 512 MiB.
    pub bulk_bytes_max: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { cut_torn_tail: true, bulk_bytes_max: 512 * 1024 * 1024 }
    }
}

/// A torn end that is cut, or would have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    pub path: PathBuf,
    /// Where the good part ends.
    pub offset: u64,
    /// How much comes after it.
    pub dropped_bytes: u64,
    pub damage: Damage,
}

/// What the log says next.
#[derive(Debug)]
pub enum Record<'a> {
    /// An effect on a database.
    Command {
        db: u16,
        args: Args<'a>,
    },
    /// The effects up to the end of the group are one unit. The group is there whole.
    GroupBegin,
    GroupEnd,
}

/// What is known of the last file: where its good part ends and what it was written by.
#[derive(Clone, Debug)]
pub(super) struct LastFile {
    pub(super) name: String,
    /// The `seg` of the run that ends the file; `None` if Redis wrote its end.
    pub(super) segment: Option<u64>,
    pub(super) is_incr: bool,
    pub(super) good: Mark,
    /// Up to here the file itself says that it was durable.
    pub(super) proven: Mark,
}

/// Reads a log from its beginning to its end.
pub struct Loader<D: Disk> {
    pub(super) directory: LogDirectory<D>,
    pub(super) manifest: Manifest,
    pub(super) last: Option<LastFile>,
    options: LoadOptions,
    files: Vec<(PathBuf, u64)>,
    next_file: usize,
    reader: Option<SegmentReader<D::File>>,
    lsn: u64,
    finished_bytes: u64,
    torn: Option<TornTail>,
}

impl<D: Disk> Loader<D> {
    /// Finds the files and checks the end of the last one. A single file of a Redis before version 7 is moved into
    /// the directory first. Changes nothing else; a torn end is cut by [`super::LogWriter::resume`].
    ///
    /// # Errors
    /// Whatever keeps the log from being loaded whole, as far as it can be seen now: a missing file, an RDB base, a
    /// torn end that must not be cut, damage in the last file.
    pub fn open(directory: LogDirectory<D>, options: LoadOptions) -> Result<Self, LogError> {
        let mut manifest = directory.read_manifest()?;
        directory.upgrade_single_file(&mut manifest)?;
        let mut files = Vec::new();
        for file in manifest.files() {
            let path = directory.path(&file.name);
            let len = directory.disk.file_len(&path).map_err(io_error("look at", &path))?;
            let Some(len) = len else { return Err(LogError::Missing { path }) };
            files.push((path, len));
        }
        let mut loader = Self {
            directory,
            manifest,
            last: None,
            options,
            files,
            next_file: 0,
            reader: None,
            lsn: 0,
            finished_bytes: 0,
            torn: None,
        };
        loader.check_last_file()?;
        Ok(loader)
    }

    /// Whether there is no file to load from at all.
    pub fn is_new(&self) -> bool {
        self.manifest.is_empty()
    }

    /// The torn end that is left out, if there is one.
    pub fn torn_tail(&self) -> Option<&TornTail> {
        self.torn.as_ref()
    }

    /// Bytes read so far, and in all.
    pub fn progress_bytes(&self) -> (u64, u64) {
        let total = self.files.iter().map(|(_, len)| len).sum();
        (self.finished_bytes + self.reader.as_ref().map_or(0, SegmentReader::offset), total)
    }

    /// The LSN after what was read: the position of the next effect once all is read.
    pub fn lsn(&self) -> Lsn {
        Lsn::new(self.lsn)
    }

    /// The file that is read now, or was read last, and the offset behind the last record in it.
    pub fn place(&self) -> Option<(&Path, u64)> {
        let (path, len) = self.files.get(self.next_file.checked_sub(1)?)?;
        Some((path, self.reader.as_ref().map_or(*len, SegmentReader::offset)))
    }

    /// The next record, or `None` at the end of the log.
    ///
    /// # Errors
    /// Damage, naming file and offset. What was loaded before it must not be served, because it is not the state of
    /// any time; the loader must not be asked again.
    #[expect(
        clippy::should_implement_trait,
        reason = "a record borrows from the loader, an iterator's item can't"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, LogError> {
        // Found first and lent after the loop: a borrow lent from within would last for all of it.
        loop {
            let Some(reader) = &mut self.reader else {
                if self.next_file == self.files.len() {
                    return Ok(None);
                }
                self.open_next_file()?;
                continue;
            };
            match reader.advance() {
                Ok(true) => break,
                Ok(false) => {
                    self.lsn = reader.good().lsn;
                    self.finished_bytes += reader.offset();
                    self.reader = None;
                }
                Err(fault) => {
                    let offset = reader.good().offset;
                    return Err(failure(&self.files[self.next_file - 1].0, fault, offset));
                }
            }
        }
        Ok(self.reader.as_ref().and_then(SegmentReader::item).map(|item| match item {
            Item::Command { db, args } => Record::Command { db, args },
            Item::GroupBegin => Record::GroupBegin,
            Item::GroupEnd => Record::GroupEnd,
        }))
    }

    fn open_next_file(&mut self) -> Result<(), LogError> {
        let (path, len) = &self.files[self.next_file];
        let file = self.directory.disk.open_read(path).map_err(io_error("open", path))?;
        refuse_rdb(&file, path)?;
        let until = match self.files.get(self.next_file + 1) {
            Some((next, _)) if !self.next_is_base() => self.first_lsn(next)?,
            _ => None,
        };
        let bounds = Bounds { from: (self.next_file > 0).then_some(self.lsn), until };
        self.reader =
            Some(SegmentReader::new(file, *len, Depth::Commands, self.options.bulk_bytes_max, bounds));
        self.next_file += 1;
        Ok(())
    }

    /// Whether the next file is the base.
    fn next_is_base(&self) -> bool {
        self.next_file == 0 && self.manifest.base.is_some()
    }

    /// The LSN with which a file begins, if we began it. What an earlier file has from there on was written anew in
    /// this one, because it wasn't sure to be durable.
    fn first_lsn(&self, path: &Path) -> Result<Option<u64>, LogError> {
        Ok(self.first_line(path)?.filter(|first| first.kind == Kind::Run).map(|first| first.lsn))
    }

    /// The line with which a file begins, if it is one of ours.
    fn first_line(&self, path: &Path) -> Result<Option<Annotation>, LogError> {
        let file = self.directory.disk.open_read(path).map_err(io_error("open", path))?;
        let mut start = [0u8; LINE_BYTES_MAX];
        let len = file.read_at(0, &mut start).map_err(io_error("read", path))?;
        let line = start[..len].iter().position(|&byte| byte == b'\n').map(|end| &start[..=end]);
        Ok(line.and_then(Annotation::parse))
    }

    /// Finds out where the good part of the last file ends, and sees to it that no more is read.
    fn check_last_file(&mut self) -> Result<(), LogError> {
        let last = self.manifest.incr.last().map(|file| (file, true));
        let Some((file, is_incr)) = last.or(self.manifest.base.as_ref().map(|file| (file, false))) else {
            return Ok(());
        };
        let name = file.name.clone();
        let Some((path, len)) = self.files.last_mut() else { return Ok(()) };
        let open = || self.directory.disk.open_read(path).map_err(io_error("open", path));
        let file = open()?;
        refuse_rdb(&file, path)?;
        let mut reader =
            SegmentReader::new(file, *len, Depth::Sums, self.options.bulk_bytes_max, Bounds::default());
        let fault = loop {
            match reader.advance() {
                Ok(true) => {}
                Ok(false) => break None,
                Err(fault) => break Some(fault),
            }
        };
        let offset = reader.good().offset;
        if let Some(fault) = fault {
            let Fault::Damage { damage, at } = fault else { return Err(failure(path, fault, offset)) };
            let forgiven = match reader.segment().filter(|_| reader.ends_ours()) {
                _ if reader.in_base() => false,
                Some(segment) => {
                    let after = lines_after(open()?, offset, *len, segment, reader.good().lsn);
                    match after.map_err(io_error("read", path))? {
                        After::Nothing => true,
                        After::Synced => false,
                        After::Unsynced { at } => {
                            has_lost_sector(open()?, offset, at).map_err(io_error("read", path))?
                        }
                    }
                }
                None => {
                    matches!(damage, Damage::EndOfFile | Damage::OpenGroup)
                        || is_zero_from(open()?, at, *len).map_err(io_error("read", path))?
                }
            };
            let (path, dropped_bytes) = (path.clone(), *len - offset);
            if !forgiven {
                return Err(LogError::Damaged { path, offset, damage });
            }
            if !self.options.cut_torn_tail {
                return Err(LogError::Torn { path, offset, dropped_bytes, damage });
            }
            self.torn = Some(TornTail { path, offset, dropped_bytes, damage });
        }
        let emptied = (*len == 0 && is_incr).then(|| path.clone());
        *len = offset;
        let segment = reader.segment().filter(|_| reader.ends_ours());
        self.last = Some(LastFile { name, segment, is_incr, good: reader.good(), proven: reader.proven() });
        match emptied {
            Some(path) => self.check_may_be_empty(path),
            None => Ok(()),
        }
    }

    /// An empty last file is one that Redis began, or what is left of one of ours: ours if we began the file before it,
    /// or there is none, which Redis never leaves so.
    fn check_may_be_empty(&mut self, path: PathBuf) -> Result<(), LogError> {
        if let Some((before, _)) = self.files.iter().nth_back(1)
            && self.first_line(before)?.is_none()
        {
            return Ok(());
        }
        if !self.options.cut_torn_tail {
            return Err(LogError::Empty { path });
        }
        self.torn = Some(TornTail { path, offset: 0, dropped_bytes: 0, damage: Damage::Empty });
        Ok(())
    }
}

/// The error for a fault after the good end of a file.
fn failure(path: &Path, fault: Fault, offset: u64) -> LogError {
    match fault {
        Fault::Io(source) => io_error("read", path)(source),
        Fault::Damage { damage, .. } => LogError::Damaged { path: path.to_owned(), offset, damage },
    }
}
