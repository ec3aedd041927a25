//! Reading a set: SISMEMBER, SMISMEMBER, SCARD, SMEMBERS.

use super::reply_member;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;
use dunlin_structures::entry::Kind;
use dunlin_structures::packed::Item;
use dunlin_structures::set::Set;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "sismember",
        arity: 3,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO)],
        acl: acl::SET,
        group: "set",
        since: "1.0.0",
        summary: "Determines whether a member belongs to a set.",
        complexity: "O(1)",
        syntax: "key member",
        elements: Elements::ONE,
        run: Run::OnKeys(sismember),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "smismember",
        arity: -3,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::SET,
        group: "set",
        since: "6.2.0",
        summary: "Determines whether multiple members belong to a set.",
        complexity: "O(N) where N is the number of elements being checked for membership",
        syntax: "key member [member ...]",
        elements: Elements::ALL,
        run: Run::OnKeys(smismember),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "scard",
        arity: 2,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO)],
        acl: acl::SET,
        group: "set",
        since: "1.0.0",
        summary: "Returns the number of members in a set.",
        complexity: "O(1)",
        syntax: "key",
        run: Run::OnKeys(scard),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "smembers",
        arity: 2,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::SET,
        group: "set",
        since: "1.0.0",
        summary: "Returns all members of a set.",
        complexity: "O(N) where N is the set cardinality.",
        syntax: "key",
        tips: &["nondeterministic_output_order"],
        run: Run::OnKeys(smembers),
        ..CommandSpec::BLANK
    },
];

fn sismember(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entry = cx.keys.read_kind(args.at(1), Kind::Set)?;
    cx.reply.flag(entry.is_some_and(|entry| Set::of(&entry).contains(Item::of(args.at(2)))));
    Ok(())
}

fn smismember(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entry = cx.keys.read_kind(args.at(1), Kind::Set)?;
    let set = entry.as_ref().map_or(Set::EMPTY, |entry| Set::of(entry));
    cx.reply.array(args.len() - 2);
    for member in args.from(2) {
        cx.reply.flag(set.contains(Item::of(member)));
    }
    Ok(())
}

fn scard(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entry = cx.keys.read_kind(args.at(1), Kind::Set)?;
    cx.reply.integer(entry.map_or(0, |entry| Set::of(&entry).len()) as i64);
    Ok(())
}

fn smembers(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entry = cx.keys.read_kind(args.at(1), Kind::Set)?;
    let set = entry.as_ref().map_or(Set::EMPTY, |entry| Set::of(entry));
    cx.reply.set(set.len());
    match set {
        Set::Ints(ints) => ints.for_each(|number| cx.reply.bulk_integer(number)),
        Set::Packed(block) => block.items().for_each(|member| reply_member(&mut cx.reply, member)),
        _ => set.iter().for_each(|member| reply_member(&mut cx.reply, member)),
    }
    Ok(())
}
