//! DEBUG RELOAD: every value through its serialized form and back, as saving and loading would take it.
//!
//! All shards are locked meanwhile. With NOFLUSH and without MERGE nothing may be there that would be read again: where
//! Redis then stops with a panic for keys, and answers an error for libraries, there is an error for both. Whether each value can be read again is tried before any is replaced.

use crate::command::{CommandResult, Context};
use crate::keyspace::router::Shards;
use crate::resp::{Args, CommandError};
use crate::state::Server;
use dunlin_storage::rdb::Damaged;
use dunlin_storage::rdb::entry;

pub(super) fn reload(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (mut merges, mut flushes) = (false, true);
    while args.remaining() > 0 {
        match () {
            () if args.accept("MERGE") => merges = true,
            () if args.accept("NOFLUSH") => flushes = false,
            () if args.accept("NOSAVE") => {}
            () => {
                return Err(CommandError::text(
                    "DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                ));
            }
        }
    }
    let may_replace = flushes || merges;
    if let Some(locked) = cx.keys.lent() {
        reload_shards(cx.server, locked, may_replace)?;
        cx.reply.ok();
        return Ok(());
    }
    let Some(server) = cx.server.this.upgrade() else { return Ok(()) };
    let work = move || server.persist.without_scripts(&server, || reload_all(&server, may_replace));
    if let Some(reloaded) = cx.aside("reload", work) {
        reloaded?;
        cx.reply.ok();
    }
    Ok(())
}

const FAILED: CommandError = CommandError::text("Error trying to load the RDB dump, check server logs.");

fn reload_all(server: &Server, may_replace: bool) -> Result<(), CommandError> {
    reload_shards(server, &mut server.keyspace.lock_all(), may_replace)
}

/// `may_replace`: what is read again may meet what it was made of, which is there still with NOFLUSH.
fn reload_shards(server: &Server, shards: &mut dyn Shards, may_replace: bool) -> Result<(), CommandError> {
    if !may_replace {
        let mut is_empty = server.scripts.functions.load().is_empty();
        shards.for_each(&mut |_, shard| is_empty &= shard.dbs().iter().all(|db| db.is_empty()));
        if !is_empty {
            tracing::warn!(
                "DEBUG RELOAD NOFLUSH: what it would read is there already; MERGE takes its place."
            );
            return Err(FAILED);
        }
    }
    let forms = server.thresholds.forms();
    let compresses = server.settings.snapshot().rdb_compression();
    let mut tried = Ok(());
    shards.for_each(&mut |_, shard| {
        for entry in shard.dbs().iter().flat_map(|db| db.tables()).flat_map(|table| table.iter()) {
            if let (Ok(()), Err(Damaged(reason))) = (&tried, entry::reload(&entry, &forms, compresses)) {
                let key = String::from_utf8_lossy(entry.key()).into_owned();
                tracing::warn!("DEBUG RELOAD: the value of {key:?} can't be read again: {reason}");
                tried = Err(FAILED);
            }
        }
    });
    tried?;
    shards.for_each(&mut |_, shard| {
        for db in 0..server.keyspace.databases() {
            shard.touch_flushed(db);
            // What was read again a moment ago can be so now.
            shard.db(db).replace_all(|old| {
                entry::reload(old, &forms, compresses).unwrap_or_else(|_| old.copy_under_key(old.key()))
            });
        }
    });
    Ok(())
}
