//! How large a value may be that a client asks for by a number only.
//!
//! A filter's or sketch's size is one argument, so that no length of a request bounds it. It is refused where it would go
//! beyond `maxmemory`, or beyond the machine's memory: the system may grant that much, but ends the process once it is
//! used. What a log says was granted once.

use crate::command::Context;
use crate::observe::{memory, process};
use crate::session::gate;
use std::sync::LazyLock;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes that a new value may take.
pub fn room(cx: &Context<'_>) -> u64 {
    static MACHINE_BYTES: LazyLock<u64> = LazyLock::new(process::total_memory_bytes);
    if cx.session.gates & gate::RECOVERY != 0 {
        return u64::MAX;
    }
    let limit = match cx.server.hot.maxmemory.load(Relaxed) {
        0 => *MACHINE_BYTES,
        maxmemory => maxmemory.min(*MACHINE_BYTES),
    };
    limit.saturating_sub(memory::used(cx.server))
}
