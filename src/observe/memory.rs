//! How much memory is in use, from the allocator's own per-thread counters.

use crate::state::Server;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes in use now, all threads together; each worker publishes its part once a batch.
pub fn used(server: &Server) -> u64 {
    let sum: i64 = server.workers.iter().map(|worker| worker.memory.load(Relaxed)).sum();
    let sum = sum + server.shared.other_memory.load(Relaxed);
    let sum = sum + server.persist.figures.loaded_memory.load(Relaxed);
    let used = sum.max(0) as u64;
    server.shared.peak_memory.fetch_max(used, Relaxed);
    used
}

/// Whether `maxmemory` is set and reached.
pub fn is_over_limit(server: &Server) -> bool {
    let limit = server.hot.maxmemory.load(Relaxed);
    limit > 0 && used(server) > limit
}
