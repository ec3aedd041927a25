//! Numbers: TDIGEST.ADD.

use super::{MISSING, numbers};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::tdigest::TDigest;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "tdigest.add",
    arity: -3,
    flags: WRITE.and(DENYOOM),
    keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
    acl: acl::TDIGEST,
    group: "module",
    since: "2.4.0",
    summary: "Adds numbers to a t-digest.",
    complexity: "O(N) with N being the number of numbers",
    syntax: "key value [value ...]",
    run: Run::OnKeys(add),
    ..CommandSpec::BLANK
}];

fn add(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut slot = cx.keys.write(args.at(1));
    let digest = slot.module::<TDigest>()?.ok_or(MISSING)?;
    let numbers = numbers(args, "T-Digest: error parsing val parameter")?;
    if !numbers.iter().all(|number| number.is_finite()) {
        return Err(CommandError::text("T-Digest: val parameter needs to be a finite number"));
    }
    if !digest.has_room_for(numbers.len()) {
        return Err(CommandError::text("T-Digest: overflow detected"));
    }
    const CHANGE: Change<'static> = Change::request(EventClass::Silent, "tdigest.add");
    slot.update(CHANGE, |entry: &mut Entry| {
        let digest: &mut TDigest = entry.module_value_mut();
        numbers.iter().for_each(|number| digest.add(*number));
    });
    cx.reply.ok();
    Ok(())
}
