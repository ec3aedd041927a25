//! One request's way: gates, locks, handler, effects, reply.
//!
//! The order matters and is this: nothing is locked before the gates let the request through; effects are appended
//! before any lock is released, so that the log's order is the order of execution; the reply's LSN is known then.

use crate::command::blocking;
use crate::command::context::{Context, ParkedOn};
use crate::command::debug;
use crate::command::evicting::{self, Room};
use crate::command::listening;
use crate::command::module;
use crate::command::permission;
use crate::command::spec::{self, Run};
use crate::command::table::{Command, KeyPattern};
use crate::command::transaction;
use crate::hub;
use crate::keyspace::door::{Access, Finished, Known};
use crate::keyspace::{AccessClock, EffectBuffer, EffectLog, Keys, Locked, Lsn, Position};
use crate::observe;
use crate::replication::lacks_replicas;
use crate::resp::error::unknown_command;
use crate::resp::output::Mark;
use crate::resp::{Args, CommandError, Output, Protocol, Reply};
use crate::session::{ReplyMode, Session, gate};
use crate::state::stats::WorkerStats;
use crate::state::{Server, gates};
use dunlin_structures::cycles::Stopwatch;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// After a unit that took so long the next one of its batch reads the clock again.
const CLOCK_NS: u64 = 1_000_000;

/// What a worker brings along for all its units.
pub struct Unit<'a> {
    pub server: &'a Server,
    pub stats: &'a WorkerStats,
    pub effects: &'a mut EffectBuffer,
    /// The time of the batch, in ms since 1970; read again after a wait for a shard, and after a unit that took long.
    pub now: i64,
    /// The access clock at that time.
    pub access_clock: AccessClock,
    /// Runs since the unit before this one ended.
    pub stopwatch: Stopwatch,
}

/// What became of a command that runs others. But for an error that it returns, it leaves replies out itself where CLIENT
/// REPLY says so.
pub enum Whole {
    Done(Lsn),
    /// It was answered, by an error.
    Failed(Lsn),
    Parked(ParkedOn),
    /// A script owns what it needs; nothing has happened.
    Owned(Owned),
}

/// A script that owns what is needed, and what counts those that end.
#[derive(Clone, Copy, Debug)]
pub struct Owned {
    pub owner: u64,
    pub opened: u64,
    /// Who waits is no script itself.
    pub may_hold: bool,
}

impl Owned {
    /// To be made while the mark is seen, under its shard's lock: then its end is not missed.
    pub fn new(server: &Server, owner: u64) -> Self {
        let opened = server.gates.opened();
        server.scripts.owners.wait();
        Self { owner, opened, may_hold: true }
    }

    /// For a script.
    pub fn by_script(server: &Server, owner: u64) -> Self {
        Self { may_hold: false, ..Self::new(server, owner) }
    }

    /// For a mark that was seen under a lock which is gone by now.
    #[cold]
    pub fn seen(server: &Server, (shard, owner): (usize, u64)) -> Self {
        let owned = Self::new(server, owner);
        if server.keyspace.lock(shard).owner != owner {
            // It is over: perhaps nobody else calls.
            server.gates.retry();
        }
        owned
    }

    /// What those are told who would wait for a script that runs for too long.
    fn busy(self, server: &Server) -> Option<CommandError> {
        server.scripts.owners.busy(self.owner).map(|owner| CommandError::busy(owner.is_function()))
    }
}

/// An error on its way out. A result that is copied whole is read while it is still being written, which holds up each request
/// that has none.
#[cold]
#[inline(never)]
fn boxed(error: CommandError) -> Box<CommandError> {
    Box::new(error)
}

/// What became of a request.
#[derive(Clone)]
pub enum Outcome {
    /// It was answered; the reply may leave once this LSN is durable.
    Done(Lsn),
    /// It can't run now; nothing has happened.
    Parked(ParkedOn),
}

