//! XRANGE, XREVRANGE, XLEN.

use super::{id, show, trim};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::stream::{Direction, Stream};

/// What XRANGE and XREVRANGE have in common.
const RANGE: CommandSpec = CommandSpec {
    arity: -4,
    flags: READONLY,
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::STREAM,
    group: "stream",
    since: "5.0.0",
    history: &[("6.2.0", "Added exclusive ranges.")],
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "xlen",
        arity: 2,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO)],
        summary: "Returns the number of messages in a stream.",
        syntax: "key",
        history: &[],
        run: Run::OnKeys(xlen),
        ..RANGE
    },
    CommandSpec {
        name: "xrange",
        summary: "Returns the messages from a stream within a range of IDs.",
        complexity: "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for \
                     the first 10 elements with COUNT), you can consider it O(1).",
        syntax: "key start end [COUNT count]",
        run: Run::OnKeys(xrange),
        ..RANGE
    },
    CommandSpec {
        name: "xrevrange",
        summary: "Returns the messages from a stream within a range of IDs in reverse order.",
        complexity: "O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the \
                     first 10 elements with COUNT), you can consider it O(1).",
        syntax: "key end start [COUNT count]",
        run: Run::OnKeys(xrevrange),
        ..RANGE
    },
];

fn xlen(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let len = cx.keys.read_kind(args.at(1), Kind::Stream)?.map_or(0, |entry| Stream::of(&entry).len());
    cx.reply.integer(len as i64);
    Ok(())
}

fn xrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    range(cx, args, Direction::Forward)
}

fn xrevrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    range(cx, args, Direction::Backward)
}

fn range(cx: &mut Context<'_>, args: &mut Args<'_>, direction: Direction) -> CommandResult {
    let (start, end) = match direction {
        Direction::Forward => (args.at(2), args.at(3)),
        Direction::Backward => (args.at(3), args.at(2)),
    };
    let (start, end) = (id::parse_start(start)?, id::parse_end(end)?);
    let mut count = None;
    args.seek(4);
    while args.remaining() > 0 {
        if !args.accept("COUNT") || args.remaining() == 0 {
            return Err(CommandError::Syntax);
        }
        count = Some(trim::count(args.required()?)?);
    }
    match cx.keys.read_kind(args.at(1), Kind::Stream)? {
        None => cx.reply.array(0),
        Some(_) if count == Some(0) => cx.reply.null_array(),
        Some(entry) => {
            let entries = Stream::of(&entry).range(start, end, direction);
            show::entries(&mut cx.reply, entries.take(count.unwrap_or(usize::MAX)));
        }
    }
    Ok(())
}
