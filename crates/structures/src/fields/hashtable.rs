//! A large hash: a table of fields, and an exact index of those that expire.

use std::collections::{BTreeSet, VecDeque};

use super::edit::FieldExpiry;
use super::field::Field;
use crate::entry::Payload;
use crate::hash_key;
use crate::table::{Element, Place, Ref, Table};

/// A large hash.
#[derive(Default)]
pub struct FieldTable {
    table: Table<Field>,
    /// Time and hash of each field that expires. (Two with one time and one full hash share a record, and the one that
    /// goes last then goes without one.)
    times: BTreeSet<(i64, u64)>,
    /// Bytes of all fields.
    field_bytes: usize,
    /// There where fields are gone that nobody had the time to take out yet.
    hidden: Option<Box<Hidden>>,
}

/// Fields that have expired and count as gone, though they are still in the table.
#[derive(Debug, Default)]
struct Hidden {
    /// What expired before this moment.
    until: i64,
    /// Their records, taken out of the index: how many there are is known at once.
    times: Pages,
    /// Names of those that a change has met and taken out, until somebody asks for them.
    met: Vec<Vec<u8>>,
}

/// Records in the pieces in which they became due, each before the next, so that adding a large one moves nothing.
#[derive(Debug, Default)]
struct Pages {
    pages: VecDeque<BTreeSet<(i64, u64)>>,
    len: usize,
}

/// Pieces that have no more records together than this become one. Few in tests, so that small hashes meet several.
const PAGE_RECORDS: usize = if cfg!(test) { 3 } else { 1024 };

impl Pages {
    /// Adds records that are behind all others.
    fn push(&mut self, records: BTreeSet<(i64, u64)>) {
        self.len += records.len();
        match self.pages.back_mut() {
            Some(last) if last.len() + records.len() <= PAGE_RECORDS => last.extend(records),
            _ => self.pages.push_back(records),
        }
    }

    fn first(&self) -> Option<&(i64, u64)> {
        self.pages.front()?.first()
    }

    /// The piece that a record belongs to, if it isn't behind all of them.
    fn page_of(&self, record: (i64, u64)) -> usize {
        self.pages.partition_point(|page| page.last().is_some_and(|last| *last < record))
    }

    fn insert(&mut self, record: (i64, u64)) -> bool {
        let at = self.page_of(record).min(self.pages.len().saturating_sub(1));
        let is_new = match self.pages.get_mut(at) {
            Some(page) => page.insert(record),
            None => {
                self.pages.push_back(BTreeSet::from([record]));
                true
            }
        };
        self.len += usize::from(is_new);
        is_new
    }