impl Unit<'_> {
    /// Runs one request. `known` are its keys' positions as far as the batch computed them.
    // Always: left to itself the compiler takes it apart at the slightest change elsewhere, which costs each request 70 instructions.
    #[inline(always)]
    pub fn execute(
        &mut self,
        session: &mut Session,
        command: Option<&Command>,
        mut args: Args<'_>,
        known: &[Known],
        out: &mut Output,
    ) -> Outcome {
        let server = self.server;
        let mut mark = out.mark();
        let Some(mut command) = command else {
            if is_http(args) {
                tracing::warn!(
                    "Possible SECURITY ATTACK detected: an HTTP request arrived, perhaps from a browser. Connection aborted."
                );
                session.closing = true;
                return Outcome::Done(Lsn::default());
            }
            let error = unknown_command(args.at(0), args.from(1));
            return self.refuse(session, None, &error, out);
        };
        if matches!(command.spec.run, Run::Container | Run::Bare(_)) {
            match resolve_subcommand(server, command, &mut args) {
                Ok(subcommand) => {
                    command = subcommand;
                    // CLIENT LIST names the subcommand; the connection knows only its container.
                    session.client.last_command.store(command.id as u32, Relaxed);
                }
                Err(error) => {
                    let is_alone = args.len() == 1;
                    session
                        .client
                        .last_command
                        .store(if is_alone { command.id as u32 } else { u32::MAX }, Relaxed);
                    return self.refuse(session, Some(command), &error, out);
                }
            }
        }
        if !command.accepts(args.len()) {
            let error = CommandError::WrongArity(command.full_name);
            return self.refuse(session, Some(command), &error, out);
        }
        let mut keeps_expired = false;
        if server.gates.closed() | session.gates != 0 {
            keeps_expired = server.gates.closed() & gates::KEEPS_EXPIRED != 0;
            let gate = check_gates(server, &self.stats.memory, session, command, args, self.now);
            if session.gates & gate::LISTENS != 0 && session.client.has_pushes() {
                // What was evicted is said before the reply.
                session.take_pushes(&server.backlog, out);
                mark = out.mark();
            }
            match gate {
                Gate::Open => {}
                Gate::Refused(error) => return self.refuse(session, Some(command), &error, out),
                Gate::Parked(on) => return Outcome::Parked(on),
                Gate::Queued => return self.queue(session, command, args, known, out),
            }
        }

        let handler = match command.spec.run {
            Run::OnKeys(handler)
            | Run::OnKeysOrAll(handler, _)
            | Run::OnAll(handler)
            | Run::Unlocked(handler)
            | Run::Bare(handler) => handler,
            Run::Whole(run) => return self.execute_whole(run, session, command, args, known, out),
            // A container was resolved above; its subcommands are no containers.
            Run::Container => return self.refuse(session, Some(command), &CommandError::Syntax, out),
        };
        self.effects.clear();
        let mut access = Access { clock: self.access_clock, no_touch: session.no_touch, keeps_expired };
        let mut failure = None;
        let (parked, owned, lsn) = {
            // Made in its place, and the guards of its shards after it in theirs: what is made before has to be copied there.
            let mut cx = Context {
                keys: Keys::new(
                    &server.keyspace,
                    Locked::None,
                    known,
                    session.db,
                    self.now,
                    access,
                    args,
                    self.effects,
                    0,
                ),
                reply: Reply::new(out, session.protocol),
                blocking: blocking::allowed(session),
                server,
                session,
                command,
                stats: self.stats,
                parked: None,
            };
            let mut waited = false;
            let before = match command.spec.run {
                Run::OnKeys(_) => {
                    lock_keys(cx.keys.locked_mut(), server, command, args, known, &mut waited);
                    match cx.keys.locked_mut() {
                        locked if locked.is_special() => settle(locked, server, command, &mut waited),
                        _ => None,
                    }
                }
                Run::Unlocked(_) | Run::Bare(_) => None,
                run => lock_more(cx.keys.locked_mut(), server, command, run, args, known, &mut waited),
            };
            // No way out from here: the guards are dropped in one place.
            let runs = before.is_none();
            if waited && let Some((now, clock)) = clock_again(server, cx.session) {
                (self.now, self.access_clock) = (now, clock);
                access.clock = clock;
                cx.keys.set_time(now, clock);
            }
            // Asked under the locks, as they are held by whoever turns on the log or begins to listen.
            let wanted_events = server.hub.wanted();
            cx.keys.announce_to(server.commit.wanted(), wanted_events);
            if runs && let Err(error) = handler(&mut cx, &mut args) {
                failure = Some(boxed(error));
            }
            if wanted_events != 0 && runs {
                listening::note(cx.session, command, args, cx.keys.notices());
            }
            // What was seen without a lock may be a part of what a script does.
            let owned = cx.keys.met_owner();
            let finished = cx.keys.finish();
            count_keys(self.stats, &finished);
            let lsn = append_effects(server, finished);
            if cx.keys.has_ready() {
                let (locked, ready) = cx.keys.into_ready();
                blocking::serve(server, self.stats, self.now, access, locked, ready);
            }
            (cx.parked, (before, owned), lsn)
        };
        if let Some(owned) = owned.0 {
            return self.meet_owner(session, command, owned, out);
        }
        if let Some(owned) = owned.1
            && command.flags().has(spec::READS_ALL.and(spec::READONLY))
        {
            out.cut_back(mark);
            return self.meet_owner(session, command, Owned::seen(server, owned), out);
        }
        if let Some(on) = parked {
            out.cut_back(mark);
            return Outcome::Parked(on);
        }
        let stats = &self.stats.commands[command.id];
        if let Some(error) = &failure {
            out.cut_back(mark);
            self.write_error(session, error, out);
            stats.failed.add(1);
        }
        if session.gates & (gate::REPLY_MODE | gate::LISTENS) != 0 {
            after_reply(server, session, command, out, mark);
        }
        let lap = self.stopwatch.lap();
        stats.calls.add(1);
        stats.cycles.add(lap.cycles);
        stats.record_latency(lap.ns);
        if lap.ns >= observe::attention_ns(server) {
            observe::slow_command(server, session, command, args, lap.ns, self.now);
        }
        if lap.ns >= CLOCK_NS {
            self.read_clock(session);
        }
        Outcome::Done(lsn)
    }

    /// A script owns what the request needs: its connection waits for the script, unless that takes too long.
    #[cold]
    pub fn meet_owner(
        &mut self,
        session: &mut Session,
        command: &Command,
        owned: Owned,
        out: &mut Output,
    ) -> Outcome {
        match owned.busy(self.server) {
            Some(error) if !command.flags().has(spec::ALLOW_BUSY) => {
                self.refuse(session, Some(command), &error, out)
            }
            _ => {
                self.stopwatch.lap();
                Outcome::Parked(ParkedOn::Owner { opened: owned.opened, may_hold: owned.may_hold })
            }
        }
    }

    /// Runs a command that runs others.
    fn execute_whole(
        &mut self,
        run: spec::Whole,
        session: &mut Session,
        command: &Command,
        args: Args<'_>,
        known: &[Known],
        out: &mut Output,
    ) -> Outcome {
        let mark = out.mark();
        // What it runs is its client's doing: ACL LOG and CLIENT LIST name this command.
        session.client.last_command.store(command.id as u32, Relaxed);
        let result = run(self, session, command, args, known, out);
        let stats = &self.stats.commands[command.id];
        let lsn = match result {
            Ok(Whole::Done(lsn)) => lsn,
            Ok(Whole::Failed(lsn)) => {
                stats.failed.add(1);
                lsn
            }
            Ok(Whole::Parked(on)) => {
                out.cut_back(mark);
                self.stopwatch.lap();
                return Outcome::Parked(on);
            }
            Ok(Whole::Owned(owned)) => {
                out.cut_back(mark);
                return self.meet_owner(session, command, owned, out);
            }
            Err(error) => {
                out.cut_back(mark);
                self.write_error(session, &error, out);
                stats.failed.add(1);
                if session.gates & gate::REPLY_MODE != 0 {
                    apply_reply_mode(session, || out.cut_back(mark));
                }
                Lsn::default()
            }
        };
        // Behind what it ran; a script is hidden here, and shown before that.
        listening::monitor(self.server, session, command, args);
        if session.gates & gate::LISTENS != 0 {
            after_push(self.server, session, command, out);
        }
        let lap = self.stopwatch.lap();
        stats.calls.add(1);
        stats.cycles.add(lap.cycles);
        stats.record_latency(lap.ns);
        if lap.ns >= observe::attention_ns(self.server) {
            observe::slow_command(self.server, session, command, args, lap.ns, self.now);
        }
        if lap.ns >= CLOCK_NS {
            self.read_clock(session);
        }
        Outcome::Done(lsn)
    }

    /// Keeps a request for EXEC.
    #[cold]
    fn queue(
        &mut self,
        session: &mut Session,
        command: &Command,
        args: Args<'_>,
        known: &[Known],
        out: &mut Output,
    ) -> Outcome {
        let mark = out.mark();
        transaction::queue(self.server, session, command, args, known);
        Reply::new(out, session.protocol).simple("QUEUED");
        if session.gates & gate::REPLY_MODE != 0 {
            apply_reply_mode(session, || out.cut_back(mark));
        }
        // What runs next doesn't answer for it.
        self.stopwatch.lap();
        Outcome::Done(Lsn::default())
    }

    /// A time to live counts from when its key is there, not from when its request came: a client that waited would be
    /// told of a lock that is over already. A log is replayed at a time of its own, which stands still.
    #[cold]
    pub fn read_clock(&mut self, session: &Session) {
        if let Some(again) = clock_again(self.server, session) {
            (self.now, self.access_clock) = again;
        }
    }

    /// Answers an error without running anything.
    #[cold]
    fn refuse(
        &mut self,
        session: &mut Session,
        command: Option<&Command>,
        error: &CommandError,
        out: &mut Output,
    ) -> Outcome {
        let mark = out.mark();
        if let Some(command) = command {
            self.stats.commands[command.id].rejected.add(1);
        }
        let instead = transaction::note_refusal(self.server, session, command, error);
        self.write_error(session, instead.as_ref().unwrap_or(error), out);
        forget_caching(session, command);
        if session.gates & gate::REPLY_MODE != 0 {
            apply_reply_mode(session, || out.cut_back(mark));
        }
        Outcome::Done(Lsn::default())
    }

    fn write_error(&self, session: &Session, error: &CommandError, out: &mut Output) {
        let line = error.line();
        self.server.shared.count_error(&line);
        Reply::new(out, session.protocol).error_line(&line);
    }
}

