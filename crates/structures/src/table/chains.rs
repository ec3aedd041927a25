//! How evenly the elements of tables are spread.

#![expect(unsafe_code, reason = "leaves are reached by the addresses that the table owns")]

use super::element::Element;
use super::leaf::{Leaf, has_entry, tag_of};
use super::root::Table;

/// How many elements want the same cell, in one table or in several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chains {
    /// How many homes have so many elements: by that number.
    pub homes_with: Vec<usize>,
}

impl Chains {
    /// Homes of all leaves.
    pub fn homes(&self) -> usize {
        self.homes_with.iter().sum()
    }

    pub fn elements(&self) -> usize {
        self.homes_with.iter().enumerate().map(|(elements, homes)| elements * homes).sum()
    }

    /// The most elements that one home has.
    pub fn longest(&self) -> usize {
        self.homes_with.len().saturating_sub(1)
    }

    fn add(&mut self, homes: usize, elements: usize) {
        if homes > 0 && self.homes_with.len() <= elements {
            self.homes_with.resize(elements + 1, 0);
        }
        if homes > 0 {
            self.homes_with[elements] += homes;
        }
    }
}

impl<E: Element> Table<E> {
    /// Adds this table's. O(cells).
    pub fn count_chains(&self, chains: &mut Chains) {
        for (_, word) in self.leaves().filter(|(_, word)| !word.is_vacant()) {
            // SAFETY: the word leads to a leaf that lives while the table is borrowed.
            let leaf = unsafe { Leaf::new(word) };
            let (mut used, mut last, mut here) = (0, None, 0);
            for cell in leaf.filled().filter(|&cell| has_entry(cell)) {
                let home = word.home(tag_of(cell));
                if last != Some(home) {
                    chains.add(usize::from(last.is_some()), here);
                    (used, last, here) = (used + 1, Some(home), 0);
                }
                here += 1;
            }
            chains.add(usize::from(last.is_some()), here);
            // The last home is that of the largest tag.
            chains.add(word.home(0xffff) + 1 - used, 0);
        }
    }
}
