//! Adding elements at the ends: LPUSH, RPUSH, LPUSHX, RPUSHX.

use super::end::push_event;
use super::limits;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::Args;
use dunlin_structures::entry::Kind;
use dunlin_structures::list::{self, End};
use std::cell::Cell;

/// What the four have in common.
const PUSH: CommandSpec = CommandSpec {
    arity: -3,
    flags: WRITE.and(DENYOOM).and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
    acl: acl::LIST,
    group: "list",
    complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
                 arguments.",
    syntax: "key element [element ...]",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "lpush",
        since: "1.0.0",
        summary: "Prepends one or more elements to a list. Creates the key if it doesn't exist.",
        history: &[("2.4.0", "Accepts multiple `element` arguments.")],
        run: Run::OnKeys(lpush),
        ..PUSH
    },
    CommandSpec {
        name: "rpush",
        since: "1.0.0",
        summary: "Appends one or more elements to a list. Creates the key if it doesn't exist.",
        history: &[("2.4.0", "Accepts multiple `element` arguments.")],
        run: Run::OnKeys(rpush),
        ..PUSH
    },
    CommandSpec {
        name: "lpushx",
        since: "2.2.0",
        summary: "Prepends one or more elements to a list only when the list exists.",
        history: &[("4.0.0", "Accepts multiple `element` arguments.")],
        run: Run::OnKeys(lpushx),
        ..PUSH
    },
    CommandSpec {
        name: "rpushx",
        since: "2.2.0",
        summary: "Appends one or more elements to a list only when the list exists.",
        history: &[("4.0.0", "Accepts multiple `element` arguments.")],
        run: Run::OnKeys(rpushx),
        ..PUSH
    },
];

fn lpush(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    push(cx, args, End::Head)
}

fn rpush(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    push(cx, args, End::Tail)
}

fn lpushx(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    push_existing(cx, args, End::Head)
}

fn rpushx(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    push_existing(cx, args, End::Tail)
}

fn push(cx: &mut Context<'_>, args: &Args<'_>, end: End) -> CommandResult {
    let limits = limits(cx);
    let slot = cx.keys.write(args.at(1));
    slot.of_kind(Kind::List)?;
    let texts = args.from(2);
    // A list that isn't there is made with its elements.
    let made = Cell::new(None);
    let make = |key: &[u8]| {
        let (entry, len) = list::pushed(key, end, texts.clone(), limits);
        made.set(Some(len));
        entry
    };
    let add = |entry: &mut _| made.get().unwrap_or_else(|| list::push(entry, end, texts.clone(), limits));
    let change = Change::request(EventClass::List, push_event(end));
    let len = slot.add(make, add, |_, announcer| announcer.change(change));
    cx.reply.integer(len as i64);
    Ok(())
}

fn push_existing(cx: &mut Context<'_>, args: &Args<'_>, end: End) -> CommandResult {
    let exists = cx.keys.write(args.at(1)).exists();
    if !exists {
        cx.reply.integer(0);
        return Ok(());
    }
    push(cx, args, end)
}
