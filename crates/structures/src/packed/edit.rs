//! Changing a block, wherever it is held.

use std::ops::Range;

use super::element::Encoded;
use super::view::Packed;
use crate::entry::Entry;

/// Who holds a block that can be changed: an entry, or a buffer.
pub trait PackedMut {
    fn block(&self) -> Packed<'_>;

    /// Replaces a range of bytes, which begins and ends between elements, by `parts`, one after the other.
    fn splice_bytes<const N: usize>(&mut self, range: Range<usize>, parts: [&[u8]; N]);

    /// Puts the element for `text` where the one that begins at `at` is; that one and those behind it move back.
    #[inline]
    fn insert(&mut self, at: usize, text: &[u8]) {
        self.splice_bytes(at..at, Encoded::of(text).parts());
    }

    /// Adds the element for `text` at the end.
    #[inline]
    fn push(&mut self, text: &[u8]) {
        self.insert(self.block().bytes().len(), text);
    }

    /// Adds two elements where one begins, or at the end: a field with its value, a member with its score.
    #[inline]
    fn insert_pair(&mut self, at: usize, first: &[u8], second: &[u8]) {
        self.insert_encoded_pair(at, &Encoded::of(first), &Encoded::of(second));
    }

    /// As [`PackedMut::insert_pair`], for elements that are encoded already.
    #[inline]
    fn insert_encoded_pair(&mut self, at: usize, first: &Encoded<'_>, second: &Encoded<'_>) {
        let ([a, b, c], [d, e, f]) = (first.parts(), second.parts());
        self.splice_bytes(at..at, [a, b, c, d, e, f]);
    }

    /// Replaces the elements in a range of bytes by the one for `text`.
    #[inline]
    fn replace(&mut self, range: Range<usize>, text: &[u8]) {
        self.splice_bytes(range, Encoded::of(text).parts());
    }

    /// Removes the elements in a range of bytes.
    #[inline]
    fn remove(&mut self, range: Range<usize>) {
        self.splice_bytes(range, []);
    }
}

impl PackedMut for Vec<u8> {
    #[inline]
    fn block(&self) -> Packed<'_> {
        Packed::new(self)
    }

    fn splice_bytes<const N: usize>(&mut self, range: Range<usize>, parts: [&[u8]; N]) {
        if range.start == self.len() {
            parts.iter().for_each(|part| self.extend_from_slice(part));
        } else {
            self.splice(range, parts.iter().flat_map(|part| part.iter().copied()));
        }
    }
}

/// A small collection inside its entry. Any other value reads as an empty block.
///
/// # Panics
///
/// Changes panic if the value is not packed or would get longer than [`crate::entry::PACKED_LEN_MAX`].
impl PackedMut for Entry {
    #[inline]
    fn block(&self) -> Packed<'_> {
        Packed::new(self.packed_bytes().unwrap_or_default())
    }

    #[inline]
    fn splice_bytes<const N: usize>(&mut self, range: Range<usize>, parts: [&[u8]; N]) {
        self.splice_packed(range, parts);
    }
}
