//! Runs a script: what it owns, what it calls, how it ends.

use crate::acl;
use crate::command::dispatch::{Owned, resolve_subcommand, shards_of};
use crate::command::evicting;
use crate::command::group::{Group, Totals};
use crate::command::permission::{self, Place};
use crate::command::script::pool::{self, Runner};
use crate::command::spec::{self, Run};
use crate::command::table::{Command, KeyPattern};
use crate::command::{CommandResult, Context};
use crate::keyspace::door::Known;
use crate::keyspace::{AccessClock, EffectBuffer, EffectLog, Locked, Lsn, Position};
use crate::replication::lacks_replicas;
use crate::resp::decode::Span;
use crate::resp::{Args, CommandError, Output, Protocol, text};
use crate::script::flags::{self, ScriptFlags};
use crate::script::owners::{Owner, What};
use crate::session::{Session, gate};
use crate::state::stats::WorkerStats;
use crate::state::{Server, gates};
use dunlin_lua::{Event, Finished, Reference};
use std::io::IoSlice;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// Something that is compiled in a state.
pub struct Code {
    pub function: Reference,
    pub name: Arc<str>,
    pub flags: ScriptFlags,
    pub needs_token: Arc<AtomicBool>,
}

/// What a unit with scripts owns, and did so far: a script's run, or an EXEC with scripts in it.
pub struct Hold {
    pub id: u64,
    now: i64,
    access_clock: AccessClock,
    /// The shards of the declared keys, and those that are owned: a bit for each.
    declared: u64,
    owned: u64,
    has_token: bool,
    /// A command that writes has run.
    pub has_written: bool,
    pub effects: EffectBuffer,
    totals: Totals,
    /// Where others see how far it is, once it has taken longer than a moment.
    pub owner: Option<Arc<Owner>>,
}

/// A run of a script.
pub struct Script {
    pub code: Rc<Code>,
    pub is_function: bool,
    session: Session,
    has_written: bool,
    read_only: bool,
    allows_oom: bool,
    /// There was no memory left when it began.
    is_oom: bool,
    /// The database that it begins in.
    db: u16,
    /// Its call was not yet answered: it waits for a shard.
    is_calling: bool,
    calls: u32,
}

/// After so many calls it is looked at how long they took.
const CALLS_PER_LOOK: u32 = 8;

/// How far a script ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Done,
    /// Others are to have their turn.
    Slice,
    /// It waits for a shard that somebody else owns.
    Waits,
    /// It must begin again, with the token: it has written nothing.
    Restarts,
}

/// What a command came to.
pub enum Executed {
    Ran(Result<(), CommandError>),
    Waits,
    NeedsToken,
}

impl Hold {
    pub fn new(
        server: &Server,
        (now, access_clock): (i64, AccessClock),
        declared: u64,
        effects: EffectBuffer,
    ) -> Self {
        let mut effects = effects;
        effects.clear();
        Self {
            id: server.scripts.owners.next_id(),
            now,
            access_clock,
            declared,
            owned: 0,
            has_token: false,
            has_written: false,
            effects,
            totals: Totals::default(),
            owner: None,
        }
    }

    /// Comes to own what was declared, and the token if it is needed; or nothing at all.
    pub fn begin(&mut self, server: &Server, needs_token: bool) -> Result<(), Owned> {
        let owners = &server.scripts.owners;
        if self.try_begin(server, needs_token).is_ok() {
            return Ok(());
        }
        // Read before it is looked again at what is owned: an end in between is noticed.
        let opened = server.gates.opened();
        owners.wait();
        self.try_begin(server, needs_token).map_err(|owner| Owned { owner, opened, may_hold: false })
    }

    /// On an error, who is in the way; zero: nobody who could be named.
    fn try_begin(&mut self, server: &Server, needs_token: bool) -> Result<(), u64> {
        let owners = &server.scripts.owners;
        let mut locked = server.keyspace.lock_set(self.declared);
        if let Some(owner) = locked.owner() {
            return Err(owner);
        }
        // Looked at under the locks: who holds scripts back and then looks for owners finds none later. The token is taken
        // last, and not given back: who met it would wait for a holder that has told nobody of its end.
        if owners.is_held() {
            return Err(0);
        }
        if needs_token && !owners.take_token(self.id) {
            return Err(owners.token_holder());
        }
        self.has_token = needs_token;
        let id = self.id;
        locked.for_each(|_, shard| shard.owner = id);
        self.owned = self.declared;
        Ok(())
    }

