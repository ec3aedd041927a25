//! XSETID: what a stream knows of entries that are gone.

use super::id;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::stream::{Stream, StreamId};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "xsetid",
    arity: -3,
    flags: WRITE.and(DENYOOM).and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))],
    acl: acl::STREAM,
    group: "stream",
    since: "5.0.0",
    summary: "An internal command for replicating stream values.",
    syntax: "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
    history: &[("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments.")],
    run: Run::OnKeys(xsetid),
    ..CommandSpec::BLANK
}];

fn xsetid(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let last_id = id::parse(args.at(2), 0)?;
    let (mut added, mut max_deleted) = (None, StreamId::ZERO);
    args.seek(3);
    while args.remaining() > 0 {
        let more = args.remaining() > 1;
        if more && args.accept("ENTRIESADDED") {
            let count = u64::try_from(args.integer()?);
            added = Some(count.map_err(|_| CommandError::text("entries_added must be positive"))?);
        } else if more && args.accept("MAXDELETEDID") {
            max_deleted = id::parse(args.required()?, 0)?;
            if last_id < max_deleted {
                return Err(CommandError::text(
                    "The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let slot = cx.keys.write(args.at(1));
    let stream = slot.of_kind(Kind::Stream)?.map(Stream::of).ok_or(CommandError::NoSuchKey)?;
    if stream.last_entry_id().is_some_and(|last| last_id < last) {
        return Err(CommandError::text(
            "The ID specified in XSETID is smaller than the target stream top item",
        ));
    }
    if added.is_some_and(|added| (stream.len() as u64) > added) {
        return Err(CommandError::text(
            "The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    slot.edit_existing(
        |entry| {
            let stream = Stream::of_mut(entry);
            stream.last_id = last_id;
            stream.entries_added = added.unwrap_or(stream.entries_added);
            if max_deleted != StreamId::ZERO {
                stream.max_deleted_id = max_deleted;
            }
        },
        |(), announcer| announcer.change(Change::request(EventClass::Stream, "xsetid").aside()),
    );
    cx.reply.ok();
    Ok(())
}
