//! One block: packed elements in a buffer with room at both ends.

use std::ops::Range;

use super::End;
use crate::alloc::size_class;
use crate::packed::{Packed, PackedMut, Spot};
use crate::prefetch::prefetch;

/// Buffers of at most this many bytes are never made smaller.
const KEPT_BYTES: usize = 1024;

#[derive(Clone)]
pub(super) struct Block {
    buffer: Box<[u8]>,
    /// Where the elements stand in it.
    start: usize,
    end: usize,
    pub(super) count: usize,
    /// The size that the buffer grows to before it only grows as needed.
    full_bytes: usize,
    /// It has one element, and gets no others: one so long that moving it would cost.
    pub(super) alone: bool,
}

impl Block {
    /// An empty block. `room`: bytes to begin with; `full_bytes`: how large it is expected to get.
    pub(super) fn new(room: usize, full_bytes: usize) -> Self {
        Self { buffer: zeroed(room), start: 0, end: 0, count: 0, full_bytes, alone: false }
    }

    /// A block of `count` elements. Their bytes are trusted to be what [`Packed`] makes.
    pub(super) fn from_bytes(bytes: &[u8], count: usize, full_bytes: usize) -> Self {
        let mut block = Self::new(bytes.len(), full_bytes);
        block.buffer[..bytes.len()].copy_from_slice(bytes);
        (block.end, block.count) = (bytes.len(), count);
        block
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn len_bytes(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_class(self.buffer.len())
    }

    /// Has the elements at an end, and the room there, on their way into the cache.
    #[inline]
    pub(super) fn prefetch(&self, end: End) {
        let at = self.buffer.as_ptr().wrapping_add(if end == End::Head { self.start } else { self.end });
        prefetch(at.wrapping_sub(64));
        prefetch(at);
    }

    /// The element at `index`, looked for from the nearer end.
    pub(super) fn get(&self, index: usize) -> Option<Spot<'_>> {
        if index < self.count / 2 {
            self.block().spots().nth(index)
        } else {
            self.block().spots().nth_back(self.count.checked_sub(index + 1)?)
        }
    }

    /// Where the element at `index` begins; for that behind the last, the end.
    pub(super) fn offset(&self, index: usize) -> usize {
        self.get(index).map_or(self.len_bytes(), |spot| spot.start)
    }

    /// Forgets `count` elements, which are the `bytes` at an end. Nothing moves. O(1), but see [`Block::tighten`].
    #[inline]
    pub(super) fn cut(&mut self, end: End, bytes: usize, count: usize) {
        match end {
            End::Head => self.start += bytes,
            End::Tail => self.end -= bytes,
        }
        self.count -= count;
        if self.buffer.len() > KEPT_BYTES && self.len_bytes() < self.buffer.len() / 8 {
            self.tighten();
        }
    }

    /// Removes the elements in these ranges of bytes, one range each, in rising order. O(bytes).
    pub(super) fn remove_all(&mut self, ranges: &[Range<usize>]) {
        let mut write = self.start;
        let mut read = self.start;
        for range in ranges {
            let gap = read..self.start + range.start;
            let len = gap.len();
            self.buffer.copy_within(gap, write);
            write += len;
            read = self.start + range.end;
        }
        let tail = self.end - read;
        self.buffer.copy_within(read..self.end, write);
        self.end = write + tail;
        self.count -= ranges.len();
        self.tighten();
    }

    /// Splits off the elements from the byte `at` on; `before` elements stay.
    pub(super) fn split_off(&mut self, at: usize, before: usize) -> Self {
        let tail = Self::from_bytes(&self.bytes()[at..], self.count - before, self.full_bytes);
        self.end = self.start + at;
        self.count = before;
        self.tighten();
        tail
    }

    /// Adds another block's elements behind this one's.
    pub(super) fn append(&mut self, other: &Self) {
        let end = self.len_bytes();
        self.splice_bytes(end..end, [other.bytes()]);
        self.count += other.count;
    }

    /// Gives back a buffer that is mostly unused.
    fn tighten(&mut self) {
        let len = self.len_bytes();
        if self.buffer.len() > KEPT_BYTES && len < self.buffer.len() / 2 {
            self.move_to(size_class(len + len / 4), End::Tail);
        }
    }

    /// Moves the elements to a buffer of this size, or within their own, so that all the room is at one end.
    fn move_to(&mut self, size: usize, room_at: End) {
        let len = self.len_bytes();
        let start = if room_at == End::Head { size - len } else { 0 };
        if size == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, start);
        } else {
            let mut buffer = zeroed(size);
            buffer[start..start + len].copy_from_slice(self.bytes());
            self.buffer = buffer;
        }
        (self.start, self.end) = (start, start + len);
    }

    /// Sees to room for `added` bytes at one end, at a cost that is paid by the bytes that can be added afterwards: the
    /// elements are moved inside their buffer only if that frees an eighth of it.
    #[cold]
    fn make_room(&mut self, added: usize, room_at: End) {
        let (needed, size) = (self.len_bytes() + added, self.buffer.len());
        let size = if needed + size / 8 <= size {
            size
        } else if needed <= self.full_bytes && size < self.full_bytes {
            size_class((needed + needed / 2).min(self.full_bytes))
        } else {
            size_class(needed + needed / 8)
        };
        self.move_to(size, room_at);
    }

    pub(super) fn check_invariants(&self) {
        assert!(self.start <= self.end && self.end <= self.buffer.len());
        assert_eq!(Packed::check(self.bytes()), Some(self.count), "elements are whole and counted");
        assert!(self.count > 0, "no block is empty");
        assert!(!self.alone || self.count == 1, "an element that is alone is alone");
    }
}

fn zeroed(len: usize) -> Box<[u8]> {
    vec![0; len].into_boxed_slice()
}

/// Changes of the bytes; `count` is the caller's to keep.
impl PackedMut for Block {
    #[inline]
    fn block(&self) -> Packed<'_> {
        Packed::new(self.bytes())
    }

    /// Moves what is on the shorter side of the range.
    #[inline]
    fn splice_bytes<const N: usize>(&mut self, range: Range<usize>, parts: [&[u8]; N]) {
        let added: usize = parts.iter().map(|part| part.len()).sum();
        let removed = range.end - range.start;
        let (head, tail) = (range.start, self.len_bytes() - range.end);
        let moves_head = head < tail;
        let room = if moves_head { self.start } else { self.buffer.len() - self.end };
        if removed + room < added {
            self.make_room(added - removed, if moves_head { End::Head } else { End::Tail });
        }
        let from = if moves_head {
            let start = self.start + removed - added;
            self.buffer.copy_within(self.start..self.start + head, start);
            self.start = start;
            start + head
        } else {
            let from = self.start + head;
            self.buffer.copy_within(self.end - tail..self.end, from + added);
            self.end = from + added + tail;
            from
        };
        let mut at = from;
        for part in parts {
            self.buffer[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    }
}
