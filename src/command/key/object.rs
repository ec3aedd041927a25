//! OBJECT: how a value is stored, and how it was used.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::policy::Order;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::entry::ValueRef;
use std::sync::atomic::Ordering::Relaxed;

/// What the subcommands on a key have in common.
const BLANK: CommandSpec = CommandSpec {
    arity: 3,
    flags: READONLY,
    keys: &[KeySpec::one(2, key::RO)],
    acl: acl::KEYSPACE,
    group: "generic",
    since: "2.2.3",
    syntax: "key",
    tips: &["nondeterministic_output"],
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "object",
    arity: -2,
    acl: acl::NONE,
    group: "generic",
    since: "2.2.3",
    summary: "A container for object introspection commands.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        CommandSpec {
            name: "encoding",
            summary: "Returns the internal encoding of a Redis object.",
            run: Run::OnKeys(encoding),
            ..BLANK
        },
        CommandSpec {
            name: "freq",
            since: "4.0.0",
            summary: "Returns the logarithmic access frequency counter of a Redis object.",
            run: Run::OnKeys(freq),
            ..BLANK
        },
        CommandSpec::help(BLANK, "6.2.0", help),
        CommandSpec {
            name: "idletime",
            summary: "Returns the time since the last access to a Redis object.",
            run: Run::OnKeys(idletime),
            ..BLANK
        },
        CommandSpec {
            name: "refcount",
            summary: "Returns the reference count of a value of a key.",
            run: Run::OnKeys(refcount),
            ..BLANK
        },
    ],
    ..CommandSpec::BLANK
}];

/// What Redis answers for the integers that it shares between keys: a count that never changes.
const SHARED_REFCOUNT: i64 = i32::MAX as i64;
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;

fn encoding(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    match look(cx, args, Entry::encoding_name) {
        Some(name) => cx.reply.bulk_str(name),
        None => cx.reply.null(),
    }
    Ok(())
}

fn refcount(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    // What is shared has one access clock for all.
    let hot = &cx.server.hot;
    let has_clock = hot.maxmemory.load(Relaxed) > 0
        && hot.policy().is_some_and(|policy| matches!(policy.order, Order::Lru | Order::Lfu));
    let count = |entry: &Entry| match entry.value() {
        ValueRef::Int(number) if SHARED_INTEGERS.contains(&number) && !has_clock => SHARED_REFCOUNT,
        _ => 1,
    };
    reply_integer(look(cx, args, count), cx)
}

fn freq(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let clock = cx.keys.access.clock;
    let uses = look(cx, args, |entry| i64::from(clock.uses(entry.clock())));
    if uses.is_some() && !clock.counts_uses() {
        return Err(CommandError::text(
            "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    reply_integer(uses, cx)
}

fn idletime(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let clock = cx.keys.access.clock;
    let idle_s = look(cx, args, |entry| i64::from(clock.idle_s(entry.clock())));
    if idle_s.is_some() && clock.counts_uses() {
        return Err(CommandError::text(
            "An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
             policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    reply_integer(idle_s, cx)
}

/// What the entry of the subcommand's key says: a look that counts as a hit or miss, but is no use of the value.
fn look<R>(cx: &mut Context<'_>, args: &Args<'_>, ask: impl FnOnce(&Entry) -> R) -> Option<R> {
    let answer = cx.keys.peek(args.at(2)).map(|entry| ask(&entry));
    cx.keys.count_lookup(answer.is_some());
    answer
}

fn reply_integer(answer: Option<i64>, cx: &mut Context<'_>) -> CommandResult {
    match answer {
        Some(number) => cx.reply.integer(number),
        None => cx.reply.null(),
    }
    Ok(())
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "object",
        &[
            "ENCODING <key>",
            "    Return the kind of internal representation used in order to store the value",
            "    associated with a <key>.",
            "FREQ <key>",
            "    Return the access frequency index of the <key>. The returned integer is",
            "    proportional to the logarithm of the recent access frequency of the key.",
            "IDLETIME <key>",
            "    Return the idle time of the <key>, that is the approximated number of",
            "    seconds elapsed since the last access to the key.",
            "REFCOUNT <key>",
            "    Return the number of references of the value associated with the specified",
            "    <key>.",
        ],
    );
    Ok(())
}
