//! Closes clients that have said nothing for longer than `timeout`, and reminds those that have read nothing, that were not
//! read from because too much waited, or that keep a buffer and send nothing.

use crate::state::Server;
use crate::state::backlog::{FREE_BYTES, IDLE_BUFFER_MS};
use crate::state::clients::flag;
use std::sync::atomic::Ordering::Relaxed;

/// Called once a second. Looks at all clients; costs nothing while neither `timeout` nor a soft limit is set, nobody
/// is held back and nobody keeps a long buffer.
pub(super) fn look_after(server: &Server, now: i64) {
    let timeout_seconds = server.hot.timeout.load(Relaxed);
    let soft_limit = server.hot.output_soft_limit.load(Relaxed);
    let held_back = server.backlog.take_held_back();
    let are_buffers_kept = server.backlog.is_anything_kept();
    if timeout_seconds == 0 && soft_limit == 0 && !held_back && !are_buffers_kept {
        return;
    }
    let timeout_ms = i64::try_from(timeout_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
    for client in server.clients.list() {
        // Those that wait for something, or listen, are never idle.
        let waits = [flag::BLOCKED, flag::PUBSUB, flag::MONITOR, flag::REPLICA]
            .iter()
            .any(|flag| client.has_flag(*flag));
        if timeout_seconds > 0 && server.commit.is_waiting(client.worker, client.id) {
            // Its reply waits for the disk. Nor is it idle in the moment between that wait's end and the reply.
            client.last_active.fetch_max(now, Relaxed);
        }
        let idle_ms = now.saturating_sub(client.last_active.load(Relaxed));
        if timeout_seconds > 0 && !waits && idle_ms > timeout_ms {
            tracing::debug!("Closing idle client {}", client.id);
            client.kill();
        }
        // Nothing else wakes the connection of a client that neither sends nor reads: it looks at its limit then. Nor
        // is one told that others have let go of what it would like to have.
        let output = client.output_bytes.load(Relaxed) + client.outbox.bytes();
        let waiting = output + client.input_bytes.load(Relaxed);
        // An empty buffer is given back by its owner.
        let keeps_buffer = idle_ms >= IDLE_BUFFER_MS && client.input_capacity.load(Relaxed) > 0;
        if soft_limit > 0 && output > soft_limit
            || held_back && waiting > FREE_BYTES as u64
            || are_buffers_kept && keeps_buffer
        {
            client.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::TestClient;
    use crate::commit::Hold;
    use crate::keyspace::Lsn;
    use std::task::Waker;

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

    #[test]
    fn who_waits_for_the_disk_is_not_idle_nor_right_after() {
        let client = TestClient::new();
        let (server, waiting) = (&client.server, &client.session.client);
        server.hot.timeout.store(1, Relaxed);
        server.commit.set_hold(Hold::Durable);
        assert!(!server.commit.wait(waiting.worker, waiting.id, Lsn(5), Waker::noop()));
        let last = waiting.last_active.load(Relaxed);
        look_after(server, last + 4000);
        assert!(!waiting.is_killed(), "its reply waits");
        server.commit.forget(waiting.worker, waiting.id);
        look_after(server, last + 5000);
        assert!(!waiting.is_killed(), "its reply is on its way");
        look_after(server, last + 6000);
        assert!(waiting.is_killed());
    }
}
