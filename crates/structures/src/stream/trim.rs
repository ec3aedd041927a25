//! Dropping the oldest entries.

use super::block::Block;
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

/// The most blocks that are freed at once where a stream is trimmed.
const CUT_HERE_MAX: usize = 64;

/// Whether nothing of the first block is to stay, where the stream has so many entries.
fn goes_whole(to: TrimTo, len: usize, first: StreamId, block: &Block) -> bool {
    match to {
        TrimTo::Len(kept) => len - block.counts().0 >= kept,
        TrimTo::MinId(min) => block.view(first).last_id().is_none_or(|last| last < min),
    }
}

impl Stream {
    /// Drops the oldest entries and returns how many went. Their blocks, if they are many, are moved to `cut_off`, for
    /// who has the time to free them. O(blocks that go, and entries of one more).
    pub fn trim(&mut self, to: TrimTo, precision: Precision, cut_off: &mut Option<Self>) -> usize {
        let mut dropped = self.cut(to, precision, cut_off);
        let mut first_left = None;
        // Behind blocks that had to stay for a deleted entry of theirs, though none lives in them.
        let mut from = StreamId::ZERO;
        while let Some((first, block)) = self.blocks().range(from..).next() {
            let first = *first;
            let live = block.counts().0;
            if let TrimTo::Len(len) = to
                && self.len() <= len
            {
                break;
            }
            let goes_whole = goes_whole(to, self.len(), first, block);
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
                match first.next() {
                    Some(next) if first_left.is_none() => from = next,
                    _ => break,
                }
            }
        }
        match first_left {
            Some(first) => self.first_id = first,
            None if dropped > 0 => self.find_first(),
            None => {}
        }
        dropped
    }

    /// Takes off the first blocks that go whole, if they are many; else the stream stays as it is.
    fn cut(&mut self, to: TrimTo, precision: Precision, cut_off: &mut Option<Self>) -> usize {
        let (mut count, mut dropped, mut first_kept) = (0, 0, None);
        for (first, block) in self.blocks() {
            let (live, len) = (block.counts().0, self.len() - dropped);
            let is_enough = matches!(to, TrimTo::Len(kept) if len <= kept);
            let limit = if let Precision::Blocks { limit } = precision { limit } else { None };
            if is_enough
                || !goes_whole(to, len, *first, block)
                || limit.is_some_and(|limit| dropped + live > limit)
            {
                first_kept = Some(*first);
                break;
            }
            (count, dropped) = (count + 1, dropped + live);
        }
        if count <= CUT_HERE_MAX {
            return 0;
        }
        let kept = first_kept.map(|first| self.blocks_mut().split_off(&first)).unwrap_or_default();
        let blocks = std::mem::replace(self.blocks_mut(), kept);
        *cut_off = Some(Self::of_garbage(blocks));
        self.removed(dropped);
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
