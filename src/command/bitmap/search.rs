//! Many bits: BITCOUNT and BITPOS.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::bits;
use dunlin_structures::entry::IntText;
use std::ops::Range;

const HISTORY: &[(&str, &str)] = &[("7.0.0", "Added the `BYTE|BIT` option.")];

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "bitcount",
        arity: -2,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::BITMAP,
        group: "bitmap",
        since: "2.6.0",
        summary: "Counts the number of set bits (population counting) in a string.",
        complexity: "O(N)",
        syntax: "key [start end [BYTE | BIT]]",
        history: HISTORY,
        run: Run::OnKeys(bitcount),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "bitpos",
        arity: -3,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::BITMAP,
        group: "bitmap",
        since: "2.8.7",
        summary: "Finds the first set (1) or clear (0) bit in a string.",
        complexity: "O(N)",
        syntax: "key bit [start [end [BYTE | BIT]]]",
        history: HISTORY,
        run: Run::OnKeys(bitpos),
        ..CommandSpec::BLANK
    },
];

fn bitcount(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    // As in Redis up to 7.2, a missing key is reported before any mistake in the range.
    let Some(entry) = cx.keys.read_string(args.at(1))? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let mut text = IntText::new();
    let bytes = entry.string_bytes(&mut text).unwrap_or_default();
    let range = match args.len() {
        2 => 0..bytes.len() as u64 * 8,
        4 | 5 => {
            let (start, end) = (args.integer_at(2)?, args.integer_at(3)?);
            if start < 0 && end < 0 && start > end {
                0..0
            } else {
                resolve(start, end, bit_unit(args, 4)?, bytes.len())
            }
        }
        _ => return Err(CommandError::Syntax),
    };
    cx.reply.integer(bits::count_ones(bytes, range) as i64);
    Ok(())
}

fn bitpos(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let wanted = match args.integer_at(2)? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::text("The bit argument must be 1 or 0.")),
    };
    let Some(entry) = cx.keys.read_string(args.at(1))? else {
        // As if zeros went on for ever.
        cx.reply.integer(if wanted { -1 } else { 0 });
        return Ok(());
    };
    let mut text = IntText::new();
    let bytes = entry.string_bytes(&mut text).unwrap_or_default();
    if args.len() > 6 {
        return Err(CommandError::Syntax);
    }
    let start = if args.len() > 3 { args.integer_at(3)? } else { 0 };
    let unit = bit_unit(args, 5)?;
    let end = if args.len() > 4 { args.integer_at(4)? } else { -1 };
    let range = resolve(start, end, unit, bytes.len());
    let position = match bits::find_bit(bytes, wanted, range.clone()) {
        Some(position) => position as i64,
        // Without an end zeros go on behind the string.
        None if !wanted && args.len() <= 4 && !range.is_empty() => range.end as i64,
        None => -1,
    };
    cx.reply.integer(position);
    Ok(())
}

/// How many bits the indexes of a range count by; told by the argument at `index`, if there is one.
fn bit_unit(args: &Args<'_>, index: usize) -> Result<u64, CommandError> {
    match args.get(index) {
        Some(word) if word.eq_ignore_ascii_case(b"BIT") => Ok(1),
        Some(word) if !word.eq_ignore_ascii_case(b"BYTE") => Err(CommandError::Syntax),
        _ => Ok(8),
    }
}

/// The bits between `start` and `end`, both included; negative ones count from the end.
fn resolve(start: i64, end: i64, unit: u64, length_bytes: usize) -> Range<u64> {
    let length = (length_bytes as u64 * 8 / unit) as i64;
    let from_front = |index: i64| if index < 0 { (length + index).max(0) } else { index };
    let (start, end) = (from_front(start), from_front(end).min(length - 1));
    if start > end { 0..0 } else { start as u64 * unit..(end as u64 + 1) * unit }
}
