//! Dropping the oldest entries.

use super::id::StreamId;
use super::large::Stream;

/// Which entries are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrimTo {
    /// All but the last so many.
    Len(usize),
    /// Those with a smaller ID.
    MinId(StreamId),
}

/// How thoroughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Exact,
    /// Whole blocks only, and no more entries than that; none: as many as there are.
    Blocks {
        limit: Option<usize>,
    },
}

impl Stream {
    /// Drops the oldest entries and returns how many went. O(blocks that go, and entries of one more).
    pub fn trim(&mut self, to: TrimTo, precision: Precision) -> usize {
        let mut dropped = 0;
        let mut first_left = None;
        while let Some((first, block)) = self.blocks().first_key_value() {
            let first = *first;
            let live = block.counts().0;
            let goes_whole = match to {
                TrimTo::Len(len) if self.len() <= len => break,
                TrimTo::Len(len) => self.len() - live >= len,
                TrimTo::MinId(min) => block.view(first).last_id().is_none_or(|last| last < min),
            };
            if let Precision::Blocks { limit } = precision
                && (!goes_whole || limit.is_some_and(|limit| dropped + live > limit))
            {
                break;
            }
            if goes_whole {
                self.blocks_mut().remove(&first);
                self.removed(live);
                dropped += live;
            } else {
                let flagged;
                (flagged, first_left) = self.trim_block(first, to);
                dropped += flagged;
                break;
            }
        }
        match first_left {
            Some(first) => self.first_id = first,
            None if dropped > 0 => self.find_first(),
            None => {}
        }
        dropped
    }

    /// Flags the entries of the first block that are to go. Returns how many, and which one is the first that is left in
    /// it, so that nobody has to look for it again.
    fn trim_block(&mut self, first: StreamId, to: TrimTo) -> (usize, Option<StreamId>) {
        let too_many = if let TrimTo::Len(len) = to { self.len() - len } else { usize::MAX };
        let Some(block) = self.blocks_mut().get_mut(&first) else { return (0, None) };
        let (mut flagged, mut first_left) = (0, None);
        let mut starts = Vec::new();
        let view = block.view(first);
        let mut at = view.begin;
        while let Some(place) = view.at(at) {
            at = place.end;
            if place.is_deleted {
                continue;
            }
            let stays = match to {
                TrimTo::Len(_) => flagged == too_many,
                TrimTo::MinId(min) => place.entry.id >= min,
            };
            if stays {
                first_left = Some(place.entry.id);
                break;
            }
            starts.push(place.start);
            flagged += 1;
        }
        starts.into_iter().for_each(|start| block.flag_deleted(start));
        block.count_deleted(flagged);
        self.removed(flagged);
        (flagged, first_left)
    }
}
