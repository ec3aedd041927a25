//! Counting: CMS.INCRBY.

use super::MISSING;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::cms::CountMin;
use dunlin_structures::number::parse_i64;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "cms.incrby",
    arity: -4,
    flags: WRITE.and(DENYOOM),
    keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE))],
    acl: acl::CMS,
    group: "module",
    since: "2.0.0",
    summary: "Counts items in a count-min sketch, each so often, and returns their counts.",
    complexity: "O(N) with N being the number of items",
    syntax: "key item increment [item increment ...]",
    run: Run::OnKeys(incrby),
    ..CommandSpec::BLANK
}];

fn incrby(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() % 2 == 1 {
        return Err(CommandError::WrongArity("cms.incrby"));
    }
    let mut slot = cx.keys.write(args.at(1));
    slot.module::<CountMin>()?.ok_or(MISSING)?;
    for index in (3..args.len()).step_by(2) {
        increment(args.at(index))?;
    }
    const CHANGE: Change<'static> = Change::request(EventClass::Silent, "cms.incrby");
    let (reply, count) = (&mut cx.reply, (args.len() - 2) / 2);
    slot.update(CHANGE, |entry: &mut Entry| {
        let sketch: &mut CountMin = entry.module_value_mut();
        reply.array(count);
        for index in (2..args.len()).step_by(2) {
            let by = increment(args.at(index + 1)).unwrap_or_default();
            match sketch.increment(args.at(index), by) {
                Some(count) => reply.integer(count.into()),
                None => reply.error(&CommandError::coded("CMS: INCRBY overflow")),
            }
        }
    });
    Ok(())
}

fn increment(arg: &[u8]) -> Result<u64, CommandError> {
    let number = parse_i64(arg).ok_or(CommandError::coded("CMS: Cannot parse number"))?;
    u64::try_from(number).map_err(|_| CommandError::coded("CMS: Number cannot be negative"))
}
