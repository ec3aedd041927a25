//! A set as a table of members.

use crate::entry::Payload;
use crate::packed::Item;
use crate::table::{self, Chains, Place, Table};

use super::member::{Borrowed, Member, hash_item};

/// Members that are looked up or walked over together, so that the memory of all is on its way before the first is
/// read.
pub(super) const RUN: usize = 32;

/// A set that has outgrown its entry, or any set of members that was made on the way to a result.
#[derive(Default)]
pub struct LargeSet {
    table: Table<Member>,
    /// Blocks of members, and the bytes that they take.
    block_count: usize,
    block_bytes: usize,
}

impl LargeSet {
    pub const fn new() -> Self {
        Self { table: Table::new(), block_count: 0, block_bytes: 0 }
    }

    /// A set that is about to be filled with `len` members of another one, in its order.
    pub fn with_capacity(len: usize) -> Self {
        Self { table: Table::with_capacity(len), ..Self::new() }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    #[inline]
    pub fn contains(&self, item: Item<'_>) -> bool {
        self.contains_hashed(hash_item(item), item)
    }

    #[inline]
    fn contains_hashed(&self, hash: u64, item: Item<'_>) -> bool {
        self.table.find_by(hash, |member| member.item() == item).is_some()
    }

    /// Whether it was not a member before. O(1) amortized.
    #[inline]
    pub fn add(&mut self, item: Item<'_>) -> bool {
        self.add_hashed(hash_item(item), item)
    }

    #[inline]
    fn add_hashed(&mut self, hash: u64, item: Item<'_>) -> bool {
        let Place::Vacant(place) = self.table.entry_by(hash, |member| member.item() == item) else {
            return false;
        };
        let member = Member::new(item);
        let bytes = member.block_bytes();
        place.insert(member);
        self.block_bytes += bytes;
        self.block_count += usize::from(bytes > 0);
        true
    }

    /// Adds up to [`RUN`] members, and says how many were none before.
    pub(super) fn add_run(&mut self, items: &[Item<'_>]) -> usize {
        let hashes = self.fetch(items);
        items.iter().zip(hashes).filter(|&(&item, hash)| self.add_hashed(hash, item)).count()
    }

    /// Keeps of up to [`RUN`] items those that are members, or those that are not.
    pub(super) fn filter_run(&self, items: &mut Vec<Item<'_>>, keeps_members: bool) {
        let hashes = self.fetch(items);
        let mut hashes = hashes.iter();
        items.retain(|&item| {
            hashes.next().is_some_and(|&hash| self.contains_hashed(hash, item) == keeps_members)
        });
    }

    /// The hashes of up to [`RUN`] items; whatever searches for them will touch is on its way then.
    fn fetch(&self, items: &[Item<'_>]) -> [u64; RUN] {
        debug_assert!(items.len() <= RUN);
        let mut hashes = [0; RUN];
        for (hash, item) in hashes.iter_mut().zip(items) {
            *hash = hash_item(*item);
            self.table.prefetch_cells(*hash);
        }
        for hash in &hashes[..items.len()] {
            self.table.prefetch_entry(*hash);
        }
        hashes
    }

    /// Whether it was a member. O(1) amortized.
    pub fn remove(&mut self, item: Item<'_>) -> bool {
        self.take(hash_item(item), |member| member.item() == item).is_some()
    }

    fn take(&mut self, hash: u64, is_wanted: impl Fn(&Member) -> bool) -> Option<Member> {
        let Place::Occupied(place) = self.table.entry_by(hash, is_wanted) else { return None };
        let member = place.remove();
        let bytes = member.block_bytes();
        self.block_bytes -= bytes;
        self.block_count -= usize::from(bytes > 0);
        Some(member)
    }

    /// A member by chance, each with the same.
    pub fn sample(&self, random: u64) -> Option<Item<'_>> {
        self.sample_borrowed(random).map(Borrowed::item)
    }

    pub(super) fn sample_borrowed(&self, random: u64) -> Option<Borrowed<'_>> {
        self.table.sample(random).map(|member| Borrowed::of(&member))
    }

    /// Takes a member by chance out. O(1) amortized.
    pub(super) fn take_sample(&mut self, random: u64) -> Option<Member> {
        let chosen = self.sample_borrowed(random)?;
        let (identity, hash) = (chosen.identity(), hash_item(chosen.item()));
        self.take(hash, |member| member.borrowed().identity() == identity)
    }

    /// One step of a walk that survives changes: see [`Table::scan`].
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(Item<'_>)) -> u64 {
        self.table.scan(cursor, |member| visit(member.item()))
    }

    /// All members, in an order that is the same for all sets.
    pub fn iter(&self) -> LargeIter<'_> {
        LargeIter { members: self.table.iter(), run: [None; RUN], next: RUN }
    }

    /// Adds how evenly the members are spread. O(members).
    pub fn count_chains(&self, chains: &mut Chains) {
        self.table.count_chains(chains);
    }

    /// Panics if an invariant doesn't hold. For tests. O(n).
    pub fn check_invariants(&self) {
        self.table.check_invariants();
        let sizes = self.table.iter().map(|member| member.block_bytes()).filter(|&bytes| bytes > 0);
        let sizes: Vec<usize> = sizes.collect();
        assert_eq!((self.block_count, self.block_bytes), (sizes.len(), sizes.iter().sum()));
    }
}

impl std::fmt::Debug for LargeSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Payload for LargeSet {
    fn encoding_name(&self) -> &'static str {
        "hashtable"
    }

    fn len(&self) -> usize {
        self.table.len()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.table.memory_bytes() + self.block_bytes
    }

    fn blocks(&self) -> usize {
        // To free a leaf means to walk over its cells, about as much as to free some blocks.
        1 + self.block_count + self.table.len_estimate() / 128
    }

    fn prefetch_elements(&self, elements: &[&[u8]], _ranked: bool) {
        let hash = |text: &&[u8]| hash_item(Item::of(text));
        self.table.prefetch_elements(elements.iter().map(hash));
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        let mut copy = Self::with_capacity(self.len());
        self.iter().for_each(|item| {
            copy.add(item);
        });
        Box::new(copy)
    }
}

/// The members of a large set.
pub struct LargeIter<'a> {
    members: table::Iter<'a, Member>,
    /// Members whose memory is on its way.
    run: [Option<Borrowed<'a>>; RUN],
    next: usize,
}

impl<'a> Iterator for LargeIter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        if self.next == RUN {
            for slot in &mut self.run {
                *slot = self.members.next().map(|member| Borrowed::of(&member));
                if let Some(member) = slot {
                    member.prefetch();
                }
            }
            self.next = 0;
        }
        let member = self.run[self.next]?;
        self.next += 1;
        Some(member.item())
    }
}
