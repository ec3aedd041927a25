//! Listing and storing parts: ZRANGE, ZRANGESTORE and the older commands that ZRANGE replaces.

use super::{bounds, reply_len, reply_member, reply_pair};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::number::parse_i64;
use dunlin_structures::zset::{Builder, ScoreRange, TextRange, Zset};
use std::ops::Range;

/// What the commands that read a part of one set have in common.
const PART: CommandSpec = CommandSpec {
    arity: -4,
    flags: READONLY,
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::SORTED_SET,
    group: "sorted-set",
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "zrange",
        since: "1.2.0",
        summary: "Return a range of members in a sorted set.",
        complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
        syntax: "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
        history: &[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")],
        run: Run::OnKeys(zrange),
        ..PART
    },
    CommandSpec {
        name: "zrangestore",
        arity: -5,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::OW.and(key::UPDATE)), KeySpec::one(2, key::RO.and(key::ACCESS))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "6.2.0",
        summary: "Store a range of members from sorted set into another key.",
        complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored into the destination key.",
        syntax: "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
        run: Run::OnKeys(zrangestore),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zrangebyscore",
        since: "1.0.5",
        summary: "Return a range of members in a sorted set, by score.",
        syntax: "key min max [WITHSCORES] [LIMIT offset count]",
        history: &[("2.0.0", "Added the `WITHSCORES` modifier.")],
        deprecated: Some(("6.2.0", "`ZRANGE` with the `BYSCORE` argument")),
        run: Run::OnKeys(zrangebyscore),
        ..PART
    },
    CommandSpec {
        name: "zrevrangebyscore",
        since: "2.2.0",
        summary: "Return a range of members in a sorted set, by score, with scores ordered from high to low.",
        syntax: "key max min [WITHSCORES] [LIMIT offset count]",
        history: &[("2.1.6", "`min` and `max` can be exclusive.")],
        deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")),
        run: Run::OnKeys(zrevrangebyscore),
        ..PART
    },
    CommandSpec {
        name: "zrangebylex",
        since: "2.8.9",
        summary: "Return a range of members in a sorted set, by lexicographical range.",
        syntax: "key min max [LIMIT offset count]",
        deprecated: Some(("6.2.0", "`ZRANGE` with the `BYLEX` argument")),
        run: Run::OnKeys(zrangebylex),
        ..PART
    },
    CommandSpec {
        name: "zrevrangebylex",
        since: "2.8.9",
        summary: "Return a range of members in a sorted set, by lexicographical range, ordered from higher to lower strings.",
        syntax: "key max min [LIMIT offset count]",
        deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")),
        run: Run::OnKeys(zrevrangebylex),
        ..PART
    },
    CommandSpec {
        name: "zrevrange",
        since: "1.2.0",
        summary: "Return a range of members in a sorted set, by index, with scores ordered from high to low.",
        complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
        syntax: "key start stop [WITHSCORES]",
        deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` argument")),
        run: Run::OnKeys(zrevrange),
        ..PART
    },
];

/// What a range is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Text,
}

/// What a command leaves to its arguments.
#[derive(Clone, Copy)]
struct Grammar {
    /// Where the ends stand.
    ends: usize,
    by: Option<By>,
    backwards: Option<bool>,
    takes_with_scores: bool,
}

/// A part of a set.
struct Part<'a> {
    of: Of<'a>,
    limit: Option<(i64, i64)>,
    backwards: bool,
    with_scores: bool,
}

enum Of<'a> {
    Ranks(i64, i64),
    Scores(ScoreRange),
    Texts(TextRange<'a>),
}

impl<'a> Part<'a> {
    fn parse(args: &mut Args<'a>, grammar: Grammar) -> Result<Self, CommandError> {
        let (mut by, mut backwards) = (grammar.by, grammar.backwards);
        let (mut with_scores, mut limit) = (false, None);
        args.seek(grammar.ends + 2);
        while args.remaining() > 0 {
            if grammar.takes_with_scores && args.accept("withscores") {
                with_scores = true;
            } else if args.remaining() > 2 && args.accept("limit") {
                limit = Some((args.integer()?, args.integer()?));
            } else if backwards.is_none() && args.accept("rev") {
                backwards = Some(true);
            } else if by.is_none() && args.accept("bylex") {
                by = Some(By::Text);
            } else if by.is_none() && args.accept("byscore") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let (by, backwards) = (by.unwrap_or(By::Rank), backwards.unwrap_or(false));
        // A count of -1 is none, as if nobody had said LIMIT.
        if by == By::Rank && limit.is_some_and(|(_, count)| count != -1) {
            return Err(CommandError::text(
                "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if by == By::Text && with_scores {
            return Err(CommandError::text(
                "syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (first, second) = (args.at(grammar.ends), args.at(grammar.ends + 1));
        let (min, max) = if backwards { (second, first) } else { (first, second) };
        let of = match by {
            By::Rank => {
                let rank = |text| parse_i64(text).ok_or(CommandError::NotAnInteger);
                Of::Ranks(rank(first)?, rank(second)?)
            }
            By::Score => Of::Scores(bounds::scores(min, max)?),
            By::Text => Of::Texts(bounds::texts(min, max)?),
        };
        Ok(Self { of, limit, backwards, with_scores })
    }

    /// The ranks of this part of a set.
    fn ranks(&self, set: Zset<'_>) -> Range<usize> {
        let ranks = match &self.of {
            Of::Ranks(start, stop) => {
                let len = set.len();
                let ranks = bounds::ranks(*start, *stop, len);
                return if self.backwards { len - ranks.end..len - ranks.start } else { ranks };
            }
            Of::Scores(range) => set.ranks_of_scores(range),
            Of::Texts(range) => set.ranks_of_texts(range),
        };
        match self.limit {
            Some((offset, count)) => bounds::limit(ranks, offset, count, self.backwards),
            None => ranks,
        }
    }
}

fn zrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    list(cx, args, None, None)
}

fn zrevrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    list(cx, args, Some(By::Rank), Some(true))
}

fn zrangebyscore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    list(cx, args, Some(By::Score), Some(false))
}

fn zrevrangebyscore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    list(cx, args, Some(By::Score), Some(true))
}

fn zrangebylex(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    list(cx, args, Some(By::Text), Some(false))
}

fn zrevrangebylex(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    list(cx, args, Some(By::Text), Some(true))
}

fn list(cx: &mut Context<'_>, args: &mut Args<'_>, by: Option<By>, backwards: Option<bool>) -> CommandResult {
    let part = Part::parse(args, Grammar { ends: 2, by, backwards, takes_with_scores: true })?;
    let Some(entry) = cx.keys.read_kind(args.at(1), Kind::Zset)? else {
        cx.reply.array(0);
        return Ok(());
    };
    let set = Zset::of(&entry);
    let ranks = part.ranks(set);
    reply_len(&mut cx.reply, ranks.len(), part.with_scores);
    if !part.with_scores {
        set.each_member(ranks, part.backwards, |member| reply_member(&mut cx.reply, member));
        return Ok(());
    }
    for (member, score) in set.walk(ranks, part.backwards) {
        reply_pair(&mut cx.reply, member, score, true);
    }
    Ok(())
}

fn zrangestore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let grammar = Grammar { ends: 3, by: None, backwards: None, takes_with_scores: false };
    let part = Part::parse(args, grammar)?;
    let mut builder = Builder::new();
    if let Some(entry) = cx.keys.read_kind(args.at(2), Kind::Zset)? {
        let set = Zset::of(&entry);
        let mut digits = IntText::new();
        for (member, score) in set.iter(part.ranks(set)) {
            builder.merge(member.text(&mut digits), |_| score);
        }
    }
    store(cx, args.at(1), builder, "zrangestore");
    Ok(())
}

/// Stores a result, or deletes the key if there is none; replies how many members it has.
pub fn store(cx: &mut Context<'_>, key: &[u8], result: Builder, event: &'static str) {
    let len = result.len();
    let slot = cx.keys.write(key);
    if len > 0 {
        let entry = result.finish(key, cx.server.thresholds.zset(), None);
        slot.put(entry, EventClass::SortedSet, event);
    } else if slot.exists() {
        slot.discard(Change::composed(EventClass::Generic, "del", &|effect| {
            effect.arg(b"DEL").arg(key);
        }));
    }
    cx.reply.integer(len as i64);
}
