//! The disk side of the log: one thread owns the writer and decides when to write and when to sync.
//!
//! A failed write or sync is never taken for a success later: the writer is poisoned, its two positions stand still,
//! and every further call fails until [`LogWriter::recover_after_error`] or a rewrite has put a new file in place.
//! What could not be written is kept, so no effect is skipped.
//!
//! | state | file | listed in the manifest | takes writes |
//! |---|---|---|---|
//! | healthy | yes | yes | yes |
//! | poisoned | the failed one | yes | no |
//! | detached (log off) | none | - | no |
//! | fresh (rewrite begun while poisoned or detached) | a new one | with the base, at the end | yes |

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ahead;
use super::annotation::{Annotation, Kind};
use super::buffer::{LogBuffer, Taken};
use super::directory::{LogDirectory, io_error};
use super::error::LogError;
use super::load::{LastFile, Loader};
use super::lsn::Lsn;
use super::manifest::{LogFile, Manifest};
use crate::disk::{Disk, DiskFile, append_all};

/// How far the log has got, for everybody to read: one atomic load each.
#[derive(Debug, Default)]
pub struct LogPositions {
    written: AtomicU64,
    durable: AtomicU64,
    size_bytes: AtomicU64,
}

impl LogPositions {
    /// Everything before this is in the file: the end of the process can't take it back.
    pub fn written(&self) -> Lsn {
        Lsn::new(self.written.load(Ordering::Acquire))
    }

    /// Everything before this is on the disk: a loss of power can't take it back.
    pub fn durable(&self) -> Lsn {
        Lsn::new(self.durable.load(Ordering::Acquire))
    }

    /// The size of all files together, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes.load(Ordering::Relaxed)
    }
}

/// A start, or a way out of a failed write, writes at most so many bytes anew; of more it trusts that they are durable once
/// synced.
pub(super) const REWRITTEN_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Writes the log.
pub struct LogWriter<D: Disk> {
    pub(super) directory: LogDirectory<D>,
    pub(super) manifest: Manifest,
    positions: Arc<LogPositions>,
    /// The random number in our lines.
    pub(super) seed: u64,
    pub(super) segment: Option<Segment<D::File>>,
    /// The file before it, while that isn't synced and the manifest doesn't name the present one.
    pub(super) closing: Option<Closing<D::File>>,
    pub(super) poison: Option<Poison>,
    /// What was taken from the buffer and isn't in the file.
    pub(super) unwritten: Option<Taken>,
    /// The base that a rewrite is writing, under its temporary name.
    pub(super) temp_base: Option<PathBuf>,
    pub(super) rewrite: Option<Rewrite<D::File>>,
    pub(super) written: Lsn,
    pub(super) durable: Lsn,
    /// Sequence numbers are used once, whatever became of the file: a manifest on disk may name it.
    pub(super) next_base_sequence: u64,
    pub(super) next_incr_sequence: u64,
    /// Sizes of the files in the manifest but for the one that is appended to.
    pub(super) base_bytes: u64,
    pub(super) earlier_incr_bytes: u64,
    /// Whether room is made ready ahead of blocks, and how many small ones came in a row.
    pub(super) ahead: bool,
    pub(super) small_blocks: u32,
}

/// The file that is appended to.
#[derive(Debug)]
pub(super) struct Segment<F> {
    pub(super) file: F,
    pub(super) name: String,
    /// The file's length at the end of its last whole block.
    pub(super) good_end: u64,
    /// The file's length: what lies between is made ready for blocks, up to the end of this unit or the next.
    pub(super) file_end: u64,
    /// The same when it was synced last.
    pub(super) durable_end: u64,
    /// Whether its last line is an `end`, so that a block needs a new `run` first.
    pub(super) closed: bool,
    /// Whether its last line is an empty block, which says that all before it is durable.
    pub(super) says_all: bool,
}

