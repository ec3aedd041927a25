//! Sets of sets: SINTER, SUNION, SDIFF, their STORE forms and SINTERCARD.

use super::{Bulks, limits, reply_member};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::effect::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::entry::Kind;
use dunlin_structures::number::parse_i64;
use dunlin_structures::packed::Item;
use dunlin_structures::set::{self, Set, SetLimits};
use dunlin_structures::table::Ref;

const READ: &[KeySpec] = &[KeySpec::range(1, -1, 1, key::RO.and(key::ACCESS))];

const fn store_keys(destination: KeyFlags) -> [KeySpec; 2] {
    [KeySpec::one(1, destination.and(key::UPDATE)), KeySpec::range(2, -1, 1, key::RO.and(key::ACCESS))]
}

/// What SINTER, SUNION and SDIFF have in common.
const ANSWERED: CommandSpec = CommandSpec {
    arity: -2,
    flags: READONLY,
    keys: READ,
    syntax: "key [key ...]",
    tips: &["nondeterministic_output_order"],
    ..BLANK
};
/// What their STORE forms have in common.
const STORED: CommandSpec = CommandSpec {
    arity: -3,
    flags: WRITE.and(DENYOOM),
    keys: &store_keys(key::OW),
    syntax: "destination key [key ...]",
    ..BLANK
};
const BLANK: CommandSpec =
    CommandSpec { acl: acl::SET, group: "set", since: "1.0.0", complexity: OF_ALL, ..CommandSpec::BLANK };
const OF_ALL: &str = "O(N) where N is the total number of elements in all given sets.";
const OF_SMALLEST: &str =
    "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.";

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "sinter",
        summary: "Returns the intersect of multiple sets.",
        complexity: OF_SMALLEST,
        run: Run::OnKeys(sinter),
        ..ANSWERED
    },
    CommandSpec {
        name: "sintercard",
        arity: -3,
        flags: READONLY.and(MOVABLE_KEYS),
        keys: &[KeySpec {
            notes: "",
            flags: key::RO.and(key::ACCESS),
            begin: Begin::Index(1),
            find: Find::Counted { count: 0, first: 1, step: 1 },
        }],
        since: "7.0.0",
        summary: "Returns the number of members of the intersect of multiple sets.",
        complexity: OF_SMALLEST,
        syntax: "numkeys key [key ...] [LIMIT limit]",
        run: Run::OnKeys(sintercard),
        ..BLANK
    },
    CommandSpec {
        name: "sinterstore",
        keys: &store_keys(key::RW),
        summary: "Stores the intersect of multiple sets in a key.",
        complexity: OF_SMALLEST,
        run: Run::OnKeys(sinterstore),
        ..STORED
    },
    CommandSpec {
        name: "sunion",
        summary: "Returns the union of multiple sets.",
        run: Run::OnKeys(sunion),
        ..ANSWERED
    },
    CommandSpec {
        name: "sunionstore",
        summary: "Stores the union of multiple sets in a key.",
        run: Run::OnKeys(sunionstore),
        ..STORED
    },
    CommandSpec {
        name: "sdiff",
        summary: "Returns the difference of multiple sets.",
        run: Run::OnKeys(sdiff),
        ..ANSWERED
    },
    CommandSpec {
        name: "sdiffstore",
        summary: "Stores the difference of multiple sets in a key.",
        run: Run::OnKeys(sdiffstore),
        ..STORED
    },
];

type Entries<'a> = Vec<Option<Ref<'a, Entry>>>;

/// The sets of the keys, with empty ones for those that aren't there.
fn sets_of<'a>(entries: &'a Entries<'_>) -> Vec<Set<'a>> {
    entries.iter().map(|entry| entry.as_ref().map_or(Set::EMPTY, |entry| Set::of(entry))).collect()
}

fn sinter(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entries = cx.keys.read_kinds(args.from(1), Kind::Set)?;
    let mut bulks = Bulks::default();
    set::each_common(&sets_of(&entries), |run| {
        run.iter().for_each(|member| bulks.add(*member));
        true
    });
    cx.reply.set(bulks.count);
    bulks.send(&mut cx.reply);
    Ok(())
}

fn sintercard(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let at_least = |text: &[u8], least: i64, otherwise: &'static str| {
        let number = parse_i64(text).filter(|number| *number >= least);
        number.and_then(|number| usize::try_from(number).ok()).ok_or(CommandError::text(otherwise))
    };
    let count = at_least(args.at(1), 1, "numkeys should be greater than 0")?;
    if count > args.len() - 2 {
        return Err(CommandError::text("Number of keys can't be greater than number of args"));
    }
    args.seek(2 + count);
    let mut limit = 0;
    while args.remaining() > 0 {
        if args.remaining() < 2 || !args.accept("LIMIT") {
            return Err(CommandError::Syntax);
        }
        limit = at_least(args.required()?, 0, "LIMIT can't be negative")?;
    }
    let entries = cx.keys.read_kinds(args.from(2).take(count), Kind::Set)?;
    let mut found = 0;
    set::each_common(&sets_of(&entries), |run| {
        found += run.len();
        limit == 0 || found < limit
    });
    let found = if limit == 0 { found } else { found.min(limit) };
    cx.reply.integer(found as i64);
    Ok(())
}

fn sunion(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    reply_combined(cx, args, set::union)
}

fn sdiff(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    reply_combined(cx, args, set::difference)
}

fn reply_combined(
    cx: &mut Context<'_>,
    args: &Args<'_>,
    combine: for<'a> fn(&[Set<'a>]) -> Vec<Item<'a>>,
) -> CommandResult {
    let entries = cx.keys.read_kinds(args.from(1), Kind::Set)?;
    let sets = sets_of(&entries);
    let members = combine(&sets);
    cx.reply.set(members.len());
    members.into_iter().for_each(|member| reply_member(&mut cx.reply, member));
    Ok(())
}

fn sinterstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    store_combined(cx, args, "sinterstore", |key, sets, limits| {
        let mut members = Vec::new();
        set::each_common(sets, |run| {
            members.extend_from_slice(run);
            true
        });
        // Redis begins with what the smallest set is, and makes integers of what turns out to be nothing else.
        let smallest = sets.iter().min_by_key(|set| set.len());
        let are_few_ints =
            members.len() <= limits.ints && members.iter().all(|item| matches!(item, Item::Int(_)));
        let starts_as_ints = are_few_ints || matches!(smallest, Some(Set::Ints(_)));
        set::build(key, &members, starts_as_ints, limits)
    })
}

fn sunionstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    store_combined(cx, args, "sunionstore", |key, sets, limits| {
        set::build(key, &set::union(sets), true, limits)
    })
}

fn sdiffstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    store_combined(cx, args, "sdiffstore", |key, sets, limits| {
        set::build(key, &set::difference(sets), true, limits)
    })
}

fn store_combined(
    cx: &mut Context<'_>,
    args: &Args<'_>,
    event: &'static str,
    combine: impl FnOnce(&[u8], &[Set<'_>], &SetLimits) -> Entry,
) -> CommandResult {
    let (limits, destination) = (limits(cx), args.at(1));
    let result = {
        let entries = cx.keys.read_kinds(args.from(2), Kind::Set)?;
        combine(destination, &sets_of(&entries), &limits)
    };
    let len = Set::of(&result).len();
    let slot = cx.keys.write(destination);
    if len > 0 {
        slot.put(result, EventClass::Set, event);
    } else {
        slot.discard(Change::composed(EventClass::Generic, "del", &|w| {
            w.arg(b"DEL").arg(destination);
        }));
    }
    cx.reply.integer(len as i64);
    Ok(())
}
