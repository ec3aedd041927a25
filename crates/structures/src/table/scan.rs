//! Walking a table: in full, step by step with a cursor that survives every change.

#![expect(unsafe_code, reason = "leaves and elements are reached by the addresses that the table owns")]

use super::element::{Element, borrow};
use super::guard::Ref;
use super::leaf::{EMPTY, Leaf, has_entry, tag_of};
use super::root::Table;
use super::word::{CLASS_SPLIT, DEPTH_MAX, LeafWord, Root, cells};

/// Elements that one step of a scan visits, at least, unless the leaf or the table ends.
const STEP_ELEMENTS: usize = 8;
/// Leaves without memory that one step passes over.
const STEP_VACANT_LEAVES: usize = 64;
/// Bits of a cursor: those of a hash that a prefix and a tag can cover.
const CURSOR_BITS: u32 = DEPTH_MAX as u32 + 16;

impl<E: Element> Table<E> {
    /// One step of a scan. Begins with cursor 0 and goes on with the cursor that the step before returned, until that
    /// is 0. What is in the table from the first step to the last is visited at least once, however the table grows,
    /// splits or shrinks between the steps; what comes or goes meanwhile may be visited or not.
    ///
    /// A cursor is a position in hash order: the first 48 bits of a hash, so it is below 2^48. Any number is a valid one.
    /// A step visits about 8 elements and those whose tag equals the last one's. O(1).
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(&E)) -> u64 {
        let mut hash = cursor << (64 - CURSOR_BITS);
        for _ in 0..STEP_VACANT_LEAVES {
            let word = self.leaf_word(hash);
            if !word.is_vacant()
                && let Some(next_tag) = scan_leaf(word, word.tag(hash), &mut visit)
            {
                let position = word.range_start(hash) | next_tag << (48 - u32::from(word.depth()));
                return position >> (64 - CURSOR_BITS);
            }
            // On to the first hash of the next leaf; past the last one there is none.
            let range = 1_u64.checked_shl(64 - u32::from(word.depth())).unwrap_or(0);
            match word.range_start(hash).checked_add(range) {
                Some(next) if range != 0 => hash = next,
                _ => return 0,
            }
            if !word.is_vacant() {
                break;
            }
        }
        hash >> (64 - CURSOR_BITS)
    }

    /// The number of elements that there is room for, from the root word alone and so without a look at memory: at least
    /// [`Table::len`], unless hashes collide on purpose, and for a table that grew by inserts not many times that. O(1).
    pub fn len_estimate(&self) -> usize {
        match self.parts() {
            Root::Leaf(word) if word.is_vacant() => 0,
            Root::Leaf(word) => cells(word.class()) as usize,
            Root::Directory { depth, .. } => (cells(CLASS_SPLIT) as usize) << depth,
        }
    }

    /// All elements in hash order. O(n).
    pub fn iter(&self) -> Iter<'_, E> {
        Iter { table: self, hash: Some(0), cells: [].iter() }
    }
}

/// Visits the run of cells that begins with `tag`. The next tag to go on with, or nothing if the leaf is done.
fn scan_leaf<E: Element>(word: LeafWord, tag: u64, visit: &mut impl FnMut(&E)) -> Option<u64> {
    // SAFETY: the word is of a leaf of the table that the caller borrows.
    let leaf = unsafe { Leaf::new(word) };
    let mut visited = 0;
    let mut last_tag = None;
    for &cell in leaf.cells().get(leaf.lower_bound(tag)..)? {
        if cell == EMPTY {
            continue;
        }
        if visited >= STEP_ELEMENTS && last_tag != Some(tag_of(cell)) {
            return last_tag.map(|tag| tag + 1);
        }
        last_tag = Some(tag_of(cell));
        if has_entry(cell) {
            // SAFETY: the cell holds a live element of the table that the caller borrows.
            let element = unsafe { borrow::<E>(cell) };
            visit(&element);
            visited += 1;
        }
    }
    None
}

