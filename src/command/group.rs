//! Several commands as one unit: what EXEC runs, and what a script's calls become.
//!
//! Whoever makes a group holds the shards of everything in it, in advance, and lends them to each command. Nothing in a
//! group locks, waits or parks. Its effects are collected, appended once and so stand in the log as one; who waits for a
//! key is served once, at the end.

use crate::command::CommandResult;
use crate::command::blocking::{self, Blocking};
use crate::command::context::Context;
use crate::command::dispatch::{append_effects, count_keys};
use crate::command::listening;
use crate::command::spec::{Handler, Run};
use crate::command::table::Command;
use crate::keyspace::door::{Access, Finished, Known, Tally};
use crate::keyspace::router::Shards;
use crate::keyspace::wait::ReadyKey;
use crate::keyspace::{AccessClock, EffectBuffer, EffectLog, Keys, Locked, Lsn};
use crate::observe;
use crate::resp::{Args, CommandError, Output, Reply};
use crate::session::Session;
use crate::state::stats::WorkerStats;
use crate::state::{Server, gates};
use dunlin_structures::cycles;

/// What cannot be done while shards are held for others, too.
pub const NOT_IN_A_GROUP: CommandError =
    CommandError::text("This command is not allowed in a transaction or script");

/// A unit of several commands, as far as it ran.
pub struct Group<'g> {
    server: &'g Server,
    stats: &'g WorkerStats,
    /// The time of the whole unit, in ms since 1970.
    now: i64,
    access_clock: AccessClock,
    keeps_expired: bool,
    effects: &'g mut EffectBuffer,
    totals: Totals,
}

/// What a group did so far, beside its effects.
#[derive(Default)]
pub struct Totals {
    tally: Tally,
    ready: Vec<ReadyKey>,
}

impl Totals {
    /// What was looked up will be again.
    pub fn forget_lookups(&mut self) {
        (self.tally.hits, self.tally.misses) = (0, 0);
    }
}

impl<'g> Group<'g> {
    /// An empty one. `effects` is cleared.
    pub fn new(
        server: &'g Server,
        stats: &'g WorkerStats,
        now: i64,
        access_clock: AccessClock,
        effects: &'g mut EffectBuffer,
    ) -> Self {
        effects.clear();
        effects.wanted = server.commit.wanted();
        Self::go_on(server, stats, now, access_clock, effects, Totals::default())
    }

    /// One that has run before, with what it had done.
    pub fn go_on(
        server: &'g Server,
        stats: &'g WorkerStats,
        now: i64,
        access_clock: AccessClock,
        effects: &'g mut EffectBuffer,
        totals: Totals,
    ) -> Self {
        Self {
            server,
            stats,
            now,
            access_clock,
            keeps_expired: server.gates.closed() & gates::KEEPS_EXPIRED != 0,
            effects,
            totals,
        }
    }

    /// The time of the whole unit, in ms since 1970.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Interrupts it.
    pub fn pause(self) -> Totals {
        self.totals
    }

    /// Whether anything has changed so far.
    pub fn has_written(&self) -> bool {
        self.totals.tally.changes > 0
    }

    /// Runs one command, whose name, arity and rights were checked, on shards that are held: all of those that
    /// [`shards_of`](crate::command::dispatch::shards_of) names. `args` stand behind the command's name, `known` are its
    /// keys' positions as far as they are known. It is counted like any other. Of an error nothing stands in `out`.
    ///
    /// # Errors
    /// The command's.
    pub fn run(
        &mut self,
        shards: &mut dyn Shards,
        session: &mut Session,
        command: &Command,
        args: Args<'_>,
        known: &[Known],
        out: &mut Output,
    ) -> CommandResult {
        let handler: Handler = match command.spec.run {
            Run::OnKeys(handler)
            | Run::OnKeysOrAll(handler, _)
            | Run::OnAll(handler)
            | Run::Unlocked(handler)
            | Run::Bare(handler) => handler,
            Run::Whole(_) | Run::Container => |_, _| Err(NOT_IN_A_GROUP),
        };
        self.run_as(handler, shards, session, (command, args, known), out)
    }

