//! The loop of one client: fill → decode a batch → dispatch → flush.
//!
//! One future drives both directions. Requests are executed straight out of the worker's read buffer; only what is
//! left over (a request that is not whole, requests that must wait) moves to a buffer of the connection's own. An idle
//! connection holds no buffers.

mod execute;
mod input;
pub mod pushes;
pub mod wave;

use crate::command::blocking::{Answer, Blocked};
use crate::command::context::ParkedOn;
use crate::command::dispatch::apply_reply_mode;
use crate::command::transaction;
use crate::hub;
use crate::net::stream::Stream;
use crate::net::worker::{READ_BYTES, Worker};
use crate::resp::decode::Decoder;
use crate::resp::{CommandError, Output};
use crate::session::{Session, gate};
use crate::state::Server;
use crate::state::backlog::FREE_BYTES;
use crate::state::clients::flag;
use std::future::Future;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Sleep;
use wave::{Joined, SharedConnection};

/// While this much waits to be sent, no further request is executed: the client must read first.
const OUTPUT_WAITING_MAX: usize = 1 << 20;
/// So much may wait for a client that has yet to authenticate.
const STRANGERS_OUTPUT_MAX: u64 = 16 * 1024;
/// Replies of this mean size come from values outside of their entries.
const LARGE_REPLY: usize = dunlin_structures::entry::INLINE_LEN_MAX;
/// Bytes read, or executed of what was kept, before other connections get their turn: one full read.
const BYTES_PER_TURN: usize = READ_BYTES;
/// Batches in a row at most: requests may be tiny.
const BATCHES_PER_TURN: usize = 32;
const PIECES_PER_WRITE: usize = 32;
/// Replies as long as this don't count for limits, as in Redis, where they have a buffer of their own.
const UNCOUNTED_REPLIES: usize = 16 * 1024;

/// Why a connection ends.
enum End {
    /// The client closed its side, or broke the connection.
    Gone,
    /// The server closes it: QUIT, CLIENT KILL, a protocol error, a limit.
    Closed,
}

/// What a turn of a connection's task came to, other than waiting.
enum Turn {
    /// What was read is executed with the wave, which is full now or not.
    Joined {
        full: bool,
    },
    Over(End),
}

/// What became of what was read.
enum Filled {
    /// So many bytes were executed or kept.
    Bytes(usize),
    Joined {
        full: bool,
    },
}

pub struct Connection {
    stream: Stream,
    session: Session,
    /// What a socket that the wave has read calls when there is more: the bell of this seat.
    bell: Waker,
    seat: usize,
    decoder: Decoder,
    /// What was read but not executed; `executed` bytes of it are done with.
    input: Vec<u8>,
    executed: usize,
    /// Replies that wait: for the client to read, or for the log.
    output: Output,
    parked: Option<ParkedOn>,
    /// So often it had to wait for scripts with one request.
    owners_met: u8,
    scripts_held: Option<ScriptsHeld>,
    /// Rings when a client that waits for a key has waited long enough.
    timer: Option<Pin<Box<Sleep>>>,
    /// The stream has taken bytes that it may still hold: TLS keeps records that the socket did not take.
    unflushed: bool,
    /// No more is read; the connection ends when the output has left.
    finishing: bool,
    /// The client has closed its sending side; what it sent is still answered.
    input_ended: bool,
    /// Since when the output is above its soft limit, in ms since 1970.
    soft_limit_since: Option<i64>,
    /// So many bytes of what waits here are counted in the backlog of all clients.
    counted: usize,
    /// So many bytes of a buffer that was long are kept for what comes next; they are counted there, too.
    kept: usize,
    /// What was executed last was longer than its replies: executing more makes less to hold.
    shrinks: bool,
    /// What it sent last waits for the wave to run, or to be read by it.
    in_wave: bool,
    /// Its last read was too long for a wave: so may be the next one.
    reads_long: bool,
    /// A wave found that the socket is of no use any more.
    broken: bool,
    /// Its replies wait for the log among those of others; see [`wave::send_held`].
    held: bool,
    /// The output is short, and came from somebody else's request, which may have made more: it leaves with that.
    sociable: bool,
}

