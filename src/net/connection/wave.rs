//! A wave: what all clients that were ready at the same time had sent, executed side by side.
//!
//! A client that sends one small request at a time costs three trips: the kernel's receiving, our executing, the
//! kernel's sending. Made in turn for each client, each trip begins with the other two's code and data in the caches,
//! and waits alone for its key's cache misses. So sockets are read first, one after the other, their requests decoded
//! into one batch and their keys' memory fetched; when no further socket is ready, or the batch is full, all of them
//! are executed in the order in which they came, and then all replies are sent. Larger reads make batches of their own.

use super::execute::Progress;
use super::{Connection, LARGE_REPLY, UNCOUNTED_REPLIES};
use crate::command::blocking::ANSWER_BYTES;
use crate::command::context::ParkedOn;
use crate::command::dispatch::Unit;
use crate::net::batch::{Ahead, Batch, REQUESTS_MAX};
use crate::net::worker::{Scratch, Worker};
use crate::resp::Output;
use crate::state::Server;
use dunlin_structures::cycles::Stopwatch;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

/// What was read at once of a client that may share a batch.
const READ_MAX: usize = 2048;
/// When a wave holds so many bytes it is full.
const BYTES_MAX: usize = 16 * 1024;
/// What a wave, its last member included, takes of the read buffer at most.
pub const INPUT_BYTES: usize = BYTES_MAX + READ_MAX;
/// When replies of this length have come together, they are sent before more is executed.
const REPLIES_MAX: usize = 64 * 1024;

/// A connection as it is shared by its task and the wave.
pub type SharedConnection = Rc<RefCell<Connection>>;

/// The clients that wait for the wave to run.
#[derive(Default)]
pub struct Wave {
    members: Vec<Member>,
    /// So many bytes of the read buffer are taken.
    used: usize,
    /// Where the members' keys are looked for ahead.
    db: u16,
    /// Calls the task that runs the wave when nothing else is ready.
    runner: Option<Waker>,
    /// Members of earlier waves whose replies wait for the log, which calls the task that sends them.
    held: Vec<SharedConnection>,
    sender: Option<Waker>,
}

/// A client's part in a wave.
struct Member {
    connection: SharedConnection,
    /// Where its requests are in the read buffer, and which they are in the batch.
    input: Range<usize>,
    requests: Range<usize>,
    /// Where its replies are in the common output.
    replies: Range<usize>,
    /// Its socket may hold more than was read.
    is_read_on: bool,
}

impl Wave {
    /// Where in the read buffer the next client's bytes go.
    #[inline]
    pub fn used(&self) -> usize {
        self.used
    }

    fn is_full(&self, batch: &Batch) -> bool {
        batch.len() >= REQUESTS_MAX || self.used >= BYTES_MAX
    }
}

/// Runs a worker's waves, for ever. Woken by a wave's first member, it comes after all whose sockets were ready with it.
pub async fn run_waves(worker: Rc<Worker>) {
    std::future::poll_fn(|cx| {
        worker.scratch.borrow_mut().wave.runner = Some(cx.waker().clone());
        Poll::Ready(())
    })
    .await;
    std::future::poll_fn(|_| {
        run(&worker);
        Poll::<()>::Pending
    })
    .await;
}

/// Sends a worker's replies that wait for the log when it lets them go, for ever: all at once, not each in its
/// connection's own time.
pub async fn send_held(worker: Rc<Worker>) {
    std::future::poll_fn(|cx| {
        worker.scratch.borrow_mut().wave.sender = Some(cx.waker().clone());
        Poll::Ready(())
    })
    .await;
    std::future::poll_fn(|_| {
        let_go(&worker);
        Poll::<()>::Pending
    })
    .await;
}

fn let_go(worker: &Worker) {
    let mut held = std::mem::take(&mut worker.scratch.borrow_mut().wave.held);
    held.retain(|connection| connection.borrow_mut().is_still_held(worker));
    // Nothing was executed meanwhile, so nobody came to it.
    worker.scratch.borrow_mut().wave.held = held;
}

