//! Commands that wait for a key: BLPOP and its kin.
//!
//! A handler that finds nothing calls [`Context::block`] and returns. Its client then stands in the queue of each of its
//! keys. The unit that makes such a key ready serves the waiters itself, before it lets its shards go: it runs their
//! commands again, in the order in which they came, each as a unit of its own. So nobody gets in between, and what is
//! taken is taken for a client that is still there: a waiter's state changes under its own lock, and only once.
//!
//! Lock order: shards, then a waiter's state. Nobody takes a shard while holding a state.

use crate::command::CommandResult;
use crate::command::context::{Context, ParkedOn};
use crate::command::dispatch::{append_effects, count_keys};
use crate::command::listening;
use crate::command::permission;
use crate::command::table::Command;
use crate::keyspace::door::Access;
use crate::keyspace::wait::{ReadyKey, Waiter};
use crate::keyspace::{EffectBuffer, EffectLog, Keys, Locked, Lsn, Position};
use crate::observe;
use crate::resp::decode::Span;
use crate::resp::{Args, CommandError, Output, Reply};
use crate::session::{Session, gate};
use crate::state::clients::flag;
use crate::state::stats::WorkerStats;
use crate::state::{Server, gates};
use dunlin_structures::cycles;
use dunlin_structures::entry::Kind;
use dunlin_structures::number::{LongDouble, parse_f64, parse_i64};
use parking_lot::Mutex;
use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Room for a usual answer, and what may follow it at once.
pub const ANSWER_BYTES: usize = 128;

/// What a client waits with: its command, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// Only a value of this kind is looked at.
    pub kind: Kind,
    /// ms since 1970; none: for ever.
    pub deadline: Option<i64>,
    /// What is answered where nobody may wait. (When the time is up a null array takes the place of a null, as in Redis.)
    pub nothing: Nothing,
    /// Whether the command is run again, too, when its key goes or becomes something else (XREADGROUP).
    pub wants_missing: bool,
}

/// How a reply says that nothing came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    NullArray,
    Null,
    /// So many replicas have what this client wrote (WAIT).
    Replicas {
        have: u64,
        wait: ReplicaWait,
    },
    /// So many have it on their disks, and this disk has or has not (WAITAOF).
    OnDisk {
        is: bool,
        have: u64,
        wait: DiskWait,
    },
}

/// What a client waits for that asks for replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaWait {
    /// It waits for so many of them,
    pub count: u64,
    /// ... to get so far.
    pub offset: u64,
}

/// What a client waits for that asks whether its writes are on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskWait {
    /// It waits until they are.
    pub local: bool,
    /// It waits for the disks of replicas, too.
    pub replicas: ReplicaWait,
}

/// What a handler does that finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// Its client may wait.
    Allowed,
    /// It must answer at once: it replays the log, or runs within a larger unit.
    Denied,
    /// It is run again for a client who waits already.
    Serving,
}

/// A client who waits.
pub struct Blocked {
    session: Session,
    command: usize,
    request: Vec<u8>,
    spans: Vec<Span>,
    keys: Vec<Vec<u8>>,
    wait: Wait,
    crosses_shards: bool,
    /// See [`Blocked::note_on_disk`].
    on_disk: AtomicBool,
    state: Mutex<State>,
}

enum State {
    Waiting,
    /// Not yet fetched by its connection.
    Answered(Answer),
    /// The answer was fetched, or the client has gone.
    Over,
}

/// What a waiter got.
pub struct Answer {
    /// What the client was to be sent before it was answered, beside replies.
    pub before: Output,
    pub output: Output,
    /// The reply may leave once this is durable.
    pub lsn: Lsn,
    /// It comes from one of its keys, in whose queue it stands no more.
    pub served: bool,
    /// What the client's session has become meanwhile (EXEC).
    pub session: Option<Box<Session>>,
}

impl Waiter for Blocked {
    fn crosses_shards(&self) -> bool {
        self.crosses_shards
    }

    fn wants_missing(&self) -> bool {
        self.wait.wants_missing
    }
}

