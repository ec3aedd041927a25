//! COPY and MOVE: a value under another name or in another database.
//!
//! A key has the same place in every database, so the shards that the key specs name are all that is needed. Logged as
//! what they made, like RENAME, each effect in its own database.

use crate::command::key::{as_del, deletion};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "copy",
        arity: -3,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS)), KeySpec::one(2, key::OW.and(key::UPDATE))],
        acl: acl::KEYSPACE,
        group: "generic",
        since: "6.2.0",
        summary: "Copies the value of a key to a new key.",
        complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
        syntax: "source destination [DB destination-db] [REPLACE]",
        run: Run::OnKeys(copy),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "move",
        arity: 3,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE))],
        acl: acl::KEYSPACE,
        group: "generic",
        since: "1.0.0",
        summary: "Moves a key to another database.",
        syntax: "key db",
        run: Run::OnKeys(move_key),
        ..CommandSpec::BLANK
    },
];

const SAME_OBJECT: CommandError = CommandError::text("source and destination objects are the same");

fn copy(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (from, to) = (args.at(1), args.at(2));
    let source_db = cx.db();
    let (mut target_db, mut replaces) = (source_db, false);
    args.seek(3);
    while args.remaining() > 0 {
        if args.accept("REPLACE") {
            replaces = true;
        } else if args.remaining() > 1 && args.accept("DB") {
            target_db = cx.database(args.required()?)?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if target_db == source_db && from == to {
        return Err(SAME_OBJECT);
    }
    let copied = copy_into(cx, from, to, target_db, replaces);
    cx.keys.select(source_db);
    cx.reply.flag(copied);
    Ok(())
}

/// Copies from the present database, unless there is nothing or the target is taken. Leaves the target's database
/// selected.
fn copy_into(cx: &mut Context<'_>, from: &[u8], to: &[u8], target_db: u16, replaces: bool) -> bool {
    let source_db = cx.keys.db();
    if cx.keys.read(from).is_none() {
        return false;
    }
    cx.keys.select(target_db);
    if !replaces && cx.keys.write(to).exists() {
        return false;
    }
    cx.keys.select(source_db);
    let Some(mut copy) = cx.keys.peek(from).map(|entry| entry.copy_under_key(to)) else { return false };
    copy.set_clock(cx.keys.access.clock.initial());
    cx.keys.select(target_db);
    cx.keys.event(EventClass::New, "new", to);
    cx.keys.write(to).put_anew(copy, EventClass::Generic, "copy_to");
    true
}

fn move_key(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.at(1);
    let source_db = cx.db();
    let target_db = cx.database(args.at(2))?;
    if target_db == source_db {
        return Err(SAME_OBJECT);
    }
    let moved = move_into(cx, key, target_db);
    cx.keys.select(source_db);
    cx.reply.flag(moved);
    Ok(())
}

/// Moves a key out of the present database, unless it isn't there or is there as well. Leaves the target's database
/// selected.
fn move_into(cx: &mut Context<'_>, key: &[u8], target_db: u16) -> bool {
    let source_db = cx.keys.db();
    if !cx.keys.write(key).exists() {
        return false;
    }
    cx.keys.select(target_db);
    if cx.keys.write(key).exists() {
        return false;
    }
    cx.keys.event(EventClass::New, "new", key);
    cx.keys.select(source_db);
    let Some(entry) = cx.keys.write_again(key).delete(deletion("move_from", &as_del(key))) else {
        return false;
    };
    cx.keys.select(target_db);
    cx.keys.write_again(key).put_anew(entry, EventClass::Generic, "move_to");
    true
}
