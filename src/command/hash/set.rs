//! Storing fields: HSET, HMSET, HSETNX.

use super::value::{BLANK, as_requested};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::entry::Kind;
use dunlin_structures::fields::{self, FieldExpiry, Fields};
use dunlin_structures::packed::Limits;
use std::cell::Cell;

const FLAGS: Flags = WRITE.and(DENYOOM).and(FAST);
const KEYS: &[KeySpec] = &[KeySpec::one(1, key::RW.and(key::UPDATE))];

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "hset",
        arity: -4,
        flags: FLAGS,
        keys: KEYS,
        summary: "Creates or modifies the value of a field in a hash.",
        complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is \
                     called with multiple field/value pairs.",
        syntax: "key field value [field value ...]",
        history: &[("4.0.0", "Accepts multiple `field` and `value` arguments.")],
        elements: Elements::BEFORE_VALUES,
        run: Run::OnKeys(hset),
        ..BLANK
    },
    CommandSpec {
        name: "hmset",
        arity: -4,
        flags: FLAGS,
        keys: KEYS,
        summary: "Sets the values of multiple fields.",
        complexity: "O(N) where N is the number of fields being set.",
        syntax: "key field value [field value ...]",
        deprecated: Some(("4.0.0", "`HSET` with multiple field-value pairs")),
        elements: Elements::BEFORE_VALUES,
        run: Run::OnKeys(hmset),
        ..BLANK
    },
    CommandSpec {
        name: "hsetnx",
        arity: 4,
        flags: FLAGS,
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        summary: "Sets the value of a field in a hash only when the field doesn't exist.",
        syntax: "key field value",
        elements: Elements::ONE,
        run: Run::OnKeys(hsetnx),
        ..BLANK
    },
];

fn hset(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let added = set_pairs(cx, args)?;
    cx.reply.integer(added);
    Ok(())
}

fn hmset(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    set_pairs(cx, args)?;
    cx.reply.ok();
    Ok(())
}

/// Sets all fields that were given, without times to live, and says how many are new.
#[inline]
fn set_pairs(cx: &mut Context<'_>, args: &Args<'_>) -> Result<i64, CommandError> {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::WrongArity(cx.command.full_name));
    }
    let limits = cx.server.thresholds.hash();
    let slot = cx.keys.write(args.at(1));
    slot.of_kind(Kind::Hash)?;
    let texts = args.from(2);
    // A hash that isn't there is made with its fields.
    let made = Cell::new(None);
    let added = slot.add(
        |key| {
            let (entry, added) = fields::from_pairs(key, texts.clone(), limits);
            made.set(Some(added));
            entry
        },
        |entry| made.get().unwrap_or_else(|| add_pairs(entry, texts.clone(), limits)),
        |_, out| out.change(as_requested("hset")),
    );
    Ok(added as i64)
}

/// Sets all these fields of a hash that is there.
#[inline]
fn add_pairs<'t>(
    entry: &mut Entry,
    mut texts: impl ExactSizeIterator<Item = &'t [u8]> + Clone,
    limits: Limits,
) -> usize {
    let mut added = 0;
    fields::make_room(entry, texts.len() / 2, texts.clone(), limits);
    while let (Some(field), Some(value)) = (texts.next(), texts.next()) {
        added += usize::from(fields::set(entry, field, value, FieldExpiry::Clear, limits));
    }
    added
}

fn hsetnx(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (field, value) = (args.at(2), args.at(3));
    let limits = cx.server.thresholds.hash();
    let slot = cx.keys.write(args.at(1));
    let taken = slot.of_kind(Kind::Hash)?.is_some_and(|entry| Fields::all_of(entry).find(field).is_some());
    if !taken {
        let set = |entry: &mut _| fields::set(entry, field, value, FieldExpiry::Clear, limits);
        slot.add(fields::empty, set, |_, out| out.change(as_requested("hset")));
    }
    cx.reply.flag(!taken);
    Ok(())
}
