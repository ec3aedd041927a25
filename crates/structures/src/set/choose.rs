//! Members by chance, each with the same. `random` gives 64 random bits a call.

use std::collections::HashSet;

use crate::entry::{Encoding, Entry};
use crate::packed::{Item, PackedMut};

use super::edit::{SetLimits, large, may_pack, small_bytes};
use super::ints;
use super::large::LargeSet;
use super::view::Set;

/// A large set of up to so many times the members that are wanted is gone through; of a larger one members are drawn
/// until enough of them are different.
const WALK_FACTOR: usize = 3;

/// One member; none of an empty set.
pub fn sample<'a>(set: Set<'a>, random: &mut impl FnMut() -> u64) -> Option<Item<'a>> {
    match set {
        Set::Ints(ints) => ints.get(below(ints.len(), random())?).map(Item::Int),
        Set::Packed(block) => block.items().nth(below(block.len(), random())?),
        Set::Large(set) => set.sample(random()),
    }
}

/// `count` different members, or all if there are no more, in no particular order.
pub fn sample_distinct<'a>(set: Set<'a>, count: usize, random: &mut impl FnMut() -> u64) -> Vec<Item<'a>> {
    if let Set::Large(large) = set
        && count < large.len() / WALK_FACTOR
    {
        let mut seen = HashSet::with_capacity(count);
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count {
            let Some(member) = large.sample_borrowed(random()) else { break };
            if seen.insert(member.identity()) {
                chosen.push(member.item());
            }
        }
        return chosen;
    }
    let mut chosen = Vec::with_capacity(count.min(set.len()));
    split(set, count, random, |item, is_chosen| {
        if is_chosen {
            chosen.push(item);
        }
    });
    chosen
}

/// Goes through all members and chooses `count` of them: the next one is chosen with the chance that is needed to have
/// enough in the end, which makes all choices equally likely.
fn split<'a>(
    set: Set<'a>,
    count: usize,
    random: &mut impl FnMut() -> u64,
    mut visit: impl FnMut(Item<'a>, bool),
) {
    let (mut wanted, mut left) = (count, set.len());
    for item in set.iter() {
        let is_chosen = below(left, random()).is_some_and(|chance| chance < wanted);
        wanted -= usize::from(is_chosen);
        left = left.saturating_sub(1);
        visit(item, is_chosen);
    }
}

/// Takes `count` members by chance out of the set, or all, and hands each to `taken`. O(n), or O(count) where less than
/// half of a large set is taken.
///
/// When most of a large set went, the rest is stored as the limits allow, as in Redis.
pub fn pop(
    entry: &mut Entry,
    count: usize,
    limits: &SetLimits,
    random: &mut impl FnMut() -> u64,
    mut taken: impl FnMut(Item<'_>),
) {
    if count == 1 && entry.payload().is_none() {
        pop_one_of_few(entry, random, taken);
        return;
    }
    let len = Set::of(entry).len();
    if count <= len / 2
        && let Some(large) = entry.payload_as_mut::<LargeSet>()
    {
        for _ in 0..count {
            let Some(member) = large.take_sample(random()) else { break };
            taken(member.item());
        }
        return;
    }
    let set = Set::of(entry);
    let mut kept = Vec::with_capacity(len.saturating_sub(count));
    split(set, count, random, |item, is_chosen| if is_chosen { taken(item) } else { kept.push(item) });
    if matches!(set, Set::Large(_)) {
        // Redis packs what is left even if it is all integers.
        if kept.len() * 5 <= count && may_pack(&kept, limits) {
            let bytes = small_bytes(Encoding::Packed, &kept);
            entry.set_packed(Encoding::Packed, &bytes);
        } else {
            let rest = large(&kept);
            entry.set_payload(Box::new(rest));
        }
    } else {
        let encoding = entry.encoding();
        let bytes = small_bytes(encoding, &kept);
        entry.set_packed(encoding, &bytes);
    }
}

/// Takes a member by chance out of a small set.
fn pop_one_of_few(entry: &mut Entry, random: &mut impl FnMut() -> u64, mut taken: impl FnMut(Item<'_>)) {
    let set = Set::of(entry);
    let Some(index) = below(set.len(), random()) else { return };
    if let Set::Ints(ints) = set {
        if let Some(number) = ints.get(index) {
            taken(Item::Int(number));
            ints::remove(entry, number);
        }
    } else if let Some(spot) = entry.block().get(index) {
        taken(spot.item);
        let range = spot.start..spot.end;
        entry.splice_packed(range, []);
    }
}

/// A number below `bound`; none if that is 0.
fn below(bound: usize, random: u64) -> Option<usize> {
    (bound > 0).then(|| ((u128::from(random) * bound as u128) >> 64) as usize)
}
