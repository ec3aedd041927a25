//! The commit gate: where effects leave a shard, and when a reply may leave the server.
//!
//! A unit appends its effects while its shards are locked and learns its LSN. A reply that must wait (appendfsync
//! always) stays in its connection until that LSN is durable, while every other connection goes on: that is group
//! commit. Knows nothing of files: the log behind it is plugged in.

use crate::keyspace::effect::{EffectBuffer, EffectLog, Lsn};
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use tokio::sync::Notify;

/// What a reply to a write waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Hold {
    /// Nothing.
    None,
    /// The write is in the file: the end of the process can't take it back.
    Written,
    /// The write is on the disk.
    Durable,
}

/// What the gate needs of the log behind it.
pub trait LogSink: Send + Sync {
    /// Appends a unit, whole, and returns the LSN behind it. Called with the written shards locked.
    fn append(&self, unit: &EffectBuffer) -> Lsn;

    /// Replies wait for what was appended: it is to be written, or made durable, now. Returns at once.
    fn flush(&self);
}

/// How often a worker looks for further requests before it asks for a sync. It finds none long before, unless its
/// clients send faster than it answers.
const GATHER_ROUNDS_MAX: usize = 32;

/// Who waits on one worker. The log's thread calls the worker once, and the worker its own connections: calling each
/// of them from another thread costs a system call a connection.
#[derive(Default)]
struct Lane {
    /// By client, so that nobody stands in it twice, and nobody who is gone.
    waiters: Mutex<HashMap<u64, (Lsn, Waker)>>,
    /// Somebody has begun to wait, or may go.
    due: Notify,
}

/// The gate. All LSNs in it only ever grow.
pub struct Commit {
    log: ArcSwapOption<Box<dyn LogSink>>,
    logging: AtomicBool,
    /// Effects go to replicas, too.
    streaming: AtomicBool,
    /// Somebody reads effects: the log or replicas.
    wanted: AtomicBool,
    /// Held while either of them comes or goes, so that both are seen in what is wanted.
    switching: Mutex<()>,
    /// What replies wait for: a [`Hold`].
    hold: AtomicU8,
    written: AtomicU64,
    durable: AtomicU64,
    /// One for each worker.
    lanes: Box<[Lane]>,
    /// Who waits for the disk whatever replies wait for (WAITAOF), and whether anybody does.
    for_disk: Mutex<Vec<(Lsn, Waker)>>,
    any_for_disk: AtomicBool,
    /// How many connections waited when the last sync was done, those included that it let go.
    expected: AtomicUsize,
    failed: AtomicBool,
    /// Why the log failed, while it has.
    failure: Mutex<String>,
}

impl Commit {
    pub fn new(workers: usize) -> Self {
        Self {
            log: ArcSwapOption::empty(),
            logging: AtomicBool::new(false),
            streaming: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            switching: Mutex::default(),
            hold: AtomicU8::new(Hold::None as u8),
            written: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            lanes: std::iter::repeat_with(Lane::default).take(workers).collect(),
            for_disk: Mutex::default(),
            any_for_disk: AtomicBool::new(false),
            expected: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            failure: Mutex::default(),
        }
    }

    /// Effects go to `log` from now on; `None`: nowhere. Switch with all shards locked, so that no unit is cut.
    pub fn set_log(&self, log: Option<Box<dyn LogSink>>) {
        let switching = self.switching.lock();
        self.logging.store(log.is_some(), Ordering::Release);
        self.log.store(log.map(Arc::new));
        self.note_wanted();
        drop(switching);
        self.wake_for_disk(true);
    }

    /// Effects go to replicas from now on, or no longer: whoever appends them looks here. Turn it on with all shards locked,
    /// so that no unit is cut.
    pub fn set_streaming(&self, on: bool) {
        let _switching = self.switching.lock();
        self.streaming.store(on, Ordering::Release);
        self.note_wanted();
    }

    fn note_wanted(&self) {
        let wanted = self.logging.load(Ordering::Acquire) || self.streaming.load(Ordering::Acquire);
        self.wanted.store(wanted, Ordering::Release);
    }

    #[inline]
    pub fn is_streaming(&self) -> bool {
        self.streaming.load(Ordering::Relaxed)
    }

