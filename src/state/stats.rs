//! Figures: counted per worker without contention, added up when somebody asks.
//!
//! A worker's counters have one writer, so counting is a load and a store; readers may be an instant behind.

use dunlin_structures::alloc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A counter with one writer and any number of readers.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it, which CONFIG RESETSTAT does from another thread: a count of that instant may be lost.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// Buckets of the latency histogram: four to each power of two of nanoseconds, from 256 ns to over a minute.
pub const LATENCY_BUCKETS: usize = 4 * 29;
const FIRST_POWER: u32 = 8;
/// So much of an error line is looked at for its code, as in Redis.
const CODE_MAX: usize = 31;

/// The bucket of a duration. As a floating-point number a duration has its power and its quarter side by side.
#[inline]
pub fn latency_bucket(ns: u64) -> usize {
    const MANTISSA_BITS_BELOW_QUARTER: u32 = f64::MANTISSA_DIGITS - 1 - 2;
    const FIRST: usize = (f64::MAX_EXP as usize - 1 + FIRST_POWER as usize) << 2;
    let number = ns.max(1 << FIRST_POWER) as i64 as f64;
    ((number.to_bits() >> MANTISSA_BITS_BELOW_QUARTER) as usize - FIRST).min(LATENCY_BUCKETS - 1)
}

/// The upper end of a bucket, in ns (exclusive).
pub fn latency_bucket_end(bucket: usize) -> u64 {
    let (power, quarter) = (bucket as u32 / 4 + FIRST_POWER, bucket as u64 % 4);
    (5 + quarter) << (power - 2)
}

/// What one worker counted of one command.
#[derive(Default)]
pub struct CommandStats {
    pub calls: Counter,
    /// Cycles of the cycle counter spent in it.
    pub cycles: Counter,
    /// Refused before it ran: arity, authentication, gates.
    pub rejected: Counter,
    /// Ran and answered an error.
    pub failed: Counter,
    latency: OnceLock<Box<[Counter; LATENCY_BUCKETS]>>,
}

impl CommandStats {
    #[inline]
    pub fn record_latency(&self, ns: u64) {
        let buckets = self.latency.get_or_init(|| Box::new(std::array::from_fn(|_| Counter::default())));
        buckets[latency_bucket(ns)].add(1);
    }

    pub fn latency(&self) -> Option<&[Counter; LATENCY_BUCKETS]> {
        self.latency.get().map(|buckets| &**buckets)
    }

    pub fn reset(&self) {
        for counter in [&self.calls, &self.cycles, &self.rejected, &self.failed] {
            counter.set(0);
        }
        for bucket in self.latency().into_iter().flatten() {
            bucket.set(0);
        }
    }
}

/// What one worker counted. Aligned, so that no two workers write to one cache line.
#[repr(align(128))]
pub struct WorkerStats {
    /// By command id.
    pub commands: Box<[CommandStats]>,
    pub hits: Counter,
    pub misses: Counter,
    pub net_input: Counter,
    pub net_output: Counter,
    pub reads_processed: Counter,
    pub writes_processed: Counter,
    /// Changes to the dataset.
    pub dirty: Counter,
    /// Bytes this thread allocated less those it freed; the sum over threads is the memory in use.
    pub memory: AtomicI64,
    pub connections: AtomicU64,
    pub batches: Counter,
    pub requests: Counter,
}

impl WorkerStats {
    pub fn new(commands: usize) -> Self {
        Self {
            commands: std::iter::repeat_with(CommandStats::default).take(commands).collect(),
            hits: Counter::default(),
            misses: Counter::default(),
            net_input: Counter::default(),
            net_output: Counter::default(),
            reads_processed: Counter::default(),
            writes_processed: Counter::default(),
            dirty: Counter::default(),
            memory: AtomicI64::new(0),
            connections: AtomicU64::new(0),
            batches: Counter::default(),
            requests: Counter::default(),
        }
    }
}

