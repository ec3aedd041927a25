//! Sets of sets: what is in all of them, in any, or in the first only. Members stay where they are: what comes out borrows
//! from the sets that went in.

use crate::packed::Item;

use super::large::{LargeSet, RUN};
use super::view::Set;

/// Up to so many sets, a union asks the sets before whether they had a member already; for more it keeps a set of all.
const ASKED_MAX: usize = 4;

impl Set<'_> {
    /// Whether both are one and the same value.
    fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Ints(one), Self::Ints(other)) => std::ptr::eq(one.bytes(), other.bytes()),
            (Self::Packed(one), Self::Packed(other)) => std::ptr::eq(one.bytes(), other.bytes()),
            (Self::Large(one), Self::Large(other)) => std::ptr::eq(one, other),
            _ => false,
        }
    }
}

/// Hands out what is in all of the sets, a few members at a time, until `visit` says that it has enough. Goes through the
/// smallest set and asks the others, the next smallest first.
pub fn each_common<'a>(sets: &[Set<'a>], mut visit: impl FnMut(&[Item<'a>]) -> bool) {
    let mut sorted = sets.to_vec();
    sorted.sort_by_cached_key(|set| set.len());
    let Some((&first, others)) = sorted.split_first() else { return };
    let others: Vec<Set<'_>> = others.iter().copied().filter(|other| !other.is_same(first)).collect();
    first.each_run(|run| {
        for other in &others {
            if run.is_empty() {
                break;
            }
            other.filter(run, true);
        }
        visit(run)
    });
}

/// What is in any of the sets: the members of the first, then what the second adds, and so on.
pub fn union<'a>(sets: &[Set<'a>]) -> Vec<Item<'a>> {
    let mut all = Vec::new();
    if sets.len() > ASKED_MAX {
        let mut seen = LargeSet::with_capacity(sets.iter().map(|set| set.len()).sum());
        for set in sets {
            set.each_run(|run| {
                all.extend(run.iter().filter(|item| seen.add(**item)));
                true
            });
        }
        return all;
    }
    for (index, set) in sets.iter().enumerate() {
        set.each_run(|run| {
            sets[..index].iter().for_each(|earlier| earlier.filter(run, false));
            all.extend_from_slice(run);
            true
        });
    }
    all
}

/// What is in the first set and in none of the others.
///
/// As Redis does, it either asks each of the others about each member of the first, which is quick when most are found
/// soon, or goes through all sets once: whichever is less work, with half the price for the former.
pub fn difference<'a>(sets: &[Set<'a>]) -> Vec<Item<'a>> {
    let Some((&first, others)) = sets.split_first() else { return Vec::new() };
    if others.iter().any(|other| other.is_same(first)) {
        return Vec::new();
    }
    let mut others: Vec<(usize, Set<'_>)> = others.iter().map(|set| (set.len(), *set)).collect();
    others.retain(|(len, _)| *len > 0);
    others.sort_by_key(|(len, _)| std::cmp::Reverse(*len));
    let others_len: usize = others.iter().map(|(len, _)| len).sum();
    let asks_each = first.len() * (others.len() + 1) / 2 <= first.len() + others_len;
    let mut excluded;
    if !asks_each {
        excluded = LargeSet::with_capacity(others_len);
        for (_, other) in &others {
            let mut members = other.iter().peekable();
            while members.peek().is_some() {
                let run: Vec<Item<'_>> = members.by_ref().take(RUN).collect();
                excluded.add_run(&run);
            }
        }
        others = vec![(excluded.len(), Set::Large(&excluded))];
    }
    let mut rest = Vec::new();
    first.each_run(|run| {
        for (_, other) in &others {
            other.filter(run, false);
        }
        rest.extend_from_slice(run);
        true
    });
    rest
}
