//! Adds up what the workers count: INFO and /metrics read the same totals, so they agree.

use crate::keyspace::SHARD_COUNT;
use crate::keyspace::router::Survey;
use crate::state::Server;
use crate::state::clients::flag;
use crate::state::stats::{LATENCY_BUCKETS, latency_bucket_end};
use dunlin_structures::cycles;
use std::sync::atomic::Ordering::Relaxed;

/// Totals over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub commands: u64,
    pub hits: u64,
    pub misses: u64,
    pub net_input: u64,
    pub net_output: u64,
    pub reads: u64,
    pub writes: u64,
    pub batches: u64,
    pub changes: u64,
}

impl Totals {
    pub fn of(server: &Server) -> Self {
        let mut totals = Self::default();
        for worker in &server.workers {
            totals.commands += worker.commands.iter().map(|command| command.calls.get()).sum::<u64>();
            totals.hits += worker.hits.get();
            totals.misses += worker.misses.get();
            totals.net_input += worker.net_input.get();
            totals.net_output += worker.net_output.get();
            totals.reads += worker.reads_processed.get();
            totals.writes += worker.writes_processed.get();
            totals.batches += worker.batches.get();
            totals.changes += worker.dirty.get();
        }
        totals
    }
}

/// What all workers counted of one command.
#[derive(Clone, Debug)]
pub struct CommandTotals {
    pub calls: u64,
    pub spent_ns: u64,
    pub rejected: u64,
    pub failed: u64,
    pub latency: Histogram,
}

impl CommandTotals {
    /// Of the command with this id.
    pub fn of(server: &Server, id: usize) -> Self {
        let mut totals =
            Self { calls: 0, spent_ns: 0, rejected: 0, failed: 0, latency: Histogram::default() };
        let mut spent_cycles = 0u64;
        for stats in server.workers.iter().filter_map(|worker| worker.commands.get(id)) {
            totals.calls += stats.calls.get();
            totals.rejected += stats.rejected.get();
            totals.failed += stats.failed.get();
            spent_cycles = spent_cycles.wrapping_add(stats.cycles.get());
            for (sum, bucket) in totals.latency.counts.iter_mut().zip(stats.latency().into_iter().flatten()) {
                *sum += bucket.get();
            }
        }
        totals.spent_ns = cycles::to_ns(spent_cycles);
        totals
    }

    /// Whether anything at all is known of the command.
    pub fn is_used(&self) -> bool {
        self.calls + self.rejected + self.failed > 0
    }
}

/// How long calls took, in the buckets of `state::stats`.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: [u64; LATENCY_BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; LATENCY_BUCKETS] }
    }
}

impl Histogram {
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many took less than `ns`, which must be the end of a bucket to be exact.
    pub fn count_below(&self, ns: u64) -> u64 {
        let buckets = self.counts.iter().enumerate();
        buckets.filter(|(bucket, _)| latency_bucket_end(*bucket) <= ns).map(|(_, count)| count).sum()
    }

    /// The duration in ns within which `percent` of the calls ended: the end of their bucket, so at most a quarter
    /// too high. 0 without calls.
    pub fn percentile_ns(&self, percent: f64) -> u64 {
        let wanted = ((percent / 100.0 * self.count() as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return latency_bucket_end(bucket) - 1;
            }
        }
        0
    }

    /// Cumulated counts in Redis' shape: an upper end in µs, which doubles, and how many ended within it; only where
    /// the count grows.
    pub fn doubling(&self) -> Vec<(u64, u64)> {
        let mut out: Vec<(u64, u64)> = Vec::new();
        for power in 0..=(LATENCY_BUCKETS / 4) as u32 {
            let end_ns = 1024u64 << power;
            let count = self.count_below(end_ns).max(out.last().map_or(0, |last| last.1));
            if count > out.last().map_or(0, |last| last.1) {
                // Redis' buckets are a 128th wider than the power of two.
                out.push(((end_ns + (end_ns >> 7) - 1) / 1000, count));
            }
        }
        out
    }
}

