//! Counting: TOPK.ADD and TOPK.INCRBY.

use super::MISSING;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::Entry;
use dunlin_structures::number::parse_i64;
use dunlin_structures::topk::TopK;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "topk.add",
        arity: -3,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::INSERT))],
        acl: acl::TOPK,
        group: "module",
        since: "2.0.0",
        summary: "Counts items in a top-k sketch, and returns those that they expelled from it.",
        complexity: "O(N*k) with N being the number of items",
        syntax: "key item [item ...]",
        run: Run::OnKeys(add),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "topk.incrby",
        arity: -4,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::INSERT))],
        acl: acl::TOPK,
        group: "module",
        since: "2.0.0",
        summary: "Counts items in a top-k sketch, each so often, and returns those that they expelled from it.",
        complexity: "O(N*(k+I)) with N being the number of items and I the highest increment",
        syntax: "key item increment [item increment ...]",
        run: Run::OnKeys(incrby),
        ..CommandSpec::BLANK
    },
];

/// The most that an item can be counted at once: trying to take over another's bucket costs a draw for each.
const INCREMENT_MAX: i64 = 100_000;
/// With the indentation of the source that RedisBloom has in it.
const BAD_INCREMENT: CommandError = CommandError::coded(
    "TopK: increment must be an integer greater or equal to 0                            \
     and smaller or equal to 100,000",
);

fn add(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let counted = args.from(2).map(|item| Some((item, 1)));
    count(cx, args.at(1), "topk.add", counted)
}

fn incrby(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() % 2 == 1 {
        return Err(CommandError::WrongArity("topk.incrby"));
    }
    let counted = (2..args.len()).step_by(2).map(|index| {
        let increment = parse_i64(args.at(index + 1)).filter(|by| (0..=INCREMENT_MAX).contains(by))?;
        Some((args.at(index), increment as u32))
    });
    count(cx, args.at(1), "topk.incrby", counted)
}

/// Counts each item with its increment. Of one without an increment it is said in its place of the reply.
fn count<'a>(
    cx: &mut Context<'_>,
    key: &[u8],
    event: &'static str,
    counted: impl ExactSizeIterator<Item = Option<(&'a [u8], u32)>>,
) -> CommandResult {
    let mut slot = cx.keys.write(key);
    slot.module::<TopK>()?.ok_or(MISSING)?;
    let reply = &mut cx.reply;
    reply.array(counted.len());
    slot.update(Change::request(EventClass::Silent, event), |entry: &mut Entry| {
        let sketch: &mut TopK = entry.module_value_mut();
        for counted in counted {
            match counted {
                Some((item, increment)) => reply_expelled(reply, sketch.add(item, increment).as_deref()),
                None => reply.error(&BAD_INCREMENT),
            }
        }
    });
    Ok(())
}

fn reply_expelled(reply: &mut Reply<'_>, item: Option<&[u8]>) {
    match item {
        Some(item) => reply.bulk(item),
        None => reply.null(),
    }
}
