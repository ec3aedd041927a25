//! A list that doesn't fit its entry: a deque of blocks. Pushing, popping, seeking.

use std::fmt;
use std::ops::Range;

use super::block::Block;
use super::blocks::Blocks;
use super::limits::Limits;
use super::{BlockView, End, Items};
use crate::alloc::size_class;
use crate::entry::Payload;
use crate::packed::{Encoded, Item, Packed, PackedMut, Spot};

/// The most blocks that are freed at once where a list is cut.
const CUT_HERE_MAX: usize = 64;

/// See the module's description. Never shared: it is an entry's payload.
#[derive(Clone)]
pub struct List {
    pub(super) blocks: Blocks,
    pub(super) len: usize,
    /// Told as `quicklist`; else it is one block, which may get larger than the limit while one command adds to it.
    pub(super) is_quick: bool,
}

impl List {
    /// An empty list that is stored in one block while it is small.
    pub(super) fn small() -> Self {
        Self { blocks: Blocks::default(), len: 0, is_quick: false }
    }

    /// A list of one block.
    pub(super) fn from_bytes(bytes: &[u8], count: usize, limits: Limits) -> Self {
        let mut blocks = Blocks::default();
        if count > 0 {
            blocks.push_back(Block::from_bytes(bytes, count, limits.block_bytes()));
        }
        Self { blocks, len: count, is_quick: false }
    }

    /// Bytes and elements, if all is in one block.
    pub(super) fn only_block(&self) -> Option<(&[u8], usize)> {
        match self.blocks.len() {
            0 => Some((&[], 0)),
            1 => self.blocks.front().map(|block| (block.bytes(), block.count)),
            _ => None,
        }
    }

    /// A small list becomes a large one if it gets so many bytes and elements more.
    #[inline]
    pub(super) fn expect(&mut self, bytes: usize, count: usize, limits: Limits) {
        if !self.is_quick {
            let has = self.blocks.front().map_or(0, Block::len_bytes);
            self.is_quick = limits.exceeded(has + bytes, self.len + count);
        }
    }

    /// A large list of one block becomes a small one, if it is below `is_small`'s bound.
    pub(super) fn settle(&mut self, is_small: impl FnOnce(usize, usize) -> bool) {
        if self.is_quick
            && let Some(block) = self.blocks.front().filter(|_| self.blocks.len() == 1)
            && !block.alone
            && is_small(block.len_bytes(), block.count)
        {
            self.is_quick = false;
        }
    }

    /// Adds an element at an end.
    #[inline]
    pub(super) fn push(&mut self, end: End, text: &[u8], limits: Limits) {
        let outer = match end {
            End::Head => self.blocks.front_mut(),
            End::Tail => self.blocks.back_mut(),
        };
        let is_quick = self.is_quick;
        let outer = outer.filter(|block| !is_quick || block_has_room(block, text, limits));
        self.len += 1;
        match outer {
            Some(block) => {
                let at = if end == End::Head { 0 } else { block.len_bytes() };
                block.insert(at, text);
                block.count += 1;
            }
            None => {
                let mut block = block_of(text, limits);
                // The only block of a small list takes whatever comes.
                block.alone &= is_quick;
                match end {
                    End::Head => self.blocks.push_front(block),
                    End::Tail => self.blocks.push_back(block),
                }
            }
        }
    }

    /// Removes `count` elements, or all, from an end, and shows them. O(count).
    pub(super) fn pop(&mut self, end: End, count: usize, each: &mut impl FnMut(Item<'_>)) {
        let mut left = count.min(self.len);
        self.len -= left;
        while left > 0 {
            let Some(block) = self.blocks.outer_mut(end) else { return };
            let here = left.min(block.count);
            let mut bytes = 0;
            let mut show = |spot: Spot<'_>| {
                each(spot.item);
                bytes += spot.end - spot.start;
            };
            match end {
                End::Head => block.block().spots().take(here).for_each(&mut show),
                End::Tail => block.block().spots().rev().take(here).for_each(&mut show),
            }
            left -= here;
            if here == block.count {
                self.drop_outer(end);
            } else {
                block.cut(end, bytes, here);
            }
        }
    }

    /// Removes `count` elements from an end, unseen. Blocks that are many are returned, for who has the time to free
    /// them. O(blocks).
    pub(super) fn cut(&mut self, end: End, count: usize) -> Option<Self> {
        let mut left = count.min(self.len);
        self.len -= left;
        let cut_off = self.cut_blocks(end, &mut left);
        while left > 0 {
            let Some(block) = self.blocks.outer_mut(end) else { return cut_off };
            if left >= block.count {
                left -= block.count;
                self.drop_outer(end);
                continue;
            }
            let bytes = match end {
                End::Head => block.offset(left),
                End::Tail => block.len_bytes() - block.offset(block.count - left),
            };
            block.cut(end, bytes, left);
            left = 0;
        }
        cut_off
    }

    /// Takes the blocks off that all of whose elements are among the outermost `left`, if they are many; others stay.
    fn cut_blocks(&mut self, end: End, left: &mut usize) -> Option<Self> {
        let (mut blocks, mut elements) = (0, 0);
        let mut count = |block: &Block| {
            let goes = elements + block.count <= *left;
            if goes {
                (blocks, elements) = (blocks + 1, elements + block.count);
            }
            goes
        };
        match end {
            End::Head => self.blocks.iter().take_while(|block| count(block)).for_each(drop),
            End::Tail => self.blocks.iter().rev().take_while(|block| count(block)).for_each(drop),
        }
        if blocks <= CUT_HERE_MAX {
            return None;
        }
        *left -= elements;
        let blocks = if blocks == self.blocks.len() {
            std::mem::take(&mut self.blocks)
        } else {
            self.blocks.take(end, blocks)
        };
        Some(Self { blocks, len: elements, is_quick: true })
    }

