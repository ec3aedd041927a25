//! A member of a large sorted set with its score, in one block behind one thin pointer.
//!
//! ```text
//! address: ......... │ words, 3 bits
//! block:   score 8 │ member                        words 1 to 7: the member has exactly that many words of 8 bytes
//!          score 8 │ length 1 │ member             words 0, up to 254 bytes
//!          score 8 │ 255 │ length 4 │ member       words 0, longer
//! ```
//!
//! A member of whole words, as identifiers often are, needs no length: one of 16 bytes takes 24 with its score.
//!
//! The table by member owns the block; the skip list keeps a [`Handle`] to it, and both are changed together by
//! [`super::SortedSet`] only.

#![expect(
    unsafe_code,
    reason = "a member is a block of raw memory whose length stands in its address or its head"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::slice;

use crate::hash::hash_key;
use crate::prefetch::prefetch;
use crate::table::Element;

/// The bits of an address that blocks, which are 8-aligned, leave free.
const WORDS_MASK: usize = 7;
const SCORE_BYTES: usize = size_of::<f64>();
/// Stands in the place of a short length before a long one.
const LONG: u8 = 255;
const LONG_HEAD_BYTES: usize = 1 + size_of::<u32>();

/// A member that owns its block.
#[repr(transparent)]
pub(super) struct Member {
    raw: NonNull<u8>,
}

// SAFETY: a member owns its block, which holds a number and bytes.
unsafe impl Send for Member {}
// SAFETY: a shared member is only read.
unsafe impl Sync for Member {}

/// A member's address, without owning it: 48 bits. As long as the member is in the table its handle may be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Handle(u64);

/// How many words `len` bytes are, if they are whole words and few enough to be told by an address.
#[inline]
const fn words_of(len: usize) -> usize {
    if len.is_multiple_of(8) && len / 8 <= WORDS_MASK { len / 8 } else { 0 }
}

/// Bytes before the member's own.
#[inline]
const fn head_bytes(len: usize) -> usize {
    SCORE_BYTES
        + match (words_of(len), len < LONG as usize) {
            (0, true) => 1,
            (0, false) => LONG_HEAD_BYTES,
            _ => 0,
        }
}

/// Bytes of the block for a member of `len` bytes.
#[inline]
pub(super) const fn block_bytes(len: usize) -> usize {
    head_bytes(len) + len
}

fn layout(len: usize) -> Layout {
    Layout::from_size_align(block_bytes(len), align_of::<f64>()).expect("texts are shorter than 4 GiB")
}

impl Member {
    /// # Panics
    ///
    /// If the text is longer than 4 GiB.
    pub(super) fn new(text: &[u8], score: f64) -> Self {
        let layout = layout(text.len());
        // SAFETY: no block is of 0 bytes; the writes are inside of it, as `block_bytes` adds them up.
        unsafe {
            let Some(block) = NonNull::new(alloc(layout)) else { handle_alloc_error(layout) };
            block.cast::<f64>().write(score);
            let (words, head) = (words_of(text.len()), head_bytes(text.len()));
            let length = block.add(SCORE_BYTES);
            if words == 0 && text.len() < usize::from(LONG) {
                length.write(text.len() as u8);
            } else if words == 0 {
                let long = u32::try_from(text.len()).expect("texts are shorter than 4 GiB");
                length.write(LONG);
                length.add(1).cast::<u32>().write_unaligned(long);
            }
            block.add(head).copy_from_nonoverlapping(NonNull::from(text).cast(), text.len());
            Self { raw: block.map_addr(|address| address | words) }
        }
    }

    /// The handle of this member.
    #[inline]
    pub(super) fn handle(&self) -> Handle {
        Handle(self.raw.as_ptr().expose_provenance() as u64)
    }

    #[inline]
    pub(super) fn text(&self) -> &[u8] {
        // SAFETY: the member is alive, and as long as it is borrowed.
        unsafe { self.handle().text() }
    }

    #[inline]
    pub(super) fn score(&self) -> f64 {
        // SAFETY: the member is alive.
        unsafe { self.handle().score() }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let layout = layout(self.text().len());
        // SAFETY: the block was made with this layout and goes with its owner.
        unsafe { dealloc(self.handle().block().as_ptr(), layout) }
    }
}

impl Handle {
    /// From the number that [`Handle::bits`] gave.
    #[inline(always)]
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// A number below 2^48.
    #[inline(always)]
    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    #[inline(always)]
    fn block(self) -> NonNull<u8> {
        let address = self.0 as usize & !WORDS_MASK;
        let block = std::ptr::with_exposed_provenance_mut::<u8>(address);
        // SAFETY: handles are made of members' addresses, which are not null, and no block is below 8.
        unsafe { NonNull::new_unchecked(block) }
    }

    /// # Safety
    ///
    /// The member is alive.
    #[inline(always)]
    pub(super) unsafe fn score(self) -> f64 {
        // SAFETY: each block begins with a score.
        unsafe { self.block().cast::<f64>().read() }
    }

    /// # Safety
    ///
    /// The member is alive, and nobody reads its score meanwhile.
    #[inline(always)]
    pub(super) unsafe fn set_score(self, score: f64) {
        // SAFETY: each block begins with a score.
        unsafe { self.block().cast::<f64>().write(score) }
    }

    /// # Safety
    ///
    /// The member is alive as long as the result is used.
    #[inline(always)]
    pub(super) unsafe fn text<'a>(self) -> &'a [u8] {
        let words = self.0 as usize & WORDS_MASK;
        // SAFETY: the block is laid out as `new` did, which the words in the address and the length tell.
        unsafe {
            let behind = self.block().add(SCORE_BYTES);
            let (from, len) = match words {
                0 => match behind.read() {
                    LONG => {
                        (behind.add(LONG_HEAD_BYTES), behind.add(1).cast::<u32>().read_unaligned() as usize)
                    }
                    short => (behind.add(1), usize::from(short)),
                },
                words => (behind, words * 8),
            };
            slice::from_raw_parts(from.as_ptr(), len)
        }
    }

    /// Has the block's first line fetched. The member need not be alive.
    #[inline(always)]
    pub(super) fn prefetch(self) {
        prefetch(std::ptr::without_provenance(self.0 as usize));
    }
}

// SAFETY: blocks lie in user space, below 2^48, their provenance is exposed here, and the address with its words is all
// that a member is.
unsafe impl Element for Member {
    #[inline(always)]
    fn into_raw(self) -> NonNull<u8> {
        let raw = self.raw;
        raw.as_ptr().expose_provenance();
        std::mem::forget(self);
        raw
    }

    #[inline(always)]
    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Self { raw }
    }

    #[inline]
    fn has_key(&self, key: &[u8]) -> bool {
        self.text() == key
    }

    fn hash(&self) -> u64 {
        hash_key(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::{Element, Member, block_bytes};

    #[test]
    fn members_of_every_length_keep_their_text_and_score() {
        for len in (0..600).chain([65_535, 70_000]) {
            let text: Vec<u8> = (0..len).map(|index| index as u8).collect();
            let member = Member::new(&text, -1.5);
            assert!(member.has_key(&text) && member.score() == -1.5);
            // SAFETY: the member is alive, and taken back once.
            let member = unsafe {
                member.handle().set_score(f64::INFINITY);
                Member::from_raw(member.into_raw())
            };
            assert_eq!((member.text(), member.score()), (&text[..], f64::INFINITY));
        }
        assert_eq!(block_bytes(16), 24);
    }
}
