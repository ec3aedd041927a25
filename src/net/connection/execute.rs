//! From decoded requests to replies: of one client alone, batch by batch.

use super::{BATCHES_PER_TURN, Connection, LARGE_REPLY};
use crate::command::context::ParkedOn;
use crate::command::dispatch::{Outcome, Unit};
use crate::net::batch::{Ahead, Batch};
use crate::net::worker::{Scratch, Worker};
use crate::resp::decode::{Decoder, Limits};
use crate::resp::{Output, Reply};
use crate::session::ReplyMode;
use dunlin_structures::cycles::Stopwatch;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

/// How far a client's requests were executed.
pub(super) struct Progress {
    /// Where the first one begins that wasn't.
    pub at: usize,
    pub commands: u64,
    /// `u32::MAX`: one that does not exist.
    pub last_command: u32,
}

impl Progress {
    pub(super) fn from(at: usize) -> Self {
        Self { at, commands: 0, last_command: u32::MAX }
    }
}

impl Connection {
    pub(super) fn limits(&self, worker: &Worker) -> Limits {
        Limits {
            bulk_len_max: worker.server.hot.proto_max_bulk_len.load(Relaxed),
            unauthenticated: self.session.needs_auth(),
        }
    }

    /// Executes what was kept, or some of it, when no wave waits: there is one batch. Returns how many bytes; `None` if it
    /// led nowhere.
    pub(super) fn execute_buffered(&mut self, cx: &mut Context<'_>, worker: &Worker) -> Option<usize> {
        let mut scratch = worker.scratch.borrow_mut();
        let mut buffer = std::mem::take(&mut self.input);
        let start = self.executed;
        let done = self.execute(cx, worker, &mut scratch, &mut buffer, start);
        self.settle_buffer(worker, buffer, done);
        worker.server.count_client(&self.session.client);
        (done > start || self.parked.is_some()).then_some(done - start)
    }

    /// Executes the requests in `buffer[start..]`, batch by batch, and sends the replies. Returns where it stopped.
    pub(super) fn execute(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        scratch: &mut Scratch,
        buffer: &mut [u8],
        start: usize,
    ) -> usize {
        let server = &*worker.server;
        let stats = worker.stats();
        let mut progress = Progress::from(start);
        let mut now = server.now();
        let room = Self::output_max(worker).saturating_sub(self.output.len());
        for _ in 0..BATCHES_PER_TURN {
            let Scratch { output, batch, effects, large_values, .. } = scratch;
            if self.session.client.has_pushes() {
                self.session.take_pushes(&server.backlog, output);
            }
            let limits = self.limits(worker);
            let ahead = Ahead { keyspace: &server.keyspace, db: self.session.db };
            batch.clear();
            let (end, error) =
                batch.decode(&mut self.decoder, buffer, progress.at, limits, &server.commands, ahead);
            batch.prefetch(ahead, &server.commands, buffer, *large_values);
            let output_before = output.len();
            let access_clock = server.access_clock(now);
            let mut unit = Unit { server, stats, effects, now, access_clock, stopwatch: Stopwatch::start() };
            self.execute_requests(&mut unit, batch, 0..batch.len(), buffer, output, &mut progress);
            now = unit.now;
            // What one batch moved is the best guess for the next one.
            *large_values = batch.len() > 1 && (output.len() - output_before) / batch.len() > LARGE_REPLY;
            if self.parked.is_some() || self.finishing {
                break;
            }
            progress.at = end;
            if let Some(error) = error {
                let line = error.line();
                server.shared.count_error(&line);
                if self.session.reply_mode == ReplyMode::On {
                    Reply::new(output, self.session.protocol).error_line(&line);
                }
                self.finishing = true;
                break;
            }
            if batch.is_empty() || output.len() >= room {
                break;
            }
        }
        scratch.trim();
        stats.batches.add(1);
        worker.publish_memory();
        self.publish(worker, now, &progress);
        let at = progress.at;
        // What is no whole request says nothing.
        if at > start {
            self.shrinks = scratch.output.len() <= at - start;
        }
        self.send(cx, worker, scratch);
        at
    }

    /// Executes some requests of a batch, in their order, until one must wait or is the last one.
    #[inline]
    pub(super) fn execute_requests(
        &mut self,
        unit: &mut Unit<'_>,
        batch: &Batch,
        requests: Range<usize>,
        buffer: &mut [u8],
        output: &mut Output,
        progress: &mut Progress,
    ) {
        let commands = unit.server.commands.all();
        if self.session.client.is_killed() {
            return;
        }
        self.session.follow_user();
        for index in requests {
            let Some(request) = batch.request(index) else { break };
            let command = request.command.map(|id| &commands[id as usize]);
            let args = batch.args(request, buffer);
            match unit.execute(&mut self.session, command, args, batch.known(request), output) {
                Outcome::Done(lsn) => self.session.told = self.session.told.max(lsn),
                Outcome::Parked(on) => {
                    // It and those behind it are decoded again when it can run; or those behind it only, if what it
                    // waits for is a key: then it waits elsewhere, and is answered there.
                    if matches!(on, ParkedOn::Keys(_) | ParkedOn::Script(_)) {
                        progress.at = request.end;
                        progress.commands += 1;
                        progress.last_command = request.command.unwrap_or(u32::MAX);
                    }
                    self.parked = Some(on);
                    self.decoder = Decoder::default();
                    batch.put_back(buffer, progress.at);
                    break;
                }
            }
            progress.at = request.end;
            progress.commands += 1;
            progress.last_command = request.command.unwrap_or(u32::MAX);
            if self.session.closing {
                self.finishing = true;
                break;
            }
        }
    }

    /// Counts what this client did, and lets others see it.
    pub(super) fn publish(&mut self, worker: &Worker, now: i64, progress: &Progress) {
        worker.stats().requests.add(progress.commands);
        let client = &self.session.client;
        client.last_active.store(now, Relaxed);
        client.commands.store(client.commands.load(Relaxed) + progress.commands, Relaxed);
        // A container is no command that ran: dispatch has noted which of its subcommands was, if any.
        let last = worker.server.commands.all().get(progress.last_command as usize);
        if progress.commands > 0 && last.is_none_or(|command| command.subcommand_ids.is_empty()) {
            client.last_command.store(progress.last_command, Relaxed);
        }
        if self.keeps_buffer() {
            self.halve_buffer(worker);
        }
        self.publish_input();
        let client = &self.session.client;
        if self.session.transaction.is_some() {
            // What it queues and watches is part of what it holds.
            worker.server.count_client(client);
        }
    }

    /// Sends the batch's replies: at once if they may leave and the socket takes them, else they are kept.
    fn send(&mut self, cx: &mut Context<'_>, worker: &Worker, scratch: &mut Scratch) {
        if scratch.output.is_empty() {
            return;
        }
        if self.refuses_flood(worker, scratch.output.len()) {
            scratch.reset_output();
            return;
        }
        let at_once = self.output.is_empty() && worker.server.commit.may_leave(self.session.told);
        if at_once && !scratch.output.has_shared() {
            match self.stream.poll_write(cx, &scratch.output.bytes) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.count_output(worker, count);
                    if count == scratch.output.bytes.len() {
                        scratch.reset_output();
                        return;
                    }
                    scratch.output.consume(count);
                }
                // A broken connection shows again when the rest is flushed.
                Poll::Ready(_) | Poll::Pending => {}
            }
        }
        self.output.append(&mut scratch.output);
        scratch.reset_output();
        self.session.client.output_bytes.store(self.output.len() as u64, Relaxed);
    }
}
