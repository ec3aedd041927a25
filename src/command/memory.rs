//! MEMORY: what takes how much.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::observe::figures::{self, DbTotals};
use crate::observe::memory::{Usage, ratio};
use crate::resp::{Args, CommandError};
use dunlin_structures::{alloc, number};

const SUBCOMMAND: CommandSpec = CommandSpec {
    arity: 2,
    group: "server",
    since: "4.0.0",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "memory",
    arity: -2,
    group: "server",
    since: "4.0.0",
    summary: "A container for memory diagnostics commands.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        CommandSpec {
            name: "doctor",
            summary: "Outputs a memory problems report.",
            run: Run::Unlocked(doctor),
            ..SUBCOMMAND
        },
        CommandSpec::help(SUBCOMMAND, "4.0.0", help),
        CommandSpec {
            name: "malloc-stats",
            summary: "Returns the allocator statistics.",
            complexity: "Depends on how much memory is allocated, could be slow",
            run: Run::Unlocked(malloc_stats),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "purge",
            summary: "Asks the allocator to release memory.",
            complexity: "Depends on how much memory is allocated, could be slow",
            tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
            run: Run::Unlocked(purge),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "stats",
            summary: "Returns details about memory usage.",
            flags: READS_ALL,
            run: Run::Unlocked(stats),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "usage",
            arity: -3,
            flags: READONLY,
            keys: &[KeySpec::one(2, key::RO)],
            summary: "Estimates the memory usage of a key.",
            complexity: "O(N) where N is the number of samples.",
            syntax: "key [SAMPLES count]",
            tips: &[],
            run: Run::OnKeys(usage),
            ..SUBCOMMAND
        },
    ],
    run: Run::Container,
    ..CommandSpec::BLANK
}];

/// Bytes of a table's cell for one key: a pointer and a byte of hash, at a load of three quarters.
const CELL_BYTES: usize = 12;
/// Bytes of a record in the expiry index, with its share of a tree's node.
const EXPIRY_BYTES: usize = 24;

/// MEMORY USAGE's SAMPLES if none is given, as in Redis.
const SAMPLES_DEFAULT: usize = 5;

/// Hashes, sets and sorted sets count the bytes of what is in them: theirs is exact whatever SAMPLES says. Of lists and
/// streams so many blocks are asked.
fn usage(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.at(2);
    args.seek(3);
    let mut samples = SAMPLES_DEFAULT;
    while args.remaining() > 0 {
        if !args.accept("SAMPLES") {
            return Err(CommandError::Syntax);
        }
        let given = number::parse_i64(args.required()?).ok_or(CommandError::NotAnInteger)?;
        samples = match usize::try_from(given).map_err(|_| CommandError::Syntax)? {
            0 => usize::MAX,
            given => given,
        };
    }
    let found = cx.keys.peek(key).map(|entry| {
        let expiry = if entry.expire_at().is_some() { EXPIRY_BYTES } else { 0 };
        entry.sampled_bytes(samples) + CELL_BYTES + expiry
    });
    match found {
        Some(bytes) => cx.reply.integer(bytes as i64),
        None => cx.reply.null(),
    }
    Ok(())
}

/// A figure of MEMORY STATS.
enum Figure {
    Bytes(u64),
    Difference(u64, u64),
    Ratio(f64),
    /// Per database: tables and expiry indexes.
    Database(u64, u64),
}

