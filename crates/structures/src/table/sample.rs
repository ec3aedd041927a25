//! An element by chance, each with exactly the same.
//!
//! Leaves differ in how many cells they have and in how many words of the directory name them, so a leaf that is drawn
//! by its words, and then a cell of it, would favour the elements of sparse leaves. Instead every word of the directory
//! stands for as many places as the largest leaf has cells. The places of all words that name one leaf follow each
//! other; the first of them are its cells, the others are nothing. A place is drawn until it is a cell with an element.

#![expect(unsafe_code, reason = "leaves and elements are reached by the addresses that the table owns")]

use super::element::Element;
use super::guard::Ref;
use super::leaf::{Leaf, has_entry};
use super::root::Table;
use super::word::{ADDRESS_MASK, LeafWord, Root, cells};
use crate::prefetch::prefetch;

/// Draws before a table is taken for one that is nearly all gaps. In one that grew by inserts about half of all places
/// are elements; after removals about one in ten is.
const TRIES: usize = 128;
/// The most elements that [`Table::sample_run`] shows.
pub const RUN_MAX: usize = 64;

impl<E: Element> Table<E> {
    /// An element chosen by the given random bits, each with the same probability; none if the table is empty.
    /// Expected O(1); O(leaves) for a table that hashes of somebody's choice have made lopsided.
    pub fn sample(&self, random: u64) -> Option<Ref<'_, E>> {
        let len = self.len();
        if len == 0 {
            return None;
        }
        let mut state = random;
        for _ in 0..TRIES {
            if let Some((_, _, cell)) = self.draw(&mut state) {
                return Some(Ref::new(cell));
            }
        }
        self.nth(below(len, &mut state))
    }

    /// Shows up to `count` elements (of at most [`RUN_MAX`]), the first one drawn as [`Table::sample`] does, the others its
    /// neighbours in hash order within one leaf: with seeded hashes these have nothing in common but cache lines. Fewer
    /// where the leaf has no more. Returns how many it showed.
    /// Expected O(count).
    pub fn sample_run(&self, random: u64, count: usize, mut look: impl FnMut(&E)) -> usize {
        let (mut state, len, count) = (random, self.len(), count.min(RUN_MAX));
        if len == 0 || count == 0 {
            return 0;
        }
        let Some((leaf, first, _)) = (0..TRIES).find_map(|_| self.draw(&mut state)) else {
            let only = self.nth(below(len, &mut state));
            return only.map(|element| look(&element)).into_iter().count();
        };
        let cells = (first..leaf.cell_count()).chain(0..first).map(|index| leaf.cell(index));
        let (mut run, mut found) = ([0; RUN_MAX], 0);
        for cell in cells.filter(|&cell| has_entry(cell)).take(count) {
            prefetch(std::ptr::without_provenance((cell & ADDRESS_MASK) as usize));
            run[found] = cell;
            found += 1;
        }
        run[..found].iter().for_each(|&cell| look(&Ref::new(cell)));
        found
    }

    /// A place drawn by chance, if it is a cell with an element: its leaf, its index there, and what is in it.
    fn draw(&self, state: &mut u64) -> Option<(Leaf, usize, u64)> {
        let (word, place) = match self.parts() {
            Root::Leaf(word) => (word, below(cells(word.class()) as usize, state)),
            Root::Directory { address, depth } => {
                let directory = self.directory(address, depth);
                let index = below(directory.words(), state);
                let word = directory.word(index);
                let places_per_word = cells(directory.class_bound()) as usize;
                // Which of the words that name this leaf it is.
                let nth = index & ((1 << (depth - word.depth())) - 1);
                (word, nth * places_per_word + below(places_per_word, state))
            }
        };
        // SAFETY: the word leads to a leaf that lives while the table is borrowed.
        let leaf = (!word.is_vacant()).then(|| unsafe { Leaf::new(word) })?;
        let cell = (place < leaf.cell_count()).then(|| leaf.cell(place))?;
        has_entry(cell).then_some((leaf, place, cell))
    }

    /// The element that `index` others stand before in hash order. O(leaves).
    fn nth(&self, mut index: usize) -> Option<Ref<'_, E>> {
        for (_, word) in self.leaves().filter(|(_, word): &(u64, LeafWord)| !word.is_vacant()) {
            // SAFETY: the word leads to a leaf that lives while the table is borrowed.
            let leaf = unsafe { Leaf::new(word) };
            if index < leaf.len() {
                // A cell that a forgotten guard left behind counts, but has no element.
                let mut here = leaf.filled().skip(index).chain(leaf.filled());
                if let Some(cell) = here.find(|&cell| has_entry(cell)) {
                    return Some(Ref::new(cell));
                }
                break;
            }
            index -= leaf.len();
        }
        self.iter().next()
    }
}

/// A number below `bound`, which is not 0.
fn below(bound: usize, state: &mut u64) -> usize {
    ((u128::from(next_random(state)) * bound as u128) >> 64) as usize
}

/// The next of a sequence of well-mixed numbers (splitmix64).
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
