//! Reading by index: LLEN, LINDEX, LRANGE.

use super::element::reply_element;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;
use dunlin_structures::entry::Kind;
use dunlin_structures::list::{self, End};
use std::ops::Range;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "llen",
        arity: 2,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO)],
        acl: acl::LIST,
        group: "list",
        since: "1.0.0",
        summary: "Returns the length of a list.",
        syntax: "key",
        run: Run::OnKeys(llen),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "lindex",
        arity: 3,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::LIST,
        group: "list",
        since: "1.0.0",
        summary: "Returns an element from a list by its index.",
        complexity: "O(N) where N is the number of elements to traverse to get to the element at index. This makes \
                     asking for the first or the last element of the list O(1).",
        syntax: "key index",
        run: Run::OnKeys(lindex),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "lrange",
        arity: 4,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::LIST,
        group: "list",
        since: "1.0.0",
        summary: "Returns a range of elements from a list.",
        complexity: "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or \
                     TAIL) for large lists; and N is the number of elements in the specified range.",
        syntax: "key start stop",
        run: Run::OnKeys(lrange),
        ..CommandSpec::BLANK
    },
];

fn llen(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let len = cx.keys.read_kind(args.at(1), Kind::List)?.map_or(0, |entry| list::len(&entry));
    cx.reply.integer(len as i64);
    Ok(())
}

fn lindex(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let Some(entry) = cx.keys.read_kind(args.at(1), Kind::List)? else {
        cx.reply.null();
        return Ok(());
    };
    let index = resolve(args.integer_at(2)?, list::len(&entry));
    match index.and_then(|index| list::get(&entry, index)) {
        Some(item) => reply_element(&mut cx.reply, item),
        None => cx.reply.null(),
    }
    Ok(())
}

fn lrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (start, stop) = (args.integer_at(2)?, args.integer_at(3)?);
    let Some(entry) = cx.keys.read_kind(args.at(1), Kind::List)? else {
        cx.reply.array(0);
        return Ok(());
    };
    let range = resolve_range(start, stop, list::len(&entry));
    cx.reply.array(range.len());
    for item in list::items(&entry, range.start, End::Tail).take(range.len()) {
        reply_element(&mut cx.reply, item);
    }
    Ok(())
}

/// An index that may count from the tail; nothing if it is outside.
pub(super) fn resolve(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index + len as i64 } else { index };
    usize::try_from(index).ok().filter(|&index| index < len)
}

/// The indexes between two, both included, that may count from the tail.
pub(super) fn resolve_range(start: i64, stop: i64, len: usize) -> Range<usize> {
    let from_head = |index: i64| if index < 0 { index + len as i64 } else { index };
    let (start, stop) = (from_head(start).max(0), from_head(stop).min(len as i64 - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}
