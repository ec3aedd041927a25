//! When a key goes: TTL and PTTL from now on, EXPIRETIME and PEXPIRETIME since 1970.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;

/// What the commands of this file have in common.
const BLANK: CommandSpec = CommandSpec {
    arity: 2,
    flags: READONLY.and(FAST),
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::KEYSPACE,
    group: "generic",
    syntax: "key",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "ttl",
        summary: "Returns the expiration time in seconds of a key.",
        history: &[("2.8.0", "Added the -2 reply.")],
        tips: &["nondeterministic_output"],
        run: Run::OnKeys(ttl),
        ..BLANK
    },
    CommandSpec {
        name: "pttl",
        since: "2.6.0",
        summary: "Returns the expiration time in milliseconds of a key.",
        history: &[("2.8.0", "Added the -2 reply.")],
        tips: &["nondeterministic_output"],
        run: Run::OnKeys(pttl),
        ..BLANK
    },
    CommandSpec {
        name: "expiretime",
        since: "7.0.0",
        summary: "Returns the expiration time of a key as a Unix timestamp.",
        run: Run::OnKeys(expiretime),
        ..BLANK
    },
    CommandSpec {
        name: "pexpiretime",
        since: "7.0.0",
        summary: "Returns the expiration time of a key as a Unix milliseconds timestamp.",
        run: Run::OnKeys(pexpiretime),
        ..BLANK
    },
];

fn ttl(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.now();
    reply_time(cx, args.at(1), |at| to_seconds((at - now).max(0)))
}

fn pttl(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.now();
    reply_time(cx, args.at(1), |at| (at - now).max(0))
}

fn expiretime(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    reply_time(cx, args.at(1), to_seconds)
}

fn pexpiretime(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    reply_time(cx, args.at(1), |at| at)
}

/// Replies -2 for no key and -1 for no time.
fn reply_time(cx: &mut Context<'_>, key: &[u8], show: impl Fn(i64) -> i64) -> CommandResult {
    let answer = cx.keys.inspect(key).map_or(-2, |entry| entry.expire_at().map_or(-1, show));
    cx.reply.integer(answer);
    Ok(())
}

/// Rounds to the nearest second.
fn to_seconds(ms: i64) -> i64 {
    ms / 1000 + i64::from(ms % 1000 >= 500)
}
