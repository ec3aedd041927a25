//! A leaf of the skip list: a tower of links, and handles of members in order.
//!
//! ```text
//! node, 512 bytes:  previous 8 │ base 8 │ len 2 │ height 1 │ shift 1 │ links, 24 each │ words, 8 each
//! link:             next 8 │ score 8 │ span 8
//! word:             digest, 16 bits │ handle, 48 bits
//! ```
//!
//! The digest of a member is its score's place between those that the leaf covers, in 65,536 steps. It never falls as
//! scores rise, so a search compares digests and follows handles only where they are equal. A score outside of what a
//! leaf covers has the first or last digest; who inserts such a one measures the leaf anew, with room on both sides, so
//! that it happens a few times in a leaf's life.
//!
//! Knows nothing of how nodes are linked, beyond keeping their links.

#![expect(unsafe_code, reason = "a node is a block of raw memory with parts of varying length")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::member::Handle;
use crate::prefetch::prefetch;

/// Bytes of every node.
pub(super) const NODE_BYTES: usize = 512;
/// Bytes of a line of the cache.
const LINE_BYTES: usize = 64;
/// Levels of the tallest tower: enough for a million leaves, at a quarter of the towers rising from level to level.
pub(super) const HEIGHT_MAX: usize = 10;

const HANDLE_BITS: u32 = 48;
const HANDLE_MASK: u64 = (1 << HANDLE_BITS) - 1;
const DIGEST_MAX: u64 = 0xffff;
/// A leaf that is measured spreads its members over so many bits, an eighth of the digests: enough to tell them apart,
/// and it has to be measured anew only when it covers four times as much.
const DIGEST_BITS_USED: u32 = 13;
/// Digests that are left free for lower scores; a little more is free for higher ones.
const DIGEST_ROOM_BELOW: u64 = 3 << DIGEST_BITS_USED;
/// A leaf whose members differ by less than this is worth measuring anew when it is touched as a whole.
const DIGEST_SPREAD_MIN: u64 = 1 << 11;

/// Where a link leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) next: Option<Node>,
    /// Not above the score of any member from `next` on, nor below that of any before.
    pub(super) score: f64,
    /// Members from this node's first to the next one's first, or to the end.
    pub(super) span: usize,
}

struct Head {
    previous: Option<Node>,
    /// The order of the score with digest 0.
    base: u64,
    len: u16,
    height: u8,
    /// Bits of an order that a digest leaves out.
    shift: u8,
}

const HEAD_BYTES: usize = size_of::<Head>();
const LINK_BYTES: usize = size_of::<Link>();
const _: () = assert!(HEAD_BYTES == 24 && LINK_BYTES == 24);
const LAYOUT: Layout = Layout::new::<[u64; NODE_BYTES / 8]>();

/// The address of a node. Copied freely; only the list makes and frees nodes, and follows none that it has freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Node(NonNull<Head>);

