//! What the server reads: each setting that is live, by name and in its own type.
//!
//! Each look-up costs a hash of the name. Code that runs for each request keeps its own copy and takes a new one when
//! the configuration changes.

use super::setting::Kind;
use super::settings::{self, SettingId};
use super::snapshot::Config;
use super::value::{BufferLimits, MemoryLimit, SavePoint, Value};
use dunlin_structures::packed::Limits;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

/// `appendfsync`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFsync {
    EverySecond,
    Always,
    No,
}

/// `enable-debug-command`, `enable-protected-configs`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalAccess {
    No,
    Yes,
    /// From this machine only.
    Local,
}

impl LocalAccess {
    /// May a client do it, that is on this machine or not?
    pub fn allows(self, client_is_local: bool) -> bool {
        match self {
            LocalAccess::No => false,
            LocalAccess::Yes => true,
            LocalAccess::Local => client_is_local,
        }
    }
}

/// `loglevel`, from the most talkative on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Debug,
    Verbose,
    Notice,
    Warning,
    Nothing,
}

/// `log-format`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

/// `supervised`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supervision {
    Upstart,
    Systemd,
    /// Whichever the environment shows.
    Auto,
    No,
}

/// `tls-auth-clients`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsClientAuth {
    No,
    Yes,
    Optional,
}

/// `oom-score-adj`, `oom-score-adj-values`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OomScore {
    Untouched,
    /// So much more than the process was started with.
    Relative(i64),
    Absolute(i64),
}

/// `shutdown-on-sigint`, `shutdown-on-sigterm`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShutdownOnSignal {
    pub save: bool,
    pub nosave: bool,
    pub now: bool,
    pub force: bool,
}

/// A name in the code that the table does not have, or has with another kind: found by the test that calls every
/// function of this file.
const MISNAMED: &str = "settings named in this file are in the table with that kind, which a test checks";