impl Context<'_> {
    /// Has the client wait until something may be got from one of `waited`, which are among the request's keys. The
    /// handler has changed and replied nothing, and returns what this returns.
    ///
    /// Where nobody may wait, the reply is that nothing came.
    pub fn block(&mut self, waited: &[&[u8]], wait: Wait) -> CommandResult {
        self.block_as(waited, wait, &[])
    }

    /// As [`Context::block`], for a request that is run again with other arguments than it came with: each is given by
    /// its index. What is relative to now must be replaced so (`$` of XREAD).
    pub fn block_as(&mut self, waited: &[&[u8]], wait: Wait, replaced: &[(usize, Vec<u8>)]) -> CommandResult {
        match self.blocking {
            Blocking::Denied => wait.nothing.write(&mut self.reply),
            Blocking::Serving => self.parked = Some(ParkedOn::StillNothing),
            Blocking::Allowed => {
                let blocked = Arc::new(Blocked::new(self, waited, wait, replaced));
                for key in waited {
                    self.keys.add_waiter(key, blocked.clone());
                }
                let client = &self.session.client;
                client.set_flag(flag::BLOCKED, true);
                *client.blocked.lock() = Some(Arc::clone(&blocked));
                self.parked = Some(ParkedOn::Keys(blocked));
            }
        }
        Ok(())
    }
}

impl Blocked {
    fn new(cx: &mut Context<'_>, waited: &[&[u8]], wait: Wait, replaced: &[(usize, Vec<u8>)]) -> Self {
        let args = cx.keys.request();
        let bytes = args.from(0).map(<[u8]>::len).sum();
        let (mut request, mut spans) = (Vec::with_capacity(bytes), Vec::with_capacity(args.len()));
        for (index, arg) in args.from(0).enumerate() {
            let arg = replaced.iter().find(|(other, _)| *other == index).map_or(arg, |(_, arg)| arg);
            // A request is shorter than 4 GiB: see the query buffer's limit.
            spans.push(Span { start: request.len() as u32, len: arg.len() as u32 });
            request.extend_from_slice(arg);
        }
        let shard = |key: &[u8]| Position::of(key).shard();
        let keys = cx.command.keys(args).unwrap_or_default();
        let others = keys.iter().map(|key| args.at(key.index)).filter(|key| !waited.contains(key));
        // A key that is only waited for is looked at when its own shard is held; the others are always touched.
        let mut needed = others.map(shard);
        let crosses_shards = needed.any(|other| waited.iter().any(|key| shard(key) != other));
        // What it watches is no part of what waits.
        let transaction = cx.session.transaction.take();
        let session = cx.session.clone();
        cx.session.transaction = transaction;
        Self {
            session,
            command: cx.command.id,
            request,
            spans,
            keys: waited.iter().map(|key| key.to_vec()).collect(),
            wait,
            crosses_shards,
            on_disk: AtomicBool::new(false),
            state: Mutex::new(State::Waiting),
        }
    }

    pub fn deadline(&self) -> Option<i64> {
        self.wait.deadline
    }

    /// What it asks of the disk, if it asks anything.
    pub fn disk_wait(&self) -> Option<DiskWait> {
        match self.wait.nothing {
            Nothing::OnDisk { wait, .. } => Some(wait),
            Nothing::NullArray | Nothing::Null | Nothing::Replicas { .. } => None,
        }
    }

    /// What it asks of replicas, if that is all it asks.
    pub fn replica_wait(&self) -> Option<ReplicaWait> {
        match self.wait.nothing {
            Nothing::Replicas { wait, .. } => Some(wait),
            Nothing::NullArray | Nothing::Null | Nothing::OnDisk { .. } => None,
        }
    }

    /// What it wrote is on the disk.
    pub fn note_on_disk(&self) {
        self.on_disk.store(true, Relaxed);
    }

    /// Whether there is an answer: what the client is told after it must not overtake it.
    pub fn is_answered(&self) -> bool {
        matches!(*self.state.lock(), State::Answered(_))
    }

