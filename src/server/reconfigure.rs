//! Makes the running server follow its configuration: what CONFIG SET changes, and what the start sets.

use crate::config::settings::SettingId;
use crate::config::{Config, ConfigError, load};
use crate::keyspace::policy::{Order, Policy};
use crate::observe::http::MetricsServer;
use crate::observe::logging::Manner;
use crate::observe::memory;
use crate::persist;
use crate::server::listeners::Listeners;
use crate::server::oom_score;
use crate::state::settings::Apply;
use crate::state::{Server, gates};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

/// Descriptors that the server needs beside those of its clients; and those of each of its threads.
const DESCRIPTORS_RESERVED: u64 = 24;
const DESCRIPTORS_PER_THREAD: u64 = 4;

/// Copies what the request path reads.
pub fn copy_hot_settings(server: &Server, config: &Config) {
    server.thresholds.follow(config);
    let hot = &server.hot;
    let limits = config.client_output_buffer_limits().normal;
    hot.proto_max_bulk_len.store(config.proto_max_bulk_len_bytes(), Relaxed);
    hot.client_query_buffer_limit.store(config.client_query_buffer_limit_bytes(), Relaxed);
    hot.output_hard_limit.store(limits.hard_bytes, Relaxed);
    hot.output_soft_limit.store(limits.soft_bytes, Relaxed);
    hot.output_soft_seconds.store(limits.soft_seconds, Relaxed);
    let limits = config.client_output_buffer_limits().pubsub;
    hot.pubsub_hard_limit.store(limits.hard_bytes, Relaxed);
    hot.pubsub_soft_limit.store(limits.soft_bytes, Relaxed);
    hot.pubsub_soft_seconds.store(limits.soft_seconds, Relaxed);
    let limits = config.client_output_buffer_limits().replica;
    // As in Redis a replica that comes back may be sent all that is kept for it.
    let kept = config.repl_backlog_bytes() as u64;
    let hard = if limits.hard_bytes > 0 { limits.hard_bytes.max(kept) } else { 0 };
    hot.replica_hard_limit.store(hard, Relaxed);
    hot.replica_soft_limit.store(limits.soft_bytes, Relaxed);
    hot.replica_soft_seconds.store(limits.soft_seconds, Relaxed);
    hot.replicas_min.store(config.replicas_min(), Relaxed);
    hot.replicas_lag_max.store(config.replicas_lag_max_seconds(), Relaxed);
    hot.maxclients.store(u64::from(config.max_clients()), Relaxed);
    hot.timeout.store(config.timeout().map_or(0, |timeout| timeout.as_secs()), Relaxed);
    hot.io_uring.store(config.io_uring(), Relaxed);
    hot.tcp_keepalive.store(config.tcp_keepalive().map_or(0, |interval| interval.as_secs()), Relaxed);
    hot.slowlog_log_slower_than.store(config.slowlog_log_slower_than_us(), Relaxed);
    hot.busy_reply_threshold.store(config.busy_reply_threshold_ms(), Relaxed);
    hot.slowlog_max_len.store(config.slowlog_max_len() as u64, Relaxed);
    hot.latency_monitor_threshold.store(config.latency_monitor_threshold_ms(), Relaxed);
    hot.attention_ns.store(attention_ns(config), Relaxed);
    hot.latency_tracking.store(config.latency_tracking(), Relaxed);
    hot.lazy_user_flush.store(config.lazy_user_flush(), Relaxed);
    hot.protected_mode.store(config.protected_mode(), Relaxed);
    hot.tracking_table_max_keys.store(config.tracking_table_max_keys(), Relaxed);
    crate::hub::tracking::keep_to_limit(server);
    server.hub.notify(config.notify_keyspace_events());
    follow_eviction(server, config);
    let limit = config.max_memory_clients_bytes();
    if hot.maxmemory_clients.swap(limit, Relaxed) != limit {
        server.count_clients();
    }
    set_gate(server, gates::MEMORY_LIMITED, config.max_memory_bytes() > 0);
    set_gate(server, gates::REPLICAS_NEEDED, config.needs_replicas());
}

