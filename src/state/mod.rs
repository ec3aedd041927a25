//! What all workers share: the keyspace, the commands, the registries and the figures.
//!
//! Built by `server`, read by `command` and `net`. Holds no client's socket and starts nothing.

pub mod alarm;
pub mod backlog;
pub mod clients;
pub mod errand;
pub mod eviction;
pub mod gates;
pub mod hot;
pub mod latency;
pub mod peers;
pub mod rates;
pub mod rounds;
pub mod settings;
pub mod shutdown;
pub mod slow_log;
pub mod stats;
pub mod thresholds;
pub mod users;

use crate::command::table::Commands;
use crate::commit::Commit;
use crate::hub::Hub;
use crate::keyspace::router::Survey;
use crate::keyspace::{AccessClock, Keyspace};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};

/// One running server.
pub struct Server {
    pub keyspace: Arc<Keyspace>,
    pub commands: Commands,
    pub commit: Arc<Commit>,
    pub persist: crate::persist::Persistence,
    /// Who follows what happens here.
    pub replication: crate::replication::Replication,
    pub clients: clients::Registry,
    /// Who there is, and who may do what.
    pub users: users::Users,
    /// Who wants to hear of what.
    pub hub: Hub,
    pub gates: gates::Gates,
    /// What clients hold that do not read, or may not run what they sent.
    pub backlog: Arc<backlog::Backlog>,
    pub hot: hot::HotSettings,
    /// How far memory is over its limit, and who makes room.
    pub eviction: eviction::Eviction,
    /// How large a collection may be before it is stored another way.
    pub thresholds: thresholds::Thresholds,
    pub scripts: crate::script::Scripts,
    pub settings: settings::Settings,
    /// Figures of each worker, in order.
    pub workers: Box<[stats::WorkerStats]>,
    pub shared: stats::SharedStats,
    pub slow_log: slow_log::SlowLog,
    pub latency: latency::LatencyMonitor,
    /// Connections that MIGRATE may use again.
    pub peers: peers::Peers,
    pub rates: rates::Rates,
    /// Wakes the clockwork when a key is due earlier than it knows.
    pub alarm: alarm::Alarm,
    /// Lets a thread wait until no worker is in the middle of a unit that began before.
    pub rounds: rounds::Rounds,
    pub shutdown: shutdown::Shutdown,
    /// Forty hexadecimal digits, new at every start.
    pub run_id: String,
    /// When the server started, in ms since 1970.
    pub started_at: i64,
    /// Added to every reading of the clock; zero but in tests of time.
    pub clock_offset: AtomicI64,
    /// Itself, for work that outlives a request.
    pub this: Weak<Server>,
}

impl Server {
    /// The time in ms since 1970. One read a batch: everything in a batch happens at one time.
    pub fn now(&self) -> i64 {
        unix_ms() + self.clock_offset.load(Ordering::Relaxed)
    }

    /// CONFIG RESETSTAT: figures that INFO calls statistics begin anew.
    pub fn reset_statistics(&self, keyspace: &mut dyn Survey) {
        self.workers.iter().for_each(stats::WorkerStats::reset);
        self.shared.reset();
        self.rates.reset();
        self.keyspace.reclaimer.reset_freed();
        self.eviction.reset();
        for shard in 0..crate::keyspace::SHARD_COUNT {
            keyspace.look(shard, &mut |shard| shard.expired = 0);
        }
    }

    /// maxmemory-clients: a client holds more or less than before.
    pub fn count_client(&self, client: &clients::Client) {
        let limit = self.hot.maxmemory_clients.load(Ordering::Relaxed);
        if limit > 0 {
            let evicted = self.clients.keep_below(limit, client);
            self.shared.evicted_clients.fetch_add(evicted, Ordering::Relaxed);
        }
    }

    /// As [`Server::count_client`], for all of them: the limit is another one, or it is time to look.
    pub fn count_clients(&self) {
        let limit = self.hot.maxmemory_clients.load(Ordering::Relaxed);
        if limit > 0 {
            let evicted = self.clients.keep_all_below(limit);
            self.shared.evicted_clients.fetch_add(evicted, Ordering::Relaxed);
        }
    }

    /// Tells the latency monitor of an event that has just ended.
    pub fn note_latency(&self, event: &'static str, took: std::time::Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let threshold = self.hot.latency_monitor_threshold.load(Ordering::Relaxed);
        if threshold > 0 && took_ms >= threshold {
            self.latency.add(event, self.now() / 1000, took_ms);
        }
    }

    /// The access clock for a time.
    #[inline]
    pub fn access_clock(&self, now: i64) -> AccessClock {
        let hot = &self.hot;
        if !hot.lfu.load(Ordering::Relaxed) {
            return AccessClock::of_time(now);
        }
        let (factor, decay) = (&hot.lfu_log_factor, &hot.lfu_decay_minutes);
        AccessClock::of_uses(now, factor.load(Ordering::Relaxed), decay.load(Ordering::Relaxed))
    }
}

/// The system's clock in ms since 1970.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock for the server")]
pub fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// The system's clock in µs since 1970.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock for the server")]
pub fn unix_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as i64)
}