/// The client is gone, and is not to be kept here.
pub(super) fn forget(worker: &Worker, connection: &SharedConnection) {
    let mut scratch = worker.scratch.borrow_mut();
    scratch.wave.held.retain(|held| !Rc::ptr_eq(held, connection));
}

/// Executes what the members of the wave have sent, and answers them. No member is borrowed meanwhile.
pub fn run(worker: &Worker) {
    let mut scratch = worker.scratch.borrow_mut();
    if scratch.wave.members.is_empty() {
        return;
    }
    let scratch = &mut *scratch;
    let Scratch { input, output, batch, effects, large_values, wave } = scratch;
    let Wave { members, used, db, held, sender, .. } = wave;
    let (server, stats) = (&*worker.server, worker.stats());
    let ahead = Ahead { keyspace: &server.keyspace, db: *db };
    batch.prefetch(ahead, &server.commands, input, *large_values);
    let now = server.now();
    let access_clock = Server::access_clock(now);
    let mut unit = Unit { server, stats, effects, now, access_clock, stopwatch: Stopwatch::start() };
    let mut answer = |members: &[Member], output: &Output| {
        for member in members {
            if member.answer(worker, output, sender.as_ref()) {
                held.push(Rc::clone(&member.connection));
            }
        }
    };
    let mut unanswered = 0;
    let mut reply_bytes = 0;
    for index in 0..members.len() {
        let member = &mut members[index];
        let before = output.bytes.len();
        let mut connection = member.connection.borrow_mut();
        connection.execute_in_wave(worker, &mut unit, batch, member, input, output);
        reply_bytes += output.len() - before;
        if output.has_shared() {
            // Large values leave by reference, piece by piece: in the connection's own time.
            let mut replies = output.split_off(before);
            if !connection.refuses_flood(worker, replies.len()) {
                connection.output.append(&mut replies);
            }
        }
        drop(connection);
        member.replies = before..output.bytes.len();
        if output.bytes.len() >= REPLIES_MAX {
            answer(&members[unanswered..=index], output);
            unanswered = index + 1;
            output.clear();
            unit.stopwatch = Stopwatch::start();
        }
    }
    answer(&members[unanswered..], output);
    // What one batch moved is the best guess for the next one.
    *large_values = batch.len() > 1 && reply_bytes / batch.len() > LARGE_REPLY;
    stats.batches.add(members.len() as u64);
    members.clear();
    *used = 0;
    batch.clear();
    scratch.reset_output();
    scratch.trim();
    worker.publish_memory();
}

impl Member {
    /// Returns whether the replies are to be held until the log lets them go, which calls `sender`.
    fn answer(&self, worker: &Worker, output: &Output, sender: Option<&Waker>) -> bool {
        let mut connection = self.connection.borrow_mut();
        connection.in_wave = false;
        connection.answer(worker, &output.bytes[self.replies.clone()], self.is_read_on, sender)
    }
}

/// What became of bytes that were read.
pub(super) enum Joined {
    /// They are executed with the wave, which is full with them or not.
    Yes { full: bool },
    /// They are something else than whole, small requests of a client that waits for nothing.
    No,
}

impl Connection {
    /// Makes what was just read, to where the wave ends, a part of the wave.
    #[inline]
    pub(super) fn join(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        scratch: &mut Scratch,
        count: usize,
        me: &SharedConnection,
    ) -> Joined {
        let Scratch { input, batch, wave, .. } = scratch;
        if count > READ_MAX || !self.stream.is_plain() || !self.output.is_empty() || self.session.needs_auth()
        {
            return Joined::No;
        }
        if wave.members.is_empty() {
            batch.clear();
            wave.db = self.session.db;
        }
        let mark = batch.mark();
        let (from, to) = (wave.used, wave.used + count);
        let ahead = Ahead { keyspace: &worker.server.keyspace, db: self.session.db };
        let limits = self.limits(worker);
        let (end, error) =
            batch.decode(&mut self.decoder, &mut input[..to], from, limits, &worker.server.commands, ahead);
        if end < to || error.is_some() {
            self.decoder = Default::default();
            batch.cut_back(mark, &mut input[..to]);
            return Joined::No;
        }
        if wave.members.is_empty()
            && let Some(runner) = &wave.runner
        {
            runner.wake_by_ref();
        }
        let is_read_on = self.stream.poll_read_ready(cx).is_ready();
        let connection = Rc::clone(me);
        let requests = mark.requests()..batch.len();
        wave.members.push(Member { connection, input: from..to, requests, replies: 0..0, is_read_on });
        wave.used = to;
        self.in_wave = true;
        Joined::Yes { full: wave.is_full(batch) }
    }

