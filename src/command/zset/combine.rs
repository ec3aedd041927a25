//! Sets of sets: ZUNION, ZINTER, ZDIFF, their STORE forms and ZINTERCARD.
//!
//! Values are reached one at a time: the first one is copied, then each of the others is merged in, or thins out what is
//! there. An intersection begins with its smallest set, so it copies no more than that.

use super::range::store;
use super::{at_least, reply_len, reply_pair, source};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::number::parse_f64;
use dunlin_structures::packed::Item;
use dunlin_structures::zset::Builder;

/// What ZUNION, ZINTER, ZDIFF and ZINTERCARD have in common.
const ANSWERED: CommandSpec = CommandSpec {
    arity: -3,
    flags: READONLY,
    keys: &[KeySpec::counted(1, key::RO.and(key::ACCESS))],
    acl: acl::SORTED_SET,
    group: "sorted-set",
    since: "6.2.0",
    ..CommandSpec::BLANK
};
/// What the STORE forms have in common.
const STORED: CommandSpec = CommandSpec {
    arity: -4,
    flags: WRITE.and(DENYOOM),
    keys: &[KeySpec::one(1, key::OW.and(key::UPDATE)), KeySpec::counted(2, key::RO.and(key::ACCESS))],
    acl: acl::SORTED_SET,
    group: "sorted-set",
    since: "2.0.0",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "zunion",
        summary: "Add multiple sorted sets.",
        complexity: "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
        syntax: "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
        run: Run::OnKeys(zunion),
        ..ANSWERED
    },
    CommandSpec {
        name: "zinter",
        summary: "Intersect multiple sorted sets.",
        complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.",
        syntax: "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
        run: Run::OnKeys(zinter),
        ..ANSWERED
    },
    CommandSpec {
        name: "zdiff",
        summary: "Subtract multiple sorted sets.",
        complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.",
        syntax: "numkeys key [key ...] [WITHSCORES]",
        run: Run::OnKeys(zdiff),
        ..ANSWERED
    },
    CommandSpec {
        name: "zunionstore",
        summary: "Add multiple sorted sets and store the resulting sorted set in a new key.",
        complexity: "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
        syntax: "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
        run: Run::OnKeys(zunionstore),
        ..STORED
    },
    CommandSpec {
        name: "zinterstore",
        summary: "Intersect multiple sorted sets and store the resulting sorted set in a new key.",
        complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.",
        syntax: "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
        run: Run::OnKeys(zinterstore),
        ..STORED
    },
    CommandSpec {
        name: "zdiffstore",
        since: "6.2.0",
        summary: "Subtract multiple sorted sets and store the resulting sorted set in a new key.",
        complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.",
        syntax: "destination numkeys key [key ...]",
        run: Run::OnKeys(zdiffstore),
        ..STORED
    },
    CommandSpec {
        name: "zintercard",
        since: "7.0.0",
        summary: "Intersect multiple sorted sets and return the cardinality of the result.",
        complexity: "O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.",
        syntax: "numkeys key [key ...] [LIMIT limit]",
        run: Run::OnKeys(zintercard),
        ..ANSWERED
    },
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

/// What becomes of the result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Reply,
    Store,
    Count,
}

/// One of the sets that are combined.
struct Source<'a> {
    key: &'a [u8],
    len: usize,
    weight: f64,
}

struct Combination<'a> {
    sources: Vec<Source<'a>>,
    aggregate: Aggregate,
    with_scores: bool,
    /// 0: none.
    limit: usize,
}

fn zunion(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    list(cx, args, Operation::Union)
}

fn zinter(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    list(cx, args, Operation::Intersection)
}

fn zdiff(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    list(cx, args, Operation::Difference)
}

fn zunionstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    keep(cx, args, Operation::Union, "zunionstore")
}

fn zinterstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    keep(cx, args, Operation::Intersection, "zinterstore")
}

fn zdiffstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    keep(cx, args, Operation::Difference, "zdiffstore")
}

fn list(cx: &mut Context<'_>, args: &mut Args<'_>, operation: Operation) -> CommandResult {
    args.seek(1);
    let combination = parse(cx, args, operation, Purpose::Reply)?;
    let result = combine(cx, operation, &combination);
    let with_scores = combination.with_scores;
    reply_len(&mut cx.reply, result.len(), with_scores);
    for (member, score) in result.sorted() {
        reply_pair(&mut cx.reply, Item::Text(member), score, with_scores);
    }
    Ok(())
}

