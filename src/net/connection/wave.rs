//! A wave: what all clients that were ready at the same time had sent, executed side by side.
//!
//! A client that sends one small request at a time costs three trips: the kernel's receiving, our executing, the
//! kernel's sending. Made in turn for each client, each trip begins with the other two's code and data in the caches,
//! and waits alone for its key's cache misses. So sockets are read first, their requests decoded into one batch and their
//! keys' memory fetched; when no further socket is ready, or enough has come together, all of them are executed in the
//! order in which they came, and then all replies are sent. Larger reads make batches of their own.
//!
//! Where the system has io_uring, all sockets are read by one system call ([`gather`]), and all replies sent by another
//! ([`answers`]); else each by its own.

mod answers;
pub mod bells;
mod gather;

use super::execute::Progress;
use super::{Connection, LARGE_REPLY};
use crate::command::dispatch::Unit;
use crate::net::batch::{Ahead, Batch, REQUESTS_MAX};
use crate::net::worker::{Scratch, Worker};
use crate::resp::Output;
use answers::Answers;
use dunlin_structures::cycles::Stopwatch;
use dunlin_uring::{Received, Ring, SOCKETS_MAX};
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

/// What was read at once of a client that may share a batch.
pub(super) const READ_MAX: usize = 4096;
/// When a wave holds so many bytes it is full.
const BYTES_MAX: usize = 16 * 1024;
/// What a wave, its last member included, takes of the read buffer at most.
pub const INPUT_BYTES: usize = BYTES_MAX + READ_MAX + gather::ROOM_BYTES;
/// When replies of this length have come together, they are sent before more is executed.
const REPLIES_MAX: usize = 64 * 1024;
/// So many requests are executed at most before their replies are sent.
const UNANSWERED_MAX: usize = 4 * REQUESTS_MAX;

/// From so many sockets on one call for all is cheaper (measured on Linux 6.18: for two it costs the same).
const TOGETHER_MIN: usize = 3;

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
    /// Those whose sockets are to be read when the wave runs, after the members.
    unread: Vec<SharedConnection>,
    received: Vec<Received>,
    /// How sockets are read and written together, if that was tried; none: the system has no such thing.
    ring: Option<Option<Ring>>,
    /// What each socket took of the replies.
    taken: Vec<usize>,
    /// Calls the task that runs the wave when nothing else is ready.
    runner: Option<Waker>,
    /// Members of earlier waves whose replies wait for the log, which calls the task that sends them.
    held: Vec<SharedConnection>,
    /// Clients whose output may leave now, and leaves together when that task is called.
    soon: Vec<SharedConnection>,
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

    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.unread.is_empty()
    }

    /// Whether sockets are read and written together. The first time it is found out whether they can be.
    fn has_ring(&mut self, worker: &Worker) -> bool {
        worker.server.hot.io_uring.load(Relaxed)
            && self.ring.get_or_insert_with(|| new_ring(worker)).is_some()
    }

    fn answers<'a>(&'a mut self, worker: &'a Worker) -> (Answers<'a>, &'a [Member]) {
        let is_used = worker.server.hot.io_uring.load(Relaxed);
        let Self { members, ring, taken, held, sender, .. } = self;
        let ring = ring.as_mut().and_then(Option::as_mut).filter(|_| is_used);
        (Answers { worker, ring, taken, sender: sender.as_ref(), held }, members)
    }

    fn is_full(&self, batch: &Batch) -> bool {
        batch.len() >= REQUESTS_MAX || self.used >= BYTES_MAX
    }

    /// Called before the first client joins.
    fn call_runner(&self) {
        if self.is_empty()
            && let Some(runner) = &self.runner
        {
            runner.wake_by_ref();
        }
    }
}

fn new_ring(worker: &Worker) -> Option<Ring> {
    let told = |error: &std::io::Error| {
        // All workers fare alike.
        if worker.index == 0 {
            tracing::info!(
                "No io_uring here ({error}): each socket is read and written by a call of its own"
            );
        }
    };
    Ring::new().inspect_err(told).ok()
}

/// Runs a worker's waves, for ever. Woken by a wave's first member, it comes after all whose sockets were ready with it.
pub async fn run_waves(worker: Rc<Worker>) {
    std::future::poll_fn(|cx| {
        worker.scratch.borrow_mut().wave.runner = Some(cx.waker().clone());
        worker.bells.set_runner(cx.waker());
        Poll::Ready(())
    })
    .await;
    // Looking at many sockets in turn is no reason to let others go first.
    tokio::task::coop::unconstrained(std::future::poll_fn(|_| {
        worker.bells.collect(&worker);
        run(&worker);
        Poll::<()>::Pending
    }))
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
    let wave = &mut worker.scratch.borrow_mut().wave;
    let mut leaving = std::mem::take(&mut wave.soon);
    leaving.append(&mut wave.held);
    wave.answers(worker).0.let_go(&leaving);
    leaving.clear();
    wave.soon = leaving;
}

/// Sends what leaves together at once if it is enough for one call: what waits takes memory.
pub(super) fn let_many_go(worker: &Worker) {
    if worker.scratch.borrow().wave.soon.len() >= SOCKETS_MAX {
        let_go(worker);
    }
}

/// The client is gone, and is not to be kept here.
pub(super) fn forget(worker: &Worker, connection: &SharedConnection) {
    let mut scratch = worker.scratch.borrow_mut();
    let Wave { held, soon, .. } = &mut scratch.wave;
    for waiting in [held, soon] {
        waiting.retain(|other| !Rc::ptr_eq(other, connection));
    }
}

