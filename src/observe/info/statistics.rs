//! The sections that CONFIG RESETSTAT begins anew: totals, commands, errors, latencies.

use super::Lines;
use crate::acl::Reason;
use crate::observe::figures::{CommandTotals, Totals};
use crate::state::Server;
use crate::state::rates::Rate;
use std::sync::atomic::Ordering::Relaxed;

pub(super) fn stats(server: &Server, now: i64, lines: &mut Lines) {
    let totals = Totals::of(server);
    let shared = &server.shared;
    let kib = |rate: Rate| server.rates.per_second(rate) as f64 / 1024.0;
    lines.add("total_connections_received", shared.connections_received.load(Relaxed));
    lines.add("total_commands_processed", totals.commands);
    lines.add("instantaneous_ops_per_sec", server.rates.per_second(Rate::Commands));
    lines.add("total_net_input_bytes", totals.net_input);
    lines.add("total_net_output_bytes", totals.net_output);
    lines.constants(&[("total_net_repl_input_bytes", "0"), ("total_net_repl_output_bytes", "0")]);
    lines.add("instantaneous_input_kbps", format_args!("{:.2}", kib(Rate::InputBytes)));
    lines.add("instantaneous_output_kbps", format_args!("{:.2}", kib(Rate::OutputBytes)));
    lines.constants(&[("instantaneous_input_repl_kbps", "0.00"), ("instantaneous_output_repl_kbps", "0.00")]);
    lines.add("rejected_connections", shared.connections_rejected.load(Relaxed));
    let replication = &server.replication;
    lines.add("sync_full", replication.full_syncs.load(Relaxed));
    lines.add("sync_partial_ok", replication.partial_syncs.load(Relaxed));
    lines.add("sync_partial_err", replication.refused_partial_syncs.load(Relaxed));
    lines.add("expired_keys", lines.shards.expired);
    // Nothing that is due is ever left to lie, and expiry has no cap of time.
    lines.constants(&[
        ("expired_stale_perc", "0.00"),
        ("expired_time_cap_reached_count", "0"),
        ("expire_cycle_cpu_milliseconds", "0"),
    ]);
    lines.add("evicted_keys", server.eviction.evicted_keys.load(Relaxed));
    lines.add("evicted_clients", shared.evicted_clients.load(Relaxed));
    let (total_ms, present_ms) = server.eviction.exceeded_ms(now);
    lines.add("total_eviction_exceeded_time", total_ms);
    lines.add("current_eviction_exceeded_time", present_ms);
    lines.add("keyspace_hits", totals.hits);
    lines.add("keyspace_misses", totals.misses);
    lines.add("pubsub_channels", server.hub.channels.len());
    lines.add("pubsub_patterns", server.hub.pattern_count());
    lines.add("pubsubshard_channels", server.hub.shard_channels.len());
    // Nothing forks: it is the time for which a rewrite held everybody up.
    let log = &server.persist.figures;
    lines.add("latest_fork_usec", log.last_pause_us.load(Relaxed));
    lines.constants(&[("total_forks", "0")]);
    lines.add("migrate_cached_sockets", server.peers.len());
    lines.constants(&[
        ("slave_expires_tracked_keys", "0"),
        ("active_defrag_hits", "0"),
        ("active_defrag_misses", "0"),
        ("active_defrag_key_hits", "0"),
        ("active_defrag_key_misses", "0"),
        ("total_active_defrag_time", "0"),
        ("current_active_defrag_time", "0"),
    ]);
    let (keys, items, prefixes) = server.hub.tracked();
    lines.add("tracking_total_keys", keys);
    lines.add("tracking_total_items", items);
    lines.add("tracking_total_prefixes", prefixes);
    lines.add("unexpected_error_replies", shared.unexpected_errors.load(Relaxed));
    lines.add("total_error_replies", shared.error_replies.load(Relaxed));
    lines.add("dump_payload_sanitizations", 0);
    lines.add("total_reads_processed", totals.reads);
    lines.add("total_writes_processed", totals.writes);
    // All reads and writes are those of worker threads.
    let by_threads = |count: u64| if server.workers.len() > 1 { count } else { 0 };
    lines.add("io_threaded_reads_processed", by_threads(totals.reads));
    lines.add("io_threaded_writes_processed", by_threads(totals.writes));
    lines.constants(&[("reply_buffer_shrinks", "0"), ("reply_buffer_expands", "0")]);
    lines.add("client_query_buffer_limit_disconnections", shared.query_buffer_disconnections.load(Relaxed));
    lines.add("client_output_buffer_limit_disconnections", shared.output_buffer_disconnections.load(Relaxed));
    lines.add("eventloop_cycles", totals.batches);
    lines.add("instantaneous_eventloop_cycles_per_sec", server.rates.per_second(Rate::Batches));
    let denied = &server.users.log;
    lines.add("acl_access_denied_auth", denied.count(Reason::Auth));
    lines.add("acl_access_denied_cmd", denied.count(Reason::Command));
    lines.add("acl_access_denied_key", denied.count(Reason::Key));
    lines.add("acl_access_denied_channel", denied.count(Reason::Channel));
}

pub(super) fn commands(server: &Server, _: i64, lines: &mut Lines) {
    for command in server.commands.all() {
        let totals = CommandTotals::of(server, command.id);
        if totals.is_used() {
            let spent_us = totals.spent_ns / 1000;
            // Of the whole µs that are shown, as in Redis: who divides the two gets the third.
            let per_call = spent_us as f64 / totals.calls.max(1) as f64;
            let value = format_args!(
                "calls={},usec={spent_us},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
                totals.calls, totals.rejected, totals.failed
            );
            lines.add(format_args!("cmdstat_{}", command.full_name), value);
        }
    }
}

pub(super) fn errors(server: &Server, _: i64, lines: &mut Lines) {
    let mut errors: Vec<(String, u64)> =
        server.shared.errors.iter().map(|error| (error.key().clone(), *error.value())).collect();
    errors.sort_unstable();
    for (code, count) in errors {
        // The code is the client's word where a script made it up: it must not break the line.
        let code = code.replace([':', '\r', '\n', '=', ','], "_");
        lines.add(format_args!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latencies(server: &Server, _: i64, lines: &mut Lines) {
    if !server.hot.latency_tracking.load(Relaxed) {
        return;
    }
    let config = server.settings.snapshot();
    let percentiles = config.latency_tracking_info_percentiles();
    for command in server.commands.all() {
        let latency = CommandTotals::of(server, command.id).latency;
        if latency.count() > 0 {
            let shown: Vec<String> = percentiles
                .iter()
                .map(|percent| format!("p{percent}={:.3}", latency.percentile_ns(*percent) as f64 / 1000.0))
                .collect();
            lines.add(format_args!("latency_percentiles_usec_{}", command.full_name), shown.join(","));
        }
    }
}