    fn remove(&mut self, record: (i64, u64)) {
        let at = self.page_of(record);
        let Some(page) = self.pages.get_mut(at) else { return };
        self.len -= usize::from(page.remove(&record));
        if page.is_empty() {
            self.pages.remove(at);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &(i64, u64)> + Clone {
        self.pages.iter().flatten()
    }
}

impl Hidden {
    fn includes(&self, at: Option<i64>) -> bool {
        at.is_some_and(|at| at < self.until)
    }
}

impl FieldTable {
    /// A hash that is about to be filled with `len` fields, as a copy is.
    pub fn with_capacity(len: usize) -> Self {
        Self { table: Table::with_capacity(len), ..Self::default() }
    }

    /// The moment before which nothing has expired that is still to be seen.
    #[inline]
    pub fn hidden_until(&self) -> i64 {
        self.hidden.as_ref().map_or(i64::MIN, |hidden| hidden.until)
    }

    /// From now on whatever has expired before `now` is gone for readers and changes alike. Mostly O(log n); at most,
    /// about a nanosecond a field.
    pub fn hide_due(&mut self, now: i64) {
        if self.times.first().is_none_or(|(at, _)| *at >= now) {
            return;
        }
        let later = self.times.split_off(&(now, 0));
        let due = std::mem::replace(&mut self.times, later);
        let hidden = self.hidden.get_or_insert_default();
        hidden.until = hidden.until.max(now);
        hidden.times.push(due);
    }

    /// The names of the hidden fields that changes have met since the last time.
    pub fn take_met(&mut self) -> Vec<Vec<u8>> {
        self.hidden.as_mut().map(|hidden| std::mem::take(&mut hidden.met)).unwrap_or_default()
    }

    pub fn has_hidden(&self) -> bool {
        self.hidden_len() > 0
    }

    fn hidden_len(&self) -> usize {
        self.hidden.as_ref().map_or(0, |hidden| hidden.times.len)
    }

    #[inline]
    fn hides(&self, at: Option<i64>) -> bool {
        self.hidden.as_ref().is_some_and(|hidden| hidden.includes(at))
    }
    /// Number of fields, expired ones included. O(1).
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Bytes that all fields take in the allocator. O(1).
    pub fn field_bytes(&self) -> usize {
        self.field_bytes
    }

    /// The fields themselves, for walks.
    pub fn table(&self) -> &Table<Field> {
        &self.table
    }

    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<Ref<'_, Field>> {
        self.table.get(hash_key(name), name)
    }

    /// Sets a field's value, and says whether it is a new one. O(1); nothing is allocated for a value of the same size
    /// class as before.
    pub fn set(&mut self, name: &[u8], value: &[u8], expiry: FieldExpiry) -> bool {
        let hash = hash_key(name);
        let (before, after, is_new) = match self.table.entry(hash, name) {
            Place::Occupied(mut field) => {
                let (bytes, before) = (field.memory_bytes(), field.expire_at());
                let hidden = self.hidden.as_mut().filter(|hidden| hidden.includes(before));
                let is_new = hidden.map(|hidden| hidden.met.push(name.to_vec())).is_some();
                let after = expiry.after(before.filter(|_| !is_new));
                field.set_value(value);
                if before != after {
                    field.set_expire_at(after);
                }
                self.field_bytes = self.field_bytes - bytes + field.memory_bytes();
                (before, after, is_new)
            }
            Place::Vacant(place) => {
                let after = expiry.after(None);
                let field = Field::new(name, value, after);
                self.field_bytes += field.memory_bytes();
                place.insert(field);
                (None, after, true)
            }
        };
        self.reindex(hash, before, after);
        is_new
    }

    /// Removes a field, and says whether it was there. O(1), or O(log n) if it had a time to live.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let hash = hash_key(name);
        let Some(field) = self.table.remove(hash, name) else { return false };
        let hidden = self.hidden.as_mut().filter(|hidden| hidden.includes(field.expire_at()));
        let was_there = hidden.map(|hidden| hidden.met.push(name.to_vec())).is_none();
        self.forget(hash, &field);
        was_there
    }

    /// Sets when a field expires; says whether it is there.
    pub fn set_expiry(&mut self, name: &[u8], at: Option<i64>) -> bool {
        let hash = hash_key(name);
        let Some(mut field) = self.table.get_mut(hash, name) else { return false };
        let (bytes, before) = (field.memory_bytes(), field.expire_at());
        if self.hidden.as_ref().is_some_and(|hidden| hidden.includes(before)) {
            return false;
        }
        field.set_expire_at(at);
        self.field_bytes = self.field_bytes - bytes + field.memory_bytes();
        drop(field);
        self.reindex(hash, before, at);
        true
    }

    /// When the first field expires.
    pub fn soonest(&self) -> Option<i64> {
        let hidden = self.hidden.as_ref().and_then(|hidden| hidden.times.first());
        hidden.or_else(|| self.times.first()).map(|(at, _)| *at)
    }

    /// How many fields have expired at `now` and are still here. O(those that aren't hidden).
    pub fn due_count(&self, now: i64) -> usize {
        self.hidden_len() + self.times.range(..(now, 0)).count()
    }

    /// Whether every field has expired before `now`. O(log n). (Fields that share a record make it say no.)
    pub fn all_due(&self, now: i64) -> bool {
        self.hidden_len() + self.times.len() == self.table.len()
            && self.times.last().is_none_or(|(at, _)| *at < now)
            && !self.is_empty()
    }

