//! What Prometheus is told: the totals that INFO shows, as metrics.
//!
//! The workers count for themselves; a scrape hands their totals to a recorder of the `metrics` family that lives for
//! that scrape only. So a command costs nothing here, nothing piles up between scrapes, and totals that CONFIG RESETSTAT
//! set back are seen as such. Histograms are written by hand: the recorder's want every single sample.

use crate::observe::figures::{self, CommandTotals, Totals};
use crate::observe::info::REDIS_VERSION;
use crate::observe::memory::Usage;
use crate::observe::process;
use crate::state::Server;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

/// The text of `/metrics`. `now` in ms since 1970. Costs about a millisecond.
pub fn render(server: &Server, now: i64) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let commands: Vec<_> = server
        .commands
        .all()
        .iter()
        .map(|command| (command.full_name, CommandTotals::of(server, command.id)))
        .filter(|(_, totals)| totals.is_used())
        .collect();
    metrics::with_local_recorder(&recorder, || {
        describe();
        server_and_clients(server, now);
        memory_and_cpu(server);
        keys(server, now);
        log_and_load(server);
        for (name, totals) in &commands {
            counter!("dunlin_commands_total", "command" => *name).absolute(totals.calls);
            counter!("dunlin_commands_rejected_total", "command" => *name).absolute(totals.rejected);
            counter!("dunlin_commands_failed_total", "command" => *name).absolute(totals.failed);
        }
    });
    let mut text = recorder.handle().render();
    durations(&mut text, &commands);
    text
}

fn server_and_clients(server: &Server, now: i64) {
    let version = env!("CARGO_PKG_VERSION");
    gauge!("dunlin_info", "version" => version, "redis_version" => REDIS_VERSION).set(1.0);
    gauge!("dunlin_uptime_seconds").set((now - server.started_at).max(0) as f64 / 1000.0);
    gauge!("dunlin_workers").set(server.workers.len() as f64);
    let clients = figures::clients(server);
    gauge!("dunlin_connected_clients").set(clients.connected as f64);
    gauge!("dunlin_blocked_clients").set(clients.blocked as f64);
    let shared = &server.shared;
    counter!("dunlin_connections_received_total").absolute(shared.connections_received.load(Relaxed));
    counter!("dunlin_connections_rejected_total").absolute(shared.connections_rejected.load(Relaxed));
    for error in &shared.errors {
        counter!("dunlin_errors_total", "code" => error.key().clone()).absolute(*error.value());
    }
    let totals = Totals::of(server);
    counter!("dunlin_net_input_bytes_total").absolute(totals.net_input);
    counter!("dunlin_net_output_bytes_total").absolute(totals.net_output);
    counter!("dunlin_batches_total").absolute(totals.batches);
    counter!("dunlin_keyspace_hits_total").absolute(totals.hits);
    counter!("dunlin_keyspace_misses_total").absolute(totals.misses);
    counter!("dunlin_changes_total").absolute(totals.changes);
    gauge!("dunlin_slow_log_entries").set(server.slow_log.len() as f64);
}

fn memory_and_cpu(server: &Server) {
    let usage = Usage::of(server);
    for (kind, bytes) in [
        ("used", usage.used),
        ("peak", usage.peak),
        ("clients", usage.clients),
        ("resident", usage.resident),
        ("allocator_allocated", usage.allocator.allocated),
        ("allocator_active", usage.allocator.active),
        ("allocator_resident", usage.allocator.resident),
        ("limit", server.hot.maxmemory.load(Relaxed)),
    ] {
        gauge!("dunlin_memory_bytes", "kind" => kind).set(bytes as f64);
    }
    let cpu = process::cpu();
    gauge!("dunlin_cpu_seconds", "mode" => "user").set(cpu.user);
    gauge!("dunlin_cpu_seconds", "mode" => "system").set(cpu.system);
}

fn keys(server: &Server, now: i64) {
    let shards = figures::shards(&mut &*server.keyspace, now);
    for (index, db) in shards.databases.iter().enumerate() {
        // The first one always, so that there is a series before the first key.
        if index == 0 || db.keys > 0 {
            gauge!("dunlin_keys", "db" => index.to_string()).set(db.keys as f64);
            gauge!("dunlin_volatile_keys", "db" => index.to_string()).set(db.volatile as f64);
        }
    }
    counter!("dunlin_expired_keys_total").absolute(shards.expired);
    counter!("dunlin_evicted_keys_total").absolute(server.eviction.evicted_keys.load(Relaxed));
}

