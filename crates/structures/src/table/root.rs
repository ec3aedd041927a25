//! The table itself: one word, and what it takes to change it.

#![expect(unsafe_code, reason = "the root word owns leaves, directories and entries by address")]

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::directory::Directory;
use super::element::{Element, address_bits, address_of, borrow};
use super::guard::{Occupied, Place, Ref, RefMut, Vacant};
use super::leaf::{Found, Leaf, has_entry};
use super::word::{LeafWord, Root, decode_root};
use crate::prefetch::prefetch;
use smallvec::SmallVec;

/// How many searches are looked ahead for at once.
const SEARCHES_MAX: usize = 64;

/// A map from keys to elements that own their key, in hash order. Eight bytes when empty.
///
/// Every operation takes the hash of the key beside the key: [`Element::hash`] of the element with that key. A wrong
/// hash makes elements unfindable, never unsafe. Complexities are expected ones, for hashes that nobody chose.
pub struct Table<E: Element> {
    /// Written through `&mut` only; atomic so that whoever shares the address may read it to prefetch.
    pub(super) root: AtomicU64,
    pub(super) elements: PhantomData<E>,
}

/// Where an element is: the leaf and the index of the cell.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) leaf: Leaf,
    pub(super) index: usize,
}

impl<E: Element> Table<E> {
    /// A table without elements, and without memory beyond its own eight bytes.
    pub const fn new() -> Self {
        Self { root: AtomicU64::new(0), elements: PhantomData }
    }

