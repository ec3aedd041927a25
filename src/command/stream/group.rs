//! XGROUP: groups and their consumers.

use super::trim::discard;
use super::{empty, id, no_group};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::stream::{Group, Stream, StreamId};

/// What the subcommands have in common.
const SUB: CommandSpec =
    CommandSpec { acl: acl::STREAM, group: "stream", since: "5.0.0", ..CommandSpec::BLANK };

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "xgroup",
    arity: -2,
    group: "stream",
    since: "5.0.0",
    summary: "A container for consumer groups commands.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        CommandSpec {
            name: "create",
            arity: -5,
            flags: WRITE.and(DENYOOM),
            keys: &[KeySpec::one(2, key::RW.and(key::INSERT))],
            summary: "Creates a consumer group.",
            syntax: "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]",
            history: &[("7.0.0", "Added the `entries_read` named argument.")],
            run: Run::OnKeys(create),
            ..SUB
        },
        CommandSpec {
            name: "createconsumer",
            arity: 5,
            flags: WRITE.and(DENYOOM),
            keys: &[KeySpec::one(2, key::RW.and(key::INSERT))],
            since: "6.2.0",
            summary: "Creates a consumer in a consumer group.",
            syntax: "key group consumer",
            run: Run::OnKeys(create_consumer),
            ..SUB
        },
        CommandSpec {
            name: "delconsumer",
            arity: 5,
            flags: WRITE,
            keys: &[KeySpec::one(2, key::RW.and(key::DELETE))],
            summary: "Deletes a consumer from a consumer group.",
            syntax: "key group consumer",
            run: Run::OnKeys(delete_consumer),
            ..SUB
        },
        CommandSpec {
            name: "destroy",
            arity: 4,
            flags: WRITE,
            keys: &[KeySpec::one(2, key::RW.and(key::DELETE))],
            summary: "Destroys a consumer group.",
            complexity: "O(N) where N is the number of entries in the group's pending entries list (PEL).",
            syntax: "key group",
            run: Run::OnKeys(destroy),
            ..SUB
        },
        CommandSpec::help(SUB, "5.0.0", help),
        CommandSpec {
            name: "setid",
            arity: -5,
            flags: WRITE,
            keys: &[KeySpec::one(2, key::RW.and(key::UPDATE))],
            summary: "Sets the last-delivered ID of a consumer group.",
            syntax: "key group <id | $> [ENTRIESREAD entries-read]",
            history: &[("7.0.0", "Added the optional `entries_read` argument.")],
            run: Run::OnKeys(set_id),
            ..SUB
        },
    ],
    ..CommandSpec::BLANK
}];

const NO_KEY: CommandError = CommandError::text(
    "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to \
     create an empty stream automatically.",
);

struct Options {
    makes_stream: bool,
    entries_read: Option<u64>,
}

fn options(args: &mut Args<'_>, creates: bool) -> Result<Options, CommandError> {
    let mut options = Options { makes_stream: false, entries_read: None };
    args.seek(5);
    while args.remaining() > 0 {
        if creates && args.accept("MKSTREAM") {
            options.makes_stream = true;
        } else if args.remaining() > 1 && args.accept("ENTRIESREAD") {
            options.entries_read = match args.integer()? {
                -1 => None,
                count => Some(
                    u64::try_from(count)
                        .map_err(|_| CommandError::text("value for ENTRIESREAD must be positive or -1"))?,
                ),
            };
        } else {
            return Err(unknown(args));
        }
    }
    Ok(options)
}

fn unknown(args: &Args<'_>) -> CommandError {
    CommandError::TryHelp { given: args.at(1).into(), container: "xgroup" }
}

fn last_id(stream: Option<&Stream>) -> StreamId {
    stream.map_or(StreamId::ZERO, |stream| stream.last_id)
}