/// A browser was tricked into talking to us (cross-protocol scripting): its first words are no commands.
#[cold]
fn is_http(args: Args<'_>) -> bool {
    args.is(0, "post") || args.is(0, "host:")
}

/// What comes of a reply that was written: it is left out where the client wants none, and what the client is told of its
/// own request beside its reply comes behind it.
#[cold]
fn after_reply(server: &Server, session: &mut Session, command: &Command, out: &mut Output, mark: Mark) {
    if session.gates & gate::REPLY_MODE != 0 {
        let is_push = command.flags().has(spec::PUSHES);
        apply_reply_mode(session, || {
            if !is_push {
                out.cut_back(mark);
            }
        });
    }
    after_push(server, session, command, out);
}

/// What the client is told of its own request beside its reply.
#[cold]
fn after_push(server: &Server, session: &mut Session, command: &Command, out: &mut Output) {
    forget_caching(session, Some(command));
    if session.gates & gate::LISTENS != 0 && session.client.has_pushes() {
        session.take_pushes(&server.backlog, out);
    }
}

/// CLIENT CACHING is about the request behind it, even one that is refused, or the transaction.
fn forget_caching(session: &mut Session, command: Option<&Command>) {
    let is_caching = session.gates & (gate::TRACKING | gate::IN_MULTI) == gate::TRACKING;
    if is_caching && command.is_none_or(|command| !command.full_name.starts_with("client|")) {
        session.caching = false;
    }
}

