//! Reasons for which requests are looked at more closely, gathered in one word.
//!
//! While the word is zero, which is nearly always, dispatch lets a request through after one comparison.

use dunlin_structures::hash::KeyHashing;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::task::Waker;

/// The data is being loaded.
pub const LOADING: u32 = 1 << 0;
/// The log failed: writes are refused.
pub const LOG_FAILED: u32 = 1 << 1;
/// More memory is used than `maxmemory` allows.
pub const OUT_OF_MEMORY: u32 = 1 << 2;
/// CLIENT PAUSE WRITE, or a stop that waits for replicas.
pub const PAUSED_WRITES: u32 = 1 << 3;
/// CLIENT PAUSE ALL.
pub const PAUSED_ALL: u32 = 1 << 4;
/// The log's buffer is full: writers wait for room.
pub const LOG_FULL: u32 = 1 << 5;
/// The server is shutting down: no new unit starts.
pub const SHUTTING_DOWN: u32 = 1 << 6;
/// A `maxmemory` is set: memory is checked before a command that may need more.
pub const MEMORY_LIMITED: u32 = 1 << 7;
/// A script runs for longer than busy-reply-threshold.
pub const SCRIPT_BUSY: u32 = 1 << 9;

/// Writes need replicas (min-replicas-to-write), of which there are none.
pub const REPLICAS_NEEDED: u32 = 1 << 10;

/// Somebody sees all requests (MONITOR).
pub const MONITORED: u32 = 1 << 8;

/// A pause of writes, or of everything.
const PAUSED: u32 = PAUSED_WRITES | PAUSED_ALL;
/// While one of these is closed no key is deleted because its time has come: a load must meet the state that was
/// logged, and a pause keeps the data as they are. To readers such a key is missing all the same.
pub const KEEPS_EXPIRED: u32 = LOADING | PAUSED;

/// What holds requests back, and who waits for it to end.
#[derive(Default)]
pub struct Gates {
    closed: AtomicU32,
    /// When the last pause ends, in ms since 1970.
    pause_ends: AtomicI64,
    /// Held while a pause begins, changes or ends, so that none ends with the one before it.
    pauses: Mutex<Pauses>,
    waiting: Mutex<Waiting>,
    /// How often a gate has opened: who waits compares it with what it was when it began to wait.
    opened: AtomicU64,
}

impl Gates {
    #[inline]
    pub fn closed(&self) -> u32 {
        self.closed.load(Ordering::Relaxed)
    }

    pub fn close(&self, gate: u32) {
        self.closed.fetch_or(gate, Ordering::Relaxed);
    }

    /// Opens a gate and lets those who wait try again.
    pub fn open(&self, gate: u32) {
        if self.closed.fetch_and(!gate, Ordering::Relaxed) & gate != 0 {
            self.opened.fetch_add(1, Ordering::Release);
            self.wake();
        }
    }

    /// Has everybody who waits try again, as when a gate opens.
    pub fn retry(&self) {
        self.opened.fetch_add(1, Ordering::Release);
        self.wake();
    }

    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Acquire)
    }

    /// CLIENT PAUSE: until `until` (ms since 1970). As in Redis a later end and the stronger pause win.
    pub fn pause(&self, until: i64, all: bool) {
        let mut pauses = self.pauses.lock();
        let gates = if all { PAUSED } else { PAUSED_WRITES };
        let before = pauses.by_client.unwrap_or(Pause { until, gates });
        pauses.by_client = Some(Pause { until: until.max(before.until), gates: gates | before.gates });
        self.apply(&pauses);
    }

    /// CLIENT UNPAUSE.
    pub fn unpause(&self) {
        let mut pauses = self.pauses.lock();
        pauses.by_client = None;
        self.apply(&pauses);
    }

    /// The server is about to stop, and is to write no more, whatever clients say of their pause.
    pub fn pause_for_stop(&self) {
        let mut pauses = self.pauses.lock();
        pauses.by_stop = true;
        self.apply(&pauses);
    }

    /// It does not stop. A client's pause goes on.
    pub fn unpause_for_stop(&self) {
        let mut pauses = self.pauses.lock();
        pauses.by_stop = false;
        self.apply(&pauses);
    }

    fn apply(&self, pauses: &Pauses) {
        let stop = pauses.by_stop.then_some(Pause { until: i64::MAX, gates: PAUSED_WRITES });
        let running = || pauses.by_client.into_iter().chain(stop);
        if let Some(last) = running().map(|pause| pause.until).max() {
            self.pause_ends.store(last, Ordering::Relaxed);
        }
        let gates = running().fold(0, |gates, pause| gates | pause.gates);
        self.close(gates);
        self.open(PAUSED & !gates);
    }

    pub fn is_paused(&self) -> bool {
        self.closed() & PAUSED != 0
    }

    /// When the pause ends that is running, in ms since 1970; `i64::MAX`: none is.
    pub fn next_pause_end(&self) -> i64 {
        if self.is_paused() { self.pause_ends() } else { i64::MAX }
    }

    pub fn pause_ends(&self) -> i64 {
        self.pause_ends.load(Ordering::Relaxed)
    }

    /// Ends a pause whose time has come.
    pub fn tick(&self, now: i64) {
        if !self.is_paused() {
            return;
        }
        let mut pauses = self.pauses.lock();
        if pauses.by_client.is_some_and(|pause| now >= pause.until) {
            pauses.by_client = None;
            self.apply(&pauses);
        }
    }

    /// Has the waker called when a gate opens. The caller must look at the gates again after this.
    pub fn wait(&self, waker: &Waker) {
        self.waiting.lock().add(waker);
    }

    /// Forgets a waker: its connection is gone.
    pub fn forget(&self, waker: &Waker) {
        self.waiting.lock().remove(waker);
    }

    fn wake(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.wakers.into_values().for_each(Waker::wake);
    }

    pub fn waiting(&self) -> usize {
        self.waiting.lock().wakers.len()
    }
}