/// A number that is ordered as scores are; -0 and 0 are equal.
#[inline(always)]
pub(super) fn order_of(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

impl Node {
    /// A node without members whose links lead nowhere.
    pub(super) fn new(height: usize) -> Self {
        assert!((1..=HEIGHT_MAX).contains(&height));
        // SAFETY: the layout is not of 0 bytes; head, links and words lie inside of it, and all that is ever read is
        // written before: head and links here, words below `len` as they come.
        unsafe {
            let Some(block) = NonNull::new(alloc(LAYOUT)) else { handle_alloc_error(LAYOUT) };
            let node = Self(block.cast());
            node.0.write(Head { previous: None, base: 0, len: 0, height: height as u8, shift: 0 });
            for level in 0..height {
                node.link_pointer(level).write(Link { next: None, score: f64::INFINITY, span: 0 });
            }
            node
        }
    }

    /// # Safety
    ///
    /// Nobody follows the node from now on.
    pub(super) unsafe fn free(self) {
        // SAFETY: the block was made with this layout, says `new`.
        unsafe { dealloc(self.0.cast().as_ptr(), LAYOUT) }
    }

    #[inline(always)]
    fn head(self) -> NonNull<Head> {
        self.0
    }

    #[inline(always)]
    fn link_pointer(self, level: usize) -> NonNull<Link> {
        // SAFETY: all links that a tower can have lie inside the block.
        unsafe { self.0.cast::<u8>().add(HEAD_BYTES + level * LINK_BYTES).cast() }
    }

    #[inline(always)]
    fn word_pointer(self, index: usize) -> NonNull<u64> {
        debug_assert!(index <= self.capacity());
        // SAFETY: callers ask for words up to the capacity, which lie inside the block.
        unsafe { self.0.cast::<u8>().add(HEAD_BYTES + self.height() * LINK_BYTES + index * 8).cast() }
    }

    #[inline(always)]
    pub(super) fn height(self) -> usize {
        // SAFETY: the node is alive, as for all methods here.
        usize::from(unsafe { (*self.head().as_ptr()).height })
    }

    #[inline(always)]
    pub(super) fn len(self) -> usize {
        // SAFETY: as above.
        usize::from(unsafe { (*self.head().as_ptr()).len })
    }

    fn set_len(self, len: usize) {
        debug_assert!(len <= self.capacity());
        // SAFETY: as above; no reference to the head is ever held.
        unsafe { (*self.head().as_ptr()).len = len as u16 }
    }

    /// Members that the node has room for.
    #[inline(always)]
    pub(super) fn capacity(self) -> usize {
        (NODE_BYTES - HEAD_BYTES - self.height() * LINK_BYTES) / 8
    }

    pub(super) fn previous(self) -> Option<Node> {
        // SAFETY: as above.
        unsafe { (*self.head().as_ptr()).previous }
    }

    pub(super) fn set_previous(self, previous: Node) {
        // SAFETY: as above.
        unsafe { (*self.head().as_ptr()).previous = Some(previous) }
    }

    /// The link of a level below the height.
    #[inline(always)]
    pub(super) fn link(self, level: usize) -> Link {
        debug_assert!(level < self.height());
        // SAFETY: links below the height are written when the node is made.
        unsafe { self.link_pointer(level).read() }
    }

    #[inline(always)]
    pub(super) fn set_link(self, level: usize, link: Link) {
        debug_assert!(level < self.height());
        // SAFETY: the link lies inside the node.
        unsafe { self.link_pointer(level).write(link) }
    }

    /// Has the head and the link of a level fetched.
    #[inline(always)]
    pub(super) fn prefetch_links(self, level: usize) {
        prefetch(self.0.as_ptr().cast());
        prefetch(self.link_pointer(level).as_ptr().cast());
    }

    /// Has all words fetched.
    pub(super) fn prefetch_words(self) {
        let first = self.0.as_ptr().cast::<u8>();
        (0..NODE_BYTES).step_by(LINE_BYTES).for_each(|at| prefetch(first.wrapping_add(at)));
    }

    /// Makes a link's span longer or shorter.
    #[inline(always)]
    pub(super) fn stretch(self, level: usize, by: isize) {
        let link = self.link(level);
        self.set_link(level, Link { span: link.span.wrapping_add_signed(by), ..link });
    }

    #[inline(always)]
    fn word(self, index: usize) -> u64 {
        debug_assert!(index < self.len());
        // SAFETY: words below the length are written.
        unsafe { self.word_pointer(index).read() }
    }

    /// The handle at an index below the length.
    #[inline(always)]
    pub(super) fn handle(self, index: usize) -> Handle {
        Handle::from_bits(self.word(index) & HANDLE_MASK)
    }

    #[inline(always)]
    fn digest_at(self, index: usize) -> u64 {
        self.word(index) >> HANDLE_BITS
    }

    #[inline(always)]
    fn scale(self) -> (u64, u8) {
        // SAFETY: as above.
        unsafe { ((*self.head().as_ptr()).base, (*self.head().as_ptr()).shift) }
    }

    #[inline(always)]
    fn digest(self, order: u64) -> u64 {
        let (base, shift) = self.scale();
        (order.saturating_sub(base) >> shift).min(DIGEST_MAX)
    }

    fn covers(self, order: u64) -> bool {
        let (base, shift) = self.scale();
        order >= base && (order - base) >> shift <= DIGEST_MAX
    }

    /// How many members stand before the place that a search is for: those with a smaller score, and of those with the
    /// same digest the ones that `is_before` tells. O(log n).
    #[inline]
    pub(super) fn partition(self, score: f64, mut is_before: impl FnMut(Handle) -> bool) -> usize {
        let wanted = self.digest(order_of(score));
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let digest = self.digest_at(middle);
            if digest < wanted || (digest == wanted && is_before(self.handle(middle))) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// As [`Node::partition`], for orders that scores don't tell.
    pub(super) fn partition_by(self, mut is_before: impl FnMut(Handle) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if is_before(self.handle(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Inserts a member with this score. There must be room, and all members of the node must be alive.
    pub(super) fn insert(self, index: usize, handle: Handle, score: f64) {
        let len = self.len();
        assert!(index <= len && len < self.capacity());
        let order = order_of(score);
        // SAFETY: the words from `index` on move back by one, inside the capacity; the new one takes its place.
        unsafe {
            let place = self.word_pointer(index);
            place.copy_to(place.add(1), len - index);
            place.write(self.digest(order) << HANDLE_BITS | handle.bits());
        }
        self.set_len(len + 1);
        if !self.covers(order) {
            self.measure();
        }
    }

    /// Removes `count` members from `index` on.
    pub(super) fn remove(self, index: usize, count: usize) {
        let len = self.len();
        assert!(index + count <= len);
        // SAFETY: what stands behind moves forward, inside the length.
        unsafe {
            let place = self.word_pointer(index);
            place.add(count).copy_to(place, len - index - count);
        }
        self.set_len(len - count);
    }

    /// Moves the member at `from` to stand before the one at `to` (or at the end), and gives it the digest of its new
    /// score, which lies between its new neighbours'.
    pub(super) fn shift(self, from: usize, to: usize, score: f64) {
        let (len, handle) = (self.len(), self.handle(from));
        assert!(from < len && to <= len);
        let order = order_of(score);
        // SAFETY: all words are below the length, and are moved among themselves.
        unsafe {
            let words = std::slice::from_raw_parts_mut(self.word_pointer(0).as_ptr(), len);
            let at = if to > from {
                words[from..to].rotate_left(1);
                to - 1
            } else {
                words[to..=from].rotate_right(1);
                to
            };
            words[at] = self.digest(order) << HANDLE_BITS | handle.bits();
        }
        if !self.covers(order) {
            self.measure();
        }
    }

    /// Moves all members from `from` on to the beginning of `target`, or to its end. All must be alive.
    pub(super) fn give(self, from: usize, target: Node, to_front: bool) {
        let (len, target_len) = (self.len(), target.len());
        let count = len - from;
        assert!(self != target && target_len + count <= target.capacity());
        // SAFETY: two nodes; the target has room behind its words, says the assertion.
        unsafe {
            let mut place = target.word_pointer(target_len);
            if to_front {
                place = target.word_pointer(0);
                place.copy_to(place.add(count), target_len);
            }
            self.word_pointer(from).copy_to_nonoverlapping(place, count);
        }
        self.set_len(from);
        target.set_len(target_len + count);
        target.measure();
        if from > 1 && self.digest_at(from - 1) - self.digest_at(0) < DIGEST_SPREAD_MIN {
            self.measure();
        }
    }

    /// Computes all digests anew, so that they differ where scores do. O(n), touches every member.
    fn measure(self) {
        let len = self.len();
        if len == 0 {
            return;
        }
        for index in 0..len {
            self.handle(index).prefetch();
        }
        // SAFETY: the members of a node are alive, says who calls.
        let order_at = |index: usize| order_of(unsafe { self.handle(index).score() });
        let (lowest, highest) = (order_at(0), order_at(len - 1));
        let shift = (u64::BITS - (highest - lowest).leading_zeros()).saturating_sub(DIGEST_BITS_USED);
        let room = u64::try_from(u128::from(DIGEST_ROOM_BELOW) << shift).unwrap_or(u64::MAX);
        let base = lowest.saturating_sub(room);
        // SAFETY: the node is alive; no reference to its head is held.
        unsafe {
            (*self.head().as_ptr()).base = base;
            (*self.head().as_ptr()).shift = shift as u8;
        }
        for index in 0..len {
            let word = self.digest(order_at(index)) << HANDLE_BITS | self.handle(index).bits();
            // SAFETY: the word is below the length.
            unsafe { self.word_pointer(index).write(word) };
        }
    }

    /// Panics if the digests are not those of the scores, or don't rise. For tests.
    pub(super) fn check(self) {
        let mut last = 0;
        for index in 0..self.len() {
            // SAFETY: the members of a node are alive, says who calls.
            let order = order_of(unsafe { self.handle(index).score() });
            assert!(self.covers(order) && self.digest_at(index) == self.digest(order));
            assert!(self.digest_at(index) >= last);
            last = self.digest_at(index);
        }
    }
}
