//! How a table changes its shape: leaves that grow, split, shrink and merge, and the directory that follows them.

#![expect(unsafe_code, reason = "leaves and directories are replaced by address")]

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::directory::Directory;
use super::element::{Element, borrow};
use super::leaf::{Leaf, has_entry, tag_of};
use super::root::Table;
use super::word::{CLASS_SPLIT, DEPTH_MAX, LeafWord, Root, class_for};
use crate::prefetch::prefetch;

/// Elements, at most, that a leaf of a table made for many is meant for.
const PLANNED_LEAF_LEN_MAX: usize = 1200;

impl<E: Element> Table<E> {
    /// An empty table for about `len` elements: its directory, and a plan for the size of each leaf.
    ///
    /// For who fills it in hash order, as a copy of another table is, or a set of such sets: a leaf that grew with them
    /// would have all of them in its first cells at every size but the last, and each search walk over most of them.
    pub fn with_capacity(len: usize) -> Self {
        let leaves = (len / PLANNED_LEAF_LEN_MAX + 1).next_power_of_two();
        let depth = leaves.ilog2().min(u32::from(DEPTH_MAX)) as u8;
        let leaf_len = (len >> depth) as u64;
        // Hashes fall unevenly: by three standard deviations more in few of the leaves, which then grow.
        let class = class_for(leaf_len + 3 * leaf_len.isqrt()).min(CLASS_SPLIT);
        let root = match depth {
            0 => LeafWord::planned(class, 0).0,
            _ => Directory::build(depth, 0, 1 << depth, |_| LeafWord::planned(class, depth)).root(),
        };
        Self { root: AtomicU64::new(root), elements: PhantomData }
    }

    /// Makes room for one more in the leaf that `word` leads to: a larger block, or two leaves in place of one.
    #[cold]
    pub(super) fn grow(&mut self, hash: u64, word: LeafWord) {
        if word.is_vacant() {
            let leaf = Leaf::build(word.class(), word.depth(), std::iter::empty());
            return self.set_leaf(hash, leaf.word);
        }
        // SAFETY: the word leads to a leaf of this table, which is borrowed mutably.
        let leaf = unsafe { Leaf::new(word) };
        if leaf.is_large() && self.may_split(word.depth()) {
            return self.split(hash, leaf);
        }
        let larger = Leaf::build(word.class() + 1, word.depth(), leaf.filled());
        self.set_leaf(hash, larger.word);
        leaf.free();
    }

    /// Whether a leaf of this depth may be split. A directory is not doubled unless the table has 64 elements for each
    /// of its words: chosen hashes cannot make it large, they make their leaf grow past the size at which it would split.
    fn may_split(&self, leaf_depth: u8) -> bool {
        let depth = self.depth();
        leaf_depth < depth || depth < 4 || (depth < DEPTH_MAX && self.len() >> 6 >= 2 << depth)
    }

    fn depth(&self) -> u8 {
        match self.parts() {
            Root::Leaf(_) => 0,
            Root::Directory { depth, .. } => depth,
        }
    }

    /// Replaces a leaf by two, each with half of its range. Asks every element in it for its hash.
    fn split(&mut self, hash: u64, leaf: Leaf) {
        const LOOK_AHEAD: usize = 12;
        let depth = leaf.word.depth() + 1;
        let cells: Vec<u64> = leaf.filled().collect();
        // They stay in order but for the last bit of equal tags: those that get a 1 wait until the last with a 0 has come.
        let (mut retagged, mut waiting) = (Vec::with_capacity(cells.len()), Vec::new());
        let mut last_tag = 0;
        for (index, &cell) in cells.iter().enumerate() {
            if let Some(&ahead) = cells.get(index + LOOK_AHEAD) {
                prefetch(std::ptr::without_provenance(LeafWord(ahead).address()));
            }
            let address = LeafWord(cell).address() as u64;
            // The old tag without its first bit, and the next bit of the hash.
            let next_bit = if has_entry(cell) {
                // SAFETY: the cell holds the address of a live element, owned by this table.
                let element = unsafe { borrow::<E>(cell) };
                element.hash() >> (64 - 16 - u32::from(depth)) & 1
            } else {
                0
            };
            if last_tag != tag_of(cell) {
                retagged.append(&mut waiting);
                last_tag = tag_of(cell);
            }
            let into = if next_bit == 0 { &mut retagged } else { &mut waiting };
            into.push((tag_of(cell) << 49 | next_bit << 48) | address);
        }
        retagged.append(&mut waiting);
        let middle = cells.partition_point(|&cell| tag_of(cell) < 0x8000);
        let (low, high) = retagged.split_at(middle);
        if leaf.word.depth() == self.depth() {
            self.double_directory();
        }
        let half = 1 << (64 - depth);
        let low_hash = hash & !half;
        for (half_hash, cells) in [(low_hash, low), (low_hash | half, high)] {
            let word = if cells.is_empty() {
                LeafWord::vacant(depth)
            } else {
                Leaf::build(class_for(cells.len() as u64 + 1), depth, cells.iter().copied()).word
            };
            self.set_leaf(half_hash, word);
        }
        self.add_deepest(depth, 2);
        leaf.free();
    }

