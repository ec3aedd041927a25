//! Reading a list in either direction.

use std::ops::Range;

use super::End;
use super::blocks::Blocks;
use crate::packed::{self, Item, Packed, PackedMut};

/// Elements from an index on, towards one end.
#[derive(Clone)]
pub struct Items<'a> {
    towards: End,
    current: packed::Items<'a>,
    blocks: Option<&'a Blocks>,
    /// The blocks that were not begun: those behind `current` or before it, as the direction demands.
    rest: Range<usize>,
    remaining: usize,
}

impl<'a> Items<'a> {
    /// `current`'s elements.
    pub(super) fn new(towards: End, current: Packed<'a>, remaining: usize) -> Self {
        Self { towards, current: current.items(), blocks: None, rest: 0..0, remaining }
    }

    /// Then those of the `rest` of the blocks.
    pub(super) fn then(self, blocks: &'a Blocks, rest: Range<usize>) -> Self {
        Self { blocks: Some(blocks), rest, ..self }
    }

    pub(super) fn none() -> Self {
        Self::new(End::Tail, Packed::new(&[]), 0)
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
            let index = match self.towards {
                End::Tail => self.rest.next()?,
                End::Head => self.rest.next_back()?,
            };
            self.current = self.blocks?.get(index)?.block().items();
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
