//! What one lock covers: a part of every logical database, with its expiry index and its figures.
//!
//! Plain synchronous code. It keeps its parts consistent (tables, count, expiry index) and knows nothing of effects,
//! events or the clock: those are the business of the doors.

use crate::keyspace::effect::Lsn;
use crate::keyspace::expiry::ExpiryIndex;
use crate::keyspace::router::{Position, SLOTS_PER_SHARD};
use crate::keyspace::wait::Waiters;
use dunlin_structures::fields;
use dunlin_structures::table::Ref;
use dunlin_structures::{Entry, Table};

/// How often a table is drawn by chance before the first with a key is taken: enough for any that grew by inserts.
const SAMPLE_TRIES: usize = 1000;

/// One shard: its part of each logical database.
pub struct Shard {
    pub(super) dbs: Box<[ShardDb]>,
    /// The LSN behind the last effect on any key here: what a reader must not be told before it is durable.
    pub last_lsn: Lsn,
    /// Keys that expired here and were deleted, by access or by the clock.
    pub expired: u64,
    /// Clients that wait for keys here.
    pub waiters: Waiters,
    /// The script that owns what is here; zero: none. See `script::owners`.
    pub owner: u64,
}

/// A shard's part of one logical database: a table for each of its cluster slots.
#[derive(Default)]
pub struct ShardDb {
    /// Empty until somebody selects the database or the first key arrives, but for the first one's: most are never used.
    pub(super) tables: Box<[Table<Entry>]>,
    pub(super) count: KeyCount,
    pub(super) expires: ExpiryIndex,
    /// Keys of collections with elements that expire, by the first time that one does.
    pub(super) element_expires: ExpiryIndex,
}

/// How many keys there are, and how often one came or went: only then do tables change their shape.
#[derive(Clone, Copy, Default)]
pub(super) struct KeyCount {
    now: usize,
    moves: u64,
}

impl KeyCount {
    #[inline]
    pub(super) fn one_more(&mut self) {
        self.now += 1;
        self.moves += 1;
    }

    #[inline]
    pub(super) fn one_less(&mut self) {
        self.now -= 1;
        self.moves += 1;
    }
}

impl Shard {
    pub fn new(databases: u16) -> Self {
        // Nearly everybody uses the first one: its tables are no key's doing, not even the first one's.
        let db = |number| match number {
            0 => ShardDb { tables: empty_tables(), ..ShardDb::default() },
            _ => ShardDb::default(),
        };
        Self {
            dbs: (0..databases).map(db).collect(),
            last_lsn: Lsn::default(),
            expired: 0,
            waiters: Waiters::default(),
            owner: 0,
        }
    }

    /// The part of database `db`, which must exist: sessions hold only numbers that do.
    #[inline]
    pub fn db(&mut self, db: u16) -> &mut ShardDb {
        &mut self.dbs[db as usize]
    }

    #[inline]
    pub fn db_ref(&self, db: u16) -> &ShardDb {
        &self.dbs[db as usize]
    }

    pub fn dbs(&self) -> &[ShardDb] {
        &self.dbs
    }

    /// When the first key, or element of a key, of any database expires.
    pub fn next_expiry(&self) -> i64 {
        let firsts =
            self.dbs.iter().flat_map(|db| [db.expires.first(), db.element_expires.first()]).flatten();
        firsts.map(|(at, _)| at).min().unwrap_or(i64::MAX)
    }

    /// How often a key came or went in any database; begins anew where one is emptied.
    pub fn moves(&self) -> u64 {
        self.dbs.iter().map(|db| db.count.moves).sum()
    }

    pub fn swap(&mut self, one: u16, other: u16) {
        self.dbs.swap(one as usize, other as usize);
    }
}

impl ShardDb {
    pub fn len(&self) -> usize {
        self.count.now
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn expires(&self) -> &ExpiryIndex {
        &self.expires
    }

    /// Keys of collections with elements that expire.
    pub fn element_expires(&self) -> &ExpiryIndex {
        &self.element_expires
    }

    /// Makes the tables, if there are none yet.
    pub(super) fn make_tables(&mut self) {
        if self.tables.is_empty() {
            self.tables = empty_tables();
        }
    }

    /// The tables of the shard's slots, in order of their index; empty if nothing was ever stored.
    pub fn tables(&self) -> &[Table<Entry>] {
        &self.tables
    }

    #[inline]
    pub fn table(&self, position: Position) -> Option<&Table<Entry>> {
        self.tables.get(position.table())
    }

    /// Puts what `make` makes of each entry into its place: under the same key, with the same time to live.
    pub fn replace_all(&mut self, mut make: impl FnMut(&Entry) -> Entry) {
        for table in &mut self.tables {
            let made: Vec<Entry> = table.iter().map(|entry| make(&entry)).collect();
            for new in made {
                let key = new.key().to_vec();
                if let Some(mut entry) = table.get_mut(Position::of(&key).hash, &key) {
                    debug_assert_eq!(entry.expire_at(), new.expire_at());
                    *entry = new;
                }
            }
        }
    }

    /// Removes a key with its record in the expiry index.
    pub(super) fn remove(&mut self, position: Position, key: &[u8]) -> Option<Entry> {
        let entry = self.tables.get_mut(position.table())?.remove(position.hash, key)?;
        self.count.one_less();
        if let Some(at) = entry.expire_at() {
            self.expires.remove(at, position);
        }
        if let Some(at) = entry.next_due() {
            self.element_expires.remove(at, position);
        }
        Some(entry)
    }

    /// The key of the record that is due first, if any is due at `now`.
    pub(super) fn due(&mut self, now: i64) -> Option<(Position, Vec<u8>)> {
        due_in(&mut self.expires, &self.tables, now, Entry::expire_at)
    }

    /// The key of the collection whose element is due first, if any is due at `now`.
    pub(super) fn element_due(&mut self, now: i64) -> Option<(Position, Vec<u8>)> {
        due_in(&mut self.element_expires, &self.tables, now, Entry::next_due)
    }

    /// The key that expires first.
    pub fn soonest(&self) -> Option<Ref<'_, Entry>> {
        self.of_record(self.expires.first()?)
    }

