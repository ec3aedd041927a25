//! The stream itself: blocks by their first ID, what was ever added, and who reads.

use std::collections::BTreeMap;

use super::block::Block;
use super::entry::StreamEntry;
use super::group::{Group, count_one};
use super::id::StreamId;
use super::range::{Direction, Range};
use crate::entry::{Entry, Kind, Payload};
use crate::packed::Limits;

/// What a listpack has besides its elements: Redis counts it when it measures a block.
const LISTPACK_FRAME_LEN: usize = 7;

/// The longest block, and the most that one entry may hold.
pub const BLOCK_LEN_MAX: usize = 1 << 30;

/// A slot of a B-tree's node is 1 of 11, and about this part of them is used when keys only ever come at the end.
const SLOTS_PER_ELEMENT: usize = 2;

/// A stream. Its entries stay in the order of their IDs, and each has a greater ID than any before it.
///
/// The last ID may be set back to that of the last entry that lives. What is added then comes behind entries with greater
/// IDs that were deleted: only those that live are in order, and all of a block's entries are behind its first ID.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// By the first ID of each, deleted or not.
    blocks: BTreeMap<StreamId, Block>,
    len: usize,
    /// The last entry's that was ever added, or what XSETID said.
    pub last_id: StreamId,
    /// The first live entry's; zero if there is none.
    pub first_id: StreamId,
    /// The greatest that was deleted, other than by trimming.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
    /// By name.
    pub groups: BTreeMap<Box<[u8]>, Group>,
}

impl Stream {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over blocks from elsewhere, each with its first ID, if they are whole and in order. The IDs and counts of
    /// the stream are then for the caller to set, but for `first_id`. O(bytes).
    pub fn from_blocks(blocks: impl IntoIterator<Item = (StreamId, Vec<u8>)>) -> Option<Self> {
        let mut stream = Self::new();
        let mut last = None;
        for (first, bytes) in blocks {
            let (mut block, live) = Block::from_bytes(bytes)?;
            let view = block.view(first);
            let mut at = view.begin;
            while let Some(place) = view.at(at) {
                at = place.end;
                if place.is_deleted {
                    continue;
                }
                if last.is_some_and(|last| place.entry.id <= last) || place.entry.id < first {
                    return None;
                }
                last = Some(place.entry.id);
            }
            if at == view.begin || stream.blocks.contains_key(&first) {
                return None;
            }
            block.shrink();
            stream.len += live;
            stream.blocks.insert(first, block);
        }
        stream.find_first();
        Some(stream)
    }

    /// Blocks that were taken out of a stream, to be freed.
    pub(super) fn of_garbage(blocks: BTreeMap<StreamId, Block>) -> Self {
        Self { blocks, ..Self::default() }
    }

    /// A group that was taken out of a stream, to be freed.
    pub fn of_group(name: &[u8], group: Group) -> Self {
        Self { groups: BTreeMap::from([(name.into(), group)]), ..Self::default() }
    }

    /// Number of entries.
    #[expect(clippy::len_without_is_empty, reason = "a stream without entries is still one")]
    pub fn len(&self) -> usize {
        self.len
    }

    pub(super) fn blocks(&self) -> &BTreeMap<StreamId, Block> {
        &self.blocks
    }

    pub(super) fn blocks_mut(&mut self) -> &mut BTreeMap<StreamId, Block> {
        &mut self.blocks
    }

    /// The bytes of each block, with the ID that it begins with.
    pub fn block_bytes(&self) -> impl ExactSizeIterator<Item = (StreamId, &[u8])> {
        self.blocks.iter().map(|(first, block)| (*first, block.bytes()))
    }

    /// The ID of an entry that is added now; none if the last possible one was used.
    pub fn next_id(&self, now_ms: u64) -> Option<StreamId> {
        if now_ms > self.last_id.ms { Some(StreamId::new(now_ms, 0)) } else { self.last_id.next() }
    }