    /// What was queued for the client until now comes before its answer.
    fn answer(&self, server: &Server, output: Output, lsn: Lsn) -> Answer {
        let client = &self.session.client;
        if !client.has_pushes() {
            return Answer { before: Output::default(), output, lsn, served: false, session: None };
        }
        let (before, told) = client.outbox.take(&server.backlog);
        Answer { before, output, lsn: lsn.max(told), served: false, session: None }
    }

    /// The answer, if there is one. The caller then calls [`Blocked::leave`].
    pub fn take_answer(&self) -> Option<Answer> {
        let mut state = self.state.lock();
        match &*state {
            State::Waiting => None,
            State::Over | State::Answered(_) => match std::mem::replace(&mut *state, State::Over) {
                State::Answered(answer) => Some(answer),
                State::Waiting | State::Over => None,
            },
        }
    }

    /// Answers that nothing came, or with an error, if nothing else was answered yet. Returns whether it was not.
    /// `stats` are the calling thread's.
    pub fn give_up(&self, server: &Server, stats: &WorkerStats, error: Option<&CommandError>) -> bool {
        let mut state = self.state.lock();
        if !matches!(*state, State::Waiting) {
            return false;
        }
        // As in Redis a command that waits counts when its client gets an answer.
        count_call(stats, self.command, 0, error.is_some());
        self.note_slow(server, 0, server.now());
        let mut output = Output::default();
        let mut reply = Reply::new(&mut output, self.session.protocol);
        match error {
            None => self.nothing_in_time(server).write(&mut reply),
            Some(error) => {
                let line = error.line();
                server.shared.count_error(&line);
                reply.error_line(&line);
            }
        }
        *state = State::Answered(self.answer(server, output, Lsn::default()));
        true
    }

    fn nothing_in_time(&self, server: &Server) -> Nothing {
        let replication = &server.replication;
        match self.wait.nothing {
            Nothing::NullArray | Nothing::Null => Nothing::NullArray,
            Nothing::Replicas { wait, .. } => {
                Nothing::Replicas { have: replication.count(wait.offset, false), wait }
            }
            Nothing::OnDisk { wait, .. } => {
                let have = replication.count(wait.replicas.offset, true);
                Nothing::OnDisk { is: self.on_disk.load(Relaxed), have, wait }
            }
        }
    }

    /// As in Redis the slow log hears of a command that waits when its client gets an answer, and not of the wait.
    fn note_slow(&self, server: &Server, ns: u64, now: i64) {
        if ns >= observe::attention_ns(server)
            && let Some(command) = server.commands.all().get(self.command)
        {
            let args = Args::new(&self.request, &self.spans);
            observe::slow_command(server, &self.session, command, args, ns, now);
        }
    }

    /// Leaves all queues: the client has its answer, or is gone. Nothing is taken for it any more. `served`: as in
    /// [`Answer::served`].
    pub fn leave(&self, server: &Server, served: bool) {
        *self.state.lock() = State::Over;
        let queues = if served && self.keys.len() == 1 { &[][..] } else { &self.keys };
        for key in queues {
            let mut shard = server.keyspace.lock(Position::of(key).shard());
            shard.waiters.remove(self.session.db, key, self);
        }
        if matches!(self.wait.nothing, Nothing::Replicas { .. } | Nothing::OnDisk { .. }) {
            server.replication.stop_waiting(self.session.client.id);
        }
        self.session.client.set_flag(flag::BLOCKED, false);
        *self.session.client.blocked.lock() = None;
    }
}

impl Nothing {
    fn write(self, reply: &mut Reply<'_>) {
        match self {
            Self::NullArray => reply.null_array(),
            Self::Null => reply.null(),
            Self::Replicas { have, .. } => reply.integer(have as i64),
            Self::OnDisk { is, have, .. } => {
                reply.array(2);
                reply.integer(i64::from(is));
                reply.integer(have as i64);
            }
        }
    }
}

