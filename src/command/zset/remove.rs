//! Removing by name or by part: ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE and ZREMRANGEBYLEX.

use super::bounds;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::Args;
use dunlin_structures::entry::Kind;
use dunlin_structures::zset::{self, Zset};
use std::ops::Range;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "zrem",
        arity: -3,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "1.2.0",
        summary: "Remove one or more members from a sorted set.",
        complexity: "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed.",
        syntax: "key member [member ...]",
        history: &[("2.4.0", "Accepts multiple elements.")],
        elements: Elements::ALL,
        run: Run::OnKeys(zrem),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zremrangebyrank",
        arity: 4,
        flags: WRITE,
        keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "2.0.0",
        summary: "Remove all members in a sorted set within the given indexes.",
        complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
        syntax: "key start stop",
        run: Run::OnKeys(zremrangebyrank),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zremrangebyscore",
        arity: 4,
        flags: WRITE,
        keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "1.2.0",
        summary: "Remove all members in a sorted set within the given scores.",
        complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
        syntax: "key min max",
        run: Run::OnKeys(zremrangebyscore),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zremrangebylex",
        arity: 4,
        flags: WRITE,
        keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "2.8.9",
        summary: "Remove all members in a sorted set between the given lexicographical range.",
        complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
        syntax: "key min max",
        run: Run::OnKeys(zremrangebylex),
        ..CommandSpec::BLANK
    },
];

fn zrem(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let slot = cx.keys.write(args.at(1));
    slot.of_kind(Kind::Zset)?;
    let removed = slot.edit_existing(
        |entry| args.from(2).filter(|member| zset::remove(entry, member).is_some()).count(),
        |removed, announcer| {
            if *removed > 0 {
                announcer.change(Change::request(EventClass::SortedSet, "zrem"));
            }
        },
    );
    cx.reply.integer(removed.unwrap_or(0) as i64);
    Ok(())
}

fn zremrangebyrank(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (start, stop) = (args.integer_at(2)?, args.integer_at(3)?);
    remove_part(cx, args, "zremrangebyrank", |set| bounds::ranks(start, stop, set.len()))
}

fn zremrangebyscore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let range = bounds::scores(args.at(2), args.at(3))?;
    remove_part(cx, args, "zremrangebyscore", |set| set.ranks_of_scores(&range))
}

fn zremrangebylex(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let range = bounds::texts(args.at(2), args.at(3))?;
    remove_part(cx, args, "zremrangebylex", |set| set.ranks_of_texts(&range))
}

fn remove_part(
    cx: &mut Context<'_>,
    args: &Args<'_>,
    event: &'static str,
    part: impl FnOnce(Zset<'_>) -> Range<usize>,
) -> CommandResult {
    let slot = cx.keys.write(args.at(1));
    slot.of_kind(Kind::Zset)?;
    let ranks = slot.entry().map(|entry| part(Zset::of(entry))).unwrap_or_default();
    let removed = ranks.len();
    let change = Change::request(EventClass::SortedSet, event);
    if removed > 0 && slot.entry().is_some_and(|entry| Zset::of(entry).len() == removed) {
        // Nothing is left: the whole goes, elsewhere if it is large.
        slot.discard(change);
        cx.keys.event(EventClass::Generic, "del", args.at(1));
    } else if removed > 0 {
        slot.edit_existing(
            |entry| zset::remove_ranks(entry, ranks.start, removed, |_, _| ()),
            |(), announcer| announcer.change(change),
        );
    }
    cx.reply.integer(removed as i64);
    Ok(())
}
