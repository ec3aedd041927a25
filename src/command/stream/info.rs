//! XINFO.

use super::{no_group, show};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::entry::Kind;
use dunlin_structures::stream::{Direction, Group, Stream, StreamId};

/// What the subcommands on a key have in common.
const SUB: CommandSpec = CommandSpec {
    flags: READONLY,
    keys: &[KeySpec::one(2, key::RO.and(key::ACCESS))],
    acl: acl::STREAM,
    group: "stream",
    since: "5.0.0",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "xinfo",
    arity: -2,
    group: "stream",
    since: "5.0.0",
    summary: "A container for stream introspection commands.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        CommandSpec {
            name: "consumers",
            arity: 4,
            summary: "Returns a list of the consumers in a consumer group.",
            syntax: "key group",
            history: &[("7.2.0", "Added the `inactive` field, and changed the meaning of `idle`.")],
            tips: &["nondeterministic_output"],
            run: Run::OnKeys(consumers),
            ..SUB
        },
        CommandSpec {
            name: "groups",
            arity: 3,
            summary: "Returns a list of the consumer groups of a stream.",
            syntax: "key",
            history: &[("7.0.0", "Added the `entries-read` and `lag` fields")],
            run: Run::OnKeys(groups),
            ..SUB
        },
        CommandSpec::help(SUB, "5.0.0", help),
        CommandSpec {
            name: "stream",
            arity: -3,
            summary: "Returns information about a stream.",
            syntax: "key [FULL [COUNT count]]",
            history: &[
                ("6.0.0", "Added the `FULL` modifier."),
                (
                    "7.0.0",
                    "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and \
                     `lag` fields",
                ),
                ("7.2.0", "Added the `active-time` field, and changed the meaning of `seen-time`."),
            ],
            run: Run::OnKeys(stream),
            ..SUB
        },
    ],
    ..CommandSpec::BLANK
}];

fn consumers(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.now();
    let (key, name) = (args.at(2), args.at(3));
    let entry = cx.keys.read_kind(key, Kind::Stream)?.ok_or(CommandError::NoSuchKey)?;
    let group = Stream::of(&entry).groups.get(name).ok_or_else(|| no_group(key, name))?;
    let reply = &mut cx.reply;
    reply.array(group.consumers().len());
    for (_, consumer) in group.consumers() {
        reply.map(4);
        reply.bulk_str("name");
        reply.bulk(&consumer.name);
        reply.bulk_str("pending");
        reply.integer(consumer.pending().len() as i64);
        reply.bulk_str("idle");
        reply.integer(now.wrapping_sub(consumer.seen_at).max(0));
        reply.bulk_str("inactive");
        reply.integer(match consumer.active_at {
            -1 => -1,
            at => now.wrapping_sub(at).max(0),
        });
    }
    Ok(())
}

fn groups(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entry = cx.keys.read_kind(args.at(2), Kind::Stream)?.ok_or(CommandError::NoSuchKey)?;
    let stream = Stream::of(&entry);
    let reply = &mut cx.reply;
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(6);
        reply.bulk_str("name");
        reply.bulk(name);
        reply.bulk_str("consumers");
        reply.integer(group.consumers().len() as i64);
        reply.bulk_str("pending");
        reply.integer(group.pending().len() as i64);
        progress(reply, stream, group);
    }
    Ok(())
}

/// The fields that tell how far a group has read.
fn progress(reply: &mut Reply<'_>, stream: &Stream, group: &Group) {
    reply.bulk_str("last-delivered-id");
    show::id(reply, group.last_id);
    reply.bulk_str("entries-read");
    number_or_null(reply, group.entries_read.map(|count| count as i64));
    reply.bulk_str("lag");
    number_or_null(reply, stream.lag(group));
}

fn number_or_null(reply: &mut Reply<'_>, number: Option<i64>) {
    match number {
        Some(number) => reply.integer(number),
        None => reply.null(),
    }
}

