//! What INFO and the metrics say of the log.

use crate::persist::control::Persistence;
use crate::state::unix_ms;
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};

/// Counted by the log's thread and by rewrites.
#[derive(Default)]
pub struct Figures {
    /// The last write or sync of the log failed.
    pub write_failed: AtomicBool,
    /// How often replies were held back because the disk was late.
    pub delayed_syncs: AtomicU64,
    pub rewrites: AtomicU64,
    pub rewrites_failed_in_a_row: AtomicU64,
    /// When the running rewrite began, in ms since 1970; 0: none runs.
    pub rewrite_since_ms: AtomicI64,
    /// How long the last rewrite took, in s, plus one; 0: there was none.
    rewrite_took_s_plus_one: AtomicI64,
    /// For how long the last rewrite held all shards, in µs.
    pub last_pause_us: AtomicI64,
    /// When the load began, in ms since 1970; 0: nothing is being loaded.
    pub loading_since_ms: AtomicI64,
    pub loading_bytes: AtomicU64,
    pub loaded_bytes: AtomicU64,
    /// What loading left in memory, allocated by threads that are no workers; bytes.
    pub loaded_memory: AtomicI64,
}

impl Figures {
    pub(super) fn loading_started(&self, total_bytes: u64) {
        self.loading_bytes.store(total_bytes, Relaxed);
        self.loaded_bytes.store(0, Relaxed);
        self.loading_since_ms.store(unix_ms(), Relaxed);
    }

    pub(super) fn loading_ended(&self) {
        self.loading_since_ms.store(0, Relaxed);
    }

    pub(super) fn rewrite_started(&self) {
        self.rewrite_since_ms.store(unix_ms(), Relaxed);
    }

    pub(super) fn rewrite_ended(&self, succeeded: bool) {
        let since = self.rewrite_since_ms.swap(0, Relaxed);
        self.rewrite_took_s_plus_one.store((unix_ms() - since).max(0) / 1000 + 1, Relaxed);
        if succeeded {
            self.rewrites.fetch_add(1, Relaxed);
            self.rewrites_failed_in_a_row.store(0, Relaxed);
        } else {
            self.rewrites_failed_in_a_row.fetch_add(1, Relaxed);
        }
    }
}

/// Where the log stands, for the metrics. All zero while it is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogPosition {
    /// Log sequence numbers: what was appended, what is in the file, what is on the disk.
    pub appended: u64,
    pub written: u64,
    pub durable: u64,
    /// Bytes that wait in memory.
    pub buffered_bytes: u64,
}

impl Persistence {
    /// Where the log stands now.
    pub fn position(&self) -> LogPosition {
        let Some(log) = self.active() else { return LogPosition::default() };
        let positions = &log.positions;
        LogPosition {
            appended: log.buffer.appended_lsn().get(),
            written: positions.written().get(),
            durable: positions.durable().get(),
            buffered_bytes: log.buffer.held_bytes() as u64,
        }
    }

    /// Bytes of memory for what waits to be written to the log.
    pub fn buffer_memory_bytes(&self) -> u64 {
        self.active().map_or(0, |log| log.buffer.memory_bytes() as u64)
    }

    /// The lines of INFO's persistence section, without its title, as Redis 7.2 names and orders them.
    pub fn info(&self, changes: u64, last_save_s: i64) -> String {
        let figures = &self.figures;
        let loading_since = figures.loading_since_ms.load(Relaxed);
        let rewrite_since = figures.rewrite_since_ms.load(Relaxed);
        let status = |failed: bool| if failed { "err" } else { "ok" };
        let rewriting_s = if rewrite_since == 0 { -1 } else { (unix_ms() - rewrite_since).max(0) / 1000 };
        let mut lines = String::new();
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            // Writing to a String can't fail.
            let _infallible = write!(lines, "{name}:{value}\r\n");
        };
        line("loading", &u8::from(loading_since != 0));
        line("async_loading", &0);
        line("current_cow_peak", &0);
        line("current_cow_size", &0);
        line("current_cow_size_age", &0);
        line("current_fork_perc", &"0.00");
        line("current_save_keys_processed", &0);
        line("current_save_keys_total", &0);
        line("rdb_changes_since_last_save", &changes);
        line("rdb_bgsave_in_progress", &0);
        line("rdb_last_save_time", &last_save_s);
        line("rdb_last_bgsave_status", &"ok");
        line("rdb_last_bgsave_time_sec", &-1);
        line("rdb_current_bgsave_time_sec", &-1);
        line("rdb_saves", &0);
        line("rdb_last_cow_size", &0);
        line("rdb_last_load_keys_expired", &0);
        line("rdb_last_load_keys_loaded", &0);
        line("aof_enabled", &u8::from(self.is_on()));
        line("aof_rewrite_in_progress", &u8::from(rewrite_since != 0));
        line("aof_rewrite_scheduled", &0);
        line("aof_last_rewrite_time_sec", &(figures.rewrite_took_s_plus_one.load(Relaxed) - 1));
        line("aof_current_rewrite_time_sec", &rewriting_s);
        let failed_in_a_row = figures.rewrites_failed_in_a_row.load(Relaxed);
        line("aof_last_bgrewrite_status", &status(failed_in_a_row > 0));
        line("aof_rewrites", &figures.rewrites.load(Relaxed));
        line("aof_rewrites_consecutive_failures", &failed_in_a_row);
        line("aof_last_write_status", &status(figures.write_failed.load(Relaxed)));
        line("aof_last_cow_size", &0);
        line("module_fork_in_progress", &0);
        line("module_fork_last_cow_size", &0);
        if let Some(log) = self.active() {
            line("aof_current_size", &log.positions.size_bytes());
            line("aof_base_size", &log.size_at_rewrite.load(Relaxed));
            line("aof_pending_rewrite", &0);
            line("aof_buffer_length", &log.buffer.held_bytes());
            line("aof_pending_bio_fsync", &0);
            line("aof_delayed_fsync", &figures.delayed_syncs.load(Relaxed));
            let position = self.position();
            line("dunlin_log_lsn", &position.appended);
            line("dunlin_log_written_lsn", &position.written);
            line("dunlin_log_durable_lsn", &position.durable);
        }
        if loading_since != 0 {
            let (total, loaded) = (figures.loading_bytes.load(Relaxed), figures.loaded_bytes.load(Relaxed));
            let spent_s = (unix_ms() - loading_since).max(0) / 1000;
            let left = total.saturating_sub(loaded) as f64 / loaded.max(1) as f64 * spent_s as f64;
            line("loading_start_time", &(loading_since / 1000));
            line("loading_total_bytes", &total);
            line("loading_rdb_used_mem", &0);
            line("loading_loaded_bytes", &loaded);
            line("loading_loaded_perc", &format_args!("{:.2}", loaded as f64 * 100.0 / total.max(1) as f64));
            line("loading_eta_seconds", &format_args!("{left:.0}"));
        }
        lines
    }
}
