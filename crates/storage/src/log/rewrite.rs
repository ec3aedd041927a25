//! Replacing the log by a base, and getting out of a failure.
//!
//! ```text
//! begin:   effects go to incr.2 from here on; the next sync finishes incr.1 and names incr.2 in the manifest:
//!          manifest  base.1 incr.1          ─►  base.1 incr.1 incr.2
//! (the caller writes and seals temp-base.2, the state at begin)
//! finish:  manifest  base.1 incr.1 incr.2   ─►  base.2 incr.2             one rename: before it the old files
//!                                                                         count, after it the new ones
//! ```
//!
//! If the log has failed or was off, the old files lack effects that the new ones follow on, so incr.2 isn't named
//! before base.2 is: until then the old files count and nothing is reported durable.

use std::io::IoSlice;
use std::mem;
use std::path::Path;

use super::annotation::{Annotation, Kind};
use super::base::{BaseWriter, SealedBase};
use super::buffer::LogBuffer;
use super::directory::io_error;
use super::error::{Damage, LogError};
use super::lsn::Lsn;
use super::manifest::{LogFile, Manifest};
use super::segment::{Bounds, Depth, Fault, Mark, SegmentReader};
use super::writer::{Closing, LogWriter, Poison, REWRITTEN_BYTES_MAX, Rewrite, Segment};
use crate::disk::{Disk, DiskFile, append_all};

impl<D: Disk> LogWriter<D> {
    /// Begins a rewrite: later effects go to a new file, and the base is to hold the state as it is now. Nothing may
    /// be appended to the buffer during the call, nor change the state before the base has seen it.
    ///
    /// If the log had failed or was off, what the buffer holds is dropped, since the base will have it.
    ///
    /// Waits for no disk: the old file is synced, and the new one named, by the next [`Self::sync`]. Nothing that is
    /// appended from now on is durable before.
    ///
    /// # Errors
    /// If the new file can't be made, the log goes on in the old one. If the old one can't be written the writer is
    /// poisoned.
    pub fn begin_rewrite(&mut self, buffer: &LogBuffer) -> Result<BaseWriter<D::File>, LogError> {
        if self.rewrite.is_some() {
            return Err(LogError::RewriteRunning);
        }
        let joined = self.poison.is_none() && self.segment.is_some();
        if joined {
            self.begin_joined(buffer)?
        } else {
            self.begin_fresh(buffer)?
        }
        let base = self.create_base();
        if base.is_err() {
            self.abort_rewrite();
        }
        base
    }

    fn begin_joined(&mut self, buffer: &LogBuffer) -> Result<(), LogError> {
        if self.closing.is_some() {
            self.sync()?;
        }
        self.write_from(buffer)?;
        let (next, _) = self.create_segment()?;
        let lsn = self.written;
        self.closing = self.segment.replace(next).map(|segment| Closing { segment, lsn });
        self.earlier_incr_bytes += self.closing.as_ref().map_or(0, |closing| closing.segment.good_end);
        self.rewrite = Some(Rewrite::Joined);
        Ok(())
    }

    /// Makes the file that a rewrite has left behind durable, and names the one after it. Before that nothing in the
    /// later one counts.
    pub(super) fn settle(&mut self) -> Result<(), LogError> {
        let Some(Closing { segment: old, lsn }) = &mut self.closing else { return Ok(()) };
        let lsn = *lsn;
        let end =
            Annotation { kind: Kind::End, segment: self.seed, lsn: lsn.get(), synced: lsn.get() }.to_line();
        // Durable first, said second, as in `close`.
        let mut closed = old.sync();
        if closed.is_ok() && !old.closed {
            closed = old
                .cut_ahead()
                .and_then(|()| append_all(&mut old.file, &mut [IoSlice::new(end.as_bytes())]))
                .and_then(|()| old.sync());
            self.earlier_incr_bytes += end.len() as u64;
        }
        if let Err(source) = closed {
            return Err(self.fail("sync", source));
        }
        self.durable = self.durable.max(lsn);
        let Some(next) = &mut self.segment else { return Err(LogError::Detached) };
        if let Err(source) = next.sync() {
            return Err(self.fail("sync", source));
        }
        let mut manifest = self.manifest.clone();
        // The sequence numbers are ours in order, and this file was the last to get one.
        manifest.incr.push(LogFile { name: next.name.clone(), sequence: self.next_incr_sequence - 1 });
        if let Err(error) = self.directory.write_manifest(&manifest) {
            let may_retry = error.lacks_room();
            self.poison = Some(Poison { cause: error.to_string(), needs_rewrite: true, may_retry });
            return Err(error);
        }
        self.manifest = manifest;
        self.closing = None;
        Ok(())
    }

    fn begin_fresh(&mut self, buffer: &LogBuffer) -> Result<(), LogError> {
        self.directory.create()?;
        let (written, durable) = (self.written, self.durable);
        // The new file's first line carries its LSN.
        self.written = buffer.appended_lsn();
        self.durable = self.written;
        let (next, _) = match self.create_segment() {
            Ok(created) => created,
            Err(error) => {
                (self.written, self.durable) = (written, durable);
                return Err(error);
            }
        };
        for dropped in self.unwritten.take().into_iter().chain(buffer.take()) {
            buffer.recycle(dropped);
        }
        let segment = self.segment.replace(next);
        self.closing = None;
        self.rewrite = Some(Rewrite::Fresh { segment, poison: self.poison.take(), written, durable });
        Ok(())
    }