    fn drop_outer(&mut self, end: End) {
        match end {
            End::Head => self.blocks.pop_front(),
            End::Tail => self.blocks.pop_back(),
        };
    }

    /// The block that has the element at `index`, and the element's index in it. From the nearer end. O(blocks).
    pub(super) fn seek(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index < self.len / 2 {
            let mut rest = index;
            for (at, block) in self.blocks.iter().enumerate() {
                if rest < block.count {
                    return Some((at, rest));
                }
                rest -= block.count;
            }
        } else {
            let mut rest = self.len - index;
            for (back, block) in self.blocks.iter().rev().enumerate() {
                if rest <= block.count {
                    let at = self.blocks.len() - 1 - back;
                    return Some((at, block.count - rest));
                }
                rest -= block.count;
            }
        }
        None
    }

    pub(super) fn get(&self, index: usize) -> Option<Item<'_>> {
        let (block, within) = self.seek(index)?;
        Some(self.blocks.get(block)?.get(within)?.item)
    }

    pub(super) fn items(&self, from: usize, towards: End) -> Items<'_> {
        let Some((at, within)) = self.seek(from) else { return Items::none() };
        let block = &self.blocks[at];
        let Some(spot) = block.get(within) else { return Items::none() };
        match towards {
            End::Tail => {
                let current = Packed::new(&block.bytes()[spot.start..]);
                Items::new(towards, current, self.len - from).then(&self.blocks, at + 1..self.blocks.len())
            }
            End::Head => {
                let current = Packed::new(&block.bytes()[..spot.end]);
                Items::new(towards, current, from + 1).then(&self.blocks, 0..at)
            }
        }
    }

    pub(super) fn views(&self) -> impl Iterator<Item = BlockView<'_>> {
        self.blocks.iter().map(|block| BlockView {
            packed: block.block(),
            count: block.count,
            alone: block.alone,
        })
    }

    /// Keeps only the elements in a range of indexes, and returns what was cut off if that is large. O(blocks).
    pub(super) fn trim(&mut self, kept: &Range<usize>) -> [Option<Self>; 2] {
        let behind = self.len.saturating_sub(kept.end);
        [self.cut(End::Head, kept.start), self.cut(End::Tail, behind)]
    }

    /// Panics if anything is not as it must be. O(bytes).
    pub fn check_invariants(&self) {
        self.blocks.iter().for_each(Block::check_invariants);
        assert_eq!(self.len, self.blocks.iter().map(|block| block.count).sum());
        assert!(self.is_quick || self.blocks.len() <= 1, "a small list is one block");
    }
}

pub(super) fn block_has_room(block: &Block, text: &[u8], limits: Limits) -> bool {
    !block.alone && limits.has_room(block.len_bytes(), block.count, text)
}

/// A block of one element. The next ones likely go beside it, unless it is alone or large.
pub(super) fn block_of(text: &[u8], limits: Limits) -> Block {
    let encoded = Encoded::of(text);
    let full = limits.block_bytes();
    let alone = limits.is_alone(text);
    let room = if alone || encoded.len() > full / 2 { encoded.len() } else { encoded.len().max(full / 8) };
    let mut block = Block::new(size_class(room), full);
    block.splice_bytes(0..0, encoded.parts());
    (block.count, block.alone) = (1, alone);
    block
}

/// What all of `len` take if `samples` of them take so many bytes.
fn scaled(bytes: usize, len: usize, samples: usize) -> usize {
    (bytes as u128 * len as u128 / samples.max(1) as u128) as usize
}

impl Payload for List {
    fn encoding_name(&self) -> &'static str {
        if self.is_quick { "quicklist" } else { "listpack" }
    }

    fn len(&self) -> usize {
        self.len
    }

    fn memory_bytes(&self) -> usize {
        self.sampled_bytes(usize::MAX)
    }

    /// The outermost blocks are often partly filled: half of the samples are from the middle on.
    fn sampled_bytes(&self, samples: usize) -> usize {
        let bytes = if samples >= self.blocks.len() {
            self.blocks.iter().map(Block::memory_bytes).sum()
        } else {
            let outer = self.blocks.iter().take(samples.div_ceil(2));
            let inner = (0..samples / 2).filter_map(|index| self.blocks.get(self.blocks.len() / 2 + index));
            let sampled: usize = outer.chain(inner).map(Block::memory_bytes).sum();
            scaled(sampled, self.blocks.len(), samples)
        };
        size_class(size_of::<Self>()) + size_class(self.blocks.capacity() * size_of::<Block>()) + bytes
    }

    fn blocks(&self) -> usize {
        2 + self.blocks.len()
    }

    fn prefetch(&self) {
        if let Some(block) = self.blocks.front() {
            block.prefetch(End::Head);
        }
        if let Some(block) = self.blocks.back() {
            block.prefetch(End::Tail);
        }
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }
}

impl fmt::Debug for List {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> = self.blocks.iter().map(|block| block.count).collect();
        formatter.debug_struct("List").field("counts", &counts).field("is_quick", &self.is_quick).finish()
    }
}
