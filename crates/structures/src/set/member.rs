//! A member of a large set: eight bytes that are an integer, or own one block of memory.
//!
//! ```text
//! low bits of the address:  1   an integer of 47 bits, above it, counted from the least one
//!                          10   a block with an integer of 64 bits
//!                          00   a block with a text: length 1 │ bytes, or 255 │ length 8 │ bytes
//! ```

#![expect(unsafe_code, reason = "a member is a tagged address whose low bits say what is behind it")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use crate::alloc::size_class;
use crate::hash::hash_key;
use crate::packed::Item;
use crate::prefetch::prefetch;
use crate::table::{Element, Ref};

const IMMEDIATE: usize = 1;
const WIDE: usize = 2;
/// Immediate integers are those from minus this one up to, and not with, this one less 1: the address of all ones that
/// would be left for one more means something else to a table.
const IMMEDIATE_END: i64 = 1 << 46;
/// Stands for a length that is in the eight bytes behind it.
const LONG: u8 = 255;
const LONG_HEAD: usize = 9;

/// An owned member.
#[repr(transparent)]
pub(super) struct Member {
    raw: NonNull<u8>,
}

// SAFETY: a member owns its block, and a block is bytes only.
unsafe impl Send for Member {}
// SAFETY: members never change.
unsafe impl Sync for Member {}

/// The hash of a member, equal for equal items.
#[inline]
pub(super) fn hash_item(item: Item<'_>) -> u64 {
    match item {
        Item::Int(number) => hash_key(&number.to_le_bytes()),
        Item::Text(text) => hash_key(text),
    }
}

fn head_len(text_len: usize) -> usize {
    if text_len < usize::from(LONG) { 1 } else { LONG_HEAD }
}

fn layout(size: usize) -> Layout {
    // SAFETY: the alignment is a power of two, and sizes are of texts that exist and a few bytes more.
    unsafe { Layout::from_size_align_unchecked(size, 8) }
}

fn allocate(size: usize) -> NonNull<u8> {
    // SAFETY: sizes are not 0.
    let block = unsafe { alloc(layout(size)) };
    block.expose_provenance();
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout(size)))
}

impl Member {
    pub(super) fn new(item: Item<'_>) -> Self {
        match item {
            Item::Int(number) => Self::of_int(number),
            Item::Text(text) => Self::of_text(text),
        }
    }

    fn of_int(number: i64) -> Self {
        if (-IMMEDIATE_END..IMMEDIATE_END - 1).contains(&number) {
            let bits = ((number + IMMEDIATE_END) as usize) << 1;
            return Self { raw: NonNull::without_provenance(NonZeroUsize::MIN | bits) };
        }
        let block = allocate(size_of::<i64>());
        // SAFETY: the block has eight bytes, aligned to eight; the address behind its first two is inside it.
        unsafe {
            block.cast::<i64>().write(number);
            Self { raw: block.add(WIDE) }
        }
    }

    fn of_text(text: &[u8]) -> Self {
        let head = head_len(text.len());
        let block = allocate(head + text.len());
        // SAFETY: the block has room for the head and the text.
        unsafe {
            if head == 1 {
                block.write(text.len() as u8);
            } else {
                block.write(LONG);
                block.add(1).cast::<u64>().write_unaligned(text.len() as u64);
            }
            block.add(head).copy_from_nonoverlapping(NonNull::from(text).cast(), text.len());
        }
        Self { raw: block }
    }

