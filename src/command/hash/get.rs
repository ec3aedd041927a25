//! Reading fields: HGET, HMGET, HGETALL, HKEYS, HVALS, HLEN, HSTRLEN, HEXISTS.

use super::value::{BLANK, reply_found, reply_item};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::fields::Fields;

const ACCESS: &[KeySpec] = &[KeySpec::one(1, key::RO.and(key::ACCESS))];
const LOOK: &[KeySpec] = &[KeySpec::one(1, key::RO)];

/// What the commands on one field have in common.
const ONE: CommandSpec = CommandSpec { flags: READONLY.and(FAST), keys: ACCESS, ..BLANK };
/// What the commands on all fields have in common.
const ALL: CommandSpec = CommandSpec {
    arity: 2,
    flags: READONLY,
    keys: ACCESS,
    complexity: "O(N) where N is the size of the hash.",
    syntax: "key",
    tips: &["nondeterministic_output_order"],
    ..BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "hget",
        arity: 3,
        summary: "Returns the value of a field in a hash.",
        syntax: "key field",
        elements: Elements::ONE,
        run: Run::OnKeys(hget),
        ..ONE
    },
    CommandSpec {
        name: "hmget",
        arity: -3,
        summary: "Returns the values of all fields in a hash.",
        complexity: "O(N) where N is the number of fields being requested.",
        syntax: "key field [field ...]",
        elements: Elements::ALL,
        run: Run::OnKeys(hmget),
        ..ONE
    },
    CommandSpec {
        name: "hgetall",
        summary: "Returns all fields and values in a hash.",
        run: Run::OnKeys(hgetall),
        ..ALL
    },
    CommandSpec { name: "hkeys", summary: "Returns all fields in a hash.", run: Run::OnKeys(hkeys), ..ALL },
    CommandSpec { name: "hvals", summary: "Returns all values in a hash.", run: Run::OnKeys(hvals), ..ALL },
    CommandSpec {
        name: "hlen",
        arity: 2,
        keys: LOOK,
        summary: "Returns the number of fields in a hash.",
        syntax: "key",
        run: Run::OnKeys(hlen),
        ..ONE
    },
    CommandSpec {
        name: "hstrlen",
        arity: 3,
        keys: LOOK,
        since: "3.2.0",
        summary: "Returns the length of the value of a field.",
        syntax: "key field",
        elements: Elements::ONE,
        run: Run::OnKeys(hstrlen),
        ..ONE
    },
    CommandSpec {
        name: "hexists",
        arity: 3,
        keys: LOOK,
        summary: "Determines whether a field exists in a hash.",
        syntax: "key field",
        elements: Elements::ONE,
        run: Run::OnKeys(hexists),
        ..ONE
    },
];

/// Hands the hash to `look`; nothing if the key isn't there.
#[inline]
pub(super) fn with_fields<R>(
    cx: &mut Context<'_>,
    key: &[u8],
    look: impl FnOnce(&Fields<'_>, &mut crate::resp::Reply<'_>) -> R,
) -> Result<Option<R>, CommandError> {
    let now = cx.keys.now;
    let entry = cx.keys.read_kind(key, Kind::Hash)?;
    Ok(entry.map(|entry| look(&Fields::of(&entry, now), &mut cx.reply)))
}

fn hget(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let field = args.at(2);
    let found = with_fields(cx, args.at(1), |fields, reply| reply_found(reply, fields.get(field)))?;
    if found.is_none() {
        cx.reply.null();
    }
    Ok(())
}

fn hmget(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let names = args.from(2);
    let count = names.len();
    let found = with_fields(cx, args.at(1), |fields, reply| {
        reply.array(count);
        names.for_each(|field| reply_found(reply, fields.get(field)));
    })?;
    if found.is_none() {
        cx.reply.array(count);
        (0..count).for_each(|_| cx.reply.null());
    }
    Ok(())
}

fn hgetall(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let found = with_fields(cx, args.at(1), |fields, reply| {
        reply.map(fields.len());
        for field in fields.iter() {
            reply_item(reply, field.name);
            reply_item(reply, field.value);
        }
    })?;
    if found.is_none() {
        cx.reply.map(0);
    }
    Ok(())
}

fn hkeys(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let found = with_fields(cx, args.at(1), |fields, reply| {
        reply.array(fields.len());
        fields.iter().for_each(|field| reply_item(reply, field.name));
    })?;
    if found.is_none() {
        cx.reply.array(0);
    }
    Ok(())
}

fn hvals(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let found = with_fields(cx, args.at(1), |fields, reply| {
        reply.array(fields.len());
        fields.iter().for_each(|field| reply_item(reply, field.value));
    })?;
    if found.is_none() {
        cx.reply.array(0);
    }
    Ok(())
}

fn hlen(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let len = with_fields(cx, args.at(1), |fields, _| fields.len())?;
    cx.reply.integer(len.unwrap_or(0) as i64);
    Ok(())
}

fn hstrlen(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let field = args.at(2);
    let len = with_fields(cx, args.at(1), |fields, _| fields.get(field).map(|value| value.text_len()))?;
    cx.reply.integer(len.flatten().unwrap_or(0) as i64);
    Ok(())
}

fn hexists(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let field = args.at(2);
    let found = with_fields(cx, args.at(1), |fields, _| fields.find(field).is_some())?;
    cx.reply.flag(found.unwrap_or(false));
    Ok(())
}
