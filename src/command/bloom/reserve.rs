//! BF.RESERVE: an empty filter of a chosen size and rate.

use super::{CAPACITY_MAX, GROWTH, GROWTH_MAX, not_made, write_error, write_growth};
use crate::command::room::room;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::effect::{Effect, EffectWriter};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::bloom::{Bloom, Wish};
use dunlin_structures::number::{parse_f64, parse_i64};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "bf.reserve",
    arity: -4,
    flags: WRITE.and(DENYOOM).and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
    acl: acl::BLOOM,
    group: "module",
    since: "1.0.0",
    summary: "Makes an empty Bloom filter for a number of items and a rate of false answers.",
    syntax: "key error_rate capacity [EXPANSION expansion] [NONSCALING]",
    run: Run::OnKeys(bf_reserve),
    ..CommandSpec::BLANK
}];

fn bf_reserve(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let wish = parse(args)?;
    let (key, room) = (args.at(1), room(cx));
    let slot = cx.keys.write(key);
    if slot.module::<Bloom>()?.is_some() {
        return Err(CommandError::text("item exists"));
    }
    let bloom = Bloom::new(&wish, room).map_err(not_made)?;
    let effect = |effect: &mut EffectWriter| {
        effect.arg(b"BF.RESERVE").arg(key);
        write_error(&wish, effect);
        effect.integer(wish.capacity.cast_signed());
        write_growth(&wish, effect);
    };
    let change = Change::untold(EventClass::Silent, Effect::Compose(&effect));
    slot.edit_module(|| bloom, |_| (), |(), announcer| announcer.change(change));
    cx.reply.ok();
    Ok(())
}

/// Words that are none of the options are passed over, as RedisBloom does.
fn parse(args: &Args<'_>) -> Result<Wish, CommandError> {
    if args.len() > 7 {
        return Err(CommandError::WrongArity("bf.reserve"));
    }
    let error = parse_f64(args.at(2)).ok_or(CommandError::text("bad error rate"))?;
    if !(error > 0.0 && error < 1.0) {
        return Err(CommandError::text("(0 < error rate range < 1) "));
    }
    let capacity = parse_i64(args.at(3)).ok_or(CommandError::text("bad capacity"))?;
    if capacity <= 0 {
        return Err(CommandError::text("(capacity should be larger than 0)"));
    }
    if capacity > CAPACITY_MAX {
        return Err(CommandError::text("capacity must be in the range [1, 1073741824]"));
    }
    let find = |word| (4..args.len()).find(|index| args.is(*index, word));
    let scales = find("NONSCALING").is_none();
    let mut growth = GROWTH;
    if let Some(index) = find("EXPANSION") {
        let text = args.get(index + 1).ok_or(CommandError::text("no expansion"))?;
        if !scales {
            return Err(CommandError::coded("Nonscaling filters cannot expand"));
        }
        let number = parse_i64(text).ok_or(CommandError::text("bad expansion"))?;
        if number < 1 {
            return Err(CommandError::text("expansion should be greater or equal to 1"));
        }
        if number > GROWTH_MAX {
            return Err(CommandError::text("expansion must be in the range [1, 32768]"));
        }
        growth = number as u32;
    }
    Ok(Wish { capacity: capacity.cast_unsigned(), error, growth, scales })
}
