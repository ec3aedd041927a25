//! Adding to numbers: INCR, DECR, INCRBY, DECRBY and INCRBYFLOAT.

use super::value::{as_requested, integer};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::door::Expiry;
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::{IntText, StringValue};
use dunlin_structures::number::LongDouble;

const FLAGS: Flags = WRITE.and(DENYOOM).and(FAST);
const KEYS: &[KeySpec] = &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE))];

/// What the commands of this file have in common.
const BLANK: CommandSpec =
    CommandSpec { flags: FLAGS, keys: KEYS, acl: acl::STRING, group: "string", ..CommandSpec::BLANK };

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "incr",
        arity: 2,
        summary: "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        syntax: "key",
        run: Run::OnKeys(incr),
        ..BLANK
    },
    CommandSpec {
        name: "decr",
        arity: 2,
        summary: "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        syntax: "key",
        run: Run::OnKeys(decr),
        ..BLANK
    },
    CommandSpec {
        name: "incrby",
        arity: 3,
        summary: "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
        syntax: "key increment",
        run: Run::OnKeys(incrby),
        ..BLANK
    },
    CommandSpec {
        name: "decrby",
        arity: 3,
        summary: "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.",
        syntax: "key decrement",
        run: Run::OnKeys(decrby),
        ..BLANK
    },
    CommandSpec {
        name: "incrbyfloat",
        arity: 3,
        since: "2.6.0",
        summary: "Increment the floating point value of a key by a number. Uses 0 as initial value if the key doesn't \
                  exist.",
        syntax: "key increment",
        run: Run::OnKeys(incrbyfloat),
        ..BLANK
    },
];

fn incr(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    add(cx, args.at(1), 1)
}

fn decr(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    add(cx, args.at(1), -1)
}

fn incrby(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let increment = args.integer_at(2)?;
    add(cx, args.at(1), increment)
}

fn decrby(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let decrement = args.integer_at(2)?;
    let increment = decrement.checked_neg().ok_or(CommandError::text("decrement would overflow"))?;
    add(cx, args.at(1), increment)
}

/// Adds to a counter, which counts from 0 if it isn't there.
#[inline(always)]
fn add(cx: &mut Context<'_>, key: &[u8], increment: i64) -> CommandResult {
    let mut slot = cx.keys.write(key);
    let before = match slot.string()? {
        Some(entry) => match entry.integer() {
            Some(number) => Some(number),
            None => Some(integer(entry)?),
        },
        None => None,
    };
    let Some(after) = before.unwrap_or(0).checked_add(increment) else { return Err(CommandError::Overflow) };
    let value = StringValue::Int(after);
    if before.is_some() {
        slot.update(as_requested("incrby"), |entry| entry.set_string(value));
    } else {
        slot.put_string(value, Expiry::Clear, as_requested("incrby"));
    }
    cx.reply.integer(after);
    Ok(())
}

/// Logged as the sum, so that no replay depends on how floats are added.
fn incrbyfloat(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.at(1);
    let slot = cx.keys.write(key);
    let mut text = IntText::new();
    let before = slot.string()?.and_then(|entry| entry.string_bytes(&mut text)).unwrap_or(b"0");
    let before = LongDouble::parse(before).ok_or(CommandError::NotAFloat)?;
    let increment = LongDouble::parse(args.at(2)).ok_or(CommandError::NotAFloat)?;
    let after = before.checked_add(increment).ok_or(CommandError::NanOrInfinity)?.format();
    let compose = |effect: &mut EffectWriter| {
        effect.arg(b"SET").arg(key).arg(&after).arg(b"KEEPTTL");
    };
    let change = Change::composed(EventClass::String, "incrbyfloat", &compose);
    slot.put_string(StringValue::Text(&after), Expiry::Keep, change);
    cx.reply.bulk(&after);
    Ok(())
}