/// CLIENT REPLY OFF and SKIP: leaves the reply out and moves on to the next mode.
#[cold]
pub fn apply_reply_mode(session: &mut Session, forget: impl FnOnce()) {
    match session.reply_mode {
        ReplyMode::On => {}
        ReplyMode::Off => forget(),
        ReplyMode::SkipNext => {
            forget();
            session.set_reply_mode(ReplyMode::Skip);
        }
        ReplyMode::Skip => {
            forget();
            session.set_reply_mode(ReplyMode::On);
        }
    }
}

/// The subcommand that a request names, whose own arguments follow. Its arity is not yet checked.
#[cold]
pub fn resolve_subcommand<'s>(
    server: &'s Server,
    container: &'s Command,
    args: &mut Args<'_>,
) -> Result<&'s Command, CommandError> {
    let Some(name) = args.get(1) else {
        let runs_itself = matches!(container.spec.run, Run::Bare(_));
        return if runs_itself { Ok(container) } else { Err(CommandError::WrongArity(container.full_name)) };
    };
    args.seek(2);
    server
        .commands
        .subcommand(container, name)
        .ok_or_else(|| CommandError::UnknownSubcommand { container: container.spec.name, given: name.into() })
}

enum Gate {
    Open,
    /// It waits for EXEC.
    Queued,
    Refused(CommandError),
    Parked(ParkedOn),
}

