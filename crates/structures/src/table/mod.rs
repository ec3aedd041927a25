//! The table of the keyspace: thin pointers in hash order, eight bytes a table, about ten bytes a key.
//!
//! There is one table for each (logical database, cluster slot), 16,384 a database: most hold a few dozen entries, a hot
//! one may hold a hundred million. Large hashes, sets and sorted sets use the same table for their members.
//!
//! ```text
//! root word ──► nothing             (0)
//!           ──► leaf                len │ cell │ cell │ ... │ end
//!           ──► directory           2^depth leaf words, one for each prefix of the hash; several may name one leaf
//!
//! leaf word, root word:  depth or directory mark (8 bits) │ size class (8) │ address (48)
//! cell:                  tag (16 bits: the hash bits below the leaf's prefix) │ address of an entry (48)
//! ```
//!
//! - **A leaf is ordered by tag** with linear probing (Amble & Knuth, "Ordered hash tables", 1974): an entry's home is
//!   `tag * homes >> 16`, which rises with the tag, so the cells in order are the entries in hash order. A search ends
//!   at the first larger tag. Cells past the last home take what overflows; nothing wraps around. Removal shifts back:
//!   there are no tombstones.
//! - **The size class stands in the word** that leads to a leaf, so the home line of a hash is computed, and prefetched,
//!   without touching the leaf. Classes are the allocator's own (four a doubling), so a leaf is 0.7 to 0.9 full.
//! - **Growing needs no key**: tags in order are copied in order. Only a leaf that has reached its largest class is split
//!   by one more hash bit (extendible hashing), which asks each of its ≤ 1,700 entries for its hash. That, or the copy of
//!   a directory, is the longest that one insert can take.
//! - **Hash order does not depend on the shape**, so a scan's cursor is a position in it and survives anything.
//!
//! Invariants (`check_invariants` verifies them): tags rise; no cell stands before its home; no empty cell between an
//! entry's home and the entry; the cell after the last is empty; each leaf is named by exactly the directory words of
//! its prefix; counts agree.
//!
//! Knows nothing of what an entry is beyond [`Element`], of locks (a table is owned by whoever holds `&mut`), or of slots.

mod chains;
mod directory;
mod element;
mod find_by;
mod guard;
mod leaf;
mod reshape;
mod root;
mod sample;
mod scan;
#[cfg(test)]
mod tests;
mod word;

pub use chains::Chains;
pub use element::Element;
pub use guard::{Occupied, Place, Ref, RefMut, Vacant};
pub use root::Table;
pub use sample::RUN_MAX;
pub use scan::Iter;
