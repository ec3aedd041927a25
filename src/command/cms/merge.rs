//! Sums of sketches: CMS.MERGE.

use super::{MISSING, NO_MEMORY};
use crate::command::room::room;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::cms::{CountMin, Sum};
use dunlin_structures::number::parse_i64;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "cms.merge",
    arity: -4,
    flags: WRITE.and(DENYOOM),
    keys: &[KeySpec::one(1, key::RW.and(key::UPDATE)), KeySpec::counted(2, key::RO.and(key::ACCESS))],
    acl: acl::CMS,
    group: "module",
    since: "2.0.0",
    summary: "Replaces a count-min sketch by the sum of others of its dimensions, each with a weight.",
    complexity: "O(N) with N being the number of sketches",
    syntax: "destination numkeys source [source ...] [WEIGHTS weight [weight ...]]",
    run: Run::OnKeys(merge),
    ..CommandSpec::BLANK
}];

/// How many sources a request names, and where their weights begin. Only where this is right are they locked.
fn sources(args: &Args<'_>) -> Result<(usize, Option<usize>), CommandError> {
    let count = parse_i64(args.at(2)).ok_or(CommandError::coded("CMS: invalid numkeys"))?;
    if count <= 0 {
        return Err(CommandError::coded("CMS: Number of keys must be positive"));
    }
    let (count, given) = (usize::try_from(count).unwrap_or(usize::MAX), args.len() - 3);
    match args.from(3).position(|arg| arg.eq_ignore_ascii_case(b"WEIGHTS")) {
        None if count != given => Err(CommandError::coded("CMS: wrong number of keys")),
        None => Ok((count, None)),
        Some(word) if word != count || given != 1 + 2 * count => {
            Err(CommandError::coded("CMS: wrong number of keys/weights"))
        }
        Some(word) => Ok((count, Some(3 + word + 1))),
    }
}

fn merge(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    const OVERFLOW: CommandError = CommandError::coded("CMS: MERGE overflow");
    let (count, weights) = sources(args)?;
    let destination = args.at(1);
    let room = room(cx);
    let (size, sum) = {
        let sketch = cx.keys.read_module::<CountMin>(destination)?.ok_or(MISSING)?;
        // Twice as large as the counters, on its way.
        let fits = 2 * sketch.counters().len() as u64 <= room;
        ((sketch.width(), sketch.depth()), fits.then(|| Sum::like(&sketch)).flatten())
    };
    let mut sum = Some(sum.ok_or(NO_MEMORY)?);
    for index in 0..count {
        let weight = weights.map_or(Some(1), |first| parse_i64(args.at(first + index)));
        let weight = weight.ok_or(CommandError::coded("CMS: invalid weight value"))?;
        let source = cx.keys.read_module::<CountMin>(args.at(3 + index))?.ok_or(MISSING)?;
        if (source.width(), source.depth()) != size {
            return Err(CommandError::coded("CMS: width/depth is not equal"));
        }
        sum = sum.and_then(|mut sum| sum.add(&source, weight).map(|()| sum));
    }
    let sketch = sum.and_then(Sum::finish).ok_or(OVERFLOW)?;
    let slot = cx.keys.write(destination);
    let mut entry = Entry::module(destination, sketch);
    entry.set_expire_at(slot.entry().and_then(Entry::expire_at));
    slot.put(entry, EventClass::Silent, "cms.merge");
    cx.reply.ok();
    Ok(())
}