fn log_and_load(server: &Server) {
    let log = server.persist.position();
    gauge!("dunlin_log_enabled").set(f64::from(u8::from(server.persist.is_on())));
    gauge!("dunlin_log_lsn", "stage" => "appended").set(log.appended as f64);
    gauge!("dunlin_log_lsn", "stage" => "written").set(log.written as f64);
    gauge!("dunlin_log_lsn", "stage" => "durable").set(log.durable as f64);
    gauge!("dunlin_log_lag_bytes").set(log.appended.saturating_sub(log.durable) as f64);
    gauge!("dunlin_log_buffered_bytes").set(log.buffered_bytes as f64);
    for (shard, visits) in server.keyspace.visits().enumerate() {
        counter!("dunlin_shard_visits_total", "shard" => shard.to_string()).absolute(visits);
    }
}

fn describe() {
    describe_gauge!("dunlin_info", "The versions of this server, and of the Redis that it follows.");
    describe_gauge!("dunlin_uptime_seconds", "Time since the start.");
    describe_gauge!("dunlin_workers", "Worker threads.");
    describe_gauge!("dunlin_connected_clients", "Clients that are connected.");
    describe_gauge!("dunlin_blocked_clients", "Clients whose request waits.");
    describe_counter!("dunlin_connections_received_total", "Connections accepted.");
    describe_counter!("dunlin_connections_rejected_total", "Connections refused.");
    describe_counter!("dunlin_errors_total", "Error replies by their code.");
    describe_counter!("dunlin_net_input_bytes_total", "Bytes read from clients.");
    describe_counter!("dunlin_net_output_bytes_total", "Bytes written to clients.");
    describe_counter!("dunlin_batches_total", "Batches of requests: what one read returned.");
    describe_counter!("dunlin_keyspace_hits_total", "Keys looked up and found.");
    describe_counter!("dunlin_keyspace_misses_total", "Keys looked up and not found.");
    describe_counter!("dunlin_changes_total", "Changes to the data.");
    describe_gauge!("dunlin_slow_log_entries", "Entries in the slow log.");
    describe_gauge!("dunlin_memory_bytes", "Memory by kind; limit is maxmemory, 0 for none.");
    describe_gauge!("dunlin_cpu_seconds", "CPU time of the process since its start.");
    describe_gauge!("dunlin_keys", "Keys of a database.");
    describe_gauge!("dunlin_volatile_keys", "Keys of a database that have a time to live.");
    describe_counter!("dunlin_expired_keys_total", "Keys deleted because their time had come.");
    describe_counter!("dunlin_evicted_keys_total", "Keys deleted to make room at maxmemory.");
    describe_gauge!("dunlin_log_enabled", "Whether the log is on.");
    describe_gauge!("dunlin_log_lsn", "Positions in the log: appended to, in the file, on the disk.");
    describe_gauge!("dunlin_log_lag_bytes", "Bytes of the log that are not on the disk yet.");
    describe_gauge!("dunlin_log_buffered_bytes", "Bytes of the log that wait in memory.");
    describe_counter!("dunlin_shard_visits_total", "How often a shard was locked for a request: its load.");
    describe_counter!("dunlin_commands_total", "Calls of a command, failed ones included.");
    describe_counter!("dunlin_commands_rejected_total", "Requests refused before they ran.");
    describe_counter!("dunlin_commands_failed_total", "Calls that answered an error.");
}

