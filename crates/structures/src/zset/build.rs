//! Making a sorted set of members that come in any order.

#![expect(unsafe_code, reason = "members are sorted by their addresses' contents")]

use super::large::{SortedSet, sorted};
use super::member::Member;
use super::small;
use crate::entry::{Encoding, Entry, Kind, PACKED_LEN_MAX};
use crate::hash::hash_key;
use crate::packed::{Encoded, Limits, PackedMut};
use crate::table::{Place, Table};

/// Members and their scores, each once, not yet in order: results of set operations, values that are being loaded.
#[derive(Default)]
pub struct Builder {
    members: Table<Member>,
    longest: usize,
}

impl Builder {
    pub fn new() -> Self {
        Self::default()
    }

    /// For who is about to add `len` members.
    pub fn with_capacity(len: usize) -> Self {
        Self { members: Table::with_capacity(len), longest: 0 }
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Gives the member the score that `score` says, knowing the one that it has, if it is there. O(1).
    #[inline]
    pub fn merge(&mut self, member: &[u8], score: impl FnOnce(Option<f64>) -> f64) {
        match self.members.entry(hash_key(member), member) {
            Place::Occupied(place) => {
                let new = score(Some(place.score()));
                // SAFETY: the member is alive, and the table is borrowed mutably.
                unsafe { place.handle().set_score(new) };
            }
            Place::Vacant(place) => {
                place.insert(Member::new(member, score(None)));
                self.longest = self.longest.max(member.len());
            }
        }
    }

    /// Takes a member out. O(1).
    pub fn remove(&mut self, member: &[u8]) -> bool {
        self.members.remove(hash_key(member), member).is_some()
    }

    /// Whether the member is there. O(1).
    pub fn contains(&self, member: &[u8]) -> bool {
        self.members.get(hash_key(member), member).is_some()
    }

    /// Shows every member with its score, gives it the one that is answered, or takes it out if that is none. O(n).
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], f64) -> Option<f64>) {
        let handles: Vec<_> = self.members.iter().map(|member| member.handle()).collect();
        for handle in handles {
            // SAFETY: each member is alive until it is taken out here, and met once; nobody else knows it.
            unsafe {
                match keep(handle.text(), handle.score()) {
                    Some(score) => handle.set_score(score),
                    None => drop(self.members.remove(hash_key(handle.text()), handle.text())),
                }
            }
        }
    }

    /// The members by score and bytes. O(n log n).
    pub fn sorted(&self) -> impl ExactSizeIterator<Item = (&[u8], f64)> {
        let handles: Vec<_> = sorted(&self.members).collect();
        // SAFETY: the members are alive while the table is borrowed.
        handles.into_iter().map(|handle| unsafe { (handle.text(), handle.score()) })
    }

    /// The sorted set, in the form that the limits demand. O(n log n).
    pub fn finish(self, key: &[u8], limits: Limits, expire_at: Option<i64>) -> Entry {
        // Who took members out may have taken the longest.
        let longest = || self.members.iter().map(|member| member.text().len()).max().unwrap_or(0);
        if self.len() <= limits.entries && (self.longest <= limits.bytes || longest() <= limits.bytes) {
            let mut block = Vec::new();
            for (member, score) in self.sorted() {
                let (at, member) = (block.len(), Encoded::of(member));
                small::with_score(score, |score| block.insert_encoded_pair(at, &member, score));
            }
            if block.len() <= PACKED_LEN_MAX {
                return Entry::packed(key, Kind::Zset, Encoding::Packed, &block, expire_at);
            }
        }
        Entry::boxed(key, Kind::Zset, Box::new(SortedSet::of(self.members)), expire_at)
    }
}