    /// The unit has not begun yet, and what it does counts from now.
    pub fn set_time(&mut self, (now, access_clock): (i64, AccessClock)) {
        (self.now, self.access_clock) = (now, access_clock);
    }

    fn give_token(&mut self, server: &Server) {
        if std::mem::take(&mut self.has_token) {
            server.scripts.owners.give_token(self.id);
        }
    }

    /// Comes to own further shards, one by one. Returns whether it has them all.
    fn claim(&mut self, server: &Server, shards: u64) -> bool {
        debug_assert!(self.has_token);
        let mut missing = shards & !self.owned;
        while missing != 0 {
            let index = missing.trailing_zeros() as usize;
            let mut shard = server.keyspace.lock(index);
            if shard.owner != 0 {
                return false;
            }
            shard.owner = self.id;
            self.owned |= 1 << index;
            missing &= missing - 1;
        }
        true
    }

    /// Lets go of everything, having written nothing, since it begins again. What it met that had expired is gone all the
    /// same; what it said, and looked for in vain, it says and looks for again.
    pub fn give_up(&mut self, server: &Server, stats: &WorkerStats) {
        debug_assert!(!self.has_written);
        self.effects.notices.keep_changes();
        self.totals.forget_lookups();
        self.end(server, stats);
    }

    /// Appends what was written, serves those who wait for it, and lets go of everything. Returns what the reply waits for.
    pub fn end(&mut self, server: &Server, stats: &WorkerStats) -> Lsn {
        let mut locked = server.keyspace.lock_set(self.owned);
        // Nobody gets in before the locks are gone, too.
        locked.for_each(|_, shard| shard.owner = 0);
        let totals = std::mem::take(&mut self.totals);
        let (now, clock) = (self.now, self.access_clock);
        let lsn = Group::go_on(server, stats, now, clock, &mut self.effects, totals).finish(locked);
        self.owned = 0;
        self.give_token(server);
        tell_end(server);
        lsn
    }

