//! Gives back what growing tables leave behind.
//!
//! The tables of a database grow alike: one size of leaf follows the other, and the last leaves of a size keep its pages
//! in use. The clockwork goes through all tables three times a second, a part at a time, and moves such leaves together.
//! That is worth 4 bytes a key at a million keys (docs/decisions/0001-keyspace-table.md).

use crate::keyspace::router::{Keyspace, SHARD_COUNT};

/// Tables looked at under one lock: a few microseconds.
const TABLES_PER_LOCK: usize = 32;
/// Tables with more entries are left alone: their leaves are large blocks, and looking at all of them takes too long.
const ENTRIES_MAX: usize = 100_000;
/// A pass over all shards takes this many calls.
const CALLS_PER_PASS: usize = 3;

/// Where a pass is.
#[derive(Default)]
pub struct Compaction {
    next_shard: usize,
    /// How many changes there had been when the last pass began: nothing changed, nothing to do.
    seen_changes: u64,
    idle: bool,
}

impl Compaction {
    /// Does a part of a pass. `changes` counts the changes to the dataset since the start.
    pub fn step(&mut self, keyspace: &Keyspace, changes: u64) {
        if self.next_shard == 0 {
            self.idle = changes == self.seen_changes;
            self.seen_changes = changes;
        }
        let until = (self.next_shard + SHARD_COUNT.div_ceil(CALLS_PER_PASS)).min(SHARD_COUNT);
        for shard in self.next_shard..until {
            if !self.idle {
                compact(keyspace, shard);
            }
        }
        self.next_shard = until % SHARD_COUNT;
    }
}

fn compact(keyspace: &Keyspace, shard: usize) {
    for db in 0..keyspace.databases() {
        let mut first = 0;
        loop {
            // Locked anew for every few tables, so that nobody waits for the whole pass.
            let mut guard = keyspace.lock(shard);
            let tables = &mut guard.db(db).tables;
            if first >= tables.len() {
                break;
            }
            let until = (first + TABLES_PER_LOCK).min(tables.len());
            for table in tables[first..until].iter_mut().filter(|table| table.len() <= ENTRIES_MAX) {
                table.defragment();
            }
            first = until;
        }
    }
}
