//! The memory side of the log: where effects stand between the command that made them and the disk.
//!
//! Many threads append under one short mutex, while they hold the locks of the shards that they wrote; one thread
//! takes what is there, in one piece, and writes it. What is taken begins with SELECT and holds groups whole, so it
//! may begin a file and a crash never splits a group.
//!
//! Bytes lie in chunks of one size that are used again, so an append never moves what is there and, in the steady
//! state, never allocates. The buffer is bounded by agreement: who is about to write asks [`LogBuffer::reserve`]
//! first, before any lock, and parks without room. An append itself always succeeds, because by then the keyspace
//! has changed. So memory exceeds the capacity by at most what was executing when the room ran out, however large
//! one effect is.

use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::lsn::Lsn;
use super::resp;

/// The size of a chunk in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// How many empty chunks are kept for use again.
const SPARE_CHUNKS_MAX: usize = 8;

/// Appends larger than this get an allocation of their own instead of being cut into chunks.
const LARGE_BYTES: usize = 1024 * 1024;

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// What an append tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The position after the appended effects: durable once the writer's durable LSN has reached it.
    pub lsn: Lsn,
    /// The buffer was empty: whoever writes it may be asleep and should be woken.
    pub first: bool,
}

/// The effects that aren't yet written. Shared by reference between all workers and the writer.
#[derive(Debug)]
pub struct LogBuffer {
    filling: Mutex<Filling>,
    appended: AtomicU64,
    /// Bytes appended and not yet given back by the writer.
    held_bytes: AtomicUsize,
    /// Bytes of the chunk that is filled and of those that wait to be, when the writer last gave some back.
    kept_bytes: AtomicUsize,
    reserved_bytes: AtomicUsize,
    capacity_bytes: AtomicUsize,
}

#[derive(Debug)]
struct Filling {
    chunk: Vec<u8>,
    full: Vec<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    /// The position of the first byte here, and of the one after the last.
    start: u64,
    end: u64,
    /// The database that the last effect here selected; none yet in an empty buffer.
    selected: Option<u16>,
}

/// Bytes that the writer took: whole commands and whole groups, from `start` to `end`.
#[derive(Debug)]
pub struct Taken {
    pub(super) chunks: Vec<Vec<u8>>,
    pub(super) start: Lsn,
    pub(super) end: Lsn,
}

impl Taken {
    pub fn start(&self) -> Lsn {
        self.start
    }

    pub fn end(&self) -> Lsn {
        self.end
    }

    pub fn len_bytes(&self) -> u64 {
        self.end.since(self.start)
    }
}

impl LogBuffer {
    /// An empty buffer whose first byte will have position `start`. The default capacity is 64 MiB.
    pub fn new(start: Lsn, capacity_bytes: usize) -> Self {
        let filling = Filling {
            chunk: Vec::new(),
            full: Vec::new(),
            spare: Vec::new(),
            start: start.get(),
            end: start.get(),
            selected: None,
        };
        Self {
            filling: Mutex::new(filling),
            appended: AtomicU64::new(start.get()),
            held_bytes: AtomicUsize::new(0),
            kept_bytes: AtomicUsize::new(0),
            reserved_bytes: AtomicUsize::new(0),
            capacity_bytes: AtomicUsize::new(capacity_bytes),
        }
    }

    /// Appends one command in wire form, an effect on database `db`. O(bytes), a memory copy under a short mutex.
    pub fn append(&self, db: u16, command: &[u8]) -> Appended {
        self.append_unit(db, command, 1)
    }

    /// Appends the effects of one atomic unit on one database: `commands` of them, in wire form one after the other.
    /// Several are one group that recovery applies whole or not at all.
    pub fn append_unit(&self, db: u16, bytes: &[u8], commands: usize) -> Appended {
        debug_assert!(!bytes.is_empty() && commands > 0);
        self.appending(|filling| {
            filling.group(commands > 1, |filling| {
                filling.select(db);
                filling.put(bytes);
            });
        })
    }

    /// Appends the effects of one atomic unit on several databases: each a database and one command in wire form.
    /// Several are one group that recovery applies whole or not at all. No effect, no append.
    pub fn append_group(&self, effects: &[(u16, &[u8])]) -> Appended {
        self.appending(|filling| {
            filling.group(effects.len() > 1, |filling| {
                for &(db, command) in effects {
                    filling.select(db);
                    filling.put(command);
                }
            });
        })
    }

    /// Appends one command given as arguments, encoding it into `scratch`.
    pub fn append_args(&self, db: u16, args: &[&[u8]], scratch: &mut Vec<u8>) -> Appended {
        scratch.clear();
        resp::encode_command(args, scratch);
        self.append(db, scratch)
    }