    /// The shards that are owned, locked for a moment.
    pub fn lock<'s>(&self, server: &'s Server) -> Locked<'s> {
        server.keyspace.lock_set(self.owned)
    }

    /// Runs a command on shards that it comes to own, if it may.
    pub fn execute(
        &mut self,
        server: &Server,
        stats: &WorkerStats,
        session: &mut Session,
        (command, args, known): (&Command, Args<'_>, &[Known]),
        output: &mut Output,
    ) -> Executed {
        let shards = shards_of(command, args, known);
        let writes = command.flags().has(spec::WRITE);
        if (writes || shards & !self.owned != 0) && !self.has_token {
            if !server.scripts.owners.take_token(self.id) {
                return Executed::NeedsToken;
            }
            self.has_token = true;
        }
        if shards & !self.owned != 0 && !self.claim(server, shards) {
            return Executed::Waits;
        }
        let mut locked = server.keyspace.lock_set(shards);
        if writes && self.owned != u64::MAX && locked.cross_shards() {
            // Whom this write serves in the end may take from here and put elsewhere.
            drop(locked);
            if !self.claim(server, u64::MAX) {
                return Executed::Waits;
            }
            locked = server.keyspace.lock_set(shards);
        }
        if writes {
            self.has_written = true;
            if let Some(owner) = &self.owner {
                owner.wrote.store(true, SeqCst);
            }
        }
        Executed::Ran(
            self.go_on(server, stats, |group| group.run(&mut locked, session, command, args, known, output)),
        )
    }

    /// Comes to own all shards, one by one. Returns whether it does.
    pub fn claim_all(&mut self, server: &Server) -> bool {
        self.claim(server, u64::MAX)
    }

    /// Lets another function than the command's own run for it, with all shards held, which are owned.
    pub fn execute_as(
        &mut self,
        handler: impl FnOnce(&mut Context<'_>, &mut Args<'_>) -> CommandResult,
        server: &Server,
        stats: &WorkerStats,
        session: &mut Session,
        (command, args): (&Command, Args<'_>),
        output: &mut Output,
    ) -> CommandResult {
        debug_assert_eq!(self.owned, u64::MAX);
        self.has_written = true;
        let mut locked = self.lock(server);
        self.go_on(server, stats, |group| {
            group.run_as(handler, &mut locked, session, (command, args, &[]), output)
        })
    }

    /// Takes the unit up where it was.
    fn go_on<R>(&mut self, server: &Server, stats: &WorkerStats, run: impl FnOnce(&mut Group<'_>) -> R) -> R {
        if self.effects.is_empty() {
            // Whoever turns the log on waits until nobody owns what is here.
            self.effects.wanted = server.commit.wanted();
        }
        let totals = std::mem::take(&mut self.totals);
        let (now, clock) = (self.now, self.access_clock);
        let mut group = Group::go_on(server, stats, now, clock, &mut self.effects, totals);
        let result = run(&mut group);
        self.totals = group.pause();
        result
    }

    /// The time of the whole unit, in ms since 1970.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Whether it holds the token: it has written, or may.
    pub fn has_token(&self) -> bool {
        self.has_token
    }
}

impl Script {
    /// # Errors
    /// Why it may not run at all.
    pub fn new(
        server: &Server,
        session: &Session,
        code: Rc<Code>,
        is_function: bool,
        read_only: bool,
    ) -> Result<Self, CommandError> {
        let flags = code.flags;
        let mut is_oom = false;
        let closed = server.gates.closed();
        if closed & (gates::MEMORY_LIMITED | gates::LOG_FAILED) != 0 || flags != flags::SILENT {
            is_oom = closed & gates::MEMORY_LIMITED != 0 && evicting::is_out_of_memory(server);
            check_flags(server, flags, read_only, is_oom)?;
        }
        let says_flags = !flags.has(flags::SILENT);
        Ok(Self {
            is_function,
            session: session.of_script(),
            db: session.db,
            has_written: false,
            read_only: read_only || says_flags && flags.has(flags::NO_WRITES),
            allows_oom: says_flags && flags.has(flags::ALLOW_OOM),
            is_oom,
            is_calling: false,
            calls: 0,
            code,
        })
    }

    /// What others are told runs.
    pub fn what(&self, request: Vec<Vec<u8>>) -> What {
        What { name: Arc::clone(&self.code.name), is_function: self.is_function, request }
    }

    /// Whether a command of it has written.
    pub fn has_written(&self) -> bool {
        self.has_written
    }

    /// Whether it is known to need the token. It may only read all the same, but what it did not declare.
    pub fn needs_token(&self) -> bool {
        self.code.needs_token.load(Relaxed)
    }

    /// Forgets what it did in a run that is given up.
    pub fn begin_again(&mut self) {
        self.session.db = self.db;
    }

    /// Lets the script run, until it is over or others are to have their turn.
    pub fn turn(
        &mut self,
        hold: &mut Hold,
        runner: &mut Runner,
        server: &Server,
        stats: &WorkerStats,
    ) -> Turn {
        loop {
            if self.is_calling {
                match self.call(hold, runner, server, stats) {
                    Executed::Ran(_) => {
                        self.is_calling = false;
                        // Few calls take no time worth looking at.
                        self.calls = self.calls.wrapping_add(1);
                        if self.calls.is_multiple_of(CALLS_PER_LOOK) && runner.vm.has_used_slice() {
                            return Turn::Slice;
                        }
                    }
                    Executed::Waits => return Turn::Waits,
                    Executed::NeedsToken => {
                        self.is_calling = false;
                        self.code.needs_token.store(true, Relaxed);
                        return Turn::Restarts;
                    }
                }
            }
            match runner.vm.resume() {
                Event::Call => self.is_calling = true,
                Event::Check => check_rights(server, &mut self.session, runner),
                Event::Log(level) => pool::log(level, &runner.vm),
                Event::Slice => return Turn::Slice,
                Event::Done => return Turn::Done,
            }
        }
    }

    /// Runs the command that the script has asked for, and answers it.
    fn call(
        &mut self,
        hold: &mut Hold,
        runner: &mut Runner,
        server: &Server,
        stats: &WorkerStats,
    ) -> Executed {
        let resp3 = runner.vm.wants_resp3();
        let Runner { vm, spans, output, .. } = runner;
        let (request, reply) = vm.exchange();
        reply.clear();
        spans.clear();
        spans.extend(request.spans.iter().map(|span| Span { start: span.start, len: span.len }));
        let mut args = Args::new(&request.bytes, spans);
        let command = match self.admit(server, stats, &mut args) {
            Ok(command) => command,
            Err(error) => {
                refuse(server, &error, reply);
                return Executed::Ran(Ok(()));
            }
        };
        let mut one = [Known { key: Span { start: 0, len: 0 }, position: Position { slot: 0, hash: 0 } }];
        let known: &[Known] = match command.key_pattern {
            KeyPattern::One(index) => match args.span(index) {
                Some(key) => {
                    one[0] = Known { key, position: Position::of(args.slice(key)) };
                    &one
                }
                None => &[],
            },
            _ => &[],
        };
        self.session.protocol = if resp3 { Protocol::Resp3 } else { Protocol::Resp2 };
        let result = match hold.execute(server, stats, &mut self.session, (command, args, known), output) {
            Executed::Ran(result) => result,
            waits => return waits,
        };
        if hold.has_token() && !self.code.needs_token.load(Relaxed) {
            self.code.needs_token.store(true, Relaxed);
        }
        self.has_written |= command.flags().has(spec::WRITE);
        match result {
            Err(error) => refuse(server, &error, reply),
            Ok(()) if output.has_shared() => flatten(output, reply),
            Ok(()) => std::mem::swap(&mut output.bytes, reply),
        }
        output.clear();
        Executed::Ran(Ok(()))
    }

    /// The command that the script means, if it may run it now.
    fn admit<'s>(
        &self,
        server: &'s Server,
        stats: &WorkerStats,
        args: &mut Args<'_>,
    ) -> Result<&'s Command, CommandError> {
        let Some(mut command) = server.commands.find(args.at(0)) else {
            return Err(CommandError::text("Unknown Redis command called from script"));
        };
        if matches!(command.spec.run, Run::Container | Run::Bare(_)) {
            command = resolve_subcommand(server, command, args).map_err(|error| match error {
                CommandError::WrongArity(_) => WRONG_ARITY,
                _ => CommandError::text("Unknown Redis command called from script"),
            })?;
        }
        let refused = self.refusal(server, command, *args);
        if let Some(error) = refused {
            stats.commands[command.id].rejected.add(1);
            return Err(error);
        }
        Ok(command)
    }

    fn refusal(&self, server: &Server, command: &Command, args: Args<'_>) -> Option<CommandError> {
        if !command.accepts(args.len()) {
            return Some(WRONG_ARITY);
        }
        let flags = command.flags();
        if flags.has(spec::NOSCRIPT) && !server.hot.scripts_call_anything.load(Relaxed) {
            return Some(CommandError::text("This Redis command is not allowed from script"));
        }
        let may_wait = flags.has(spec::BLOCKING) && matches!(command.full_name, "xread" | "xreadgroup");
        if may_wait
            && args
                .rest()
                .take_while(|arg| !arg.eq_ignore_ascii_case(b"streams"))
                .any(|arg| arg.eq_ignore_ascii_case(b"block"))
        {
            let name = text::shown(args.at(0));
            let text = format!("{name} command is not allowed with BLOCK option from scripts");
            return Some(CommandError::formatted(text));
        }
        // The place where the client's rights are looked at.
        let user = &self.session.user;
        if let Err(denied) = may_run(&self.session, command, args) {
            let now = server.now();
            let place = Place::within(acl::Context::Script, server, &self.session, command);
            permission::note(server, &self.session, command, args, denied, place, now);
            return Some(permission::error_in_script(user, command, denied));
        }
        let writes = flags.has(spec::WRITE);
        if self.read_only && (writes || flags.has(spec::MAY_REPLICATE)) {
            return Some(CommandError::text("Write commands are not allowed from read-only scripts."));
        }
        // What has written must not fail for reasons of the server's any more.
        if self.has_written {
            return None;
        }
        if writes && server.gates.closed() & gates::LOG_FAILED != 0 {
            return Some(CommandError::LogFailed(server.commit.failure().into()));
        }
        if writes && server.gates.closed() & gates::REPLICAS_NEEDED != 0 && lacks_replicas(server) {
            return Some(CommandError::NoReplicas);
        }
        if self.is_oom && !self.allows_oom && flags.has(spec::DENYOOM) {
            return Some(CommandError::OutOfMemory);
        }
        None
    }
}