fn stream(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entry = cx.keys.read_kind(args.at(2), Kind::Stream)?.ok_or(CommandError::NoSuchKey)?;
    let stream = Stream::of(&entry);
    let unknown = || CommandError::TryHelp { given: args.at(1).into(), container: "xinfo" };
    let full = match args.len() {
        3 => None,
        4 | 6 if !args.is(3, "FULL") => return Err(unknown()),
        4 => Some(10),
        6 if !args.is(4, "COUNT") => return Err(unknown()),
        6 => Some(match args.integer_at(5)? {
            0 => usize::MAX,
            count => usize::try_from(count).unwrap_or(10),
        }),
        _ => return Err(unknown()),
    };
    let reply = &mut cx.reply;
    reply.map(if full.is_some() { 9 } else { 10 });
    reply.bulk_str("length");
    reply.integer(stream.len() as i64);
    reply.bulk_str("radix-tree-keys");
    reply.integer(stream.block_bytes().len() as i64);
    reply.bulk_str("radix-tree-nodes");
    reply.integer(stream.radix_nodes() as i64);
    reply.bulk_str("last-generated-id");
    show::id(reply, stream.last_id);
    reply.bulk_str("max-deleted-entry-id");
    show::id(reply, stream.max_deleted_id);
    reply.bulk_str("entries-added");
    reply.integer(stream.entries_added as i64);
    reply.bulk_str("recorded-first-entry-id");
    show::id(reply, stream.first_id);
    match full {
        None => ends(reply, stream),
        Some(count) => everything(reply, stream, count),
    }
    Ok(())
}

fn ends(reply: &mut Reply<'_>, stream: &Stream) {
    reply.bulk_str("groups");
    reply.integer(stream.groups.len() as i64);
    for (field, direction) in [("first-entry", Direction::Forward), ("last-entry", Direction::Backward)] {
        reply.bulk_str(field);
        match stream.range(StreamId::ZERO, StreamId::MAX, direction).next() {
            Some(entry) => show::entry(reply, &entry),
            None => reply.null(),
        }
    }
}

/// Entries and groups, `count` of each list.
fn everything(reply: &mut Reply<'_>, stream: &Stream, count: usize) {
    reply.bulk_str("entries");
    show::entries(reply, stream.iter().take(count));
    reply.bulk_str("groups");
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(7);
        reply.bulk_str("name");
        reply.bulk(name);
        progress(reply, stream, group);
        reply.bulk_str("pel-count");
        reply.integer(group.pending().len() as i64);
        reply.bulk_str("pending");
        reply.array(group.pending().len().min(count));
        for (id, pending) in group.pending().iter().take(count) {
            reply.array(4);
            show::id(reply, *id);
            reply.bulk(&group.consumer(pending.consumer).name);
            reply.integer(pending.delivered_at);
            reply.integer(pending.deliveries as i64);
        }
        reply.bulk_str("consumers");
        reply.array(group.consumers().len());
        for (_, consumer) in group.consumers() {
            reply.map(5);
            reply.bulk_str("name");
            reply.bulk(&consumer.name);
            reply.bulk_str("seen-time");
            reply.integer(consumer.seen_at);
            reply.bulk_str("active-time");
            reply.integer(consumer.active_at);
            reply.bulk_str("pel-count");
            reply.integer(consumer.pending().len() as i64);
            reply.bulk_str("pending");
            reply.array(consumer.pending().len().min(count));
            for id in consumer.pending().iter().take(count) {
                let pending = group.pending().get(id);
                reply.array(3);
                show::id(reply, *id);
                reply.integer(pending.map_or(0, |pending| pending.delivered_at));
                reply.integer(pending.map_or(0, |pending| pending.deliveries as i64));
            }
        }
    }
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "xinfo",
        &[
            "CONSUMERS <key> <groupname>",
            "    Show consumers of <groupname>.",
            "GROUPS <key>",
            "    Show the stream consumer groups.",
            "STREAM <key> [FULL [COUNT <count>]",
            "    Show information about the stream.",
        ],
    );
    Ok(())
}
