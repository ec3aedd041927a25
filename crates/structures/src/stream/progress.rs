//! How far a group has read: counts that can be told without counting.

use super::group::{Group, count_one};
use super::id::StreamId;
use super::large::Stream;

impl Stream {
    /// Whether an entry from `start` on may have been deleted: then counts of what is behind it can't be trusted.
    pub fn has_gap_from(&self, start: StreamId) -> bool {
        self.len() > 0
            && self.max_deleted_id != StreamId::ZERO
            && self.first_id <= self.max_deleted_id
            && start <= self.max_deleted_id
    }

    /// How many entries were ever added up to this ID, if that can be told.
    pub fn count_up_to(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.len() == 0 && id <= self.last_id || id == self.last_id {
            return Some(self.entries_added);
        }
        let is_whole = self.max_deleted_id == StreamId::ZERO || self.max_deleted_id < self.first_id;
        if id > self.last_id || !is_whole || id > self.first_id {
            return None;
        }
        let dropped = self.entries_added.wrapping_sub(self.len() as u64);
        Some(dropped.wrapping_add(u64::from(id == self.first_id)))
    }

    /// How many entries a group has yet to read, if that can be told.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_gap_from(group.last_id) => Some(read),
            _ => self.count_up_to(group.last_id),
        };
        read.map(|read| self.entries_added.wrapping_sub(read) as i64)
    }

    /// Notes that a group of this stream, taken out of it, was given this entry, if it is ahead of what it was given
    /// before. Returns whether it is.
    pub fn note_delivery(&self, group: &mut Group, id: StreamId) -> bool {
        if id <= group.last_id {
            return false;
        }
        match group.entries_read {
            Some(read) if !self.has_gap_from(id) => group.entries_read = Some(count_one(read)),
            _ if self.entries_added != 0 => group.entries_read = self.count_up_to(id),
            _ => {}
        }
        group.last_id = id;
        true
    }

    /// Nodes of the radix tree that Redis would keep the blocks' IDs in, which XINFO tells. O(blocks).
    pub fn radix_nodes(&self) -> usize {
        const KEY_LEN: isize = 16;
        if self.blocks().is_empty() {
            return 1;
        }
        // A node for each place where keys part and for each key, and one for each stretch of more bytes between them.
        let mut nodes = 0;
        // How deep the forks are that lead to the present key.
        let mut forks: Vec<isize> = Vec::new();
        let mut count = |parent: Option<&isize>, depth: isize| {
            let below = parent.map_or(0, |parent| parent + 1);
            nodes += 1 + usize::from(depth > below);
        };
        let mut keys = self.blocks().keys().map(|id| id.to_bytes());
        let mut previous = keys.next();
        for key in keys {
            let shared = previous.map_or(0, |previous| {
                previous.iter().zip(&key).take_while(|(one, other)| one == other).count() as isize
            });
            // The previous key is complete: its leaf, and the forks that no further key passes.
            let mut below = KEY_LEN;
            while let Some(&fork) = forks.last().filter(|fork| **fork > shared) {
                count(Some(&fork), below);
                below = fork;
                forks.pop();
            }
            if forks.last() != Some(&shared) {
                forks.push(shared);
            }
            count(Some(&shared), below);
            previous = Some(key);
        }
        let mut below = KEY_LEN;
        while let Some(fork) = forks.pop() {
            count(Some(&fork), below);
            below = fork;
        }
        count(None, below);
        nodes
    }
}