/// Who holds requests back, and for how long.
#[derive(Default)]
struct Pauses {
    by_client: Option<Pause>,
    by_stop: bool,
}

#[derive(Clone, Copy)]
struct Pause {
    /// In ms since 1970.
    until: i64,
    gates: u32,
}

/// Who waits, in the order of arrival, each once: ten thousand may.
#[derive(Default)]
struct Waiting {
    wakers: BTreeMap<u64, Waker>,
    numbers: HashMap<Task, u64, KeyHashing>,
    /// Only counts upwards until all are woken.
    next: u64,
}

/// What a waker wakes: two that wake the same are equal in this, as long as one of them is kept.
type Task = (usize, usize);

impl Waiting {
    fn task(waker: &Waker) -> Task {
        (waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr())
    }

    fn add(&mut self, waker: &Waker) {
        let Self { wakers, numbers, next } = self;
        numbers.entry(Self::task(waker)).or_insert_with(|| {
            *next += 1;
            wakers.insert(*next, waker.clone());
            *next
        });
    }

    fn remove(&mut self, waker: &Waker) {
        if let Some(number) = self.numbers.remove(&Self::task(waker)) {
            self.wakers.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes its number when it is woken.
    struct Numbered(usize, std::sync::Arc<Mutex<Vec<usize>>>);

    impl std::task::Wake for Numbered {
        fn wake(self: std::sync::Arc<Self>) {
            self.1.lock().push(self.0);
        }
    }

    #[test]
    fn who_waits_is_woken_once_and_in_the_order_of_arrival() {
        let (gates, woken) = (Gates::default(), std::sync::Arc::new(Mutex::new(Vec::new())));
        let wakers: Vec<Waker> =
            (0..100).map(|number| std::sync::Arc::new(Numbered(number, woken.clone())).into()).collect();
        for _ in 0..2 {
            wakers.iter().rev().for_each(|waker| gates.wait(waker));
        }
        gates.forget(&wakers[50]);
        gates.forget(&wakers[50]);
        gates.wait(&wakers[50]);
        gates.forget(&wakers[10]);
        assert_eq!(gates.waiting(), 99);
        gates.retry();
        let expected: Vec<usize> =
            (0..100).rev().filter(|number| ![10, 50].contains(number)).chain([50]).collect();
        assert_eq!((gates.waiting(), &*woken.lock()), (0, &expected));
    }

    #[test]
    fn clients_can_not_end_the_pause_of_a_stop_nor_it_theirs() {
        let gates = Gates::default();
        gates.pause(10, true);
        gates.pause_for_stop();
        gates.tick(10);
        assert_eq!((gates.closed(), gates.next_pause_end()), (PAUSED_WRITES, i64::MAX));
        gates.pause(20, false);
        gates.unpause();
        assert_eq!(gates.closed(), PAUSED_WRITES);
        gates.pause(30, true);
        gates.unpause_for_stop();
        assert_eq!((gates.closed(), gates.next_pause_end()), (PAUSED, 30));
        gates.tick(30);
        assert_eq!((gates.closed(), gates.next_pause_end()), (0, i64::MAX));
    }

    #[test]
    fn a_pause_that_meets_the_end_of_another_is_not_lost() {
        let gates = Gates::default();
        let (now, ticks) = (AtomicI64::new(0), AtomicU64::new(0));
        let mut lost = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while now.load(Ordering::SeqCst) >= 0 {
                    gates.tick(now.load(Ordering::SeqCst));
                    ticks.fetch_add(1, Ordering::SeqCst);
                }
            });
            for round in 1..2_000 {
                now.store(round * 10, Ordering::SeqCst);
                gates.pause(round * 10, false);
                // The one before is due, and may be ending just now.
                gates.pause(round * 10 + 5, false);
                let seen = ticks.load(Ordering::SeqCst);
                while ticks.load(Ordering::SeqCst) < seen + 2 {
                    std::thread::yield_now();
                }
                lost += u32::from(!gates.is_paused());
            }
            now.store(-1, Ordering::SeqCst);
        });
        assert_eq!(lost, 0);
        gates.tick(i64::MAX);
        assert!(!gates.is_paused());
    }
}
