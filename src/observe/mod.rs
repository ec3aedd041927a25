//! Seeing inside: memory, slow commands, figures for INFO and /metrics.

pub mod banner;
pub mod logging;
pub mod memory;

use crate::command::table::Command;
use crate::resp::Args;
use crate::session::Session;
use crate::state::Server;

/// From this duration on, in ns, a command gets a second look: slow log and latency monitor.
#[inline]
pub fn attention_ns(server: &Server) -> u64 {
    server.hot.attention_ns.load(std::sync::atomic::Ordering::Relaxed)
}

/// Notes a command that took long enough for the slow log or the latency monitor.
#[cold]
pub fn slow_command(
    _server: &Server,
    _session: &Session,
    _command: &Command,
    _args: Args<'_>,
    _ns: u64,
    _now: i64,
) {
}
