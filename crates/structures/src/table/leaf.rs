//! One leaf: a header and cells in tag order. Cells are copied and compared; entries are never touched but for the key
//! comparison of a search, which the caller supplies.

#![expect(
    unsafe_code,
    reason = "a leaf is a block of raw memory whose size stands in the word that leads to it"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};

use crate::alloc::move_out_of_sparse_slab;

use super::word::{ADDRESS_MASK, CLASS_SPLIT, LeafWord, cells, limit, words};

/// A cell without an entry. As a number it is larger than any cell with one, so that one comparison ends a search.
pub(super) const EMPTY: u64 = u64::MAX;

/// The first word of a leaf.
#[repr(C)]
#[derive(Clone, Copy)]
struct Header {
    len: u32,
    /// Entries that fit before the leaf grows: `limit` of its class, kept to save computing it.
    limit: u32,
}

/// The outcome of a search: the cell with the key, or the one before which it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    At(usize),
    Missing(usize),
}

/// The tag of a cell.
#[inline(always)]
pub(super) fn tag_of(cell: u64) -> u64 {
    cell >> 48
}

/// Whether a cell owns an entry: not empty, and not abandoned by a guard that was forgotten instead of dropped.
#[inline(always)]
pub(super) fn has_entry(cell: u64) -> bool {
    cell != EMPTY && cell & ADDRESS_MASK != 0
}

fn layout(class: u8) -> Layout {
    let bytes = words(class) as usize * 8;
    // SAFETY: the alignment is a power of two, and classes that memory can hold stay below isize::MAX.
    unsafe { Layout::from_size_align_unchecked(bytes, 8) }
}

/// A leaf that exists. Copyable, as it is only an address with its class and depth; the table is the owner.
#[derive(Clone, Copy)]
pub(super) struct Leaf {
    pub(super) word: LeafWord,
}

impl Leaf {
    /// # Safety
    ///
    /// `word` leads to a leaf that lives and is not freed while the result is used. Whoever calls a method that writes
    /// has the only access to it.
    #[inline(always)]
    pub(super) unsafe fn new(word: LeafWord) -> Self {
        debug_assert!(!word.is_vacant());
        Self { word }
    }

    #[inline(always)]
    fn header(self) -> *mut Header {
        std::ptr::with_exposed_provenance_mut(self.word.address())
    }

    #[inline(always)]
    pub(super) fn cell_pointer(self, index: usize) -> *mut u64 {
        debug_assert!(index <= cells(self.word.class()) as usize);
        // SAFETY: the block has a header and, for the class in the word, one cell more than `cells`; every index here
        // is at most `cells`, since searches stop at the empty cell at that position.
        unsafe { self.header().cast::<u64>().add(index + 1) }
    }

    #[inline(always)]
    pub(super) fn cell(self, index: usize) -> u64 {
        // SAFETY: the pointer is inside the leaf, and all cells are initialized when it is made.
        unsafe { *self.cell_pointer(index) }
    }

    #[inline(always)]
    fn set_cell(self, index: usize, cell: u64) {
        // SAFETY: inside the leaf; `new` gave writers the only access.
        unsafe { *self.cell_pointer(index) = cell }
    }

    /// Entries in the leaf.
    #[inline(always)]
    pub(super) fn len(self) -> usize {
        // SAFETY: the header is initialized when a leaf is made.
        unsafe { (*self.header()).len as usize }
    }

    /// Entries that the leaf takes before it grows.
    #[inline(always)]
    pub(super) fn limit(self) -> usize {
        // SAFETY: as in `len`.
        unsafe { (*self.header()).limit as usize }
    }

    /// Cells in the leaf, empty ones included.
    pub(super) fn cell_count(self) -> usize {
        cells(self.word.class()) as usize
    }

    /// All cells.
    pub(super) fn cells<'a>(self) -> &'a [u64] {
        // SAFETY: that many cells follow the header, all initialized. The lifetime is bounded by the callers, who hold
        // the table borrowed and do not write while they hold the slice.
        unsafe { std::slice::from_raw_parts(self.cell_pointer(0), self.cell_count()) }
    }

    /// All cells that are not empty, in order.
    pub(super) fn filled<'a>(self) -> impl Iterator<Item = u64> + Clone + use<'a> {
        self.cells().iter().copied().filter(|&cell| cell != EMPTY)
    }

    /// Finds the cell whose tag is that of `hash` and whose entry `is_key` accepts. Expected O(1), one or two cache
    /// lines; `is_key` is asked about other entries only when all 16 bits of the tag agree.
    #[inline(always)]
    pub(super) fn find(self, hash: u64, mut is_key: impl FnMut(u64) -> bool) -> Found {
        let tag = self.word.tag(hash);
        let wanted = tag << 48;
        let mut index = self.word.home(tag);
        let mut cell = self.cell(index);
        while cell < wanted {
            index += 1;
            cell = self.cell(index);
        }
        // With equal tags the difference is the address; for other tags and for EMPTY it is larger than any address.
        while cell ^ wanted < ADDRESS_MASK {
            if cell != wanted && is_key(cell) {
                return Found::At(index);
            }
            index += 1;
            cell = self.cell(index);
        }
        Found::Missing(index)
    }