/// Serves a client until its connection ends.
pub async fn run(connection: SharedConnection, worker: &Worker) {
    std::future::poll_fn(|cx| {
        connection.borrow().session.client.set_waker(cx.waker());
        Poll::Ready(())
    })
    .await;
    let end = std::future::poll_fn(|cx| {
        if connection.borrow().in_wave {
            // What called this may be what the requests in the wave lead to.
            wave::run(worker);
        }
        let turn = connection.borrow_mut().poll(cx, worker, &connection);
        match turn {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Turn::Over(end)) => Poll::Ready(end),
            Poll::Ready(Turn::Joined { full }) => {
                if full {
                    wave::run(worker);
                }
                Poll::Pending
            }
        }
    })
    .await;
    if connection.borrow().held {
        wave::forget(worker, &connection);
    }
    let (id, seat) = (connection.borrow().session.client.id, connection.borrow().seat);
    worker.listeners.borrow_mut().remove(&id);
    worker.bells.leave(seat);
    std::future::poll_fn(|cx| {
        connection.borrow_mut().leave(cx, worker, &end);
        Poll::Ready(())
    })
    .await;
}

/// After it waited so often for scripts a request keeps further ones from beginning.
const OWNERS_MET_MAX: u8 = 8;

/// No script begins while this lives.
struct ScriptsHeld(Arc<Server>);

impl Drop for ScriptsHeld {
    fn drop(&mut self) {
        self.0.scripts.owners.release();
        self.0.gates.retry();
    }
}

/// Whether a client that has ended its side is answered all the same: Redis would not have stopped for a script, and would
/// have read what it sent.
fn outlives_input(on: &ParkedOn) -> bool {
    match on {
        ParkedOn::Script(_) | ParkedOn::Owner { .. } => true,
        ParkedOn::Gate { .. } | ParkedOn::Keys(_) | ParkedOn::StillNothing | ParkedOn::Errand => false,
    }
}

impl Connection {
    pub fn new(stream: Stream, session: Session, seat: usize, bell: Waker) -> Self {
        Self {
            stream,
            session,
            bell,
            seat,
            decoder: Decoder::default(),
            input: Vec::new(),
            executed: 0,
            output: Output::default(),
            parked: None,
            owners_met: 0,
            scripts_held: None,
            timer: None,
            unflushed: false,
            finishing: false,
            input_ended: false,
            soft_limit_since: None,
            counted: 0,
            kept: 0,
            shrinks: false,
            in_wave: false,
            reads_long: false,
            broken: false,
            held: false,
            sociable: false,
        }
    }

