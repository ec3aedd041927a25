//! The HyperLogLog family: how many different elements were added, about. A sketch is a string, so every command must
//! be ready for bytes that are none, or a broken one.
//!
//! PFADD is deterministic and logged as it came; so is PFCOUNT where it writes the cardinality into the sketch. PFMERGE
//! reads other keys: its result is logged.

pub mod debug;
#[cfg(test)]
mod tests;

use crate::command::spec::*;
use crate::command::string::value::computed;
use crate::command::{CommandResult, Context};
use crate::keyspace::door::Expiry;
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::keyspace::{Change, KeySlot};
use crate::resp::{Args, CommandError};
use crate::state::gates;
use bytes::Bytes;
use dunlin_structures::Entry;
use dunlin_structures::entry::{IntText, StringValue};
use dunlin_structures::hll::sparse::{self, Raise};
use dunlin_structures::hll::{self, DENSE_BYTES, Fault, Layout, Pattern, Union};
use std::mem::take;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "pfadd",
        arity: -2,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::HYPERLOGLOG,
        group: "hyperloglog",
        since: "2.8.9",
        summary: "Adds elements to a HyperLogLog key. Creates the key if it doesn't exist.",
        complexity: "O(1) to add every element.",
        syntax: "key [element [element ...]]",
        elements: Elements::ALL,
        run: Run::OnKeys(pfadd),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "pfcount",
        arity: -2,
        flags: READONLY.and(MAY_REPLICATE).and(READS_HEAD),
        keys: &[KeySpec::range(1, -1, 1, key::RW.and(key::ACCESS)).note(
            "RW because it may change the internal representation of the key, and propagate to replicas",
        )],
        acl: acl::HYPERLOGLOG,
        group: "hyperloglog",
        since: "2.8.9",
        summary: "Returns the approximated cardinality of the set(s) observed by the HyperLogLog key(s).",
        complexity: "O(1) with a very small average constant time when called with a single key. O(N) with N being the \
                     number of keys, and much bigger constant times, when called with multiple keys.",
        syntax: "key [key ...]",
        run: Run::OnKeys(pfcount),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "pfmerge",
        arity: -2,
        flags: WRITE.and(DENYOOM),
        keys: &[
            KeySpec::one(1, key::RW.and(key::ACCESS).and(key::INSERT)),
            KeySpec::range(2, -1, 1, key::RO.and(key::ACCESS)),
        ],
        acl: acl::HYPERLOGLOG,
        group: "hyperloglog",
        since: "2.8.9",
        summary: "Merges one or more HyperLogLog values into a single key.",
        complexity: "O(N) to merge N HyperLogLogs, but with high constant times.",
        syntax: "destkey [sourcekey [sourcekey ...]]",
        run: Run::OnKeys(pfmerge),
        ..CommandSpec::BLANK
    },
];

fn refusal(fault: Fault) -> CommandError {
    CommandError::coded(match fault {
        Fault::Foreign => "WRONGTYPE Key is not a valid HyperLogLog string value.",
        Fault::Corrupted => "INVALIDOBJ Corrupted HLL object detected",
    })
}

/// What stands in a slot: a sketch's bytes and layout, or nothing.
fn sketch<'s>(slot: &'s KeySlot<'_, '_>) -> Result<Option<(&'s [u8], Layout)>, CommandError> {
    let Some(entry) = slot.string()? else { return Ok(None) };
    // An integer's text is none.
    let bytes = entry.stored_bytes().unwrap_or_default();
    Ok(Some((bytes, Layout::of(bytes).map_err(refusal)?)))
}

fn pfadd(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    const ADDED: Change<'static> = Change::request(EventClass::String, "pfadd");
    let limit = cx.server.thresholds.hll_sparse_bytes();
    let mut slot = cx.keys.write(args.at(1));
    let patterns = args.from(2).map(Pattern::of);
    let changed = match sketch(&slot)? {
        None => {
            let mut bytes = hll::empty();
            raise_all(&mut bytes, patterns, limit)?;
            hll::invalidate(&mut bytes);
            slot.put_string(computed(&bytes.into()), Expiry::Clear, ADDED);
            true
        }
        Some((bytes, Layout::Dense)) => {
            let is_higher = |pattern: &Pattern| hll::dense::register(bytes, pattern.index) < pattern.rank;
            let changed = patterns.clone().any(|pattern| is_higher(&pattern));
            if changed {
                edit_in_place(&mut slot, ADDED, |bytes| {
                    patterns.for_each(|pattern| _ = hll::dense::raise(bytes, pattern));
                    hll::invalidate(bytes);
                });
            }
            changed
        }
        Some((bytes, Layout::Sparse)) => {
            let one = (args.len() == 3).then(|| sparse::plan(bytes, Pattern::of(args.at(2)), limit));
            match one.transpose().map_err(refusal)? {
                Some(Raise::Nothing) => false,
                Some(Raise::Edit(edit)) => {
                    let was_counted = hll::cached(bytes).is_some();
                    slot.update(ADDED, |entry| {
                        entry.splice_string(edit.range.clone(), edit.bytes());
                        if was_counted {
                            entry.with_bytes_mut(0, hll::invalidate);
                        }
                    });
                    true
                }
                Some(Raise::Promote) | None => {
                    // On a copy: a broken sketch may turn out to be one after some of the elements.
                    let mut bytes = copy_to_grow(bytes);
                    let changed = raise_all(&mut bytes, patterns, limit)?;
                    if changed {
                        slot.update(ADDED, |entry| entry.set_string(to_store(&mut bytes)));
                    }
                    changed
                }
            }
        }
    };
    cx.reply.flag(changed);
    Ok(())
}