    /// A key with a time to live by chance. Such as expire long before or after any other are drawn more often; none if
    /// there is none, or now and then for two of one time and hash. `random` gives 64 random bits a call. O(log n).
    pub fn volatile_by_chance(&self, random: &mut impl FnMut() -> u64) -> Option<Ref<'_, Entry>> {
        self.of_record(self.expires.draw(random)?)
    }

    /// The key that a record of the expiry index is about.
    fn of_record(&self, (at, position): (i64, Position)) -> Option<Ref<'_, Entry>> {
        let agrees = |entry: &Entry| entry.expire_at().is_some_and(|time| ExpiryIndex::agrees(time, at));
        self.tables.get(position.table())?.find_by(position.hash, agrees)
    }

    /// A key by chance, each about as likely as any other; none if there is none. `random` gives 64 random bits a call.
    /// O(tables), which is one word each, and a few steps.
    pub fn sample(&self, random: &mut impl FnMut() -> u64) -> Option<Ref<'_, Entry>> {
        let room: u64 = self.tables.iter().map(|table| table.len_estimate() as u64).sum();
        if self.is_empty() {
            return None;
        }
        // A table is drawn by the room it has, and taken as often as that room is filled: so each counts by its keys.
        for _ in 0..SAMPLE_TRIES {
            let mut chance = below(room, random())?;
            let drawn = self.tables.iter().find(|table| {
                let here = chance < table.len_estimate() as u64;
                chance = chance.saturating_sub(table.len_estimate() as u64);
                here
            });
            let Some(table) = drawn else { continue };
            if below(table.len_estimate() as u64, random())? < table.len() as u64 {
                return table.sample(random());
            }
        }
        self.tables.iter().find_map(|table| table.sample(random()))
    }

    /// Takes everything out, for freeing it when no lock is held. A database that was used has empty tables afterwards.
    pub fn take(&mut self) -> ShardDb {
        let tables = if self.tables.is_empty() { Box::default() } else { empty_tables() };
        std::mem::replace(self, ShardDb { tables, ..ShardDb::default() })
    }
}

fn empty_tables() -> Box<[Table<Entry>]> {
    std::iter::repeat_with(Table::new).take(SLOTS_PER_SHARD).collect()
}

/// The table for a key that is about to be stored. The first one in a part of a database makes its tables.
#[inline]
pub(super) fn table_in(tables: &mut Box<[Table<Entry>]>, position: Position) -> &mut Table<Entry> {
    if tables.is_empty() {
        *tables = empty_tables();
    }
    &mut tables[position.table()]
}

/// Whether an entry's time has come, or that of all that is in it: a walk passes over it.
pub fn has_expired(entry: &Entry, now: i64) -> bool {
    entry.expire_at().is_some_and(|at| at < now)
        || (entry.next_due().is_some_and(|at| at < now) && fields::all_due(entry, now))
}

/// The key of an index's first record, if that is due at `now`. `time_of` is what the index keeps of an entry.
fn due_in(
    index: &mut ExpiryIndex,
    tables: &[Table<Entry>],
    now: i64,
    time_of: fn(&Entry) -> Option<i64>,
) -> Option<(Position, Vec<u8>)> {
    loop {
        let (at, position) = index.first().filter(|(at, _)| *at < now)?;
        let agrees = |entry: &Entry| time_of(entry).is_some_and(|time| ExpiryIndex::agrees(time, at));
        if let Some(entry) = tables.get(position.table())?.find_by(position.hash, agrees) {
            return Some((position, entry.key().to_vec()));
        }
        // Two keys with one full hash and one time share a record, and the other one is gone already.
        index.remove(at, position);
    }
}

/// A number below `bound` from 64 random bits, each about as likely; none if the bound is 0.
pub fn below(bound: u64, random: u64) -> Option<u64> {
    (bound > 0).then(|| ((u128::from(random) * u128::from(bound)) >> 64) as u64)
}
