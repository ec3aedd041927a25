//! Walking the entries between two IDs.

use std::collections::btree_map;

use super::block::{Block, View};
use super::entry::StreamEntry;
use super::id::StreamId;
use super::large::Stream;

/// In which direction entries are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

/// The live entries between two IDs.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    blocks: btree_map::Range<'a, StreamId, Block>,
    /// The block that is being read, and where.
    current: Option<(View<'a>, usize)>,
    start: StreamId,
    end: StreamId,
    direction: Direction,
    over: bool,
}

impl<'a> Range<'a> {
    pub(super) fn new(stream: &'a Stream, start: StreamId, end: StreamId, direction: Direction) -> Self {
        let blocks = stream.blocks();
        // Entries from `start` on may stand in a block that begins before it.
        let first = blocks.range(..=start).next_back().map_or(StreamId::ZERO, |(first, _)| *first);
        let over = start > end;
        let mut range = Self {
            blocks: if over { blocks.range(..StreamId::ZERO) } else { blocks.range(first..=end) },
            current: None,
            start,
            end,
            direction,
            over,
        };
        if direction == Direction::Forward && !over {
            range.seek();
        }
        range
    }

    /// Enters the first block. In the last one of the stream readers mostly want what came last: it is sought from
    /// behind.
    fn seek(&mut self) {
        let Some((first, block)) = self.blocks.next() else { return };
        let view = block.view(*first);
        let mut at = view.begin;
        if self.end == StreamId::MAX && self.start > *first && self.blocks.clone().next().is_none() {
            at = view.end();
            while let Some(place) = view.before(at) {
                if place.entry.id < self.start && !place.is_deleted {
                    break;
                }
                at = place.start;
            }
        } else if self.start > *first && view.last_id().is_some_and(|last| last < self.start) {
            at = view.end();
        }
        self.current = Some((view, at));
    }

    fn enter_next_block(&mut self) -> bool {
        let next = match self.direction {
            Direction::Forward => self.blocks.next(),
            Direction::Backward => self.blocks.next_back(),
        };
        let Some((first, block)) = next else { return false };
        let view = block.view(*first);
        let at = if self.direction == Direction::Forward { view.begin } else { view.end() };
        self.current = Some((view, at));
        true
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = StreamEntry<'a>;

    fn next(&mut self) -> Option<StreamEntry<'a>> {
        while !self.over {
            let place = self.current.as_ref().and_then(|(view, at)| match self.direction {
                Direction::Forward => view.at(*at),
                Direction::Backward => view.before(*at),
            });
            let Some(place) = place else {
                self.over = !self.enter_next_block();
                continue;
            };
            let (next, passed, early) = match self.direction {
                Direction::Forward => (place.end, place.entry.id > self.end, place.entry.id < self.start),
                Direction::Backward => (place.start, place.entry.id < self.start, place.entry.id > self.end),
            };
            if let Some((_, at)) = &mut self.current {
                *at = next;
            }
            // A deleted entry may be out of order: it says nothing of those behind it.
            if !place.is_deleted {
                self.over = passed;
                if !(passed || early) {
                    return Some(place.entry);
                }
            }
        }
        None
    }
}
