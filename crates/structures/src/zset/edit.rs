//! Changing a sorted set in either form, and making one form of the other.

use super::large::{SortedSet, Update};
use super::small;
use super::view::Zset;
use crate::entry::{Encoding, Entry, IntText, Kind, PACKED_LEN_MAX};
use crate::packed::{Encoded, Limits, PackedMut};

/// What a score takes in a block at most.
const SCORE_BYTES_MAX: usize = 32;

/// An empty sorted set.
pub fn empty(key: &[u8]) -> Entry {
    Entry::packed(key, Kind::Zset, Encoding::Packed, &[], None)
}

/// Shows `decide` the member's score, if it is there, and gives it the one that it answers; leaves everything as it is if
/// that is none. A small set that would exceed the limits becomes a large one. O(log n) for a large set.
#[inline]
pub fn update(
    entry: &mut Entry,
    limits: Limits,
    member: &[u8],
    decide: impl FnOnce(Option<f64>) -> Option<f64>,
) -> Update {
    if let Some(set) = entry.payload_as_mut::<SortedSet>() {
        return set.update(member, decide);
    }
    let encoded = Encoded::of(member);
    let pair = match small::find_or_count(entry.block(), &encoded) {
        Ok(pair) => pair,
        Err(count) => {
            let new = decide(None);
            if let Some(score) = new {
                insert_new(entry, limits, count, member, &encoded, score);
            }
            return Update { old: None, new };
        }
    };
    let (old, place) = (pair.score(), pair.start..pair.end);
    let new = decide(Some(old));
    if let Some(score) = new.filter(|&score| score != old) {
        if entry.block().bytes().len() + encoded.len() + SCORE_BYTES_MAX > PACKED_LEN_MAX {
            convert(entry).update(member, |_| Some(score));
        } else {
            small::set_score(entry, place, member, score);
        }
    }
    Update { old: Some(old), new }
}

fn insert_new(
    entry: &mut Entry,
    limits: Limits,
    count: usize,
    member: &[u8],
    encoded: &Encoded<'_>,
    score: f64,
) {
    let block = entry.block();
    let fits = member.len() <= limits.bytes
        && count < limits.entries
        && block.bytes().len() + encoded.len() + SCORE_BYTES_MAX <= PACKED_LEN_MAX;
    if fits {
        small::insert(entry, member, encoded, score);
    } else {
        convert(entry).update(member, |_| Some(score));
    }
}

/// Makes a small set a large one.
fn convert(entry: &mut Entry) -> &mut SortedSet {
    let mut set = SortedSet::new();
    for (member, score) in Zset::of(entry).iter_all() {
        set.update(member.text(&mut IntText::new()), |_| Some(score));
    }
    entry.set_payload(Box::new(set));
    entry.payload_as_mut().expect("it was just put there")
}

/// Removes a member and returns its score. O(log n) for a large set.
pub fn remove(entry: &mut Entry, member: &[u8]) -> Option<f64> {
    if let Some(set) = entry.payload_as_mut::<SortedSet>() {
        return set.remove(member);
    }
    let pair = small::find(entry.block(), member)?;
    let (score, place) = (pair.score(), pair.start..pair.end);
    PackedMut::remove(entry, place);
    Some(score)
}

/// Removes the members of `count` ranks, and shows each in order. O(log n + count) for a large set.
pub fn remove_ranks(entry: &mut Entry, from: usize, count: usize, mut show: impl FnMut(&[u8], f64)) {
    if let Some(set) = entry.payload_as_mut::<SortedSet>() {
        return set.remove_ranks(from, count, show);
    }
    let block = entry.block();
    let mut place: Option<std::ops::Range<usize>> = None;
    for pair in small::pairs(block).skip(from).take(count) {
        show(pair.member.text(&mut IntText::new()), pair.score());
        place = Some(place.map_or(pair.start, |place| place.start)..pair.end);
    }
    if let Some(place) = place {
        PackedMut::remove(entry, place);
    }
}
