//! Commands about the server and whole databases.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::SHARD_COUNT;
use crate::keyspace::effect::Effect;
use crate::resp::{Args, CommandError};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "dbsize",
        arity: 1,
        flags: READONLY.and(FAST).and(READS_ALL),
        acl: acl::KEYSPACE,
        group: "server",
        since: "1.0.0",
        summary: "Returns the number of keys in the database.",
        complexity: "O(1)",
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        run: Run::Unlocked(dbsize),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "flushall",
        arity: -1,
        flags: WRITE,
        acl: acl::KEYSPACE.and(acl::DANGEROUS),
        group: "server",
        since: "1.0.0",
        summary: "Removes all keys from all databases.",
        complexity: "O(N) where N is the total number of keys in all databases",
        syntax: "[ASYNC | SYNC]",
        history: &[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: Run::OnAll(flushall),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "flushdb",
        arity: -1,
        flags: WRITE,
        acl: acl::KEYSPACE.and(acl::DANGEROUS),
        group: "server",
        since: "1.0.0",
        summary: "Remove all keys from the current database.",
        complexity: "O(N) where N is the number of keys in the selected database",
        syntax: "[ASYNC | SYNC]",
        history: &[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: Run::OnAll(flushdb),
        ..CommandSpec::BLANK
    },
];

fn dbsize(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let count: usize = (0..SHARD_COUNT).map(|shard| cx.keys.visit(shard, |db| db.len())).sum();
    cx.reply.integer(count as i64);
    Ok(())
}

fn flushall(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let in_background = flush_mode(cx, args)?;
    let databases = cx.server.keyspace.databases();
    let taken = cx
        .keys
        .shards()
        .flat_map(|(_, shard)| (0..databases).map(|db| shard.db(db).take()).collect::<Vec<_>>());
    let taken: Vec<_> = taken.collect();
    cx.keys.announce_all(Effect::Request);
    drop_tables(taken, in_background);
    cx.reply.ok();
    Ok(())
}

fn flushdb(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let in_background = flush_mode(cx, args)?;
    let db = cx.session.db;
    let taken: Vec<_> = cx.keys.shards().map(|(_, shard)| shard.db(db).take()).collect();
    cx.keys.announce_all(Effect::Request);
    drop_tables(taken, in_background);
    cx.reply.ok();
    Ok(())
}

/// Whether the old tables are freed in the background: as asked for, or as configured.
fn flush_mode(cx: &Context<'_>, args: &mut Args<'_>) -> Result<bool, CommandError> {
    let by_default = cx.server.hot.lazy_user_flush.load(std::sync::atomic::Ordering::Relaxed);
    let in_background = if args.accept("ASYNC") {
        true
    } else if args.accept("SYNC") {
        false
    } else {
        by_default
    };
    args.finish()?;
    Ok(in_background)
}

/// Frees what was swapped out. SYNC promises that the memory is free when the reply comes.
fn drop_tables<T: Send + 'static>(taken: Vec<T>, in_background: bool) {
    if in_background {
        // If no thread can be had the memory is freed here: slower, but freed.
        let _ = std::thread::Builder::new().name("free".into()).spawn(move || drop(taken));
    }
}
