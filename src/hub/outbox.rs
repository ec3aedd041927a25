//! What waits to be sent to one client that is no reply.

use crate::keyspace::Lsn;
use crate::resp::Output;
use crate::state::backlog::Backlog;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A client's messages, encoded, in the order in which they came. Filled by any thread, emptied by the client's worker.
#[derive(Default)]
pub struct Outbox {
    /// None until the first message: most clients never get one.
    queue: Mutex<Option<Box<Queue>>>,
    /// What waits, for others to see.
    bytes: AtomicU64,
}

#[derive(Default)]
struct Queue {
    output: Output,
    /// None of it may leave before this may.
    lsn: Lsn,
    /// So many bytes of it are counted in the backlog of all clients.
    counted: usize,
    /// The client is gone.
    closed: bool,
}

impl Outbox {
    /// Adds a message that may leave once `lsn` may. Returns how many bytes wait now.
    pub fn put(&self, backlog: &Backlog, lsn: Lsn, write: impl FnOnce(&mut Output)) -> u64 {
        let mut queue = self.queue.lock();
        let queue = queue.get_or_insert_default();
        if queue.closed {
            return 0;
        }
        write(&mut queue.output);
        queue.lsn = queue.lsn.max(lsn);
        let len = queue.output.len();
        queue.counted = backlog.change(queue.counted, queue.output.held_len());
        self.bytes.store(len as u64, Relaxed);
        len as u64
    }

    /// Takes all that waits, with what it waits for.
    pub fn take(&self, backlog: &Backlog) -> (Output, Lsn) {
        let mut queue = self.queue.lock();
        let Some(queue) = queue.as_mut() else { return Default::default() };
        queue.counted = backlog.change(queue.counted, 0);
        self.bytes.store(0, Relaxed);
        (std::mem::take(&mut queue.output), std::mem::take(&mut queue.lsn))
    }

    /// The client is gone: what waits is dropped, and so is what comes.
    pub fn close(&self, backlog: &Backlog) {
        if let Some(queue) = self.queue.lock().as_mut() {
            queue.counted = backlog.change(queue.counted, 0);
            queue.output = Output::default();
            queue.closed = true;
            self.bytes.store(0, Relaxed);
        }
    }

    /// Whether the client is gone.
    pub fn is_closed(&self) -> bool {
        self.queue.lock().as_ref().is_some_and(|queue| queue.closed)
    }

    /// How many bytes wait.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}