/// The histogram of each command's durations, with buckets that double from 1.024 µs to over a minute.
fn durations(text: &mut String, commands: &[(&'static str, CommandTotals)]) {
    const NAME: &str = "dunlin_command_duration_seconds";
    let seconds = |ns: u64| ns as f64 / 1e9;
    // Writing to a String can't fail.
    let _ = write!(text, "# HELP {NAME} How long calls of a command took.\n# TYPE {NAME} histogram\n");
    for (command, totals) in commands {
        for end_ns in (0..27).map(|power| 1024u64 << power) {
            let (end, count) = (seconds(end_ns), totals.latency.count_below(end_ns));
            let _ = writeln!(text, "{NAME}_bucket{{command=\"{command}\",le=\"{end}\"}} {count}");
        }
        let count = totals.latency.count();
        let _ = writeln!(text, "{NAME}_bucket{{command=\"{command}\",le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "{NAME}_sum{{command=\"{command}\"}} {}", seconds(totals.spent_ns));
        let _ = writeln!(text, "{NAME}_count{{command=\"{command}\"}} {count}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::TestClient;
    use std::collections::HashMap;

    /// Series with their labels, as Prometheus reads them.
    fn parse(text: &str) -> HashMap<String, f64> {
        let samples = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let samples = samples.map(|line| line.rsplit_once(' ').expect("a name and a value"));
        samples.map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).collect()
    }

    #[test]
    fn metrics_agree_with_info() {
        let mut client = TestClient::new();
        for line in
            ["SET a b", "SET b c PX 5000", "GET a", "GET a", "GET nosuch", "SET a", "nosuch", "INCR a"]
        {
            client.say(line);
        }
        client.say("CLIENT SETNAME me");
        let metrics = parse(&render(&client.server, client.now));
        let report = client.say("INFO all");
        let info = |name: &str| {
            let line = report.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_else(|| unreachable!("{name} is not in {report}")).to_owned()
        };
        for (metric, field) in [
            ("dunlin_connected_clients", "connected_clients"),
            ("dunlin_blocked_clients", "blocked_clients"),
            ("dunlin_keyspace_hits_total", "keyspace_hits"),
            ("dunlin_keyspace_misses_total", "keyspace_misses"),
            ("dunlin_expired_keys_total", "expired_keys"),
            ("dunlin_evicted_keys_total", "evicted_keys"),
            ("dunlin_net_input_bytes_total", "total_net_input_bytes"),
            ("dunlin_net_output_bytes_total", "total_net_output_bytes"),
            ("dunlin_connections_received_total", "total_connections_received"),
            ("dunlin_connections_rejected_total", "rejected_connections"),
            ("dunlin_changes_total", "rdb_changes_since_last_save"),
            ("dunlin_memory_bytes{kind=\"limit\"}", "maxmemory"),
            ("dunlin_log_enabled", "aof_enabled"),
        ] {
            assert_eq!(
                metrics[metric],
                info(field).parse::<f64>().expect("a number"),
                "{metric} and {field}"
            );
        }
        assert_eq!(info("db0"), "keys=2,expires=1,avg_ttl=5000");
        assert_eq!((metrics["dunlin_keys{db=\"0\"}"], metrics["dunlin_volatile_keys{db=\"0\"}"]), (2.0, 1.0));
        assert_eq!(info("errorstat_ERR"), format!("count={}", metrics["dunlin_errors_total{code=\"ERR\"}"]));
        for name in ["set", "get", "incr", "client|setname"] {
            let of = |metric: &str| metrics[&format!("{metric}{{command=\"{name}\"}}")];
            let (calls, rejected, failed) = (
                of("dunlin_commands_total"),
                of("dunlin_commands_rejected_total"),
                of("dunlin_commands_failed_total"),
            );
            let line = info(&format!("cmdstat_{name}"));
            assert!(line.starts_with(&format!("calls={calls},")), "{name}: {line}");
            assert!(
                line.ends_with(&format!("rejected_calls={rejected},failed_calls={failed}")),
                "{name}: {line}"
            );
            assert_eq!(of("dunlin_command_duration_seconds_count"), calls);
            let all =
                metrics[&format!("dunlin_command_duration_seconds_bucket{{command=\"{name}\",le=\"+Inf\"}}")];
            assert_eq!(all, calls);
        }
        let visits: f64 = metrics
            .iter()
            .filter(|(name, _)| name.starts_with("dunlin_shard_visits_total"))
            .map(|(_, v)| v)
            .sum();
        assert_eq!(visits, 6.0, "one for each request that names a key");
    }

    #[test]
    fn what_was_reset_goes_back() {
        let mut client = TestClient::new();
        client.say("SET a b");
        client.say("GET a");
        assert_eq!(parse(&render(&client.server, client.now))["dunlin_keyspace_hits_total"], 1.0);
        client.say("CONFIG RESETSTAT");
        assert_eq!(parse(&render(&client.server, client.now))["dunlin_keyspace_hits_total"], 0.0);
    }
}