fn stats(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    use Figure::{Bytes, Database, Difference, Ratio};
    let usage = Usage::of(cx.server);
    let allocator = usage.allocator;
    let now = cx.now();
    let databases = figures::shards(&mut cx.keys, now).databases;
    let keys: usize = databases.iter().map(|db| db.keys).sum();
    let scripts = &cx.server.scripts;
    let mut figures: Vec<(String, Figure)> = Vec::new();
    let mut add = |name: &str, figure: Figure| figures.push((name.to_owned(), figure));
    add("peak.allocated", Bytes(usage.peak));
    add("total.allocated", Bytes(usage.used));
    add("startup.allocated", Bytes(usage.startup));
    add("replication.backlog", Bytes(0));
    add("clients.slaves", Bytes(0));
    add("clients.normal", Bytes(usage.clients));
    add("cluster.links", Bytes(0));
    add("aof.buffer", Bytes(cx.server.persist.position().buffered_bytes));
    add("lua.caches", Bytes(scripts.cache.bytes()));
    add("functions.caches", Bytes(scripts.functions.load().bytes()));
    for (index, db) in databases.iter().enumerate().filter(|(_, db)| db.keys > 0) {
        let DbTotals { keys, volatile, .. } = *db;
        add(&format!("db.{index}"), Database((keys * CELL_BYTES) as u64, (volatile * EXPIRY_BYTES) as u64));
    }
    add("overhead.total", Bytes(usage.overhead()));
    add("keys.count", Bytes(keys as u64));
    let per_key = usage.used.saturating_sub(usage.startup).checked_div(keys as u64).unwrap_or(0);
    add("keys.bytes-per-key", Bytes(per_key));
    add("dataset.bytes", Bytes(usage.dataset()));
    add("dataset.percentage", Ratio(usage.dataset_percent()));
    add("peak.percentage", Ratio(usage.peak_percent()));
    add("allocator.allocated", Bytes(allocator.allocated));
    add("allocator.active", Bytes(allocator.active));
    add("allocator.resident", Bytes(allocator.resident));
    add("allocator-fragmentation.ratio", Ratio(ratio(allocator.active, allocator.allocated)));
    add("allocator-fragmentation.bytes", Difference(allocator.active, allocator.allocated));
    add("allocator-rss.ratio", Ratio(ratio(allocator.resident, allocator.active)));
    add("allocator-rss.bytes", Difference(allocator.resident, allocator.active));
    add("rss-overhead.ratio", Ratio(ratio(usage.resident, allocator.resident)));
    add("rss-overhead.bytes", Difference(usage.resident, allocator.resident));
    add("fragmentation", Ratio(ratio(usage.resident, usage.used)));
    add("fragmentation.bytes", Difference(usage.resident, usage.used));
    let reply = &mut cx.reply;
    reply.map(figures.len());
    for (name, figure) in figures {
        reply.bulk_str(&name);
        match figure {
            Bytes(bytes) => reply.integer(bytes as i64),
            Difference(more, less) => reply.integer(more as i64 - less as i64),
            Ratio(ratio) => reply.double(ratio),
            Database(main, expires) => {
                reply.map(3);
                reply.bulk_str("overhead.hashtable.main");
                reply.integer(main as i64);
                reply.bulk_str("overhead.hashtable.expires");
                reply.integer(expires as i64);
                // A slot's keys stand in a table of their own: nothing beside it lists them.
                reply.bulk_str("overhead.hashtable.slot-to-keys");
                reply.integer(0);
            }
        }
    }
    Ok(())
}

fn purge(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    if !alloc::purge() {
        return Err(CommandError::text("Error purging dirty pages"));
    }
    cx.reply.ok();
    Ok(())
}