    /// The same, by another function than the command's own.
    ///
    /// # Errors
    /// That function's.
    pub fn run_as(
        &mut self,
        handler: impl FnOnce(&mut Context<'_>, &mut Args<'_>) -> CommandResult,
        shards: &mut dyn Shards,
        session: &mut Session,
        (command, mut args, known): (&Command, Args<'_>, &[Known]),
        out: &mut Output,
    ) -> CommandResult {
        let server = self.server;
        let began = cycles::now();
        let mark = out.mark();
        let access = self.access(session.no_touch);
        let request = args;
        listening::monitor(server, session, command, request);
        let wanted = server.hub.wanted();
        let result = {
            let mut cx = Context {
                keys: Keys::new(
                    &server.keyspace,
                    Locked::Lent(shards),
                    known,
                    session.db,
                    self.now,
                    access,
                    request,
                    self.effects,
                    wanted,
                ),
                reply: Reply::new(out, session.protocol),
                blocking: Blocking::Denied,
                server,
                session,
                command,
                stats: self.stats,
                parked: None,
            };
            let result = handler(&mut cx, &mut args);
            if wanted != 0 {
                listening::note(cx.session, command, request, cx.keys.notices());
            }
            let totals = &mut self.totals;
            totals.tally.add(cx.keys.finish().tally);
            if cx.keys.has_ready() {
                totals.ready.append(&mut cx.keys.take_ready());
            }
            if cx.parked.is_some() { Err(NOT_IN_A_GROUP) } else { result }
        };
        if result.is_err() {
            out.cut_back(mark);
        }
        self.count(session, command, request, cycles::now().wrapping_sub(began), result.is_err());
        result
    }

    /// Ends the unit, whose shards are held still: appends its effects, then serves those who wait for what it changed.
    /// Returns what its reply waits for.
    pub fn finish(self, mut locked: Locked<'_>) -> Lsn {
        let access = self.access(false);
        let totals = self.totals;
        let finished = Finished { locked: &mut locked, effects: self.effects, tally: &totals.tally };
        count_keys(self.stats, &finished);
        let lsn = append_effects(self.server, finished);
        if !totals.ready.is_empty() {
            // What the unit took may have been the end of a key that it made: who waits is served by the clock of now.
            let now = self.server.now().max(self.now);
            blocking::serve(self.server, self.stats, now, access, locked, totals.ready);
        }
        lsn
    }

    fn access(&self, no_touch: bool) -> Access {
        Access { clock: self.access_clock, no_touch, keeps_expired: self.keeps_expired }
    }

    fn count(&self, session: &Session, command: &Command, args: Args<'_>, took: u64, failed: bool) {
        let stats = &self.stats.commands[command.id];
        let ns = cycles::to_ns(took);
        stats.calls.add(1);
        stats.cycles.add(took);
        stats.failed.add(u64::from(failed));
        stats.record_latency(ns);
        if ns >= observe::attention_ns(self.server) {
            observe::slow_command(self.server, session, command, args, ns, self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::dispatch::shards_of;
    use crate::command::testing::TestClient;
    use crate::resp::decode::Span;

    /// Runs the lines as one group, which must be answered by those replies; `between` looks before it ends.
    fn run_together(client: &mut TestClient, lines: &[(&str, &str)], between: impl FnOnce(&mut TestClient)) {
        let server = std::sync::Arc::clone(&client.server);
        let mut effects = EffectBuffer::default();
        let mut output = Output::default();
        let requests: Vec<(Vec<u8>, Vec<Span>)> = lines.iter().map(|(line, _)| spans(line)).collect();
        let command = |args: Args<'_>| server.commands.find(args.at(0)).expect("a command");
        let set = requests.iter().fold(0, |set, (bytes, spans)| {
            let args = Args::new(bytes, spans);
            set | shards_of(command(args), args, &[])
        });
        let mut locked = server.keyspace.lock_set(set);
        let mut group = Group::new(
            &server,
            &server.workers[0],
            client.now,
            client.server.access_clock(client.now),
            &mut effects,
        );
        for ((bytes, spans), (line, expect)) in requests.iter().zip(lines) {
            let args = Args::new(bytes, spans);
            let session = &mut client.session;
            if let Err(error) = group.run(&mut locked, session, command(args), args, &[], &mut output) {
                Reply::new(&mut output, session.protocol).error_line(&error.line());
            }
            let reply = String::from_utf8_lossy(&output.bytes).trim_end().replace("\r\n", "|");
            assert_eq!(reply, *expect, "{line}");
            output.clear();
        }
        between(client);
        group.finish(locked);
    }

    fn spans(line: &str) -> (Vec<u8>, Vec<Span>) {
        let mut start = 0;
        let spans = line.split(' ').map(|word| {
            let span = Span { start, len: word.len() as u32 };
            start += word.len() as u32 + 1;
            span
        });
        (line.into(), spans.collect())
    }

    #[test]
    fn commands_see_each_other_and_are_logged_and_heard_of_as_one() {
        let mut client = TestClient::new();
        let mut waiter = client.beside();
        waiter.say("BLPOP l 0");
        let lines = [
            ("SET k 1", "+OK"),
            ("INCR k", ":2"),
            ("GETDEL k", "$1|2"),
            ("RPUSH l a", ":1"),
            ("LPUSH k b", ":1"),
            ("INCR k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("BLPOP nosuch 0", "*-1"),
            ("RPUSH l b", ":2"),
            ("LPOP l", "$1|a"),
        ];
        run_together(&mut client, &lines, |client| {
            assert!(client.effects().is_empty());
            assert_eq!(waiter.answer(), "(waiting)");
        });
        assert_eq!(
            client.effects(),
            [
                "0: SET k 1",
                "0: INCR k",
                "0: DEL k",
                "0: RPUSH l a",
                "0: LPUSH k b",
                "0: RPUSH l b",
                "0: LPOP l",
                "0: LPOP l 1"
            ]
        );
        assert_eq!(waiter.answer(), "*2|$1|l|$1|b");
    }

    #[test]
    fn whole_databases_are_reached_through_the_shards_that_are_held() {
        let mut client = TestClient::new();
        client.say("SET k 1");
        let lines = [
            ("DBSIZE", ":1"),
            ("KEYS *", "*1|$1|k"),
            ("SCAN 0 COUNT 100", "*2|$1|0|*1|$1|k"),
            ("RANDOMKEY", "$1|k"),
            ("SWAPDB 0 1", "+OK"),
            ("DBSIZE", ":0"),
            ("FLUSHALL", "+OK"),
            ("KEYS *", "*0"),
            ("RPUSH l b a", ":2"),
            ("SORT l BY w_* GET #", "*2|$1|a|$1|b"),
        ];
        run_together(&mut client, &lines, |_| {});
    }
}
