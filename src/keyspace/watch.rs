//! Who watches a key: clients that want to know, before they go on, whether it has changed (WATCH).
//!
//! Kept beside those who wait for keys, under the same lock, so that whoever changes a key asks once for both. A key that
//! had expired when it was watched was missing then already: that it is deleted changes nothing.

use crate::keyspace::router::Position;
use crate::keyspace::shard::{Shard, has_expired};
use dunlin_structures::hash::KeyHashing;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A table of which less than this part is used shrinks.
const KEPT_PART: usize = 32;

/// Whether any of the keys that one client watches has changed.
#[derive(Debug, Default)]
pub struct Watch(AtomicBool);

impl Watch {
    pub fn is_touched(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// The client watches nothing any more.
    pub fn reset(&self) {
        self.0.store(false, Ordering::Release);
    }

    fn touch(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A client's eye on one key.
struct Watcher {
    db: u16,
    watch: Arc<Watch>,
    /// The key is stored, but had expired already when the client began to watch it.
    met_expired: Cell<bool>,
}

/// The watched keys of one shard.
#[derive(Default)]
pub struct Watched {
    keys: HashMap<Box<[u8]>, Vec<Watcher>, KeyHashing>,
}

impl Watched {
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn add(&mut self, db: u16, key: &[u8], watch: Arc<Watch>, met_expired: bool) {
        let watcher = Watcher { db, watch, met_expired: Cell::new(met_expired) };
        match self.keys.get_mut(key) {
            Some(watchers) => watchers.push(watcher),
            None => drop(self.keys.insert(key.into(), vec![watcher])),
        }
    }

    fn remove(&mut self, db: u16, key: &[u8], watch: &Arc<Watch>) {
        let Some(watchers) = self.keys.get_mut(key) else { return };
        watchers.retain(|watcher| watcher.db != db || !Arc::ptr_eq(&watcher.watch, watch));
        if watchers.is_empty() {
            self.keys.remove(key);
            if self.keys.len() < self.keys.capacity() / KEPT_PART {
                self.keys.shrink_to(self.keys.len() * 2);
            }
        }
    }

    fn of(&self, db: u16, key: &[u8]) -> impl Iterator<Item = &Watcher> {
        self.keys.get(key).into_iter().flatten().filter(move |watcher| watcher.db == db)
    }

    /// A key has changed.
    pub fn changed(&self, db: u16, key: &[u8]) {
        self.of(db, key).for_each(|watcher| watcher.watch.touch());
    }

    /// A key was deleted because its time had come.
    pub fn expired(&self, db: u16, key: &[u8]) {
        for watcher in self.of(db, key) {
            if !watcher.met_expired.take() {
                watcher.watch.touch();
            }
        }
    }

    /// All watched keys of a database, each with one of its watchers.
    fn all_of(&self, db: u16) -> impl Iterator<Item = (&[u8], &Watcher)> {
        let pairs = self.keys.iter().flat_map(|(key, watchers)| watchers.iter().map(|one| (&**key, one)));
        pairs.filter(move |(_, watcher)| watcher.db == db)
    }
}

/// What a database says of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stored {
    Missing,
    Expired,
    Live,
}

impl Shard {
    /// Has a client watch a key of this shard. Returns whether it did not yet. `now` in ms since 1970.
    pub fn watch(&mut self, db: u16, key: &[u8], watch: &Arc<Watch>, now: i64) -> bool {
        if self.waiters.watched().of(db, key).any(|watcher| Arc::ptr_eq(&watcher.watch, watch)) {
            return false;
        }
        let met_expired = self.stored(db, key, now) == Stored::Expired;
        self.waiters.with_watched(|watched| watched.add(db, key, Arc::clone(watch), met_expired));
        true
    }

    pub fn unwatch(&mut self, db: u16, key: &[u8], watch: &Arc<Watch>) {
        self.waiters.with_watched(|watched| watched.remove(db, key, watch));
    }

    /// Whether a key that this client watches has expired since it began to.
    pub fn watched_expired(&self, db: u16, key: &[u8], watch: &Arc<Watch>, now: i64) -> bool {
        let mut mine = self.waiters.watched().of(db, key).filter(|one| Arc::ptr_eq(&one.watch, watch));
        mine.any(|watcher| !watcher.met_expired.get()) && self.stored(db, key, now) == Stored::Expired
    }

    /// Everything in a database is about to go, or to be made anew.
    pub fn touch_flushed(&self, db: u16) {
        for (key, watcher) in self.waiters.watched().all_of(db) {
            if self.stored(db, key, 0) != Stored::Missing && !watcher.met_expired.take() {
                watcher.watch.touch();
            }
        }
    }

    /// The two databases are about to be exchanged.
    pub fn touch_swapped(&self, one: u16, other: u16, now: i64) {
        for (db, source) in [(one, other), (other, one)] {
            for (key, watcher) in self.waiters.watched().all_of(db) {
                let is_missing = self.stored(db, key, now) == Stored::Missing;
                match self.stored(source, key, now) {
                    Stored::Missing if is_missing => {}
                    Stored::Missing if watcher.met_expired.take() => {}
                    Stored::Expired if is_missing || watcher.met_expired.get() => {
                        watcher.met_expired.set(true);
                    }
                    _ => watcher.watch.touch(),
                }
            }
        }
    }

    fn stored(&self, db: u16, key: &[u8], now: i64) -> Stored {
        let position = Position::of(key);
        match self.db_ref(db).table(position).and_then(|table| table.get(position.hash, key)) {
            None => Stored::Missing,
            Some(entry) if has_expired(&entry, now) => Stored::Expired,
            Some(_) => Stored::Live,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_watches_hears_of_its_own_database_and_nothing_stays() {
        let mut shard = Shard::new(2);
        let (one, other) = (Arc::new(Watch::default()), Arc::new(Watch::default()));
        assert!(shard.watch(0, b"k", &one, 0) && !shard.watch(0, b"k", &one, 0));
        assert!(shard.watch(1, b"k", &other, 0));
        shard.waiters.watched().changed(0, b"k");
        assert!(one.is_touched() && !other.is_touched());
        shard.waiters.watched().expired(1, b"k");
        assert!(other.is_touched());
        assert!(!shard.waiters.is_empty());
        shard.unwatch(0, b"k", &one);
        shard.unwatch(0, b"k", &other);
        assert!(!shard.waiters.is_empty());
        shard.unwatch(1, b"k", &other);
        assert!(shard.waiters.is_empty());
    }
}