    fn create_base(&mut self) -> Result<BaseWriter<D::File>, LogError> {
        while self.manifest.names(&self.directory.base_name(self.next_base_sequence)) {
            self.next_base_sequence += 1;
        }
        let sequence = self.next_base_sequence;
        self.next_base_sequence += 1;
        let path = self.directory.temp_path(&self.directory.base_name(sequence));
        let file = self.directory.disk.create(&path).map_err(io_error("create", &path))?;
        self.temp_base = Some(path.clone());
        BaseWriter::new(file, path, sequence, self.seed, self.written)
    }

    /// Ends a rewrite: the base and what was written since it began are the log now. The files that they replace are
    /// removed; those that can't be are removed by the next rewrite or start.
    ///
    /// # Errors
    /// The rewrite is aborted, see [`Self::abort_rewrite`]. So it is if the log failed while it ran.
    pub fn finish_rewrite(&mut self, base: SealedBase) -> Result<(), LogError> {
        if self.rewrite.is_none() {
            return Err(LogError::NoRewrite);
        }
        let switched = self.switch_to(base);
        if switched.is_err() {
            self.abort_rewrite();
        }
        switched
    }

    fn switch_to(&mut self, base: SealedBase) -> Result<(), LogError> {
        // The file that would stay lacks effects since the base: switching would call that whole.
        if let Some(poison) = &self.poison {
            return Err(LogError::Poisoned { cause: poison.cause.clone() });
        }
        if self.closing.is_some() || matches!(self.rewrite, Some(Rewrite::Fresh { .. })) {
            self.sync()?;
        }
        let SealedBase { path: temp, sequence, len_bytes } = base;
        let name = self.directory.base_name(sequence);
        let path = self.directory.path(&name);
        self.directory.disk.rename(&temp, &path).map_err(io_error("rename", &temp))?;
        self.temp_base = None;
        let manifest = self.manifest_with_base(LogFile { name, sequence });
        self.directory.write_manifest(&manifest)?;
        self.manifest = manifest;
        (self.base_bytes, self.earlier_incr_bytes) = (len_bytes, 0);
        self.rewrite = None;
        self.publish();
        // The log is whole without this; what stays is tried again.
        let _removed = self.directory.remove_history(&mut self.manifest);
        Ok(())
    }

    /// The manifest in which `base` and the current file replace everything else.
    fn manifest_with_base(&self, base: LogFile) -> Manifest {
        let current = self.segment.as_ref().map_or("", |segment| &segment.name);
        let mut manifest = self.manifest.clone();
        manifest.history.extend(manifest.base.replace(base));
        let (kept, replaced): (Vec<_>, Vec<_>) =
            mem::take(&mut manifest.incr).into_iter().partition(|file| file.name == current);
        manifest.history.extend(replaced);
        manifest.incr = kept;
        if manifest.incr.is_empty() {
            let sequence = self.next_incr_sequence - 1;
            manifest.incr.push(LogFile { name: current.to_owned(), sequence });
        }
        manifest
    }

    /// Gives a rewrite up. The old files stay; what was begun for the new ones goes at the next start. A log that had
    /// failed or was off is so again, and only another rewrite helps, since effects were left out of it.
    pub fn abort_rewrite(&mut self) {
        if let Some(temp) = self.temp_base.take() {
            // Its place may be what the disk lacks. If it can't be removed now, the next start does.
            let _removed = self.directory.disk.remove(&temp);
        }
        let Some(Rewrite::Fresh { segment, poison, written, durable }) = self.rewrite.take() else { return };
        if let Some(begun) = std::mem::replace(&mut self.segment, segment) {
            // No manifest names it; without any manifest it would pass for a log that lost its.
            let _removed = self.directory.disk.remove(&self.directory.path(&begun.name));
        }
        (self.written, self.durable) = (written, durable);
        self.poison = poison.map(|poison| Poison { needs_rewrite: true, ..poison });
    }

    /// Takes up writing after a failure: what isn't surely durable is written anew, in a new file. Where all is, and it
    /// was a write that failed, the file is gone on with, so that trying again and again makes no files. Nothing that was
    /// appended is lost.
    ///
    /// # Errors
    /// The disk still refuses, or the effects can't be read back (then only a rewrite helps): the writer stays poisoned.
    /// `LogError::Poisoned` if only a rewrite helps, or one is running.
    pub fn recover_after_error(&mut self) -> Result<(), LogError> {
        let Some(poison) = &self.poison else { return self.check_writable() };
        if poison.needs_rewrite || self.rewrite.is_some() {
            return Err(LogError::Poisoned { cause: poison.cause.clone() });
        }
        if poison.may_retry && self.all_is_durable()? {
            self.cut_torn_block()?;
        } else {
            let moved = self.move_to_new_segment();
            if let (Err(LogError::Damaged { .. }), Some(poison)) = (&moved, &mut self.poison) {
                poison.needs_rewrite = true;
            }
            moved?;
        }
        self.poison = None;
        Ok(())
    }

