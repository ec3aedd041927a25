//! Looks for what to evict: samples of keys, and a pool of the best that were seen.
//!
//! This is Redis' approximation (its documentation of key eviction, "Approximated LRU algorithm"): of a few keys by chance
//! the best are remembered, and the best of all that are remembered goes. A shard is held only while its keys are looked
//! at. Shards, databases and slots are drawn in proportion to their keys, so that a hash tag that holds most keys gives
//! most of what is evicted.

use crate::keyspace::policy::{AccessClock, Order, Policy};
use crate::keyspace::router::{Keyspace, Position, SHARD_COUNT};
use crate::keyspace::shard::{ShardDb, below};
use dunlin_structures::Entry;
use dunlin_structures::table::RUN_MAX;

/// Keys remembered, as in Redis.
const POOL_LEN: usize = 16;
/// How many keys there are is counted again after so many looks: that is 64 locks.
const LOOKS_PER_SURVEY: u32 = 512;
/// Looks for one key to evict. In vain they are where a script owns the shards, or where others were faster.
const LOOKS_MAX: usize = 32;
/// How often a slot is drawn before they are counted.
const DRAWS_MAX: usize = 8;
/// Where fewer than one key in so many has a time to live, such keys are drawn from the index of these times.
const SPARSE: usize = 8;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal {
    pub policy: Policy,
    pub clock: AccessClock,
    /// In ms since 1970.
    pub now: i64,
    /// `maxmemory-samples`.
    pub samples: usize,
}

/// A key that may be evicted, as it was when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub db: u16,
    pub position: Position,
    pub key: Box<[u8]>,
    worth: u64,
    clock: u32,
    expire_at: Option<i64>,
}

impl Candidate {
    fn of(entry: &Entry, worth: u64, db: u16) -> Self {
        let position = Position::of(entry.key());
        let (clock, expire_at) = (entry.clock(), entry.expire_at());
        Self { db, position, key: entry.key().into(), worth, clock, expire_at }
    }

    /// Whether the key is still what it was: nobody has used it since, as far as the policy minds.
    pub fn is_still(&self, entry: &Entry, policy: Policy) -> bool {
        match policy.order {
            Order::Lru | Order::Lfu => {
                entry.clock() == self.clock && !(policy.volatile_only && entry.expire_at().is_none())
            }
            Order::Random => !(policy.volatile_only && entry.expire_at().is_none()),
            Order::Ttl => entry.expire_at() == self.expire_at,
        }
    }
}

/// What became of a search.
#[derive(Debug)]
pub enum Found {
    Candidate(Candidate),
    /// There is nothing that the policy lets go.
    Nothing,
    /// A script owns what there is, or others were faster.
    NotNow,
}

/// One thread's search for what to evict.
#[derive(Default)]
pub struct Evictor {
    /// The pool, the best last.
    pool: Vec<Candidate>,
    policy: Option<Policy>,
    places: Vec<Place>,
    looks_left: u32,
}

/// A database's part in a shard.
struct Place {
    shard: usize,
    db: u16,
    /// The keys that may go in this place and in all before it.
    keys_up_to: u64,
    /// The room of its largest slot.
    largest: usize,
}

impl Evictor {
    /// What should go next. Expected O(samples); now and then O(shards, databases, slots).
    pub fn next(&mut self, keyspace: &Keyspace, goal: &Goal) -> Found {
        if self.policy != Some(goal.policy) {
            *self = Self { policy: Some(goal.policy), ..Self::default() };
        }
        let mut seen = 0;
        let mut met_owner = false;
        for _ in 0..LOOKS_MAX {
            if seen >= goal.samples {
                break;
            }
            // Where nothing was found then there may be something now.
            if self.looks_left == 0 || self.places.is_empty() {
                self.survey(keyspace, goal.policy);
            }
            self.looks_left -= 1;
            let total = self.places.last().map_or(0, |place| place.keys_up_to);
            let Some(chance) = below(total, rand::random()) else { break };
            let place = &self.places[self.places.partition_point(|place| place.keys_up_to <= chance)];
            let shard = keyspace.lock(place.shard);
            if shard.owner != 0 {
                met_owner = true;
                continue;
            }
            let mut offer = |entry: &Entry| remember(&mut self.pool, entry, place.db, goal);
            let here = look(shard.db_ref(place.db), place.largest, goal, goal.samples - seen, &mut offer);
            seen += here;
            if here == 0 {
                // What was counted has gone.
                self.looks_left = 0;
            }
        }
        match self.pool.pop() {
            Some(candidate) => Found::Candidate(candidate),
            None if met_owner || seen > 0 => Found::NotNow,
            None => Found::Nothing,
        }
    }

