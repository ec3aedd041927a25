//! Members by chance: ZRANDMEMBER.

use super::{reply_len, reply_member, reply_pair};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::entry::Kind;
use dunlin_structures::number::parse_i64;
use dunlin_structures::zset::Zset;
use std::collections::HashSet;
use std::ops::Range;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "zrandmember",
    arity: -2,
    flags: READONLY,
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::SORTED_SET,
    group: "sorted-set",
    since: "6.2.0",
    summary: "Get one or multiple random elements from a sorted set.",
    complexity: "O(N) where N is the number of elements returned",
    syntax: "key [count [WITHSCORES]]",
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(zrandmember),
    ..CommandSpec::BLANK
}];

/// The most members that are replied with repetition. Redis has no such bound: a client there gets what memory holds.
const REPEATS_MAX: i64 = 1 << 27;

fn zrandmember(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let Some(count) = args.get(2) else { return one(cx, args) };
    let count = parse_i64(count).ok_or(CommandError::NotAnInteger)?;
    if count == i64::MIN {
        return Err(CommandError::text(
            "value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let with_scores = args.len() == 4 && args.is(3, "withscores");
    if args.len() > 4 || (args.len() == 4 && !with_scores) {
        return Err(CommandError::Syntax);
    }
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(CommandError::OutOfRange);
    }
    let Some(entry) = cx.keys.read_kind(args.at(1), Kind::Zset)?.filter(|_| count != 0) else {
        cx.reply.array(0);
        return Ok(());
    };
    if count < -REPEATS_MAX {
        return Err(CommandError::OutOfRange);
    }
    let set = Zset::of(&entry);
    let len = set.len();
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let reply = &mut cx.reply;
    let reply_ranks = |reply: &mut Reply<'_>, ranks: Range<usize>| {
        // All of them come from the last to the first, as Redis walks.
        for (member, score) in set.iter_back(ranks) {
            reply_pair(reply, member, score, with_scores);
        }
    };
    if count < 0 {
        reply_len(reply, wanted, with_scores);
        for _ in 0..wanted {
            let rank = below(len);
            reply_ranks(reply, rank..rank + 1);
        }
    } else if wanted >= len {
        reply_len(reply, len, with_scores);
        reply_ranks(reply, 0..len);
    } else {
        reply_len(reply, wanted, with_scores);
        for rank in distinct(wanted, len) {
            reply_ranks(reply, rank..rank + 1);
        }
    }
    Ok(())
}

fn one(cx: &mut Context<'_>, args: &Args<'_>) -> CommandResult {
    let Some(entry) = cx.keys.read_kind(args.at(1), Kind::Zset)? else {
        cx.reply.null();
        return Ok(());
    };
    let set = Zset::of(&entry);
    let rank = below(set.len());
    for (member, _) in set.iter(rank..rank + 1) {
        reply_member(&mut cx.reply, member);
    }
    Ok(())
}

/// A number below `len`, each as likely as the others.
fn below(len: usize) -> usize {
    rand::random_range(0..len)
}

/// `count` different numbers below `len`, each set of them as likely as the others (Floyd's method). O(count).
fn distinct(count: usize, len: usize) -> impl Iterator<Item = usize> {
    let mut chosen = HashSet::with_capacity(count);
    for last in len - count..len {
        let number = below(last + 1);
        if !chosen.insert(number) {
            chosen.insert(last);
        }
    }
    chosen.into_iter()
}