/// Whether this client may use a command that needs the operator's leave.
fn check_protected(server: &Server, session: &Session, command: &Command) -> Result<(), CommandError> {
    if command.full_name == "debug" {
        debug::check_allowed(server, &session.client)
    } else {
        Err(module::REFUSED)
    }
}

/// The gates, in Redis' order: authentication, the user's rights, memory, log, loading; then what makes a request wait.
/// `held` is where this thread publishes what memory it holds.
#[cold]
fn check_gates(
    server: &Server,
    held: &AtomicI64,
    session: &Session,
    command: &Command,
    args: Args<'_>,
    now: i64,
) -> Gate {
    if session.gates & gate::RECOVERY != 0 {
        return Gate::Open;
    }
    // Read before the gates are: one that opens in between is noticed.
    let opened = server.gates.opened();
    let closed = server.gates.closed();
    // Who comes back for the outcome of an errand was let through when it asked for it.
    if session.errand.is_some() {
        // But nobody meets a part of the data.
        let waits = closed & gates::LOADING != 0 && !command.flags().has(spec::LOADING);
        return if waits { Gate::Parked(ParkedOn::Gate { opened }) } else { Gate::Open };
    }
    let (flags, lacking) = transaction::effective_flags(server, session, command, args);
    let is_in_multi = session.gates & gate::IN_MULTI != 0;
    let is_queued = is_in_multi && !flags.has(spec::NOT_QUEUED);
    let is_write = flags.has(spec::WRITE);
    if closed & gates::SHUTTING_DOWN != 0 {
        return Gate::Parked(ParkedOn::Gate { opened });
    }
    // Where the password was taken away, those who never gave it may go on.
    let password_needed = server.hot.password_needed.load(std::sync::atomic::Ordering::Relaxed);
    if session.needs_auth() && password_needed && !flags.has(spec::NO_AUTH) {
        return Gate::Refused(CommandError::NoAuth);
    }
    // Outside of MULTI they see to it themselves.
    if is_queued
        && flags.has(spec::PROTECTED)
        && let Err(error) = check_protected(server, session, command)
    {
        return Gate::Refused(error);
    }
    if is_in_multi && flags.has(spec::NO_MULTI) {
        return Gate::Refused(CommandError::text("Command not allowed inside a transaction"));
    }
    if session.gates & gate::RESTRICTED != 0
        && let Err(denied) = permission::check(&session.user, command, args)
    {
        let place = permission::Place::of_request(session, command);
        permission::note(server, session, command, args, denied, place, now);
        return Gate::Refused(permission::error(&session.user, command, denied));
    }
    // A queue takes memory, whatever is in it.
    if closed & gates::MEMORY_LIMITED != 0
        && evicting::make_room(server, held) == Room::None
        && (is_queued || flags.has(spec::DENYOOM))
    {
        return Gate::Refused(CommandError::OutOfMemory);
    }
    // As in Redis a client that only asks whether all is well is told, too.
    if closed & gates::LOG_FAILED != 0 && (is_write || command.full_name == "ping") {
        return Gate::Refused(CommandError::LogFailed(server.commit.failure().into()));
    }
    if closed & gates::REPLICAS_NEEDED != 0 && is_write && lacks_replicas(server) {
        return Gate::Refused(CommandError::NoReplicas);
    }
    if session.gates & gate::SUBSCRIBED != 0
        && session.protocol == Protocol::Resp2
        && !command.flags().has(spec::WHILE_SUBSCRIBED)
    {
        return Gate::Refused(CommandError::formatted(format!(
            "Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
            command.full_name
        )));
    }
    if closed & gates::LOADING != 0 && lacking.has(spec::LOADING) {
        return Gate::Refused(CommandError::Loading);
    }
    if closed & gates::SCRIPT_BUSY != 0
        && lacking.has(spec::ALLOW_BUSY)
        && let Some(owner) = server.scripts.owners.any_busy()
    {
        return Gate::Refused(CommandError::busy(owner.is_function()));
    }
    let may_write = is_write || flags.has(spec::MAY_REPLICATE);
    // To Redis, who monitors is a replica.
    if session.gates & (gate::MONITORS | gate::FOLLOWS) != 0 && (may_write || flags.has(spec::READONLY)) {
        return Gate::Refused(CommandError::text("Replica can't interact with the keyspace"));
    }
    let paused = closed & gates::PAUSED_ALL != 0 || closed & gates::PAUSED_WRITES != 0 && may_write;
    if paused && !flags.has(spec::NEVER_PAUSED) && now < server.gates.pause_ends() {
        return Gate::Parked(ParkedOn::Gate { opened });
    }
    if is_queued {
        return Gate::Queued;
    }
    // What scripts write takes room, too.
    let takes_room = is_write || matches!(command.spec.run, Run::Whole(_)) && may_write;
    if closed & gates::LOG_FULL != 0 && takes_room {
        return Gate::Parked(ParkedOn::Gate { opened });
    }
    if !matches!(command.spec.run, Run::Whole(_)) {
        listening::monitor(server, session, command, args);
    }
    Gate::Open
}