fn keep(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    operation: Operation,
    event: &'static str,
) -> CommandResult {
    args.seek(2);
    let combination = parse(cx, args, operation, Purpose::Store)?;
    let result = combine(cx, operation, &combination);
    store(cx, args.at(1), result, event);
    Ok(())
}

fn zintercard(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(1);
    let combination = parse(cx, args, Operation::Intersection, Purpose::Count)?;
    let len = combine(cx, Operation::Intersection, &combination).len();
    let len = if combination.limit == 0 { len } else { len.min(combination.limit) };
    cx.reply.integer(len as i64);
    Ok(())
}

/// Reads from `numkeys` on; keys of the wrong kind are complained of before wrong options.
fn parse<'a>(
    cx: &mut Context<'_>,
    args: &mut Args<'a>,
    operation: Operation,
    purpose: Purpose,
) -> Result<Combination<'a>, CommandError> {
    let count = args.integer()?;
    if count < 1 {
        let name = cx.command.full_name;
        return Err(CommandError::formatted(format!("at least 1 input key is needed for '{name}' command")));
    }
    let count = usize::try_from(count).ok().filter(|count| *count <= args.remaining());
    let count = count.ok_or(CommandError::Syntax)?;
    let mut sources = Vec::with_capacity(count);
    for key in args.rest().take(count) {
        let len = match cx.keys.read(key) {
            Some(entry) => source::len(&entry)?,
            None => 0,
        };
        sources.push(Source { key, len, weight: 1.0 });
    }
    args.seek(args.position() + count);
    let mut combination = Combination { sources, aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
    let is_weighed = operation != Operation::Difference && purpose != Purpose::Count;
    while args.remaining() > 0 {
        if is_weighed && args.remaining() > count && args.accept("weights") {
            for source in &mut combination.sources {
                let weight = parse_f64(args.required()?);
                source.weight = weight.ok_or(CommandError::text("weight value is not a float"))?;
            }
        } else if is_weighed && args.remaining() > 1 && args.accept("aggregate") {
            combination.aggregate = match args.required()? {
                word if word.eq_ignore_ascii_case(b"sum") => Aggregate::Sum,
                word if word.eq_ignore_ascii_case(b"min") => Aggregate::Min,
                word if word.eq_ignore_ascii_case(b"max") => Aggregate::Max,
                _ => return Err(CommandError::Syntax),
            };
        } else if purpose == Purpose::Reply && args.accept("withscores") {
            combination.with_scores = true;
        } else if purpose == Purpose::Count && args.remaining() > 1 && args.accept("limit") {
            combination.limit = at_least(args.required()?, 0, "LIMIT can't be negative")?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if operation != Operation::Difference {
        combination.sources.sort_by_key(|source| source.len);
    }
    Ok(combination)
}

impl Aggregate {
    /// What two scores make. Infinities that cancel each other out make 0.
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Sum => or_zero(one + other),
            Self::Min => {
                if other < one {
                    other
                } else {
                    one
                }
            }
            Self::Max => {
                if other > one {
                    other
                } else {
                    one
                }
            }
        }
    }
}

fn or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

fn combine(cx: &mut Context<'_>, operation: Operation, combination: &Combination<'_>) -> Builder {
    let mut result = Builder::new();
    for (index, source) in combination.sources.iter().enumerate() {
        let weighed = |score: f64| or_zero(score * source.weight);
        let Some(entry) = cx.keys.peek(source.key) else {
            match operation {
                Operation::Union => continue,
                Operation::Difference if index > 0 => continue,
                Operation::Intersection | Operation::Difference => return Builder::new(),
            }
        };
        let aggregate = |old, score| combination.aggregate.of(old, weighed(score));
        match operation {
            Operation::Difference if index == 0 => {
                source::each(&entry, |member, score| result.merge(member, |_| score));
            }
            Operation::Difference if source.len < result.len() => {
                source::each(&entry, |member, _| {
                    result.remove(member);
                });
            }
            Operation::Difference => {
                result.retain(|member, score| source::score(&entry, member).is_none().then_some(score));
            }
            Operation::Intersection if index > 0 => {
                result.retain(|member, old| Some(aggregate(old, source::score(&entry, member)?)));
            }
            Operation::Union | Operation::Intersection => source::each(&entry, |member, score| {
                result.merge(member, |old| old.map_or_else(|| weighed(score), |old| aggregate(old, score)));
            }),
        }
        if result.is_empty() && operation != Operation::Union {
            break;
        }
    }
    result
}
