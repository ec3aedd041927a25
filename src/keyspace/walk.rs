//! Going through a database piece by piece, with nothing kept in between but a number.
//!
//! The order is: shard by shard, in a shard table by table, in a table by hash. A [`Cursor`] is a position in that order,
//! so what is there from the first piece to the last is met at least once, whatever else comes, goes, grows or shrinks
//! meanwhile; and since positions only rise, a key that stays is met twice only where a position can't be told exactly.
//!
//! ```text
//! cursor:  shard (6 bits) │ table in the shard (8) │ hash position (39)        below 2^53: clients may keep it in a double
//! ```
//!
//! A table's own positions have 48 bits, of which it uses 16 and one for each doubling of its leaves: 39 are exact for
//! tables of up to eight billion keys, and beyond that a piece may begin a few keys early.

use crate::keyspace::router::{Position, SHARD_COUNT, SLOTS_PER_SHARD};
use crate::keyspace::shard::ShardDb;
use dunlin_structures::Entry;

/// Bits of a hash position in a cursor.
const POSITION_BITS: u32 = 39;
/// The bits of a table's own positions that a cursor leaves out.
const DROPPED_BITS: u32 = 48 - POSITION_BITS;
/// Tables of a database.
const TABLE_COUNT: u64 = (SHARD_COUNT * SLOTS_PER_SHARD) as u64;

/// Where a walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(u64);

impl Cursor {
    pub const START: Self = Self(0);
    /// Behind the last key.
    pub const END: Self = Self(TABLE_COUNT << POSITION_BITS);

    /// The cursor that a client gave back. Every number is one, if only one behind the end.
    pub fn from_number(number: u64) -> Self {
        Self(number).min(Self::END)
    }

    /// What a client is given: 0 says that there is no more.
    pub fn number(self) -> u64 {
        if self == Self::END { 0 } else { self.0 }
    }

    /// Where the keys of this key's slot begin and end.
    pub fn range_of_slot(slot: u16) -> (Self, Self) {
        let place = Position { slot, hash: 0 };
        let table = (place.shard() * SLOTS_PER_SHARD + place.table()) as u64;
        (Self(table << POSITION_BITS), Self((table + 1) << POSITION_BITS))
    }

    /// The shard that it stands in. Not for the end, which stands in none.
    pub fn shard(self) -> usize {
        self.table() / SLOTS_PER_SHARD
    }

    /// The number of its table among all of a database.
    fn table(self) -> usize {
        (self.0 >> POSITION_BITS) as usize
    }

    /// Its position in that table, as the table knows it.
    fn position(self) -> u64 {
        (self.0 & ((1 << POSITION_BITS) - 1)) << DROPPED_BITS
    }

    fn at_table(table: usize) -> Self {
        Self((table as u64) << POSITION_BITS)
    }
}

impl ShardDb {
    /// Visits entries from `cursor`, which must stand in this shard, until at least `limit` were visited (a few more,
    /// since tables are walked in steps), the shard is done, or `end` is reached. Moves the cursor on, and returns how
    /// many were visited. O(visited + tables passed), and a table without entries is one word.
    pub fn walk(
        &self,
        cursor: &mut Cursor,
        end: Cursor,
        limit: usize,
        mut visit: impl FnMut(&Entry),
    ) -> usize {
        let mut visited = 0;
        let shard_end = Cursor::at_table((cursor.shard() + 1) * SLOTS_PER_SHARD);
        let end = end.min(shard_end);
        if self.tables.is_empty() {
            *cursor = end;
        }
        while *cursor < end && visited < limit {
            let table = &self.tables[cursor.table() % SLOTS_PER_SHARD];
            let next_table = Cursor::at_table(cursor.table() + 1);
            if table.is_empty() {
                *cursor = next_table;
                continue;
            }
            let mut position = cursor.position();
            // Goes on until there is a cursor for what comes next: nearly always, the first step is enough.
            *cursor = loop {
                position = table.scan(position, |entry| {
                    visited += 1;
                    visit(entry);
                });
                let next = Cursor(Cursor::at_table(cursor.table()).0 | position >> DROPPED_BITS);
                if position == 0 {
                    break next_table;
                } else if next > *cursor {
                    break next;
                }
            };
        }
        visited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_fit_into_a_double() {
        const { assert!(Cursor::END.0 <= 1 << 53) };
        assert_eq!(Cursor::from_number(u64::MAX), Cursor::END);
        assert_eq!(Cursor::END.number(), 0);
        let (first, end) = Cursor::range_of_slot(16383);
        assert_eq!((first.shard(), end), (SHARD_COUNT - 1, Cursor::END));
        assert_eq!(Cursor::range_of_slot(0).0, Cursor::START);
    }
}
