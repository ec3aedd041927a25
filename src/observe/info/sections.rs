//! The sections on the server, its clients, its log, its CPU time and its keys.

use super::Lines;
use crate::keyspace::AccessClock;
use crate::observe::{figures, process};
use crate::replication::ReplicaReport;
use crate::state::{Server, gates, unix_us};
use dunlin_structures::cycles;
use std::sync::atomic::Ordering::Relaxed;

/// The version whose behaviour is followed, for clients that look.
pub const REDIS_VERSION: &str = "7.2.4";

pub(super) fn server(server: &Server, now: i64, lines: &mut Lines) {
    let config = server.settings.snapshot();
    let uptime_s = (now - server.started_at).max(0) / 1000;
    lines.add("redis_version", REDIS_VERSION);
    lines.add("server_name", "dunlin");
    lines.add("dunlin_version", env!("CARGO_PKG_VERSION"));
    lines.constants(&[
        ("redis_git_sha1", "00000000"),
        ("redis_git_dirty", "0"),
        ("redis_build_id", "0"),
        ("redis_mode", "standalone"),
    ]);
    lines.add("os", process::system());
    lines.add("arch_bits", usize::BITS);
    lines.add("monotonic_clock", format_args!("X86 TSC @ {} ticks/us", cycles::from_ns(1000)));
    lines.constants(&[
        ("multiplexing_api", "epoll"),
        ("atomicvar_api", "rust-std"),
        ("gcc_version", "0.0.0"),
    ]);
    lines.add("process_id", std::process::id());
    let supervised = std::env::var_os("NOTIFY_SOCKET").map_or("no", |_| "systemd");
    lines.add("process_supervised", supervised);
    lines.add("run_id", &server.run_id);
    lines.add("tcp_port", config.port());
    lines.add("server_time_usec", unix_us());
    lines.add("uptime_in_seconds", uptime_s);
    lines.add("uptime_in_days", uptime_s / 86_400);
    // Slow figures and pauses are looked after ten times a second, whatever `hz` says.
    lines.add("hz", 10);
    lines.add("configured_hz", config.hz());
    lines.add("lru_clock", AccessClock::of_time(now).initial());
    let executable = std::env::current_exe().unwrap_or_default();
    lines.add("executable", executable.display());
    let file = config.file.clone().unwrap_or_default();
    lines.add("config_file", file.display());
    lines.add("io_threads_active", u8::from(server.workers.len() > 1));
    if config.port() > 0 {
        let hosts: String = config.bind().iter().map(|host| format!(",bind={host}")).collect();
        lines.add("listener0", format_args!("name=tcp{hosts},port={}", config.port()));
    }
}

pub(super) fn clients(server: &Server, _: i64, lines: &mut Lines) {
    let clients = figures::clients(server);
    lines.add("connected_clients", clients.connected);
    lines.add("cluster_connections", 0);
    lines.add("maxclients", server.hot.maxclients.load(Relaxed));
    lines.add("client_recent_max_input_buffer", clients.input_max);
    lines.add("client_recent_max_output_buffer", clients.output_max);
    lines.add("blocked_clients", clients.blocked);
    lines.add("tracking_clients", server.hub.tracking_clients());
    lines.add("pubsub_clients", clients.subscribers);
    lines.constants(&[("clients_in_timeout_table", "0")]);
    lines.add("total_blocking_keys", lines.shards.waited_for);
    lines.add("total_blocking_keys_on_nokey", lines.shards.waited_for_missing);
}

pub(super) fn persistence(server: &Server, _: i64, lines: &mut Lines) {
    let changes = figures::Totals::of(server).changes;
    // Nothing was saved since the start: there are no RDB files yet.
    lines.text += &server.persist.info(changes, server.started_at / 1000);
}

pub(super) fn replication(server: &Server, _: i64, lines: &mut Lines) {
    let (replication, now) = (&server.replication, server.now());
    let report = replication.report();
    lines.constants(&[("role", "master")]);
    lines.add("connected_slaves", report.replicas.len());
    if server.gates.closed() & gates::REPLICAS_NEEDED != 0 {
        lines.add("min_slaves_good_slaves", replication.good(now, server.hot.replicas_lag_max.load(Relaxed)));
    }
    for (index, ReplicaReport { replica, state }) in report.replicas.iter().enumerate() {
        let (host, port) = (replica.host(), replica.introduction.port);
        let (offset, lag) = (replica.acked(), replica.lag_seconds(now));
        let line = format_args!("ip={host},port={port},state={state},offset={offset},lag={lag}");
        lines.add(format!("slave{index}"), line);
    }
    lines.constants(&[("master_failover_state", "no-failover")]);
    lines.add("master_replid", replication.id());
    lines.add("master_replid2", "0".repeat(40));
    lines.add("master_repl_offset", report.offset);
    lines.constants(&[("second_repl_offset", "-1")]);
    let (first, len) = report.history.unwrap_or((0, 0));
    lines.add("repl_backlog_active", u8::from(report.history.is_some()));
    lines.add("repl_backlog_size", server.settings.snapshot().repl_backlog_bytes());
    lines.add("repl_backlog_first_byte_offset", first);
    lines.add("repl_backlog_histlen", len);
}

pub(super) fn cpu(_: &Server, _: i64, lines: &mut Lines) {
    let all = process::cpu();
    let main = process::cpu_of_main_thread();
    for (name, seconds) in [
        ("used_cpu_sys", all.system),
        ("used_cpu_user", all.user),
        ("used_cpu_sys_children", all.children_system),
        ("used_cpu_user_children", all.children_user),
        ("used_cpu_sys_main_thread", main.system),
        ("used_cpu_user_main_thread", main.user),
    ] {
        lines.add(name, format_args!("{seconds:.6}"));
    }
}

pub(super) fn cluster(_: &Server, _: i64, lines: &mut Lines) {
    lines.add("cluster_enabled", 0);
}

pub(super) fn keyspace(_: &Server, _: i64, lines: &mut Lines) {
    for (index, db) in std::mem::take(&mut lines.shards.databases).iter().enumerate() {
        if db.keys > 0 {
            let value = format_args!("keys={},expires={},avg_ttl={}", db.keys, db.volatile, db.mean_ttl_ms);
            lines.add(format_args!("db{index}"), value);
        }
    }
}