fn create(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let options = options(args, true)?;
    let (key, name) = (args.at(2), args.at(3));
    let slot = cx.keys.write(key);
    let stream = slot.of_kind(Kind::Stream)?.map(Stream::of);
    if stream.is_none() && !options.makes_stream {
        return Err(NO_KEY);
    }
    if args.len() > 8 {
        return Err(unknown(args));
    }
    let id = match args.at(4) {
        b"$" => last_id(stream),
        id => id::parse(id, 0)?,
    };
    if stream.is_some_and(|stream| stream.groups.contains_key(name)) {
        return Err(CommandError::coded("BUSYGROUP Consumer Group name already exists"));
    }
    // Only a stream that is new counts as a change of its key; what its groups go through never does.
    let is_new = !slot.exists();
    slot.edit(
        empty,
        |entry| Stream::of_mut(entry).groups.insert(name.into(), Group::new(id, options.entries_read)),
        |_, announcer| {
            announcer
                .change(Change { touches: is_new, ..Change::request(EventClass::Stream, "xgroup-create") })
        },
    );
    cx.reply.ok();
    Ok(())
}

/// Changes a group of an existing stream, which `edit` says whether it did.
fn edit_group<R: Default>(
    cx: &mut Context<'_>,
    args: &Args<'_>,
    event: &'static str,
    edit: impl FnOnce(&mut Group) -> (R, bool),
) -> Result<R, CommandError> {
    let (key, name) = (args.at(2), args.at(3));
    let slot = cx.keys.write(key);
    let stream = slot.of_kind(Kind::Stream)?.map(Stream::of).ok_or(NO_KEY)?;
    if !stream.groups.contains_key(name) {
        return Err(no_group(key, name));
    }
    let outcome = slot.edit_existing(
        |entry| Stream::of_mut(entry).groups.get_mut(name).map(edit).unwrap_or_default(),
        |(_, changed), announcer| {
            if *changed {
                announcer.change(Change::request(EventClass::Stream, event).aside());
            }
        },
    );
    Ok(outcome.unwrap_or_default().0)
}

fn set_id(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let options = options(args, false)?;
    let key = args.at(2);
    let last = match cx.keys.peek(key) {
        Some(entry) if entry.kind() == Kind::Stream => Stream::of(&entry).last_id,
        _ => StreamId::ZERO,
    };
    // A missing key or group is complained of first.
    edit_group(cx, args, "", |_| ((), false))?;
    if args.len() != 5 && args.len() != 7 {
        return Err(unknown(args));
    }
    let id = match args.at(4) {
        b"$" => last,
        id => id::parse_bound(id, 0)?,
    };
    edit_group(cx, args, "xgroup-setid", |group| {
        (group.last_id, group.entries_read) = (id, options.entries_read);
        ((), true)
    })?;
    cx.reply.ok();
    Ok(())
}

fn destroy(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let slot = cx.keys.write(args.at(2));
    slot.of_kind(Kind::Stream)?.ok_or(NO_KEY)?;
    let name = args.at(3);
    let destroyed = slot.edit_existing(
        |entry| Stream::of_mut(entry).groups.remove(name),
        |destroyed, announcer| {
            if destroyed.is_some() {
                announcer.change(Change::request(EventClass::Stream, "xgroup-destroy").aside());
            }
        },
    );
    let group = destroyed.flatten();
    cx.reply.flag(group.is_some());
    discard(cx, group.map(|group| Stream::of_group(name, group)));
    Ok(())
}

fn create_consumer(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.counted_from();
    let created = edit_group(cx, args, "xgroup-createconsumer", |group| {
        let (_, is_new) = group.create(args.at(4), now);
        (is_new, is_new)
    })?;
    cx.reply.flag(created);
    Ok(())
}

fn delete_consumer(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let pending = edit_group(cx, args, "xgroup-delconsumer", |group| {
        let pending = group.remove(args.at(4));
        (pending.unwrap_or(0), pending.is_some())
    })?;
    cx.reply.integer(pending as i64);
    Ok(())
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "xgroup",
        &[
            "CREATE <key> <groupname> <id|$> [option]",
            "    Create a new consumer group. Options are:",
            "    * MKSTREAM",
            "      Create the empty stream if it does not exist.",
            "    * ENTRIESREAD entries_read",
            "      Set the group's entries_read counter (internal use).",
            "CREATECONSUMER <key> <groupname> <consumer>",
            "    Create a new consumer in the specified group.",
            "DELCONSUMER <key> <groupname> <consumer>",
            "    Remove the specified consumer.",
            "DESTROY <key> <groupname>",
            "    Remove the specified group.",
            "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
            "    Set the current group ID and entries_read counter.",
        ],
    );
    Ok(())
}
