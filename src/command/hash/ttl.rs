//! When fields will go: HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME.

use super::arguments::{self, NOT_POSITIVE};
use super::value::BLANK;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;
use dunlin_structures::entry::Kind;
use dunlin_structures::fields::Fields;

/// What the commands of this file have in common.
const TIME: CommandSpec = CommandSpec {
    arity: -5,
    flags: READONLY.and(FAST),
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    since: "7.4.0",
    complexity: "O(N) where N is the number of specified fields",
    syntax: "key FIELDS numfields field [field ...]",
    ..BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "httl",
        summary: "Returns the times to live of fields of a hash, in seconds.",
        tips: &["nondeterministic_output"],
        run: Run::OnKeys(httl),
        ..TIME
    },
    CommandSpec {
        name: "hpttl",
        summary: "Returns the times to live of fields of a hash, in milliseconds.",
        tips: &["nondeterministic_output"],
        run: Run::OnKeys(hpttl),
        ..TIME
    },
    CommandSpec {
        name: "hexpiretime",
        summary: "Returns the Unix times, in seconds, at which fields of a hash expire.",
        run: Run::OnKeys(hexpiretime),
        ..TIME
    },
    CommandSpec {
        name: "hpexpiretime",
        summary: "Returns the Unix times, in milliseconds, at which fields of a hash expire.",
        run: Run::OnKeys(hpexpiretime),
        ..TIME
    },
];

fn httl(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.now();
    reply_times(cx, args, |at| (at - now + 999) / 1000)
}

fn hpttl(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.now();
    reply_times(cx, args, |at| at - now)
}

fn hexpiretime(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    reply_times(cx, args, |at| (at + 999) / 1000)
}

fn hpexpiretime(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    reply_times(cx, args, |at| at)
}

/// Replies for each field what `shown` makes of its time; -1: it has none, -2: there is no such field.
fn reply_times(cx: &mut Context<'_>, args: &Args<'_>, shown: impl Fn(i64) -> i64) -> CommandResult {
    let now = cx.now();
    let entry = cx.keys.read_kind(args.at(1), Kind::Hash)?;
    let names = arguments::fields(args, 2, NOT_POSITIVE)?;
    let fields = entry.as_ref().map(|entry| Fields::of(entry, now));
    cx.reply.array(names.len());
    for name in names {
        cx.reply.integer(match fields.and_then(|fields| fields.find(name)) {
            None => -2,
            Some(field) => field.expire_at.map_or(-1, &shown),
        });
    }
    Ok(())
}
