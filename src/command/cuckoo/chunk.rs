//! CF.SCANDUMP and CF.LOADCHUNK: a filter in pieces.

use super::NOT_FOUND;
use crate::command::room::room;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::effect::Effect;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::cuckoo::{Cuckoo, chunk};
use dunlin_structures::number::parse_i64;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "cf.scandump",
        arity: 3,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::CUCKOO,
        group: "module",
        since: "1.0.0",
        summary: "Returns a piece of a cuckoo filter, and where the next one begins.",
        complexity: "O(n), where n is the length of the piece.",
        syntax: "key iterator",
        run: Run::OnKeys(cf_scandump),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "cf.loadchunk",
        arity: 4,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::CUCKOO,
        group: "module",
        since: "1.0.0",
        summary: "Puts back a piece of a cuckoo filter.",
        complexity: "O(n), where n is the length of the piece.",
        syntax: "key iterator data",
        run: Run::OnKeys(cf_loadchunk),
        ..CommandSpec::BLANK
    },
];

const POSITION: CommandError = CommandError::coded("Invalid position");

fn cf_scandump(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let position = parse_i64(args.at(2)).filter(|position| *position >= 0).ok_or(POSITION)?;
    let filter = cx.keys.read_module::<Cuckoo>(args.at(1))?.ok_or(NOT_FOUND)?;
    cx.reply.array(2);
    let piece = chunk::chunk(&filter, position);
    if filter.figures().items == 0 || piece.is_none() && position > 0 {
        // An empty filter has no pieces, as for RedisBloom.
        cx.reply.integer(0);
        cx.reply.null();
    } else if let Some((next, slots)) = piece {
        cx.reply.integer(next);
        cx.reply.bulk(slots);
    } else {
        cx.reply.integer(1);
        cx.reply.bulk(&chunk::header(&filter));
    }
    Ok(())
}

fn cf_loadchunk(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let position = parse_i64(args.at(2)).filter(|position| *position != 0).ok_or(POSITION)?;
    let (data, room) = (args.at(3), room(cx));
    let slot = cx.keys.write(args.at(1));
    let is_there = slot.module::<Cuckoo>()?.is_some();
    let change = Change::untold(EventClass::Silent, Effect::Request);
    if position == 1 {
        if is_there {
            return Err(CommandError::text("item exists"));
        }
        let header = data.try_into().map_err(|_| CommandError::coded("Invalid header"))?;
        let filter =
            chunk::from_header(header, room).ok_or(CommandError::coded("Couldn't create filter!"))?;
        slot.edit_module(|| filter, |_| (), |(), announcer| announcer.change(change));
    } else {
        if !is_there {
            return Err(NOT_FOUND);
        }
        let load = |filter: &mut Cuckoo| chunk::load(filter, position, data);
        let make = || unreachable!("there is a filter");
        let is_loaded = slot.edit_module(make, load, |is_loaded, announcer| {
            if *is_loaded {
                announcer.change(change);
            }
        });
        if !is_loaded {
            return Err(CommandError::coded("Couldn't load chunk!"));
        }
    }
    cx.reply.ok();
    Ok(())
}
