//! The candidates behind one trait. All keep the same `Entry`; they differ in what leads to it.

use std::hash::{BuildHasherDefault, Hasher};

use dashmap::DashMap;
use dunlin_structures::entry::{StringValue, ValueRef};
use dunlin_structures::slot::slot_of;
use dunlin_structures::table::Place;
use dunlin_structures::{Entry, Table, hash_key};
use hashbrown::HashTable;
use parking_lot::Mutex;

use crate::workload::Key;

pub(crate) const SHARDS: usize = 64;
const SLOTS: usize = 16_384;

pub(crate) trait Store: Sync {
    /// The first byte of the value, which is read for that.
    fn get(&self, key: &Key) -> Option<u8>;
    fn set(&self, key: &Key, value: StringValue<'_>);
    /// Prefetches what look-ups of these keys touch, if the store can.
    fn prefetch(&self, _keys: &[Key]) {}
    /// Moves memory together, if the store can, and says how many blocks moved.
    fn defragment(&self) -> usize {
        0
    }
    /// Visits everything and returns how many.
    fn walk(&self) -> usize;
    /// A random key, if the store can give one.
    fn sample(&self, _random: u64) -> Option<usize> {
        None
    }
    /// Counts and lists the keys of one slot; how many.
    fn list_slot(&self, slot: usize) -> usize;
}

pub(crate) fn make(name: &str) -> Box<dyn Store> {
    match name {
        "dashmap" => Box::new(Dashed::default()),
        "hashbrown" => Box::new(Sharded((0..SHARDS).map(|_| Mutex::default()).collect())),
        "table" => Box::new(Tables::new(false)),
        "one-table" => Box::new(Tables::new(true)),
        other => panic!("no store is named {other}"),
    }
}

fn first_byte(entry: &Entry) -> u8 {
    match entry.value() {
        ValueRef::Int(number) => number as u8,
        ValueRef::Inline(bytes) => bytes.first().copied().unwrap_or(0),
        ValueRef::Buffer(bytes) => bytes.first().copied().unwrap_or(0),
        ValueRef::Packed(_) | ValueRef::Boxed(_) => 0,
    }
}

/// Passes on the hash that is the key.
#[derive(Default)]
pub(crate) struct PassOn(u64);

impl Hasher for PassOn {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// `dashmap` from the key's hash to the entry: the leanest form that its safe API allows (two keys with one hash would
/// need a list; there are none here).
#[derive(Default)]
struct Dashed(DashMap<u64, Entry, BuildHasherDefault<PassOn>>);

impl Store for Dashed {
    fn get(&self, key: &Key) -> Option<u8> {
        self.0.get(&hash_key(key)).filter(|entry| entry.value().key() == key).map(|entry| first_byte(&entry))
    }

    fn set(&self, key: &Key, value: StringValue<'_>) {
        match self.0.entry(hash_key(key)) {
            dashmap::Entry::Occupied(mut entry) => entry.get_mut().set_string(value),
            dashmap::Entry::Vacant(place) => {
                place.insert(Entry::string(key, value, None));
            }
        }
    }

    fn walk(&self) -> usize {
        self.0.iter().filter(|entry| !entry.value().key().is_empty()).count()
    }

    fn list_slot(&self, slot: usize) -> usize {
        self.0.iter().filter(|entry| usize::from(slot_of(entry.value().key())) == slot).count()
    }
}

/// `hashbrown` tables of entries behind mutexes.
struct Sharded(Vec<Mutex<HashTable<Entry>>>);

impl Sharded {
    fn shard(&self, key: &[u8]) -> &Mutex<HashTable<Entry>> {
        &self.0[usize::from(slot_of(key)) % SHARDS]
    }
}

impl Store for Sharded {
    fn get(&self, key: &Key) -> Option<u8> {
        let table = self.shard(key).lock();
        table.find(hash_key(key), |entry| entry.key() == key).map(first_byte)
    }

