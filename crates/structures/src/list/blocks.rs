//! The blocks of a list: a deque whose outermost two stand in it, so that the way to the end of a list that is not in
//! the cache is one pointer shorter.

use std::collections::VecDeque;
use std::ops::{Index, IndexMut};

use super::End;
use super::block::Block;

/// There is no tail without a head, and nothing between them without both.
#[derive(Clone, Default)]
pub(super) struct Blocks {
    head: Option<Block>,
    middle: VecDeque<Block>,
    tail: Option<Block>,
}

impl Blocks {
    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.head.is_some()) + self.middle.len() + usize::from(self.tail.is_some())
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&Block> {
        match index.checked_sub(1) {
            None => self.head.as_ref(),
            Some(index) if index < self.middle.len() => self.middle.get(index),
            Some(index) => self.tail.as_ref().filter(|_| index == self.middle.len()),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Block> {
        match index.checked_sub(1) {
            None => self.head.as_mut(),
            Some(index) if index < self.middle.len() => self.middle.get_mut(index),
            Some(index) => self.tail.as_mut().filter(|_| index == self.middle.len()),
        }
    }

    #[inline]
    pub(super) fn front(&self) -> Option<&Block> {
        self.head.as_ref()
    }

    #[inline]
    pub(super) fn back(&self) -> Option<&Block> {
        self.tail.as_ref().or(self.head.as_ref())
    }

    #[inline]
    pub(super) fn front_mut(&mut self) -> Option<&mut Block> {
        self.head.as_mut()
    }

    #[inline]
    pub(super) fn back_mut(&mut self) -> Option<&mut Block> {
        self.tail.as_mut().or(self.head.as_mut())
    }

    pub(super) fn outer_mut(&mut self, end: End) -> Option<&mut Block> {
        match end {
            End::Head => self.front_mut(),
            End::Tail => self.back_mut(),
        }
    }

    pub(super) fn push_front(&mut self, block: Block) {
        if let Some(second) = self.head.replace(block) {
            match self.tail {
                Some(_) => self.middle.push_front(second),
                None => self.tail = Some(second),
            }
        }
    }

    pub(super) fn push_back(&mut self, block: Block) {
        if self.head.is_none() {
            self.head = Some(block);
        } else if let Some(last) = self.tail.replace(block) {
            self.middle.push_back(last);
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<Block> {
        let block = self.head.take();
        self.head = self.middle.pop_front().or_else(|| self.tail.take());
        block
    }

    pub(super) fn pop_back(&mut self) -> Option<Block> {
        let Some(block) = self.tail.take() else { return self.head.take() };
        self.tail = self.middle.pop_back();
        Some(block)
    }

    /// Takes so many blocks, but not all, off an end. O(those taken or those that stay, whichever are fewer).
    pub(super) fn take(&mut self, end: End, count: usize) -> Self {
        debug_assert!(count > 0 && count < self.len());
        let head = self.head.take();
        let mut all = std::mem::take(&mut self.middle);
        all.extend(self.tail.take());
        match end {
            End::Head => {
                let rest = split_off(&mut all, count - 1);
                *self = Self::of(rest);
                Self::with_head(head, all)
            }
            End::Tail => {
                let kept = all.len() + 1 - count;
                let rest = split_off(&mut all, kept - 1);
                *self = Self::with_head(head, all);
                Self::of(rest)
            }
        }
    }

    fn of(mut blocks: VecDeque<Block>) -> Self {
        let head = blocks.pop_front();
        Self::with_head(head, blocks)
    }

    fn with_head(head: Option<Block>, mut middle: VecDeque<Block>) -> Self {
        let tail = middle.pop_back();
        Self { head, middle, tail }
    }

    /// Puts a block before the one at `index`, or behind the last.
    pub(super) fn insert(&mut self, index: usize, block: Block) {
        if index == 0 {
            self.push_front(block);
        } else if index == self.len() {
            self.push_back(block);
        } else {
            self.middle.insert(index - 1, block);
        }
    }

    pub(super) fn remove(&mut self, index: usize) -> Option<Block> {
        if index == 0 {
            self.pop_front()
        } else if index + 1 == self.len() {
            self.pop_back()
        } else {
            self.middle.remove(index - 1)
        }
    }

    /// Removes the blocks that have no elements.
    pub(super) fn drop_empty(&mut self) {
        if self.iter().any(|block| block.count == 0) {
            let Self { head, middle, tail } = std::mem::take(self);
            let kept = head.into_iter().chain(middle).chain(tail).filter(|block| block.count > 0);
            kept.for_each(|block| self.push_back(block));
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.head.iter().chain(&self.middle).chain(&self.tail)
    }

    pub(super) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Block> {
        self.head.iter_mut().chain(&mut self.middle).chain(&mut self.tail)
    }

    /// How many blocks there is room for outside.
    pub(super) fn capacity(&self) -> usize {
        self.middle.capacity()
    }
}

/// What stands from `at` on, taken off. O(the shorter part), where [`VecDeque::split_off`] copies what it takes.
fn split_off(blocks: &mut VecDeque<Block>, at: usize) -> VecDeque<Block> {
    if at * 2 > blocks.len() {
        return blocks.split_off(at);
    }
    let first = blocks.drain(..at).collect();
    std::mem::replace(blocks, first)
}

impl Index<usize> for Blocks {
    type Output = Block;

    fn index(&self, index: usize) -> &Block {
        self.get(index).expect("there is a block at that index")
    }
}

impl IndexMut<usize> for Blocks {
    fn index_mut(&mut self, index: usize) -> &mut Block {
        self.get_mut(index).expect("there is a block at that index")
    }
}
