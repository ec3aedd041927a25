//! Taking members off the ends: ZPOPMIN, ZPOPMAX and ZMPOP. Their blocking forms use [`pop`] and the replies too.

use super::at_least;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::Keys;
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::Entry;
use dunlin_structures::entry::Kind;
use dunlin_structures::zset::{self, Zset};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "zpopmin",
        arity: -2,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::DELETE))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "5.0.0",
        summary: "Remove and return members with the lowest scores in a sorted set.",
        complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
        syntax: "key [count]",
        run: Run::OnKeys(zpopmin),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zpopmax",
        arity: -2,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::DELETE))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "5.0.0",
        summary: "Remove and return members with the highest scores in a sorted set.",
        complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
        syntax: "key [count]",
        run: Run::OnKeys(zpopmax),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "zmpop",
        arity: -4,
        flags: WRITE,
        keys: &[KeySpec::counted(1, key::RW.and(key::ACCESS).and(key::DELETE))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "7.0.0",
        summary: "Remove and return members with scores in a sorted set.",
        complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
        syntax: "numkeys key [key ...] <MIN | MAX> [COUNT count]",
        run: Run::OnKeys(zmpop),
        ..CommandSpec::BLANK
    },
];

/// Which members go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Min,
    Max,
}

impl End {
    /// MIN or MAX.
    pub fn parse(word: &[u8]) -> Result<Self, CommandError> {
        if word.eq_ignore_ascii_case(b"min") {
            Ok(Self::Min)
        } else if word.eq_ignore_ascii_case(b"max") {
            Ok(Self::Max)
        } else {
            Err(CommandError::Syntax)
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Min => "zpopmin",
            Self::Max => "zpopmax",
        }
    }
}

/// What was taken, in the order in which it was.
#[derive(Default)]
pub struct Popped {
    texts: Vec<u8>,
    /// Where each member's text ends, and its score.
    ends: Vec<(usize, f64)>,
}

impl Popped {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], f64)> + ExactSizeIterator {
        let start = |index: usize| index.checked_sub(1).map_or(0, |before| self.ends[before].0);
        (0..self.ends.len()).map(move |index| {
            let (end, score) = self.ends[index];
            (&self.texts[start(index)..end], score)
        })
    }

    fn push(&mut self, member: &[u8], score: f64) {
        self.texts.extend_from_slice(member);
        self.ends.push((self.texts.len(), score));
    }

    fn take_from(entry: &mut Entry, end: End, count: usize) -> Self {
        let mut popped = Self::default();
        let len = Zset::of(entry).len();
        let count = count.min(len);
        let from = if end == End::Min { 0 } else { len - count };
        zset::remove_ranks(entry, from, count, |member, score| popped.push(member, score));
        if end == End::Max {
            let mut reversed = Self::default();
            popped.iter().rev().for_each(|(member, score)| reversed.push(member, score));
            popped = reversed;
        }
        popped
    }
}

/// Takes up to `count` members off an end of the sorted set at `key`. Nothing if there is none.
pub fn pop(keys: &mut Keys<'_>, key: &[u8], end: End, count: usize) -> Result<Option<Popped>, CommandError> {
    let slot = keys.write(key);
    if slot.of_kind(Kind::Zset)?.is_none() {
        return Ok(None);
    }
    if count == 0 {
        return Ok(Some(Popped::default()));
    }
    Ok(slot.edit_existing(
        |entry| Popped::take_from(entry, end, count),
        |popped, announcer| {
            let compose = |effect: &mut EffectWriter| {
                // As Redis has it: equal sorted sets have the same members at their ends.
                let command: &[u8] = if end == End::Min { b"ZPOPMIN" } else { b"ZPOPMAX" };
                effect.arg(command).arg(key).integer(popped.len() as i64);
            };
            announcer.change(Change::composed(EventClass::SortedSet, end.event(), &compose));
        },
    ))
}

/// Replies members and scores by turns, or as pairs.
fn reply_popped(reply: &mut Reply<'_>, popped: &Popped, nested: bool) {
    reply.array(if nested { popped.len() } else { 2 * popped.len() });
    reply_elements(reply, popped, nested);
}

fn reply_elements(reply: &mut Reply<'_>, popped: &Popped, nested: bool) {
    for (member, score) in popped.iter() {
        if nested {
            reply.array(2);
        }
        reply.bulk(member);
        reply.double(score);
    }
}

/// ZMPOP's and BZMPOP's reply: the key, then pairs.
pub fn reply_pairs_of_key(reply: &mut Reply<'_>, key: &[u8], popped: &Popped) {
    reply.array(2);
    reply.bulk(key);
    reply_popped(reply, popped, true);
}

/// BZPOPMIN's and BZPOPMAX's reply: key, member, score.
pub fn reply_flat_of_key(reply: &mut Reply<'_>, key: &[u8], popped: &Popped) {
    reply.array(1 + 2 * popped.len());
    reply.bulk(key);
    reply_elements(reply, popped, false);
}

fn zpopmin(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    pop_one_key(cx, args, End::Min)
}

fn zpopmax(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    pop_one_key(cx, args, End::Max)
}

fn pop_one_key(cx: &mut Context<'_>, args: &Args<'_>, end: End) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let count =
        args.get(2).map(|text| at_least(text, 0, "value is out of range, must be positive")).transpose()?;
    let popped = pop(&mut cx.keys, args.at(1), end, count.unwrap_or(1))?.unwrap_or_default();
    let nested = cx.reply.is_resp3() && count.is_some();
    reply_popped(&mut cx.reply, &popped, nested);
    Ok(())
}

/// `numkeys key [key ...] MIN|MAX [COUNT count]`.
pub struct ManyKeys {
    /// Where the first key stands.
    pub first: usize,
    pub keys: usize,
    pub end: End,
    pub count: usize,
}

impl ManyKeys {
    /// Reads from `numkeys` on.
    pub fn parse(args: &mut Args<'_>) -> Result<Self, CommandError> {
        let keys = at_least(args.required()?, 1, "numkeys should be greater than 0")?;
        let first = args.position();
        args.seek(first.saturating_add(keys));
        let end = End::parse(args.required()?)?;
        let mut count = None;
        while args.remaining() > 0 {
            if count.is_none() && args.remaining() > 1 && args.accept("count") {
                count = Some(at_least(args.required()?, 1, "count should be greater than 0")?);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(Self { first, keys, end, count: count.unwrap_or(1) })
    }

    /// Takes members off the first of the keys that has any, and replies them. Whether there were any.
    pub fn pop(&self, cx: &mut Context<'_>, args: &Args<'_>) -> Result<bool, CommandError> {
        for key in args.from(self.first).take(self.keys) {
            if cx.keys.reaches(key)
                && let Some(popped) = pop(&mut cx.keys, key, self.end, self.count)?
            {
                reply_pairs_of_key(&mut cx.reply, key, &popped);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn zmpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let wanted = ManyKeys::parse(args)?;
    if !wanted.pop(cx, args)? {
        cx.reply.null_array();
    }
    Ok(())
}
