//! Reading a set, however it is stored.

use crate::entry::{Encoding, Entry};
use crate::packed::{Encoded, Item, Items, Packed};

use super::ints::Ints;
use super::large::{LargeIter, LargeSet, RUN};

/// A set, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum Set<'a> {
    Ints(Ints<'a>),
    Packed(Packed<'a>),
    Large(&'a LargeSet),
}

impl<'a> Set<'a> {
    /// The set in an entry of that kind; any other value reads as an empty one.
    #[inline]
    pub fn of(entry: &'a Entry) -> Self {
        if let Some(bytes) = entry.packed_bytes() {
            return match entry.encoding() {
                Encoding::Intset => Self::Ints(Ints::new(bytes)),
                _ => Self::Packed(Packed::new(bytes)),
            };
        }
        entry.payload_as().map_or(Self::EMPTY, Self::Large)
    }

    pub const EMPTY: Self = Self::Packed(Packed::new(&[]));

    /// Number of members. O(1), or O(n) for a packed block.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            Self::Ints(ints) => ints.len(),
            Self::Packed(block) => block.len(),
            Self::Large(set) => set.len(),
        }
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        match self {
            Self::Ints(ints) => ints.is_empty(),
            Self::Packed(block) => block.is_empty(),
            Self::Large(set) => set.is_empty(),
        }
    }

    /// O(1) for a large set, O(log n) for integers, O(n) for a packed block.
    #[inline]
    pub fn contains(self, item: Item<'_>) -> bool {
        match (self, item) {
            (Self::Ints(ints), Item::Int(number)) => ints.contains(number),
            (Self::Ints(_), Item::Text(_)) => false,
            (Self::Packed(block), item) => block.find_or_count::<1>(&Encoded::new(item)).is_ok(),
            (Self::Large(set), item) => set.contains(item),
        }
    }

    /// Keeps of some items those that are members, or those that are not.
    pub(super) fn filter(self, items: &mut Vec<Item<'_>>, keeps_members: bool) {
        match self {
            Self::Large(set) if items.len() <= RUN => set.filter_run(items, keeps_members),
            _ => items.retain(|&item| self.contains(item) == keeps_members),
        }
    }

    /// All members: integers rising, packed ones in the order in which they came, those of a large set in hash order.
    #[inline]
    pub fn iter(self) -> Iter<'a> {
        match self {
            Self::Ints(ints) => Iter::Ints(ints, 0),
            Self::Packed(block) => Iter::Packed(block.items()),
            Self::Large(set) => Iter::Large(Box::new(set.iter())),
        }
    }

    /// Hands out all members, in runs that are prefetched as a whole, until `visit` says that it has enough.
    pub(super) fn each_run(self, mut visit: impl FnMut(&mut Vec<Item<'a>>) -> bool) {
        let mut members = self.iter();
        let mut run = Vec::with_capacity(RUN);
        loop {
            run.clear();
            run.extend(members.by_ref().take(RUN));
            if run.is_empty() || !visit(&mut run) {
                return;
            }
        }
    }
}

/// The members of a set.
pub enum Iter<'a> {
    Ints(Ints<'a>, usize),
    Packed(Items<'a>),
    Large(Box<LargeIter<'a>>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Self::Ints(ints, next) => {
                let number = ints.get(*next)?;
                *next += 1;
                Some(Item::Int(number))
            }
            Self::Packed(items) => items.next(),
            Self::Large(members) => members.next(),
        }
    }
}