    fn set(&self, key: &Key, value: StringValue<'_>) {
        let mut table = self.shard(key).lock();
        let same = |entry: &Entry| entry.key() == key;
        match table.entry(hash_key(key), same, |entry| hash_key(entry.key())) {
            hashbrown::hash_table::Entry::Occupied(mut entry) => entry.get_mut().set_string(value),
            hashbrown::hash_table::Entry::Vacant(place) => {
                place.insert(Entry::string(key, value, None));
            }
        }
    }

    fn walk(&self) -> usize {
        self.0.iter().map(|table| table.lock().iter().filter(|entry| !entry.key().is_empty()).count()).sum()
    }

    fn sample(&self, random: u64) -> Option<usize> {
        let table = self.0[random as usize % SHARDS].lock();
        let mut bucket = random >> 6;
        (0..table.num_buckets()).find_map(|_| {
            bucket = bucket.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let index = (bucket >> 33) as usize % table.num_buckets();
            table.get_bucket(index).map(|entry| entry.key().len())
        })
    }

    fn list_slot(&self, slot: usize) -> usize {
        let table = self.0[slot % SHARDS].lock();
        table.iter().filter(|entry| usize::from(slot_of(entry.key())) == slot).count()
    }
}

/// Dunlin's tables: one a slot, those of a shard behind a mutex; or everything in one slot.
struct Tables {
    shards: Vec<Mutex<Box<[Table<Entry>]>>>,
    one_slot: bool,
}

impl Tables {
    fn new(one_slot: bool) -> Self {
        let shard = || Mutex::new((0..SLOTS / SHARDS).map(|_| Table::new()).collect());
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), one_slot }
    }

    #[inline]
    fn slot(&self, key: &[u8]) -> usize {
        if self.one_slot { 0 } else { usize::from(slot_of(key)) }
    }
}

impl Store for Tables {
    fn get(&self, key: &Key) -> Option<u8> {
        let slot = self.slot(key);
        let tables = self.shards[slot % SHARDS].lock();
        tables[slot / SHARDS].get(hash_key(key), key).map(|entry| first_byte(&entry))
    }

    fn set(&self, key: &Key, value: StringValue<'_>) {
        let slot = self.slot(key);
        let mut tables = self.shards[slot % SHARDS].lock();
        match tables[slot / SHARDS].entry(hash_key(key), key) {
            Place::Occupied(mut entry) => entry.set_string(value),
            Place::Vacant(place) => {
                place.insert(Entry::string(key, value, None));
            }
        }
    }

    fn defragment(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lock().iter_mut().map(|table| table.defragment()).sum::<usize>())
            .sum()
    }

    fn prefetch(&self, keys: &[Key]) {
        let mut places = [(0, 0); 64];
        for (place, key) in places.iter_mut().zip(keys) {
            *place = (self.slot(key), hash_key(key));
            self.shards[place.0 % SHARDS].lock()[place.0 / SHARDS].prefetch_cells(place.1);
        }
        for &(slot, hash) in &places[..keys.len().min(64)] {
            self.shards[slot % SHARDS].lock()[slot / SHARDS].prefetch_entry(hash);
        }
    }

    fn walk(&self) -> usize {
        let mut visited = 0;
        for shard in &self.shards {
            for table in shard.lock().iter() {
                let mut cursor = 0;
                loop {
                    cursor = table.scan(cursor, |entry| visited += usize::from(!entry.key().is_empty()));
                    if cursor == 0 {
                        break;
                    }
                }
            }
        }
        visited
    }

    fn sample(&self, random: u64) -> Option<usize> {
        let slot = if self.one_slot { 0 } else { random as usize % SLOTS };
        let tables = self.shards[slot % SHARDS].lock();
        tables[slot / SHARDS].sample(random).map(|entry| entry.key().len())
    }

    fn list_slot(&self, slot: usize) -> usize {
        let tables = self.shards[slot % SHARDS].lock();
        let table = &tables[slot / SHARDS];
        let listed = table.iter().filter(|entry| !entry.key().is_empty()).count();
        assert_eq!(listed, table.len());
        listed
    }
}
