//! One block: entries that follow each other, as a run of packed elements.
//!
//! ```text
//! master entry:  live │ deleted │ names │ name.. │ 0
//! entry:         flags │ ms │ seq │ (names │ name │ value │ ..) or value.. │ elements of this entry
//! ```
//!
//! `ms` and `seq` are the distances from the block's first ID. An entry whose names are the master entry's, in its
//! order, holds values only. A deleted entry keeps its place and is flagged. The last element of each leads backwards.

use super::entry::StreamEntry;
use super::id::StreamId;
use crate::packed::{Encoded, Item, Packed, PackedMut};

const DELETED: i64 = 1;
const SAME_NAMES: i64 = 2;

/// The elements of an entry besides names and values: flags and the two distances.
const FIXED_ELEMENTS: usize = 3;

/// A block, owned.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: Vec<u8>,
}

impl Block {
    /// A block whose master entry has the names of `pairs` (name, value, name, ..), without entries.
    pub fn new<'t>(pairs: impl ExactSizeIterator<Item = &'t [u8]> + Clone) -> Self {
        let text_len: usize = pairs.clone().map(|text| text.len() + 2).sum();
        let mut block = Self { bytes: Vec::with_capacity(text_len * 3 / 2 + 24) };
        block.push_int(0);
        block.push_int(0);
        block.push_int((pairs.len() / 2) as i64);
        pairs.step_by(2).for_each(|name| block.push_text(name));
        block.push_int(0);
        block
    }

    /// Takes over bytes from elsewhere if they are a block, and says how many of its entries live.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<(Self, usize)> {
        let live = check(&bytes)?;
        Some((Self { bytes }, live))
    }

    #[inline]
    fn push_int(&mut self, number: i64) {
        // Nearly all are: flags, counts, distances of entries that came together. Its own byte, and its length.
        if let 0..=127 = number {
            return self.bytes.extend_from_slice(&[number as u8, 1]);
        }
        self.bytes.splice_bytes(self.bytes.len()..self.bytes.len(), Encoded::new(Item::Int(number)).parts());
    }

    fn push_text(&mut self, text: &[u8]) {
        PackedMut::push(&mut self.bytes, text);
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives back the room for more.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// What is in the block of entries from `first_id` on.
    pub fn view(&self, first_id: StreamId) -> View<'_> {
        View::new(&self.bytes, first_id)
    }

    /// Entries that live, and that are deleted. O(1).
    pub fn counts(&self) -> (usize, usize) {
        let (live, deleted, _) = counts(Packed::new(&self.bytes));
        (live as usize, deleted as usize)
    }

    /// Adds an entry behind all others. O(its names and values).
    pub fn append<'t>(
        &mut self,
        first_id: StreamId,
        id: StreamId,
        pairs: impl ExactSizeIterator<Item = &'t [u8]> + Clone,
    ) {
        let packed = Packed::new(&self.bytes);
        let (live, deleted, at) = counts(packed);
        let same = has_names(packed, at, pairs.clone());
        match &mut self.bytes[..] {
            // Both counts are, and stay, numbers of one byte each.
            [live @ 0..=126, 1, 0..=127, 1, ..] => *live += 1,
            _ => self.set_counts(live + 1, deleted),
        }
        let (ms, seq) = id.delta_from(first_id);
        self.push_int(if same { SAME_NAMES } else { 0 });
        self.push_int(ms);
        self.push_int(seq);
        let count = pairs.len();
        if same {
            pairs.skip(1).step_by(2).for_each(|value| self.push_text(value));
            self.push_int((FIXED_ELEMENTS + count / 2) as i64);
        } else {
            self.push_int((count / 2) as i64);
            pairs.for_each(|text| self.push_text(text));
            self.push_int((FIXED_ELEMENTS + 1 + count) as i64);
        }
    }

    /// Flags the entry that begins at `start` as deleted.
    pub fn delete(&mut self, start: usize) {
        self.flag_deleted(start);
        self.count_deleted(1);
    }

    /// Flags without counting: for many at a time, since counting may move what is behind.
    pub fn flag_deleted(&mut self, start: usize) {
        // The flags are a number below 4, which is its own byte.
        self.bytes[start] |= DELETED as u8;
    }

    /// That many more were flagged.
    pub fn count_deleted(&mut self, more: usize) {
        let (live, deleted, _) = counts(Packed::new(&self.bytes));
        self.set_counts(live - more as i64, deleted + more as i64);
    }

    fn set_counts(&mut self, live: i64, deleted: i64) {
        let end = counts(Packed::new(&self.bytes)).2;
        if let (4, 0..=127, 0..=127) = (end, live, deleted) {
            // Both are, and stay, numbers of one byte each.
            (self.bytes[0], self.bytes[2]) = (live as u8, deleted as u8);
            return;
        }
        let (live, deleted) = (Encoded::new(Item::Int(live)), Encoded::new(Item::Int(deleted)));
        let ([a, b, c], [d, e, f]) = (live.parts(), deleted.parts());
        self.bytes.splice_bytes(0..end, [a, b, c, d, e, f]);
    }
}

/// The counts of live and deleted entries, and where the elements behind them begin.
fn counts(packed: Packed<'_>) -> (i64, i64, usize) {
    let (live, at) = int_at(packed, 0);
    let (deleted, at) = int_at(packed, at);
    (live, deleted, at)
}

/// The number at `at`, and where the next element begins. Zero where there is none: blocks are made here, or checked.
fn int_at(packed: Packed<'_>, at: usize) -> (i64, usize) {
    match packed.at(at) {
        Some(spot) => (if let Item::Int(number) = spot.item { number } else { 0 }, spot.end),
        None => (0, at),
    }
}