/// When a client's patience ends, from a timeout in seconds; none: never. Errors as in Redis.
pub fn deadline_after_seconds(text: &[u8], now: i64) -> Result<Option<i64>, CommandError> {
    const NOT_A_FLOAT: CommandError = CommandError::text("timeout is not a float or out of range");
    // Redis takes a long double.
    let long = || LongDouble::parse(text).map(LongDouble::to_f64);
    let seconds = parse_f64(text).or_else(long).ok_or(NOT_A_FLOAT)?;
    let ms = (seconds * 1000.0).ceil();
    if ms.is_nan() || ms > i64::MAX as f64 {
        return Err(CommandError::text("timeout is out of range"));
    }
    deadline(ms as i64, now)
}

/// As [`deadline_after_seconds`], from whole milliseconds (XREAD BLOCK).
pub fn deadline_after_ms(text: &[u8], now: i64) -> Result<Option<i64>, CommandError> {
    let ms = parse_i64(text).ok_or(CommandError::text("timeout is not an integer or out of range"))?;
    deadline(ms, now)
}

fn deadline(ms: i64, now: i64) -> Result<Option<i64>, CommandError> {
    match ms {
        ..0 => Err(CommandError::text("timeout is negative")),
        0 => Ok(None),
        _ => match now.checked_add(ms) {
            Some(at) => Ok(Some(at)),
            None => Err(CommandError::text("timeout is out of range")),
        },
    }
}

/// Serves those who wait for `ready`, and for what serving them makes ready, while the unit that did it still holds its
/// shards.
#[cold]
pub fn serve(
    server: &Server,
    stats: &WorkerStats,
    now: i64,
    access: Access,
    mut locked: Locked<'_>,
    ready: Vec<ReadyKey>,
) {
    // A log that is loaded says what those got who waited then.
    if server.gates.closed() & gates::LOADING != 0 {
        return;
    }
    let Some(any) = server.commands.all().first() else { return };
    let mut effects = EffectBuffer::default();
    effects.wanted = server.commit.wanted();
    let mut output = Output::default();
    let mut ready = VecDeque::from(ready);
    let Some(mut session) = first_session(&locked, &ready) else { return };
    let no_request = Args::new(&[], &[]);
    let wanted = server.hub.wanted();
    let lent = Locked::Lent(&mut locked);
    let keys = Keys::new(&server.keyspace, lent, &[], 0, now, access, no_request, &mut effects, wanted);
    // One context for all of them: it holds the shards from the first to the last.
    let mut cx = Context {
        server,
        reply: Reply::new(&mut output, session.protocol),
        session: &mut session,
        keys,
        command: any,
        stats,
        blocking: Blocking::Serving,
        parked: None,
    };
    while let Some(ReadyKey { db, key }) = ready.pop_front() {
        let position = Position::of(&key);
        let mut index = 0;
        while let Some((at, waiter)) = cx.keys.waiter(position, db, &key, index) {
            let waiter: Arc<dyn Any + Send + Sync> = waiter;
            let Ok(blocked) = waiter.downcast::<Blocked>() else { break };
            let stored = cx.keys.kind_in(position, db, &key);
            if stored.is_none() && !cx.keys.missing_is_wanted(&key) {
                break;
            }
            index = at;
            let suits = stored == Some(blocked.wait.kind) || blocked.wait.wants_missing;
            if suits && run_again(&mut cx, &blocked) {
                cx.keys.remove_waiter(position, db, &key, &*blocked);
                ready.extend(cx.keys.take_ready());
                blocked.session.client.wake();
            } else {
                index += 1;
            }
        }
    }
}

/// A session to begin with: each waiter's own takes its place.
fn first_session(locked: &Locked<'_>, ready: &VecDeque<ReadyKey>) -> Option<Session> {
    ready.iter().find_map(|ReadyKey { db, key }| {
        let shard = locked.peek(Position::of(key).shard())?;
        let (_, waiter) = shard.waiters.next(*db, key, 0)?;
        let waiter: Arc<dyn Any + Send + Sync> = waiter;
        waiter.downcast::<Blocked>().ok().map(|blocked| blocked.session.clone())
    })
}