    /// Counts leaves of `depth` that came, if that is the directory's.
    fn add_deepest(&mut self, depth: u8, count: usize) {
        if let Root::Directory { address, depth: directory_depth } = self.parts()
            && depth == directory_depth
        {
            let directory = self.directory(address, depth);
            directory.set_deepest(directory.deepest() + count);
        }
    }

    /// Gives the directory one more bit, or a table of one leaf a directory of two words.
    fn double_directory(&mut self) {
        let doubled = match self.parts() {
            Root::Leaf(word) => Directory::build(1, self.len(), 0, |_| word),
            Root::Directory { address, depth } => {
                let old = self.directory(address, depth);
                let doubled = Directory::build(depth + 1, old.len(), 0, |index| old.word(index >> 1));
                old.free();
                doubled
            }
        };
        self.root.store(doubled.root(), Relaxed);
    }

    /// After a removal left much room: a smaller block, none, or one leaf in place of two.
    #[cold]
    pub(super) fn shrink(&mut self, hash: u64, leaf: Leaf) {
        let depth = leaf.word.depth();
        let word = match leaf.len() {
            0 => LeafWord::vacant(depth),
            len => Leaf::build(class_for(len as u64 * 3 / 2), depth, leaf.filled()).word,
        };
        self.set_leaf(hash, word);
        leaf.free();
        while self.merge(hash) {}
    }

    /// Makes one leaf of the one that `hash` belongs to and its neighbour, if both are of one depth and together fill
    /// less than half of a block. Needs no keys: a tag gets one bit in front and loses its last.
    fn merge(&mut self, hash: u64) -> bool {
        const LEN_MAX: usize = 512;
        let Root::Directory { address, depth: directory_depth } = self.parts() else { return false };
        let directory = self.directory(address, directory_depth);
        let word = directory.word(directory.index(hash));
        let depth = word.depth();
        let half = 1 << (64 - depth);
        let low = directory.word(directory.index(hash & !half));
        let high = directory.word(directory.index(hash | half));
        if low.depth() != high.depth() {
            return false;
        }
        let contents = |word: LeafWord, first_bit: u64| {
            // SAFETY: words of this table's directory lead to leaves that live; they are freed below.
            let leaf = (!word.is_vacant()).then(|| unsafe { Leaf::new(word) });
            let shorter = move |cell: u64| {
                (first_bit << 63 | tag_of(cell) >> 1 << 48) | LeafWord(cell).address() as u64
            };
            (leaf, leaf.into_iter().flat_map(|leaf| leaf.filled()).map(shorter))
        };
        let ((low, low_cells), (high, high_cells)) = (contents(low, 0), contents(high, 1));
        let len = low.map_or(0, Leaf::len) + high.map_or(0, Leaf::len);
        if len > LEN_MAX {
            return false;
        }
        let merged = match len {
            0 => LeafWord::vacant(depth - 1),
            _ => Leaf::build(class_for(len as u64 * 5 / 4), depth - 1, low_cells.chain(high_cells)).word,
        };
        directory.set(hash, merged);
        for leaf in [low, high].into_iter().flatten() {
            leaf.free();
        }
        if depth == directory_depth {
            directory.set_deepest(directory.deepest() - 2);
            self.halve_directory();
        }
        true
    }

    /// Takes the last bit off the directory while no leaf needs it.
    fn halve_directory(&mut self) {
        while let Root::Directory { address, depth } = self.parts() {
            let old = self.directory(address, depth);
            if old.deepest() > 0 {
                return;
            }
            let root = if depth == 1 {
                old.word(0).0
            } else {
                let deepest = old.leaves().filter(|(_, word)| word.depth() == depth - 1).count();
                Directory::build(depth - 1, old.len(), deepest, |index| old.word(index << 1)).root()
            };
            self.root.store(root, Relaxed);
            old.free();
        }
    }
}
