//! The commit gate: where effects leave a shard, and when a reply may leave the server.
//!
//! A unit appends its effects while its shards are locked and learns its LSN. A reply that must wait (appendfsync
//! always) stays in its connection until that LSN is durable, while every other connection goes on: that is group
//! commit. Knows nothing of files: the log behind it is plugged in.

use crate::keyspace::effect::{EffectBuffer, EffectLog, Lsn};
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use tokio::sync::Notify;

/// What the gate needs of the log behind it.
pub trait LogSink: Send + Sync {
    /// Appends a unit, whole, and returns the LSN behind it. Called with the written shards locked.
    fn append(&self, unit: &EffectBuffer) -> Lsn;
}

/// Who waits on one worker. The log's thread calls the worker once, and the worker its own connections: calling each
/// of them from another thread costs a system call a connection.
#[derive(Default)]
struct Lane {
    waiters: Mutex<Vec<(Lsn, Waker)>>,
    due: Notify,
}

/// The gate. All LSNs in it only ever grow.
pub struct Commit {
    log: ArcSwapOption<Box<dyn LogSink>>,
    logging: AtomicBool,
    /// Whether replies wait for their LSN (appendfsync always, or a late fsync in everysec).
    waiting: AtomicBool,
    durable: AtomicU64,
    /// One for each worker.
    lanes: Box<[Lane]>,
    /// How many connections waited when the last sync was done, those included that it let go.
    expected: AtomicUsize,
    /// How often everybody was let go: who was on the list then is not any more.
    openings: AtomicU64,
    failed: AtomicBool,
    /// Why the log failed, while it has.
    failure: Mutex<String>,
}

impl Commit {
    pub fn new(workers: usize) -> Self {
        Self {
            log: ArcSwapOption::empty(),
            logging: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            durable: AtomicU64::new(0),
            lanes: std::iter::repeat_with(Lane::default).take(workers).collect(),
            expected: AtomicUsize::new(0),
            openings: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            failure: Mutex::default(),
        }
    }

    /// Effects go to `log` from now on; `None`: nowhere. Switch with all shards locked, so that no unit is cut.
    pub fn set_log(&self, log: Option<Box<dyn LogSink>>) {
        self.logging.store(log.is_some(), Ordering::Release);
        self.log.store(log.map(Arc::new));
    }

    pub fn is_logging(&self) -> bool {
        self.logging.load(Ordering::Relaxed)
    }

    /// Whether a reply waits until its LSN is durable.
    pub fn set_waiting(&self, waiting: bool) {
        self.waiting.store(waiting, Ordering::Release);
        if !waiting {
            self.openings.fetch_add(1, Ordering::AcqRel);
            self.wake(Lsn(u64::MAX));
        }
    }

    /// Whether a reply with this LSN may leave.
    #[inline]
    pub fn may_leave(&self, lsn: Lsn) -> bool {
        !self.waiting.load(Ordering::Relaxed) || lsn.0 <= self.durable.load(Ordering::Acquire)
    }

    #[inline]
    pub fn replies_wait(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether reads wait for what they saw. While the log has failed they don't, since it may stay so for long.
    #[inline]
    pub fn reads_wait(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) && !self.failed.load(Ordering::Relaxed)
    }

    /// Why the log failed; empty if it has not.
    pub fn failure(&self) -> String {
        self.failure.lock().clone()
    }

    /// The log has failed; with an empty cause it works again.
    pub fn set_failure(&self, cause: String) {
        self.failed.store(!cause.is_empty(), Ordering::Release);
        *self.failure.lock() = cause;
    }

    pub fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// Everything up to `lsn` is on disk: the replies that waited for it may leave.
    pub fn set_durable(&self, lsn: Lsn) {
        self.durable.fetch_max(lsn.0, Ordering::AcqRel);
        self.wake(lsn);
    }

    /// Calls the waker of a connection of `worker` once `lsn` is durable. Returns whether it already is (then nobody is
    /// called).
    pub fn wait(&self, worker: usize, lsn: Lsn, waker: &Waker) -> bool {
        let mut waiters = self.lanes[worker].waiters.lock();
        // Looked at under the lock: `set_durable` stores first and then takes it, so nobody is forgotten.
        if self.may_leave(lsn) {
            return true;
        }
        waiters.push((lsn, waker.clone()));
        false
    }

    pub fn openings(&self) -> u64 {
        self.openings.load(Ordering::Acquire)
    }

    /// How many connections wait.
    pub fn waiters(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiters.lock().len()).sum()
    }

    /// How many may soon wait: those that the last sync let go come back with their next writes, the others still wait.
    pub fn expected_waiters(&self) -> usize {
        self.expected.load(Ordering::Relaxed)
    }

    fn wake(&self, durable: Lsn) {
        let mut expected = 0;
        for lane in &self.lanes {
            let waiters = lane.waiters.lock();
            expected += waiters.len();
            if waiters.iter().any(|(lsn, _)| *lsn <= durable) {
                lane.due.notify_one();
            }
        }
        self.expected.store(expected, Ordering::Relaxed);
    }

    /// Calls those of a worker whose replies may leave, whenever there are any. Runs on that worker for ever.
    pub async fn run_lane(&self, worker: usize) {
        let lane = &self.lanes[worker];
        loop {
            lane.due.notified().await;
            let mut due = Vec::new();
            lane.waiters.lock().retain(|(lsn, waker)| {
                let leaves = self.may_leave(*lsn);
                if leaves {
                    due.push(waker.clone());
                }
                !leaves
            });
            due.into_iter().for_each(Waker::wake);
        }
    }
}

impl EffectLog for Commit {
    #[inline]
    fn wanted(&self) -> bool {
        self.logging.load(Ordering::Relaxed)
    }

    fn append(&self, unit: &EffectBuffer) -> Lsn {
        match self.log.load().as_ref() {
            Some(log) => log.append(unit),
            None => Lsn::default(),
        }
    }
}