    fn appending(&self, put: impl FnOnce(&mut Filling)) -> Appended {
        let mut filling = self.lock();
        let before = filling.end;
        let first = filling.start == before;
        put(&mut filling);
        let lsn = filling.end;
        // Under the mutex, so that the position never falls.
        self.appended.store(lsn, Ordering::Release);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the bytes were just copied, so they fit in memory"
        )]
        self.held_bytes.fetch_add((lsn - before) as usize, Ordering::Relaxed);
        Appended { lsn: Lsn::new(lsn), first: first && lsn > before }
    }

    /// The position after all that was appended. One atomic load.
    pub fn appended_lsn(&self) -> Lsn {
        Lsn::new(self.appended.load(Ordering::Acquire))
    }

    /// Bytes that are appended and not yet on their way into the file.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that the buffer takes in memory, about: a chunk is there before it is full, and afterwards.
    pub fn memory_bytes(&self) -> usize {
        self.held_bytes().max(self.kept_bytes.load(Ordering::Relaxed))
    }

    pub fn capacity_bytes(&self) -> usize {
        self.capacity_bytes.load(Ordering::Relaxed)
    }

    pub fn set_capacity_bytes(&self, bytes: usize) {
        self.capacity_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Whether `bytes` more would fit. An empty buffer takes whatever comes, or nothing larger than it could ever be
    /// written. Two atomic loads.
    pub fn has_room(&self, bytes: usize) -> bool {
        let used = self.held_bytes().saturating_add(self.reserved_bytes.load(Ordering::Relaxed));
        used == 0 || used.saturating_add(bytes) <= self.capacity_bytes()
    }

    /// Sets `bytes` aside, to be given back by [`Self::release`] once what they were for is appended; `false`, and
    /// nothing set aside, without room. To be called before any shard is locked.
    pub fn reserve(&self, bytes: usize) -> bool {
        if !self.has_room(bytes) {
            return false;
        }
        self.reserved_bytes.fetch_add(bytes, Ordering::Relaxed);
        true
    }

    /// Gives back what [`Self::reserve`] set aside.
    pub fn release(&self, bytes: usize) {
        let before = self.reserved_bytes.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "more room released than reserved");
    }

    /// Takes all that is there, or `None` if nothing is. The taken bytes count as held until [`Self::recycle`].
    pub fn take(&self) -> Option<Taken> {
        let mut filling = self.lock();
        if filling.start == filling.end {
            return None;
        }
        let mut chunks = mem::take(&mut filling.full);
        let next = filling.spare.pop().unwrap_or_default();
        chunks.push(mem::replace(&mut filling.chunk, next));
        let (start, end) = (Lsn::new(filling.start), Lsn::new(filling.end));
        filling.start = filling.end;
        filling.selected = None;
        drop(filling);
        let taken = Taken { chunks, start, end };
        debug_assert_eq!(taken.chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>(), taken.len_bytes());
        Some(taken)
    }

    /// Gives taken bytes back once they are written: their room is free again.
    pub fn recycle(&self, taken: Taken) {
        let bytes: usize = taken.chunks.iter().map(Vec::len).sum();
        let mut filling = self.lock();
        for mut chunk in taken.chunks {
            if chunk.capacity() == CHUNK_BYTES && filling.spare.len() < SPARE_CHUNKS_MAX {
                chunk.clear();
                filling.spare.push(chunk);
            }
        }
        let kept = filling.spare.len() * CHUNK_BYTES + filling.chunk.capacity();
        self.kept_bytes.store(kept, Ordering::Relaxed);
        drop(filling);
        self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Filling> {
        // Nothing under the lock panics but for want of memory, which aborts.
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Filling {
    fn group(&mut self, grouped: bool, put: impl FnOnce(&mut Self)) {
        if grouped {
            self.put(MULTI);
        }
        put(self);
        if grouped {
            self.put(EXEC);
        }
    }

    fn select(&mut self, db: u16) {
        if self.selected == Some(db) {
            return;
        }
        self.selected = Some(db);
        let mut digits = [0u8; 20];
        let digits = resp::decimal(u64::from(db), &mut digits);
        let mut line = [0u8; 40];
        let mut len = 0;
        for part in [b"*2\r\n$6\r\nSELECT\r\n$", &[b'0' + digits.len() as u8][..], b"\r\n", digits, b"\r\n"] {
            line[len..len + part.len()].copy_from_slice(part);
            len += part.len();
        }
        self.put(&line[..len]);
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        if bytes.len() <= self.chunk.capacity() - self.chunk.len() {
            self.chunk.extend_from_slice(bytes);
        } else {
            self.put_across(bytes);
        }
    }

    #[cold]
    fn put_across(&mut self, mut bytes: &[u8]) {
        if bytes.len() > LARGE_BYTES {
            let filled = mem::take(&mut self.chunk);
            self.push_full(filled);
            self.full.push(bytes.to_vec());
            return;
        }
        while !bytes.is_empty() {
            if self.chunk.len() == self.chunk.capacity() {
                let next = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES));
                let filled = mem::replace(&mut self.chunk, next);
                self.push_full(filled);
            }
            let room = self.chunk.capacity() - self.chunk.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
    }

    fn push_full(&mut self, chunk: Vec<u8>) {
        if !chunk.is_empty() {
            self.full.push(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";

    fn text(taken: &Taken) -> String {
        String::from_utf8(taken.chunks.concat()).expect("the tests append text").replace("\r\n", " ")
    }

    #[test]
    fn selects_and_groups_are_inserted() {
        let buffer = LogBuffer::new(Lsn::new(100), 1000);
        assert!(buffer.take().is_none());
        let one = buffer.append(0, SET);
        assert_eq!(one, Appended { lsn: Lsn::new(100 + 23 + SET.len() as u64), first: true });
        assert!(!buffer.append(0, SET).first);
        buffer.append(12, SET);
        buffer.append_group(&[(12, SET), (0, SET)]);
        buffer.append_group(&[(0, SET)]);
        let last = buffer.append_unit(0, &[SET, SET].concat(), 2);
        assert_eq!(buffer.append_group(&[]), Appended { lsn: last.lsn, first: false });
        assert_eq!(buffer.appended_lsn(), last.lsn);
        let taken = buffer.take().expect("there are bytes");
        let set = "*3 $3 SET $1 a $1 1 ";
        let select = |db: &str| format!("*2 $6 SELECT ${} {db} ", db.len());
        let (multi, exec) = ("*1 $5 MULTI ", "*1 $4 EXEC ");
        let expected = [
            &select("0"),
            set,
            set,
            &select("12"),
            set,
            multi,
            set,
            &select("0"),
            set,
            exec,
            set,
            multi,
            set,
            set,
            exec,
        ];
        assert_eq!(text(&taken), expected.concat());
        assert_eq!((taken.start(), taken.end()), (Lsn::new(100), last.lsn));
        buffer.recycle(taken);
        assert_eq!(buffer.held_bytes(), 0);
        // What is taken next may begin a file.
        assert!(buffer.append(0, SET).first);
        assert_eq!(text(&buffer.take().expect("there are bytes")), format!("{}{set}", select("0")));
    }

    #[test]
    fn bytes_of_any_size_come_out_as_they_went_in() {
        let buffer = LogBuffer::new(Lsn::ZERO, usize::MAX);
        let mut expected = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n".to_vec();
        for (n, len) in
            [1, CHUNK_BYTES - 30, 5, CHUNK_BYTES, 2 * CHUNK_BYTES + 1, LARGE_BYTES + 1, 7, LARGE_BYTES]
                .iter()
                .enumerate()
        {
            let bytes = vec![b'a' + n as u8; *len];
            expected.extend_from_slice(&bytes);
            assert_eq!(buffer.append(0, &bytes).lsn.get(), expected.len() as u64);
        }
        assert_eq!(buffer.held_bytes(), expected.len());
        let taken = buffer.take().expect("there are bytes");
        assert!(taken.chunks.concat() == expected);
        assert_eq!(buffer.memory_bytes(), expected.len());
        buffer.recycle(taken);
        // The chunks stay, for what comes next.
        assert!(buffer.held_bytes() == 0 && buffer.memory_bytes() >= CHUNK_BYTES);
        assert_eq!(buffer.memory_bytes() % CHUNK_BYTES, 0);
    }

    #[test]
    fn room_is_bounded_but_an_empty_buffer_takes_anything() {
        let buffer = LogBuffer::new(Lsn::ZERO, 100);
        assert!(buffer.reserve(5000));
        assert!(!buffer.has_room(1));
        buffer.release(5000);
        assert!(buffer.reserve(40));
        assert!(!buffer.reserve(61));
        buffer.append(0, SET);
        buffer.release(40);
        let held = 23 + SET.len();
        assert_eq!(buffer.held_bytes(), held);
        assert!(buffer.has_room(100 - held) && !buffer.has_room(101 - held));
        let taken = buffer.take().expect("there are bytes");
        assert!(!buffer.has_room(101 - held), "taken bytes are still in memory");
        buffer.recycle(taken);
        assert!(buffer.has_room(1_000_000));
    }
}