/// All elements of a table, in hash order.
pub struct Iter<'a, E: Element> {
    table: &'a Table<E>,
    /// The first hash of the next leaf, if there is one.
    hash: Option<u64>,
    cells: std::slice::Iter<'a, u64>,
}

impl<'a, E: Element> Iterator for Iter<'a, E> {
    type Item = Ref<'a, E>;

    fn next(&mut self) -> Option<Ref<'a, E>> {
        loop {
            if let Some(&cell) = self.cells.by_ref().find(|&&cell| has_entry(cell)) {
                return Some(Ref::new(cell));
            }
            let hash = self.hash?;
            let word = self.table.leaf_word(hash);
            self.hash = match word.depth() {
                0 => None,
                depth => hash.checked_add(1 << (64 - u32::from(depth))),
            };
            if !word.is_vacant() {
                // SAFETY: the word is of a leaf of the table, which is borrowed as long as this iterator.
                self.cells = unsafe { Leaf::new(word) }.cells().iter();
            }
        }
    }
}

impl<'a, E: Element> IntoIterator for &'a Table<E> {
    type Item = Ref<'a, E>;
    type IntoIter = Iter<'a, E>;

    fn into_iter(self) -> Iter<'a, E> {
        self.iter()
    }
}

impl<E: Element> Table<E> {
    /// Panics if an invariant of the module's description does not hold. For tests. O(n), touches every element.
    pub fn check_invariants(&self) {
        let mut total = 0;
        let mut deepest = 0;
        let mut expected_start = Some(0_u64);
        for (start, word) in self.leaves() {
            assert_eq!(Some(start), expected_start, "leaves follow each other");
            expected_start = match word.depth() {
                0 => None,
                depth => start.checked_add(1 << (64 - u32::from(depth))),
            };
            if let Root::Directory { address, depth } = self.parts() {
                let directory = self.directory(address, depth);
                assert!(word.depth() <= depth && word.class() <= directory.class_bound());
                deepest += usize::from(word.depth() == depth);
                let count = 1_usize << (depth - word.depth());
                let first = directory.index(start);
                assert!(
                    (first..first + count).all(|index| directory.word(index) == word),
                    "one leaf, one word"
                );
            }
            if !word.is_vacant() {
                total += self.check_leaf(start, word);
            }
        }
        assert_eq!(expected_start, None, "leaves cover all hashes");
        assert_eq!(total, self.len());
        if let Root::Directory { address, depth } = self.parts() {
            assert_eq!(deepest, self.directory(address, depth).deepest());
            assert!(deepest > 0 && depth > 0, "the directory is no deeper than its leaves");
        }
    }

    fn check_leaf(&self, start: u64, word: LeafWord) -> usize {
        // SAFETY: the word is of a leaf of this table.
        let leaf = unsafe { Leaf::new(word) };
        assert_eq!(leaf.cell(leaf.cell_count()), EMPTY, "the cell after the last is empty");
        let cells = leaf.cells();
        let mut last_tag = 0;
        for (index, &cell) in cells.iter().enumerate().filter(|&(_, &cell)| cell != EMPTY) {
            let (tag, home) = (tag_of(cell), word.home(tag_of(cell)));
            assert!(tag >= last_tag, "tags rise");
            assert!(home <= index && cells[home..index].iter().all(|&cell| cell != EMPTY), "reachable");
            last_tag = tag;
            if has_entry(cell) {
                // SAFETY: the cell holds a live element of this table.
                let element = unsafe { borrow::<E>(cell) };
                assert_eq!(word.tag(element.hash()), tag);
                assert_eq!(word.range_start(element.hash()), start);
            }
        }
        assert!(leaf.len() > 0, "a leaf without entries has no memory");
        assert_eq!(leaf.filled().count(), leaf.len());
        leaf.len()
    }
}
