//! How much memory is in use, from the allocator's own per-thread counters.

use crate::observe::{figures, process};
use crate::state::Server;
use dunlin_structures::alloc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes in use now, all threads together; each worker publishes its part once a batch.
pub fn used(server: &Server) -> u64 {
    let sum: i64 = server.workers.iter().map(|worker| worker.memory.load(Relaxed)).sum();
    let sum = sum + server.shared.other_memory.load(Relaxed);
    let sum = sum + server.persist.figures.loaded_memory.load(Relaxed);
    let used = sum.max(0) as u64;
    server.shared.peak_memory.fetch_max(used, Relaxed);
    // The first look is the clockwork's, before any client comes.
    let _ = server.shared.startup_memory.compare_exchange(0, used, Relaxed, Relaxed);
    used
}

/// Whether `maxmemory` is set and reached.
pub fn is_over_limit(server: &Server) -> bool {
    let limit = server.hot.maxmemory.load(Relaxed);
    limit > 0 && used(server) > limit
}

/// Where the memory went, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub used: u64,
    pub peak: u64,
    /// In use before the first client came.
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
    fn bytes_for_people() {
        let cases =
            [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1 << 20, "1.00M"), (25_276_502_016, "23.54G")];
        cases.iter().for_each(|(bytes, text)| assert_eq!(human(*bytes), *text));
        assert_eq!(human(u64::MAX), "16384.00P");
    }
}