/// `maxmemory`, and what is done about it.
fn follow_eviction(server: &Server, config: &Config) {
    let hot = &server.hot;
    let policy = Policy::code(config.max_memory_policy());
    if hot.maxmemory_policy.swap(policy, Relaxed) != policy {
        // Whether there is something to evict is to be found out anew.
        server.eviction.set_stuck(false);
    }
    hot.lfu.store(Policy::of_code(policy).is_some_and(|policy| policy.order == Order::Lfu), Relaxed);
    hot.maxmemory_samples.store(config.max_memory_samples(), Relaxed);
    hot.eviction_ns.store(config.eviction_ns(), Relaxed);
    hot.lfu_log_factor.store(config.lfu_log_factor(), Relaxed);
    hot.lfu_decay_minutes.store(config.lfu_decay_minutes(), Relaxed);
    let limit = config.max_memory_bytes();
    if hot.maxmemory.swap(limit, Relaxed) == limit || !memory::is_over_limit(server) {
        return;
    }
    tracing::warn!(
        "WARNING: the new maxmemory value set via CONFIG SET ({limit}) is smaller than the current memory usage ({}). \
         This will result in key eviction and/or the inability to accept new write commands depending on the \
         maxmemory-policy.",
        memory::used(server)
    );
    // The next command makes room, or the clockwork's next round.
}

fn set_gate(server: &Server, gate: u32, closed: bool) {
    match closed {
        true => server.gates.close(gate),
        false => server.gates.open(gate),
    }
}

/// The shorter of the thresholds above which a command is looked at closely, in ns.
fn attention_ns(config: &Config) -> u64 {
    let slow =
        u64::try_from(config.slowlog_log_slower_than_us()).map_or(u64::MAX, |us| us.saturating_mul(1000));
    let latency = match config.latency_monitor_threshold_ms() {
        0 => u64::MAX,
        ms => ms.saturating_mul(1_000_000),
    };
    slow.min(latency)
}

/// Lets the process have as many descriptors as `maxclients` needs beside its own.
///
/// # Errors
/// How many clients the system would allow.
pub fn allow_clients(clients: u32, threads: usize) -> Result<(), u32> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let reserved = DESCRIPTORS_RESERVED + DESCRIPTORS_PER_THREAD * threads as u64;
    let wanted = u64::from(clients) + reserved;
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return Ok(());
    }
    let allowed = limit.maximum.unwrap_or(u64::MAX).min(wanted);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum: limit.maximum });
    if raised.is_ok() && allowed >= wanted {
        return Ok(());
    }
    let possible = if raised.is_ok() { allowed } else { current }.saturating_sub(reserved);
    Err(u32::try_from(possible).unwrap_or(u32::MAX))
}

fn follow_max_clients(config: &Config) -> Result<(), String> {
    allow_clients(config.max_clients(), config.io_threads()).map_err(|possible| {
        format!(
            "The operating system is not able to handle the specified number of clients, try with {possible}"
        )
    })
}

/// As Redis does at its start: who comes beyond what the system allows is told so, instead of waiting for an accept.
///
/// # Errors
/// For people: the system allows none.
pub fn lower_max_clients(server: &Server) -> Result<(), String> {
    let (wanted, threads) = {
        let config = server.settings.snapshot();
        (config.max_clients(), config.io_threads())
    };
    let Err(possible) = allow_clients(wanted, threads) else { return Ok(()) };
    if possible == 0 {
        return Err("The limit of open files (ulimit -n) is not enough for the server to start".into());
    }
    tracing::warn!(
        "maxclients has been reduced from {wanted} to {possible} to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."
    );
    let pair: (&[u8], &[u8]) = (b"maxclients", &possible.to_string().into_bytes());
    server.settings.change(&[pair], true).map_err(|error| error.to_string())?;
    copy_hot_settings(server, &server.settings.snapshot());
    Ok(())
}