/// Publishes what this thread holds, in its own place.
pub fn publish_memory(held: &AtomicI64) {
    held.store(alloc::thread_held_bytes(), Ordering::Relaxed);
}

impl WorkerStats {
    /// Forgets what was counted; what is held now (memory, connections) stays.
    pub fn reset(&self) {
        self.commands.iter().for_each(CommandStats::reset);
        let counters = [
            &self.hits,
            &self.misses,
            &self.net_input,
            &self.net_output,
            &self.reads_processed,
            &self.writes_processed,
            &self.batches,
            &self.requests,
        ];
        counters.iter().for_each(|counter| counter.set(0));
    }
}

/// Figures that many threads count, rarely.
#[derive(Default)]
pub struct SharedStats {
    pub connections_received: AtomicU64,
    pub connections_rejected: AtomicU64,
    pub query_buffer_disconnections: AtomicU64,
    pub output_buffer_disconnections: AtomicU64,
    pub evicted_clients: AtomicU64,
    pub unexpected_errors: AtomicU64,
    /// Error replies by their code word.
    pub errors: dashmap::DashMap<String, u64>,
    pub error_replies: AtomicU64,
    /// Bytes that threads other than workers allocated less those they freed.
    pub other_memory: AtomicI64,
    /// The most memory that was ever in use, in bytes.
    pub peak_memory: AtomicU64,
    /// Bytes in use that no thread publishes, as the clockwork found.
    pub uncounted_memory: AtomicI64,
    /// By how much the figures were off when it looked last.
    pub memory_off: AtomicI64,
    /// What was in use when it looked last, as the allocator knows it.
    pub measured_memory: AtomicI64,
    /// What was in use before the first client came, in bytes.
    pub startup_memory: AtomicU64,
}

impl SharedStats {
    /// Forgets what was counted; what is held now stays.
    pub fn reset(&self) {
        let counters = [
            &self.connections_received,
            &self.connections_rejected,
            &self.query_buffer_disconnections,
            &self.output_buffer_disconnections,
            &self.evicted_clients,
            &self.unexpected_errors,
            &self.error_replies,
            &self.peak_memory,
        ];
        counters.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
        self.errors.clear();
    }

    /// Counts an error reply, given its line without the leading `-`.
    pub fn count_error(&self, line: &[u8]) {
        self.count_errors(line, 1);
    }

    /// Counts several of the same code. What has none, as Redis sees it, is an ERR.
    pub fn count_errors(&self, line: &[u8], times: u64) {
        self.error_replies.fetch_add(times, Ordering::Relaxed);
        let end = memchr::memchr(b' ', &line[..line.len().min(CODE_MAX)]);
        let code = end.map_or("ERR".into(), |end| String::from_utf8_lossy(&line[..end]));
        if let Some(mut count) = self.errors.get_mut(code.as_ref()) {
            *count += times;
            return;
        }
        // Scripts may invent codes: the list must not grow with them.
        if self.errors.len() < 128 {
            *self.errors.entry(code.into_owned()).or_insert(0) += times;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_all_durations_in_order() {
        let mut last = 0;
        for shift in 0..61 {
            for step in 0..4u64 {
                let ns = (4 + step) << shift;
                let bucket = latency_bucket(ns);
                assert!(bucket >= last && bucket < LATENCY_BUCKETS);
                if bucket < LATENCY_BUCKETS - 1 {
                    assert!(ns < latency_bucket_end(bucket), "{ns} in {bucket}");
                }
                last = bucket;
            }
        }
        assert_eq!((latency_bucket(0), latency_bucket(u64::MAX)), (0, LATENCY_BUCKETS - 1));
        for bucket in 0..LATENCY_BUCKETS - 1 {
            let end = latency_bucket_end(bucket);
            assert_eq!((latency_bucket(end - 1), latency_bucket(end)), (bucket, bucket + 1));
        }
    }
}
