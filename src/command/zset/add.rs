//! Giving scores: ZADD and ZINCRBY.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::door::Announcer;
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::entry::Kind;
use dunlin_structures::number::{DoubleBuffer, parse_f64};
use dunlin_structures::packed::Limits;
use dunlin_structures::zset;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "zadd",
        arity: -4,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "1.2.0",
        summary: "Add one or more members to a sorted set, or update its score if it already exists.",
        complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
        syntax: "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
        history: &[
            ("2.4.0", "Accepts multiple elements."),
            ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
            ("6.2.0", "Added the `GT` and `LT` options."),
        ],
        elements: Elements::BEHIND_SCORES,
        run: Run::OnKeys(zadd),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zincrby",
        arity: 4,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "1.2.0",
        summary: "Increment the score of a member in a sorted set.",
        complexity: "O(log(N)) where N is the number of elements in the sorted set.",
        syntax: "key increment member",
        elements: Elements::LAST_OF_THREE,
        run: Run::OnKeys(zincrby),
        ..CommandSpec::BLANK
    },
];

/// ZADD's options.
#[derive(Clone, Copy, Default)]
pub struct Options {
    pub only_new: bool,
    pub only_existing: bool,
    only_greater: bool,
    only_less: bool,
    pub count_changed: bool,
    increment: bool,
}

impl Options {
    fn parse(args: &mut Args<'_>) -> Self {
        let mut options = Self::default();
        loop {
            match args.peek() {
                Some(word) if word.eq_ignore_ascii_case(b"nx") => options.only_new = true,
                Some(word) if word.eq_ignore_ascii_case(b"xx") => options.only_existing = true,
                Some(word) if word.eq_ignore_ascii_case(b"gt") => options.only_greater = true,
                Some(word) if word.eq_ignore_ascii_case(b"lt") => options.only_less = true,
                Some(word) if word.eq_ignore_ascii_case(b"ch") => options.count_changed = true,
                Some(word) if word.eq_ignore_ascii_case(b"incr") => options.increment = true,
                _ => return options,
            }
            args.seek(args.position() + 1);
        }
    }

    fn check(self, pairs: usize) -> CommandResult {
        if self.only_new && self.only_existing {
            Err(CommandError::text("XX and NX options at the same time are not compatible"))
        } else if [self.only_greater, self.only_less, self.only_new].iter().filter(|&&is_set| is_set).count()
            > 1
        {
            Err(CommandError::text("GT, LT, and/or NX options at the same time are not compatible"))
        } else if self.increment && pairs > 1 {
            Err(CommandError::text("INCR option supports a single increment-element pair"))
        } else {
            Ok(())
        }
    }

    /// The score that a member gets: none if it is to be left as it is.
    fn decide(self, old: Option<f64>, given: f64, outcome: &mut Outcome) -> Option<f64> {
        let Some(old) = old else {
            return (!self.only_existing).then_some(given);
        };
        if self.only_new {
            return None;
        }
        let new = if self.increment { old + given } else { given };
        if new.is_nan() {
            outcome.is_nan = true;
            return None;
        }
        let stays = (self.only_less && new >= old) || (self.only_greater && new <= old);
        (!stays).then_some(new)
    }
}

/// What became of all pairs.
#[derive(Default)]
struct Outcome {
    added: i64,
    changed: i64,
    /// The score of the last member that was not left as it is.
    score: Option<f64>,
    is_nan: bool,
}

fn zadd(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(2);
    let options = Options::parse(args);
    add(cx, args, options)
}

fn zincrby(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(2);
    // As in Redis: a word that is one of ZADD's options is no increment.
    let options = Options::parse(args);
    add(cx, args, Options { increment: true, ..options })
}

/// Adds the pairs that are unread.
fn add(cx: &mut Context<'_>, args: &Args<'_>, options: Options) -> CommandResult {
    let first = args.position();
    if args.remaining() == 0 || !args.remaining().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    options.check(args.remaining() / 2)?;
    // The first score stands here, so that one pair needs no memory.
    let Some(score) = parse_f64(args.at(first)) else { return Err(CommandError::NotAFloat) };
    let mut scores = Vec::new();
    for text in args.from(first + 2).step_by(2) {
        scores.push(parse_f64(text).ok_or(CommandError::NotAFloat)?);
    }
    let members = args.from(first + 1).step_by(2);
    add_pairs(cx, args.at(1), options, std::iter::once(score).chain(scores.iter().copied()).zip(members))
}

/// Adds scores and members, of which there is at least one.
pub fn add_pairs<'a>(
    cx: &mut Context<'_>,
    key: &[u8],
    options: Options,
    pairs: impl Iterator<Item = (f64, &'a [u8])> + Clone,
) -> CommandResult {
    let slot = cx.keys.write(key);
    let exists = slot.of_kind(Kind::Zset)?.is_some();
    let mut outcome = Outcome::default();
    if exists || !options.only_existing {
        let limits = cx.server.thresholds.zset();
        let member = pairs.clone().next().map_or(&[][..], |(_, member)| member);
        let change = |entry: &mut Entry| {
            let mut outcome = Outcome::default();
            pairs.for_each(|(score, member)| add_one(entry, limits, options, member, score, &mut outcome));
            outcome
        };
        let announce = |outcome: &Outcome, announcer: &mut Announcer<'_, '_>| {
            if outcome.added + outcome.changed == 0 {
                return;
            }
            if options.increment {
                let compose = |effect: &mut EffectWriter| {
                    let score = outcome.score.unwrap_or_default();
                    effect.arg(b"ZADD").arg(key).arg(DoubleBuffer::new().format(score)).arg(member);
                };
                announcer.change(Change::composed(EventClass::SortedSet, "zincr", &compose));
            } else {
                announcer.change(Change::request(EventClass::SortedSet, "zadd"));
            }
        };
        outcome = slot.add(zset::empty, change, announce);
    }
    if outcome.is_nan {
        return Err(CommandError::text("resulting score is not a number (NaN)"));
    }
    match (options.increment, outcome.score) {
        (true, Some(score)) => cx.reply.double(score),
        (true, None) => cx.reply.null(),
        (false, _) if options.count_changed => cx.reply.integer(outcome.added + outcome.changed),
        (false, _) => cx.reply.integer(outcome.added),
    }
    Ok(())
}

#[inline]
fn add_one(
    entry: &mut Entry,
    limits: Limits,
    options: Options,
    member: &[u8],
    score: f64,
    outcome: &mut Outcome,
) {
    let update = zset::update(entry, limits, member, |old| options.decide(old, score, outcome));
    outcome.added += i64::from(update.is_added());
    outcome.changed += i64::from(update.is_changed());
    outcome.score = update.new.or(outcome.score);
}
