//! LCS: what two values have in common.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError, Reply};
use bytes::Bytes;
use dunlin_structures::entry::{IntText, ValueRef};
use dunlin_structures::lcs::{self, LcsError, Match, Table};
use std::sync::atomic::Ordering;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "lcs",
    arity: -3,
    flags: READONLY,
    keys: &[KeySpec::range(1, 1, 1, key::RO.and(key::ACCESS))],
    acl: acl::STRING,
    group: "string",
    since: "7.0.0",
    summary: "Finds the longest common substring.",
    complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
    syntax: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    run: Run::OnKeys(lcs),
    ..CommandSpec::BLANK
}];

#[derive(Default)]
struct LcsOptions {
    length_only: bool,
    ranges: bool,
    match_length_min: i64,
    match_lengths: bool,
}

impl LcsOptions {
    fn parse(args: &mut Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        while args.remaining() > 0 {
            if args.accept("IDX") {
                options.ranges = true;
            } else if args.accept("LEN") {
                options.length_only = true;
            } else if args.accept("WITHMATCHLEN") {
                options.match_lengths = true;
            } else if args.accept("MINMATCHLEN") {
                options.match_length_min = args.integer()?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if options.length_only && options.ranges {
            return Err(CommandError::text("If you want both the length and indexes, please just use IDX."));
        }
        Ok(options)
    }
}

fn lcs(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let first = value_of(cx, args.at(1));
    let second = value_of(cx, args.at(2));
    let (first, second) = (first?, second?);
    args.seek(3);
    let options = LcsOptions::parse(args)?;
    let limit_bytes = cx.server.hot.proto_max_bulk_len.load(Ordering::Relaxed);
    if options.length_only {
        let length = lcs::length(&first, &second, limit_bytes).map_err(refusal)?;
        cx.reply.integer(length as i64);
        return Ok(());
    }
    let table = Table::new(&first, &second, limit_bytes).map_err(refusal)?;
    if options.ranges {
        reply_ranges(&mut cx.reply, &table, &options);
    } else {
        cx.reply.bulk(&table.subsequence());
    }
    Ok(())
}

/// A value, empty if there is none. Both are needed at once, so a long one is shared and a short one copied.
fn value_of(cx: &mut Context<'_>, key: &[u8]) -> Result<Bytes, CommandError> {
    let Some(entry) = cx.keys.read(key) else { return Ok(Bytes::new()) };
    match entry.value() {
        ValueRef::Inline(text) => Ok(Bytes::copy_from_slice(text)),
        ValueRef::Int(number) => Ok(Bytes::copy_from_slice(IntText::new().format(number))),
        ValueRef::Buffer(buffer) => Ok(buffer.clone()),
        ValueRef::Packed(_) | ValueRef::Boxed(_) => {
            Err(CommandError::text("The specified keys must contain string values"))
        }
    }
}

fn refusal(error: LcsError) -> CommandError {
    CommandError::text(match error {
        LcsError::TooLong => "String too long for LCS",
        LcsError::LimitExceeded => "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        LcsError::OutOfMemory => "Insufficient memory, failed allocating transient memory for LCS",
    })
}

fn reply_ranges(reply: &mut Reply<'_>, table: &Table<'_>, options: &LcsOptions) {
    let long_enough = |found: &Match| found.length as i64 >= options.match_length_min;
    reply.map(2);
    reply.bulk_str("matches");
    reply.array(table.matches().filter(long_enough).count());
    for found in table.matches().filter(long_enough) {
        reply.array(if options.match_lengths { 3 } else { 2 });
        reply_range(reply, found.first_start, found.first_end());
        reply_range(reply, found.second_start, found.second_end());
        if options.match_lengths {
            reply.integer(found.length as i64);
        }
    }
    reply.bulk_str("len");
    reply.integer(table.length() as i64);
}

fn reply_range(reply: &mut Reply<'_>, start: usize, end: usize) {
    reply.array(2);
    reply.integer(start as i64);
    reply.integer(end as i64);
}
