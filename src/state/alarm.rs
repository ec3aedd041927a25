//! What wakes the clockwork earlier than it meant to get up.

use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// Wakes the clockwork earlier than it meant to.
#[derive(Default)]
pub struct Alarm {
    sleeping_until: AtomicI64,
    rung: Mutex<bool>,
    bell: Condvar,
    stopped: AtomicBool,
}

impl Alarm {
    /// Something is due at `at` (ms since 1970). Costs one load unless the clockwork must get up earlier for it.
    #[inline]
    pub fn due_at(&self, at: i64) {
        if at < self.sleeping_until.load(Ordering::SeqCst) {
            self.ring();
        }
    }

    /// Ends the clockwork.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.ring();
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    #[cold]
    fn ring(&self) {
        *self.rung.lock() = true;
        self.bell.notify_one();
    }

    /// Says until when the clockwork means to sleep. It must look once more at what is due before it does.
    pub fn sleeps_until(&self, at: i64) {
        self.sleeping_until.store(at, Ordering::SeqCst);
    }

    /// Sleeps for so long, or until somebody rings.
    pub fn sleep(&self, ms: i64) {
        let mut rung = self.rung.lock();
        if !*rung {
            self.bell.wait_for(&mut rung, Duration::from_millis(ms.max(0) as u64));
        }
        *rung = false;
        self.sleeping_until.store(0, Ordering::SeqCst);
    }
}
