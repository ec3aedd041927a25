//! Closes clients that have said nothing for longer than `timeout`.

use crate::state::Server;
use crate::state::clients::flag;
use std::sync::atomic::Ordering::Relaxed;

/// Looks at all clients; cheap while `timeout` is 0. Those that wait for something, or listen, are never idle.
pub fn close_idle(server: &Server, now: i64) {
    let limit_seconds = server.hot.timeout.load(Relaxed);
    if limit_seconds == 0 {
        return;
    }
    let limit_ms = i64::try_from(limit_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
    for client in server.clients.list() {
        let waits = [flag::BLOCKED, flag::PUBSUB, flag::MONITOR].iter().any(|flag| client.has_flag(*flag));
        if !waits && now.saturating_sub(client.last_active.load(Relaxed)) > limit_ms {
            tracing::debug!("Closing idle client {}", client.id);
            client.kill();
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
            close_idle(&client.server, last + idle_ms);
            assert_eq!(client.session.client.is_killed(), closed, "{timeout} {idle_ms} {flag}");
        }
    }
}
