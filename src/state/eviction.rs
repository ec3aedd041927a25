//! What is known of eviction: who searches, whether it lags behind, and since when.

use crate::keyspace::eviction::Evictor;
use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// How long what others are told of evicted keys may take to leave, in ms.
const TELLING_MS: i64 = 200;

/// The state of eviction, shared by all who make room.
pub struct Eviction {
    /// One for each thread that may search at the same time.
    evictors: Box<[Mutex<Evictor>]>,
    /// The clockwork is to go on with it.
    is_behind: AtomicBool,
    /// There was nothing to evict.
    is_stuck: AtomicBool,
    pub evicted_keys: AtomicU64,
    /// Since when the limit is exceeded, in ms since 1970; 0: it is not.
    exceeded_since: AtomicI64,
    /// For how long it was, in ms, before that.
    exceeded_ms: AtomicI64,
    /// Bytes that those who evict now have taken on to free.
    claimed: AtomicU64,
    /// Bytes that remained too many when as much was freed as there had been.
    told: AtomicU64,
    /// Until when these are taken for what others are told of evicted keys, in ms since 1970.
    told_until: AtomicI64,
}

/// What one thread has taken on to free, until it is dropped.
pub struct Claim<'e> {
    eviction: &'e Eviction,
    pub bytes: u64,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.eviction.claimed.fetch_sub(self.bytes, Relaxed);
    }
}

impl Eviction {
    pub fn new(threads: usize) -> Self {
        Self {
            evictors: std::iter::repeat_with(Mutex::default).take(threads).collect(),
            is_behind: AtomicBool::new(false),
            is_stuck: AtomicBool::new(false),
            evicted_keys: AtomicU64::new(0),
            exceeded_since: AtomicI64::new(0),
            exceeded_ms: AtomicI64::new(0),
            claimed: AtomicU64::new(0),
            told: AtomicU64::new(0),
            told_until: AtomicI64::new(0),
        }
    }

    /// One that nobody uses; none if more threads search than was said.
    pub fn evictor(&self) -> Option<MutexGuard<'_, Evictor>> {
        self.evictors.iter().find_map(Mutex::try_lock)
    }

    /// Takes on to free what is too much of these bytes, but for what others have taken on; none if that is all.
    pub fn claim(&self, excess: u64) -> Option<Claim<'_>> {
        let by_others = self.claimed.fetch_add(excess, Relaxed);
        let claim = Claim { eviction: self, bytes: excess.saturating_sub(by_others) };
        self.claimed.fetch_sub(excess - claim.bytes, Relaxed);
        (claim.bytes > 0).then_some(claim)
    }

    /// Leaves the rest to the clockwork, which must be woken. Returns whether it was not left already.
    pub fn leave(&self) -> bool {
        !self.is_behind.swap(true, Relaxed)
    }

    pub fn is_behind(&self) -> bool {
        self.is_behind.load(Relaxed)
    }

    /// Whether something was left; the caller does it.
    pub fn take_over(&self) -> bool {
        self.is_behind() && self.is_behind.swap(false, Relaxed)
    }

    /// Whether the last search ended because there was nothing to evict.
    pub fn is_stuck(&self) -> bool {
        self.is_stuck.load(Relaxed)
    }

    pub fn set_stuck(&self, is_stuck: bool) {
        // Nearly always it is so already, and all threads come by here.
        if self.is_stuck() != is_stuck {
            self.is_stuck.store(is_stuck, Relaxed);
        }
    }

    /// Of so many bytes above the limit: those that others are being told of evicted keys. These leave by themselves, and to
    /// evict for them leads to more of them.
    pub fn told(&self, excess: u64, now: i64) -> u64 {
        if now >= self.told_until.load(Relaxed) {
            return 0;
        }
        self.told.fetch_min(excess, Relaxed).min(excess)
    }

    /// So many bytes above the limit remain, though as many were freed as had to be.
    pub fn note_told(&self, bytes: u64, now: i64) {
        self.told.store(bytes, Relaxed);
        // Not put off while there is more and more: somebody may not read at all.
        if bytes > 0 && now >= self.told_until.load(Relaxed) {
            self.told_until.store(now + TELLING_MS, Relaxed);
        }
    }

    /// The limit is exceeded, in spite of what was done about it; or it is not. `now` in ms since 1970, asked for where it
    /// was otherwise before.
    pub fn note(&self, is_exceeded: bool, now: impl FnOnce() -> i64) {
        let since = self.exceeded_since.load(Relaxed);
        if is_exceeded == (since != 0) {
            return;
        }
        let now = now();
        let next = if is_exceeded { now } else { 0 };
        if self.exceeded_since.compare_exchange(since, next, Relaxed, Relaxed).is_ok() && !is_exceeded {
            self.exceeded_ms.fetch_add((now - since).max(0), Relaxed);
        }
    }

    /// For how long the limit has been exceeded, in ms: in all, and now.
    pub fn exceeded_ms(&self, now: i64) -> (i64, i64) {
        let present = match self.exceeded_since.load(Relaxed) {
            0 => 0,
            since => (now - since).max(0),
        };
        (self.exceeded_ms.load(Relaxed) + present, present)
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        self.evicted_keys.store(0, Relaxed);
        self.exceeded_ms.store(0, Relaxed);
        self.exceeded_since.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_frees_what_another_has_taken_on() {
        let eviction = Eviction::new(2);
        let claim = |excess| eviction.claim(excess);
        let first = claim(100).expect("all of it");
        assert!(claim(100).is_none() && claim(70).is_none());
        let second = claim(130).expect("what came since");
        assert_eq!((first.bytes, second.bytes), (100, 30));
        drop(first);
        assert_eq!(claim(70).map(|claim| claim.bytes), Some(40));
        drop(second);
        assert_eq!(claim(70).map(|claim| claim.bytes), Some(70));
    }

    #[test]
    fn the_time_beyond_the_limit_adds_up() {
        let eviction = Eviction::new(1);
        for (at, is_exceeded) in [(1_000, true), (1_500, true), (2_000, false), (2_500, false), (5_000, true)]
        {
            eviction.note(is_exceeded, || at);
        }
        assert_eq!(eviction.exceeded_ms(5_100), (1_100, 100));
        eviction.note(false, || 6_000);
        assert_eq!(eviction.exceeded_ms(9_000), (2_000, 0));
    }

    #[test]
    fn what_is_told_is_spared_until_it_should_have_left() {
        let eviction = Eviction::new(1);
        assert_eq!(eviction.told(100, 1_000), 0);
        eviction.note_told(100, 1_000);
        assert_eq!((eviction.told(150, 1_001), eviction.told(70, 1_002)), (100, 70));
        // What has left does not come back.
        assert_eq!(eviction.told(150, 1_003), 70);
        eviction.note_told(500, 1_199);
        assert_eq!((eviction.told(501, 1_199), eviction.told(501, 1_200)), (500, 0));
        eviction.note_told(0, 1_300);
        assert_eq!(eviction.told(1, 1_300), 0);
    }
}
