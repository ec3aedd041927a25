//! Adding to numbers: HINCRBY and HINCRBYFLOAT. A field's time to live stays.

use super::value::{BLANK, as_requested, composed, write_fields};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::effect::EffectWriter;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::fields::{self, FieldExpiry, Fields};
use dunlin_structures::number::{LongDouble, parse_i64};
use dunlin_structures::packed::Item;

const COUNTER: CommandSpec = CommandSpec {
    arity: 4,
    flags: WRITE.and(DENYOOM).and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE))],
    syntax: "key field increment",
    ..BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "hincrby",
        summary: "Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the field \
                  doesn't exist.",
        elements: Elements::ONE,
        run: Run::OnKeys(hincrby),
        ..COUNTER
    },
    CommandSpec {
        name: "hincrbyfloat",
        since: "2.6.0",
        summary: "Increments the floating point value of a field by a number. Uses 0 as initial value if the field \
                  doesn't exist.",
        elements: Elements::ONE,
        run: Run::OnKeys(hincrbyfloat),
        ..COUNTER
    },
];

fn hincrby(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let field = args.at(2);
    let increment = args.integer_at(3)?;
    let limits = cx.server.thresholds.hash();
    let slot = cx.keys.write(args.at(1));
    let before = match slot.of_kind(Kind::Hash)?.and_then(|entry| Fields::all_of(entry).get(field)) {
        None => 0,
        Some(Item::Int(number)) => number,
        Some(Item::Text(text)) => {
            parse_i64(text).ok_or(CommandError::text("hash value is not an integer"))?
        }
    };
    let after = before.checked_add(increment).ok_or(CommandError::Overflow)?;
    let mut digits = itoa::Buffer::new();
    let text = digits.format(after).as_bytes();
    let set = |entry: &mut _| fields::set(entry, field, text, FieldExpiry::Keep, limits);
    slot.add(fields::empty, set, |_, out| out.change(as_requested("hincrby")));
    cx.reply.integer(after);
    Ok(())
}

/// Logged as the sum, so that no replay depends on how floats are added.
fn hincrbyfloat(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (key, field) = (args.at(1), args.at(2));
    let increment = LongDouble::parse(args.at(3)).ok_or(CommandError::NotAFloat)?;
    let zero = LongDouble::parse(b"0").ok_or(CommandError::NotAFloat)?;
    if increment.checked_add(zero).is_none() {
        return Err(CommandError::text("value is NaN or Infinity"));
    }
    let limits = cx.server.thresholds.hash();
    let slot = cx.keys.write(key);
    let found = slot.of_kind(Kind::Hash)?.and_then(|entry| Fields::all_of(entry).find(field));
    let expires = found.is_some_and(|field| field.expire_at.is_some());
    let before = match found {
        None => zero,
        Some(found) => LongDouble::parse(found.value.text(&mut IntText::new()))
            .ok_or(CommandError::text("hash value is not a float"))?,
    };
    let after = before.checked_add(increment).ok_or(CommandError::NanOrInfinity)?.format();
    let compose = |effect: &mut EffectWriter| {
        if expires {
            write_fields(effect, b"HSETEX", key, &[b"KEEPTTL"], &[field]);
            effect.arg(&after);
        } else {
            effect.arg(b"HSET").arg(key).arg(field).arg(&after);
        }
    };
    let set = |entry: &mut _| fields::set(entry, field, &after, FieldExpiry::Keep, limits);
    slot.edit(fields::empty, set, |_, out| out.change(composed("hincrbyfloat", &compose)));
    cx.reply.bulk(&after);
    Ok(())
}
