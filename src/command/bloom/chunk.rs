//! BF.SCANDUMP and BF.LOADCHUNK: a filter in pieces.

use super::NOT_FOUND;
use crate::command::room::room;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::effect::Effect;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::bloom::Bloom;
use dunlin_structures::bloom::chunk::{self, Misfit};
use dunlin_structures::number::parse_i64;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "bf.scandump",
        arity: 3,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::BLOOM,
        group: "module",
        since: "1.0.0",
        summary: "Returns a piece of a Bloom filter, and where the next one begins.",
        complexity: "O(n), where n is the length of the piece.",
        syntax: "key iterator",
        run: Run::OnKeys(bf_scandump),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "bf.loadchunk",
        arity: 4,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::BLOOM,
        group: "module",
        since: "1.0.0",
        summary: "Puts back a piece of a Bloom filter.",
        complexity: "O(n), where n is the length of the piece.",
        syntax: "key iterator data",
        run: Run::OnKeys(bf_loadchunk),
        ..CommandSpec::BLANK
    },
];

const BAD_DATA: CommandError = CommandError::text("received bad data");

fn bf_scandump(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let bloom = cx.keys.read_module::<Bloom>(args.at(1))?.ok_or(NOT_FOUND)?;
    let position = parse_i64(args.at(2)).ok_or(CommandError::coded("Second argument must be numeric"))?;
    cx.reply.array(2);
    if position == 0 {
        cx.reply.integer(1);
        cx.reply.bulk(&chunk::header(&bloom));
    } else {
        let (next, bits) = chunk::chunk(&bloom, position).unwrap_or_default();
        cx.reply.integer(next);
        cx.reply.bulk(bits);
    }
    Ok(())
}

fn bf_loadchunk(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let position = parse_i64(args.at(2)).ok_or(CommandError::text("Second argument must be numeric"))?;
    let (data, room) = (args.at(3), room(cx));
    let slot = cx.keys.write(args.at(1));
    let change = Change::untold(EventClass::Silent, Effect::Request);
    if slot.module::<Bloom>()?.is_none() {
        if position != 1 {
            return Err(NOT_FOUND);
        }
        let bloom = chunk::from_header(data, room).ok_or(BAD_DATA)?;
        slot.edit_module(|| bloom, |_| (), |(), announcer| announcer.change(change));
    } else {
        let load = |bloom: &mut Bloom| chunk::load(bloom, position, data);
        let make = || unreachable!("there is a filter");
        let loaded = slot.edit_module(make, load, |loaded, announcer| {
            if loaded.is_ok() {
                announcer.change(change);
            }
        });
        loaded.map_err(|misfit| match misfit {
            Misfit::Position => BAD_DATA,
            Misfit::Beyond => CommandError::text("invalid offset - no link found"),
            Misfit::TooLong => CommandError::text("invalid chunk - Too big for current filter"),
        })?;
    }
    cx.reply.ok();
    Ok(())
}
