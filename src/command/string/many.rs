//! Several values at once, as one: MGET, MSET, MSETNX.

use super::set::store;
use super::value::reply_value;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::door::Expiry;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "mget",
        arity: -2,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::range(1, -1, 1, key::RO.and(key::ACCESS))],
        acl: acl::STRING,
        group: "string",
        since: "1.0.0",
        summary: "Atomically returns the string values of one or more keys.",
        complexity: "O(N) where N is the number of keys to retrieve.",
        syntax: "key [key ...]",
        tips: &["request_policy:multi_shard"],
        run: Run::OnKeys(mget),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "mset",
        arity: -3,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::range(1, -1, 2, key::OW.and(key::UPDATE))],
        acl: acl::STRING,
        group: "string",
        since: "1.0.1",
        summary: "Atomically creates or modifies the string values of one or more keys.",
        complexity: "O(N) where N is the number of keys to set.",
        syntax: "key value [key value ...]",
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        run: Run::OnKeys(mset),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "msetnx",
        arity: -3,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::range(1, -1, 2, key::OW.and(key::INSERT))],
        acl: acl::STRING,
        group: "string",
        since: "1.0.1",
        summary: "Atomically modifies the string values of one or more keys only when all keys don't exist.",
        complexity: "O(N) where N is the number of keys to set.",
        syntax: "key value [key value ...]",
        run: Run::OnKeys(msetnx),
        ..CommandSpec::BLANK
    },
];

fn mget(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    cx.reply.array(args.len() - 1);
    for key in args.from(1) {
        match cx.keys.read(key) {
            Some(entry) if entry.kind() == Kind::String => reply_value(&mut cx.reply, &entry),
            _ => cx.reply.null(),
        }
    }
    Ok(())
}

fn mset(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    check_pairs(cx, args)?;
    store_pairs(cx, args);
    cx.reply.ok();
    Ok(())
}

fn msetnx(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    check_pairs(cx, args)?;
    let all_free = args.from(1).step_by(2).all(|key| !cx.keys.write(key).exists());
    if all_free {
        store_pairs(cx, args);
    }
    cx.reply.flag(all_free);
    Ok(())
}

fn check_pairs(cx: &Context<'_>, args: &Args<'_>) -> CommandResult {
    if args.len().is_multiple_of(2) { Err(CommandError::WrongArity(cx.command.full_name)) } else { Ok(()) }
}

/// Each pair is an effect of its own, so that it can be applied without the others.
fn store_pairs(cx: &mut Context<'_>, args: &Args<'_>) {
    for index in (1..args.len()).step_by(2) {
        let (key, value) = (args.at(index), args.at(index + 1));
        store(cx.keys.write(key), key, value, Expiry::Clear);
    }
}