    /// Number of elements. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        match self.parts() {
            // SAFETY: the root word leads to a leaf that lives while the table is borrowed.
            Root::Leaf(word) if !word.is_vacant() => unsafe { Leaf::new(word) }.len(),
            Root::Leaf(_) => 0,
            Root::Directory { address, depth } => self.directory(address, depth).len(),
        }
    }

    /// Whether there are no elements. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element with this key. O(1): one line of cells, and the element if there is one.
    #[inline]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<Ref<'_, E>> {
        let position = self.find(hash, key)?.ok()?;
        Some(Ref::new(position.leaf.cell(position.index)))
    }

    /// The element with this key, to be changed. O(1).
    #[inline]
    pub fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<RefMut<'_, E>> {
        let position = self.find(hash, key)?.ok()?;
        Some(RefMut::new(position.leaf.cell_pointer(position.index)))
    }

    /// The place of this key, with the element or for one. O(1); one search, whatever is done with the place.
    #[inline]
    pub fn entry(&mut self, hash: u64, key: &[u8]) -> Place<'_, E> {
        match self.find(hash, key) {
            Some(Ok(position)) => Place::Occupied(Occupied::new(self, hash, position)),
            Some(Err(position)) => Place::Vacant(Vacant::new(self, hash, Some(position))),
            None => Place::Vacant(Vacant::new(self, hash, None)),
        }
    }

    /// Adds an element whose key is known to be absent (of two with one key, either may be found). O(1) amortized; the
    /// longest case splits a leaf of about 1,600 elements, or copies a directory of 8 bytes a leaf.
    pub fn insert_new(&mut self, hash: u64, element: E) {
        self.insert_address(hash, None, address_bits(element));
    }

    /// Takes the element with this key out. O(1) amortized.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<E> {
        let position = self.find(hash, key)?.ok()?;
        Some(self.remove_at(hash, position))
    }

    /// Drops all elements. O(n).
    pub fn clear(&mut self) {
        drop(self.take());
    }

    /// Moves everything out, for dropping it elsewhere, and leaves an empty table. O(1).
    pub fn take(&mut self) -> Self {
        Self { root: AtomicU64::new(std::mem::take(self.root.get_mut())), elements: PhantomData }
    }

    /// Bytes of leaves and directory, without the elements' own. O(1), or O(leaves) where there is a directory.
    pub fn memory_bytes(&self) -> usize {
        let leaves: usize = self.leaves().map(|(_, word)| Leaf::memory_bytes(word)).sum();
        match self.parts() {
            Root::Leaf(_) => leaves,
            Root::Directory { address, depth } => leaves + self.directory(address, depth).memory_bytes(),
        }
    }

    /// Moves leaves out of blocks whose neighbours are mostly free, and says how many. Tables that grow alike leave one
    /// size of block after the other, and the last ones to leave keep its pages in use: one pass a second over all
    /// tables gives those back. O(leaves), about 0.2 µs each.
    pub fn defragment(&mut self) -> usize {
        let leaves: Vec<(u64, LeafWord)> = self.leaves().filter(|(_, word)| !word.is_vacant()).collect();
        let mut moved_count = 0;
        for (hash, word) in leaves {
            // SAFETY: the word leads to a leaf of this table, which is borrowed mutably.
            if let Some(moved) = unsafe { Leaf::new(word) }.defragment() {
                self.set_leaf(hash, moved.word);
                moved_count += 1;
            }
        }
        moved_count
    }

    /// Prefetches the root word of the table at `index` behind `first`. Reads no memory, so the tables may have gone.
    #[inline(always)]
    pub fn prefetch_nth(first: *const Self, index: usize) {
        prefetch(first.wrapping_add(index).cast());
    }

    /// Prefetches the line of cells where a search for `hash` begins. Reads the root word only, and one word of the
    /// directory if there is one.
    #[inline]
    pub fn prefetch_cells(&self, hash: u64) {
        prefetch(self.leaf_word(hash).home_address(hash));
    }

    /// Prefetches the first two lines of the element that `hash` probably leads to. Reads cells: most useful some time
    /// after [`Table::prefetch_cells`].
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        let word = self.leaf_word(hash);
        if word.is_vacant() {
            return;
        }
        // SAFETY: the word leads to a leaf that lives while the table is borrowed.
        let leaf = unsafe { Leaf::new(word) };
        leaf.find(hash, |cell| {
            let address = std::ptr::without_provenance::<u8>(LeafWord(cell).address());
            prefetch(address);
            prefetch(address.wrapping_add(63));
            true
        });
    }

    /// Prefetches what searches for all these hashes touch: first the cells, a moment later the elements. At most
    /// [`SEARCHES_MAX`] of them.
    pub fn prefetch_elements(&self, hashes: impl Iterator<Item = u64>) {
        let mut fetched: SmallVec<[u64; SEARCHES_MAX]> = SmallVec::new();
        for hash in hashes.take(SEARCHES_MAX) {
            self.prefetch_cells(hash);
            fetched.push(hash);
        }
        fetched.iter().for_each(|hash| self.prefetch_entry(*hash));
    }

    /// The root word as it is, for [`Table::prefetch_root`].
    #[inline]
    pub fn root_word(&self) -> u64 {
        self.root.load(Relaxed)
    }

    /// Prefetches what a search for `hash` touches first in the table whose root word was `root`: its line of cells, or
    /// its word in the directory. Reads no memory, so the word may be out of date.
    #[inline]
    pub fn prefetch_root(root: u64, hash: u64) {
        match decode_root(root) {
            Root::Leaf(word) => prefetch(word.home_address(hash)),
            // SAFETY: nothing is read through it; only the address of a word is computed.
            Root::Directory { address, depth } => unsafe {
                prefetch(Directory::new(address, depth).word_address(hash));
            },
        }
    }

    #[inline(always)]
    pub(super) fn parts(&self) -> Root {
        decode_root(self.root.load(Relaxed))
    }

    #[inline(always)]
    pub(super) fn directory(&self, address: usize, depth: u8) -> Directory {
        // SAFETY: callers pass what the root word holds; the table owns that directory and frees it only through
        // `&mut`, with the root word changed.
        unsafe { Directory::new(address, depth) }
    }

    /// The word of the leaf that `hash` belongs to.
    #[inline(always)]
    pub(super) fn leaf_word(&self, hash: u64) -> LeafWord {
        match self.parts() {
            Root::Leaf(word) => word,
            Root::Directory { address, depth } => {
                let directory = self.directory(address, depth);
                directory.word(directory.index(hash))
            }
        }
    }

    /// All leaves in hash order, vacant ones included, each with the first hash of its range.
    pub(super) fn leaves(&self) -> impl Iterator<Item = (u64, LeafWord)> {
        let (single, directory) = match self.parts() {
            Root::Leaf(word) => (Some((0, word)), None),
            Root::Directory { address, depth } => (None, Some(self.directory(address, depth))),
        };
        single.into_iter().chain(directory.into_iter().flat_map(|directory| directory.leaves()))
    }

    /// The position of the key, or else where it belongs; nothing if its leaf has no memory yet.
    #[inline(always)]
    fn find(&self, hash: u64, key: &[u8]) -> Option<Result<Position, Position>> {
        let word = self.leaf_word(hash);
        if word.is_vacant() {
            return None;
        }
        // SAFETY: the word leads to a leaf that lives while the table is borrowed.
        let leaf = unsafe { Leaf::new(word) };
        // SAFETY: cells that `find` asks about hold the address of a live element, owned by this table.
        let found = leaf.find(hash, |cell| unsafe { borrow::<E>(cell) }.has_key(key));
        Some(match found {
            Found::At(index) => Ok(Position { leaf, index }),
            Found::Missing(index) => Err(Position { leaf, index }),
        })
    }

    /// Puts an element in, at `hint` if that is where a search that found no such key ended. Returns its cell.
    #[inline]
    pub(super) fn insert_address(&mut self, hash: u64, hint: Option<Position>, address: u64) -> *mut u64 {
        if let Some(position) = hint
            && position.leaf.insert(position.index, position.leaf.word.tag(hash) << 48 | address)
        {
            self.count_one_more();
            return position.leaf.cell_pointer(position.index);
        }
        self.insert_searching(hash, address)
    }

    #[cold]
    fn insert_searching(&mut self, hash: u64, address: u64) -> *mut u64 {
        loop {
            let word = self.leaf_word(hash);
            if !word.is_vacant() {
                let tag = word.tag(hash);
                // SAFETY: the word leads to a leaf of this table, which is borrowed mutably.
                let leaf = unsafe { Leaf::new(word) };
                let index = leaf.lower_bound(tag);
                if leaf.insert(index, tag << 48 | address) {
                    self.count_one_more();
                    return leaf.cell_pointer(index);
                }
            }
            // Each round the leaf gets more cells or a longer prefix, and both have their ends.
            self.grow(hash, word);
        }
    }

    #[inline(always)]
    fn count_one_more(&mut self) {
        if let Root::Directory { address, depth } = self.parts() {
            let directory = self.directory(address, depth);
            directory.set_len(directory.len() + 1);
        }
    }

    /// Takes the element at `position`, whose hash is `hash`, out of the table.
    #[inline]
    pub(super) fn remove_at(&mut self, hash: u64, position: Position) -> E {
        let Position { leaf, index } = position;
        // SAFETY: the cell at a position that a search has found holds a live element; its cell is removed next, so
        // the element is owned once.
        let element = unsafe { E::from_raw(address_of(leaf.cell(index))) };
        let left = leaf.remove(index);
        if let Root::Directory { address, depth } = self.parts() {
            let directory = self.directory(address, depth);
            directory.set_len(directory.len() - 1);
        }
        if left * 3 < leaf.limit() {
            self.shrink(hash, leaf);
        }
        element
    }

    /// Puts `word` in the place of the leaf of its depth that `hash` belongs to.
    pub(super) fn set_leaf(&mut self, hash: u64, word: LeafWord) {
        match self.parts() {
            Root::Leaf(_) => self.root.store(word.0, Relaxed),
            Root::Directory { address, depth } => self.directory(address, depth).set(hash, word),
        }
    }
}

impl<E: Element> Default for Table<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Element> Drop for Table<E> {
    fn drop(&mut self) {
        const LOOK_AHEAD: usize = 8;
        for (_, word) in self.leaves() {
            if word.is_vacant() {
                continue;
            }
            // SAFETY: the table owns its leaves and elements, each reached once, and nobody uses them after.
            unsafe {
                let leaf = Leaf::new(word);
                let cells = leaf.cells();
                for (index, &cell) in cells.iter().enumerate() {
                    if let Some(&ahead) = cells.get(index + LOOK_AHEAD) {
                        prefetch(std::ptr::without_provenance(LeafWord(ahead).address()));
                    }
                    if has_entry(cell) {
                        drop(E::from_raw(address_of(cell)));
                    }
                }
                leaf.free();
            }
        }
        if let Root::Directory { address, depth } = self.parts() {
            self.directory(address, depth).free();
        }
    }
}
