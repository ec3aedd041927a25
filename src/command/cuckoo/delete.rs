//! CF.DEL and CF.COMPACT.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::effect::Effect;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::cuckoo::Cuckoo;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "cf.del",
        arity: 3,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
        acl: acl::CUCKOO,
        group: "module",
        since: "1.0.0",
        summary: "Deletes an item from a cuckoo filter, once.",
        complexity: "O(k), where k is the number of tables.",
        syntax: "key item",
        run: Run::OnKeys(cf_del),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "cf.compact",
        arity: 2,
        flags: WRITE,
        keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))],
        acl: acl::CUCKOO,
        group: "module",
        since: "2.2.0",
        summary: "Moves a cuckoo filter's items into as few tables as it can.",
        complexity: "O(n * k), where n is the number of slots and k that of tables.",
        syntax: "key",
        run: Run::OnKeys(cf_compact),
        ..CommandSpec::BLANK
    },
];

const CHANGE: Change<'static> = Change::untold(EventClass::Silent, Effect::Request);

/// Any key that holds no such filter counts as missing, as for RedisBloom.
fn cf_del(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let slot = cx.keys.write(args.at(1));
    if !matches!(slot.module::<Cuckoo>(), Ok(Some(_))) {
        return Err(CommandError::coded("Not found"));
    }
    let delete = |filter: &mut Cuckoo| filter.delete(args.at(2));
    let make = || unreachable!("there is a filter");
    let is_deleted = slot.edit_module(make, delete, |is_deleted, announcer| {
        if *is_deleted {
            announcer.change(CHANGE);
        }
    });
    cx.reply.boolean(is_deleted);
    Ok(())
}

fn cf_compact(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let slot = cx.keys.write(args.at(1));
    if !matches!(slot.module::<Cuckoo>(), Ok(Some(_))) {
        return Err(CommandError::coded("Cuckoo filter was not found"));
    }
    let compact = |filter: &mut Cuckoo| filter.compact(true);
    let make = || unreachable!("there is a filter");
    slot.edit_module(make, compact, |(), announcer| announcer.change(CHANGE));
    cx.reply.ok();
    Ok(())
}
