//! How much memory is in use, from the allocator's own per-thread counters.

use crate::observe::{figures, process};
use crate::state::Server;
use dunlin_structures::alloc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes in use now, all threads together; each worker publishes its part once a batch.
pub fn used(server: &Server) -> u64 {
    let used = counted(server).saturating_add(server.shared.uncounted_memory.load(Relaxed)).max(0) as u64;
    server.shared.peak_memory.fetch_max(used, Relaxed);
    used
}

/// What the threads that publish their counters have allocated less what they freed.
fn counted(server: &Server) -> i64 {
    let sum: i64 = server.workers.iter().map(|worker| worker.memory.load(Relaxed)).sum();
    sum + server.shared.other_memory.load(Relaxed)
        + server.persist.figures.loaded_memory.load(Relaxed)
        + server.keyspace.reclaimer.memory()
}

/// Takes in what threads without published counters allocated and freed: the main thread, the log's, those that free
/// what was flushed. Called by the clockwork ten times a second.
pub fn settle(server: &Server) {
    let counted = counted(server);
    // What threads keep for their next blocks grows by chance, and is nobody's.
    let stats = alloc::stats();
    settle_with(server, counted, stats.allocated.saturating_sub(stats.cached) as i64);
}

/// `counted`: what was published when `measured` bytes were in use, as the allocator knows them.
fn settle_with(server: &Server, counted: i64, measured: i64) {
    let shared = &server.shared;
    let is_first = shared.startup_memory.load(Relaxed) == 0;
    let measured_before = shared.measured_memory.swap(measured, Relaxed);
    let known = counted + shared.uncounted_memory.load(Relaxed);
    let off = measured - known;
    // A worker in the middle of a batch has not published yet: only what was off the last time, too, is taken in, and of
    // that what nobody has published since.
    let lasting = match is_first {
        true => off,
        false => common(off, common(shared.memory_off.load(Relaxed), measured_before - known)),
    };
    shared.uncounted_memory.fetch_add(lasting, Relaxed);
    shared.memory_off.store(off - lasting, Relaxed);
    if is_first {
        // The first look is the clockwork's, before any client comes.
        shared.startup_memory.store(used(server).max(1), Relaxed);
    }
}

/// What two deviations in the same direction have in common.
fn common(one: i64, other: i64) -> i64 {
    if one.signum() == other.signum() { one.signum() * one.abs().min(other.abs()) } else { 0 }
}

/// By how many bytes `maxmemory` is exceeded; 0 where it is not, or none is set. What will be freed is no longer
/// counted, nor, as in Redis, what waits to be written to the log or sent to replicas: nothing can be done about that by evicting.
pub fn excess(server: &Server) -> u64 {
    let limit = server.hot.maxmemory.load(Relaxed);
    if limit == 0 {
        return 0;
    }
    let used = counted(server).saturating_add(server.shared.uncounted_memory.load(Relaxed)).max(0) as u64;
    if used <= limit {
        return 0;
    }
    let leaving = server.keyspace.reclaimer.pending_bytes().max(0) as u64;
    used.saturating_sub(limit)
        .saturating_sub(leaving)
        .saturating_sub(server.persist.buffer_memory_bytes() + server.replication.held_bytes())
}

/// Whether `maxmemory` is set and reached.
pub fn is_over_limit(server: &Server) -> bool {
    excess(server) > 0
}

/// Where the memory went, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub used: u64,
    pub peak: u64,
    /// In use before the first client came. Some of it may be freed soon after.
    pub startup: u64,
    /// Clients with their buffers.
    pub clients: u64,
    /// Of physical memory.
    pub resident: u64,
    pub allocator: alloc::Stats,
}

impl Usage {
    /// Asks the allocator and the system: some tens of µs.
    pub fn of(server: &Server) -> Self {
        let used = used(server);
        Self {
            used,
            peak: server.shared.peak_memory.load(Relaxed),
            startup: server.shared.startup_memory.load(Relaxed),
            clients: figures::clients(server).memory,
            resident: process::resident_bytes(),
            allocator: alloc::stats(),
        }
    }

    /// What isn't data, as far as it is known.
    pub fn overhead(&self) -> u64 {
        (self.startup + self.clients).min(self.used)
    }

    pub fn dataset(&self) -> u64 {
        self.used - self.overhead()
    }

    /// The part of what was added since the start that is data.
    pub fn dataset_percent(&self) -> f64 {
        percent(self.dataset(), self.used.saturating_sub(self.startup)).min(100.0)
    }

    pub fn peak_percent(&self) -> f64 {
        percent(self.used, self.peak)
    }
}

/// `part` of `whole` in percent; 0 of nothing.
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// How many times `whole` is in `part`; 0 if it is nothing.
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Bytes as people read them, in Redis' format: `123B`, `1.50K`, `2.00M`.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let power = (bytes.ilog2() / 10).min(UNITS.len() as u32);
    format!("{:.2}{}", bytes as f64 / (1u64 << (10 * power)) as f64, UNITS[power as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_publishes_is_found_and_what_passes_is_not() {
        let client = crate::command::testing::TestClient::new();
        let server = &client.server;
        let worker = &server.workers[0].memory;
        worker.store(100, Relaxed);
        let settle = |measured| settle_with(server, worker.load(Relaxed), measured);
        settle(1100);
        assert_eq!((used(server), server.shared.startup_memory.load(Relaxed)), (1100, 1100));
        // A batch has allocated 500 that its worker publishes a moment later.
        settle(1600);
        assert_eq!(used(server), 1100);
        worker.store(600, Relaxed);
        settle(1600);
        assert_eq!(used(server), 1600);
        // And again, with another batch under way each time that it is measured.
        settle(2000);
        worker.store(1000, Relaxed);
        settle(2400);
        worker.store(1400, Relaxed);
        settle(2400);
        assert_eq!(used(server), 2400);
        worker.store(600, Relaxed);
        settle(1600);
        // Another thread frees 400 of it.
        settle(1200);
        settle(1200);
        assert_eq!(used(server), 1200);
        // Even of what was there at the start: that doesn't change, and is no more than there is.
        settle(900);
        settle(900);
        let usage = Usage::of(server);
        assert_eq!((usage.used, usage.startup, usage.dataset()), (900, 1100, 0));
        assert_eq!(usage.dataset_percent(), 0.0);
    }

    #[test]
    fn bytes_for_people() {
        let cases =
            [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1 << 20, "1.00M"), (25_276_502_016, "23.54G")];
        cases.iter().for_each(|(bytes, text)| assert_eq!(human(*bytes), *text));
        assert_eq!(human(u64::MAX), "16384.00P");
    }
}
