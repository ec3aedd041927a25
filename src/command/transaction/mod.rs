//! MULTI, EXEC and DISCARD: several commands as one unit.
//!
//! What a client sends after MULTI passes through the gates and is queued, with its arguments, in its session. EXEC locks
//! the shards of all of it, and of the watched keys, at once; so nobody sees a part of it, and nobody changes a watched
//! key once it was looked at. The commands run as a [`Group`], which the log takes whole or not at all.

pub mod watch;

use crate::command::dispatch::{Owned, Unit, Whole, apply_reply_mode, shards_of};
use crate::command::group::Group;
use crate::command::permission;
use crate::command::script::eval::flags_of;
use crate::command::script::exec;
use crate::command::spec::*;
use crate::command::table::Command;
use crate::command::{CommandResult, Context};
use crate::keyspace::Locked;
use crate::keyspace::door::Known;
use crate::resp::{Args, CommandError, Output, Reply, text};
use crate::session::transaction::Transaction;
use crate::session::{ReplyMode, Session, gate};
use crate::state::Server;
use crate::state::clients::flag;
use std::sync::atomic::Ordering::Relaxed;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "multi",
        arity: 1,
        flags: NOSCRIPT.and(LOADING).and(STALE).and(FAST).and(ALLOW_BUSY).and(NOT_QUEUED),
        acl: acl::TRANSACTION,
        group: "transactions",
        since: "1.2.0",
        summary: "Starts a transaction.",
        complexity: "O(1)",
        run: Run::Unlocked(multi),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "exec",
        arity: 1,
        flags: NOSCRIPT.and(LOADING).and(STALE).and(SKIP_SLOWLOG).and(NOT_QUEUED),
        acl: acl::TRANSACTION,
        group: "transactions",
        since: "1.2.0",
        summary: "Executes all commands in a transaction.",
        complexity: "Depends on commands in the transaction",
        run: Run::Whole(exec),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "discard",
        arity: 1,
        flags: NOSCRIPT.and(LOADING).and(STALE).and(FAST).and(ALLOW_BUSY).and(NOT_QUEUED),
        acl: acl::TRANSACTION,
        group: "transactions",
        since: "2.0.0",
        summary: "Discards a transaction.",
        complexity: "O(N), when N is the number of queued commands",
        run: Run::Unlocked(discard),
        ..CommandSpec::BLANK
    },
];

fn multi(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    if cx.session.gates & gate::IN_MULTI != 0 {
        return Err(CommandError::text("MULTI calls can not be nested"));
    }
    cx.session.gates |= gate::IN_MULTI;
    publish(cx.session);
    cx.reply.ok();
    Ok(())
}

fn discard(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    if cx.session.gates & gate::IN_MULTI == 0 {
        return Err(CommandError::text("DISCARD without MULTI"));
    }
    forget(cx.server, cx.session);
    cx.reply.ok();
    Ok(())
}

/// Queues a request that has passed the gates.
pub fn queue(server: &Server, session: &mut Session, command: &Command, args: Args<'_>, known: &[Known]) {
    let is_touched = session.client.watch().is_some_and(|watch| watch.is_touched());
    let transaction = session.transaction.get_or_insert_default();
    // What will not run is not kept.
    if transaction.has_failed || is_touched {
        return;
    }
    let queue = &mut transaction.queue;
    let limit = server.hot.client_query_buffer_limit.load(Relaxed);
    let fits = queue.push(command.id, args, known) && queue.argument_bytes() as u64 <= limit;
    queue.shards |= shards_of(command, args, known);
    let flags = flags_of(server, command, args);
    queue.flags |= flags.0;
    queue.lacking |= !flags.0;
    if !fits {
        server.shared.query_buffer_disconnections.fetch_add(1, Relaxed);
        tracing::warn!(
            "closing client {} whose transaction reached the query buffer limit",
            session.client.id
        );
        session.closing = true;
        session.client.kill();
    }
    session.client.queued.store(transaction.queue.len() as i64, Relaxed);
    session.client.queued_bytes.store(transaction.memory() as u64, Relaxed);
}

/// A request was refused: it is missing in the transaction, which must not run then. Refused EXEC itself, that is over. Returns
/// what the client is told instead.
pub fn note_refusal(
    server: &Server,
    session: &mut Session,
    command: Option<&Command>,
    error: &CommandError,
) -> Option<CommandError> {
    if command.is_some_and(is_exec) {
        forget(server, session);
        let line = error.line();
        let line = text::shown(line.strip_prefix(b"ERR ").unwrap_or(&line)).into_owned();
        return Some(CommandError::Coded(
            format!("EXECABORT Transaction discarded because of: {line}").into(),
        ));
    }
    if session.gates & gate::IN_MULTI != 0 {
        session.transaction.get_or_insert_default().has_failed = true;
    }
    None
}

/// The flags by which the gates judge a request: EXEC has those of the commands that it will run. The second ones are those
/// that something in it lacks.
pub fn effective_flags(
    server: &Server,
    session: &Session,
    command: &Command,
    args: Args<'_>,
) -> (Flags, Flags) {
    let own = flags_of(server, command, args);
    match &session.transaction {
        Some(transaction) if is_exec(command) => {
            let queue = &transaction.queue;
            (Flags(own.0 | queue.flags), Flags(!own.0 | queue.lacking))
        }
        _ => (own, Flags(!own.0)),
    }
}

