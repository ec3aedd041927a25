//! Sending the replies to what was executed in a wave: all by one system call.

use super::{Member, SharedConnection, TOGETHER_MIN};
use crate::command::blocking::ANSWER_BYTES;
use crate::command::context::ParkedOn;
use crate::net::connection::{Connection, UNCOUNTED_REPLIES};
use crate::net::stream::Stream;
use crate::net::worker::Worker;
use crate::resp::Output;
use dunlin_uring::{Ring, SOCKETS_MAX};
use smallvec::SmallVec;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Waker;

/// What is needed to send replies.
pub(super) struct Answers<'a> {
    pub worker: &'a Worker,
    pub ring: Option<&'a mut Ring>,
    pub taken: &'a mut Vec<usize>,
    /// Called when the log lets replies go that wait for it; their connections are kept in `held`.
    pub sender: Option<&'a Waker>,
    pub held: &'a mut Vec<SharedConnection>,
}

impl Answers<'_> {
    /// Answers the members, whose replies are in `output`.
    pub(super) fn send(&mut self, members: &[Member], output: &[u8]) {
        for members in members.chunks(SOCKETS_MAX) {
            let mut ready: SmallVec<[_; SOCKETS_MAX]> = SmallVec::new();
            for member in members {
                let mut connection = member.connection.borrow_mut();
                connection.in_wave = false;
                let replies = &output[member.replies.clone()];
                let may_leave = connection.may_answer(self.worker, replies);
                ready.push((connection, replies, may_leave));
            }
            let sends: Sends<'_> = ready
                .iter()
                .filter(|(.., leave)| *leave == Leave::AtOnce)
                .map(|(connection, replies, _)| (&connection.stream, *replies))
                .collect();
            send_each(self.ring.as_deref_mut(), sends, self.taken);
            let mut taken = self.taken.iter().copied();
            for ((connection, replies, leave), member) in ready.iter_mut().zip(members) {
                let sent = if *leave == Leave::AtOnce { taken.next().unwrap_or(0) } else { 0 };
                if connection.note_answered(
                    self.worker,
                    replies,
                    *leave,
                    sent,
                    member.is_read_on,
                    self.sender,
                ) {
                    self.held.push(Rc::clone(&member.connection));
                }
            }
        }
    }

    /// Sends what those who were held need not hold any longer.
    pub(super) fn let_go(&mut self, connections: &[SharedConnection]) {
        for connections in connections.chunks(SOCKETS_MAX) {
            let mut borrowed: SmallVec<[_; SOCKETS_MAX]> =
                connections.iter().map(|connection| connection.borrow_mut()).collect();
            // Asked once: the log goes on meanwhile, and who was not sent must not be taken for one who was.
            let leave: SmallVec<[bool; SOCKETS_MAX]> =
                borrowed.iter().map(|connection| connection.let_go(self.worker).is_some()).collect();
            let leaving = borrowed.iter().zip(&leave).filter(|(_, leaves)| **leaves);
            let sends: Sends<'_> = leaving
                .map(|(connection, _)| {
                    (&connection.stream, connection.output.plain_bytes().unwrap_or_default())
                })
                .collect();
            send_each(self.ring.as_deref_mut(), sends, self.taken);
            let mut taken = self.taken.iter().copied();
            for ((connection, shared), leaves) in borrowed.iter_mut().zip(connections).zip(leave) {
                let sent = if leaves { taken.next().unwrap_or(0) } else { 0 };
                if connection.is_still_held(self.worker, sent) {
                    self.held.push(Rc::clone(shared));
                }
            }
        }
    }
}

type Sends<'a> = SmallVec<[(&'a Stream, &'a [u8]); SOCKETS_MAX]>;

/// Sends through each plain stream what it takes at once; how much that was goes to `taken`, in their order.
fn send_each(ring: Option<&mut Ring>, sends: Sends<'_>, taken: &mut Vec<usize>) {
    taken.clear();
    match ring {
        Some(ring) if sends.len() >= TOGETHER_MIN => {
            let sends: SmallVec<[_; SOCKETS_MAX]> =
                sends.iter().filter_map(|(stream, bytes)| Some((stream.socket()?, *bytes))).collect();
            ring.send(&sends, taken);
        }
        _ => taken.extend(sends.iter().map(|(stream, bytes)| stream.try_write(bytes))),
    }
}

/// When replies may leave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    AtOnce,
    /// Behind others, behind the log, or with what the client waits for.
    Later,
    /// There are none, or more than the client may be sent.
    Never,
}