    #[inline(always)]
    pub(super) fn borrowed(&self) -> Borrowed<'_> {
        Borrowed { raw: self.raw, owner: PhantomData }
    }

    #[inline(always)]
    pub(super) fn item(&self) -> Item<'_> {
        self.borrowed().item()
    }

    /// Bytes that its block takes; 0 if it has none.
    pub(super) fn block_bytes(&self) -> usize {
        self.block_size().map_or(0, size_class)
    }

    fn block_size(&self) -> Option<usize> {
        match self.item() {
            Item::Int(_) if self.raw.addr().get() & IMMEDIATE != 0 => None,
            Item::Int(_) => Some(size_of::<i64>()),
            Item::Text(text) => Some(head_len(text.len()) + text.len()),
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(size) = self.block_size() {
            let block = self.raw.as_ptr().map_addr(|address| address & !(IMMEDIATE | WIDE));
            // SAFETY: the block was allocated with this layout, and this is its only owner.
            unsafe { dealloc(block, layout(size)) }
        }
    }
}

/// A member of a set that is borrowed for `'a`. To copy it touches nothing.
#[derive(Clone, Copy)]
pub(super) struct Borrowed<'a> {
    raw: NonNull<u8>,
    owner: PhantomData<&'a Member>,
}

impl<'a> Borrowed<'a> {
    /// A member of a table that is borrowed for `'a`.
    #[inline(always)]
    pub(super) fn of(member: &Ref<'a, Member>) -> Self {
        Self { raw: member.raw, owner: PhantomData }
    }

    /// What tells it from all other members that are alive.
    #[inline(always)]
    pub(super) fn identity(self) -> usize {
        self.raw.addr().get()
    }

    /// Has the processor fetch what [`Borrowed::item`] will read first.
    #[inline(always)]
    pub(super) fn prefetch(self) {
        prefetch(self.raw.as_ptr());
    }

    #[inline(always)]
    pub(super) fn item(self) -> Item<'a> {
        let address = self.raw.addr().get();
        if address & IMMEDIATE != 0 {
            return Item::Int((address >> 1) as i64 - IMMEDIATE_END);
        }
        // SAFETY: without the mark of an integer the address is that of a block, or the one two bytes behind it, which
        // lives as long as its member; its content was written when the member was made.
        unsafe {
            if address & WIDE != 0 {
                return Item::Int(self.raw.sub(WIDE).cast::<i64>().read());
            }
            let (head, len) = match self.raw.read() {
                LONG => (LONG_HEAD, self.raw.add(1).cast::<u64>().read_unaligned() as usize),
                len => (1, usize::from(len)),
            };
            Item::Text(std::slice::from_raw_parts(self.raw.as_ptr().add(head), len))
        }
    }
}

// SAFETY: blocks are in user space and exposed when they are made; an immediate owns nothing, has 48 bits and its lowest
// is set. `from_raw` keeps the address as it is.
unsafe impl Element for Member {
    #[inline(always)]
    fn into_raw(self) -> NonNull<u8> {
        std::mem::ManuallyDrop::new(self).raw
    }

    #[inline(always)]
    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Self { raw }
    }

    #[inline(always)]
    fn has_key(&self, key: &[u8]) -> bool {
        self.item() == Item::of(key)
    }

    fn hash(&self) -> u64 {
        hash_item(self.item())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_what_they_were_made_of() {
        let end = IMMEDIATE_END;
        for number in [0, 1, -1, 77, end - 2, end - 1, end, -end, -end - 1, i64::MAX, i64::MIN] {
            let member = Member::new(Item::Int(number));
            assert_eq!(member.item(), Item::Int(number));
            assert_eq!(member.block_bytes() == 0, (-end..end - 1).contains(&number), "{number}");
            let raw = member.into_raw();
            assert!(raw.addr().get() < (1 << 48) - 1);
            // SAFETY: made by `into_raw` just now.
            assert_eq!(unsafe { Member::from_raw(raw) }.item(), Item::Int(number));
        }
        for len in [0, 1, 16, 254, 255, 256, 70_000] {
            let text = vec![b'x'; len];
            let member = Member::new(Item::Text(&text));
            assert_eq!(member.item(), Item::Text(&text));
            assert!(member.has_key(&text) && member.block_bytes() >= len);
        }
        assert_eq!(Member::new(Item::Text(&[b'x'; 16])).block_bytes(), 24);
    }
}