    fn survey(&mut self, keyspace: &Keyspace, policy: Policy) {
        self.looks_left = LOOKS_PER_SURVEY;
        self.places.clear();
        let mut keys_up_to = 0;
        for shard in 0..SHARD_COUNT {
            let locked = keyspace.lock(shard);
            for (db, part) in locked.dbs().iter().enumerate() {
                let keys = if policy.volatile_only { part.expires().len() } else { part.len() };
                if keys > 0 {
                    keys_up_to += keys as u64;
                    let largest = part.tables().iter().map(|table| table.len_estimate()).max().unwrap_or(0);
                    self.places.push(Place { shard, db: db as u16, keys_up_to, largest });
                }
            }
        }
    }
}

/// Keeps a key in the pool, if it is better than the worst of a full one.
fn remember(pool: &mut Vec<Candidate>, entry: &Entry, db: u16, goal: &Goal) {
    let worth = goal.policy.order.worth(goal.clock, entry.clock(), entry.expire_at(), goal.now);
    let is_full = pool.len() >= POOL_LEN;
    if is_full && pool.first().is_some_and(|worst| worst.worth >= worth) {
        return;
    }
    // The same key may have been seen before: what was known of it then is no longer needed.
    if pool.iter().any(|known| known.worth == worth && known.db == db && *known.key == *entry.key()) {
        return;
    }
    if is_full {
        pool.remove(0);
    }
    let index = pool.partition_point(|known| known.worth <= worth);
    pool.insert(index, Candidate::of(entry, worth, db));
}

/// Shows up to `count` keys that may go, and returns how many.
fn look(part: &ShardDb, largest: usize, goal: &Goal, count: usize, offer: &mut impl FnMut(&Entry)) -> usize {
    let policy = goal.policy;
    let mut seen = 0;
    if policy.order == Order::Ttl {
        if let Some(entry) = part.soonest() {
            offer(&entry);
            seen += 1;
        }
        return seen;
    }
    let mut show = |entry: &Entry| {
        if seen < count && !(policy.volatile_only && entry.expire_at().is_none()) {
            offer(entry);
            seen += 1;
        }
    };
    let volatile = part.expires().len();
    let is_sparse = policy.volatile_only && volatile * SPARSE < part.len();
    if !is_sparse {
        let run = if policy.volatile_only { count.saturating_mul(SPARSE) } else { count };
        sample(part, largest, run.min(RUN_MAX), &mut show);
    }
    if policy.volatile_only {
        // Times that stand alone are drawn more often than those in a crowd.
        let missing = count.min(volatile).min(RUN_MAX).saturating_sub(seen);
        for _ in 0..missing {
            if let Some(entry) = part.volatile_by_chance(&mut rand::random) {
                offer(&entry);
                seen += 1;
            }
        }
    }
    seen
}

/// Shows up to `count` neighbours, the first of them by chance.
fn sample(part: &ShardDb, largest: usize, count: usize, show: &mut impl FnMut(&Entry)) {
    let tables = part.tables();
    let room = |index: usize| tables[index].len_estimate();
    // By the room that a slot has: each key is about as likely as any other.
    let drawn = (0..DRAWS_MAX).find_map(|_| {
        let index = below(tables.len() as u64, rand::random())? as usize;
        let is_taken = below(largest as u64, rand::random())? < room(index) as u64;
        is_taken.then_some(index)
    });
    let first = drawn.or_else(|| {
        let mut chance = below((0..tables.len()).map(room).sum::<usize>() as u64, rand::random())?;
        (0..tables.len()).find(|&index| {
            let here = chance < room(index) as u64;
            chance = chance.saturating_sub(room(index) as u64);
            here
        })
    });
    let Some(first) = first else { return };
    // Where slots hold few keys each, those of the next ones have to do.
    let mut left = count;
    for table in tables[first..].iter().chain(&tables[..first]) {
        if left == 0 {
            break;
        }
        left -= table.sample_run(rand::random(), left, |entry| show(entry));
    }
}

#[cfg(test)]
mod tests;
