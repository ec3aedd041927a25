//! Parts of values: GETRANGE (and SUBSTR), SETRANGE, APPEND.

use super::value::{as_requested, check_length, stored};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::door::Expiry;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::entry::{IntText, StringValue, ValueRef};
use std::ops::Range;

const RANGE_COMPLEXITY: &str = "O(N) where N is the length of the returned string. The complexity is ultimately \
    determined by the returned length, but because creating a substring from an existing string is very cheap, it can \
    be considered O(1) for small strings.";

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "append",
        arity: 3,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::STRING,
        group: "string",
        since: "2.0.0",
        summary: "Appends a string to the value of a key. Creates the key if it doesn't exist.",
        complexity: "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already \
                     present value is of any size, since the dynamic string library used by Redis will double the free \
                     space available on every reallocation.",
        syntax: "key value",
        run: Run::OnKeys(append),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "getrange",
        arity: 4,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::STRING,
        group: "string",
        since: "2.4.0",
        summary: "Returns a substring of the string stored at a key.",
        complexity: RANGE_COMPLEXITY,
        syntax: "key start end",
        run: Run::OnKeys(getrange),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "substr",
        arity: 4,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::STRING,
        group: "string",
        since: "1.0.0",
        summary: "Returns a substring from a string value.",
        complexity: RANGE_COMPLEXITY,
        syntax: "key start end",
        deprecated: Some(("2.0.0", "`GETRANGE`")),
        run: Run::OnKeys(getrange),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "setrange",
        arity: 4,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))],
        acl: acl::STRING,
        group: "string",
        since: "2.2.0",
        summary: "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
        complexity: "O(1), not counting the time taken to copy the new string in place. Usually, this string is very \
                     small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of \
                     the value argument.",
        syntax: "key offset value",
        run: Run::OnKeys(setrange),
        ..CommandSpec::BLANK
    },
];

fn append(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (key, tail) = (args.at(1), args.at(2));
    let limit = cx.string_len_max();
    let mut slot = cx.keys.write(key);
    let length = match slot.string()?.map(length_of) {
        Some(before) => {
            check_length(before.saturating_add(tail.len()), limit)?;
            slot.update(as_requested("append"), |entry| entry.append(tail));
            before + tail.len()
        }
        None => {
            slot.put_string(stored(tail), Expiry::Clear, as_requested("append"));
            tail.len()
        }
    };
    cx.reply.integer(length as i64);
    Ok(())
}

fn getrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (start, end) = (args.integer_at(2)?, args.integer_at(3)?);
    let Some(entry) = cx.keys.read_string(args.at(1))? else {
        cx.reply.bulk(b"");
        return Ok(());
    };
    match entry.value() {
        ValueRef::Buffer(buffer) => cx.reply.bulk_shared(&buffer.slice(resolve(start, end, buffer.len()))),
        _ => {
            let mut text = IntText::new();
            let text = entry.string_bytes(&mut text).unwrap_or_default();
            cx.reply.bulk(&text[resolve(start, end, text.len())]);
        }
    }
    Ok(())
}

fn setrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (key, part) = (args.at(1), args.at(3));
    let offset = args.integer_at(2)?;
    let offset = usize::try_from(offset).map_err(|_| CommandError::text("offset is out of range"))?;
    let limit = cx.string_len_max();
    let mut slot = cx.keys.write(key);
    let before = slot.string()?.map(length_of);
    if part.is_empty() {
        cx.reply.integer(before.unwrap_or(0) as i64);
        return Ok(());
    }
    let end = offset.saturating_add(part.len());
    check_length(end, limit)?;
    if before.is_some() {
        slot.update(as_requested("setrange"), |entry| {
            entry.with_bytes_mut(end, |bytes| bytes[offset..end].copy_from_slice(part))
        });
    } else {
        let mut padded = vec![0; end];
        padded[offset..].copy_from_slice(part);
        slot.put_string(StringValue::Raw(&padded), Expiry::Clear, as_requested("setrange"));
    }
    cx.reply.integer(before.unwrap_or(0).max(end) as i64);
    Ok(())
}

/// Length of a string's value in bytes.
pub(in crate::command) fn length_of(entry: &Entry) -> usize {
    match entry.value() {
        ValueRef::Inline(text) => text.len(),
        ValueRef::Buffer(buffer) => buffer.len(),
        ValueRef::Int(number) => IntText::new().format(number).len(),
        ValueRef::Packed(_) | ValueRef::Boxed(_) => 0,
    }
}

/// The bytes between `start` and `end`, both included; negative ones count from the end.
fn resolve(start: i64, end: i64, length: usize) -> Range<usize> {
    let length = length as i64;
    if length == 0 || (start < 0 && end < 0 && start > end) {
        return 0..0;
    }
    let from_front = |index: i64| if index < 0 { (length + index).max(0) } else { index };
    let (start, end) = (from_front(start), from_front(end).min(length - 1));
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn ranges() {
        for (start, end, length, expected) in [
            (0, 3, 11, 0..4),
            (-4, -1, 11, 7..11),
            (0, -1, 11, 0..11),
            (0, i64::MAX, 11, 0..11),
            (i64::MIN, i64::MAX, 11, 0..11),
            (5, 3, 11, 0..0),
            (11, 20, 11, 0..0),
            (-1, -4, 11, 0..0),
            (-100, -50, 11, 0..1),
            (-50, -100, 11, 0..0),
            (0, -100, 11, 0..1),
            (0, -1, 0, 0..0),
        ] {
            assert_eq!(resolve(start, end, length), expected, "{start} {end} {length}");
        }
    }
}