/// The time and the access clock's value by now, but for a log.
fn clock_again(server: &Server, session: &Session) -> Option<(i64, AccessClock)> {
    (session.gates & gate::RECOVERY == 0).then(|| {
        let now = server.now();
        (now, server.access_clock(now))
    })
}

/// Looks closer at shards that were locked: they may be owned, which is returned, or more may be needed.
#[cold]
fn settle<'s>(
    locked: &mut Locked<'s>,
    server: &'s Server,
    command: &Command,
    waited: &mut bool,
) -> Option<Owned> {
    if locked.cross_shards() && command.flags().has(spec::WRITE) {
        // Whom this write serves may take from here and put elsewhere (BLMOVE), before anybody else.
        *locked = Locked::None;
        *locked = server.keyspace.lock_set_noting(u64::MAX, waited);
    }
    locked.owner().map(|owner| Owned::new(server, owner))
}

/// Locks for a request that reaches, or may reach, further than to its keys.
#[inline(never)]
fn lock_more<'s>(
    locked: &mut Locked<'s>,
    server: &'s Server,
    command: &Command,
    run: Run,
    args: Args<'_>,
    known: &[Known],
    waited: &mut bool,
) -> Option<Owned> {
    let all = match run {
        Run::OnKeysOrAll(_, reaches_further) => reaches_further(args),
        _ => true,
    };
    let set = if all { u64::MAX } else { shards_of_keys(command, args, known) };
    *locked = server.keyspace.lock_set_noting(set, waited);
    settle(locked, server, command, waited)
}

/// Locks the shards of the request's keys, in ascending order. Into its place, where nothing is locked yet.
#[inline(always)]
fn lock_keys<'s>(
    locked: &mut Locked<'s>,
    server: &'s Server,
    command: &Command,
    args: Args<'_>,
    known: &[Known],
    waited: &mut bool,
) {
    match (command.key_pattern, known) {
        (KeyPattern::One(_) | KeyPattern::Tail { .. }, [known]) => {
            server.keyspace.lock_into(locked, known.position.shard(), waited);
        }
        _ => lock_any_keys(locked, server, command, args, known, waited),
    }
}

#[inline(never)]
fn lock_any_keys<'s>(
    locked: &mut Locked<'s>,
    server: &'s Server,
    command: &Command,
    args: Args<'_>,
    known: &[Known],
    waited: &mut bool,
) {
    *locked = server.keyspace.lock_set_noting(shards_of_keys(command, args, known), waited);
}

/// The shards of a request's keys, a bit for each.
fn shards_of_keys(command: &Command, args: Args<'_>, known: &[Known]) -> u64 {
    let shard = |key: &[u8]| 1u64 << Position::of(key).shard();
    match command.key_pattern {
        KeyPattern::None => 0,
        // The batch knows all of a request's keys or none.
        _ if !known.is_empty() => known.iter().fold(0, |set, known| set | 1 << known.position.shard()),
        KeyPattern::One(index) => shard(args.at(index)),
        KeyPattern::Tail { first, back, step } => {
            let end = args.len().saturating_sub(back);
            (first..end).step_by(step).fold(0, |set, index| set | shard(args.at(index)))
        }
        KeyPattern::General => match command.keys(args) {
            Some(keys) => keys.iter().fold(0, |set, key| set | shard(args.at(key.index))),
            // The arguments contradict the specs: the handler will say how. It may reach any key until it does.
            None => u64::MAX,
        },
    }
}