impl<F: DiskFile> Segment<F> {
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.durable_end = self.good_end;
        Ok(())
    }

    /// Cuts off what was made ready.
    pub(super) fn cut_ahead(&mut self) -> io::Result<()> {
        if self.file_end > self.good_end {
            self.file.truncate(self.good_end)?;
            self.file_end = self.good_end;
        }
        Ok(())
    }

    /// Writes at the end of the last block: into what was made ready if it fits there, else behind it.
    fn put(&mut self, parts: &mut Vec<IoSlice<'_>>) -> io::Result<()> {
        let bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let end = self.good_end + bytes;
        if end + ahead::REST_BYTES_MAX > self.room_end() {
            self.cut_ahead()?;
            append_all(&mut self.file, parts)?;
            self.file_end = end;
        } else {
            let rest = ahead::rest_of_line(end);
            let mut parts: Vec<_> = parts.iter().copied().chain([IoSlice::new(&rest)]).collect();
            ahead::write_all_at(&mut self.file, self.good_end, &mut parts)?;
        }
        self.good_end = end;
        Ok(())
    }
}

/// A file that a rewrite has left behind.
#[derive(Debug)]
pub(super) struct Closing<F> {
    pub(super) segment: Segment<F>,
    /// Where it ends.
    pub(super) lsn: Lsn,
}

/// Why nothing is written any more.
#[derive(Clone, Debug)]
pub(super) struct Poison {
    pub(super) cause: String,
    /// Effects are lost to the log, which only a new base makes good.
    pub(super) needs_rewrite: bool,
    /// What failed may be tried again: a write, or what needed room. After a failed sync nobody knows what a later one is
    /// worth.
    pub(super) may_retry: bool,
}

/// A rewrite between its beginning and its end.
#[derive(Debug)]
pub(super) enum Rewrite<F> {
    /// The new file is in the manifest and in use; the old ones go when the base is there.
    Joined,
    /// The new file isn't in the manifest before the base is. This is what was there before.
    Fresh { segment: Option<Segment<F>>, poison: Option<Poison>, written: Lsn, durable: Lsn },
}

impl<D: Disk> LogWriter<D> {
    /// Goes on where a loader has ended: cuts the torn end, makes durable what was loaded, removes what an
    /// interrupted rewrite left, and opens the last file or a new one. `seed` should be random: it keeps values from
    /// passing for our annotations.
    ///
    /// # Errors
    /// The disk refused. The log loads as before.
    pub fn resume(loader: Loader<D>, seed: u64) -> Result<Self, LogError> {
        let lsn = loader.lsn();
        let Loader { directory, manifest, last, .. } = loader;
        let mut writer = Self::detached_with(directory, manifest, lsn, seed);
        // The names that were loaded from may be in the page cache only, if the last process failed to sync them.
        writer.directory.create()?;
        writer.directory.sync()?;
        writer.directory.remove_temporaries()?;
        writer.directory.remove_history(&mut writer.manifest)?;
        match last {
            Some(last) => writer.resume_after(last)?,
            None => writer.begin_listed_segment()?,
        }
        writer.measure()?;
        writer.publish();
        Ok(writer)
    }

    /// A writer of a log that is off: it takes writes once a rewrite was begun. What the directory holds stays
    /// until that rewrite is finished. `lsn` is where effects will begin.
    ///
    /// # Errors
    /// The manifest can't be read.
    pub fn detached(directory: LogDirectory<D>, lsn: Lsn, seed: u64) -> Result<Self, LogError> {
        let manifest = directory.read_manifest()?;
        Ok(Self::detached_with(directory, manifest, lsn, seed))
    }

    /// A writer of a log that was loaded and can't be written: it takes writes after a rewrite only.
    ///
    /// # Errors
    /// The manifest can't be read.
    pub fn failed(directory: LogDirectory<D>, lsn: Lsn, seed: u64, why: &LogError) -> Result<Self, LogError> {
        let mut writer = Self::detached(directory, lsn, seed)?;
        writer.poison =
            Some(Poison { cause: why.to_string(), needs_rewrite: true, may_retry: why.lacks_room() });
        Ok(writer)
    }

    fn detached_with(directory: LogDirectory<D>, manifest: Manifest, lsn: Lsn, seed: u64) -> Self {
        Self {
            next_base_sequence: manifest.next_base_sequence(),
            next_incr_sequence: manifest.next_incr_sequence(),
            directory,
            manifest,
            positions: Arc::default(),
            seed,
            segment: None,
            closing: None,
            poison: None,
            unwritten: None,
            rewrite: None,
            temp_base: None,
            written: lsn,
            durable: lsn,
            base_bytes: 0,
            earlier_incr_bytes: 0,
            ahead: false,
            small_blocks: 0,
        }
    }

    /// Whether the file is made longer ahead of its blocks, which makes the syncs of small ones faster. For a caller that
    /// syncs after each write; otherwise it only costs.
    pub fn set_ahead(&mut self, ahead: bool) {
        self.ahead = ahead;
    }