    /// Removes the field that expires first, if that is before `now`.
    pub fn pop_due(&mut self, now: i64) -> Option<Field> {
        loop {
            let hidden = self.hidden.as_ref().and_then(|hidden| hidden.times.first());
            let (at, hash) = *hidden.or_else(|| self.times.first()).filter(|(at, _)| *at < now)?;
            let found = self.table.find_by(hash, |field| field.expire_at() == Some(at));
            let name = found.map(|field| field.name().to_vec());
            let removed = name.and_then(|name| self.table.remove(hash, &name));
            if let Some(field) = removed {
                self.forget(hash, &field);
                return Some(field);
            }
            self.reindex(hash, Some(at), None);
        }
    }

    /// Keeps index and bytes in step with a field that went.
    fn forget(&mut self, hash: u64, field: &Field) {
        self.field_bytes -= field.memory_bytes();
        self.reindex(hash, field.expire_at(), None);
    }

    #[inline]
    fn reindex(&mut self, hash: u64, before: Option<i64>, after: Option<i64>) {
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.times.remove(&(at, hash));
            if let Some(hidden) = self.hidden.as_mut().filter(|hidden| at < hidden.until) {
                hidden.times.remove((at, hash));
                if hidden.times.len == 0 {
                    // Nothing is left to hide: a clock that was set back hides no more than it must.
                    hidden.until = i64::MIN;
                }
            }
        }
        if let Some(at) = after {
            match self.hidden.as_mut().filter(|hidden| at < hidden.until) {
                Some(hidden) => hidden.times.insert((at, hash)),
                None => self.times.insert((at, hash)),
            };
        }
    }

    /// Panics if index, counts and table disagree. For tests. O(n).
    pub fn check_invariants(&self) {
        self.table.check_invariants();
        let fields = || self.table.iter();
        let times = fields().filter_map(|field| Some((field.expire_at()?, field.hash())));
        let hidden = self.hidden.iter().flat_map(|hidden| hidden.times.iter());
        assert!(hidden.clone().is_sorted());
        assert_eq!(hidden.clone().count(), self.hidden_len());
        assert!(hidden.clone().all(|(at, _)| self.hides(Some(*at))));
        assert!(!self.times.iter().any(|(at, _)| self.hides(Some(*at))));
        assert_eq!(times.collect::<BTreeSet<_>>(), hidden.chain(&self.times).copied().collect());
        assert_eq!(fields().map(|field| field.memory_bytes()).sum::<usize>(), self.field_bytes);
    }
}

impl std::fmt::Debug for FieldTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FieldTable").field("len", &self.len()).field("times", &self.times.len()).finish()
    }
}

/// What the records of the index take: about 1.5 times their size in the tree's nodes.
const RECORD_BYTES: usize = size_of::<(i64, u64)>() * 3 / 2;

impl Payload for FieldTable {
    fn encoding_name(&self) -> &'static str {
        "hashtable"
    }

    fn len(&self) -> usize {
        self.table.len()
    }

    fn is_empty(&self) -> bool {
        self.table.len() == self.hidden_len()
    }

    fn memory_bytes(&self) -> usize {
        let records = self.times.len() + self.hidden_len();
        size_of::<Self>() + self.table.memory_bytes() + self.field_bytes + records * RECORD_BYTES
    }

    fn blocks(&self) -> usize {
        self.table.len()
    }

    fn prefetch_elements(&self, elements: &[&[u8]], _ranked: bool) {
        self.table.prefetch_elements(elements.iter().map(|name| hash_key(name)));
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        let mut copy = Self::with_capacity(self.len());
        copy.times = self.times.clone();
        for field in self.table.iter().filter(|field| !self.hides(field.expire_at())) {
            let same = Field::new(field.name(), field.value(), field.expire_at());
            copy.field_bytes += same.memory_bytes();
            copy.table.insert_new(field.hash(), same);
        }
        Box::new(copy)
    }

    fn next_due(&self) -> Option<i64> {
        self.soonest()
    }
}
