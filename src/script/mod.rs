//! What the server knows of scripts and functions, and who owns which shards because of them.
//!
//! * [`cache`]: scripts by their SHA1. [`library`]: libraries and their functions. Both are shared by all workers, whose
//!   Lua states compile what they need, and notice by a version that they are behind.
//! * [`owners`]: the one token, and scripts that take long.
//!
//! Registries only: scripts are run by `command::script`.

pub mod cache;
pub mod flags;
pub mod library;
pub mod owners;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// All of it, for one server.
pub struct Scripts {
    /// Different for any two servers of a process; never zero.
    pub id: u64,
    pub cache: cache::Cache,
    pub functions: library::Functions,
    pub owners: owners::Owners,
    /// Bytes that the Lua states of all workers hold: those for scripts, and those for functions.
    pub eval_bytes: AtomicI64,
    pub function_bytes: AtomicI64,
}

impl Default for Scripts {
    fn default() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self {
            id: LAST.fetch_add(1, Ordering::Relaxed) + 1,
            cache: cache::Cache::default(),
            functions: library::Functions::default(),
            owners: owners::Owners::default(),
            eval_bytes: AtomicI64::new(0),
            function_bytes: AtomicI64::new(0),
        }
    }
}
