//! Members by chance that stay: SRANDMEMBER.

use super::reply_member;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::number::parse_i64;
use dunlin_structures::packed::Item;
use dunlin_structures::set::{Set, sample, sample_distinct};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "srandmember",
    arity: -2,
    flags: READONLY,
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::SET,
    group: "set",
    since: "1.0.0",
    summary: "Gets one or multiple random members from a set.",
    complexity: "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
    syntax: "key [count]",
    history: &[("2.6.0", "Added the optional `count` argument.")],
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(srandmember),
    ..CommandSpec::BLANK
}];

/// Draws with repetition that one request may ask for: a reply has to be held whole until it is sent.
const DRAWS_MAX: i64 = 1 << 26;

fn srandmember(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let Some(count) = args.get(2) else { return one(cx, args.at(1)) };
    let count = parse_i64(count).ok_or(CommandError::NotAnInteger)?;
    if count == i64::MIN {
        return Err(CommandError::text(
            "value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let entry = cx.keys.read_kind(args.at(1), Kind::Set)?;
    let set = entry.as_ref().map_or(Set::EMPTY, |entry| Set::of(entry));
    if count < -DRAWS_MAX && !set.is_empty() {
        return Err(CommandError::OutOfRange);
    }
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 && !set.is_empty() {
        cx.reply.array(wanted);
        // A packed member is reached through those before it, so they are listed once.
        let listed: Vec<Item<'_>> =
            if let Set::Packed(block) = set { block.items().collect() } else { Vec::new() };
        for _ in 0..wanted {
            let member = if listed.is_empty() {
                sample(set, &mut rand::random)
            } else {
                Some(listed[rand::random_range(0..listed.len())])
            };
            reply_member(&mut cx.reply, member.unwrap_or(Item::Text(b"")));
        }
        return Ok(());
    }
    let chosen = sample_distinct(set, wanted, &mut rand::random);
    cx.reply.array(chosen.len());
    chosen.into_iter().for_each(|member| reply_member(&mut cx.reply, member));
    Ok(())
}

fn one(cx: &mut Context<'_>, key: &[u8]) -> CommandResult {
    let entry = cx.keys.read_kind(key, Kind::Set)?;
    match entry.as_ref().and_then(|entry| sample(Set::of(entry), &mut rand::random)) {
        Some(member) => reply_member(&mut cx.reply, member),
        None => cx.reply.null(),
    }
    Ok(())
}
