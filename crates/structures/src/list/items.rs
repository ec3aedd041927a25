//! Reading a list in either direction.

use std::collections::vec_deque;

use super::End;
use super::block::Block;
use crate::packed::{self, Item, Packed, PackedMut};

/// Elements from an index on, towards one end.
#[derive(Clone)]
pub struct Items<'a> {
    towards: End,
    current: packed::Items<'a>,
    /// Blocks that were not begun; those behind `current` or before it, as the direction demands.
    rest: vec_deque::Iter<'a, Block>,
    remaining: usize,
}

impl<'a> Items<'a> {
    pub(super) fn new(
        towards: End,
        current: Packed<'a>,
        rest: vec_deque::Iter<'a, Block>,
        remaining: usize,
    ) -> Self {
        Self { towards, current: current.items(), rest, remaining }
    }

    pub(super) fn none() -> Self {
        Self::new(End::Tail, Packed::new(&[]), vec_deque::Iter::default(), 0)
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            let item = match self.towards {
                End::Tail => self.current.next(),
                End::Head => self.current.next_back(),
            };
            if item.is_some() {
                self.remaining -= 1;
                return item;
            }
            let block = match self.towards {
                End::Tail => self.rest.next()?,
                End::Head => self.rest.next_back()?,
            };
            self.current = block.block().items();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl ExactSizeIterator for Items<'_> {}

/// A block as it stands, for who writes a list block by block.
#[derive(Clone, Copy, Debug)]
pub struct BlockView<'a> {
    pub packed: Packed<'a>,
    pub count: usize,
    /// It has one long element, which Redis stores without a listpack around it.
    pub alone: bool,
}