const WRONG_ARITY: CommandError =
    CommandError::text("Wrong number of args calling Redis command from script");

/// Whether the client's rights allow a command that its script asks for.
fn may_run(session: &Session, command: &Command, args: Args<'_>) -> Result<(), acl::Denied> {
    if session.gates & gate::RESTRICTED == 0 {
        Ok(())
    } else {
        permission::check(&session.user, command, args)
    }
}

/// `redis.acl_check_cmd`.
fn check_rights(server: &Server, session: &mut Session, runner: &mut Runner) {
    let Runner { vm, spans, .. } = runner;
    let (request, reply) = vm.exchange();
    reply.clear();
    spans.clear();
    spans.extend(request.spans.iter().map(|span| Span { start: span.start, len: span.len }));
    let mut args = Args::new(&request.bytes, spans);
    let mut command = server.commands.find(args.at(0));
    if let Some(container) = command
        && matches!(container.spec.run, Run::Container | Run::Bare(_))
    {
        command = resolve_subcommand(server, container, &mut args).ok();
    }
    if let Some(command) = command {
        let answer: &[u8] = if may_run(session, command, args).is_ok() { b":1\r\n" } else { b":0\r\n" };
        reply.extend_from_slice(answer);
    }
}

/// What a script that says flags may not even begin for; one that says none is judged call by call.
fn check_flags(
    server: &Server,
    flags: ScriptFlags,
    read_only: bool,
    is_oom: bool,
) -> Result<(), CommandError> {
    if flags.has(flags::SILENT) {
        return Ok(());
    }
    if !flags.has(flags::NO_WRITES) {
        if server.gates.closed() & gates::LOG_FAILED != 0 {
            let cause = server.commit.failure();
            return Err(CommandError::Coded(
                format!("MISCONF Redis is configured to persist data to AOF, but it's currently unable to persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts. AOF error: {cause}").into(),
            ));
        }
        if read_only {
            return Err(CommandError::text("Can not execute a script with write flag using *_ro command."));
        }
        if server.gates.closed() & gates::REPLICAS_NEEDED != 0 && lacks_replicas(server) {
            return Err(CommandError::NoReplicas);
        }
    }
    if is_oom && !flags.has(flags::ALLOW_OOM) && !flags.has(flags::NO_WRITES) {
        return Err(CommandError::OutOfMemory);
    }
    Ok(())
}

