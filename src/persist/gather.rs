//! Waits a moment before a sync, so that more clients share it.
//!
//! Clients that a sync let go are back with their next write within a fraction of the next sync's time. Without waiting,
//! two halves of the clients take turns and each write waits for two syncs; with it all share one. The wait ends as soon
//! as everybody is back, and is a quarter of a sync's usual time at most, so it is lost only when they don't come back
//! (PostgreSQL's `commit_delay` and MySQL's `binlog_group_commit_sync_delay` are the same idea with a fixed time).

use crate::commit::Commit;
use std::time::{Duration, Instant};

/// With faster syncs than this it doesn't wait: each worker has answered whatever was ready before it asked for a sync,
/// and looking who is back would cost more than it saves.
const FAST_SYNC: Duration = Duration::from_micros(400);
/// The longest wait, however slow the disk is.
const WAIT_MAX: Duration = Duration::from_millis(1);
/// Between two looks at who is back.
const LOOK_INTERVAL: Duration = Duration::from_micros(20);

#[derive(Default)]
pub(super) struct Gather {
    /// How long syncs take, smoothed.
    usual: Duration,
}

impl Gather {
    /// Waits until those whom the last sync let go wait again, or long enough.
    pub(super) fn wait(&self, commit: &Commit) {
        if self.usual < FAST_SYNC {
            return;
        }
        let expected = commit.expected_waiters();
        let until = Instant::now() + (self.usual / 4).min(WAIT_MAX);
        while commit.waiters() < expected && Instant::now() < until {
            std::thread::park_timeout(LOOK_INTERVAL);
        }
    }

    pub(super) fn synced(&mut self, took: Duration) {
        self.usual = (self.usual * 7 + took) / 8;
    }
}