    /// Adds an entry with the fields `pairs` (name, value, name, ..). Its ID must be greater than the last. `limits` are
    /// those of a block; 0: none. O(its fields).
    ///
    /// # Panics
    ///
    /// If the ID is not greater than the last one.
    pub fn append<'t>(
        &mut self,
        id: StreamId,
        pairs: impl ExactSizeIterator<Item = &'t [u8]> + Clone,
        limits: Limits,
    ) {
        assert!(id > self.last_id, "an entry comes behind all that were ever there");
        let texts: usize = pairs.clone().map(<[u8]>::len).sum();
        let bytes_max = if limits.bytes == 0 { BLOCK_LEN_MAX } else { limits.bytes.min(BLOCK_LEN_MAX) };
        // Blocks without a live entry, from before the last ID was set back.
        while self.blocks.last_entry().is_some_and(|tail| *tail.key() > id) {
            self.blocks.pop_last();
        }
        let tail = self.blocks.last_entry().and_then(|mut tail| {
            let block = tail.get_mut();
            let (live, deleted) = block.counts();
            let is_full = block.bytes().len() + LISTPACK_FRAME_LEN + texts >= bytes_max
                || limits.entries != 0 && live + deleted >= limits.entries;
            if is_full {
                block.shrink();
                return None;
            }
            Some((*tail.key(), tail.into_mut()))
        });
        match tail {
            Some((first, block)) => block.append(first, id, pairs),
            None => {
                let mut block = Block::new(pairs.clone());
                block.append(id, id, pairs);
                self.blocks.insert(id, block);
            }
        }
        self.len += 1;
        self.entries_added = count_one(self.entries_added);
        self.last_id = id;
        if self.len == 1 {
            self.first_id = id;
        }
    }

    /// The entries from `start` to `end`, both included.
    pub fn range(&self, start: StreamId, end: StreamId, direction: Direction) -> Range<'_> {
        Range::new(self, start, end, direction)
    }

    /// All entries.
    pub fn iter(&self) -> Range<'_> {
        self.range(StreamId::ZERO, StreamId::MAX, Direction::Forward)
    }

    /// The entry with this ID.
    pub fn get(&self, id: StreamId) -> Option<StreamEntry<'_>> {
        let (first, block) = self.blocks.range(..=id).next_back()?;
        block.view(*first).find(id).map(|place| place.entry)
    }

    pub fn contains(&self, id: StreamId) -> bool {
        self.get(id).is_some()
    }

    /// The last entry's ID: that of the entry that is there, where `last_id` may be of one that is not.
    pub fn last_entry_id(&self) -> Option<StreamId> {
        self.range(StreamId::ZERO, StreamId::MAX, Direction::Backward).next().map(|entry| entry.id)
    }

    /// Deletes an entry. Returns whether there was one. O(entries of its block).
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some((first, block)) = self.blocks.range_mut(..=id).next_back() else { return false };
        let first = *first;
        let Some(place) = block.view(first).find(id).map(|place| place.start) else { return false };
        if block.counts().0 == 1 {
            self.blocks.remove(&first);
        } else {
            block.delete(place);
        }
        self.removed(1);
        self.max_deleted_id = self.max_deleted_id.max(id);
        if id == self.first_id {
            self.find_first();
        }
        true
    }

    /// That many entries went.
    pub(super) fn removed(&mut self, count: usize) {
        self.len -= count;
    }

    /// Finds out which entry is the first.
    pub(super) fn find_first(&mut self) {
        self.first_id = self.iter().next().map_or(StreamId::ZERO, |entry| entry.id);
    }

    /// Whether everything is as it must be. For tests.
    pub fn check_invariants(&self) -> Result<(), String> {
        let mut live = 0;
        let mut last = None;
        for (first, block) in &self.blocks {
            let Some((_, count)) = Block::from_bytes(block.bytes().to_vec()) else {
                return Err(format!("the block of {first:?} is damaged"));
            };
            live += count;
            let view = block.view(*first);
            let mut at = view.begin;
            if view.at(at).map(|place| place.entry.id) != Some(*first) {
                return Err(format!("the block of {first:?} begins with another entry"));
            }
            while let Some(place) = view.at(at) {
                at = place.end;
                if place.is_deleted {
                    continue;
                }
                if last >= Some(place.entry.id) || place.entry.id < *first {
                    return Err(format!("{:?} is out of order", place.entry.id));
                }
                last = Some(place.entry.id);
            }
        }
        if live != self.len || last.is_some_and(|last| last > self.last_id) {
            return Err(format!("{live} entries up to {last:?}, but {} up to {:?}", self.len, self.last_id));
        }
        let first = self.iter().next().map_or(StreamId::ZERO, |entry| entry.id);
        if first != self.first_id {
            return Err(format!("the first entry is {first:?}, not {:?}", self.first_id));
        }
        self.groups.values().try_for_each(Group::check_invariants)
    }
}

impl Payload for Stream {
    fn encoding_name(&self) -> &'static str {
        "stream"
    }

    fn len(&self) -> usize {
        self.len
    }

    /// A stream stays when its last entry goes: its IDs and groups are worth keeping.
    fn is_empty(&self) -> bool {
        false
    }

    fn memory_bytes(&self) -> usize {
        self.sampled_bytes(usize::MAX)
    }

    /// The last block, which is being filled, is always asked.
    fn sampled_bytes(&self, samples: usize) -> usize {
        let slot = size_of::<StreamId>() + size_of::<Block>();
        let last = self.blocks.values().next_back().map_or(0, Block::capacity);
        let others = self.blocks.len().saturating_sub(1);
        let sampled: usize = self.blocks.values().take(samples.min(others)).map(Block::capacity).sum();
        let blocks = last + (sampled as u128 * others as u128 / samples.min(others).max(1) as u128) as usize;
        let groups: usize = self.groups.iter().map(|(name, group)| name.len() + group.memory_bytes()).sum();
        size_of::<Self>() + blocks + self.blocks.len() * slot * SLOTS_PER_ELEMENT + groups
    }

    fn blocks(&self) -> usize {
        // A stream has few groups; where it has many, the first tell enough.
        let groups: usize = self.groups.values().take(64).map(Group::blocks).sum();
        1 + self.blocks.len() + self.groups.len() + groups
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        let mut copy = self.clone();
        copy.blocks.values_mut().for_each(Block::shrink);
        Box::new(copy)
    }
}

/// Streams in the keyspace. An entry of the stream kind always holds one.
impl Stream {
    /// # Panics
    ///
    /// If the entry is of another kind.
    pub fn of(entry: &Entry) -> &Self {
        entry.payload_as().expect("an entry of this kind holds a stream")
    }

    /// # Panics
    ///
    /// If the entry is of another kind.
    pub fn of_mut(entry: &mut Entry) -> &mut Self {
        entry.payload_as_mut().expect("an entry of this kind holds a stream")
    }

    pub fn into_entry(self, key: &[u8], expire_at: Option<i64>) -> Entry {
        Entry::boxed(key, Kind::Stream, Box::new(self), expire_at)
    }
}