    /// The first cell at or after the home of `tag` whose tag is not smaller, or which is empty.
    pub(super) fn lower_bound(self, tag: u64) -> usize {
        let mut index = self.word.home(tag);
        while self.cell(index) < tag << 48 {
            index += 1;
        }
        index
    }

    /// Puts `cell` at `index`, which a search for it gave as its place, and moves what stands there one further, up to
    /// the next empty cell. `false`, with nothing changed, when the leaf has to grow first.
    #[inline]
    pub(super) fn insert(self, index: usize, cell: u64) -> bool {
        // SAFETY: the header is initialized.
        let header = unsafe { *self.header() };
        if header.len >= header.limit {
            return false;
        }
        let mut end = index;
        while self.cell(end) != EMPTY {
            end += 1;
        }
        if end == self.cell_count() {
            return false;
        }
        // SAFETY: `index..end` and `index + 1..=end` are cells of this leaf, since `end` is below their number.
        unsafe {
            let from = self.cell_pointer(index);
            std::ptr::copy(from, from.add(1), end - index);
            (*self.header()).len = header.len + 1;
        }
        self.set_cell(index, cell);
        true
    }

    /// Takes the cell at `index` out and moves those after it that are not at home one back. Returns how many are left.
    #[inline]
    pub(super) fn remove(self, index: usize) -> usize {
        let mut end = index + 1;
        loop {
            let cell = self.cell(end);
            if cell == EMPTY || self.word.home(tag_of(cell)) == end {
                break;
            }
            end += 1;
        }
        // SAFETY: `index + 1..end` are cells of this leaf: the search for `end` stops at the empty one after the last.
        unsafe {
            let to = self.cell_pointer(index);
            std::ptr::copy(to.add(1), to, end - index - 1);
            (*self.header()).len -= 1;
        }
        self.set_cell(end - 1, EMPTY);
        self.len()
    }

    /// Makes a leaf of the given depth out of cells in tag order, of `class` or the next one in which they fit.
    /// O(cells), sequential.
    pub(super) fn build(class: u8, depth: u8, contents: impl Iterator<Item = u64> + Clone) -> Self {
        let mut class = class;
        loop {
            let leaf = Self::allocate(class, depth);
            if leaf.fill(contents.clone()) {
                return leaf;
            }
            leaf.free();
            class += 1;
        }
    }

    fn allocate(class: u8, depth: u8) -> Self {
        let layout = layout(class);
        // SAFETY: the size is not 0. The header and all cells are written before the leaf is used: all bits of an
        // EMPTY cell are ones.
        unsafe {
            let block = alloc(layout);
            if block.is_null() {
                handle_alloc_error(layout);
            }
            std::ptr::write_bytes(block, 0xff, layout.size());
            let limit = u32::try_from(limit(class)).unwrap_or(u32::MAX);
            block.cast::<Header>().write(Header { len: 0, limit });
            Self { word: LeafWord::new(block.expose_provenance() as u64, class, depth) }
        }
    }

    /// Lays cells out in tag order in this new leaf. `false` if they do not all fit.
    fn fill(self, contents: impl Iterator<Item = u64>) -> bool {
        let (mut next, mut len) = (0, 0);
        for cell in contents {
            let index = next.max(self.word.home(tag_of(cell)));
            if index >= self.cell_count() {
                return false;
            }
            self.set_cell(index, cell);
            (next, len) = (index + 1, len + 1);
        }
        // SAFETY: this leaf is new, so this is the only access.
        unsafe { (*self.header()).len = len };
        true
    }

    /// Gives the memory back. The entries are the caller's business.
    pub(super) fn free(self) {
        // SAFETY: allocated with the layout of this class, and no other copy of this leaf is used after.
        unsafe { dealloc(self.header().cast(), layout(self.word.class())) }
    }

    /// Moves the leaf out of a block whose neighbours are mostly free. This copy of it is invalid if that gives another.
    pub(super) fn defragment(self) -> Option<Self> {
        let size = layout(self.word.class()).size();
        // SAFETY: the block has this size, and callers that write have the only access.
        let moved = unsafe { move_out_of_sparse_slab(self.header().cast(), size) }?;
        let address = moved.expose_provenance() as u64;
        Some(Self { word: LeafWord::new(address, self.word.class(), self.word.depth()) })
    }

    /// Bytes that the leaf's block takes.
    pub(super) fn memory_bytes(word: LeafWord) -> usize {
        if word.is_vacant() { 0 } else { words(word.class()) as usize * 8 }
    }

    /// Whether the next step of this leaf's growth is a split.
    pub(super) fn is_large(self) -> bool {
        self.word.class() >= CLASS_SPLIT
    }
}
