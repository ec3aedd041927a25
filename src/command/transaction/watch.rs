//! WATCH and UNWATCH: a transaction that runs only if none of these keys has changed.

use super::publish;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::{Locked, Position};
use crate::resp::{Args, CommandError};
use crate::session::transaction::Transaction;
use crate::session::{Session, gate};
use crate::state::Server;
use std::sync::Arc;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "watch",
        arity: -2,
        flags: NOSCRIPT.and(LOADING).and(STALE).and(FAST).and(ALLOW_BUSY).and(NOT_QUEUED),
        keys: &[KeySpec::range(1, -1, 1, key::RO)],
        acl: acl::TRANSACTION,
        group: "transactions",
        since: "2.2.0",
        summary: "Monitors changes to keys to determine the execution of a transaction.",
        complexity: "O(1) for every key.",
        syntax: "key [key ...]",
        run: Run::OnKeys(watch),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "unwatch",
        arity: 1,
        flags: NOSCRIPT.and(LOADING).and(STALE).and(FAST).and(ALLOW_BUSY),
        acl: acl::TRANSACTION,
        group: "transactions",
        since: "2.2.0",
        summary: "Forgets about watched keys of a transaction.",
        complexity: "O(1)",
        run: Run::Unlocked(unwatch),
        ..CommandSpec::BLANK
    },
];

fn watch(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if cx.session.gates & gate::IN_MULTI != 0 {
        return Err(CommandError::text("WATCH inside MULTI is not allowed"));
    }
    let watch = Arc::clone(cx.session.client.watch_or_new());
    let db = cx.session.db;
    let transaction = cx.session.transaction.get_or_insert_default();
    // A client that is to be refused already need not watch more.
    if !watch.is_touched() {
        for key in args.rest() {
            if cx.keys.watch(key, &watch) {
                transaction.watches(db, key);
            }
        }
    }
    publish(cx.session);
    cx.reply.ok();
    Ok(())
}

/// Within a transaction there is nothing left to forget.
fn unwatch(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    unwatch_all(cx.server, cx.session);
    publish(cx.session);
    cx.reply.ok();
    Ok(())
}

/// Lets go of what a client watches. No shard is held, unless nothing is watched.
pub(super) fn unwatch_all(server: &Server, session: &mut Session) {
    let Some(watch) = session.client.watch() else { return };
    let Some(transaction) = &mut session.transaction else { return };
    for (db, key) in transaction.take_watched() {
        server.keyspace.lock(Position::of(&key).shard()).unwatch(db, &key, watch);
    }
    watch.reset();
}

/// As [`unwatch_all`], for a transaction that was taken out of its session, and whose shards are held. Returns whether a
/// watched key has changed, or expired.
pub fn unwatch_held(
    locked: &mut Locked<'_>,
    session: &Session,
    transaction: &mut Transaction,
    now: i64,
) -> bool {
    let Some(watch) = session.client.watch() else { return false };
    let mut has_changed = watch.is_touched();
    for (db, key) in transaction.take_watched() {
        let shard = locked.shard(Position::of(&key).shard());
        has_changed = has_changed || shard.watched_expired(db, &key, watch, now);
        shard.unwatch(db, &key, watch);
    }
    watch.reset();
    has_changed
}
