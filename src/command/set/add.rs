//! Adding members: SADD, and SMOVE, which takes them from another set.

use super::limits;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::effect::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::packed::Item;
use dunlin_structures::set::{self, Set};
use std::cell::Cell;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "sadd",
        arity: -3,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::SET,
        group: "set",
        since: "1.0.0",
        summary: "Adds one or more members to a set. Creates the key if it doesn't exist.",
        complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
                     arguments.",
        syntax: "key member [member ...]",
        history: &[("2.4.0", "Accepts multiple `member` arguments.")],
        elements: Elements::ALL,
        run: Run::OnKeys(sadd),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "smove",
        arity: 4,
        flags: WRITE.and(FAST),
        keys: &[
            KeySpec::one(1, key::RW.and(key::ACCESS).and(key::DELETE)),
            KeySpec::one(2, key::RW.and(key::INSERT)),
        ],
        acl: acl::SET,
        group: "set",
        since: "1.0.0",
        summary: "Moves a member from one set to another.",
        complexity: "O(1)",
        syntax: "source destination member",
        run: Run::OnKeys(smove),
        ..CommandSpec::BLANK
    },
];

fn sadd(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let limits = limits(cx);
    let slot = cx.keys.write(args.at(1));
    slot.of_kind(Kind::Set)?;
    let (count, item) = (args.len() - 2, Item::of(args.at(2)));
    // A set that isn't there is made with its member, if it gets one.
    let is_made = Cell::new(false);
    let added = slot.add(
        |key| {
            is_made.set(count == 1);
            if count == 1 { set::single(key, item, &limits) } else { set::make(key, item, count, &limits) }
        },
        |entry| {
            if count == 1 {
                return usize::from(is_made.get() || set::add(entry, item, &limits));
            }
            set::announce_len(entry, count, &limits);
            set::add_all(entry, args.from(2).map(Item::of), &limits)
        },
        |added, announcer| {
            if *added > 0 {
                announcer.change(Change::request(EventClass::Set, "sadd"));
            }
        },
    );
    cx.reply.integer(added as i64);
    Ok(())
}

fn smove(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (source, destination, member) = (args.at(1), args.at(2), args.at(3));
    let item = Item::of(member);
    let limits = limits(cx);
    let is_member = match cx.keys.write(source).entry() {
        None => {
            cx.reply.flag(false);
            return Ok(());
        }
        Some(entry) if entry.kind() != Kind::Set => return Err(CommandError::WrongType),
        Some(entry) => Set::of(entry).contains(item),
    };
    cx.keys.write(destination).of_kind(Kind::Set)?;
    if is_member && source != destination {
        cx.keys.write_again(source).edit_existing(
            |entry| set::remove(entry, item),
            |_, announcer| {
                announcer.change(Change::composed(EventClass::Set, "srem", &|w| {
                    w.arg(b"SREM").arg(source).arg(member);
                }));
            },
        );
        cx.keys.write_again(destination).edit(
            |key| set::make(key, item, 1, &limits),
            |entry| set::add(entry, item, &limits),
            |added, announcer| {
                if *added {
                    announcer.change(Change::composed(EventClass::Set, "sadd", &|w| {
                        w.arg(b"SADD").arg(destination).arg(member);
                    }));
                }
            },
        );
    }
    cx.reply.flag(is_member);
    Ok(())
}
