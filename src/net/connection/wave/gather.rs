//! Reading the sockets of a wave's clients: all by one system call, when the wave runs.

use super::{Member, READ_MAX, SharedConnection, TOGETHER_MIN, Wave};
use crate::net::batch::Batch;
use crate::net::connection::{Connection, End, Filled};
use crate::net::worker::Worker;
use dunlin_uring::{Received, SOCKETS_MAX};
use smallvec::SmallVec;
use std::rc::Rc;
use std::task::{Context, Poll};

/// From one client's bytes to the next one's. A line more than is read: else the beginnings of all of them, the only parts that
/// short requests use, would share a few sets of the first-level cache.
const STRIDE: usize = READ_MAX + 64;
/// What the clients of one call take of the read buffer.
pub(super) const ROOM_BYTES: usize = SOCKETS_MAX * STRIDE;

impl Wave {
    /// Reads the sockets of `unread`, which are ready, to behind the members' bytes.
    pub(super) fn receive(&mut self, unread: &[SharedConnection], input: &mut [u8]) {
        let Some(Some(ring)) = &mut self.ring else { return };
        if unread.is_empty() {
            return;
        }
        if unread.len() < TOGETHER_MIN {
            let rooms = input[self.used..].chunks_mut(STRIDE);
            let reads = unread.iter().zip(rooms);
            let read = |(connection, room): (&SharedConnection, &mut [u8])| {
                connection.borrow().stream.try_read(&mut room[..READ_MAX])
            };
            return self.received.extend(reads.map(read));
        }
        let borrowed: SmallVec<[_; SOCKETS_MAX]> =
            unread.iter().map(|connection| connection.borrow()).collect();
        let sockets: SmallVec<[_; SOCKETS_MAX]> =
            borrowed.iter().filter_map(|connection| connection.stream.socket()).collect();
        ring.receive(&sockets, &mut input[self.used..], STRIDE, READ_MAX, &mut self.received);
    }

    /// Makes what the `index`th socket gave a part of the wave, or leaves it to its connection's task. Returns whether
    /// the client is a member now.
    pub(super) fn add_received(
        &mut self,
        worker: &Worker,
        batch: &mut Batch,
        input: &mut [u8],
        index: usize,
        connection: SharedConnection,
    ) -> bool {
        let received = self.received.get(index).copied().unwrap_or(Received::Nothing);
        let from = self.used + index * STRIDE;
        let mut it = connection.borrow_mut();
        let count = match received {
            Received::Bytes(count) => count,
            nothing => {
                it.note_nothing_read(nothing);
                return false;
            }
        };
        it.count_input(worker, count);
        it.reads_long = count == READ_MAX;
        if !it.reads_long {
            it.stream.note_read_empty();
        }
        let to = from + count;
        let Some(requests) = it.decode_in_wave(worker, self, batch, &mut input[..to], from) else {
            it.keep_for_later(worker, &input[from..to]);
            return false;
        };
        let is_read_on = it.reads_long || it.is_read_ready();
        drop(it);
        self.members.push(Member { connection, input: from..to, requests, replies: 0..0, is_read_on });
        true
    }
}

impl Connection {
    /// Has the socket read with others' when the wave runs, if it is ready and what comes may be executed with theirs; `None`: it
    /// reads by itself.
    #[inline]
    pub(in crate::net::connection) fn poll_gather(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        me: &SharedConnection,
    ) -> Option<Poll<Result<Filled, End>>> {
        let mut scratch = worker.scratch.borrow_mut();
        let wave = &mut scratch.wave;
        if !wave.has_ring(worker)
            || self.reads_long
            || self.has_input()
            || !self.may_join()
            || !self.may_execute(worker)
        {
            if !wave.unread.is_empty() {
                // They came first, and what they send goes to where this would be read.
                drop(scratch);
                super::run(worker);
                if self.session.client.is_killed() {
                    return Some(Poll::Ready(Err(End::Closed)));
                }
            }
            return None;
        }
        match self.stream.poll_read_ready(cx) {
            Poll::Pending => return Some(Poll::Pending),
            Poll::Ready(Err(_)) => return Some(Poll::Ready(Err(End::Gone))),
            Poll::Ready(Ok(())) => {}
        }
        wave.call_runner();
        wave.unread.push(Rc::clone(me));
        self.in_wave = true;
        Some(Poll::Ready(Ok(Filled::Joined { full: wave.unread.len() >= SOCKETS_MAX })))
    }

    fn note_nothing_read(&mut self, received: Received) {
        self.in_wave = false;
        match received {
            Received::Bytes(_) => {}
            Received::Nothing => self.stream.note_read_empty(),
            Received::Ended => self.input_ended = true,
            Received::Broken => self.broken = true,
        }
        // It looks what to do then, and asks to be called when there is more.
        self.session.client.wake();
    }

    /// What was read isn't whole requests: its own task decodes it, and says what is wrong with it or reads the rest.
    fn keep_for_later(&mut self, worker: &Worker, bytes: &[u8]) {
        self.in_wave = false;
        if self.keep(bytes, worker).is_err() {
            self.session.client.kill();
        }
        self.session.client.wake();
    }

    /// Whether there may be more to read at once; if not, its bell rings when there is.
    fn is_read_ready(&self) -> bool {
        self.stream.poll_read_ready(&mut Context::from_waker(&self.bell)).is_ready()
    }
}
