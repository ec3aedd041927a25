//! Finding an element by its hash when its key is not at hand as bytes, as the expiry index and sets do.

#![expect(unsafe_code, reason = "leaves and elements are reached by the addresses that the table owns")]

use super::element::{Element, borrow};
use super::guard::{Occupied, Place, Ref, Vacant};
use super::leaf::{Found, Leaf};
use super::root::{Position, Table};

impl<E: Element> Table<E> {
    /// An element under `hash` that `is_wanted` accepts. It is asked about every element whose tag agrees, which may
    /// have another hash. Expected O(1).
    pub fn find_by(&self, hash: u64, mut is_wanted: impl FnMut(&E) -> bool) -> Option<Ref<'_, E>> {
        let word = self.leaf_word(hash);
        if word.is_vacant() {
            return None;
        }
        // SAFETY: the word leads to a leaf that lives while the table is borrowed.
        let leaf = unsafe { Leaf::new(word) };
        // SAFETY: cells that a search gives hold live elements, and the table stays borrowed.
        match leaf.find(hash, |cell| is_wanted(&*unsafe { borrow::<E>(cell) })) {
            Found::At(index) => Some(Ref::new(leaf.cell(index))),
            Found::Missing(_) => None,
        }
    }

    /// The place of the element under `hash` that `is_wanted` accepts, or for one: as [`Table::entry`]. What is put there
    /// must have that hash. Expected O(1).
    #[inline]
    pub fn entry_by(&mut self, hash: u64, mut is_wanted: impl FnMut(&E) -> bool) -> Place<'_, E> {
        let word = self.leaf_word(hash);
        if word.is_vacant() {
            return Place::Vacant(Vacant::new(self, hash, None));
        }
        // SAFETY: the word leads to a leaf that lives while the table is borrowed.
        let leaf = unsafe { Leaf::new(word) };
        // SAFETY: cells that a search gives hold live elements, and the table stays borrowed.
        match leaf.find(hash, |cell| is_wanted(&*unsafe { borrow::<E>(cell) })) {
            Found::At(index) => Place::Occupied(Occupied::new(self, hash, Position { leaf, index })),
            Found::Missing(index) => Place::Vacant(Vacant::new(self, hash, Some(Position { leaf, index }))),
        }
    }
}
