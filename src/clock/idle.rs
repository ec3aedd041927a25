//! Closes clients that have said nothing for longer than `timeout`, and reminds those that have read nothing, or that
//! were not read from because too much waited.

use crate::state::Server;
use crate::state::backlog::FREE_BYTES;
use crate::state::clients::flag;
use std::sync::atomic::Ordering::Relaxed;

/// Called once a second. Looks at all clients; costs nothing while neither `timeout` nor a soft limit is set and nobody
/// is held back.
pub(super) fn look_after(server: &Server, now: i64) {
    let timeout_seconds = server.hot.timeout.load(Relaxed);
    let soft_limit = server.hot.output_soft_limit.load(Relaxed);
    let held_back = server.backlog.take_held_back();
    if timeout_seconds == 0 && soft_limit == 0 && !held_back {
        return;
    }
    let timeout_ms = i64::try_from(timeout_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
    for client in server.clients.list() {
        // Those that wait for something, or listen, are never idle.
        let waits = [flag::BLOCKED, flag::PUBSUB, flag::MONITOR].iter().any(|flag| client.has_flag(*flag));
        let idle_ms = now.saturating_sub(client.last_active.load(Relaxed));
        if timeout_seconds > 0 && !waits && idle_ms > timeout_ms {
            tracing::debug!("Closing idle client {}", client.id);
            client.kill();
        }
        // Nothing else wakes the connection of a client that neither sends nor reads: it looks at its limit then. Nor
        // is one told that others have let go of what it would like to have.
        let output = client.output_bytes.load(Relaxed);
        let waiting = output + client.input_bytes.load(Relaxed);
        if soft_limit > 0 && output > soft_limit || held_back && waiting > FREE_BYTES as u64 {
            client.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::TestClient;

    #[test]
    fn only_idle_clients_are_closed_and_only_after_timeout() {
        for (timeout, idle_ms, flag, closed) in [
            (0, 1_000_000, 0, false),
            (5, 5_000, 0, false),
            (5, 5_001, 0, true),
            (5, 9_000, flag::BLOCKED, false),
        ] {
            let client = TestClient::new();
            client.server.hot.timeout.store(timeout, Relaxed);
            client.session.client.set_flag(flag, true);
            let last = client.session.client.last_active.load(Relaxed);
            look_after(&client.server, last + idle_ms);
            assert_eq!(client.session.client.is_killed(), closed, "{timeout} {idle_ms} {flag}");
        }
    }
}
