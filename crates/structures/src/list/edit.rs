//! Changes in the middle of a list: inserting, replacing and removing by value, with blocks split and merged as Redis
//! does with the nodes of its quicklist.

use std::ops::Range;

use super::block::Block;
use super::large::{List, block_has_room, block_of};
use super::limits::Limits;
use super::{End, Side};
use crate::packed::{Item, Packed, PackedMut, Spot};

/// A block that replacing elements has made larger than this many times what is allowed is split.
const OVERGROWN: usize = 8;

/// The places of elements in a block, as ranges of its bytes in rising order.
pub(super) type Ranges = Vec<Range<usize>>;

/// Where a block has elements that stand for `text`: the first `most` of them, counted from an end. O(bytes).
pub(super) fn matches(block: Packed<'_>, text: &[u8], most: usize, from: End) -> Ranges {
    let wanted = Item::of(text);
    let found = |spot: Spot<'_>| (spot.item == wanted).then_some(spot.start..spot.end);
    match from {
        End::Head => block.spots().filter_map(found).take(most).collect(),
        End::Tail => {
            let mut ranges: Ranges = block.spots().rev().filter_map(found).take(most).collect();
            ranges.reverse();
            ranges
        }
    }
}

impl List {
    /// Inserts beside the first element that stands for `pivot`. Returns whether there is one. O(n).
    pub(super) fn insert(&mut self, pivot: &[u8], side: Side, text: &[u8], limits: Limits) -> bool {
        let wanted = Item::of(pivot);
        let found = self.blocks.iter().enumerate().find_map(|(at, block)| {
            let mut items = block.block().items();
            items.position(|item| item == wanted).map(|within| (at, within))
        });
        let Some((at, within)) = found else { return false };
        self.insert_at(at, within, side, text, limits);
        true
    }

    /// Inserts beside the element `within` of the block `at`.
    fn insert_at(&mut self, at: usize, within: usize, side: Side, text: &[u8], limits: Limits) {
        self.len += 1;
        let block = &mut self.blocks[at];
        let index = within + usize::from(side == Side::After);
        if !self.is_quick || block_has_room(block, text, limits) {
            block.insert(block.offset(index), text);
            block.count += 1;
            return;
        }
        let splits = 0 < index && index < block.count;
        if limits.is_alone(text) || !splits {
            let (behind, neighbour) = match side {
                // In the midst of a block only what is alone comes here.
                _ if splits => {
                    let tail = block.split_off(block.offset(index), index);
                    self.blocks.insert(at + 1, tail);
                    (at + 1, None)
                }
                Side::After => (at + 1, Some(at + 1)),
                Side::Before => (at, at.checked_sub(1)),
            };
            let neighbour = neighbour.and_then(|index| self.blocks.get_mut(index));
            match neighbour.filter(|block| block_has_room(block, text, limits)) {
                Some(block) => {
                    let end = if side == Side::After { 0 } else { block.len_bytes() };
                    block.insert(end, text);
                    block.count += 1;
                }
                None => self.blocks.insert(behind, block_of(text, limits)),
            }
            return;
        }
        // The part that is split off takes the element, and the pieces are merged with what is beside them.
        let mut tail = block.split_off(block.offset(index), index);
        let center = match side {
            Side::After => {
                tail.insert(0, text);
                tail.count += 1;
                at
            }
            Side::Before => {
                block.insert(block.len_bytes(), text);
                block.count += 1;
                at + 1
            }
        };
        self.blocks.insert(at + 1, tail);
        self.merge_around(center, limits);
    }

    /// Merges the blocks round one, as far as they fit.
    fn merge_around(&mut self, mut center: usize, limits: Limits) {
        if center >= 2 && self.merge(center - 2, limits) {
            center -= 1;
        }
        self.merge(center + 1, limits);
        if center >= 1 && self.merge(center - 1, limits) {
            center -= 1;
        }
        self.merge(center, limits);
    }

    /// Merges a block with the next one, if both together are not too large.
    fn merge(&mut self, at: usize, limits: Limits) -> bool {
        let (Some(first), Some(second)) = (self.blocks.get(at), self.blocks.get(at + 1)) else {
            return false;
        };
        let (bytes, count) = (first.len_bytes() + second.len_bytes(), first.count + second.count);
        if first.alone || second.alone || limits.exceeded(bytes, count) {
            return false;
        }
        if let Some(second) = self.blocks.remove(at + 1) {
            self.blocks[at].append(&second);
        }
        true
    }

    /// Replaces the element at `index`. Returns whether there is one. O(blocks).
    pub(super) fn set(&mut self, index: usize, text: &[u8], limits: Limits) -> bool {
        let Some((at, within)) = self.seek(index) else { return false };
        let (is_quick, is_alone) = (self.is_quick, limits.is_alone(text));
        let block = &mut self.blocks[at];
        if is_quick && block.alone && is_alone {
            *block = block_of(text, limits);
        } else if is_quick && (block.alone || is_alone) {
            self.insert_at(at, within, Side::After, text, limits);
            self.remove_at(at, within);
        } else if let Some((start, end)) = block.get(within).map(|spot| (spot.start, spot.end)) {
            block.replace(start..end, text);
            self.split_overgrown(at, limits);
        }
        true
    }

    /// Removes the element `within` of the block `at`.
    fn remove_at(&mut self, at: usize, within: usize) {
        self.len -= 1;
        let block = &mut self.blocks[at];
        if block.count == 1 {
            self.blocks.remove(at);
        } else if let Some((start, end)) = block.get(within).map(|spot| (spot.start, spot.end)) {
            block.remove_all(std::slice::from_ref(&(start..end)));
        }
    }

    /// Splits a block that has grown far too large by replaced elements, so that changes in it stay cheap. (Redis lets
    /// it be; that shows nowhere, since such a list is a `quicklist` with or without.)
    fn split_overgrown(&mut self, at: usize, limits: Limits) {
        let block = &mut self.blocks[at];
        if self.is_quick && block.count > 1 && block.len_bytes() > OVERGROWN * limits.block_bytes() {
            let half = block.count / 2;
            let tail = block.split_off(block.offset(half), half);
            self.blocks.insert(at + 1, tail);
        }
    }

    /// Removes elements that stand for `text`: the first `most`, counted from an end. Returns how many there were. O(n).
    pub(super) fn remove(&mut self, text: &[u8], most: usize, from: End) -> usize {
        let mut left = most;
        let mut clear = |block: &mut Block| {
            if left > 0 {
                let ranges = matches(block.block(), text, left, from);
                left -= ranges.len();
                if !ranges.is_empty() {
                    block.remove_all(&ranges);
                }
            }
        };
        match from {
            End::Head => self.blocks.iter_mut().for_each(&mut clear),
            End::Tail => self.blocks.iter_mut().rev().for_each(&mut clear),
        }
        self.blocks.drop_empty();
        self.len -= most - left;
        most - left
    }
}
