//! The slow log: the last commands that took longer than `slowlog-log-slower-than`.
//!
//! A ring in memory. Knows nothing of commands: it is handed what it keeps.

use parking_lot::Mutex;
use std::collections::VecDeque;

/// One slow command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Grows by one with each entry, resets included.
    pub id: u64,
    /// When it ran, in s since 1970.
    pub time_s: i64,
    pub took_us: u64,
    /// Cut to a length that bounds what the log can hold.
    pub args: Vec<Vec<u8>>,
    pub address: String,
    pub client_name: Vec<u8>,
}

#[derive(Default)]
struct Ring {
    /// The latest one first.
    entries: VecDeque<Entry>,
    next_id: u64,
}

/// See the module's text.
#[derive(Default)]
pub struct SlowLog {
    ring: Mutex<Ring>,
}

impl SlowLog {
    /// Keeps an entry, giving it its id, and forgets the oldest ones above `len_max`.
    pub fn add(&self, entry: Entry, len_max: usize) {
        let mut ring = self.ring.lock();
        let id = ring.next_id;
        ring.next_id += 1;
        ring.entries.push_front(Entry { id, ..entry });
        ring.entries.truncate(len_max);
    }

    pub fn len(&self) -> usize {
        self.ring.lock().entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The latest `count` entries, the last one first.
    pub fn latest(&self, count: usize) -> Vec<Entry> {
        self.ring.lock().entries.iter().take(count).cloned().collect()
    }

    pub fn reset(&self) {
        self.ring.lock().entries.clear();
    }
}
