//! A large sorted set: members in a table by their bytes and in a skip list by their scores.

#![expect(
    unsafe_code,
    reason = "the list knows members by address; the table, which owns them, is beside it"
)]

use std::fmt;

use super::list::{Handles, Probe, SkipList};
use super::member::{Handle, Member, block_bytes};
use crate::entry::Payload;
use crate::hash::hash_key;
use crate::table::{Chains, Place, Table};

/// A sorted set of any size. Members are unique bytes; no score is NaN.
///
/// The two structures hold the same members: what enters one enters the other, and leaves the list before it is dropped.
pub struct SortedSet {
    members: Table<Member>,
    list: SkipList,
    /// Bytes of all members' blocks.
    member_bytes: usize,
}

/// What became of a member's score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    pub old: Option<f64>,
    pub new: Option<f64>,
}

impl Update {
    pub fn is_added(&self) -> bool {
        self.old.is_none() && self.new.is_some()
    }

    pub fn is_changed(&self) -> bool {
        matches!((self.old, self.new), (Some(old), Some(new)) if old != new)
    }
}

impl Default for SortedSet {
    fn default() -> Self {
        Self::new()
    }
}

impl SortedSet {
    pub fn new() -> Self {
        Self { members: Table::new(), list: SkipList::new(), member_bytes: 0 }
    }

    /// From members that are not yet in any order.
    pub(super) fn of(members: Table<Member>) -> Self {
        let mut set = Self { members, list: SkipList::new(), member_bytes: 0 };
        for handle in sorted(&set.members) {
            set.list.insert(handle);
        }
        set.member_bytes = set.members.iter().map(|member| block_bytes(member.text().len())).sum();
        set
    }

    #[expect(clippy::len_without_is_empty, reason = "a payload has `is_empty`")]
    #[inline]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// O(1).
    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.members.get(hash_key(member), member).map(|member| member.score())
    }

    /// Shows `decide` the member's score, if it is there, and gives it the one that it answers, or leaves it (or leaves it
    /// out) if that is none. O(log n).
    #[inline]
    pub fn update(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) -> Update {
        match self.members.entry(hash_key(member), member) {
            Place::Occupied(place) => {
                let (old, handle) = (place.score(), place.handle());
                let new = decide(Some(old));
                if let Some(new) = new.filter(|&new| new != old) {
                    debug_assert!(!new.is_nan());
                    self.list.set_score(handle, new);
                }
                Update { old: Some(old), new }
            }
            Place::Vacant(place) => {
                let new = decide(None);
                if let Some(score) = new {
                    debug_assert!(!score.is_nan());
                    self.member_bytes += block_bytes(member.len());
                    let handle = place.insert(Member::new(member, score)).handle();
                    self.list.insert(handle);
                }
                Update { old: None, new }
            }
        }
    }

    /// Removes a member and returns its score. O(log n).
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let Place::Occupied(place) = self.members.entry(hash_key(member), member) else { return None };
        self.list.remove(place.handle());
        let member = place.remove();
        self.member_bytes -= block_bytes(member.text().len());
        Some(member.score())
    }

    /// Removes the members of `count` ranks and shows each, in order, before it goes. O(log n + count).
    pub fn remove_ranks(&mut self, from: usize, count: usize, mut show: impl FnMut(&[u8], f64)) {
        let Self { members, list, member_bytes } = self;
        list.remove_range(from, count, |handle| {
            // SAFETY: the member is alive until it leaves the table, below.
            let (text, score) = unsafe { (handle.text(), handle.score()) };
            show(text, score);
            *member_bytes -= block_bytes(text.len());
            let gone = members.remove(hash_key(text), text);
            debug_assert!(gone.is_some_and(|member| member.handle() == handle));
        });
    }

    /// The member's place in the order, and its score. O(log n).
    #[inline]
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let member = self.members.get(hash_key(member), member)?;
        Some((self.list.rank(member.handle()), member.score()))
    }

    /// Members with lower scores, or also those with this one. O(log n).
    pub fn count_below(&self, score: f64, inclusive: bool) -> usize {
        self.list.find(&Probe::Score { score, inclusive }).rank()
    }

    /// Members with lower bytes, or also these, where all have one score. O(log n).
    pub fn count_before(&self, text: &[u8], inclusive: bool) -> usize {
        self.list.find(&Probe::Text { text, inclusive }).rank()
    }

    /// Up to `count` members and scores from a rank on, up or down. O(log n) to begin.
    pub fn iter(&self, rank: usize, count: usize, backwards: bool) -> Members<'_> {
        Members(self.list.iter(rank, count, backwards))
    }

    /// One step of a scan, as [`Table::scan`].
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        self.members.scan(cursor, |member| visit(member.text(), member.score()))
    }

    /// Adds how evenly the members are spread. O(members).
    pub fn count_chains(&self, chains: &mut Chains) {
        self.members.count_chains(chains);
    }

    /// Panics if an invariant does not hold. For tests. O(n log n).
    pub fn check_invariants(&self) {
        self.members.check_invariants();
        self.list.check();
        assert_eq!(self.members.len(), self.list.len());
        let bytes: usize = self.members.iter().map(|member| block_bytes(member.text().len())).sum();
        assert_eq!(bytes, self.member_bytes);
        for (rank, handle) in self.list.iter(0, usize::MAX, false).enumerate() {
            // SAFETY: handles in the list are of members in the table; that is what is being checked.
            let text = unsafe { handle.text() };
            assert!(self.members.get(hash_key(text), text).is_some_and(|member| member.handle() == handle));
            assert_eq!(self.list.rank(handle), rank);
        }
    }
}

/// The handles of a table's members by score and bytes.
pub(super) fn sorted(members: &Table<Member>) -> impl Iterator<Item = Handle> + use<> {
    let mut handles: Vec<(u64, Handle)> = Vec::with_capacity(members.len());
    handles.extend(members.iter().map(|member| (super::leaf::order_of(member.score()), member.handle())));
    // SAFETY: the members are alive while their table is borrowed.
    handles.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| unsafe { a.1.text().cmp(b.1.text()) }));
    handles.into_iter().map(|(_, handle)| handle)
}

/// Members of a set in order, with their scores.
pub struct Members<'a>(Handles<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let handle = self.0.next()?;
        // SAFETY: handles in the list are of members in the table, which is borrowed as long as this iterator.
        Some(unsafe { (handle.text(), handle.score()) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl Payload for SortedSet {
    fn encoding_name(&self) -> &'static str {
        "skiplist"
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.members.memory_bytes() + self.list.memory_bytes() + self.member_bytes
    }

    fn blocks(&self) -> usize {
        self.len() + self.list.leaves()
    }

    fn prefetch_elements(&self, elements: &[&[u8]], ranked: bool) {
        self.members.prefetch_elements(elements.iter().map(|text| hash_key(text)));
        if ranked {
            // Their scores are there by now.
            let scores = elements.iter().filter_map(|text| self.score(text));
            self.list.prefetch_paths(scores);
        }
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        let mut copy = Self { members: Table::with_capacity(self.len()), ..Self::new() };
        for (member, score) in self.iter(0, usize::MAX, false) {
            copy.update(member, |_| Some(score));
        }
        Box::new(copy)
    }
}

impl fmt::Debug for SortedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SortedSet({} members)", self.len())
    }
}
