//! Key → slot → shard, and the locks.
//!
//! A key's slot is Redis Cluster's CRC16 of its hash tag, so that keys with one tag share a shard and a slot can be
//! listed or dropped by itself. Its place within the slot comes from a hash that is seeded at random in each process.
//!
//! Shards are locked in ascending order, always, and only here: that is why no two units can deadlock.

use crate::keyspace::reclaim::Reclaimer;
use crate::keyspace::shard::Shard;
use dunlin_structures::slot::slot_of;
use dunlin_structures::{Entry, Table, hash_key};
use parking_lot::{Mutex, MutexGuard};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU16, AtomicU64, Ordering};

/// A power of two, several per core. 64, so that a set of shards is one machine word.
pub const SHARD_COUNT: usize = 64;
/// The cluster slots whose keys one shard holds.
pub const SLOTS_PER_SHARD: usize = 16384 / SHARD_COUNT;

/// Where a key lives: computed once a request, before any lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub slot: u16,
    pub hash: u64,
}

impl Position {
    #[inline]
    pub fn of(key: &[u8]) -> Self {
        Self { slot: slot_of(key), hash: hash_key(key) }
    }

    #[inline]
    pub fn shard(self) -> usize {
        self.slot as usize % SHARD_COUNT
    }

    /// The index of its slot among the shard's.
    #[inline]
    pub fn table(self) -> usize {
        self.slot as usize / SHARD_COUNT
    }
}

/// The cluster slot of a shard's table: the inverse of [`Position::shard`] and [`Position::table`].
pub fn slot_of_table(shard: usize, table: usize) -> u16 {
    (table * SHARD_COUNT + shard) as u16
}

/// Padded to its own cache lines: neighbours are locked by other workers.
#[repr(align(128))]
struct Cell {
    shard: Mutex<Shard>,
    /// When the shard's next key expires, in ms since 1970; `i64::MAX`: never. Written under the lock.
    next_expiry: AtomicI64,
    /// How often the lock was taken while a worker executed: the shard's load.
    visits: AtomicU64,
    /// Where the tables of a database stood when somebody last looked ahead here. Only for prefetching: they may have gone.
    tables: AtomicPtr<Table<Entry>>,
}

/// All shards.
pub struct Keyspace {
    /// Where entries go that are no longer stored.
    pub reclaimer: Reclaimer,
    cells: Box<[Cell]>,
    databases: u16,
    /// The databases below 16 that have tables in all shards.
    ready: AtomicU16,
}

impl Keyspace {
    /// An empty keyspace with that many logical databases.
    pub fn new(databases: u16) -> Self {
        let cell = || Cell {
            shard: Mutex::new(Shard::new(databases)),
            next_expiry: AtomicI64::new(i64::MAX),
            visits: AtomicU64::new(0),
            tables: AtomicPtr::new(null_mut()),
        };
        let cells = std::iter::repeat_with(cell).take(SHARD_COUNT).collect();
        Self { reclaimer: Reclaimer::default(), cells, databases, ready: AtomicU16::new(1) }
    }

    /// Makes the tables of a database that somebody has selected, if it is one of the usual 16, so that what they take is
    /// not met by its first writes when memory is short. A shard that is locked stays as it is.
    pub fn make_tables(&self, db: u16) {
        let bit = 1u16.checked_shl(db.into()).unwrap_or(0);
        if self.ready.load(Ordering::Relaxed) & bit == bit {
            return;
        }
        let mut all = true;
        for cell in &self.cells {
            match cell.shard.try_lock() {
                Some(mut shard) => shard.db(db).make_tables(),
                None => all = false,
            }
        }
        if all {
            self.ready.fetch_or(bit, Ordering::Relaxed);
        }
    }

    pub fn databases(&self) -> u16 {
        self.databases
    }