pub fn is_exec(command: &Command) -> bool {
    command.full_name == "exec"
}

/// Ends a transaction and lets go of what is watched, at its end or when its client leaves. No shard is held.
pub fn forget(server: &Server, session: &mut Session) {
    watch::unwatch_all(server, session);
    end(session);
}

/// Ends a transaction that watches nothing any more.
pub fn end(session: &mut Session) {
    session.gates &= !gate::IN_MULTI;
    if let Some(transaction) = &mut session.transaction {
        transaction.clear();
    }
    publish(session);
}

/// Has others see how far a client's transaction is.
fn publish(session: &Session) {
    let client = &session.client;
    let is_open = session.gates & gate::IN_MULTI != 0;
    if !is_open && !client.has_flag(flag::MULTI) && session.transaction.is_none() {
        return;
    }
    let (len, bytes) = match &session.transaction {
        Some(transaction) => (transaction.queue.len(), transaction.memory()),
        None => (0, 0),
    };
    client.set_flag(flag::MULTI, is_open);
    client.queued.store(if is_open { len as i64 } else { -1 }, Relaxed);
    client.queued_bytes.store(bytes as u64, Relaxed);
}

fn exec(
    unit: &mut Unit<'_>,
    session: &mut Session,
    command: &Command,
    _: Args<'_>,
    _: &[Known],
    out: &mut Output,
) -> Result<Whole, CommandError> {
    if session.gates & gate::IN_MULTI == 0 {
        return Err(CommandError::text("EXEC without MULTI"));
    }
    let mut transaction = session.transaction.take().unwrap_or_default();
    if transaction.has_failed {
        session.transaction = Some(transaction);
        forget(unit.server, session);
        return Err(CommandError::coded("EXECABORT Transaction discarded because of previous errors."));
    }
    if exec::has_scripts(unit.server, &transaction) {
        return Ok(exec::run(unit, session, command, transaction, out));
    }
    let mut locked = lock(unit, session, &transaction);
    if let Some(owner) = locked.owner() {
        session.transaction = Some(transaction);
        return Ok(Whole::Owned(Owned::new(unit.server, owner)));
    }
    let is_touched = watch::unwatch_held(&mut locked, session, &mut transaction, unit.now);
    let mut group = Group::new(unit.server, unit.stats, unit.now, unit.access_clock, unit.effects);
    if is_touched {
        if !is_silent(session) {
            Reply::new(out, session.protocol).null_array();
        }
    } else {
        run_all(unit.server, &mut group, &mut locked, session, &transaction, out);
    }
    // Of the shards that were looked at, too: that a key had changed must not be told before it is durable.
    let lsn = group.finish(locked);
    session.transaction = Some(transaction);
    end(session);
    if session.gates & gate::REPLY_MODE != 0 {
        apply_reply_mode(session, || {});
    }
    Ok(Whole::Done(lsn))
}

/// Locks all that the transaction may touch.
fn lock<'s>(unit: &mut Unit<'s>, session: &Session, transaction: &Transaction) -> Locked<'s> {
    let keyspace = &unit.server.keyspace;
    let set = transaction.queue.shards | transaction.watched_shards();
    let mut waited = false;
    let mut locked = keyspace.lock_set_noting(set, &mut waited);
    if set != u64::MAX && Flags(transaction.queue.flags).has(WRITE) && locked.cross_shards() {
        // Whom a write serves may take from here and put elsewhere, before anybody else.
        drop(locked);
        locked = keyspace.lock_set_noting(u64::MAX, &mut waited);
    }
    if waited {
        unit.read_clock(session);
    }
    locked
}

/// Runs what was queued. What goes wrong in a command is its reply, and stops nothing.
fn run_all(
    server: &Server,
    group: &mut Group<'_>,
    locked: &mut Locked<'_>,
    session: &mut Session,
    transaction: &Transaction,
    out: &mut Output,
) {
    let queue = &transaction.queue;
    if !is_silent(session) {
        Reply::new(out, session.protocol).array(queue.len());
    }
    for queued in (0..queue.len()).filter_map(|index| queue.get(index)) {
        let Some(command) = server.commands.all().get(queued.command) else { continue };
        let (mark, mode) = (out.mark(), session.reply_mode);
        let (args, known) = (queue.args(queued), queue.known(queued));
        let result = permission::check_again(server, session, command, args, group.now())
            .and_then(|()| group.run(locked, session, command, args, known, out));
        if let Err(error) = result {
            let line = error.line();
            server.shared.count_error(&line);
            Reply::new(out, session.protocol).error_line(&line);
        }
        // CLIENT REPLY works at once, as in Redis, though the array's length was said.
        let is_unwanted =
            is_silent(session) || mode != session.reply_mode && session.reply_mode != ReplyMode::On;
        if is_unwanted && !command.flags().has(PUSHES) {
            out.cut_back(mark);
        }
    }
}

fn is_silent(session: &Session) -> bool {
    matches!(session.reply_mode, ReplyMode::Off | ReplyMode::Skip)
}

#[cfg(test)]
mod tests;
