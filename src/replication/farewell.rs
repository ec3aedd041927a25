//! Before a server stops it waits until its replicas have what it acknowledged (shutdown-timeout), as Redis does.

use super::Replication;
use super::replica::Replica;
use crate::state::Server;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is looked how far they are.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Pauses writes and waits for the replicas that follow, for as long as shutdown-timeout says. Returns whether the server
/// is to stop: not if that was called off, after which writes go on.
pub fn wait(server: &Arc<Server>) -> bool {
    let replication = &server.replication;
    let patience = Duration::from_secs(server.settings.snapshot().shutdown_timeout_seconds());
    if patience.is_zero() || !replication.lags_behind(replication.offset()) {
        return true;
    }
    server.gates.pause_for_stop();
    // Whoever has a shard's lock now is in the middle of a write.
    drop(server.keyspace.lock_all());
    let offset = replication.offset();
    replication.ask(server);
    server.shutdown.begin_wait();
    tracing::info!("Waiting for replicas before shutting down.");
    let began = Instant::now();
    while server.shutdown.goes_on_waiting() && began.elapsed() < patience && replication.lags_behind(offset) {
        std::thread::sleep(LOOK_EVERY);
    }
    let stops = server.shutdown.end_wait();
    if stops {
        replication.report_on(offset, server.now());
    } else {
        server.gates.unpause_for_stop();
        tracing::warn!("Shutdown manually cancelled");
    }
    stops
}

impl Replication {
    /// Whether one who follows and answers has not got to an offset.
    fn lags_behind(&self, offset: u64) -> bool {
        self.stream.lock().online().any(|replica| lags(replica, offset))
    }

    /// Says for the log how far everybody has got.
    fn report_on(&self, offset: u64, now: i64) {
        let stream = self.stream.lock();
        let (mut all, mut lagging) = (0, 0);
        for replica in stream.online() {
            all += 1;
            if lags(replica, offset) {
                lagging += 1;
                tracing::warn!(
                    "Lagging replica {} at {} reported offset {} behind master, lag={}, state=online.",
                    replica.client.id,
                    replica.client.address,
                    offset - replica.acked().min(offset),
                    replica.lag_seconds(now)
                );
            }
        }
        tracing::info!("{} of {all} replicas are in sync when shutting down.", all - lagging);
    }
}

/// Who is gone, or never says how far it is, is not waited for.
fn lags(replica: &Replica, offset: u64) -> bool {
    replica.answers && !replica.client.is_killed() && !replica.has(offset, false)
}
