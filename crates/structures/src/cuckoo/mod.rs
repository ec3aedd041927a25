//! Cuckoo filters that grow: whether, and about how often, an item was added; items can be deleted again.
//!
//! A [`Cuckoo`] is a list of [`Table`]s. An item is a byte, its fingerprint, in one of two buckets of one of them. When no
//! bucket has room, and none can be made by moving others to their second buckets, a further table follows. Hashes, places
//! and the forms for transport ([`chunk`]) are RedisBloom's.
//!
//! With a byte for an item the rate of false answers is that of RedisBloom: in each table an item has two buckets, and each
//! of their slots that is taken looks like it with a probability of 1 in 255.

pub mod chunk;
mod table;
#[cfg(test)]
mod tests;

use table::Place;
pub use table::Table;

use crate::entry::Payload;
use crate::murmur::hash_64;

/// What TYPE answers.
pub const TYPE_NAME: &str = "MBbloomCF";

/// Tables at most: every look-up goes through all of them.
pub const TABLES_MAX: usize = 1024;
/// Slots of one bucket at most.
pub const BUCKET_MAX: u16 = 255;

/// Deleted items to items left, from which on a filter is compacted.
const DELETED_SHARE: f64 = 0.10;

/// What a filter is asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Items of the first table: at least two buckets.
    pub capacity: u64,
    /// Slots of a bucket: from 1 to [`BUCKET_MAX`].
    pub bucket: u16,
    /// Items that are moved at most to make room for one.
    pub iterations: u16,
    /// How many times as large each further table is: made a power of two; 0: there is none.
    pub growth: u16,
}

/// Why a filter can't be made, or takes no further item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is full and must not grow.
    Full,
    NoMemory,
}

/// How far a filter may grow.
#[derive(Clone, Copy, Debug)]
pub struct Leave {
    /// Tables that it may have.
    pub tables: usize,
    /// Bytes that a further one may take.
    pub room: u64,
}

/// A list of tables. There is one at least.
#[derive(Clone, Debug)]
pub struct Cuckoo {
    tables: Vec<Table>,
    buckets: u64,
    items: u64,
    deleted: u64,
    bucket: u16,
    iterations: u16,
    growth: u16,
}

/// A filter's numbers, of which its tables' sizes follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    pub tables: usize,
    /// Of the first table: a power of two.
    pub buckets: u64,
    pub items: u64,
    /// Since the filter was compacted last.
    pub deleted: u64,
    pub bucket: u16,
    pub iterations: u16,
    pub growth: u16,
}

impl Figures {
    fn are_sound(&self) -> bool {
        (1..=TABLES_MAX).contains(&self.tables)
            && self.buckets.is_power_of_two()
            && (1..=BUCKET_MAX).contains(&self.bucket)
            && self.iterations > 0
            && if self.growth == 0 { self.tables == 1 } else { self.growth.is_power_of_two() }
    }

    /// Buckets of a table, if it can have so many.
    fn buckets_of(&self, index: usize) -> Option<u64> {
        let times = u64::from(self.growth).checked_pow(u32::try_from(index).ok()?)?;
        self.buckets.checked_mul(times).filter(|buckets| *buckets > 0)
    }
}

impl Cuckoo {
    /// An empty filter of up to `room` bytes.
    pub fn new(wish: &Wish, room: u64) -> Result<Self, Refusal> {
        let bucket = wish.bucket.clamp(1, BUCKET_MAX);
        let buckets = (wish.capacity / u64::from(bucket)).max(1).checked_next_power_of_two();
        let mut filter = Self {
            tables: Vec::new(),
            buckets: buckets.ok_or(Refusal::NoMemory)?,
            items: 0,
            deleted: 0,
            bucket,
            iterations: wish.iterations.max(1),
            growth: if wish.growth == 0 { 0 } else { wish.growth.next_power_of_two() },
        };
        filter.grow(room)?;
        Ok(filter)
    }

    /// A filter of these numbers whose slots are `slots`, table by table; nothing if the two don't go together.
    pub fn assemble(figures: &Figures, slots: Vec<Box<[u8]>>) -> Option<Self> {
        if !figures.are_sound() || slots.len() != figures.tables {
            return None;
        }
        let table = |(index, slots)| Table::of(slots, figures.buckets_of(index)?, figures.bucket);
        let tables = slots.into_iter().enumerate().map(table).collect::<Option<_>>()?;
        let &Figures { buckets, items, deleted, bucket, iterations, growth, .. } = figures;
        Some(Self { tables, buckets, items, deleted, bucket, iterations, growth })
    }