impl Config {
    fn named(&self, name: &str) -> &Value {
        let id: SettingId = settings::find(name.as_bytes()).expect(MISNAMED);
        self.value(id)
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.named(name), Value::Flag(true))
    }

    fn int(&self, name: &str) -> i64 {
        match self.named(name) {
            Value::Int(number) => *number,
            other => unreachable_kind(name, other),
        }
    }

    fn unsigned<T: TryFrom<i64>>(&self, name: &str) -> T {
        T::try_from(self.int(name)).ok().expect("the table's range of the setting fits the type")
    }

    fn bytes(&self, name: &str) -> u64 {
        match self.named(name) {
            Value::Bytes(bytes) => *bytes,
            other => unreachable_kind(name, other),
        }
    }

    /// Bytes of something in memory.
    fn len(&self, name: &str) -> usize {
        usize::try_from(self.bytes(name)).unwrap_or(usize::MAX)
    }

    fn text(&self, name: &str) -> &[u8] {
        match self.named(name) {
            Value::Text(text) => text,
            other => unreachable_kind(name, other),
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.text(name);
        (!text.is_empty()).then(|| PathBuf::from(OsString::from_vec(text.to_vec())))
    }

    /// The value that stands where the chosen word stands in the table.
    fn choice<T: Copy>(&self, name: &str, values: &[T]) -> T {
        match self.named(name) {
            Value::Choice(index) => *values.get(*index).expect(MISNAMED),
            other => unreachable_kind(name, other),
        }
    }

    /// The chosen word itself.
    fn word(&self, name: &str) -> &'static str {
        let kind = settings::find(name.as_bytes()).expect(MISNAMED).setting().kind;
        match (kind, self.named(name)) {
            (Kind::Choice(words), Value::Choice(index)) => words.get(*index).expect(MISNAMED),
            (_, other) => unreachable_kind(name, other),
        }
    }

    fn on_signal(&self, name: &str) -> ShutdownOnSignal {
        match self.named(name) {
            Value::Flags(bits) => ShutdownOnSignal {
                save: bits & 1 != 0,
                nosave: bits & 2 != 0,
                now: bits & 4 != 0,
                force: bits & 8 != 0,
            },
            other => unreachable_kind(name, other),
        }
    }

    fn allowed(&self, name: &str) -> LocalAccess {
        self.choice(name, &[LocalAccess::No, LocalAccess::Yes, LocalAccess::Local])
    }

    // Network.

    /// Addresses to listen on, as written: `*` for all, a leading `-` where it may be missing.
    pub fn bind(&self) -> Vec<String> {
        match self.named("bind") {
            Value::Words(words) => {
                words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
            }
            other => unreachable_kind("bind", other),
        }
    }

    /// 0 for none.
    pub fn port(&self) -> u16 {
        self.unsigned("port")
    }

    /// 0 for none.
    pub fn tls_port(&self) -> u16 {
        self.unsigned("tls-port")
    }

    pub fn tcp_backlog(&self) -> u32 {
        self.unsigned("tcp-backlog")
    }

    pub fn unix_socket(&self) -> Option<PathBuf> {
        self.path("unixsocket")
    }

    /// 0 for what the umask gives.
    pub fn unix_socket_permissions(&self) -> u32 {
        match self.named("unixsocketperm") {
            Value::Octal(bits) => *bits,
            other => unreachable_kind("unixsocketperm", other),
        }
    }

    pub fn protected_mode(&self) -> bool {
        self.flag("protected-mode")
    }

    pub fn require_pass(&self) -> Option<&[u8]> {
        Some(self.text("requirepass")).filter(|password| !password.is_empty())
    }

    /// The file of users; `None` if they stand in the configuration.
    pub fn acl_file(&self) -> Option<PathBuf> {
        self.path("aclfile")
    }

    pub fn acl_log_max_len(&self) -> usize {
        self.unsigned("acllog-max-len")
    }

    /// Whether a new user may use all channels.
    pub fn acl_all_channels(&self) -> bool {
        self.word("acl-pubsub-default") == "allchannels"
    }

    pub fn max_clients(&self) -> u32 {
        self.unsigned("maxclients")
    }

    /// Idle clients are closed after it; `None` for never.
    pub fn timeout(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.unsigned("timeout"))).filter(|timeout| !timeout.is_zero())
    }

    pub fn tcp_keepalive(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.unsigned("tcp-keepalive"))).filter(|interval| !interval.is_zero())
    }

    pub fn client_query_buffer_limit_bytes(&self) -> u64 {
        self.bytes("client-query-buffer-limit")
    }

    pub fn client_output_buffer_limits(&self) -> BufferLimits {
        match self.named("client-output-buffer-limit") {
            Value::BufferLimits(limits) => *limits,
            other => unreachable_kind("client-output-buffer-limit", other),
        }
    }

    pub fn tracking_table_max_keys(&self) -> u64 {
        u64::try_from(self.int("tracking-table-max-keys")).unwrap_or(0)
    }

    /// `notify-keyspace-events`, as the bits of its letters.
    pub fn notify_keyspace_events(&self) -> u32 {
        match self.named("notify-keyspace-events") {
            Value::Events(bits) => *bits,
            other => unreachable_kind("notify-keyspace-events", other),
        }
    }

    pub fn proto_max_bulk_len_bytes(&self) -> u64 {
        self.bytes("proto-max-bulk-len")
    }

    pub fn metrics_bind(&self) -> Option<SocketAddr> {
        std::str::from_utf8(self.text("metrics-bind")).ok()?.parse().ok()
    }

    // TLS.

    pub fn tls_cert_file(&self) -> Option<PathBuf> {
        self.path("tls-cert-file")
    }

    pub fn tls_key_file(&self) -> Option<PathBuf> {
        self.path("tls-key-file")
    }

    pub fn tls_ca_cert_file(&self) -> Option<PathBuf> {
        self.path("tls-ca-cert-file")
    }

    pub fn tls_auth_clients(&self) -> TlsClientAuth {
        self.choice("tls-auth-clients", &[TlsClientAuth::No, TlsClientAuth::Yes, TlsClientAuth::Optional])
    }

    /// As it was said; empty for all that there are.
    pub fn tls_protocols(&self) -> &[u8] {
        self.text("tls-protocols")
    }

    // Process.

    pub fn oom_score(&self) -> OomScore {
        use OomScore::{Absolute, Relative, Untouched};
        let is_wanted = self.choice("oom-score-adj", &[Untouched, Relative(0), Relative(0), Absolute(0)]);
        // That of a server that is no replica.
        let score = match self.named("oom-score-adj-values") {
            Value::Numbers(scores) => scores.first().copied().unwrap_or_default(),
            other => unreachable_kind("oom-score-adj-values", other),
        };
        match is_wanted {
            Untouched => Untouched,
            Relative(_) => Relative(score),
            Absolute(_) => Absolute(score),
        }
    }

    pub fn daemonize(&self) -> bool {
        self.flag("daemonize")
    }

    pub fn pid_file(&self) -> Option<PathBuf> {
        self.path("pidfile")
    }

    pub fn supervised(&self) -> Supervision {
        use Supervision::{Auto, No, Systemd, Upstart};
        self.choice("supervised", &[Upstart, Systemd, Auto, No])
    }

    pub fn databases(&self) -> usize {
        self.unsigned("databases")
    }

    /// Workers, at least one.
    pub fn io_uring(&self) -> bool {
        self.flag("io-uring")
    }

    pub fn io_threads(&self) -> usize {
        self.unsigned("io-threads")
    }

    pub fn enable_debug_command(&self) -> LocalAccess {
        self.allowed("enable-debug-command")
    }

    pub fn enable_protected_configs(&self) -> LocalAccess {
        self.allowed("enable-protected-configs")
    }

    pub fn shutdown_on_sigint(&self) -> ShutdownOnSignal {
        self.on_signal("shutdown-on-sigint")
    }

    pub fn shutdown_on_sigterm(&self) -> ShutdownOnSignal {
        self.on_signal("shutdown-on-sigterm")
    }

    // What the server says about itself.

    pub fn log_level(&self) -> LogLevel {
        use LogLevel::{Debug, Nothing, Notice, Verbose, Warning};
        self.choice("loglevel", &[Debug, Verbose, Notice, Warning, Nothing])
    }

    pub fn log_file(&self) -> Option<PathBuf> {
        self.path("logfile")
    }

    pub fn log_format(&self) -> LogFormat {
        self.choice("log-format", &[LogFormat::Human, LogFormat::Json])
    }

    /// Microseconds; negative for none.
    pub fn slowlog_log_slower_than_us(&self) -> i64 {
        self.int("slowlog-log-slower-than")
    }

    pub fn slowlog_max_len(&self) -> usize {
        self.unsigned("slowlog-max-len")
    }

    /// Milliseconds; 0 for none.
    pub fn busy_reply_threshold_ms(&self) -> u64 {
        self.unsigned("busy-reply-threshold")
    }

    pub fn latency_monitor_threshold_ms(&self) -> u64 {
        self.unsigned("latency-monitor-threshold")
    }

    pub fn rdb_compression(&self) -> bool {
        self.flag("rdbcompression")
    }

    pub fn latency_tracking(&self) -> bool {
        self.flag("latency-tracking")
    }

    pub fn latency_tracking_info_percentiles(&self) -> &[f64] {
        match self.named("latency-tracking-info-percentiles") {
            Value::Percentiles(percentiles) => percentiles,
            other => unreachable_kind("latency-tracking-info-percentiles", other),
        }
    }

    // Data.

    /// The data directory, as given: absolute unless a file or flag says otherwise.
    pub fn dir(&self) -> PathBuf {
        self.path("dir").unwrap_or_else(|| PathBuf::from("."))
    }

    pub fn append_only(&self) -> bool {
        self.flag("appendonly")
    }

    pub fn append_fsync(&self) -> AppendFsync {
        self.choice("appendfsync", &[AppendFsync::EverySecond, AppendFsync::Always, AppendFsync::No])
    }

    pub fn append_file_name(&self) -> PathBuf {
        self.path("appendfilename").unwrap_or_default()
    }

    pub fn append_dir_name(&self) -> PathBuf {
        self.path("appenddirname").unwrap_or_default()
    }

    pub fn aof_load_truncated(&self) -> bool {
        self.flag("aof-load-truncated")
    }

    pub fn auto_aof_rewrite_percentage(&self) -> u32 {
        self.unsigned("auto-aof-rewrite-percentage")
    }

    pub fn auto_aof_rewrite_min_size_bytes(&self) -> u64 {
        self.bytes("auto-aof-rewrite-min-size")
    }

    pub fn save_points(&self) -> &[SavePoint] {
        match self.named("save") {
            Value::Save(points) => points,
            other => unreachable_kind("save", other),
        }
    }

    /// By its name.
    pub fn max_memory_policy(&self) -> &'static str {
        self.word("maxmemory-policy")
    }

    pub fn lazy_user_flush(&self) -> bool {
        self.flag("lazyfree-lazy-user-flush")
    }

    /// Shown only: the clockwork goes by what is due.
    pub fn hz(&self) -> u32 {
        self.unsigned("hz")
    }

    pub fn hash_packed_limits(&self) -> Limits {
        Limits {
            entries: self.unsigned("hash-max-listpack-entries"),
            bytes: self.len("hash-max-listpack-value"),
        }
    }

    pub fn set_packed_limits(&self) -> Limits {
        Limits {
            entries: self.unsigned("set-max-listpack-entries"),
            bytes: self.unsigned("set-max-listpack-value"),
        }
    }

    pub fn zset_packed_limits(&self) -> Limits {
        Limits {
            entries: self.unsigned("zset-max-listpack-entries"),
            bytes: self.len("zset-max-listpack-value"),
        }
    }

    /// 0 for no limit.
    pub fn stream_node_limits(&self) -> Limits {
        Limits { entries: self.unsigned("stream-node-max-entries"), bytes: self.len("stream-node-max-bytes") }
    }

    pub fn set_max_intset_entries(&self) -> usize {
        self.unsigned("set-max-intset-entries")
    }

    /// Elements; negative: one of five sizes in bytes.
    pub fn list_max_listpack_size(&self) -> i64 {
        self.int("list-max-listpack-size")
    }

    pub fn hll_sparse_max_bytes(&self) -> usize {
        self.len("hll-sparse-max-bytes")
    }

    /// Whether writes are refused while there are too few replicas. As in Redis either of two zeros turns it off.
    pub fn needs_replicas(&self) -> bool {
        self.int("min-replicas-to-write") > 0 && self.int("min-replicas-max-lag") > 0
    }

    /// So many replicas must follow for a write to be taken.
    pub fn replicas_min(&self) -> u64 {
        self.unsigned("min-replicas-to-write")
    }

    /// Within how many seconds they must have been heard of.
    pub fn replicas_lag_max_seconds(&self) -> u64 {
        self.unsigned("min-replicas-max-lag")
    }

    /// How much of the stream is kept for replicas that come back.
    pub fn repl_backlog_bytes(&self) -> usize {
        usize::try_from(self.bytes("repl-backlog-size")).unwrap_or(usize::MAX)
    }

    /// How long it is kept without replicas; 0: for ever.
    pub fn repl_backlog_ttl_ms(&self) -> i64 {
        self.int("repl-backlog-ttl").saturating_mul(1000)
    }

    /// How long a server that stops waits for its replicas; 0: not at all.
    pub fn shutdown_timeout_seconds(&self) -> u64 {
        self.unsigned("shutdown-timeout")
    }

    pub fn repl_timeout_seconds(&self) -> u64 {
        self.unsigned("repl-timeout")
    }

    /// How long after one PING replicas are sent the next.
    pub fn repl_ping_ms(&self) -> i64 {
        self.int("repl-ping-replica-period").saturating_mul(1000)
    }

    /// Keys looked at to evict one.
    pub fn max_memory_samples(&self) -> u64 {
        self.int("maxmemory-samples") as u64
    }

    /// How long one command may evict, in ns; `u64::MAX`: as long as it takes. As in Redis from nothing to half a millisecond
    /// up to 10, then 15 % longer for each step.
    pub fn eviction_ns(&self) -> u64 {
        match self.int("maxmemory-eviction-tenacity") {
            tenacity @ ..=10 => 50_000 * tenacity.max(0) as u64,
            100.. => u64::MAX,
            tenacity => (500_000.0 * 1.15f64.powi(tenacity as i32 - 10)) as u64,
        }
    }

    pub fn lfu_log_factor(&self) -> u16 {
        u16::try_from(self.int("lfu-log-factor")).unwrap_or(u16::MAX)
    }

    /// 0: a counter never falls.
    pub fn lfu_decay_minutes(&self) -> u16 {
        u16::try_from(self.int("lfu-decay-time")).unwrap_or(0)
    }

    /// 0 for no limit.
    pub fn max_memory_bytes(&self) -> u64 {
        self.bytes("maxmemory")
    }

    /// 0 for no limit.
    pub fn max_memory_clients_bytes(&self) -> u64 {
        match self.named("maxmemory-clients") {
            Value::Limit(MemoryLimit::Bytes(bytes)) => *bytes,
            // As in Redis: a share of no limit is none.
            Value::Limit(MemoryLimit::Percent(percent)) => {
                (u128::from(self.max_memory_bytes()) * u128::from(*percent) / 100) as u64
            }
            other => unreachable_kind("maxmemory-clients", other),
        }
    }
}

/// The table gives a name another kind than the code here does: our mistake, found by a test.
fn unreachable_kind(name: &str, value: &Value) -> ! {
    unreachable!("{MISNAMED}: {name} holds {value:?}")
}

#[cfg(test)]
mod tests;
