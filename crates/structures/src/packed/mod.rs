//! Packed blocks: small collections as one run of bytes, in the element format of Redis' listpack.
//!
//! ```text
//! element:  head 1..9 │ text? │ length of head and text, readable backwards, 1..5
//!
//! head:  0vvvvvvv                 integer 0 to 127
//!        10llllll                 text of up to 63 bytes
//!        110vvvvv v               integer of 13 bits
//!        1110llll l               text of up to 4,095 bytes
//!        F0 l l l l               longer text
//!        F1 | F2 | F3 | F4, v..   integer of 16, 24, 32 or 64 bits, little-endian
//! ```
//!
//! A block is only the elements, without listpack's header and end byte: who holds it knows its length. A text that is
//! the shortest decimal form of a 64-bit integer is always stored as one, so equal texts have equal bytes and two
//! elements are compared without formatting.
//!
//! Blocks are made here, or checked by [`Packed::check`] first: reading one that is damaged may panic but nothing worse.
//! Knows nothing of what the elements mean.

mod edit;
mod element;
#[cfg(test)]
mod tests;
mod view;

/// Up to which size a collection is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Elements: fields of a hash, members of a set or sorted set.
    pub entries: usize,
    /// Bytes of one text.
    pub bytes: usize,
}

pub use edit::PackedMut;
pub use element::{Encoded, Item};
pub use view::{Items, Packed, Spot};