fn malloc_stats(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let stats = alloc::stats();
    let text = format!(
        "jemalloc 5.3.1\nAllocated: {}, active: {}, metadata: {}, resident: {}, mapped: {}, retained: {}\n",
        stats.allocated, stats.active, stats.metadata, stats.resident, stats.mapped, stats.retained
    );
    cx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// Below this little is worth saying about memory, in bytes.
const DOCTOR_MIN_BYTES: u64 = 5 << 20;

fn doctor(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let usage = Usage::of(cx.server);
    let mut text = String::new();
    if usage.used < DOCTOR_MIN_BYTES {
        text += "This instance is empty or is using very little memory: there is nothing to find yet.\n";
    } else {
        let mut find = |condition: bool, sentence: &str| {
            if condition {
                text += &format!(" * {sentence}\n");
            }
        };
        find(
            ratio(usage.peak, usage.used) > 1.5,
            "Peak memory: it used much more memory at one time than now. The allocator may keep freed pages for a \
             while: MEMORY PURGE gives them back.",
        );
        find(
            ratio(usage.allocator.active, usage.allocator.allocated) > 1.1
                && usage.allocator.active - usage.allocator.allocated > 10 << 20,
            "Fragmentation: many pages are only partly used, as after a change in the sizes of values.",
        );
        find(
            ratio(usage.resident, usage.allocator.resident) > 1.1
                && usage.resident.saturating_sub(usage.allocator.resident) > 10 << 20,
            "Overhead: the process holds much memory beside the allocator's.",
        );
        find(
            usage.clients / figures::clients(cx.server).connected.max(1) as u64 > 200 << 10,
            "Client buffers: clients use more than 200 KiB each. CLIENT LIST shows whose omem or qbuf is large.",
        );
        if text.is_empty() {
            text += "No memory problems were found.\n";
        } else {
            text.insert_str(0, "What was found:\n\n");
        }
    }
    cx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "memory",
        &[
            "DOCTOR",
            "    Return memory problems reports.",
            "MALLOC-STATS",
            "    Return internal statistics report from the memory allocator.",
            "PURGE",
            "    Attempt to purge dirty pages for reclamation by the allocator.",
            "STATS",
            "    Return information about the memory usage of the server.",
            "USAGE <key> [SAMPLES <count>]",
            "    Return memory in bytes used by <key> and its value. Of lists and streams",
            "    <count> blocks are looked at (default: 5; 0 means all of them). Other values",
            "    know their size.",
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{TestClient, check};

    #[test]
    fn usage_of_keys() {
        check(&[
            ("MEMORY USAGE nosuch", "$-1"),
            ("MEMORY USAGE x y", "-ERR syntax error"),
            ("MEMORY USAGE x SAMPLES", "-ERR syntax error"),
            ("MEMORY USAGE x SAMPLES -1", "-ERR syntax error"),
            ("MEMORY USAGE x SAMPLES a", "-ERR value is not an integer or out of range"),
            ("SET a b", "+OK"),
            ("MEMORY USAGE a", ":28"),
            ("MEMORY USAGE a SAMPLES 5 SAMPLES 0", ":28"),
            ("SET a b EX 100", "+OK"),
            ("MEMORY USAGE a", ":60"),
        ]);
    }

    #[test]
    fn usage_is_estimated_from_as_many_samples_as_are_asked_for() {
        let mut client = TestClient::configured("list-max-listpack-size 4\nstream-node-max-entries 4\n");
        for number in 0..500 {
            let long = "x".repeat(if number < 250 { 500 } else { 20 });
            client.say(&format!("RPUSH list {long}"));
            client.say(&format!("XADD stream * f {long}"));
            client.say(&format!("HSET hash {number} {long}"));
            client.say(&format!("SADD set {long}{number}"));
            client.say(&format!("ZADD zset {number} {long}{number}"));
        }
        for key in ["list", "stream", "hash", "set", "zset"] {
            let mut usage = |samples: &str| -> f64 {
                let reply = client.say(&format!("MEMORY USAGE {key} {samples}"));
                reply.trim_start_matches(':').trim_end().parse().expect("a number")
            };
            let (all, few, more) = (usage("SAMPLES 0"), usage(""), usage("SAMPLES 100"));
            assert_eq!(few, usage("SAMPLES 5"));
            assert_eq!(all, usage("SAMPLES 1000000"));
            assert!(all > 125_000.0 && all < 400_000.0, "{key}: {all}");
            assert!(
                (0.5..2.2).contains(&(few / all)) && (0.5..2.2).contains(&(more / all)),
                "{key}: {few} {more} {all}"
            );
            assert_eq!(few == all, ["hash", "set", "zset"].contains(&key), "{key}: {few} {all}");
        }
    }

    #[test]
    fn stats_are_pairs() {
        let mut client = TestClient::new();
        client.say("SET a b");
        let stats = client.say("MEMORY STATS");
        assert!(stats.starts_with("*56\r\n$14\r\npeak.allocated\r\n:"), "{stats}");
        assert!(stats.contains("$4\r\ndb.0\r\n*6\r\n$23\r\noverhead.hashtable.main\r\n:12\r\n"), "{stats}");
        assert!(stats.contains("$10\r\nkeys.count\r\n:1\r\n"), "{stats}");
        assert!(client.say("MEMORY DOCTOR").contains("very little memory"));
        assert!(client.say("MEMORY MALLOC-STATS").contains("jemalloc"));
    }
}
