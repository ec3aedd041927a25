//! A small sorted set: a packed block of members and scores by turns, in the order of scores, then bytes.
//!
//! Scores stand in it as their texts do in replies (and so whole numbers as integers), but -0 as 0: what Redis writes
//! into its listpacks.

use std::cmp::Ordering;
use std::ops::Range;

use crate::entry::{Entry, IntText};
use crate::number::{DoubleBuffer, parse_f64};
use crate::packed::{Encoded, Item, Packed, PackedMut, Spot};

/// A member with its score, and where they stand.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) member: Item<'a>,
    score: Item<'a>,
    pub(super) start: usize,
    middle: usize,
    pub(super) end: usize,
}

impl Pair<'_> {
    #[inline]
    pub(super) fn score(&self) -> f64 {
        score_of(self.score)
    }
}

#[inline]
fn score_of(item: Item<'_>) -> f64 {
    match item {
        Item::Int(number) => number as f64,
        Item::Text(text) => parse_f64(text).unwrap_or_default(),
    }
}

#[inline]
fn pair<'a>(member: Spot<'a>, score: Spot<'a>) -> Pair<'a> {
    Pair { member: member.item, score: score.item, start: member.start, middle: score.start, end: score.end }
}

/// The pair that begins at `start`.
#[inline]
pub(super) fn at(block: Packed<'_>, start: usize) -> Option<Pair<'_>> {
    let member = block.at(start)?;
    Some(pair(member, block.at(member.end)?))
}

/// The pair that ends at `end`.
#[inline]
pub(super) fn before(block: Packed<'_>, end: usize) -> Option<Pair<'_>> {
    let score = block.before(end)?;
    Some(pair(block.before(score.start)?, score))
}

pub(super) fn pairs(block: Packed<'_>) -> impl Iterator<Item = Pair<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let pair = at(block, start)?;
        start = pair.end;
        Some(pair)
    })
}

pub(super) fn find<'a>(block: Packed<'a>, member: &[u8]) -> Option<Pair<'a>> {
    let member = block.find::<2>(member)?;
    Some(pair(member, block.at(member.end)?))
}

/// The member's pair, or else how many pairs there are.
pub(super) fn find_or_count<'a>(block: Packed<'a>, member: &Encoded<'_>) -> Result<Pair<'a>, usize> {
    let member = block.find_or_count::<2>(member)?;
    block.at(member.end).map(|score| pair(member, score)).ok_or(0)
}

/// How an element's text is ordered to other bytes.
pub(super) fn compare(item: Item<'_>, text: &[u8]) -> Ordering {
    match item {
        Item::Text(own) => own.cmp(text),
        Item::Int(number) => IntText::new().format(number).cmp(text),
    }
}

/// Where a member with this score belongs.
fn place(block: Packed<'_>, member: &[u8], score: f64) -> usize {
    let is_behind = |pair: &Pair<'_>| match pair.score().partial_cmp(&score) {
        Some(Ordering::Greater) => true,
        Some(Ordering::Equal) => compare(pair.member, member).is_gt(),
        _ => false,
    };
    // Members often come in order.
    if before(block, block.bytes().len()).is_none_or(|last| !is_behind(&last)) {
        return block.bytes().len();
    }
    // Members are looked at only where scores are equal.
    let mut start = 0;
    while let Some(middle) = block.end_of(start)
        && let Some(other) = block.at(middle)
    {
        let is_before = match score_of(other.item).partial_cmp(&score) {
            Some(Ordering::Greater) => false,
            Some(Ordering::Equal) => block.at(start).is_none_or(|own| !compare(own.item, member).is_gt()),
            _ => true,
        };
        if !is_before {
            break;
        }
        start = other.end;
    }
    start
}

/// From here on not every whole number is a double.
const EXACT_MAX: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;

/// Hands out the element that stands for a score.
pub(super) fn with_score<R>(score: f64, take: impl FnOnce(&Encoded<'_>) -> R) -> R {
    // Whole numbers need no text: it would be that of the integer. No -0 comes in.
    if score.abs() < EXACT_MAX && score as i64 as f64 == score {
        return take(&Encoded::new(Item::Int(score as i64)));
    }
    take(&Encoded::of(DoubleBuffer::new().format(score + 0.0)))
}

pub(super) fn insert(entry: &mut Entry, member: &[u8], encoded: &Encoded<'_>, score: f64) {
    let at = place(entry.block(), member, score);
    with_score(score, |score| entry.insert_encoded_pair(at, encoded, score));
}

/// Gives the pair that stands in `place` another score.
pub(super) fn set_score(entry: &mut Entry, place: Range<usize>, member: &[u8], score: f64) {
    let block = entry.block();
    let is_past = |other: &Pair<'_>| match other.score().partial_cmp(&score) {
        Some(Ordering::Less) => true,
        Some(Ordering::Equal) => compare(other.member, member).is_lt(),
        _ => false,
    };
    let stays = before(block, place.start).is_none_or(|last| is_past(&last))
        && at(block, place.end).is_none_or(|next| !is_past(&next));
    if stays {
        let middle = at(block, place.start).map_or(place.end, |pair| pair.middle);
        with_score(score, |score| entry.splice_packed(middle..place.end, score.parts()));
    } else {
        PackedMut::remove(entry, place);
        insert(entry, member, &Encoded::of(member), score);
    }
}