/// Writes an error for the script, and counts it.
fn refuse(server: &Server, error: &CommandError, reply: &mut Vec<u8>) {
    let line = error.line();
    server.shared.count_error(&line);
    reply.push(b'-');
    reply.extend_from_slice(&line);
    reply.extend_from_slice(b"\r\n");
}

/// Appends all of an output, large values included.
fn flatten(output: &Output, reply: &mut Vec<u8>) {
    let mut pieces = vec![IoSlice::new(&[]); 64];
    loop {
        let filled = output.pieces(&mut pieces);
        if filled < pieces.len() {
            pieces[..filled].iter().for_each(|piece| reply.extend_from_slice(piece));
            return;
        }
        pieces = vec![IoSlice::new(&[]); pieces.len() * 4];
    }
}

/// Owners have ended: whoever waits for that tries again.
pub fn tell_end(server: &Server) {
    if server.scripts.owners.end() {
        server.gates.retry();
    }
}

/// Ends a script that must begin again, or whose client is gone; it has written nothing.
pub fn abandon(runner: &mut Runner) {
    runner.vm.kill("The script begins again");
    while runner.vm.is_running() {
        let reply = runner.vm.reply();
        reply.clear();
        reply.extend_from_slice(b"-ERR the script begins again\r\n");
        runner.vm.resume();
    }
    runner.vm.finished();
}

/// Prepares the state for the first turn.
pub fn prepare<'k>(
    runner: &mut Runner,
    script: &Script,
    client_resp3: bool,
    keys: impl ExactSizeIterator<Item = &'k [u8]>,
    args: impl ExactSizeIterator<Item = &'k [u8]>,
) {
    let call = dunlin_lua::Call {
        function: script.code.function,
        name: &script.code.name,
        globals: !script.is_function,
        resp3: client_resp3,
    };
    runner.vm.begin(&call, keys, args);
}

/// Takes what the script ended with: bytes of a reply, or an error line and whether that was counted already. And whether
/// it counts as failed, as it does with an error anywhere in its reply.
pub fn result(server: &Server, runner: &mut Runner, out: &mut Vec<u8>) -> (bool, Option<(Vec<u8>, bool)>) {
    let (finished, reply) = runner.vm.finished();
    match finished {
        Finished::Replied => {
            out.extend_from_slice(reply);
            (false, None)
        }
        Finished::RepliedErrors { codes } => {
            out.extend_from_slice(reply);
            codes.iter().for_each(|(code, count)| server.shared.count_errors(code, *count));
            (true, None)
        }
        Finished::Failed { line, counted } => (true, Some((line, counted))),
    }
}
