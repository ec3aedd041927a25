//! The log's thread: writes what workers appended, syncs it as `appendfsync` says, and tells the commit gate.
//!
//! With `always` it writes and syncs whatever has gathered while the last sync ran: group commit, as fast as the disk
//! is. Otherwise it writes whenever replies wait for that, since a kill of the process takes back what isn't written, and
//! syncs once a second (`everysec`) or after a second without a write (`no`). Nobody but this thread waits for the disk.
//!
//! A failure closes the gate for writes. A write that was refused is tried again ([`super::mending`]); after a sync that
//! failed, the operator asks for BGREWRITEAOF, or turns the log off and on.

use crate::commit::Hold;
use crate::config::AppendFsync;
use crate::keyspace::Lsn;
use crate::persist::active::ActiveLog;
use crate::persist::control;
use crate::persist::gather::Gather;
use crate::persist::latency;
use crate::persist::mending::Mending;
use crate::state::{Server, gates, unix_ms};
use dunlin_storage::log::LogError;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Other duties come round at least this often.
const REST_MS: i64 = 100;
const SYNC_INTERVAL_MS: i64 = 1000;
/// With everysec a reply to a write waits once the oldest write that isn't durable is this old.
const HOLD_BACK_MS: i64 = 2000;
/// How often the log's size is looked at.
const REWRITE_CHECK_MS: i64 = 1000;

/// Runs until the log is told to stop. Called on a thread of its own.
pub(super) fn run(server: &Arc<Server>, log: &Arc<ActiveLog>) {
    log.set_thread();
    let mut synced_at = unix_ms();
    let mut checked_at = synced_at;
    let mut gather = Gather::default();
    let mut mending = Mending::default();
    while !log.stopping.load(Ordering::Acquire) {
        let now = unix_ms();
        let policy = server.persist.settings().fsync;
        if policy == AppendFsync::Always && log.buffer.held_bytes() > 0 {
            gather.wait(&server.commit);
        }
        let started = Instant::now();
        match write(server, log, policy, now, &mut synced_at) {
            Ok(()) => mending.rest(),
            Err(LogError::Detached) => {}
            // It may have failed in the hands of a rewrite: it is said once, whoever met it.
            Err(LogError::Poisoned { .. }) if server.gates.closed() & gates::LOG_FAILED != 0 => {
                mending.try_again(server, log, now);
            }
            Err(error) => {
                // Unless a rewrite has mended it since.
                let writer = log.writer.lock();
                if writer.failure().is_some() {
                    fail(server, &error, writer.may_retry());
                }
            }
        }
        gather.synced(started.elapsed());
        let_writers_go(server, log);
        if policy == AppendFsync::Always {
            make_room(server, log);
        }
        if now - checked_at >= REWRITE_CHECK_MS || now < checked_at {
            checked_at = now;
            control::rewrite_if_grown(server, log);
        }
        rest(log, policy, now, synced_at);
    }
}

/// Writes what is there, and syncs it if it is time.
fn write(
    server: &Server,
    log: &ActiveLog,
    policy: AppendFsync,
    now: i64,
    synced_at: &mut i64,
) -> Result<(), LogError> {
    log.note_write();
    let mut writer = log.writer.lock();
    writer.set_ahead(policy == AppendFsync::Always);
    let began = Instant::now();
    let positions = writer.positions();
    let before = positions.written();
    if writer.write_from(&log.buffer)? > before {
        log.written_at_ms.store(now, Ordering::Relaxed);
    }
    let written_at = log.written_at_ms.load(Ordering::Relaxed);
    let is_idle = now - written_at >= SYNC_INTERVAL_MS || now < written_at;
    latency::wrote(server, began.elapsed());
    server.commit.set_written(Lsn(positions.written().get()));
    if positions.written() > positions.durable() && log.unsynced_since_ms.load(Ordering::Acquire) == 0 {
        log.unsynced_since_ms.store(now, Ordering::Release);
    }
    let is_time = match policy {
        AppendFsync::Always => true,
        AppendFsync::EverySecond => now - *synced_at >= SYNC_INTERVAL_MS || now < *synced_at,
        // Only where nothing else is written: then the file can say that its last blocks are durable.
        AppendFsync::No => is_idle && positions.written() > positions.durable(),
    };
    if is_time {
        let began = Instant::now();
        if policy != AppendFsync::Always && !server.commit.waits_for_disk() {
            // Nothing is written while the file is synced, and nobody is to wait for that: as in Redis.
            server.commit.set_hold(Hold::None);
        }
        let synced = writer.sync();
        if synced.is_err() && policy != AppendFsync::Always && !server.commit.waits_for_disk() {
            server.commit.set_hold(usual_hold(policy));
        }
        synced?;
        latency::synced(server, policy, began.elapsed());
        *synced_at = now;
        // What came in while the sync ran is as old as its beginning, at most.
        let since = if log.buffer.held_bytes() > 0 { now } else { 0 };
        log.unsynced_since_ms.store(since, Ordering::Release);
        // Who asked while the sync ran is called now and asks again, together with those whom this sync lets go.
        log.asked.store(false, Ordering::Release);
        server.commit.set_durable(Lsn(positions.durable().get()));
    }
    if is_idle {
        writer.say_all_is_durable()?;
    }
    // Asked anew while the writer is held, as whoever changes it does: a policy read earlier may be the one before.
    let policy = server.persist.settings().fsync;
    if policy != AppendFsync::Always && !is_late(log, now) {
        server.commit.set_hold(usual_hold(policy));
    }
    Ok(())
}

