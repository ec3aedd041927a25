//! CF.RESERVE: an empty filter of a chosen size.

use super::{CAPACITY_MAX, UNRESERVED, write_reserve};
use crate::command::room::room;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::effect::{Effect, EffectWriter};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::cuckoo::{Cuckoo, Wish};
use dunlin_structures::number::parse_i64;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "cf.reserve",
    arity: -3,
    flags: WRITE.and(DENYOOM).and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
    acl: acl::CUCKOO,
    group: "module",
    since: "1.0.0",
    summary: "Makes an empty cuckoo filter for a number of items.",
    syntax: "key capacity [BUCKETSIZE bucketsize] [MAXITERATIONS maxiterations] [EXPANSION expansion]",
    run: Run::OnKeys(cf_reserve),
    ..CommandSpec::BLANK
}];

fn cf_reserve(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let wish = parse(args)?;
    let (key, room) = (args.at(1), room(cx));
    let slot = cx.keys.write(key);
    if slot.module::<Cuckoo>()?.is_some() {
        return Err(CommandError::text("item exists"));
    }
    let filter =
        Cuckoo::new(&wish, room).map_err(|_| CommandError::text("Insufficient memory to create filter"))?;
    let effect = |effect: &mut EffectWriter| write_reserve(key, &wish, effect);
    let change = Change::untold(EventClass::Silent, Effect::Compose(&effect));
    slot.edit_module(|| filter, |_| (), |(), announcer| announcer.change(change));
    cx.reply.ok();
    Ok(())
}

/// An option's number: its name, what is said if it is none, the range, and what is said if it is beyond.
struct Choice {
    word: &'static str,
    unread: CommandError,
    range: std::ops::RangeInclusive<i64>,
    beyond: CommandError,
}

const ITERATIONS: Choice = Choice {
    word: "MAXITERATIONS",
    unread: CommandError::coded("Couldn't parse MAXITERATIONS"),
    range: 1..=65535,
    beyond: CommandError::coded("MAXITERATIONS: value must be an integer between 1 and 65535, inclusive."),
};
const BUCKET: Choice = Choice {
    word: "BUCKETSIZE",
    unread: CommandError::coded("Couldn't parse BUCKETSIZE"),
    range: 1..=255,
    beyond: CommandError::coded("BUCKETSIZE: value must be an integer between 1 and 255, inclusive."),
};
const GROWTH: Choice = Choice {
    word: "EXPANSION",
    unread: CommandError::coded("Couldn't parse EXPANSION"),
    range: 0..=32768,
    beyond: CommandError::coded("EXPANSION: value must be an integer between 0 and 32768, inclusive."),
};

impl Choice {
    /// The number behind the option's word, wherever that stands.
    fn read(self, args: &Args<'_>, otherwise: u16) -> Result<u16, CommandError> {
        let Some(index) = (3..args.len()).find(|index| args.is(*index, self.word)) else {
            return Ok(otherwise);
        };
        let number = args.get(index + 1).and_then(parse_i64).ok_or(self.unread)?;
        if self.range.contains(&number) { Ok(number as u16) } else { Err(self.beyond) }
    }
}

/// Words that are none of the options are passed over, as RedisBloom does.
fn parse(args: &Args<'_>) -> Result<Wish, CommandError> {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::WrongArity("cf.reserve"));
    }
    let capacity = parse_i64(args.at(2)).ok_or(CommandError::coded("Bad capacity"))?;
    let iterations = ITERATIONS.read(args, UNRESERVED.iterations)?;
    let bucket = BUCKET.read(args, UNRESERVED.bucket)?;
    let growth = GROWTH.read(args, UNRESERVED.growth)?;
    if capacity < i64::from(bucket) * 2 {
        return Err(CommandError::coded("Capacity must be at least (BucketSize * 2)"));
    }
    if capacity > CAPACITY_MAX {
        return Err(CommandError::coded("Capacity must be in the range [2 * BUCKETSIZE, 1073741824]"));
    }
    Ok(Wish { capacity: capacity.cast_unsigned(), bucket, iterations, growth })
}