    pub fn is_logging(&self) -> bool {
        self.logging.load(Ordering::Relaxed)
    }

    /// What replies wait for from now on.
    pub fn set_hold(&self, hold: Hold) {
        let before = self.hold.swap(hold as u8, Ordering::AcqRel);
        if before > hold as u8 {
            self.wake();
        }
    }

    /// Whether a reply with this LSN may leave.
    #[inline]
    pub fn may_leave(&self, lsn: Lsn) -> bool {
        let hold = self.hold.load(Ordering::Acquire);
        hold == Hold::None as u8
            || lsn.0 <= self.durable.load(Ordering::Acquire)
            || hold == Hold::Written as u8 && lsn.0 <= self.written.load(Ordering::Acquire)
    }

    /// Whether replies wait until their LSN is durable.
    #[inline]
    pub fn waits_for_disk(&self) -> bool {
        self.hold.load(Ordering::Relaxed) == Hold::Durable as u8
    }

    /// Whether reads wait for what they saw. While the log has failed they don't, since it may stay so for long.
    #[inline]
    pub fn reads_wait(&self) -> bool {
        self.waits_for_disk() && !self.failed.load(Ordering::Relaxed)
    }

    /// Why the log failed; empty if it has not.
    pub fn failure(&self) -> String {
        self.failure.lock().clone()
    }

    /// The log has failed; with an empty cause it works again.
    pub fn set_failure(&self, cause: String) {
        let failed = !cause.is_empty();
        *self.failure.lock() = cause;
        self.failed.store(failed, Ordering::Release);
        if failed {
            self.wake();
        }
    }

    /// Whether a reply with this LSN waits for a log that has failed: nobody knows whether what it tells of will last.
    pub fn is_lost(&self, lsn: Lsn) -> bool {
        self.failed.load(Ordering::Acquire) && !self.may_leave(lsn)
    }

    pub fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// Everything up to `lsn` is in the file.
    pub fn set_written(&self, lsn: Lsn) {
        let before = self.written.fetch_max(lsn.0, Ordering::AcqRel);
        if before < lsn.0 && self.hold.load(Ordering::Acquire) == Hold::Written as u8 {
            self.wake();
        }
    }

    /// Everything up to `lsn` is on disk: the replies that waited for it may leave.
    pub fn set_durable(&self, lsn: Lsn) {
        self.durable.fetch_max(lsn.0, Ordering::AcqRel);
        self.wake();
        self.wake_for_disk(false);
    }

    /// Calls the waker once `lsn` is durable or the log goes, whatever replies wait for. Returns whether it already is
    /// durable (then nobody is called).
    pub fn wait_for_disk(&self, lsn: Lsn, waker: &Waker) -> bool {
        let mut waiting = self.for_disk.lock();
        waiting.retain(|(_, known)| !known.will_wake(waker));
        self.any_for_disk.store(true, Ordering::SeqCst);
        // Looked at behind the store: who makes it durable looks for waiters after that.
        if lsn.0 <= self.durable.load(Ordering::SeqCst) {
            return true;
        }
        waiting.push((lsn, waker.clone()));
        false
    }

    fn wake_for_disk(&self, all: bool) {
        if !self.any_for_disk.load(Ordering::SeqCst) {
            return;
        }
        let mut waiting = self.for_disk.lock();
        let durable = self.durable();
        let due: Vec<_> = waiting.extract_if(.., |(lsn, _)| all || *lsn <= durable).collect();
        self.any_for_disk.store(!waiting.is_empty(), Ordering::SeqCst);
        drop(waiting);
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Calls the waker of a client of `worker` once `lsn` is durable or the log has failed. Returns whether it already is
    /// durable (then nobody is called).
    pub fn wait(&self, worker: usize, client: u64, lsn: Lsn, waker: &Waker) -> bool {
        let lane = &self.lanes[worker];
        let mut waiters = lane.waiters.lock();
        // Looked at under the lock: `set_durable` and its like store first and then takes it, so nobody is forgotten.
        if self.may_leave(lsn) {
            waiters.remove(&client);
            return true;
        }
        let before = waiters.insert(client, (lsn, waker.clone()));
        drop(waiters);
        // Who stood here already has been heard.
        if before.is_none_or(|(before, _)| before != lsn) {
            lane.due.notify_one();
        }
        false
    }

    /// A client is gone, and waits no more.
    pub fn forget(&self, worker: usize, client: u64) {
        self.lanes[worker].waiters.lock().remove(&client);
    }

    /// Whether a reply of a client of `worker` waits.
    pub fn is_waiting(&self, worker: usize, client: u64) -> bool {
        self.lanes.get(worker).is_some_and(|lane| lane.waiters.lock().contains_key(&client))
    }

    /// How many connections wait.
    pub fn waiters(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiters.lock().len()).sum()
    }

