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
    CommandSpec {
        name: "lolwut",
        arity: -1,
        flags: READONLY.and(FAST),
        group: "server",
        since: "5.0.0",
        summary: "Displays computer art and the server's version.",
        complexity: "",
        syntax: "[VERSION version]",
        run: Run::Unlocked(lolwut),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "time",
        arity: 1,
        flags: LOADING.and(STALE).and(FAST),
        group: "server",
        since: "2.6.0",
        summary: "Returns the server time.",
        complexity: "O(1)",
        tips: &["nondeterministic_output"],
        run: Run::Unlocked(time),
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
    let mut taken = Vec::new();
    cx.keys.for_each_shard(|_, shard| {
        (0..databases).for_each(|db| shard.touch_flushed(db));
        taken.extend((0..databases).map(|db| shard.db(db).take()));
    });
    cx.keys.announce_flush(Effect::Request);
    drop_tables(taken, in_background);
    cx.reply.ok();
    Ok(())
}

fn flushdb(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let in_background = flush_mode(cx, args)?;
    let db = cx.session.db;
    let mut taken = Vec::new();
    cx.keys.for_each_shard(|_, shard| {
        shard.touch_flushed(db);
        taken.push(shard.db(db).take());
    });
    cx.keys.announce_flush(Effect::Request);
    drop_tables(taken, in_background);
    cx.reply.ok();
    Ok(())
}

fn time(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let now_us = crate::state::unix_us();
    cx.reply.array(2);
    cx.reply.bulk_integer(now_us / 1_000_000);
    cx.reply.bulk_integer(now_us % 1_000_000);
    Ok(())
}

fn lolwut(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() >= 3 && args.accept("VERSION") {
        args.integer()?;
    }
    let drawing = flock(rand::random::<f64>() * std::f64::consts::TAU);
    let text = format!("{drawing}\nDunlin ver. {}\n", env!("CARGO_PKG_VERSION"));
    cx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// Dunlins over the mud flats: a flock that swells and thins along a wave, another one for each phase.
fn flock(phase: f64) -> String {
    const COLUMNS: usize = 66;
    const ROWS: usize = 11;
    let mut drawing = String::new();
    for row in 0..ROWS {
        let line: String = (0..COLUMNS)
            .map(|column| {
                let (x, y) = (column as f64 / COLUMNS as f64, row as f64 / ROWS as f64);
                let middle = 0.5 + 0.28 * (x * 7.0 + phase).sin();
                let width = 0.10 + 0.16 * (x * 4.0 - phase).cos().abs() * (x * std::f64::consts::PI).sin();
                let distance = (y - middle).abs() / width;
                // A scatter that looks like chance and is the same for the same phase.
                let scatter = ((x * 127.1 + y * 311.7 + phase).sin() * 43_758.5).fract().abs();
                match distance {
                    d if d > 1.0 || scatter > 0.75 - 0.3 * d => ' ',
                    d if d < 0.35 => 'v',
                    d if d < 0.7 => '^',
                    _ => '.',
                }
            })
            .collect();
        drawing += line.trim_end();
        drawing.push('\n');
    }
    drawing
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

#[cfg(test)]
mod tests {
    use crate::command::testing::TestClient;

    #[test]
    fn time_and_art() {
        let mut client = TestClient::new();
        assert!(client.say("TIME").starts_with("*2\r\n$10\r\n"));
        assert!(client.say("LOLWUT").ends_with("Dunlin ver. 0.1.0\n\r\n"));
        assert!(client.say("LOLWUT VERSION 5 9 9").contains('v'));
        assert_eq!(client.say("LOLWUT VERSION x"), "-ERR value is not an integer or out of range\r\n");
    }
}
