//! Asking: ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZCOUNT and ZLEXCOUNT.

use super::bounds;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::zset::Zset;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "zcard",
        arity: 2,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO)],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "1.2.0",
        summary: "Get the number of members in a sorted set.",
        complexity: "O(1)",
        syntax: "key",
        run: Run::OnKeys(zcard),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zscore",
        arity: 3,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "1.2.0",
        summary: "Get the score associated with the given member in a sorted set.",
        complexity: "O(1)",
        syntax: "key member",
        elements: Elements::ONE,
        run: Run::OnKeys(zscore),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zmscore",
        arity: -3,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "6.2.0",
        summary: "Get the score associated with the given members in a sorted set.",
        complexity: "O(N) where N is the number of members being requested.",
        syntax: "key member [member ...]",
        elements: Elements::ALL,
        run: Run::OnKeys(zmscore),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zrank",
        arity: -3,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "2.0.0",
        summary: "Determine the index of a member in a sorted set.",
        complexity: "O(log(N))",
        syntax: "key member [WITHSCORE]",
        history: &[("7.2.0", "Added the optional `WITHSCORE` argument.")],
        elements: Elements::RANKED,
        run: Run::OnKeys(zrank),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zrevrank",
        arity: -3,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "2.0.0",
        summary: "Determine the index of a member in a sorted set, with scores ordered from high to low.",
        complexity: "O(log(N))",
        syntax: "key member [WITHSCORE]",
        history: &[("7.2.0", "Added the optional `WITHSCORE` argument.")],
        elements: Elements::RANKED,
        run: Run::OnKeys(zrevrank),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zcount",
        arity: 4,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "2.0.0",
        summary: "Count the members in a sorted set with scores within the given values.",
        complexity: "O(log(N)) with N being the number of elements in the sorted set.",
        syntax: "key min max",
        run: Run::OnKeys(zcount),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zlexcount",
        arity: 4,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "2.8.9",
        summary: "Count the number of members in a sorted set between a given lexicographical range.",
        complexity: "O(log(N)) with N being the number of elements in the sorted set.",
        syntax: "key min max",
        run: Run::OnKeys(zlexcount),
        ..CommandSpec::BLANK
    },
];

fn zcard(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entry = cx.keys.read_kind(args.at(1), Kind::Zset)?;
    cx.reply.integer(entry.map_or(0, |entry| Zset::of(&entry).len()) as i64);
    Ok(())
}

fn zscore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entry = cx.keys.read_kind(args.at(1), Kind::Zset)?;
    match entry.and_then(|entry| Zset::of(&entry).score(args.at(2))) {
        Some(score) => cx.reply.double(score),
        None => cx.reply.null(),
    }
    Ok(())
}

fn zmscore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entry = cx.keys.read_kind(args.at(1), Kind::Zset)?;
    cx.reply.array(args.len() - 2);
    for member in args.from(2) {
        match entry.as_ref().and_then(|entry| Zset::of(entry).score(member)) {
            Some(score) => cx.reply.double(score),
            None => cx.reply.null(),
        }
    }
    Ok(())
}

fn zrank(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    rank(cx, args, false)
}

fn zrevrank(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    rank(cx, args, true)
}

fn rank(cx: &mut Context<'_>, args: &Args<'_>, from_end: bool) -> CommandResult {
    if args.len() > 4 {
        return Err(CommandError::WrongArity(cx.command.full_name));
    }
    let with_score = args.len() == 4;
    if with_score && !args.is(3, "withscore") {
        return Err(CommandError::Syntax);
    }
    let entry = cx.keys.read_kind(args.at(1), Kind::Zset)?;
    let found = entry.and_then(|entry| {
        let set = Zset::of(&entry);
        let (rank, score) = set.rank(args.at(2))?;
        Some((if from_end { set.len() - 1 - rank } else { rank }, score))
    });
    match found {
        Some((rank, score)) if with_score => {
            cx.reply.array(2);
            cx.reply.integer(rank as i64);
            cx.reply.double(score);
        }
        Some((rank, _)) => cx.reply.integer(rank as i64),
        None if with_score => cx.reply.null_array(),
        None => cx.reply.null(),
    }
    Ok(())
}

fn zcount(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let range = bounds::scores(args.at(2), args.at(3))?;
    let entry = cx.keys.read_kind(args.at(1), Kind::Zset)?;
    cx.reply.integer(entry.map_or(0, |entry| Zset::of(&entry).ranks_of_scores(&range).len()) as i64);
    Ok(())
}

fn zlexcount(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let range = bounds::texts(args.at(2), args.at(3))?;
    let entry = cx.keys.read_kind(args.at(1), Kind::Zset)?;
    cx.reply.integer(entry.map_or(0, |entry| Zset::of(&entry).ranks_of_texts(&range).len()) as i64);
    Ok(())
}
