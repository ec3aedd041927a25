//! A window that moves over a file: memory follows what was really read, never what a length claims.

use std::io;

use crate::disk::DiskFile;

/// How much is read at a time, and how large the window stays.
const CHUNK_BYTES: usize = 256 * 1024;

/// A window is given back to this size once what needed more is consumed.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A growth in known need beyond this is not rounded up.
const LARGE_BYTES: usize = 1024 * 1024;

pub(super) struct Input<F> {
    file: F,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The place of `buffer[start]` in the file.
    offset: u64,
    /// Where the file ends for us.
    limit: u64,
}

impl<F: DiskFile> Input<F> {
    /// Reads `file` up to the offset `limit`, or to its end if that comes first.
    pub(super) fn new(file: F, limit: u64) -> Self {
        Self { file, buffer: Vec::new(), start: 0, end: 0, offset: 0, limit }
    }

    /// The bytes that are read and not consumed.
    pub(super) fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The consumed bytes just before the window; whole until the next [`Self::fill`].
    pub(super) fn consumed(&self, bytes: usize) -> &[u8] {
        &self.buffer[self.start - bytes..self.start]
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.end - self.start);
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Reads more; `false` at the end. `need` is how large the window must be to show more of what it begins with,
    /// `None` if nobody knows. The window grows by factors: it at most doubles, or grows by [`LARGE_BYTES`].
    pub(super) fn fill(&mut self, need: Option<usize>) -> io::Result<bool> {
        let have = self.end - self.start;
        if self.offset + have as u64 >= self.limit {
            return Ok(false);
        }
        let target = match need {
            Some(need) if need > have + LARGE_BYTES => need.min(2 * have.max(CHUNK_BYTES)),
            Some(need) => need.max(have + have / 2),
            None => 2 * have,
        };
        self.make_room(target.max(CHUNK_BYTES).max(have + 1));
        let left = usize::try_from(self.limit - self.offset - have as u64).unwrap_or(usize::MAX);
        let room = (self.buffer.len() - self.end).min(left);
        let read =
            self.file.read_at(self.offset + have as u64, &mut self.buffer[self.end..self.end + room])?;
        if read == 0 {
            // The file is shorter than it was said to be.
            self.limit = self.offset + have as u64;
        }
        self.end += read;
        Ok(read > 0)
    }

    /// Makes the buffer hold a window of `target` bytes.
    fn make_room(&mut self, target: usize) {
        if self.start + target <= self.buffer.len() {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == 0 && self.buffer.len() > KEPT_BYTES_MAX && target <= KEPT_BYTES_MAX {
            self.buffer = Vec::new();
        }
        if self.buffer.len() < target {
            self.buffer.reserve_exact(target - self.buffer.len());
            self.buffer.resize(target, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;
    use crate::disk::fake::FakeDisk;
    use crate::log::resp::{Parsed, parse_command};

    /// Reads one command from `bytes`; what came of it and how large the buffer got.
    fn read(bytes: &[u8]) -> (Parsed, usize) {
        let disk = FakeDisk::new(0);
        disk.put("file", bytes);
        let file = disk.open_read("file".as_ref()).expect("is there");
        let mut input = Input::new(file, bytes.len() as u64);
        let mut spans = Vec::new();
        loop {
            let parsed = parse_command(input.window(), 1 << 30, &mut spans);
            let Parsed::Incomplete { need } = parsed else { return (parsed, input.buffer.capacity()) };
            if !input.fill(need).expect("the disk is well") {
                return (parsed, input.buffer.capacity());
            }
        }
    }

    #[test]
    fn memory_follows_what_is_there_and_not_what_is_claimed() {
        let (parsed, capacity) = read(b"*2147483647\r\n$536870912\r\nabc");
        assert!(matches!(parsed, Parsed::Incomplete { .. }));
        assert!(capacity <= CHUNK_BYTES, "{capacity}");
        let mut large = b"*1\r\n$5000000\r\n".to_vec();
        large.resize(large.len() + 5_000_000, b'x');
        large.extend_from_slice(b"\r\n");
        let (parsed, capacity) = read(&large);
        assert_eq!(parsed, Parsed::Whole(large.len()));
        assert!(capacity <= large.len() * 3 / 2, "{capacity}");
    }

    #[test]
    fn a_command_of_many_small_arguments_is_read_in_few_looks() {
        let mut bytes = b"*300000\r\n".to_vec();
        (0..300_000).for_each(|_| bytes.extend_from_slice(b"$1\r\nx\r\n"));
        let (parsed, capacity) = read(&bytes);
        assert_eq!(parsed, Parsed::Whole(bytes.len()));
        assert!(capacity <= 2 * bytes.len(), "{capacity}");
    }
}