    #[inline]
    pub fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        self.cells[shard].shard.lock()
    }

    /// Locks the shards whose bits are set, in ascending order.
    pub fn lock_set(&self, set: u64) -> Locked<'_> {
        self.lock_set_noting(set, &mut false)
    }

    /// The same, and sets `waited` if one was not free at once.
    pub fn lock_set_noting(&self, set: u64, waited: &mut bool) -> Locked<'_> {
        match set.count_ones() {
            0 => Locked::None,
            1 => self.lock_one_noting(set.trailing_zeros() as usize, waited),
            _ => {
                let mut guards = Vec::with_capacity(set.count_ones() as usize);
                let mut rest = set;
                while rest != 0 {
                    guards.push(self.lock_visited(rest.trailing_zeros() as usize, waited));
                    rest &= rest - 1;
                }
                Locked::Many(set, guards)
            }
        }
    }

    #[inline]
    pub fn lock_one(&self, shard: usize) -> Locked<'_> {
        self.lock_one_noting(shard, &mut false)
    }

    /// The same, and sets `waited` if it was not free at once.
    #[inline]
    pub fn lock_one_noting(&self, shard: usize, waited: &mut bool) -> Locked<'_> {
        Locked::One(shard, self.lock_visited(shard, waited))
    }

    /// The same, into a place where nothing is locked: a guard that is moved costs a wait for what was just stored.
    #[inline(always)]
    pub fn lock_into<'s>(&'s self, place: &mut Locked<'s>, shard: usize, waited: &mut bool) {
        *place = Locked::One(shard, self.lock_visited(shard, waited));
    }

    pub fn lock_all(&self) -> Locked<'_> {
        self.lock_set(u64::MAX)
    }

    #[inline]
    fn lock_visited(&self, index: usize, waited: &mut bool) -> MutexGuard<'_, Shard> {
        let cell = &self.cells[index];
        let guard = cell.shard.try_lock().unwrap_or_else(|| {
            *waited = true;
            cell.shard.lock()
        });
        // Written under the lock only: no read-modify-write is needed.
        cell.visits.store(cell.visits.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        guard
    }

    /// Has the root of the key's table on its way into the cache, where it probably is. Takes no lock.
    #[inline(always)]
    pub fn prefetch_root(&self, position: Position) {
        let tables = self.cells[position.shard()].tables.load(Ordering::Relaxed);
        Table::prefetch_nth(tables, position.table());
    }

    /// Has the cells that a look-up reads first on their way into the cache, once their table's root is there. As the
    /// next two it looks ahead only where nobody holds the shard: to wait would cost more than a miss.
    #[inline(always)]
    pub fn prefetch_cells(&self, db: u16, position: Position) {
        let cell = &self.cells[position.shard()];
        let Some(mut shard) = cell.shard.try_lock() else { return };
        let tables = &mut shard.db(db).tables;
        let Some(table) = tables.get(position.table()) else { return };
        table.prefetch_cells(position.hash);
        let place = tables.as_mut_ptr();
        if cell.tables.load(Ordering::Relaxed) != place {
            cell.tables.store(place, Ordering::Relaxed);
        }
    }

    /// Has the entry that a look-up will find on its way into the cache, once its cells are there.
    #[inline]
    pub fn prefetch_entry(&self, db: u16, position: Position) {
        let Some(mut shard) = self.cells[position.shard()].shard.try_lock() else { return };
        if let Some(table) = shard.db(db).table(position) {
            table.prefetch_entry(position.hash);
        }
    }

    /// Has the value on its way into the cache, if it stands outside of its entry, which should be there by now.
    #[inline]
    pub fn prefetch_value(&self, db: u16, position: Position) {
        let Some(mut shard) = self.cells[position.shard()].shard.try_lock() else { return };
        if let Some(table) = shard.db(db).table(position) {
            table.find_by(position.hash, |entry| {
                entry.prefetch_value();
                true
            });
        }
    }

    /// Looks at the entry that a key probably leads to, while it fetches what the entry leads to.
    #[inline]
    pub fn peek_ahead<R>(&self, db: u16, position: Position, look: impl Fn(&Entry) -> R) -> Option<R> {
        let shard = self.lock(position.shard());
        let mut seen = None;
        shard.db_ref(db).table(position)?.find_by(position.hash, |entry| {
            seen = Some(look(entry));
            true
        });
        seen
    }

    /// How often each shard was visited since the start.
    pub fn visits(&self) -> impl Iterator<Item = u64> + '_ {
        self.cells.iter().map(|cell| cell.visits.load(Ordering::Relaxed))
    }

    /// When the shard's next key expires, in ms since 1970. A hint that may be read without the lock.
    pub fn next_expiry(&self, shard: usize) -> i64 {
        self.cells[shard].next_expiry.load(Ordering::SeqCst)
    }

    /// Says so; called with the shard locked.
    pub fn set_next_expiry(&self, shard: usize, at: i64) {
        self.cells[shard].next_expiry.store(at, Ordering::Relaxed);
    }

    /// A key of the shard expires at `at`, perhaps before all others.
    pub fn expires_at(&self, shard: usize, at: i64) {
        self.cells[shard].next_expiry.fetch_min(at, Ordering::SeqCst);
    }

    /// The sum of a figure over all shards, taken one shard after the other.
    pub fn sum(&self, figure: impl Fn(&Shard) -> usize) -> usize {
        (0..SHARD_COUNT).map(|index| figure(&self.lock(index))).sum()
    }
}

/// Whoever can look at shards one after the other: for figures that are made of all of them.
pub trait Survey {
    fn look(&mut self, index: usize, look: &mut dyn FnMut(&mut Shard));
}