    /// Where others read how far the log has got.
    pub fn positions(&self) -> Arc<LogPositions> {
        Arc::clone(&self.positions)
    }

    /// Why the log takes no writes, if a failure is the reason.
    pub fn failure(&self) -> Option<&str> {
        self.poison.as_ref().map(|poison| poison.cause.as_str())
    }

    /// Whether the log is off: it takes no writes, and that is no failure.
    pub fn is_detached(&self) -> bool {
        self.segment.is_none() && self.poison.is_none()
    }

    /// Whether only a rewrite can make the log take writes again.
    pub fn needs_rewrite(&self) -> bool {
        self.poison.as_ref().is_some_and(|poison| poison.needs_rewrite)
    }

    /// Whether the log has failed in a way that may pass by itself: it was a write that the disk refused, and no sync.
    pub fn may_retry(&self) -> bool {
        self.poison.as_ref().is_some_and(|poison| poison.may_retry)
    }

    /// The size of the base, and of all files together; bytes.
    pub fn size_bytes(&self) -> (u64, u64) {
        let segment = self.segment.as_ref().map_or(0, |segment| segment.good_end);
        (self.base_bytes, self.base_bytes + self.earlier_incr_bytes + segment)
    }

    /// Writes what the buffer holds as one block and returns the position it reaches to. Nothing there: no write.
    ///
    /// # Errors
    /// The writer is poisoned, now or before. The file is cut back to its last whole block if the disk lets us; what
    /// wasn't written is kept.
    pub fn write_from(&mut self, buffer: &LogBuffer) -> Result<Lsn, LogError> {
        self.check_writable()?;
        if let Some(kept) = self.unwritten.take() {
            self.write_taken(kept, buffer)?;
        }
        if let Some(taken) = buffer.take() {
            self.write_taken(taken, buffer)?;
        }
        Ok(self.written)
    }

    /// For a log that is idle: has the file say of all its blocks that they are durable, if they are and it doesn't yet.
    /// Without that, damage in the last one would pass for a torn end. It is an empty block, in no hurry to be durable
    /// itself. A disk that refuses it refuses no effect, so that is no failure of the log.
    ///
    /// # Errors
    /// The writer is poisoned, now or before.
    pub fn say_all_is_durable(&mut self) -> Result<(), LogError> {
        self.check_writable()?;
        if self.durable != self.written || self.closing.is_some() || self.rewrite.is_some() {
            return Ok(());
        }
        let line = self.line(Kind::Block { len_bytes: 0, crc: 0 });
        let silent = |segment: &&mut Segment<D::File>| !segment.closed && !segment.says_all;
        let Some(segment) = self.segment.as_mut().filter(silent) else { return Ok(()) };
        if segment.put(&mut vec![IoSlice::new(line.as_bytes())]).is_ok() {
            segment.says_all = true;
            self.publish();
            return Ok(());
        }
        match segment.file.truncate(segment.good_end) {
            Ok(()) => segment.file_end = segment.good_end,
            Err(source) => return Err(self.fail("cut", source)),
        }
        Ok(())
    }

    /// Makes everything written durable and returns the position it reaches to. Nothing new: no sync.
    ///
    /// # Errors
    /// The writer is poisoned, now or before.
    pub fn sync(&mut self) -> Result<Lsn, LogError> {
        self.check_writable()?;
        if self.closing.is_some() {
            self.settle()?;
        }
        let Some(segment) = &mut self.segment else { return Err(LogError::Detached) };
        if segment.durable_end < segment.good_end {
            if let Err(source) = segment.file.sync_data() {
                return Err(self.fail("sync", source));
            }
            segment.durable_end = segment.good_end;
        }
        self.durable = self.written;
        self.publish();
        Ok(self.durable)
    }

    /// Writes and syncs everything and closes the file's run, so that the next start knows that all of it was
    /// durable. The writer can be used on.
    ///
    /// # Errors
    /// As [`Self::write_from`] and [`Self::sync`].
    pub fn close(&mut self, buffer: &LogBuffer) -> Result<Lsn, LogError> {
        self.write_from(buffer)?;
        // Durable first, said second: a line that outlives what it speaks of would turn a torn end into damage.
        self.sync()?;
        if let Some(segment) = &mut self.segment {
            // Nothing is to stand between our last line and what Redis may append.
            if let Err(source) = segment.cut_ahead() {
                return Err(self.fail("cut", source));
            }
        }
        if !self.segment.as_ref().is_some_and(|segment| segment.closed) {
            self.put_line(Kind::End)?;
        }
        self.sync()
    }

