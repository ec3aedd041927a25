//! Whether keys are there and what they hold: EXISTS, TOUCH, TYPE.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "exists",
        arity: -2,
        flags: READONLY.and(FAST).and(READS_HEAD),
        keys: &[KeySpec::range(1, -1, 1, key::RO)],
        acl: acl::KEYSPACE,
        group: "generic",
        since: "1.0.0",
        summary: "Determines whether one or more keys exist.",
        complexity: "O(N) where N is the number of keys to check.",
        syntax: "key [key ...]",
        history: &[("3.0.3", "Accepts multiple `key` arguments.")],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        run: Run::OnKeys(exists),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "touch",
        arity: -2,
        flags: READONLY.and(FAST).and(READS_HEAD),
        keys: &[KeySpec::range(1, -1, 1, key::RO)],
        acl: acl::KEYSPACE,
        group: "generic",
        since: "3.2.1",
        summary: "Returns the number of existing keys out of those specified after updating the time they were last \
                  accessed.",
        complexity: "O(N) where N is the number of keys that will be touched.",
        syntax: "key [key ...]",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        run: Run::OnKeys(touch),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "type",
        arity: 2,
        flags: READONLY.and(FAST).and(READS_HEAD),
        keys: &[KeySpec::one(1, key::RO)],
        acl: acl::KEYSPACE,
        group: "generic",
        since: "1.0.0",
        summary: "Determines the type of value stored at a key.",
        syntax: "key",
        run: Run::OnKeys(type_of),
        ..CommandSpec::BLANK
    },
];

fn exists(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let count = args.from(1).filter(|key| cx.keys.inspect(key).is_some()).count();
    cx.reply.integer(count as i64);
    Ok(())
}

fn touch(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let count = args.from(1).filter(|key| cx.keys.touch(key).is_some()).count();
    cx.reply.integer(count as i64);
    Ok(())
}

fn type_of(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let name = cx.keys.inspect(args.at(1)).map_or("none", |entry| entry.type_name());
    cx.reply.simple(name);
    Ok(())
}