    /// How many may soon wait: those that the last sync let go come back with their next writes, the others still wait.
    pub fn expected_waiters(&self) -> usize {
        self.expected.load(Ordering::Relaxed)
    }

    /// Has each worker look who may go, and ask for a sync for those who may not.
    fn wake(&self) {
        let mut expected = 0;
        for lane in &self.lanes {
            let waiting = lane.waiters.lock().len();
            expected += waiting;
            if waiting > 0 {
                lane.due.notify_one();
            }
        }
        self.expected.store(expected, Ordering::Relaxed);
    }

    /// Calls those of a worker whose replies may leave, and asks for a sync when others wait and the worker has nothing
    /// else to do. Runs on that worker for ever.
    pub async fn run_lane(&self, worker: usize) {
        let lane = &self.lanes[worker];
        loop {
            lane.due.notified().await;
            let mut waiting = self.release(lane);
            // Whatever is ready on this worker comes first, so that one sync serves all of it: a task that yields runs
            // again after all others have, and after the sockets were asked once more.
            for _ in 0..GATHER_ROUNDS_MAX {
                if waiting == 0 {
                    break;
                }
                tokio::task::yield_now().await;
                let before = std::mem::replace(&mut waiting, self.release(lane));
                if waiting <= before {
                    break;
                }
            }
            if waiting > 0
                && let Some(log) = self.log.load().as_ref()
            {
                log.flush();
            }
        }
    }

    /// Calls those who need not wait any longer. Returns how many go on waiting.
    fn release(&self, lane: &Lane) -> usize {
        let mut due: SmallVec<[Waker; 64]> = SmallVec::new();
        let mut waiters = lane.waiters.lock();
        let failed = self.failed.load(Ordering::Acquire);
        waiters.retain(|_, (lsn, waker)| {
            let stays = !failed && !self.may_leave(*lsn);
            if !stays {
                due.push(waker.clone());
            }
            stays
        });
        let waiting = waiters.len();
        drop(waiters);
        due.into_iter().for_each(Waker::wake);
        waiting
    }
}

impl EffectLog for Commit {
    #[inline]
    fn wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    fn append(&self, unit: &EffectBuffer) -> Lsn {
        match self.log.load().as_ref() {
            Some(log) => log.append(unit),
            None => Lsn::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting() -> Commit {
        let commit = Commit::new(2);
        commit.set_hold(Hold::Durable);
        commit
    }

    #[test]
    fn a_client_stands_in_the_list_once_and_not_after_it_is_gone() {
        let commit = waiting();
        for lsn in [5, 5, 7] {
            assert!(!commit.wait(1, 1, Lsn(lsn), Waker::noop()));
        }
        for client in 2..100 {
            assert!(!commit.wait(1, client, Lsn(9), Waker::noop()));
            commit.forget(1, client);
        }
        assert_eq!(commit.waiters(), 1);
        commit.set_durable(Lsn(7));
        assert!(commit.wait(1, 1, Lsn(7), Waker::noop()));
        assert_eq!(commit.waiters(), 0);
    }

    #[test]
    fn what_waits_for_a_log_that_failed_is_lost() {
        let commit = waiting();
        commit.set_durable(Lsn(5));
        assert!(!commit.wait(0, 1, Lsn(6), Waker::noop()));
        assert!(!commit.is_lost(Lsn(6)));
        commit.set_failure("no space".to_owned());
        assert!(commit.is_lost(Lsn(6)) && !commit.is_lost(Lsn(5)));
        assert_eq!(commit.release(&commit.lanes[0]), 0, "it is called, and not kept");
    }
}