    fn write_taken(&mut self, taken: Taken, buffer: &LogBuffer) -> Result<(), LogError> {
        debug_assert_eq!(taken.start, self.written, "effects are written in order and without gaps");
        match self.write_block(&taken.chunks, taken.len_bytes()) {
            Ok(()) => {
                self.written = taken.end;
                buffer.recycle(taken);
                self.publish();
                Ok(())
            }
            Err(error) => {
                self.unwritten = Some(taken);
                Err(error)
            }
        }
    }

    fn write_block(&mut self, chunks: &[Vec<u8>], len_bytes: u64) -> Result<(), LogError> {
        if self.segment.as_ref().is_some_and(|segment| segment.closed) {
            self.put_line(Kind::Run)?;
        }
        let mut hasher = crc32fast::Hasher::new();
        chunks.iter().for_each(|chunk| hasher.update(chunk));
        let line = self.line(Kind::Block { len_bytes, crc: hasher.finalize() });
        self.make_ready(line.len() as u64 + len_bytes)?;
        let mut parts = Vec::with_capacity(chunks.len() + 1);
        parts.push(IoSlice::new(line.as_bytes()));
        parts.extend(chunks.iter().map(|chunk| IoSlice::new(chunk)));
        self.put(&mut parts)
    }

    fn put_line(&mut self, kind: Kind) -> Result<(), LogError> {
        let line = self.line(kind);
        self.put(&mut vec![IoSlice::new(line.as_bytes())])?;
        if let Some(segment) = &mut self.segment {
            segment.closed = kind == Kind::End;
        }
        Ok(())
    }

    /// Appends to the file, or poisons the writer and cuts off what got there.
    fn put(&mut self, parts: &mut Vec<IoSlice<'_>>) -> Result<(), LogError> {
        let Some(segment) = &mut self.segment else { return Err(LogError::Detached) };
        if let Err(source) = segment.put(parts) {
            // If this fails too, the next start takes the rest for a torn end, and recovery tries it again.
            if segment.file.truncate(segment.good_end).is_ok() {
                segment.file_end = segment.good_end;
            }
            let error = self.fail("write", source);
            self.poison.iter_mut().for_each(|poison| poison.may_retry = true);
            return Err(error);
        }
        segment.says_all = false;
        Ok(())
    }

    pub(super) fn line(&self, kind: Kind) -> String {
        let (lsn, synced) = (self.written.get(), self.durable.get());
        Annotation { kind, segment: self.seed, lsn, synced }.to_line()
    }

    pub(super) fn fail(&mut self, action: &'static str, source: io::Error) -> LogError {
        let name = self.segment.as_ref().map_or("", |segment| &segment.name);
        let error = LogError::Io { action, path: self.directory.path(name), source };
        // With two files in the air it is too late to write their ends anew.
        let needs_rewrite = self.closing.is_some();
        // A rewrite trusts nothing that is there, so it may be tried whatever it was that lacked room.
        let may_retry = needs_rewrite && error.lacks_room();
        self.poison = Some(Poison { cause: error.to_string(), needs_rewrite, may_retry });
        error
    }

    pub(super) fn check_writable(&self) -> Result<(), LogError> {
        match (&self.poison, &self.segment) {
            (Some(poison), _) => Err(LogError::Poisoned { cause: poison.cause.clone() }),
            (None, None) => Err(LogError::Detached),
            (None, Some(_)) => Ok(()),
        }
    }

    /// Tells the positions, but not those of a file that no manifest names yet.
    pub(super) fn publish(&self) {
        self.positions.size_bytes.store(self.size_bytes().1, Ordering::Relaxed);
        if !matches!(self.rewrite, Some(Rewrite::Fresh { .. })) {
            // What follows a rewrite's beginning is in a file that counts once the manifest names it.
            let written = self.closing.as_ref().map_or(self.written, |closing| closing.lsn);
            self.positions.written.store(written.get(), Ordering::Release);
            self.positions.durable.store(self.durable.get(), Ordering::Release);
        }
    }