    fn execute_in_wave(
        &mut self,
        worker: &Worker,
        unit: &mut Unit<'_>,
        batch: &Batch,
        member: &Member,
        input: &mut [u8],
        output: &mut Output,
    ) {
        if self.session.client.is_signalled() {
            if self.session.client.is_killed() {
                return;
            }
            self.session.take_pushes(&unit.server.backlog, output);
        }
        let Range { start, end } = member.input;
        let before = output.len();
        let mut progress = Progress::from(start);
        self.execute_requests(unit, batch, member.requests.clone(), &mut input[..end], output, &mut progress);
        if self.parked.is_none() && !self.finishing {
            // Behind the last request there may be empty lines.
            progress.at = end;
        }
        if progress.at > start {
            self.shrinks = output.len() - before <= progress.at - start;
        }
        if progress.at < end && !self.finishing && self.keep(&input[progress.at..end], worker).is_err() {
            self.session.client.kill();
        }
        self.publish(worker, unit.now, &progress);
    }

    /// Sends the replies to what was executed in a wave. What can't be done at once is left to the connection's task; but
    /// for replies that wait for the log, which the caller keeps (`true`): they are sent when `sender` is called.
    fn answer(&mut self, worker: &Worker, replies: &[u8], is_read_on: bool, sender: Option<&Waker>) -> bool {
        let commit = &worker.server.commit;
        let mut waits_for_log = false;
        let is_flood = replies.len() > UNCOUNTED_REPLIES && self.refuses_flood(worker, replies.len());
        if !replies.is_empty() && !is_flood {
            // Another member may have answered what it waits for: that leaves with these.
            let waits_for_key = matches!(self.parked, Some(ParkedOn::Keys(_)));
            let at_once = !waits_for_key && self.output.is_empty() && commit.may_leave(self.session.told);
            let sent = if at_once { self.stream.try_write(replies) } else { 0 };
            if sent > 0 {
                self.count_output(worker, sent);
            }
            if sent < replies.len() {
                if waits_for_key {
                    self.output.bytes.reserve(replies.len() + ANSWER_BYTES);
                }
                self.output.bytes.extend_from_slice(&replies[sent..]);
                let id = self.session.client.id;
                waits_for_log = !at_once
                    && !waits_for_key
                    && sender.is_some_and(|sender| !commit.wait(worker.index, id, self.session.told, sender));
            }
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

    /// Sends what has waited for the log if it need not wait any longer. Returns whether it must.
    fn is_still_held(&mut self, worker: &Worker) -> bool {
        let commit = &worker.server.commit;
        // Its own task may have sent everything.
        if !self.output.is_empty() {
            if !commit.may_leave(self.session.told) && !commit.is_lost(self.session.told) {
                return true;
            }
            let sent = match self.output.plain_bytes() {
                Some(bytes) if commit.may_leave(self.session.told) => self.stream.try_write(bytes),
                _ => 0,
            };
            if sent > 0 {
                self.count_output(worker, sent);
                self.output.consume(sent);
            }
            self.session.client.output_bytes.store(self.output.len() as u64, Relaxed);
            if self.output.is_empty() {
                self.soft_limit_since = None;
                self.output = Output::default();
                if self.session.client.has_pushes() {
                    self.session.client.wake();
                }
            } else {
                self.session.client.wake();
            }
        }
        self.held = false;
        false
    }
}