impl Survey for &Keyspace {
    fn look(&mut self, index: usize, look: &mut dyn FnMut(&mut Shard)) {
        look(&mut self.lock(index));
    }
}

/// The shards that a unit holds.
pub enum Locked<'a> {
    None,
    One(usize, MutexGuard<'a, Shard>),
    /// A bit for each shard, and their guards in ascending order.
    Many(u64, Vec<MutexGuard<'a, Shard>>),
    /// Held by a larger unit, which goes on holding them.
    Lent(&'a mut dyn Shards),
}

/// Shards that a unit of several commands holds and lends to each of them.
pub trait Shards {
    fn shard(&mut self, index: usize) -> &mut Shard;
    fn peek(&self, index: usize) -> Option<&Shard>;
    fn cross_shards(&self) -> bool;
    fn for_each<'s>(&'s mut self, visit: &mut dyn FnMut(usize, &'s mut Shard));
}

impl Shards for Locked<'_> {
    fn shard(&mut self, index: usize) -> &mut Shard {
        Locked::shard(self, index)
    }

    fn peek(&self, index: usize) -> Option<&Shard> {
        Locked::peek(self, index)
    }

    fn cross_shards(&self) -> bool {
        Locked::cross_shards(self)
    }

    fn for_each<'s>(&'s mut self, visit: &mut dyn FnMut(usize, &'s mut Shard)) {
        Locked::for_each(self, visit);
    }
}

impl Locked<'_> {
    /// The shard with this index, which must be among those locked.
    #[inline]
    pub fn shard(&mut self, index: usize) -> &mut Shard {
        match self {
            Self::One(only, guard) if *only == index => guard,
            Self::Many(set, guards) if *set >> index & 1 == 1 => {
                let before = *set & ((1u64 << index) - 1);
                &mut guards[before.count_ones() as usize]
            }
            Self::Lent(shards) => shards.shard(index),
            _ => unreachable!("shard {index} is used without its lock: the command's key specs miss a key"),
        }
    }

    /// The shard with this index, if it is among those locked.
    pub fn peek(&self, index: usize) -> Option<&Shard> {
        match self {
            Self::One(only, guard) if *only == index => Some(guard),
            Self::Many(set, guards) if *set >> index & 1 == 1 => {
                let before = *set & ((1u64 << index) - 1);
                guards.get(before.count_ones() as usize).map(|guard| &**guard)
            }
            Self::Lent(shards) => shards.peek(index),
            Self::None | Self::One(..) | Self::Many(..) => None,
        }
    }

    /// Whether serving somebody who waits in one of these shards may need others.
    #[inline]
    pub fn cross_shards(&self) -> bool {
        match self {
            Self::None => false,
            Self::One(_, guard) => guard.waiters.cross_shards(),
            Self::Many(_, guards) => guards.iter().any(|guard| guard.waiters.cross_shards()),
            Self::Lent(shards) => shards.cross_shards(),
        }
    }

    /// Whether these shards are to be looked at more closely: a script owns one, or [`Locked::cross_shards`].
    #[inline]
    pub fn is_special(&self) -> bool {
        let is_special = |shard: &Shard| shard.waiters.cross_shards() | (shard.owner != 0);
        match self {
            Self::None => false,
            Self::One(_, guard) => is_special(guard),
            Self::Many(_, guards) => guards.iter().any(|guard| is_special(guard)),
            Self::Lent(shards) => shards.cross_shards(),
        }
    }

    /// The script that owns one of these shards.
    pub fn owner(&self) -> Option<u64> {
        let owners = match self {
            Self::None | Self::Lent(_) => &[],
            Self::One(_, guard) => std::slice::from_ref(guard),
            Self::Many(_, guards) => &guards[..],
        };
        owners.iter().map(|guard| guard.owner).find(|owner| *owner != 0)
    }

    pub fn holds(&self, index: usize) -> bool {
        match self {
            Self::None => false,
            Self::One(only, _) => *only == index,
            Self::Many(set, _) => set >> index & 1 == 1,
            Self::Lent(shards) => shards.peek(index).is_some(),
        }
    }

    /// Visits all that are locked, in ascending order, each with its index.
    #[inline]
    pub fn for_each<'s>(&'s mut self, mut visit: impl FnMut(usize, &'s mut Shard)) {
        match self {
            Self::None => {}
            Self::One(index, guard) => visit(*index, guard),
            Self::Many(set, guards) => {
                let mut rest = *set;
                for guard in guards {
                    visit(rest.trailing_zeros() as usize, guard);
                    rest &= rest - 1;
                }
            }
            Self::Lent(shards) => shards.for_each(&mut visit),
        }
    }
}