/// Applies what CONFIG SET changed.
pub struct Reconfigure {
    pub server: Weak<Server>,
    pub log: Manner,
    pub oom_score: oom_score::Before,
    pub listeners: Arc<Listeners>,
    pub metrics: Arc<MetricsServer>,
}

impl Apply for Reconfigure {
    fn apply(&self, before: &Config, after: &Config, changed: &[SettingId]) -> Result<(), ConfigError> {
        let Some(server) = self.server.upgrade() else { return Ok(()) };
        let mut applied: Vec<Follow> = Vec::new();
        for step in STEPS {
            let Some(id) = changed.iter().find(|id| step.settings.contains(&id.setting().name)) else {
                continue;
            };
            if let Err(reason) = (step.follow)(self, after) {
                tracing::warn!(
                    "Failed applying new configuration. Possibly related to new {} setting. Restoring previous settings: {reason}",
                    id.setting().name
                );
                for undo in applied.iter().rev() {
                    if let Err(reason) = undo(self, before) {
                        tracing::warn!("Failed applying restored failed CONFIG SET command: {reason}");
                    }
                }
                return Err(ConfigError::failed(id.setting().name, step.said(reason)));
            }
            applied.push(step.follow);
        }
        copy_hot_settings(&server, after);
        if changed.iter().any(|id| id.setting().name == "requirepass") {
            server.set_default_password(after.require_pass());
        }
        Ok(())
    }
}

/// Makes one part of the server follow the configuration; the error is for the log.
type Follow = fn(&Reconfigure, &Config) -> Result<(), String>;

/// Something that follows settings by more than a number in memory, and can fail.
struct Step {
    settings: &'static [&'static str],
    follow: Follow,
    /// What clients are told, where it is not the reason itself.
    told: Option<&'static str>,
}

impl Step {
    fn said(&self, reason: String) -> String {
        self.told.map_or(reason, str::to_string)
    }
}

const STEPS: &[Step] = &[
    Step {
        settings: &["loglevel", "log-format"],
        follow: |this, config| {
            this.log.set(config.log_level(), config.log_format());
            Ok(())
        },
        told: None,
    },
    Step {
        settings: &["oom-score-adj", "oom-score-adj-values"],
        follow: |this, config| this.oom_score.follow(config.oom_score()),
        told: Some("Failed to apply new oom_score_adj configuration, check server logs."),
    },
    Step { settings: &["maxclients"], follow: |_, config| follow_max_clients(config), told: None },
    Step {
        settings: &["dir"],
        follow: |_, config| std::env::set_current_dir(config.dir()).map_err(|error| load::reason(&error)),
        told: None,
    },
    Step {
        settings: &["port"],
        follow: |this, config| this.listeners.follow_plain(config),
        told: Some("Unable to listen on this port. Check server logs."),
    },
    Step {
        settings: &["bind"],
        follow: |this, config| {
            this.listeners.follow_plain(config).and_then(|()| this.listeners.follow_encrypted(config))
        },
        told: Some("Failed to bind to specified addresses."),
    },
    Step {
        settings: &[
            "tls-port",
            "tls-cert-file",
            "tls-key-file",
            "tls-ca-cert-file",
            "tls-auth-clients",
            "tls-protocols",
        ],
        follow: |this, config| this.listeners.follow_encrypted(config),
        told: Some("Unable to update TLS configuration. Check server logs."),
    },
    Step { settings: &["metrics-bind"], follow: |this, config| this.metrics.follow(config), told: None },
    // Last, since it can take long: writing all data anew.
    Step {
        settings: &[
            "appendonly",
            "appendfsync",
            "aof-load-truncated",
            "auto-aof-rewrite-percentage",
            "auto-aof-rewrite-min-size",
        ],
        follow: |this, config| match this.server.upgrade() {
            Some(server) => persist::control::follow(&server, persist::LogSettings::new(config)),
            None => Ok(()),
        },
        told: Some("Unable to turn on AOF. Check server logs."),
    },
];