/// The shards that a request may touch, a bit for each: what must be held before it runs within a larger unit.
pub fn shards_of(command: &Command, args: Args<'_>, known: &[Known]) -> u64 {
    match command.spec.run {
        Run::OnKeysOrAll(_, reaches_further) if reaches_further(args) => u64::MAX,
        Run::OnKeys(_) | Run::OnKeysOrAll(..) => shards_of_keys(command, args, known),
        Run::OnAll(_) => u64::MAX,
        Run::Unlocked(_) | Run::Bare(_) if command.flags().has(spec::READS_ALL) => u64::MAX,
        Run::Unlocked(_) | Run::Bare(_) | Run::Whole(_) | Run::Container => 0,
    }
}

/// Counts what a unit that clients asked for did.
#[inline]
pub fn count_keys(stats: &WorkerStats, finished: &Finished<'_, '_>) {
    let tally = finished.tally;
    stats.hits.add(u64::from(tally.hits));
    stats.misses.add(u64::from(tally.misses));
    stats.dirty.add(tally.changes);
}

/// Appends what the unit did, still under its locks, and returns the LSN that its reply waits for. Whoever is to hear of
/// it is told under those locks, too: so all hear of a key's changes in the order in which they were made.
#[inline(always)]
pub fn append_effects(server: &Server, finished: Finished<'_, '_>) -> Lsn {
    let has_notices = !finished.effects.notices.is_empty();
    if !has_notices {
        return append(server, finished);
    }
    let mut notices = std::mem::take(&mut finished.effects.notices);
    let lsn = append(server, finished);
    hub::notices::tell(server, &notices, lsn);
    notices.clear();
    lsn
}

#[inline(always)]
fn append(server: &Server, finished: Finished<'_, '_>) -> Lsn {
    let commit = &server.commit;
    if finished.tally.soonest != i64::MAX {
        finished.locked.for_each(|index, _| server.keyspace.expires_at(index, finished.tally.soonest));
        server.alarm.due_at(finished.tally.soonest);
    }
    if !finished.effects.is_empty() {
        let lsn = commit.append(finished.effects);
        if commit.is_streaming() {
            server.replication.append(server, finished.effects, lsn);
        }
        finished.locked.for_each(|index, shard| {
            if finished.tally.written >> index & 1 == 1 {
                shard.last_lsn = lsn;
            }
        });
        return lsn;
    }
    if commit.reads_wait() {
        // A reader must not be told of a write that a crash can still take back.
        let mut last = finished.tally.seen;
        finished.locked.for_each(|_, shard| last = last.max(shard.last_lsn));
        return last;
    }
    Lsn::default()
}

#[cfg(test)]
mod tests {
    use crate::command::testing::TestClient;
    use crate::keyspace::Position;
    use std::sync::Barrier;
    use std::time::{Duration, Instant};

    /// Runs the line while another thread holds the key's shard for a moment, until it had to wait for it.
    fn waiting(client: &mut TestClient, line: &str, key: &[u8]) -> Vec<String> {
        let began = Instant::now();
        let shard = Position::of(key).shard();
        let server = std::sync::Arc::clone(&client.server);
        loop {
            let held = Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let _locked = server.keyspace.lock(shard);
                    held.wait();
                    let until = Instant::now() + Duration::from_millis(1);
                    while Instant::now() < until {
                        std::thread::yield_now();
                    }
                });
                held.wait();
                client.say(line);
            });
            let effects = client.effects();
            let stale = format!("SET lock me PXAT {}", client.now + 300);
            if !effects.iter().any(|effect| effect.ends_with(&stale)) {
                return effects;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "it counts from the request: {effects:?}");
        }
    }

    #[test]
    fn a_time_to_live_counts_from_when_the_shard_was_there() {
        let mut client = TestClient::new();
        let before = client.server.now();
        let effects = waiting(&mut client, "SET lock me PX 300", b"lock");
        // Before it may stand the end of what an earlier try has set.
        let set = effects.last().expect("it was set");
        let words: Vec<&str> = set.split(' ').collect();
        let at: i64 = words[words.len() - 1].parse().expect("a time");
        assert!((before + 300..=client.server.now() + 300).contains(&at), "{effects:?}");
    }
}
