//! The buffer of a connection's own for what was read and can't be executed yet.
//!
//! It grows with what arrives. One that was long is kept for the next long request, as in Redis: growing it anew would
//! copy each value once more. It halves with each batch that did not need it, and goes when the client is idle.

use super::{Connection, End};
use crate::net::worker::Worker;
use crate::state::backlog::IDLE_BUFFER_MS;
use std::sync::atomic::Ordering::Relaxed;

/// Buffers with more in them than this grow in smaller steps, and aren't kept: what growing costs is little beside what
/// reading so much does.
const LONG_BUFFER: usize = 8 << 20;
/// Buffers with no more capacity than this are kept while there is something in them, and only then.
const SMALL_BUFFER: usize = 64 * 1024;
/// Places in a buffer are 32 bits wide; an eighth of it may be executed and still there.
const BUFFER_LEN_MAX: u64 = u32::MAX as u64 / 8 * 7;

impl Connection {
    /// Keeps bytes that can't be executed yet.
    pub(super) fn keep(&mut self, bytes: &[u8], worker: &Worker) -> Result<(), End> {
        // Moving what waits for every few requests that ran would take time without end where much waits.
        if self.executed > self.input.len() / 8 {
            self.input.drain(..self.executed);
            self.executed = 0;
        }
        self.session.client.last_active.store(worker.server.now(), Relaxed);
        // Of a client that must wait, whole requests pile up; what is limited is the length of one.
        let hot_limit = &worker.server.hot.client_query_buffer_limit;
        let limit =
            if self.is_blocked(worker) { u64::MAX } else { hot_limit.load(Relaxed) }.min(BUFFER_LEN_MAX);
        if (self.input.len() - self.executed + bytes.len()) as u64 > limit {
            worker.server.shared.query_buffer_disconnections.fetch_add(1, Relaxed);
            tracing::warn!("closing client {} that reached the query buffer limit", self.session.client.id);
            return Err(End::Closed);
        }
        self.make_room(bytes.len());
        self.input.extend_from_slice(bytes);
        self.publish_input();
        worker.server.count_client(&self.session.client);
        if self.session.client.is_killed() { Err(End::Closed) } else { Ok(()) }
    }

    /// A buffer grows with what has really arrived, not with what the client announced: it doubles at first, and by a
    /// quarter once it is long; by less if the argument that it waits for is shorter, but never by much less. (Many small
    /// steps would leave as many freed buffers behind as they take.)
    fn make_room(&mut self, count: usize) {
        let len = self.input.len();
        if self.input.capacity() - len >= count {
            return;
        }
        let most = if len < LONG_BUFFER { len } else { len / 4 };
        let needed = self.decoder.needed().map(|needed| (self.executed + needed).saturating_sub(len));
        let missing = needed.unwrap_or(usize::MAX);
        self.input.reserve_exact(count.max(missing.clamp(len / 8, most)));
    }

    /// Takes `buffer` back after what is before `done` was executed; keeps it if it is worth it.
    pub(super) fn settle_buffer(&mut self, worker: &Worker, mut buffer: Vec<u8>, done: usize) {
        let left = buffer.len() - done;
        self.executed = done;
        let is_long = buffer.capacity() > SMALL_BUFFER;
        if is_long && left < buffer.capacity() / 8 {
            if self.may_keep(worker, buffer.capacity()) {
                buffer.drain(..done);
            } else {
                // The beginning of the next request needs less.
                buffer = buffer[done..].to_vec();
            }
            self.executed = 0;
        } else if left == 0 {
            buffer = Vec::new();
            self.executed = 0;
        }
        self.input = buffer;
        self.count_kept(worker);
        self.publish_input();
    }

    fn may_keep(&self, worker: &Worker, capacity: usize) -> bool {
        let more = capacity.saturating_sub(self.kept);
        capacity <= LONG_BUFFER && (more == 0 || more < worker.server.backlog.share())
    }

    /// All clients together keep no more than what may wait for them.
    fn count_kept(&mut self, worker: &Worker) {
        let capacity = self.input.capacity();
        let kept = if capacity > SMALL_BUFFER { capacity } else { 0 };
        worker.server.backlog.keep(self.kept, kept);
        self.kept = kept;
    }

    /// A batch was executed for which the buffer was not needed: a half of it will do.
    #[cold]
    pub(super) fn halve_buffer(&mut self, worker: &Worker) {
        let half = self.input.capacity() / 2;
        self.input = Vec::new();
        if half > SMALL_BUFFER {
            self.input.reserve_exact(half);
        }
        self.executed = 0;
        self.count_kept(worker);
    }

    /// Whether there is a long buffer with nothing in it.
    #[inline]
    pub(super) fn keeps_buffer(&self) -> bool {
        self.input.capacity() > SMALL_BUFFER && self.input.is_empty()
    }

    /// Gives the buffer back if nothing was sent for long. The clockwork has this looked at.
    pub(super) fn let_idle_buffer_go(&mut self, worker: &Worker) {
        if !self.keeps_buffer() {
            return;
        }
        let last_active = self.session.client.last_active.load(Relaxed);
        if worker.server.now() - last_active >= IDLE_BUFFER_MS {
            self.input = Vec::new();
            self.executed = 0;
            self.count_kept(worker);
            self.publish_input();
        }
    }

    pub(super) fn publish_input(&self) {
        let client = &self.session.client;
        let waiting = self.input.len() - self.executed.min(self.input.len());
        client.input_bytes.store(waiting.saturating_sub(self.decoder.before_long_argument()) as u64, Relaxed);
        client.input_capacity.store(self.input.capacity() as u64, Relaxed);
    }
}
