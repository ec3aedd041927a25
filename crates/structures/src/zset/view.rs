//! Reading a sorted set in either form.

use std::ops::Range;

use super::large::{Members, SortedSet};
use super::range::{Bound, ScoreRange, TextRange};
use super::small;
use crate::entry::Entry;
use crate::packed::{Item, Packed};

/// A sorted set, borrowed for reading.
#[derive(Clone, Copy)]
pub enum Zset<'a> {
    Small(Packed<'a>),
    Large(&'a SortedSet),
}

impl<'a> Zset<'a> {
    /// The set in an entry; an empty one if it is something else.
    #[inline]
    pub fn of(entry: &'a Entry) -> Self {
        match entry.payload_as::<SortedSet>() {
            Some(set) => Self::Large(set),
            None => Self::Small(Packed::new(entry.packed_bytes().unwrap_or_default())),
        }
    }

    /// Number of members. O(1) for a large set.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            Self::Small(block) => block.len() / 2,
            Self::Large(set) => set.len(),
        }
    }

    pub fn is_empty(self) -> bool {
        match self {
            Self::Small(block) => block.is_empty(),
            Self::Large(set) => set.len() == 0,
        }
    }

    /// O(1) for a large set.
    #[inline]
    pub fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Small(block) => small::find(block, member).map(|pair| pair.score()),
            Self::Large(set) => set.score(member),
        }
    }

    /// Members before this one, and its score. O(log n) for a large set.
    #[inline]
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            Self::Small(block) => {
                let wanted = Item::of(member);
                let found = small::pairs(block).enumerate().find(|(_, pair)| pair.member == wanted);
                found.map(|(rank, pair)| (rank, pair.score()))
            }
            Self::Large(set) => set.rank(member),
        }
    }

    /// The ranks of the members with such scores. O(log n) for a large set.
    pub fn ranks_of_scores(self, range: &ScoreRange) -> Range<usize> {
        let (from, to) = match self {
            Self::Small(block) => small_ranks(
                block,
                |pair| range.min.is_below(&pair.score()),
                |pair| range.max.reaches(&pair.score()),
            ),
            Self::Large(set) => (
                from_bound(set.len(), range.min, |score, inclusive| set.count_below(score, inclusive)),
                to_bound(set.len(), range.max, |score, inclusive| set.count_below(score, inclusive)),
            ),
        };
        from..to.max(from)
    }

    /// The ranks of the members with such bytes, if all have one score; else, some ranks. O(log n) for a large set.
    pub fn ranks_of_texts(self, range: &TextRange<'_>) -> Range<usize> {
        let (from, to) = match self {
            Self::Small(block) => {
                let (mut first, mut second) = Default::default();
                let (first, second) = (&mut first, &mut second);
                small_ranks(
                    block,
                    |pair| range.min.is_below(&pair.member.text(first)),
                    |pair| range.max.reaches(&pair.member.text(second)),
                )
            }
            Self::Large(set) => (
                from_bound(set.len(), range.min, |text, inclusive| set.count_before(text, inclusive)),
                to_bound(set.len(), range.max, |text, inclusive| set.count_before(text, inclusive)),
            ),
        };
        from..to.max(from)
    }

    /// The members of these ranks in order.
    #[inline]
    pub fn iter(self, ranks: Range<usize>) -> Pairs<'a> {
        self.walk(ranks, false)
    }

    /// The members of these ranks from the last to the first.
    #[inline]
    pub fn iter_back(self, ranks: Range<usize>) -> Pairs<'a> {
        self.walk(ranks, true)
    }

    /// All members in order.
    pub fn iter_all(self) -> Pairs<'a> {
        match self {
            Self::Small(block) => Pairs::Small { block, at: 0, left: usize::MAX, backwards: false },
            Self::Large(set) => Pairs::Large(set.iter(0, usize::MAX, false)),
        }
    }

    /// The members of these ranks, from the last one if `backwards`. O(log n) to begin, for a large set.
    pub fn walk(self, ranks: Range<usize>, backwards: bool) -> Pairs<'a> {
        let count = ranks.len();
        let first = if backwards { ranks.end.wrapping_sub(1) } else { ranks.start };
        match self {
            _ if count == 0 => Pairs::Small { block: Packed::new(&[]), at: 0, left: 0, backwards },
            Self::Small(block) => {
                let mut pairs = small::pairs(block);
                let at = match backwards {
                    true => pairs.nth(first).map_or(block.bytes().len(), |pair| pair.end),
                    false => pairs.nth(first).map_or(block.bytes().len(), |pair| pair.start),
                };
                Pairs::Small { block, at, left: count, backwards }
            }
            Self::Large(set) => Pairs::Large(set.iter(first, count, backwards)),
        }
    }

    /// Hands out members by rank, up or down, without their scores.
    pub fn each_member(self, ranks: Range<usize>, backwards: bool, mut visit: impl FnMut(Item<'a>)) {
        let block = match self {
            Self::Small(block) if !backwards => block,
            _ => return self.walk(ranks, backwards).for_each(|(member, _)| visit(member)),
        };
        let mut at = 0;
        for _ in 0..2 * ranks.start {
            let Some(end) = block.end_of(at) else { return };
            at = end;
        }
        for _ in ranks {
            let Some(member) = block.at(at) else { return };
            visit(member.item);
            at = block.end_of(member.end).unwrap_or(member.end);
        }
    }
}

/// The first rank that is not below a range, and the first one behind it that is above.
fn small_ranks(
    block: Packed<'_>,
    mut is_below: impl FnMut(&small::Pair<'_>) -> bool,
    mut reaches: impl FnMut(&small::Pair<'_>) -> bool,
) -> (usize, usize) {
    let mut pairs = small::pairs(block).peekable();
    let mut from = 0;
    while pairs.next_if(&mut is_below).is_some() {
        from += 1;
    }
    (from, from + pairs.take_while(&mut reaches).count())
}

fn from_bound<T>(len: usize, min: Bound<T>, count: impl FnOnce(T, bool) -> usize) -> usize {
    match min {
        Bound::Lowest => 0,
        Bound::Included(value) => count(value, false),
        Bound::Excluded(value) => count(value, true),
        Bound::Highest => len,
    }
}

fn to_bound<T>(len: usize, max: Bound<T>, count: impl FnOnce(T, bool) -> usize) -> usize {
    match max {
        Bound::Lowest => 0,
        Bound::Included(value) => count(value, true),
        Bound::Excluded(value) => count(value, false),
        Bound::Highest => len,
    }
}

/// Members with their scores.
pub enum Pairs<'a> {
    Small { block: Packed<'a>, at: usize, left: usize, backwards: bool },
    Large(Members<'a>),
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Item<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Large(members) => members.next().map(|(member, score)| (Item::Text(member), score)),
            Self::Small { block, at, left, backwards } => {
                *left = left.checked_sub(1)?;
                let pair = if *backwards { small::before(*block, *at) } else { small::at(*block, *at) }?;
                *at = if *backwards { pair.start } else { pair.end };
                Some((pair.member, pair.score()))
            }
        }
    }
}
