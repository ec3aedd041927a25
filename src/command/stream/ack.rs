//! XACK.

use super::id;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::effect::Effect;
use crate::keyspace::event::EventClass;
use crate::resp::Args;
use dunlin_structures::entry::Kind;
use dunlin_structures::stream::Stream;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "xack",
    arity: -4,
    flags: WRITE.and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))],
    acl: acl::STREAM,
    group: "stream",
    since: "5.0.0",
    summary: "Returns the number of messages that were successfully acknowledged by the consumer group member of a stream.",
    complexity: "O(1) for each message ID processed.",
    syntax: "key group id [id ...]",
    run: Run::OnKeys(xack),
    ..CommandSpec::BLANK
}];

fn xack(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let name = args.at(2);
    // To look for the stream is to read it, in Redis' eyes: it counts, and who hears of misses hears of it.
    cx.keys.read_kind(args.at(1), Kind::Stream)?;
    let slot = cx.keys.write(args.at(1));
    let has_group =
        slot.of_kind(Kind::Stream)?.is_some_and(|entry| Stream::of(entry).groups.contains_key(name));
    if !has_group {
        cx.reply.integer(0);
        return Ok(());
    }
    let ids = args.from(3).map(|text| id::parse(text, 0)).collect::<Result<Vec<_>, _>>()?;
    let count = slot.edit_existing(
        |entry| {
            let group = Stream::of_mut(entry).groups.get_mut(name);
            group.map_or(0, |group| ids.iter().filter(|id| group.acknowledge(**id)).count())
        },
        |count, announcer| {
            if *count > 0 {
                announcer.change(Change::untold(EventClass::Stream, Effect::Request).aside());
            }
        },
    );
    cx.reply.integer(count.unwrap_or(0) as i64);
    Ok(())
}
