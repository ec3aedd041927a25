//! Moving an element from one list to another: LMOVE and RPOPLPUSH.

use super::end::{self, pop_command, pop_event, push_command, push_event};
use super::limits;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::keyspace::{Change, KeySlot};
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::list::{self, End};

const KEYS: &[KeySpec] =
    &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::DELETE)), KeySpec::one(2, key::RW.and(key::INSERT))];

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "lmove",
        arity: 5,
        flags: WRITE.and(DENYOOM),
        keys: KEYS,
        acl: acl::LIST,
        group: "list",
        since: "6.2.0",
        summary: "Returns an element after popping it from one list and pushing it to another. Deletes the list if the \
                  last element was moved.",
        syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
        run: Run::OnKeys(lmove),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "rpoplpush",
        arity: 3,
        flags: WRITE.and(DENYOOM),
        keys: KEYS,
        acl: acl::LIST,
        group: "list",
        since: "1.2.0",
        summary: "Returns the last element of a list after removing and pushing it to another list. Deletes the list if \
                  the last element was popped.",
        syntax: "source destination",
        deprecated: Some(("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")),
        run: Run::OnKeys(rpoplpush),
        ..CommandSpec::BLANK
    },
];

fn lmove(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(3);
    let (from, to) = (end::parse(args)?, end::parse(args)?);
    move_and_reply(cx, args, from, to)
}

fn rpoplpush(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    move_and_reply(cx, args, End::Tail, End::Head)
}

fn move_and_reply(cx: &mut Context<'_>, args: &Args<'_>, from: End, to: End) -> CommandResult {
    match move_element(cx, args.at(1), args.at(2), from, to)? {
        Some(text) => cx.reply.bulk(&text),
        None => cx.reply.null(),
    }
    Ok(())
}

/// Moves an element between two lists, or the ends of one, and returns its text; nothing if there is no source.
///
/// Two effects, a push and a pop: each is a command on one list. The push comes first, as in Redis, so that its event does.
pub(super) fn move_element(
    cx: &mut Context<'_>,
    source: &[u8],
    destination: &[u8],
    from: End,
    to: End,
) -> Result<Option<Vec<u8>>, CommandError> {
    if source == destination {
        return rotate(cx, source, from, to);
    }
    let limits = limits(cx);
    let Some(text) = outermost(&cx.keys.write(source), from)? else { return Ok(None) };
    let slot = cx.keys.write(destination);
    slot.of_kind(Kind::List)?;
    let effect = |effect: &mut EffectWriter| {
        effect.arg(push_command(to)).arg(destination).arg(&text);
    };
    let pushed = Change::composed(EventClass::List, push_event(to), &effect);
    slot.edit(
        list::empty,
        |entry| list::push(entry, to, std::iter::once(&text[..]), limits),
        |_, announcer| announcer.change(pushed),
    );

    let effect = |effect: &mut EffectWriter| {
        effect.arg(pop_command(from)).arg(source);
    };
    let popped = Change::composed(EventClass::List, pop_event(from), &effect);
    cx.keys.write_again(source).edit_existing(
        |entry| list::pop(entry, from, 1, limits, |_| ()),
        |_, announcer| announcer.change(popped),
    );
    Ok(Some(text))
}

/// The element at an end, if there is a list.
fn outermost(slot: &KeySlot<'_, '_>, end: End) -> Result<Option<Vec<u8>>, CommandError> {
    let Some(entry) = slot.of_kind(Kind::List)? else { return Ok(None) };
    let index = if end == End::Head { 0 } else { list::len(entry).saturating_sub(1) };
    Ok(list::get(entry, index).map(|item| item.to_vec()))
}

/// Within one list it is one effect: a pop of the only element would take the key's time to live with it.
fn rotate(cx: &mut Context<'_>, key: &[u8], from: End, to: End) -> Result<Option<Vec<u8>>, CommandError> {
    let limits = limits(cx);
    let slot = cx.keys.write(key);
    slot.of_kind(Kind::List)?;
    let effect = |effect: &mut EffectWriter| {
        effect.arg(b"LMOVE").arg(key).arg(key).arg(end::word(from)).arg(end::word(to));
    };
    let moved = Change::composed(EventClass::List, push_event(to), &effect);
    let text = slot.edit_existing(
        |entry| list::rotate(entry, from, to, limits),
        |_, announcer| {
            announcer.change(moved);
            announcer.event(EventClass::List, pop_event(from));
        },
    );
    Ok(text.flatten())
}
