//! DEBUG RELOAD: every value through its serialized form and back, as saving and loading would take it.
//!
//! All shards are locked meanwhile. Whether each value can be read again is tried before any is replaced.

use crate::command::{CommandResult, Context};
use crate::keyspace::router::Shards;
use crate::resp::{Args, CommandError};
use crate::state::Server;
use dunlin_storage::rdb::Damaged;
use dunlin_storage::rdb::entry;

pub(super) fn reload(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    while args.remaining() > 0 {
        if !["MERGE", "NOFLUSH", "NOSAVE"].iter().any(|word| args.accept(word)) {
            return Err(CommandError::text(
                "DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
            ));
        }
    }
    if let Some(locked) = cx.keys.lent() {
        reload_shards(cx.server, locked)?;
        cx.reply.ok();
        return Ok(());
    }
    let Some(server) = cx.server.this.upgrade() else { return Ok(()) };
    let work = move || server.persist.without_scripts(&server, || reload_all(&server));
    if let Some(reloaded) = cx.aside("reload", work) {
        reloaded?;
        cx.reply.ok();
    }
    Ok(())
}

fn reload_all(server: &Server) -> Result<(), CommandError> {
    reload_shards(server, &mut server.keyspace.lock_all())
}

fn reload_shards(server: &Server, shards: &mut dyn Shards) -> Result<(), CommandError> {
    let forms = server.thresholds.forms();
    let compresses = server.settings.snapshot().rdb_compression();
    let mut tried = Ok(());
    shards.for_each(&mut |_, shard| {
        for entry in shard.dbs().iter().flat_map(|db| db.tables()).flat_map(|table| table.iter()) {
            if let (Ok(()), Err(Damaged(reason))) = (&tried, entry::reload(&entry, &forms, compresses)) {
                let key = String::from_utf8_lossy(entry.key()).into_owned();
                tracing::warn!("DEBUG RELOAD: the value of {key:?} can't be read again: {reason}");
                tried = Err(CommandError::text("Error trying to load the RDB dump, check server logs."));
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
