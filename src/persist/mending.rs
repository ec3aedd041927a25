//! Tries again when the log could not be written: a full disk is emptied, and nobody should have to tell the server.
//!
//! Only after a write that was refused. After a sync that failed, what the kernel shows and says of the file means nothing:
//! there the operator looks at the disk and asks for a rewrite. What was appended meanwhile is kept in memory and comes
//! first, and nobody is told that writes are taken before all of it is durable.

use crate::keyspace::Lsn;
use crate::persist::active::ActiveLog;
use crate::persist::control;
use crate::persist::writing;
use crate::state::Server;
use dunlin_storage::log::LogError;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const PAUSE_MS_MIN: i64 = 1000;
const PAUSE_MS_MAX: i64 = 32_000;

/// When the log is tried again. Owned by its thread.
#[derive(Default)]
pub(super) struct Mending {
    /// How long the present pause is, in ms; 0: the log has not failed, as far as this knows.
    pause_ms: i64,
    tried_at_ms: i64,
}

impl Mending {
    /// The log works.
    pub(super) fn rest(&mut self) {
        self.pause_ms = 0;
    }

    /// The log has failed: tries it again, if it is time. Called every now and then.
    pub(super) fn try_again(&mut self, server: &Arc<Server>, log: &ActiveLog, now: i64) {
        if !self.is_time(now) {
            return;
        }
        if let Err(error) = attempt(server, log) {
            let seconds = self.pause_ms / 1000;
            tracing::warn!("The log still can't be written; next attempt in {seconds} s: {error}");
        }
    }

    /// Each pause is twice as long as the one before.
    fn is_time(&mut self, now: i64) -> bool {
        let is_over = now - self.tried_at_ms >= self.pause_ms || now < self.tried_at_ms;
        let has_just_failed = self.pause_ms == 0;
        if has_just_failed || is_over {
            self.tried_at_ms = now;
            self.pause_ms = (self.pause_ms * 2).clamp(PAUSE_MS_MIN, PAUSE_MS_MAX);
        }
        is_over && !has_just_failed
    }
}

/// Nothing, or what the disk still refuses.
fn attempt(server: &Arc<Server>, log: &ActiveLog) -> Result<(), LogError> {
    let mut writer = log.writer.lock();
    // A rewrite that runs is an attempt of its own.
    if !writer.may_retry() || server.persist.figures.rewrite_since_ms.load(Ordering::Acquire) != 0 {
        return Ok(());
    }
    if writer.needs_rewrite() {
        drop(writer);
        control::rewrite_if_room(server, log);
        return Ok(());
    }
    let written = writer
        .recover_after_error()
        .and_then(|()| writer.write_from(&log.buffer))
        .and_then(|_| writer.sync());
    match written {
        Ok(durable) => {
            log.unsynced_since_ms.store(0, Ordering::Release);
            server.commit.set_durable(Lsn(durable.get()));
            // With the writer in hand: whoever it fails next says so afterwards.
            writing::recovered(server);
            Ok(())
        }
        Err(error) if writer.may_retry() => Err(error),
        Err(error) => {
            // It was a sync, this time.
            writing::fail(server, &error, false);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_a_second_to_half_a_minute_and_begin_anew() {
        let mut mending = Mending::default();
        let mut tried = Vec::new();
        for now in (0..120_000).step_by(100) {
            if mending.is_time(now) {
                tried.push(now / 1000);
            }
        }
        assert_eq!(tried, [1, 3, 7, 15, 31, 63, 95]);
        // A clock that was put back.
        assert!(mending.is_time(5000));
        mending.rest();
        assert!(!mending.is_time(6000));
        assert!(mending.is_time(7000));
    }
}