/// Runs a waiter's command again. Returns whether it needs to wait no more.
fn run_again(cx: &mut Context<'_>, blocked: &Blocked) -> bool {
    let mut state = blocked.state.lock();
    // Who was ended takes nothing, however late its worker comes to it.
    if !matches!(*state, State::Waiting) || blocked.session.client.is_killed() {
        // Its connection will take it out of the queues, if that has not happened yet.
        return false;
    }
    let server = cx.server;
    let Some(command) = server.commands.all().get(blocked.command) else { return false };
    cx.session.clone_from(&blocked.session);
    cx.reply.set_protocol(blocked.session.protocol);
    cx.command = command;
    cx.parked = None;
    let began = cycles::now();
    let args = Args::new(&blocked.request, &blocked.spans);
    cx.keys.begin_again(blocked.session.db);
    cx.reply.output().bytes.reserve(ANSWER_BYTES);
    let result = run(cx, command, &mut args.clone());
    let mut output = std::mem::take(cx.reply.output());
    if cx.parked.is_none() {
        listening::note(&blocked.session, command, args, cx.keys.notices());
    }
    // Before others, and perhaps the client itself, are told of what it does.
    let before = cx.parked.is_none().then(|| blocked.answer(server, Output::default(), Lsn::default()));
    let finished = cx.keys.finish();
    count_keys(cx.stats, &finished);
    let lsn = append_effects(server, finished);
    let Some(mut answer) = before else { return false };
    let took = cycles::now().wrapping_sub(began);
    count_call(cx.stats, command.id, took, result.is_err());
    let ns = cycles::to_ns(took);
    blocked.note_slow(server, ns, cx.keys.now);
    server.note_latency("command-unblocking", Duration::from_nanos(ns));
    if let Err(error) = &result {
        output = Output::default();
        let line = error.line();
        server.shared.count_error(&line);
        Reply::new(&mut output, blocked.session.protocol).error_line(&line);
    }
    answer.output = output;
    answer.lsn = answer.lsn.max(lsn);
    answer.served = true;
    *state = State::Answered(answer);
    true
}

fn count_call(stats: &WorkerStats, command: usize, took: u64, failed: bool) {
    let Some(stats) = stats.commands.get(command) else { return };
    stats.calls.add(1);
    stats.cycles.add(took);
    stats.record_latency(cycles::to_ns(took));
    if failed {
        stats.failed.add(1);
    }
}

fn run(cx: &mut Context<'_>, command: &Command, args: &mut Args<'_>) -> CommandResult {
    use crate::command::spec::Run;
    let client = &cx.session.client;
    if cx.session.gates & gate::RESTRICTED != 0 || client.is_user_changed() {
        // A right may have been lost since the client came.
        let user = client.user();
        if let Err(denied) = permission::check(&user, command, *args) {
            let place = permission::Place::of_request(cx.session, command);
            permission::note(cx.server, cx.session, command, *args, denied, place, cx.now());
            return Err(permission::error(&user, command, denied));
        }
    }
    match command.spec.run {
        Run::OnKeys(handler) | Run::OnKeysOrAll(handler, _) | Run::OnAll(handler) => handler(cx, args),
        // Commands that wait have keys.
        Run::Unlocked(_) | Run::Bare(_) | Run::Whole(_) | Run::Container => Ok(()),
    }
}

/// Whether this client's command may wait.
pub fn allowed(session: &Session) -> Blocking {
    if session.gates & gate::RECOVERY != 0 { Blocking::Denied } else { Blocking::Allowed }
}

/// CLIENT UNBLOCK. Returns whether the client waited, and does no more.
pub fn unblock(server: &Server, stats: &WorkerStats, id: u64, with_error: bool) -> bool {
    let Some(client) = server.clients.get(id) else { return false };
    let Some(blocked) = client.blocked.lock().clone() else { return false };
    let error = CommandError::coded("UNBLOCKED client unblocked via CLIENT UNBLOCK");
    let did = blocked.give_up(server, stats, with_error.then_some(&error));
    if did {
        client.wake();
    }
    did
}
