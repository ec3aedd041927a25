//! Seeing inside: memory, slow commands, figures for INFO and /metrics.
//!
//! * [`figures`] adds up what the workers count, for whoever asks.
//! * [`info`] writes INFO's sections from it, [`metrics`] what Prometheus is told, which [`http`] serves.
//! * [`slow`] looks at commands that took long. [`memory`] says how much is in use, [`process`] what the system says.
//! * [`logging`] and [`banner`] are the log.
//!
//! Reads `state` and the keyspace; changes nothing but the slow log and the latency monitor.

pub mod banner;
pub mod figures;
pub mod http;
pub mod info;
pub mod logging;
pub mod memory;
pub mod metrics;
pub mod process;
pub mod slow;

pub use slow::slow_command;

use crate::state::Server;
use figures::Totals;

/// From this duration on, in ns, a command gets a second look: slow log and latency monitor.
#[inline]
pub fn attention_ns(server: &Server) -> u64 {
    server.hot.attention_ns.load(std::sync::atomic::Ordering::Relaxed)
}

/// What the clockwork does for the figures ten times a second. `now` in ms since 1970.
pub fn tick(server: &Server, now: i64) {
    memory::settle(server);
    memory::used(server);
    let totals = Totals::of(server);
    server.rates.sample(now, [totals.commands, totals.net_input, totals.net_output, totals.batches]);
}