impl Connection {
    fn may_answer(&mut self, worker: &Worker, replies: &[u8]) -> Leave {
        let is_flood = replies.len() > UNCOUNTED_REPLIES && self.refuses_flood(worker, replies.len());
        if replies.is_empty() || is_flood {
            return Leave::Never;
        }
        let at_once = !self.waits_for_key()
            && self.output.is_empty()
            && worker.server.commit.may_leave(self.session.told);
        if at_once { Leave::AtOnce } else { Leave::Later }
    }

    /// Another member may have answered what it waits for: that leaves with its replies.
    fn waits_for_key(&self) -> bool {
        matches!(self.parked, Some(ParkedOn::Keys(_)))
    }

    /// Of the replies to what was executed in a wave, `sent` bytes have left. What can't be done at once is left to the
    /// connection's task; but for replies that wait for the log, which the caller keeps (`true`): they are sent when
    /// `sender` is called.
    fn note_answered(
        &mut self,
        worker: &Worker,
        replies: &[u8],
        leave: Leave,
        sent: usize,
        is_read_on: bool,
        sender: Option<&Waker>,
    ) -> bool {
        let mut waits_for_log = false;
        if sent > 0 {
            self.count_output(worker, sent);
        }
        if leave != Leave::Never && sent < replies.len() {
            let waits_for_key = self.waits_for_key();
            if waits_for_key {
                self.output.bytes.reserve(replies.len() + ANSWER_BYTES);
            }
            self.output.bytes.extend_from_slice(&replies[sent..]);
            let (id, told) = (self.session.client.id, self.session.told);
            let commit = &worker.server.commit;
            waits_for_log = leave == Leave::Later
                && !waits_for_key
                && sender.is_some_and(|sender| !commit.wait(worker.index, id, told, sender));
        }
        let client = &self.session.client;
        if !self.output.is_empty() {
            client.output_bytes.store(self.output.len() as u64, Relaxed);
        }
        let is_at_rest = (self.output.is_empty() || waits_for_log)
            && !self.has_input()
            && !self.finishing
            && self.parked.is_none()
            && !client.is_killed();
        if is_read_on || !is_at_rest {
            client.wake();
        }
        let is_new = waits_for_log && !self.held;
        self.held |= waits_for_log;
        is_new
    }

    /// Has short output that may leave sent with that of others, once all who are called now have run. Returns whether it is.
    #[inline]
    pub(in crate::net::connection) fn leaves_with_others(
        &mut self,
        worker: &Worker,
        me: &SharedConnection,
    ) -> bool {
        if !self.sociable {
            return false;
        }
        let mut scratch = worker.scratch.borrow_mut();
        let wave = &mut scratch.wave;
        if !wave.has_ring(worker) {
            return false;
        }
        let Some(sender) = &wave.sender else { return false };
        self.sociable = self.output.len() <= UNCOUNTED_REPLIES && self.let_go(worker).is_some();
        if self.sociable {
            sender.wake_by_ref();
        }
        if self.sociable && !self.held {
            self.held = true;
            wave.soon.push(Rc::clone(me));
        }
        self.sociable
    }

    /// What has waited for the log or for others and may be sent now.
    fn let_go(&self, worker: &Worker) -> Option<&[u8]> {
        // Its own task may have sent everything.
        let bytes = self.output.plain_bytes().filter(|bytes| !bytes.is_empty())?;
        (self.stream.is_plain() && worker.server.commit.may_leave(self.session.told)).then_some(bytes)
    }

    /// Of what has waited for the log `sent` bytes have left. Returns whether it must go on waiting.
    fn is_still_held(&mut self, worker: &Worker, sent: usize) -> bool {
        if !self.output.is_empty() {
            let commit = &worker.server.commit;
            if !commit.may_leave(self.session.told) && !commit.is_lost(self.session.told) {
                return true;
            }
            if sent > 0 {
                self.count_output(worker, sent);
                self.output.consume(sent);
            }
            self.session.client.output_bytes.store(self.output.len() as u64, Relaxed);
            if self.output.is_empty() {
                self.soft_limit_since = None;
                self.output = Output::default();
                let goes_on = self.has_input() || self.finishing || self.input_ended || self.broken;
                if goes_on || self.session.client.has_pushes() {
                    self.session.client.wake();
                }
            } else {
                self.session.client.wake();
            }
        }
        self.held = false;
        self.sociable = false;
        false
    }
}
