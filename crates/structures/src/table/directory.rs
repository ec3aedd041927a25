//! The directory of a table with more than one leaf: 2^depth leaf words, indexed by the first bits of a hash.

#![expect(unsafe_code, reason = "a directory is a block of raw memory whose length stands in the root word")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};

use super::word::{CLASS_SPLIT, LeafWord, directory_root};

/// Stands before the words.
#[repr(C)]
struct Header {
    /// Entries in the whole table.
    len: usize,
    /// Leaves whose depth is the directory's. When there are none, every word has an equal neighbour.
    deepest: usize,
    /// No leaf has a larger class than this, which is at least that of the largest leaf that is not yet split.
    class_bound: u8,
}

const HEADER_BYTES: usize = size_of::<Header>();

/// A directory that exists: the address of its words and their number, as the root word has them.
#[derive(Clone, Copy)]
pub(super) struct Directory {
    words: *mut LeafWord,
    depth: u8,
}

fn layout(depth: u8) -> Layout {
    // SAFETY: the alignment is a power of two, and depths that the table's rules allow stay far below isize::MAX.
    unsafe { Layout::from_size_align_unchecked(HEADER_BYTES + (8 << depth), 8) }
}

impl Directory {
    /// # Safety
    ///
    /// `address` and `depth` are from a root word, and that directory is not freed while the result is used. Whoever
    /// calls a method that writes has the only access to it.
    #[inline(always)]
    pub(super) unsafe fn new(address: usize, depth: u8) -> Self {
        Self { words: std::ptr::with_exposed_provenance_mut(address), depth }
    }

    /// A new directory in which `word(i)` is the word at index `i`. O(2^depth).
    pub(super) fn build(depth: u8, len: usize, deepest: usize, word: impl Fn(usize) -> LeafWord) -> Self {
        let layout = layout(depth);
        // SAFETY: the size is not 0; header and all words are written before the directory is used.
        unsafe {
            let block = alloc(layout);
            if block.is_null() {
                handle_alloc_error(layout);
            }
            let words = block.add(HEADER_BYTES).cast::<LeafWord>();
            let mut class_bound = CLASS_SPLIT;
            for index in 0..1_usize << depth {
                let word = word(index);
                class_bound = class_bound.max(word.class());
                words.add(index).write(word);
            }
            block.cast::<Header>().write(Header { len, deepest, class_bound });
            words.expose_provenance();
            Self { words, depth }
        }
    }

    pub(super) fn free(self) {
        // SAFETY: allocated with this layout, `HEADER_BYTES` before the words; not used after.
        unsafe { dealloc(self.words.cast::<u8>().sub(HEADER_BYTES), layout(self.depth)) }
    }

    pub(super) fn root(self) -> u64 {
        directory_root(self.words.addr(), self.depth)
    }

    #[inline(always)]
    pub(super) fn index(self, hash: u64) -> usize {
        (hash >> (64 - u32::from(self.depth))) as usize
    }

    #[inline(always)]
    pub(super) fn word(self, index: usize) -> LeafWord {
        debug_assert!(index < 1 << self.depth);
        // SAFETY: indices are the first `depth` bits of a hash, or counted up to the number of words.
        unsafe { *self.words.add(index) }
    }

    /// Where the word of `hash` is in memory.
    #[inline(always)]
    pub(super) fn word_address(self, hash: u64) -> *const u8 {
        self.words.wrapping_add(self.index(hash)).cast()
    }

    /// Makes all words of the prefix that `hash` has at `word`'s depth name that leaf. O(2^(depth - word's depth)).
    pub(super) fn set(self, hash: u64, word: LeafWord) {
        let count = 1_usize << (self.depth - word.depth());
        let first = self.index(hash) & !(count - 1);
        for index in first..first + count {
            // SAFETY: the range of a prefix that is no longer than `depth` lies inside the directory.
            unsafe { *self.words.add(index) = word };
        }
        let header = self.header();
        header.class_bound = header.class_bound.max(word.class());
    }

    /// The leaves, each once, with the first hash of its range. O(2^depth).
    pub(super) fn leaves(self) -> impl Iterator<Item = (u64, LeafWord)> {
        let mut next = 0_usize;
        std::iter::from_fn(move || {
            if next >= 1 << self.depth {
                return None;
            }
            let word = self.word(next);
            let hash = (next as u64) << (64 - u32::from(self.depth));
            next += 1 << (self.depth - word.depth());
            Some((hash, word))
        })
    }

    #[inline(always)]
    pub(super) fn len(self) -> usize {
        self.header().len
    }

    #[inline(always)]
    fn header(self) -> &'static mut Header {
        // SAFETY: the header stands before the words. The reference is used within one expression in this file, by
        // methods that do not call each other, so no two are alive at once.
        unsafe { &mut *self.words.cast::<u8>().sub(HEADER_BYTES).cast::<Header>() }
    }

    #[inline(always)]
    pub(super) fn set_len(self, len: usize) {
        self.header().len = len;
    }

    pub(super) fn deepest(self) -> usize {
        self.header().deepest
    }

    /// A class that no leaf's is above.
    pub(super) fn class_bound(self) -> u8 {
        self.header().class_bound
    }

    pub(super) fn words(self) -> usize {
        1 << self.depth
    }

    pub(super) fn set_deepest(self, deepest: usize) {
        self.header().deepest = deepest;
    }

    pub(super) fn memory_bytes(self) -> usize {
        crate::alloc::size_class(layout(self.depth).size())
    }
}