    /// Gives back what the client held.
    fn leave(&mut self, cx: &mut Context<'_>, worker: &Worker, end: &End) {
        match self.parked.take() {
            // Nothing is taken for a client that is gone.
            Some(ParkedOn::Keys(blocked)) => blocked.leave(&worker.server, false),
            Some(ParkedOn::Script(script)) => script.abandon(),
            _ => {}
        }
        self.scripts_held = None;
        transaction::forget(&worker.server, &mut self.session);
        worker.server.backlog.change(self.counted, 0);
        worker.server.backlog.keep(self.kept, 0);
        hub::forget(&worker.server, &self.session.client);
        if self.session.client.has_flag(flag::REPLICA) {
            worker.server.replication.forget(&worker.server, &self.session.client);
        }
        if matches!(end, End::Closed) {
            // A TLS client is told; a plain socket is simply closed. Nobody waits for a peer that doesn't answer.
            let _ = self.stream.poll_shutdown(cx);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, worker: &Worker, me: &SharedConnection) -> Poll<Turn> {
        let mut turn_bytes = 0;
        loop {
            if self.session.client.is_killed() {
                return Poll::Ready(Turn::Over(End::Closed));
            }
            if self.broken {
                return Poll::Ready(Turn::Over(End::Gone));
            }
            self.let_idle_buffer_go(worker);
            // What was sent behind a command that waited leads to more replies at once: they leave with its answer.
            let is_answered = self.take_blocked_answer(worker) || self.take_script_answer(worker);
            let goes_on = is_answered && self.has_input() && self.may_execute(worker);
            if self.session.client.has_pushes() {
                self.fetch_pushes(worker, me);
            }
            if self.session.client.has_flag(flag::CLOSING) && !self.session.client.has_pushes() {
                self.finishing = true;
            }
            // Out first: room for replies decides whether more may be executed.
            if !self.output.is_empty() && !goes_on && !self.leaves_with_others(worker, me) {
                // As in Redis nothing leaves while a script runs: a client that has gone would be noticed by that, and
                // what it sent is still to be done.
                if !self.runs_script() {
                    match self.poll_flush(cx, worker) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(end)) => return Poll::Ready(Turn::Over(end)),
                        Poll::Pending => {}
                    }
                }
                if let Some(end) = self.check_output_limit(worker) {
                    return Poll::Ready(Turn::Over(end));
                }
                if self.output.is_empty() && self.session.client.has_pushes() && !self.finishing {
                    // They came while what was before them was on its way.
                    continue;
                }
                // Behind that: who is cut off by his own limit costs nobody else his connection.
                worker.server.count_client(&self.session.client);
                if self.session.client.is_killed() {
                    return Poll::Ready(Turn::Over(End::Closed));
                }
            }
            if self.unflushed {
                match self.stream.poll_flush(cx) {
                    Poll::Ready(Ok(())) => self.unflushed = false,
                    Poll::Ready(Err(_)) => return Poll::Ready(Turn::Over(End::Gone)),
                    // Called again when the socket takes more.
                    Poll::Pending => {}
                }
            }
            if self.output.is_empty() && (self.finishing || self.input_ended && !self.has_input()) {
                return self.stream.poll_flush(cx).map(|_| Turn::Over(End::Closed));
            }
            if turn_bytes >= BYTES_PER_TURN {
                // Not simply woken: then the sockets of others would be looked at after sixty such turns only.
                let turn = std::pin::pin!(tokio::task::yield_now());
                let _ = turn.poll(cx);
                return Poll::Pending;
            }
            if self.may_execute(worker) && self.has_input() {
                // Who came first is served first, and may have ended this client.
                wave::run(worker);
                if self.session.client.is_killed() {
                    return Poll::Ready(Turn::Over(End::Closed));
                }
                if self.is_worth_decoding()
                    && let Some(done_bytes) = self.execute_buffered(cx, worker)
                {
                    turn_bytes += done_bytes;
                    continue;
                }
                if goes_on {
                    continue;
                }
                // The rest of the last request will never come.
                self.finishing |= self.input_ended;
                if self.finishing {
                    continue;
                }
            }
            self.hold_scripts(worker);
            if let Some(on) = self.parked.clone()
                && self.poll_parked(cx, worker, on).is_ready()
            {
                continue;
            }
            if self.input_ended && self.parked.as_ref().is_some_and(|on| !outlives_input(on)) {
                // As in Redis, who leaves while a command waits is gone with it, and gives its place free.
                worker.server.gates.forget(cx.waker());
                return Poll::Ready(Turn::Over(End::Gone));
            }
            if self.finishing || self.input_ended {
                return Poll::Pending;
            }
            if !self.may_read(worker) {
                // Nothing is read that would end, and nothing is written that would fail.
                self.input_ended = self.parked.is_some() && self.stream.is_read_closed(cx);
                if self.input_ended {
                    continue;
                }
                return Poll::Pending;
            }
            match self.poll_fill(cx, worker, me) {
                Poll::Ready(Ok(Filled::Bytes(count))) => turn_bytes += count,
                Poll::Ready(Ok(Filled::Joined { full })) => return Poll::Ready(Turn::Joined { full }),
                Poll::Ready(Err(end)) => return Poll::Ready(Turn::Over(end)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// One script or other owns what the client needs, again and again: then none begins until it had its turn. To be
    /// called where its request was just tried, or can't be.
    fn hold_scripts(&mut self, worker: &Worker) {
        if !matches!(self.parked, Some(ParkedOn::Owner { may_hold: true, .. })) {
            // While it waits for something else the scripts go on.
            (self.owners_met, self.scripts_held) = (0, None);
        } else if self.owners_met >= OWNERS_MET_MAX && self.scripts_held.is_none() {
            worker.server.scripts.owners.hold();
            self.scripts_held = Some(ScriptsHeld(Arc::clone(&worker.server)));
        }
    }

    fn has_input(&self) -> bool {
        self.executed < self.input.len()
    }

    /// Whether the bytes that the decoder waits for have come: a long value is not looked at piece by piece.
    fn is_worth_decoding(&self) -> bool {
        self.decoder.needed().is_none_or(|needed| self.input.len() - self.executed >= needed)
    }

    /// How much output may wait before no further request is executed. Where a limit says at how much a client that
    /// doesn't read is cut off, it gets there.
    fn output_max(worker: &Worker) -> usize {
        let hot = &worker.server.hot;
        let limits = [&hot.output_hard_limit, &hot.output_soft_limit, &hot.maxmemory_clients];
        let limit = limits.iter().map(|limit| limit.load(Relaxed)).max().unwrap_or(0);
        if limit > 0 {
            return usize::try_from(limit.saturating_add(1)).unwrap_or(usize::MAX).max(OUTPUT_WAITING_MAX);
        }
        worker.server.backlog.share().min(OUTPUT_WAITING_MAX)
    }

    /// Whether requests wait for something: the client to read, the log, a gate.
    fn is_blocked(&self, worker: &Worker) -> bool {
        self.parked.is_some()
            || !self.output.is_empty()
                && (self.output.len() >= Self::output_max(worker)
                    || !worker.server.commit.may_leave(self.session.told))
    }

    fn may_execute(&self, worker: &Worker) -> bool {
        // However little a client reads: if its replies are shorter than its requests, they are what is kept.
        let may_shrink =
            self.shrinks && self.parked.is_none() && worker.server.commit.may_leave(self.session.told);
        !self.finishing && (may_shrink || !self.is_blocked(worker))
    }

    /// Whether more is taken from the socket. While nothing holds its requests up a client is read from, and what is
    /// kept of it is the beginning of one request; else it may have its share of what can wait.
    fn may_read(&mut self, worker: &Worker) -> bool {
        let backlog = &worker.server.backlog;
        let is_blocked = self.is_blocked(worker);
        let input = if is_blocked { self.input.len() - self.executed } else { 0 };
        let held = self.output.held_len() + input;
        if held.max(self.counted) > FREE_BYTES {
            self.counted = backlog.change(self.counted, held);
        }
        if !is_blocked || held < backlog.share() {
            return true;
        }
        backlog.hold_back();
        false
    }

    /// Reads what is there. With nothing left over, it is executed right where it was read, with the wave or alone.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        me: &SharedConnection,
    ) -> Poll<Result<Filled, End>> {
        if let Some(turn) = self.poll_gather(cx, worker, me) {
            return turn;
        }
        let mut guard = worker.scratch.borrow_mut();
        let scratch = &mut *guard;
        let from = scratch.wave.used();
        let count = match self.stream.poll_read(cx, &mut scratch.input[from..from + READ_BYTES]) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(_)) if !self.runs_script() => return Poll::Ready(Err(End::Gone)),
            Poll::Ready(Err(_) | Ok(0)) => {
                self.input_ended = true;
                return Poll::Ready(Ok(Filled::Bytes(0)));
            }
            Poll::Ready(Ok(count)) => count,
        };
        self.count_input(worker, count);
        // The end of a long one is short.
        self.reads_long = count > wave::READ_MAX || self.reads_long && self.has_input();
        let to = from + count;
        if self.has_input() || !self.may_execute(worker) {
            return Poll::Ready(self.keep(&scratch.input[from..to], worker).map(|()| Filled::Bytes(count)));
        }
        if let Joined::Yes { full } = self.join(cx, worker, scratch, count, me) {
            return Poll::Ready(Ok(Filled::Joined { full }));
        }
        if from > 0 {
            // Who came first is served first, and may have ended this client.
            drop(guard);
            wave::run(worker);
            if self.session.client.is_killed() {
                return Poll::Ready(Err(End::Closed));
            }
            guard = worker.scratch.borrow_mut();
        }
        let scratch = &mut *guard;
        let mut buffer = std::mem::take(&mut scratch.input);
        let done = self.execute(cx, worker, scratch, &mut buffer[..to], from);
        let left = if self.finishing { &[][..] } else { &buffer[done..to] };
        let kept = if left.is_empty() { Ok(()) } else { self.keep(left, worker) };
        scratch.input = buffer;
        Poll::Ready(kept.map(|()| Filled::Bytes(count)))
    }

