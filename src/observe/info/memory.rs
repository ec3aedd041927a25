//! The section on memory.

use super::Lines;
use crate::observe::memory::{Usage, human, percent, ratio};
use crate::observe::process;
use crate::state::Server;
use std::sync::atomic::Ordering::Relaxed;

pub(super) fn memory(server: &Server, _: i64, lines: &mut Lines) {
    let usage = Usage::of(server);
    let allocator = &usage.allocator;
    let less = |more: u64, less: u64| more as i64 - less as i64;
    lines.bytes("used_memory", usage.used);
    lines.bytes("used_memory_rss", usage.resident);
    lines.bytes("used_memory_peak", usage.peak);
    lines.add("used_memory_peak_perc", format_args!("{:.2}%", percent(usage.used, usage.peak)));
    lines.add("used_memory_overhead", usage.overhead());
    lines.add("used_memory_startup", usage.startup);
    lines.add("used_memory_dataset", usage.dataset());
    lines.add("used_memory_dataset_perc", format_args!("{:.2}%", usage.dataset_percent()));
    lines.add("allocator_allocated", allocator.allocated);
    lines.add("allocator_active", allocator.active);
    lines.add("allocator_resident", allocator.resident);
    lines.bytes("total_system_memory", process::total_memory_bytes());
    scripts(server, lines);
    lines.bytes("maxmemory", server.hot.maxmemory.load(Relaxed));
    let config = server.settings.snapshot();
    lines.add("maxmemory_policy", config.max_memory_policy());
    lines.add("allocator_frag_ratio", format_args!("{:.2}", ratio(allocator.active, allocator.allocated)));
    lines.add("allocator_frag_bytes", less(allocator.active, allocator.allocated));
    lines.add("allocator_rss_ratio", format_args!("{:.2}", ratio(allocator.resident, allocator.active)));
    lines.add("allocator_rss_bytes", less(allocator.resident, allocator.active));
    lines.add("rss_overhead_ratio", format_args!("{:.2}", ratio(usage.resident, allocator.resident)));
    lines.add("rss_overhead_bytes", less(usage.resident, allocator.resident));
    lines.add("mem_fragmentation_ratio", format_args!("{:.2}", ratio(usage.resident, usage.used)));
    lines.add("mem_fragmentation_bytes", less(usage.resident, usage.used));
    let for_replicas = server.replication.held_bytes();
    lines.add("mem_not_counted_for_evict", server.persist.buffer_memory_bytes() + for_replicas);
    let history = server.replication.report().history.map_or(0, |(_, len)| len as u64);
    lines.add("mem_replication_backlog", history);
    lines.add("mem_total_replication_buffers", history + for_replicas);
    lines.add("mem_clients_slaves", for_replicas);
    lines.add("mem_clients_normal", usage.clients);
    lines.add("mem_cluster_links", 0);
    lines.add("mem_aof_buffer", server.persist.position().buffered_bytes);
    lines.constants(&[("mem_allocator", "jemalloc-5.3.1"), ("active_defrag_running", "0")]);
    lines.add("lazyfree_pending_objects", server.keyspace.reclaimer.pending());
    lines.add("lazyfreed_objects", server.keyspace.reclaimer.freed());
}

/// What Lua holds in all workers' states (vm), and the texts of scripts and libraries.
fn scripts(server: &Server, lines: &mut Lines) {
    let scripts = &server.scripts;
    let held = |bytes: &std::sync::atomic::AtomicI64| u64::try_from(bytes.load(Relaxed)).unwrap_or(0);
    let (eval, functions) = (held(&scripts.eval_bytes), held(&scripts.function_bytes));
    let libraries = scripts.functions.load();
    let (cached, of_libraries) = (scripts.cache.bytes(), libraries.bytes());
    lines.add("used_memory_lua", eval);
    lines.add("used_memory_vm_eval", eval);
    lines.add("used_memory_lua_human", human(eval));
    lines.add("used_memory_scripts_eval", cached);
    lines.add("number_of_cached_scripts", scripts.cache.len());
    lines.add("number_of_functions", libraries.function_count());
    lines.add("number_of_libraries", libraries.iter().len());
    lines.add("used_memory_vm_functions", functions);
    lines.add("used_memory_vm_total", eval + functions);
    lines.add("used_memory_vm_total_human", human(eval + functions));
    lines.add("used_memory_functions", of_libraries);
    lines.add("used_memory_scripts", cached + of_libraries);
    lines.add("used_memory_scripts_human", human(cached + of_libraries));
}