/// Whether the master entry, whose number of names is at `at`, has just these names.
fn has_names<'t>(packed: Packed<'_>, at: usize, pairs: impl ExactSizeIterator<Item = &'t [u8]>) -> bool {
    let (count, mut at) = int_at(packed, at);
    if count as usize != pairs.len() / 2 {
        return false;
    }
    for name in pairs.step_by(2) {
        let Some(spot) = packed.at(at) else { return false };
        if spot.item != Item::of(name) {
            return false;
        }
        at = spot.end;
    }
    true
}

/// A block, borrowed for reading.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    packed: Packed<'a>,
    first_id: StreamId,
    pub live: usize,
    names: usize,
    names_at: usize,
    /// Where the first entry begins.
    pub begin: usize,
}

/// An entry, live or not, and where it stands in its block.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub entry: StreamEntry<'a>,
    pub is_deleted: bool,
    pub start: usize,
    /// Where the next entry begins.
    pub end: usize,
}

impl<'a> View<'a> {
    fn new(bytes: &'a [u8], first_id: StreamId) -> Self {
        let packed = Packed::new(bytes);
        let (live, _, at) = counts(packed);
        let (names, names_at) = int_at(packed, at);
        // The names, and the zero behind them.
        let begin = skip(packed, names_at, names as usize + 1);
        Self { packed, first_id, live: live as usize, names: names as usize, names_at, begin }
    }

    /// Where the last entry ends.
    pub fn end(&self) -> usize {
        self.packed.bytes().len()
    }

    /// The entry that begins at `start`; nothing at the end of the block.
    pub fn at(&self, start: usize) -> Option<Place<'a>> {
        let (entry, is_deleted) = self.read(start)?;
        let texts = if entry.has_own_names() { 2 * entry.len() } else { entry.len() };
        // The values, and the number that leads backwards.
        let end = skip(self.packed, entry.texts_at(), texts + 1);
        Some(Place { entry, is_deleted, start, end })
    }

    /// The entry that ends at `end`; nothing before the first.
    pub fn before(&self, end: usize) -> Option<Place<'a>> {
        let back = self.packed.before(end)?;
        let Item::Int(elements @ 1..) = back.item else { return None };
        let mut start = back.start;
        for _ in 0..elements {
            start = self.packed.before(start)?.start;
        }
        let (entry, is_deleted) = self.read(start)?;
        Some(Place { entry, is_deleted, start, end })
    }

    fn read(&self, start: usize) -> Option<(StreamEntry<'a>, bool)> {
        let spot = self.packed.at(start)?;
        let Item::Int(flags) = spot.item else { return None };
        let (ms, at) = int_at(self.packed, spot.end);
        let (seq, at) = int_at(self.packed, at);
        let id = self.first_id.plus_delta((ms, seq));
        let entry = if flags & SAME_NAMES != 0 {
            StreamEntry::new(id, self.packed, self.names, Some(self.names_at), at)
        } else {
            let (count, at) = int_at(self.packed, at);
            StreamEntry::new(id, self.packed, count as usize, None, at)
        };
        Some((entry, flags & DELETED != 0))
    }

    /// The last entry's ID, deleted or not.
    pub fn last_id(&self) -> Option<StreamId> {
        self.before(self.end()).map(|place| place.entry.id)
    }

    /// The place of the entry with this ID, if it lives.
    pub fn find(&self, id: StreamId) -> Option<Place<'a>> {
        let mut at = self.begin;
        while let Some(place) = self.at(at) {
            // A deleted entry may be out of order: see `Stream`.
            if place.entry.id >= id && !place.is_deleted {
                return (place.entry.id == id).then_some(place);
            }
            at = place.end;
        }
        None
    }
}

fn skip(packed: Packed<'_>, mut at: usize, count: usize) -> usize {
    for _ in 0..count {
        let Some(spot) = packed.at(at) else { break };
        at = spot.end;
    }
    at
}

/// Whether these bytes are a block, and then how many of its entries live. For blocks from elsewhere. O(bytes).
fn check(bytes: &[u8]) -> Option<usize> {
    Packed::check(bytes)?;
    let packed = Packed::new(bytes);
    let mut items = packed.items();
    let int = |items: &mut crate::packed::Items<'_>| match items.next() {
        Some(Item::Int(number)) => Some(number),
        _ => None,
    };
    let (live, deleted) = (int(&mut items)?, int(&mut items)?);
    let names = usize::try_from(int(&mut items)?).ok()?;
    for _ in 0..names {
        items.next()?;
    }
    if int(&mut items)? != 0 {
        return None;
    }
    let (mut found_live, mut found_deleted) = (0_i64, 0_i64);
    while let Some(flags) = items.next() {
        let Item::Int(flags @ 0..=3) = flags else { return None };
        int(&mut items)?;
        int(&mut items)?;
        let (texts, extra) = if flags & SAME_NAMES != 0 {
            (names, 0)
        } else {
            (usize::try_from(int(&mut items)?).ok()?.checked_mul(2)?, 1)
        };
        for _ in 0..texts {
            items.next()?;
        }
        if usize::try_from(int(&mut items)?).ok()? != FIXED_ELEMENTS + extra + texts {
            return None;
        }
        if flags & DELETED != 0 { found_deleted += 1 } else { found_live += 1 }
    }
    ((live, deleted) == (found_live, found_deleted)).then_some(found_live as usize)
}
