//! A small hash some of whose fields have had a time to live: a packed block of (field, value, time).

use super::edit::FieldExpiry;
use crate::alloc::size_class;
use crate::entry::{IntText, Payload};
use crate::packed::{Item, Packed, PackedMut, Spot};

/// Elements for one field.
const STRIDE: usize = 3;

/// A small hash with times.
#[derive(Clone, Debug, Default)]
pub struct TimedPack {
    block: Vec<u8>,
    soonest: Option<i64>,
}

/// Where a field's parts stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Triple<'a> {
    pub(super) name: Spot<'a>,
    pub(super) value: Spot<'a>,
    pub(super) time: Spot<'a>,
}

impl Triple<'_> {
    pub(super) fn expire_at(&self) -> Option<i64> {
        match self.time.item {
            Item::Int(at) => Some(at).filter(|at| *at != 0),
            Item::Text(_) => None,
        }
    }
}

impl TimedPack {
    /// From the pairs of a packed block. O(bytes).
    pub fn from_pairs(pairs: Packed<'_>) -> Self {
        let mut block = Vec::with_capacity(pairs.bytes().len() + pairs.bytes().len() / 4);
        let mut items = pairs.spots();
        while let (Some(name), Some(value)) = (items.next(), items.next()) {
            block.extend_from_slice(&pairs.bytes()[name.start..value.end]);
            PackedMut::push(&mut block, b"0");
        }
        Self { block, soonest: None }
    }

    fn packed(&self) -> Packed<'_> {
        Packed::new(&self.block)
    }

    /// Number of fields, expired ones included. O(n).
    pub fn len(&self) -> usize {
        self.packed().len() / STRIDE
    }

    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.block.len()
    }

    /// All fields in order.
    fn triples(&self) -> impl Iterator<Item = Triple<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let triple = self.triple_at(at)?;
            at = triple.time.end;
            Some(triple)
        })
    }

    /// The field whose name begins at `start`.
    #[inline]
    pub(super) fn triple_at(&self, start: usize) -> Option<Triple<'_>> {
        let block = self.packed();
        let name = block.at(start)?;
        let value = block.at(name.end)?;
        Some(Triple { name, value, time: block.at(value.end)? })
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<Triple<'_>> {
        self.triple_at(self.packed().find::<STRIDE>(name)?.start)
    }

    /// When the first field expires.
    pub fn soonest(&self) -> Option<i64> {
        self.soonest
    }

    /// Sets a field's value, and says whether it is a new one.
    pub fn set(&mut self, name: &[u8], value: &[u8], expiry: FieldExpiry) -> bool {
        let found = self.find(name);
        let is_new = found.is_none();
        let before = found.and_then(|triple| triple.expire_at());
        let after = expiry.after(before);
        let from = match found {
            Some(triple) => {
                let (start, end) = (triple.value.start, triple.time.end);
                self.block.splice_bytes(start..end, []);
                start
            }
            None => {
                PackedMut::push(&mut self.block, name);
                self.block.len()
            }
        };
        let mut digits = itoa::Buffer::new();
        PackedMut::insert_pair(&mut self.block, from, value, digits.format(after.unwrap_or(0)).as_bytes());
        self.note(before, after);
        is_new
    }

    pub fn remove(&mut self, name: &[u8]) -> bool {
        let Some(triple) = self.find(name) else { return false };
        let (range, before) = (triple.name.start..triple.time.end, triple.expire_at());
        PackedMut::remove(&mut self.block, range);
        self.note(before, None);
        true
    }

    /// Sets when a field expires; says whether it is there.
    pub fn set_expiry(&mut self, name: &[u8], at: Option<i64>) -> bool {
        let Some(triple) = self.find(name) else { return false };
        let (range, before) = (triple.time.start..triple.time.end, triple.expire_at());
        let mut digits = itoa::Buffer::new();
        PackedMut::replace(&mut self.block, range, digits.format(at.unwrap_or(0)).as_bytes());
        self.note(before, at);
        true
    }

    /// Keeps the soonest time in step with one that changed.
    fn note(&mut self, before: Option<i64>, after: Option<i64>) {
        if before.is_some() && before == self.soonest && before != after {
            self.soonest = self.triples().filter_map(|triple| triple.expire_at()).min();
        } else if let Some(at) = after {
            self.soonest = Some(self.soonest.map_or(at, |soonest| soonest.min(at)));
        }
    }

    /// Removes the fields that expired before `now`, naming each, and says how many there were. O(bytes).
    pub fn remove_due(&mut self, now: i64, mut removed: impl FnMut(&[u8])) -> usize {
        if self.soonest.is_none_or(|at| at >= now) {
            return 0;
        }
        let (mut kept, mut soonest, mut count) = (Vec::with_capacity(self.block.len()), None, 0);
        for triple in self.triples() {
            let at = triple.expire_at();
            if at.is_some_and(|at| at < now) {
                removed(triple.name.item.text(&mut IntText::new()));
                count += 1;
            } else {
                kept.extend_from_slice(&self.block[triple.name.start..triple.time.end]);
                soonest = soonest.into_iter().chain(at).min();
            }
        }
        (self.block, self.soonest) = (kept, soonest);
        count
    }

    /// Whether every field has expired before `now`. O(n) if the first has.
    pub fn all_due(&self, now: i64) -> bool {
        self.soonest.is_some_and(|at| at < now)
            && self.triples().all(|triple| triple.expire_at().is_some_and(|at| at < now))
    }

    /// Panics if something disagrees. For tests.
    pub fn check_invariants(&self) {
        let count = Packed::check(&self.block);
        assert_eq!(count.map(|count| count % STRIDE), Some(0));
        assert_eq!(self.soonest, self.triples().filter_map(|triple| triple.expire_at()).min());
    }
}

impl Payload for TimedPack {
    fn encoding_name(&self) -> &'static str {
        "listpackex"
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + size_class(self.block.capacity())
    }

    fn blocks(&self) -> usize {
        1
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }

    fn next_due(&self) -> Option<i64> {
        self.soonest
    }
}
