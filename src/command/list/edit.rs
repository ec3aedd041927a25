//! Changes anywhere in a list: LSET, LINSERT, LREM, LTRIM.

use super::limits;
use super::range::{resolve, resolve_range};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::list::{self, End, Side};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "lset",
        arity: 4,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))],
        acl: acl::LIST,
        group: "list",
        since: "1.0.0",
        summary: "Sets the value of an element in a list by its index.",
        complexity: "O(N) where N is the length of the list. Setting either the first or the last element of the list is \
                     O(1).",
        syntax: "key index element",
        run: Run::OnKeys(lset),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "linsert",
        arity: 5,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::LIST,
        group: "list",
        since: "2.2.0",
        summary: "Inserts an element before or after another element in a list.",
        complexity: "O(N) where N is the number of elements to traverse before seeing the value pivot. This means that \
                     inserting somewhere on the left end on the list (head) can be considered O(1) and inserting \
                     somewhere on the right end (tail) is O(N).",
        syntax: "key <BEFORE | AFTER> pivot element",
        run: Run::OnKeys(linsert),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "lrem",
        arity: 4,
        flags: WRITE,
        keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
        acl: acl::LIST,
        group: "list",
        since: "1.0.0",
        summary: "Removes elements from a list. Deletes the list if the last element was removed.",
        complexity: "O(N+M) where N is the length of the list and M is the number of elements removed.",
        syntax: "key count element",
        run: Run::OnKeys(lrem),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "ltrim",
        arity: 4,
        flags: WRITE,
        keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
        acl: acl::LIST,
        group: "list",
        since: "1.0.0",
        summary: "Removes elements from both ends a list. Deletes the list if all elements were trimmed.",
        complexity: "O(N) where N is the number of elements to be removed by the operation.",
        syntax: "key start stop",
        run: Run::OnKeys(ltrim),
        ..CommandSpec::BLANK
    },
];

const fn as_requested(event: &'static str) -> Change<'static> {
    Change::request(EventClass::List, event)
}

fn lset(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let limits = limits(cx);
    let slot = cx.keys.write(args.at(1));
    let len = slot.of_kind(Kind::List)?.map(list::len).ok_or(CommandError::NoSuchKey)?;
    // An index that is nowhere is looked up as well: Redis decides on the list's encoding before it looks.
    let index = resolve(args.integer_at(2)?, len).unwrap_or(len);
    let is_set = slot.edit_existing(
        |entry| list::set(entry, index, args.at(3), limits),
        |&is_set, announcer| {
            if is_set {
                announcer.change(as_requested("lset"));
            }
        },
    );
    if is_set != Some(true) {
        return Err(CommandError::IndexOutOfRange);
    }
    cx.reply.ok();
    Ok(())
}

fn linsert(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let side = if args.is(2, "AFTER") {
        Side::After
    } else if args.is(2, "BEFORE") {
        Side::Before
    } else {
        return Err(CommandError::Syntax);
    };
    let limits = limits(cx);
    let slot = cx.keys.write(args.at(1));
    slot.of_kind(Kind::List)?;
    let len = slot.edit_existing(
        |entry| list::insert(entry, args.at(3), side, args.at(4), limits).then(|| list::len(entry)),
        |len, announcer| {
            if len.is_some() {
                announcer.change(as_requested("linsert"));
            }
        },
    );
    cx.reply.integer(match len {
        None => 0,
        Some(None) => -1,
        Some(Some(len)) => len as i64,
    });
    Ok(())
}

fn lrem(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (most, from) = match args.integer_at(2)? {
        0 => (usize::MAX, End::Head),
        count if count < 0 => (count.unsigned_abs() as usize, End::Tail),
        count => (count.unsigned_abs() as usize, End::Head),
    };
    let limits = limits(cx);
    let slot = cx.keys.write(args.at(1));
    slot.of_kind(Kind::List)?;
    let removed = slot.edit_existing(
        |entry| list::remove(entry, args.at(3), most, from, limits),
        |&removed, announcer| {
            if removed > 0 {
                announcer.change(as_requested("lrem"));
            }
        },
    );
    cx.reply.integer(removed.unwrap_or(0) as i64);
    Ok(())
}

fn ltrim(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (start, stop) = (args.integer_at(2)?, args.integer_at(3)?);
    let limits = limits(cx);
    let slot = cx.keys.write(args.at(1));
    let len = slot.of_kind(Kind::List)?.map_or(0, list::len);
    let kept = resolve_range(start, stop, len);
    let cut_off = slot.edit_existing(
        |entry| list::trim(entry, &kept, limits),
        |_, announcer| {
            // Redis says the event, and that the key has changed, even where nothing was cut off.
            if kept.len() < len {
                announcer.change(as_requested("ltrim"));
            } else {
                announcer.touch();
                announcer.event(EventClass::List, "ltrim");
            }
        },
    );
    cut_off.into_iter().flatten().for_each(|entry| cx.keys.discard(entry));
    cx.reply.ok();
    Ok(())
}