    fn grow(&mut self, room: u64) -> Result<(), Refusal> {
        let buckets = self.figures().buckets_of(self.tables.len()).ok_or(Refusal::NoMemory)?;
        if Table::bytes_of(buckets, self.bucket).is_none_or(|bytes| bytes > room) {
            return Err(Refusal::NoMemory);
        }
        self.tables.push(Table::new(buckets, self.bucket).ok_or(Refusal::NoMemory)?);
        Ok(())
    }

    /// Whether the item was added and not deleted, or looks so. O(tables).
    pub fn contains(&self, item: &[u8]) -> bool {
        self.holds(Place::of(hash_64(item, 0)))
    }

    fn holds(&self, place: Place) -> bool {
        self.tables.iter().any(|table| table.contains(place))
    }

    /// How often the item was added and not deleted, or seems so. O(tables).
    pub fn count(&self, item: &[u8]) -> u64 {
        let place = Place::of(hash_64(item, 0));
        self.tables.iter().map(|table| table.count(place)).sum()
    }

    /// Adds an item once more. All or nothing. O(tables + items moved), or that and the size of a new table.
    pub fn add(&mut self, item: &[u8], leave: Leave) -> Result<(), Refusal> {
        self.place(Place::of(hash_64(item, 0)), leave)
    }

    /// Adds an item unless it looks as if it were there; says whether it did.
    pub fn add_new(&mut self, item: &[u8], leave: Leave) -> Result<bool, Refusal> {
        let place = Place::of(hash_64(item, 0));
        if self.holds(place) {
            return Ok(false);
        }
        self.place(place, leave).map(|()| true)
    }

    fn place(&mut self, place: Place, leave: Leave) -> Result<(), Refusal> {
        let is_placed = self.tables.iter_mut().rev().any(|table| table.put(place))
            || self.tables.last_mut().is_some_and(|last| last.make_room(place, self.iterations));
        if !is_placed {
            if self.growth == 0 || self.tables.len() >= leave.tables.min(TABLES_MAX) {
                return Err(Refusal::Full);
            }
            self.grow(leave.room)?;
            let is_placed = self.tables.last_mut().is_some_and(|last| last.put(place));
            debug_assert!(is_placed, "a new table is empty");
        }
        self.items += 1;
        Ok(())
    }

    /// Deletes an item once, and says whether something that looks like it was there. O(tables), and now and then
    /// O(slots).
    pub fn delete(&mut self, item: &[u8]) -> bool {
        let place = Place::of(hash_64(item, 0));
        let is_deleted = self.tables.iter_mut().rev().any(|table| table.remove(place));
        if is_deleted {
            self.items = self.items.saturating_sub(1);
            self.deleted = self.deleted.saturating_add(1);
            if self.tables.len() > 1 && self.deleted as f64 > self.items as f64 * DELETED_SHARE {
                self.compact(false);
            }
        }
        is_deleted
    }

    /// Moves items from later tables to earlier ones, and drops the last ones once they are empty. Unless it `goes_on`, it
    /// ends at the first table that can't be emptied. O(slots * tables).
    pub fn compact(&mut self, goes_on: bool) {
        for index in (1..self.tables.len()).rev() {
            let (earlier, later) = self.tables.split_at_mut(index);
            let is_empty = later[0].move_to(earlier);
            if is_empty && index + 1 == self.tables.len() {
                self.tables.pop();
            }
            if !is_empty && !goes_on {
                break;
            }
        }
        self.deleted = 0;
    }

    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    pub fn figures(&self) -> Figures {
        let &Self { buckets, items, deleted, bucket, iterations, growth, .. } = self;
        Figures { tables: self.tables.len(), buckets, items, deleted, bucket, iterations, growth }
    }

    /// Bytes as RedisBloom counts them: of its structures and of the slots.
    pub fn told_bytes(&self) -> usize {
        const FILTER: usize = 40;
        const TABLE: usize = 16;
        FILTER + self.tables.iter().map(|table| TABLE + table.slots().len()).sum::<usize>()
    }
}

impl Payload for Cuckoo {
    fn encoding_name(&self) -> &'static str {
        "raw"
    }

    fn type_name(&self) -> Option<&'static str> {
        Some(TYPE_NAME)
    }

    fn len(&self) -> usize {
        self.items as usize
    }

    fn memory_bytes(&self) -> usize {
        let slots: usize =
            self.tables.iter().map(|table| crate::alloc::size_class(table.slots().len())).sum();
        slots + size_of::<Self>() + self.tables.capacity() * size_of::<Table>()
    }

    fn blocks(&self) -> usize {
        // A block of so many bytes takes about as long to be freed as a small one.
        const BYTES_AS_BLOCK: usize = 64 * 1024;
        let last = self.tables.last().map_or(0, |table| table.slots().len());
        let all =
            if self.growth > 1 { last.saturating_mul(2) } else { last.saturating_mul(self.tables.len()) };
        self.tables.len() + all / BYTES_AS_BLOCK
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }
}
