//! SWAPDB: whole databases change places.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::effect::Effect;
use crate::resp::{Args, CommandError};
use dunlin_structures::number::parse_i64;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "swapdb",
    arity: 3,
    flags: WRITE.and(FAST),
    acl: acl::KEYSPACE.and(acl::DANGEROUS),
    group: "server",
    since: "4.0.0",
    summary: "Swaps two Redis databases.",
    complexity: "O(N) where N is the count of clients watching or blocking on keys from both databases.",
    syntax: "index1 index2",
    run: Run::OnAll(swapdb),
    ..CommandSpec::BLANK
}];

fn swapdb(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let number = |index: usize, complaint: &'static str| {
        let number = parse_i64(args.at(index)).and_then(|number| i32::try_from(number).ok());
        number.ok_or(CommandError::text(complaint))
    };
    let (one, other) = (number(1, "invalid first DB index")?, number(2, "invalid second DB index")?);
    let databases = cx.server.keyspace.databases();
    let known = |number: i32| u16::try_from(number).ok().filter(|number| *number < databases);
    let (Some(one), Some(other)) = (known(one), known(other)) else {
        return Err(CommandError::DbIndexOutOfRange);
    };
    if one != other {
        let now = cx.now();
        cx.keys.for_each_shard(|_, shard| {
            shard.touch_swapped(one, other, now);
            shard.swap(one, other);
        });
        cx.keys.announce_all(Effect::Request);
    }
    cx.reply.ok();
    Ok(())
}
