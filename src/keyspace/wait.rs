//! Who waits for a key: blocked clients, in the order in which they came.
//!
//! A waiter stands in the queue of each key that it waits for, under that key's shard lock, so that it can't miss a
//! change. The doors note which of the keys that change are waited for; whoever ran the unit serves the waiters before
//! it lets the shards go. Knows nothing of clients or commands: a waiter is whatever implements [`Waiter`].

use crate::keyspace::watch::Watched;
use dunlin_structures::hash::KeyHashing;
use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Somebody who waits.
pub trait Waiter: Any + Send + Sync {
    /// Whether serving it may touch keys of other shards than that of the key it waits for. While there is one,
    /// writers of its shard take all shards.
    fn crosses_shards(&self) -> bool;

    /// Whether it is to be served when the key goes, too.
    fn wants_missing(&self) -> bool;
}

/// A waiter and the logical database that it waits in.
type Place = (u16, Arc<dyn Waiter>);

/// The waiters of one shard, and those who watch its keys.
#[derive(Default)]
pub struct Waiters {
    queues: HashMap<Box<[u8]>, Queue, KeyHashing>,
    watched: Watched,
    /// Whether there is anybody of either kind: what every change asks.
    is_used: bool,
    /// How many places are held by waiters that cross shards.
    crossing: usize,
}

/// Those who wait for one key, in any logical database.
#[derive(Default)]
struct Queue {
    places: VecDeque<Place>,
    /// How many of them want to hear that the key went.
    wanting_missing: usize,
}

/// A key that changed while somebody waited for it.
#[derive(Debug, PartialEq, Eq)]
pub struct ReadyKey {
    pub db: u16,
    pub key: Box<[u8]>,
}

impl Waiters {
    /// Whether nobody waits for a key here, and nobody watches one.
    #[inline]
    pub fn is_empty(&self) -> bool {
        !self.is_used
    }

    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// Has somebody begin or cease to watch.
    pub fn with_watched(&mut self, change: impl FnOnce(&mut Watched)) {
        change(&mut self.watched);
        self.note_use();
    }

    fn note_use(&mut self) {
        self.is_used = !self.queues.is_empty() || !self.watched.is_empty();
    }

    /// Whether serving somebody here may need other shards.
    #[inline]
    pub fn cross_shards(&self) -> bool {
        self.crossing > 0
    }

    /// Number of keys that are waited for.
    pub fn key_count(&self) -> usize {
        self.queues.len()
    }

    /// Number of keys whose going is waited for.
    pub fn missing_key_count(&self) -> usize {
        self.queues.values().filter(|queue| queue.wanting_missing > 0).count()
    }

    /// Puts a waiter at the end of a key's queue.
    pub fn add(&mut self, db: u16, key: &[u8], waiter: Arc<dyn Waiter>) {
        self.crossing += usize::from(waiter.crosses_shards());
        let queue = match self.queues.get_mut(key) {
            Some(queue) => queue,
            None => self.queues.entry(key.into()).or_default(),
        };
        queue.wanting_missing += usize::from(waiter.wants_missing());
        queue.places.push_back((db, waiter));
        self.is_used = true;
    }

    /// Takes a waiter out of a key's queue, if it is there. O(1) for the first, O(n) for others.
    pub fn remove(&mut self, db: u16, key: &[u8], waiter: &dyn Waiter) {
        let Some(queue) = self.queues.get_mut(key) else { return };
        let is_it = |place: &Place| place.0 == db && std::ptr::addr_eq(Arc::as_ptr(&place.1), waiter);
        let Some(index) = queue.places.iter().position(is_it) else { return };
        queue.places.remove(index);
        queue.wanting_missing -= usize::from(waiter.wants_missing());
        self.crossing -= usize::from(waiter.crosses_shards());
        if queue.places.is_empty() {
            self.queues.remove(key);
            self.note_use();
        }
    }

    /// Whether anybody waits for a key of this name, in any database.
    #[inline]
    pub fn await_key(&self, key: &[u8]) -> bool {
        !self.queues.is_empty() && self.queues.contains_key(key)
    }

    /// Whether somebody wants to hear that the key went.
    pub fn want_missing(&self, key: &[u8]) -> bool {
        self.queues.get(key).is_some_and(|queue| queue.wanting_missing > 0)
    }

    /// The waiter at `index` or behind it in a key's queue who waits in that database, with his own index.
    pub fn next(&self, db: u16, key: &[u8], index: usize) -> Option<(usize, Arc<dyn Waiter>)> {
        let places = self.queues.get(key)?.places.iter().enumerate().skip(index);
        places.into_iter().find(|(_, place)| place.0 == db).map(|(at, place)| (at, Arc::clone(&place.1)))
    }

    /// All keys that are waited for.
    pub fn keys(&self) -> impl Iterator<Item = ReadyKey> + '_ {
        self.queues.iter().flat_map(|(key, queue)| {
            queue.places.iter().map(|(db, _)| ReadyKey { db: *db, key: key.clone() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Waiter, Waiters};
    use std::sync::Arc;

    struct Somebody {
        crosses: bool,
        missing: bool,
    }

    impl Waiter for Somebody {
        fn crosses_shards(&self) -> bool {
            self.crosses
        }

        fn wants_missing(&self) -> bool {
            self.missing
        }
    }

    #[test]
    fn queues_keep_their_order_and_go_when_they_are_empty() {
        let somebody = |crosses, missing| Arc::new(Somebody { crosses, missing });
        let (first, second, third) = (somebody(false, false), somebody(true, false), somebody(false, true));
        let mut waiters = Waiters::default();
        waiters.add(0, b"k", first.clone());
        waiters.add(1, b"k", second.clone());
        waiters.add(0, b"k", third.clone());
        assert!(waiters.cross_shards() && waiters.want_missing(b"k") && waiters.await_key(b"k"));
        assert_eq!((waiters.key_count(), waiters.missing_key_count()), (1, 1));
        let at = |waiters: &Waiters, db, index| waiters.next(db, b"k", index).map(|(at, _)| at);
        assert_eq!((at(&waiters, 0, 0), at(&waiters, 0, 1), at(&waiters, 0, 3)), (Some(0), Some(2), None));
        assert_eq!((at(&waiters, 1, 0), at(&waiters, 2, 0)), (Some(1), None));
        waiters.remove(0, b"k", &*second);
        assert!(waiters.cross_shards(), "it waits in another database");
        waiters.remove(1, b"k", &*second);
        assert!(!waiters.cross_shards());
        waiters.remove(0, b"k", &*first);
        waiters.remove(0, b"k", &*first);
        assert_eq!(waiters.keys().count(), 1);
        waiters.remove(0, b"k", &*third);
        assert!(waiters.is_empty() && !waiters.await_key(b"k"));
    }
}