    fn count_input(&self, worker: &Worker, count: usize) {
        let stats = worker.stats();
        stats.net_input.add(count as u64);
        stats.reads_processed.add(1);
        let client = &self.session.client;
        client.net_input.store(client.net_input.load(Relaxed) + count as u64, Relaxed);
    }

    fn count_output(&mut self, worker: &Worker, count: usize) {
        self.unflushed = self.stream.is_buffered();
        let stats = worker.stats();
        stats.net_output.add(count as u64);
        stats.writes_processed.add(1);
        let client = &self.session.client;
        client.net_output.store(client.net_output.load(Relaxed) + count as u64, Relaxed);
    }

    /// Whether the output may leave; if not, this task is called when it may.
    fn poll_gate(&mut self, cx: &mut Context<'_>, worker: &Worker) -> Poll<Result<(), End>> {
        let commit = &worker.server.commit;
        if commit.may_leave(self.session.told) {
            return Poll::Ready(Ok(()));
        }
        if commit.is_lost(self.session.told) {
            // It can be told neither that the write will last nor that it won't; Redis ends itself then.
            return Poll::Ready(Err(End::Closed));
        }
        match commit.wait(worker.index, self.session.client.id, self.session.told, cx.waker()) {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    /// Writes as much of the waiting output as the log and the socket allow.
    fn poll_flush(&mut self, cx: &mut Context<'_>, worker: &Worker) -> Poll<Result<(), End>> {
        match self.poll_gate(cx, worker) {
            Poll::Ready(Ok(())) => {}
            waits_or_ends => return waits_or_ends,
        }
        while !self.output.is_empty() {
            let written = match self.output.plain_bytes() {
                Some(bytes) => self.stream.poll_write(cx, bytes),
                None => {
                    let mut pieces = [IoSlice::new(&[]); PIECES_PER_WRITE];
                    let filled = self.output.pieces(&mut pieces);
                    self.stream.poll_write_vectored(cx, &pieces[..filled])
                }
            };
            let written = match written {
                Poll::Pending => {
                    self.session.client.output_bytes.store(self.output.len() as u64, Relaxed);
                    return Poll::Pending;
                }
                Poll::Ready(Err(_) | Ok(0)) => return Poll::Ready(Err(End::Gone)),
                Poll::Ready(Ok(written)) => written,
            };
            self.count_output(worker, written);
            self.session.client.last_active.store(worker.server.now(), Relaxed);
            self.output.consume(written);
        }
        self.output = Output::default();
        self.soft_limit_since = None;
        self.session.client.output_bytes.store(0, Relaxed);
        Poll::Ready(Ok(()))
    }

    /// The hard limit of client-output-buffer-limit holds before anything is sent, too, as in Redis: who asks for so much at
    /// once gets nothing. Returns whether `more` bytes of replies are so many.
    fn refuses_flood(&mut self, worker: &Worker, more: usize) -> bool {
        let class = self.session.client.output_class();
        let hard = worker.server.hot.output_limit(class).hard_bytes;
        if more <= UNCOUNTED_REPLIES || hard == 0 || (self.output.len() + more) as u64 <= hard {
            return false;
        }
        worker.server.shared.output_buffer_disconnections.fetch_add(1, Relaxed);
        tracing::warn!("closing client {} whose replies are beyond its limit", self.session.client.id);
        self.session.client.kill();
        true
    }

    /// client-output-buffer-limit: a client that doesn't read is cut off at the hard limit, or after it was above the
    /// soft limit for too long.
    fn check_output_limit(&mut self, worker: &Worker) -> Option<End> {
        let client = &self.session.client;
        let waiting = self.output.len() as u64 + client.outbox.bytes();
        let hot = &worker.server.hot;
        let limit = hot.output_limit(client.output_class());
        let is_stranger = self.session.needs_auth() && hot.password_needed.load(Relaxed);
        let mut over = limit.hard_bytes > 0 && waiting > limit.hard_bytes
            || is_stranger && waiting > STRANGERS_OUTPUT_MAX;
        if limit.soft_bytes > 0 && waiting > limit.soft_bytes {
            let now = worker.server.now();
            let since = *self.soft_limit_since.get_or_insert(now);
            over |= now - since > limit.soft_seconds as i64 * 1000;
            // So that it looks again in a second.
            worker.server.backlog.hold_back();
        } else {
            self.soft_limit_since = None;
        }
        if !over {
            return None;
        }
        worker.server.shared.output_buffer_disconnections.fetch_add(1, Relaxed);
        tracing::warn!("closing client {} that does not read its replies", self.session.client.id);
        Some(End::Closed)
    }

    /// Waits for what the parked request waits for; ready: try again.
    fn poll_parked(&mut self, cx: &mut Context<'_>, worker: &Worker, on: ParkedOn) -> Poll<()> {
        let client = &self.session.client;
        let is_over = match on {
            ParkedOn::Keys(blocked) => return self.poll_blocked(cx, worker, &blocked),
            ParkedOn::Script(_) => {
                // It is taken at the next turn of the loop. Who waits is not idle.
                client.set_flag(flag::BLOCKED, true);
                return Poll::Pending;
            }
            // Said to those who serve, never to a connection.
            ParkedOn::StillNothing => return Poll::Pending,
            ParkedOn::Gate { opened } | ParkedOn::Owner { opened, .. } => {
                let gates = &worker.server.gates;
                gates.wait(cx.waker());
                gates.opened() != opened
            }
            ParkedOn::Errand => self.session.errand.as_ref().is_none_or(|errand| errand.poll(cx.waker())),
        };
        client.set_flag(flag::BLOCKED, !is_over);
        if !is_over {
            return Poll::Pending;
        }
        if matches!(on, ParkedOn::Owner { .. }) {
            self.owners_met = self.owners_met.saturating_add(1);
        }
        self.parked = None;
        Poll::Ready(())
    }

    /// Puts the answer of a command that waited for a key behind the other replies, if there is one.
    fn take_blocked_answer(&mut self, worker: &Worker) -> bool {
        let Some(ParkedOn::Keys(blocked)) = &self.parked else { return false };
        let Some(answer) = blocked.take_answer() else { return false };
        blocked.leave(&worker.server, answer.served);
        self.take_answer(answer);
        true
    }

    fn runs_script(&self) -> bool {
        matches!(self.parked, Some(ParkedOn::Script(_)))
    }

    /// Puts the answer of a script that took long behind the other replies, if it is over.
    fn take_script_answer(&mut self, worker: &Worker) -> bool {
        let Some(ParkedOn::Script(script)) = &self.parked else { return false };
        let Some(answer) = script.take_answer() else { return false };
        let client = &self.session.client;
        client.last_active.store(worker.server.now(), Relaxed);
        client.set_flag(flag::BLOCKED, false);
        self.take_answer(answer);
        true
    }

    /// Takes the answer of a request that was over for this connection before it came.
    fn take_answer(&mut self, mut answer: Answer) {
        (self.parked, self.timer) = (None, None);
        self.sociable = true;
        if let Some(session) = answer.session {
            let told = self.session.told;
            self.session = *session;
            self.session.told = told;
        }
        if self.session.gates & gate::REPLY_MODE != 0 {
            apply_reply_mode(&mut self.session, || answer.output.clear());
        }
        if self.session.gates & (gate::TRACKING | gate::IN_MULTI) == gate::TRACKING {
            // CLIENT CACHING was about this request.
            self.session.caching = false;
        }
        for mut part in [answer.before, answer.output] {
            if self.output.is_empty() {
                self.output = part;
            } else {
                self.output.append(&mut part);
            }
        }
        self.session.told = self.session.told.max(answer.lsn);
    }

    /// Waits for the answer of a command that waits for a key.
    fn poll_blocked(&mut self, cx: &mut Context<'_>, worker: &Worker, blocked: &Blocked) -> Poll<()> {
        let client = &self.session.client;
        loop {
            if blocked.is_answered() {
                // It is taken at the next turn of the loop.
                return Poll::Ready(());
            }
            if let Some(wait) = blocked.disk_wait() {
                let server = &worker.server;
                let is_logging = server.commit.is_logging();
                if wait.local && !is_logging {
                    blocked.give_up(server, worker.stats(), Some(&CommandError::NoLogToWaitFor));
                    continue;
                }
                let is_there = is_logging && server.commit.wait_for_disk(self.session.told, cx.waker());
                if is_there {
                    blocked.note_on_disk();
                }
                let replicas = wait.replicas;
                let have = server.replication.count_or_wait(client.id, replicas.offset, true, cx.waker());
                if (is_there || !wait.local) && have >= replicas.count {
                    blocked.give_up(server, worker.stats(), None);
                    continue;
                }
            }
            if let Some(wait) = blocked.replica_wait() {
                let replication = &worker.server.replication;
                if replication.count_or_wait(client.id, wait.offset, false, cx.waker()) >= wait.count {
                    blocked.give_up(&worker.server, worker.stats(), None);
                    continue;
                }
            }
            let Some(deadline) = blocked.deadline() else { return Poll::Pending };
            let left = deadline - worker.server.now();
            if left <= 0 {
                // Either nobody has answered, or somebody just has.
                blocked.give_up(&worker.server, worker.stats(), None);
                continue;
            }
            let timer = self.timer.get_or_insert_with(|| {
                Box::pin(tokio::time::sleep(Duration::from_millis(left.unsigned_abs())))
            });
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }
}
