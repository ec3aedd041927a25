//! A large hash: a table of fields, and an exact index of those that expire.

use std::collections::BTreeSet;

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
}

impl FieldTable {
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
                let after = expiry.after(before);
                field.set_value(value);
                if before != after {
                    field.set_expire_at(after);
                }
                self.field_bytes = self.field_bytes - bytes + field.memory_bytes();
                (before, after, false)
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
        let removed = self.table.remove(hash, name);
        removed.map(|field| self.forget(hash, &field)).is_some()
    }

    /// Sets when a field expires; says whether it is there.
    pub fn set_expiry(&mut self, name: &[u8], at: Option<i64>) -> bool {
        let hash = hash_key(name);
        let Some(mut field) = self.table.get_mut(hash, name) else { return false };
        let (bytes, before) = (field.memory_bytes(), field.expire_at());
        field.set_expire_at(at);
        self.field_bytes = self.field_bytes - bytes + field.memory_bytes();
        drop(field);
        self.reindex(hash, before, at);
        true
    }

    /// When the first field expires.
    pub fn soonest(&self) -> Option<i64> {
        self.times.first().map(|(at, _)| *at)
    }

    /// How many fields have expired at `now` and are still here. O(their number).
    pub fn due_count(&self, now: i64) -> usize {
        self.times.range(..(now, 0)).count()
    }

    /// Whether every field has expired before `now`. O(log n). (Fields that share a record make it say no.)
    pub fn all_due(&self, now: i64) -> bool {
        self.times.len() == self.table.len() && self.times.last().is_some_and(|(at, _)| *at < now)
    }

    /// Removes the field that expires first, if that is before `now`.
    pub fn pop_due(&mut self, now: i64) -> Option<Field> {
        loop {
            let (at, hash) = *self.times.first().filter(|(at, _)| *at < now)?;
            let found = self.table.find_by(hash, |field| field.expire_at() == Some(at));
            let name = found.map(|field| field.name().to_vec());
            let removed = name.and_then(|name| self.table.remove(hash, &name));
            if let Some(field) = removed {
                self.forget(hash, &field);
                return Some(field);
            }
            self.times.remove(&(at, hash));
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
        }
        if let Some(at) = after {
            self.times.insert((at, hash));
        }
    }

    /// Panics if index, counts and table disagree. For tests. O(n).
    pub fn check_invariants(&self) {
        self.table.check_invariants();
        let fields = || self.table.iter();
        let times = fields().filter_map(|field| Some((field.expire_at()?, field.hash())));
        assert_eq!(times.collect::<BTreeSet<_>>(), self.times);
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

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.table.memory_bytes() + self.field_bytes + self.times.len() * RECORD_BYTES
    }

    fn blocks(&self) -> usize {
        self.table.len()
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        let mut copy = Self { times: self.times.clone(), field_bytes: 0, table: Table::new() };
        for field in &self.table {
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