/// What replies wait for while the disk is well.
pub(super) fn usual_hold(policy: AppendFsync) -> Hold {
    match policy {
        AppendFsync::Always => Hold::Durable,
        AppendFsync::EverySecond | AppendFsync::No => Hold::Written,
    }
}

/// Makes room in the file for what comes, while the workers answer those whom the last sync let go.
fn make_room(server: &Server, log: &ActiveLog) {
    if log.asked.load(Ordering::Acquire) {
        return;
    }
    let mut writer = log.writer.lock();
    // Whatever failed before was said.
    if writer.failure().is_none()
        && !writer.is_detached()
        && let Err(error) = writer.make_room()
    {
        fail(server, &error, writer.may_retry());
    }
}

/// Opens the gate for writes again once the buffer is half empty.
fn let_writers_go(server: &Server, log: &ActiveLog) {
    let full = server.gates.closed() & gates::LOG_FULL != 0;
    if full && log.buffer.has_room(log.buffer.capacity_bytes() / 2) {
        server.gates.open(gates::LOG_FULL);
    }
}

/// One round of the log's thread, for tests of what surrounds it.
#[cfg(test)]
pub(super) fn drain(server: &Server, log: &ActiveLog) -> Result<(), LogError> {
    let now = unix_ms();
    write(server, log, AppendFsync::No, now, &mut now.clone())?;
    let_writers_go(server, log);
    Ok(())
}

/// Sleeps until somebody asks for a write, or other duties come round.
fn rest(log: &ActiveLog, policy: AppendFsync, now: i64, synced_at: i64) {
    if log.asked.swap(false, Ordering::AcqRel) {
        return;
    }
    let until_sync = (synced_at + SYNC_INTERVAL_MS - now).clamp(1, REST_MS);
    let rest_ms = if policy == AppendFsync::EverySecond { until_sync } else { REST_MS };
    std::thread::park_timeout(Duration::from_millis(rest_ms.unsigned_abs()));
}

fn is_late(log: &ActiveLog, now: i64) -> bool {
    let since = log.behind_since_ms();
    since != 0 && now - since > HOLD_BACK_MS
}

/// With everysec, holds replies to writes back when the disk is two seconds behind. Called by the clockwork, since the
/// log's own thread is then waiting for the disk.
pub(super) fn hold_back_if_late(server: &Server, log: &ActiveLog, policy: AppendFsync, now: i64) {
    // While the log has failed no write is acknowledged, and those that were before would be taken for lost ones.
    let is_well = server.gates.closed() & gates::LOG_FAILED == 0;
    if policy == AppendFsync::EverySecond && is_well && is_late(log, now) && !server.commit.waits_for_disk() {
        tracing::warn!("The disk is more than two seconds behind: replies to writes are held back.");
        server.persist.figures.delayed_syncs.fetch_add(1, Ordering::Relaxed);
        server.commit.set_hold(Hold::Durable);
    }
}

/// The log has failed: no write is acknowledged any more, until it has been mended, which is tried by itself or not.
pub(super) fn fail(server: &Server, error: &LogError, is_tried_again: bool) {
    // Clients are told the system's words, the operator the whole.
    server
        .commit
        .set_failure(error.source().map_or_else(|| system_words(error), |source| system_words(&source)));
    server.gates.close(gates::LOG_FAILED);
    server.persist.figures.write_failed.store(true, Ordering::Relaxed);
    if is_tried_again {
        tracing::error!(
            "The log has failed, writes are refused until the disk takes them again, which is tried from time to time \
             (BGREWRITEAOF tries at once): {error}"
        );
    } else {
        tracing::error!(
            "The log has failed, writes are refused until it is rewritten (BGREWRITEAOF, when the disk is well): {error}"
        );
    }
}

/// The log takes writes again.
pub(super) fn recovered(server: &Server) {
    if server.gates.closed() & gates::LOG_FAILED != 0 {
        tracing::warn!("The log takes writes again.");
    }
    forget_failure(server);
}

/// Nobody is refused for what the log was.
pub(super) fn forget_failure(server: &Server) {
    server.commit.set_failure(String::new());
    server.persist.figures.write_failed.store(false, Ordering::Relaxed);
    server.gates.open(gates::LOG_FAILED);
}

/// What the system says, without where it said so and the number that Rust adds.
fn system_words(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    words.rsplit(": ").next().unwrap_or(words).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_the_same_whoever_meets_the_failure() {
        let source = || std::io::Error::from_raw_os_error(28);
        let io = LogError::Io { action: "write", path: "dir/x.aof".into(), source: source() };
        let poisoned = LogError::Poisoned { cause: io.to_string() };
        for words in [system_words(&source()), system_words(&io), system_words(&poisoned)] {
            assert_eq!(words, "No space left on device");
        }
    }
}