/// Keys of one logical database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DbTotals {
    pub keys: usize,
    pub volatile: usize,
    /// The mean time to live of the volatile ones, in ms, estimated from those that go first.
    pub mean_ttl_ms: i64,
}

/// What the shards say, taken one after the other.
#[derive(Debug, Default)]
pub struct ShardTotals {
    /// Of every logical database.
    pub databases: Vec<DbTotals>,
    /// Keys that expired and were deleted, by access or by the clock.
    pub expired: u64,
    /// Keys that clients wait for, and those whose going is waited for.
    pub waited_for: usize,
    pub waited_for_missing: usize,
}

/// Asks every shard. `now` in ms since 1970.
pub fn shards(keyspace: &mut dyn Survey, now: i64) -> ShardTotals {
    let mut all = ShardTotals::default();
    let mut ttl_sums: Vec<i128> = Vec::new();
    for index in 0..SHARD_COUNT {
        keyspace.look(index, &mut |shard| {
            all.databases.resize(shard.dbs().len(), DbTotals::default());
            ttl_sums.resize(shard.dbs().len(), 0);
            for ((total, sum), db) in all.databases.iter_mut().zip(&mut ttl_sums).zip(shard.dbs()) {
                total.keys += db.len();
                let volatile = db.expires().len();
                total.volatile += volatile;
                let mean = db.expires().average_time().map_or(0, |at| (at - now).max(0));
                *sum += i128::from(mean) * volatile as i128;
            }
            all.expired += shard.expired;
            all.waited_for += shard.waiters.key_count();
            all.waited_for_missing += shard.waiters.missing_key_count();
        });
    }
    for (total, sum) in all.databases.iter_mut().zip(ttl_sums) {
        total.mean_ttl_ms = (sum / total.volatile.max(1) as i128) as i64;
    }
    all
}

/// What can be said of all clients together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientTotals {
    pub connected: usize,
    pub blocked: usize,
    pub subscribers: usize,
    /// The largest buffers now, in bytes.
    pub input_max: u64,
    pub output_max: u64,
    /// Bytes of all their buffers.
    pub memory: u64,
}

pub fn clients(server: &Server) -> ClientTotals {
    let mut totals = ClientTotals::default();
    for client in server.clients.list() {
        let (input, output) = (client.input_capacity.load(Relaxed), client.output_bytes.load(Relaxed));
        totals.connected += usize::from(!client.has_flag(flag::REPLICA));
        totals.blocked += usize::from(client.has_flag(flag::BLOCKED));
        totals.subscribers += usize::from(client.has_flag(flag::PUBSUB));
        totals.input_max = totals.input_max.max(input);
        totals.output_max = totals.output_max.max(output);
        totals.memory += client.held_bytes();
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::stats::latency_bucket;

    fn of(durations_ns: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        durations_ns.iter().for_each(|ns| histogram.counts[latency_bucket(*ns)] += 1);
        histogram
    }

    #[test]
    fn histograms_in_the_shape_of_redis() {
        assert_eq!(of(&[]).doubling(), []);
        let histogram = of(&[300, 900, 1500, 1500, 40_000, 50_000_000]);
        assert_eq!(histogram.doubling(), [(1, 2), (2, 4), (66, 5), (67_633, 6)]);
        assert_eq!(histogram.count_below(1 << 11), 4);
        // Beyond the last bucket nothing is lost.
        assert_eq!(of(&[u64::MAX]).doubling().len(), 1);
    }

    #[test]
    fn percentiles_are_the_ends_of_buckets() {
        let histogram = of(&[1000, 1000, 1000, 9_000_000]);
        assert!((1000..1300).contains(&histogram.percentile_ns(50.0)));
        assert!((9_000_000..12_000_000).contains(&histogram.percentile_ns(99.0)));
        assert!(histogram.percentile_ns(100.0) >= 9_000_000);
        assert_eq!((of(&[]).percentile_ns(50.0), of(&[1000]).percentile_ns(0.0)), (0, 1023));
    }
}
