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
pub struct Compaction {
    next_shard: usize,
    /// How often keys had come to or gone from each shard when it was last visited. Values that change in place leave
    /// no leaves behind: then there is nothing to do.
    seen_moves: [u64; SHARD_COUNT],
}

impl Default for Compaction {
    fn default() -> Self {
        Self { next_shard: 0, seen_moves: [0; SHARD_COUNT] }
    }
}

impl Compaction {
    /// Does a part of a pass. Returns how many shards there was something to do for.
    pub fn step(&mut self, keyspace: &Keyspace) -> usize {
        let until = (self.next_shard + SHARD_COUNT.div_ceil(CALLS_PER_PASS)).min(SHARD_COUNT);
        let mut visited = 0;
        for shard in self.next_shard..until {
            let moves = keyspace.lock(shard).moves();
            if moves != self.seen_moves[shard] {
                self.seen_moves[shard] = moves;
                compact(keyspace, shard);
                visited += 1;
            }
        }
        self.next_shard = until % SHARD_COUNT;
        visited
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::TestClient;

    #[test]
    fn only_keys_that_come_or_go_give_it_work() {
        let mut client = TestClient::new();
        let mut compaction = Compaction::default();
        let mut pass = |client: &TestClient| -> usize {
            (0..CALLS_PER_PASS).map(|_| compaction.step(&client.server.keyspace)).sum()
        };
        assert_eq!(pass(&client), 0);
        for (request, visited) in [
            ("SET a 1", 1),
            ("PING", 0),
            ("INCR a", 0),
            ("SET a 2", 0),
            ("APPEND a 3", 0),
            ("MSET a 4 b 5", 1),
            ("RENAME a c", 2),
            ("SELECT 1", 0),
            ("SET a 1", 1),
            ("DEL a", 1),
            ("FLUSHALL", 3),
            ("FLUSHALL", 0),
        ] {
            client.say(request);
            assert_eq!(pass(&client), visited, "{request}");
        }
    }
}
