//! What the latency monitor is told of the log, by Redis' names.
//!
//! `fork` is the time for which a rewrite holds all shards: here nothing forks, and that is what clients feel of it.

use crate::config::AppendFsync;
use crate::state::Server;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// What gathered was given to the system.
pub(super) fn wrote(server: &Server, took: Duration) {
    let is_rewriting = server.persist.figures.rewrite_since_ms.load(Relaxed) != 0;
    server.note_latency(if is_rewriting { "aof-write-active-child" } else { "aof-write-alone" }, took);
    server.note_latency("aof-write", took);
}

/// The file was synced. Only with `always` do replies wait for that.
pub(super) fn synced(server: &Server, policy: AppendFsync, took: Duration) {
    if policy == AppendFsync::Always {
        server.note_latency("aof-fsync-always", took);
    }
}

/// A rewrite held all shards.
pub(super) fn paused(server: &Server, took: Duration) {
    let us = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
    server.persist.figures.last_pause_us.store(us, Relaxed);
    server.note_latency("fork", took);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::TestClient;

    #[test]
    fn events_have_the_names_of_redis() {
        let mut client = TestClient::new();
        let server = std::sync::Arc::clone(&client.server);
        let tell = || {
            wrote(&server, Duration::from_millis(7));
            synced(&server, AppendFsync::EverySecond, Duration::from_millis(7));
            synced(&server, AppendFsync::Always, Duration::from_millis(7));
            paused(&server, Duration::from_millis(7));
        };
        tell();
        assert_eq!(client.say("LATENCY LATEST"), "*0\r\n");
        server.hot.latency_monitor_threshold.store(7, Relaxed);
        tell();
        server.persist.figures.rewrite_started();
        wrote(&server, Duration::from_micros(7999));
        let names: Vec<_> = server.latency.events().into_iter().map(|(event, _)| event).collect();
        let expect = ["aof-fsync-always", "aof-write", "aof-write-active-child", "aof-write-alone", "fork"];
        assert_eq!(names, expect);
        assert!(client.say("INFO stats").contains("latest_fork_usec:7000\r\n"));
    }
}