    /// Goes on in the last file if we wrote its end, else in a new one.
    ///
    /// A read shows what is in the page cache, and a sync says yes even if an earlier one failed and the kernel
    /// forgot that the bytes were dirty. So what the file doesn't prove durable is written anew.
    fn resume_after(&mut self, last: LastFile) -> Result<(), LogError> {
        let LastFile { name, segment, is_incr, good, proven } = last;
        let path = self.directory.path(&name);
        let mut file = self.directory.disk.open_append(&path).map_err(io_error("open", &path))?;
        let ours = segment.filter(|_| is_incr);
        let unproven_bytes = good.offset - proven.offset;
        let keeps_all = proven.lsn == good.lsn || unproven_bytes > REWRITTEN_BYTES_MAX;
        let end = if ours.is_some() && proven.lsn == good.lsn { proven.offset } else { good.offset };
        cut(&mut file, end).and_then(|()| file.sync_data()).map_err(io_error("cut and sync", &path))?;
        let Some(seed) = ours else { return self.begin_listed_segment() };
        self.seed = seed;
        let durable_end = if keeps_all { end } else { proven.offset };
        self.segment = Some(Segment {
            file,
            name,
            good_end: end,
            file_end: end,
            durable_end,
            closed: true,
            says_all: false,
        });
        if keeps_all {
            self.put_line(Kind::Run)?;
            return self.sync().map(drop);
        }
        self.durable = Lsn::new(proven.lsn);
        self.move_to_new_segment()
    }

    fn begin_listed_segment(&mut self) -> Result<(), LogError> {
        let (mut segment, sequence) = self.create_segment()?;
        let path = self.directory.path(&segment.name);
        segment.sync().map_err(io_error("sync", &path))?;
        self.list_segment(segment, sequence)
    }

    /// Names a new file in the manifest, as the last one, and goes on in it.
    pub(super) fn list_segment(&mut self, segment: Segment<D::File>, sequence: u64) -> Result<(), LogError> {
        let mut manifest = self.manifest.clone();
        manifest.incr.push(LogFile { name: segment.name.clone(), sequence });
        self.directory.write_manifest(&manifest)?;
        self.manifest = manifest;
        self.earlier_incr_bytes += self.segment.replace(segment).map_or(0, |earlier| earlier.good_end);
        Ok(())
    }

    /// Begins a new file that isn't synced and that no manifest names yet.
    pub(super) fn create_segment(&mut self) -> Result<(Segment<D::File>, u64), LogError> {
        // To create a file empties the one that is there: a name that is taken against all custom is passed over.
        while self.manifest.names(&self.directory.incr_name(self.next_incr_sequence)) {
            self.next_incr_sequence += 1;
        }
        let sequence = self.next_incr_sequence;
        self.next_incr_sequence += 1;
        let name = self.directory.incr_name(sequence);
        let path = self.directory.path(&name);
        let mut file = self.directory.disk.create(&path).map_err(io_error("create", &path))?;
        let line = self.line(Kind::Run);
        if let Err(source) = append_all(&mut file, &mut [IoSlice::new(line.as_bytes())]) {
            self.remove_unnamed(&name);
            return Err(io_error("write", &path)(source));
        }
        let good_end = line.len() as u64;
        Ok((
            Segment {
                file,
                name,
                good_end,
                file_end: good_end,
                durable_end: 0,
                closed: false,
                says_all: false,
            },
            sequence,
        ))
    }

    /// Finds the sizes of the files in the manifest.
    pub(super) fn measure(&mut self) -> Result<(), LogError> {
        let len = |file: &LogFile| {
            let path = self.directory.path(&file.name);
            Ok(self.directory.disk.file_len(&path).map_err(io_error("look at", &path))?.unwrap_or(0))
        };
        let current = self.segment.as_ref().map(|segment| segment.name.clone());
        let base_bytes = self.manifest.base.as_ref().map_or(Ok(0), len)?;
        let mut incr_bytes = 0;
        for file in self.manifest.incr.iter().filter(|file| Some(&file.name) != current.as_ref()) {
            incr_bytes += len(file)?;
        }
        (self.base_bytes, self.earlier_incr_bytes) = (base_bytes, incr_bytes);
        Ok(())
    }
}

/// Shortens a file that is longer.
fn cut<F: DiskFile>(file: &mut F, len_bytes: u64) -> io::Result<()> {
    if file.len()? > len_bytes { file.truncate(len_bytes) } else { Ok(()) }
}
