//! Settings that the request path reads: copied out of the configuration into atomics when it changes.

use crate::config::value::BufferLimit;
use crate::keyspace::policy::Policy;
use crate::state::clients::OutputClass;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU64, Ordering::Relaxed};

macro_rules! hot_settings {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $default:expr,)*) => {
        /// See each field for its setting. Written by CONFIG SET, read with relaxed loads.
        pub struct HotSettings { $($(#[$doc])* pub $name: $kind,)* }

        impl Default for HotSettings {
            fn default() -> Self {
                Self { $($name: <$kind>::new($default),)* }
            }
        }
    };
}

hot_settings! {
    /// `proto-max-bulk-len`, in bytes.
    proto_max_bulk_len: AtomicU64 = 512 << 20,
    /// `client-query-buffer-limit`, in bytes.
    client_query_buffer_limit: AtomicU64 = 1 << 30,
    /// `client-output-buffer-limit normal`: hard limit in bytes; 0: none.
    output_hard_limit: AtomicU64 = 0,
    /// ... soft limit in bytes; 0: none.
    output_soft_limit: AtomicU64 = 0,
    /// ... for how many seconds the soft limit may be passed.
    output_soft_seconds: AtomicU64 = 0,
    /// `client-output-buffer-limit pubsub`: as those above.
    pubsub_hard_limit: AtomicU64 = 32 << 20,
    pubsub_soft_limit: AtomicU64 = 8 << 20,
    pubsub_soft_seconds: AtomicU64 = 60,
    /// `client-output-buffer-limit replica`: as those above.
    replica_hard_limit: AtomicU64 = 256 << 20,
    replica_soft_limit: AtomicU64 = 64 << 20,
    replica_soft_seconds: AtomicU64 = 60,
    /// `min-replicas-to-write`, and `min-replicas-max-lag` in seconds.
    replicas_min: AtomicU64 = 0,
    replicas_lag_max: AtomicU64 = 10,
    /// `maxmemory`, in bytes; 0: none.
    maxmemory: AtomicU64 = 0,
    /// `maxmemory-clients`, in bytes; 0: none.
    maxmemory_clients: AtomicU64 = 0,
    /// `tracking-table-max-keys`; 0: no limit.
    tracking_table_max_keys: AtomicU64 = 1_000_000,
    /// `maxclients`.
    maxclients: AtomicU64 = 10_000,
    /// `timeout`: seconds of idleness after which a client is disconnected; 0: never.
    timeout: AtomicU64 = 0,
    /// `io-uring`.
    io_uring: AtomicBool = true,
    /// `tcp-keepalive`, in seconds; 0: off.
    tcp_keepalive: AtomicU64 = 300,
    /// `slowlog-log-slower-than`, in µs; negative: off.
    slowlog_log_slower_than: AtomicI64 = 10_000,
    /// The shorter of the slow log's and the latency monitor's thresholds, in ns.
    attention_ns: AtomicU64 = 10_000_000,
    /// `busy-reply-threshold`, in ms; 0: never.
    busy_reply_threshold: AtomicU64 = 5_000,
    /// `slowlog-max-len`.
    slowlog_max_len: AtomicU64 = 128,
    /// `latency-monitor-threshold`, in ms; 0: off.
    latency_monitor_threshold: AtomicU64 = 0,
    /// `latency-tracking`.
    latency_tracking: AtomicBool = true,
    /// Whether RESTORE takes what is sealed wrongly (DEBUG SET-SKIP-CHECKSUM-VALIDATION).
    skip_checksums: AtomicBool = false,
    /// Whether expired keys are removed without being asked for (DEBUG SET-ACTIVE-EXPIRE).
    active_expire: AtomicBool = true,
    /// Whether nothing at all is done just because time passes (DEBUG PAUSE-CRON).
    cron_paused: AtomicBool = false,
    /// Whether scripts may call what they must not call (DEBUG SET-DISABLE-DENY-SCRIPTS).
    scripts_call_anything: AtomicBool = false,
    /// `lazyfree-lazy-user-flush`.
    lazy_user_flush: AtomicBool = false,
    /// `protected-mode`.
    protected_mode: AtomicBool = true,
    /// Whether the default user needs a password (`requirepass`).
    password_needed: AtomicBool = false,
    /// `maxmemory-policy`, by [`Policy::code`].
    maxmemory_policy: AtomicU8 = u8::MAX,
    /// `maxmemory-samples`: keys looked at to evict one.
    maxmemory_samples: AtomicU64 = 5,
    /// How long one command may evict (`maxmemory-eviction-tenacity`), in ns; `u64::MAX`: as long as it takes.
    eviction_ns: AtomicU64 = 500_000,
    /// `maxmemory-policy` is one of the LFU kind, so that the access clock counts.
    lfu: AtomicBool = false,
    /// `lfu-log-factor`.
    lfu_log_factor: AtomicU16 = 10,
    /// `lfu-decay-time`, in minutes; 0: never.
    lfu_decay_minutes: AtomicU16 = 1,
}

impl HotSettings {
    /// What is evicted at `maxmemory`; none: nothing.
    pub fn policy(&self) -> Option<Policy> {
        Policy::of_code(self.maxmemory_policy.load(Relaxed))
    }

    /// How much may wait for a client.
    pub fn output_limit(&self, class: OutputClass) -> BufferLimit {
        let (hard, soft, seconds) = match class {
            OutputClass::Normal => {
                (&self.output_hard_limit, &self.output_soft_limit, &self.output_soft_seconds)
            }
            OutputClass::Replica => {
                (&self.replica_hard_limit, &self.replica_soft_limit, &self.replica_soft_seconds)
            }
            OutputClass::Subscriber => {
                (&self.pubsub_hard_limit, &self.pubsub_soft_limit, &self.pubsub_soft_seconds)
            }
        };
        BufferLimit {
            hard_bytes: hard.load(Relaxed),
            soft_bytes: soft.load(Relaxed),
            soft_seconds: seconds.load(Relaxed),
        }
    }
}
