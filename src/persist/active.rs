//! The log that is on: its buffer, which workers append to, and its writer.

use crate::commit::LogSink;
use crate::keyspace::{EffectBuffer, Lsn};
use crate::state::{Server, gates, unix_ms};
use dunlin_storage::disk::{Disk, RealDisk};
use dunlin_storage::log::{self, LogBuffer, LogPositions, LogWriter};
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::Thread;

/// Effects that wait for the disk, at most so many bytes: beyond it writers wait.
pub(super) const BUFFER_BYTES_MAX: usize = 64 << 20;

/// What a log is made of while it is on.
pub(super) struct ActiveLog {
    pub(super) buffer: LogBuffer,
    pub(super) writer: Mutex<LogWriter<RealDisk>>,
    /// How far the writer has got, without asking for it.
    pub(super) positions: Arc<LogPositions>,
    thread: OnceLock<Thread>,
    /// The log's thread is to end.
    pub(super) stopping: AtomicBool,
    /// Replies wait for a write or a sync.
    pub(super) asked: AtomicBool,
    /// Since when there is something that isn't durable, in ms since 1970; 0: all is. Older than the truth at most.
    pub(super) unsynced_since_ms: AtomicI64,
    /// Since when the buffer holds something, in ms since 1970; 0: nobody has said. A write that never returns leaves
    /// what it took here or in `unsynced_since_ms`.
    pub(super) buffered_since_ms: AtomicI64,
    /// When the log's thread wrote last, in ms since 1970.
    pub(super) written_at_ms: AtomicI64,
    /// When the log's base was written or loaded: its size then, all files together.
    pub(super) size_at_rewrite: AtomicI64,
    /// The data directory is ours.
    _lock: <RealDisk as Disk>::Lock,
}

impl ActiveLog {
    pub(super) fn new(writer: LogWriter<RealDisk>, start: log::Lsn, lock: <RealDisk as Disk>::Lock) -> Self {
        let size = i64::try_from(writer.size_bytes().1).unwrap_or(i64::MAX);
        Self {
            buffer: LogBuffer::new(start, BUFFER_BYTES_MAX),
            positions: writer.positions(),
            writer: Mutex::new(writer),
            thread: OnceLock::new(),
            stopping: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            unsynced_since_ms: AtomicI64::new(0),
            buffered_since_ms: AtomicI64::new(0),
            written_at_ms: AtomicI64::new(unix_ms()),
            size_at_rewrite: AtomicI64::new(size),
            _lock: lock,
        }
    }

    /// The calling thread is the one that writes the log.
    pub(super) fn set_thread(&self) {
        // Only the log's own thread calls this, once.
        let _first = self.thread.set(std::thread::current());
    }

    /// The buffer was empty until now.
    fn note_first_append(&self) {
        // What was noted before and not yet taken over by the log's thread is older, and counts.
        let _older =
            self.buffered_since_ms.compare_exchange(0, unix_ms(), Ordering::AcqRel, Ordering::Acquire);
    }

    /// What the buffer holds is about to be written: from now on its age is that of what isn't durable. Before the write,
    /// which may take as long as it likes.
    pub(super) fn note_write(&self) {
        let since = self.buffered_since_ms.swap(0, Ordering::AcqRel);
        if since != 0 {
            let _older =
                self.unsynced_since_ms.compare_exchange(0, since, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// Since when something isn't durable, in ms since 1970; 0: all is.
    pub(super) fn behind_since_ms(&self) -> i64 {
        let written = self.unsynced_since_ms.load(Ordering::Acquire);
        if written != 0 { written } else { self.buffered_since_ms.load(Ordering::Acquire) }
    }

    /// Has the log's thread look around.
    pub(super) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// Where the commit gate appends.
pub(super) struct Sink {
    pub(super) log: Arc<ActiveLog>,
    /// Weak, since the server owns the gate, and that the sink.
    pub(super) server: Weak<Server>,
}

impl LogSink for Sink {
    fn append(&self, unit: &EffectBuffer) -> Lsn {
        let mut parts = unit.parts();
        let buffer = &self.log.buffer;
        let appended = match unit.len() {
            // What only replicas are told of.
            0 => None,
            1 => parts.next().map(|(db, command)| buffer.append(db, command)),
            _ => Some(buffer.append_group(&parts.collect::<SmallVec<[_; 16]>>())),
        };
        let Some(appended) = appended else { return Lsn(buffer.appended_lsn().get()) };
        if appended.first {
            self.log.note_first_append();
        }
        if buffer.held_bytes() > buffer.capacity_bytes() {
            self.hold_writers();
        }
        Lsn(appended.lsn.get())
    }

    fn flush(&self) {
        self.log.asked.store(true, Ordering::Release);
        self.log.wake();
    }
}

impl Sink {
    /// Further writes wait until the disk has caught up. This one has happened and is appended.
    #[cold]
    fn hold_writers(&self) {
        let Some(server) = self.server.upgrade() else { return };
        server.gates.close(gates::LOG_FULL);
        self.log.wake();
        // Whoever drained the buffer before the gate was closed did not open it.
        if self.log.buffer.has_room(0) {
            server.gates.open(gates::LOG_FULL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::TestClient;
    use dunlin_storage::log::{LoadOptions, Loader, LogDirectory, LogError, LogNames};

    /// A log in a directory, with a sink and no thread; and how to write what it holds.
    fn sink(client: &TestClient, dir: &std::path::Path) -> Result<Sink, LogError> {
        let directory = LogDirectory::new(RealDisk::new(dir), LogNames::default());
        let lock = directory.lock("a test")?;
        let writer = LogWriter::resume(Loader::open(directory, LoadOptions::default())?, 1)?;
        let log = Arc::new(ActiveLog::new(writer, log::Lsn::ZERO, lock));
        Ok(Sink { log, server: Arc::downgrade(&client.server) })
    }

    #[test]
    fn a_full_buffer_parks_writes_and_not_reads() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut client = TestClient::new();
        let sink = sink(&client, dir.path()).expect("a new log");
        let mut unit = EffectBuffer::default();
        unit.wanted = true;
        let value = vec![b'v'; 1 << 20];
        unit.push(0, &[b"SET", b"key", &value]);
        let mut last = Lsn::default();
        while client.server.gates.closed() & gates::LOG_FULL == 0 {
            let lsn = sink.append(&unit);
            assert!(lsn > last);
            last = lsn;
        }
        let held = sink.log.buffer.held_bytes();
        assert!(held > BUFFER_BYTES_MAX && held < BUFFER_BYTES_MAX + (2 << 20), "{held}");
        assert_eq!(client.say("SET a 1"), "(parked)");
        assert_eq!(client.say("GET a"), "$-1\r\n");

        crate::persist::writing::drain(&client.server, &sink.log).expect("the disk takes it");
        assert_eq!(client.say("SET a 1"), "+OK\r\n");
        assert_eq!(sink.log.buffer.held_bytes(), 0);
        assert_eq!(sink.log.positions.written().get(), last.0);
    }
}