/// The value to store for a sketch that was changed.
fn to_store(bytes: &mut Vec<u8>) -> StringValue<'_> {
    // Sparse ones are short: copied into the entry.
    if bytes.len() == DENSE_BYTES { StringValue::Buffer(take(bytes).into()) } else { StringValue::Raw(bytes) }
}

fn copy_to_grow(bytes: &[u8]) -> Vec<u8> {
    let mut copy = Vec::with_capacity(bytes.len() + 16);
    copy.extend_from_slice(bytes);
    copy
}

fn raise_all(
    bytes: &mut Vec<u8>,
    patterns: impl Iterator<Item = Pattern>,
    limit: usize,
) -> Result<bool, CommandError> {
    let mut changed = false;
    for pattern in patterns {
        changed |= hll::raise(bytes, pattern, limit).map_err(refusal)?;
    }
    if changed {
        hll::invalidate(bytes);
    }
    Ok(changed)
}

fn edit_in_place(slot: &mut KeySlot<'_, '_>, change: Change<'_>, edit: impl FnOnce(&mut [u8])) {
    slot.update(change, |entry: &mut Entry| entry.with_bytes_mut(0, edit));
}

fn pfcount(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let cardinality = if args.len() == 2 { count_one(cx, args.at(1))? } else { union(cx, args)?.count() };
    cx.reply.integer(cardinality as i64);
    Ok(())
}

/// Counts a sketch and notes the result in it, for the next time.
fn count_one(cx: &mut Context<'_>, key: &[u8]) -> Result<u64, CommandError> {
    let mut text = IntText::new();
    let entry = cx.keys.read_string(key)?;
    let Some(bytes) = entry.as_ref().and_then(|entry| entry.string_bytes(&mut text)) else { return Ok(0) };
    Layout::of(bytes).map_err(refusal)?;
    if let Some(cardinality) = hll::cached(bytes) {
        return Ok(cardinality);
    }
    let cardinality = hll::count(bytes).map_err(refusal)?;
    drop(entry);
    // Reads go on when nothing can be logged, but then they may change nothing.
    if cx.server.gates.closed() & (gates::LOG_FAILED | gates::LOG_FULL) == 0 {
        let change = Change::request(EventClass::Silent, "pfcount");
        edit_in_place(&mut cx.keys.write_again(key), change, |bytes| hll::set_cached(bytes, cardinality));
    }
    Ok(cardinality)
}

/// All sketches among the arguments, taken together.
fn union(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Union, CommandError> {
    let mut union = Union::default();
    for key in args.from(1) {
        let mut text = IntText::new();
        let entry = cx.keys.read_string(key)?;
        if let Some(bytes) = entry.as_ref().and_then(|entry| entry.string_bytes(&mut text)) {
            union.merge(bytes).map_err(refusal)?;
        }
    }
    Ok(union)
}

fn pfmerge(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let union = union(cx, args)?;
    let key = args.at(1);
    let slot = cx.keys.write(key);
    let mut bytes = sketch(&slot)?.map_or_else(hll::empty, |(bytes, _)| copy_to_grow(bytes));
    union.write_to(&mut bytes, cx.server.thresholds.hll_sparse_bytes()).map_err(refusal)?;
    let bytes = Bytes::from(bytes);
    let compose = |effect: &mut EffectWriter| {
        effect.arg(b"SET").arg(key).arg(&bytes).arg(b"KEEPTTL");
    };
    let change = Change::composed(EventClass::String, "pfadd", &compose);
    slot.put_string(computed(&bytes), Expiry::Keep, change);
    cx.reply.ok();
    Ok(())
}