    /// Whether every whole block of the file is durable. What is too much to be written anew is made so.
    fn all_is_durable(&mut self) -> Result<bool, LogError> {
        let Some(segment) = &mut self.segment else { return Err(LogError::Detached) };
        if segment.good_end - segment.durable_end > REWRITTEN_BYTES_MAX {
            if let Err(source) = segment.sync() {
                return Err(self.fail("sync", source));
            }
            self.durable = self.written;
            self.publish();
            return Ok(true);
        }
        Ok(segment.durable_end == segment.good_end)
    }

    /// Cuts off what the write that failed left, if that could not be done at once.
    fn cut_torn_block(&mut self) -> Result<(), LogError> {
        let Some(segment) = &mut self.segment else { return Err(LogError::Detached) };
        let path = self.directory.path(&segment.name);
        segment.file.truncate(segment.good_end).map_err(io_error("cut", &path))?;
        segment.file_end = segment.good_end;
        Ok(())
    }

    /// Goes on in a new file that begins where the present one is durable, with a copy of what follows there.
    pub(super) fn move_to_new_segment(&mut self) -> Result<(), LogError> {
        let written = self.written;
        // The new file begins with what the old one may have lost.
        self.written = self.durable;
        let created = self.create_segment();
        self.written = written;
        let (next, sequence) = created?;
        let name = next.name.clone();
        let moved = self.move_to(next, sequence);
        if moved.is_err() {
            self.remove_unnamed(&name);
        }
        moved
    }

    fn move_to(&mut self, mut next: Segment<D::File>, sequence: u64) -> Result<(), LogError> {
        let written = self.written;
        let path = self.directory.path(&next.name);
        let Some(old) = &self.segment else { return Err(LogError::Detached) };
        let (durable_end, moved_bytes) = (old.durable_end, old.good_end - old.durable_end);
        // Lines that no effect hangs on stay behind: an `end` would close the new file's run.
        let copied_end = if self.durable == written { durable_end } else { old.good_end };
        next.good_end += copy_range(&old.file, durable_end, copied_end, &mut next.file)
            .and_then(|copied| next.file.sync_data().map(|()| copied))
            .map_err(io_error("copy to", &path))?;
        (next.durable_end, next.file_end) = (next.good_end, next.good_end);
        let file = self.directory.disk.open_read(&path).map_err(io_error("open", &path))?;
        check_copy(file, next.good_end, written, &path)?;
        let old_path = self.directory.path(&old.name);
        self.list_segment(next, sequence)?;
        self.durable = written;
        self.publish();
        // From here on the old file's end doesn't count for us; it goes so that Redis doesn't read it twice.
        if self.cut_file(&old_path, durable_end).is_ok() {
            self.earlier_incr_bytes -= moved_bytes;
        }
        Ok(())
    }

    /// Removes a file that came to nothing, unless the manifest on the disk names it: it takes room that is needed.
    pub(super) fn remove_unnamed(&self, name: &str) {
        if self.directory.read_manifest().is_ok_and(|manifest| !manifest.names(name)) {
            // What stays is no part of the log.
            let _removed = self.directory.disk.remove(&self.directory.path(name));
        }
    }

    /// Cuts a file that isn't written to any more.
    fn cut_file(&self, path: &Path, len_bytes: u64) -> std::io::Result<()> {
        let mut file = self.directory.disk.open_append(path)?;
        file.truncate(len_bytes)?;
        file.sync_data()
    }
}

/// Copies the bytes of a file from one offset to another to the end of another file.
fn copy_range<F: DiskFile>(from: &F, mut offset: u64, end: u64, to: &mut F) -> std::io::Result<u64> {
    let mut copied = 0;
    let mut buffer = vec![0u8; 256 * 1024];
    while offset < end {
        let wanted = usize::try_from(end - offset).unwrap_or(usize::MAX).min(buffer.len());
        let read = from.read_at(offset, &mut buffer[..wanted])?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        append_all(to, &mut [IoSlice::new(&buffer[..read])])?;
        offset += read as u64;
        copied += read as u64;
    }
    Ok(copied)
}

/// Checks that a file holds whole blocks up to `lsn`: after a failed sync the kernel may show us older bytes.
fn check_copy<F: DiskFile>(file: F, len: u64, lsn: Lsn, path: &Path) -> Result<(), LogError> {
    let mut reader = SegmentReader::new(file, len, Depth::Sums, u64::MAX, Bounds::default());
    let damage = match reader.advance() {
        Ok(_) if reader.good() == (Mark { offset: len, lsn: lsn.get() }) => return Ok(()),
        Ok(_) => Damage::Sequence,
        Err(Fault::Damage { damage, .. }) => damage,
        Err(Fault::Io(source)) => return Err(io_error("read", path)(source)),
    };
    Err(LogError::Damaged { path: path.to_owned(), offset: reader.good().offset, damage })
}
