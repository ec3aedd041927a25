//! DEL and UNLINK.

use crate::command::key::{as_del, deletion};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::Args;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "del",
        arity: -2,
        flags: WRITE,
        keys: &[KeySpec::range(1, -1, 1, key::RM.and(key::DELETE))],
        acl: acl::KEYSPACE,
        group: "generic",
        since: "1.0.0",
        summary: "Deletes one or more keys.",
        complexity: "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other \
                     than a string, the individual complexity for this key is O(M) where M is the number of elements \
                     in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
        syntax: "key [key ...]",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        run: Run::OnKeys(del),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "unlink",
        arity: -2,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::range(1, -1, 1, key::RM.and(key::DELETE))],
        acl: acl::KEYSPACE,
        group: "generic",
        since: "4.0.0",
        summary: "Asynchronously deletes one or more keys.",
        complexity: "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different \
                     thread in order to reclaim memory, where N is the number of allocations the deleted objects where \
                     composed of.",
        syntax: "key [key ...]",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        run: Run::OnKeys(del),
        ..CommandSpec::BLANK
    },
];

/// Each key is an effect of its own. Large values are freed elsewhere, whichever of the two commands asks.
fn del(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut count = 0;
    if args.len() == 2 {
        // The usual case: the request says it already.
        let change = Change::request(EventClass::Generic, "del");
        count += i64::from(cx.keys.write(args.at(1)).discard(change));
    } else {
        for key in args.from(1) {
            count += i64::from(cx.keys.write(key).discard(deletion("del", &as_del(key))));
        }
    }
    cx.reply.integer(count);
    Ok(())
}