/// Executes what the members of the wave have sent, and answers them. No member is borrowed meanwhile.
pub fn run(worker: &Worker) {
    let mut scratch = worker.scratch.borrow_mut();
    if scratch.wave.is_empty() {
        return;
    }
    let scratch = &mut *scratch;
    let Scratch { input, output, batch, effects, large_values, wave } = scratch;
    let (server, stats) = (&*worker.server, worker.stats());
    let now = server.now();
    let access_clock = server.access_clock(now);
    let mut unit = Unit { server, stats, effects, now, access_clock, stopwatch: Stopwatch::start() };
    let mut run =
        Run { worker, unit: &mut unit, output, large_values, executed: 0, answered: 0, requests: 0 };
    if wave.members.is_empty() {
        batch.clear();
    }
    run.execute(wave, batch, input);
    let mut unread = std::mem::take(&mut wave.unread);
    wave.receive(&unread, input);
    for (index, connection) in unread.drain(..).enumerate() {
        if wave.add_received(worker, batch, input, index, connection) && batch.len() >= REQUESTS_MAX {
            run.execute(wave, batch, input);
        }
    }
    wave.unread = unread;
    run.execute(wave, batch, input);
    run.answer(wave);
    stats.batches.add(wave.members.len() as u64);
    wave.members.clear();
    wave.received.clear();
    wave.used = 0;
    batch.clear();
    scratch.reset_output();
    scratch.trim();
    worker.publish_memory();
}

/// One wave on its way.
struct Run<'r, 'u> {
    worker: &'r Worker,
    unit: &'r mut Unit<'u>,
    output: &'r mut Output,
    large_values: &'r mut bool,
    /// So many members were executed, and so many answered.
    executed: usize,
    answered: usize,
    /// So many requests of those who are yet to be answered were executed.
    requests: usize,
}

impl Run<'_, '_> {
    /// Executes those who have joined since the last time, whose requests are the batch.
    fn execute(&mut self, wave: &mut Wave, batch: &mut Batch, input: &mut [u8]) {
        if self.executed == wave.members.len() {
            return;
        }
        let (worker, server) = (self.worker, self.unit.server);
        batch.prefetch(
            Ahead { keyspace: &server.keyspace, db: wave.db },
            &server.commands,
            input,
            *self.large_values,
        );
        self.unit.stopwatch = Stopwatch::start();
        let mut reply_bytes = 0;
        while self.executed < wave.members.len() {
            let member = &mut wave.members[self.executed];
            let before = self.output.bytes.len();
            let mut connection = member.connection.borrow_mut();
            connection.execute_in_wave(worker, self.unit, batch, member, input, self.output);
            reply_bytes += self.output.len() - before;
            if self.output.has_shared() {
                // Large values leave by reference, piece by piece: in the connection's own time.
                let mut replies = self.output.split_off(before);
                if !connection.refuses_flood(worker, replies.len()) {
                    connection.output.append(&mut replies);
                }
            }
            drop(connection);
            member.replies = before..self.output.bytes.len();
            self.requests += member.requests.len();
            self.executed += 1;
            if self.output.bytes.len() >= REPLIES_MAX || self.requests >= UNANSWERED_MAX {
                self.answer(wave);
                self.unit.stopwatch = Stopwatch::start();
            }
        }
        // What one batch moved is the best guess for the next one.
        *self.large_values = batch.len() > 1 && reply_bytes / batch.len() > LARGE_REPLY;
        batch.clear();
    }

    /// Answers who was executed and wasn't answered yet.
    fn answer(&mut self, wave: &mut Wave) {
        let (mut answers, members) = wave.answers(self.worker);
        answers.send(&members[self.answered..self.executed], &self.output.bytes);
        self.answered = self.executed;
        self.requests = 0;
        self.output.clear();
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
    /// Whether what it sends next may be executed with the wave, if it is short.
    fn may_join(&self) -> bool {
        self.stream.is_plain() && self.output.is_empty() && !self.session.needs_auth()
    }

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
        if count > READ_MAX || !self.may_join() {
            return Joined::No;
        }
        if wave.members.is_empty() {
            batch.clear();
        }
        let (from, to) = (wave.used, wave.used + count);
        let Some(requests) = self.decode_in_wave(worker, wave, batch, &mut input[..to], from) else {
            return Joined::No;
        };
        let is_read_on = self.stream.poll_read_ready(cx).is_ready();
        let connection = Rc::clone(me);
        wave.call_runner();
        wave.members.push(Member { connection, input: from..to, requests, replies: 0..0, is_read_on });
        wave.used = to;
        self.in_wave = true;
        Joined::Yes { full: wave.is_full(batch) }
    }

    /// Decodes what ends where `input` does as a part of the wave's batch; `None`: it isn't whole requests, and nothing was done.
    fn decode_in_wave(
        &mut self,
        worker: &Worker,
        wave: &mut Wave,
        batch: &mut Batch,
        input: &mut [u8],
        from: usize,
    ) -> Option<Range<usize>> {
        if batch.is_empty() {
            wave.db = self.session.db;
        }
        let mark = batch.mark();
        let ahead = Ahead { keyspace: &worker.server.keyspace, db: self.session.db };
        let limits = self.limits(worker);
        let (end, error) =
            batch.decode(&mut self.decoder, input, from, limits, &worker.server.commands, ahead);
        if end < input.len() || error.is_some() {
            self.decoder = Default::default();
            batch.cut_back(mark, input);
            return None;
        }
        Some(mark.requests()..batch.len())
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
}
