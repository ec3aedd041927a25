//! Builds every part, wires them together, and owns their threads and the shutdown.

pub mod listeners;
pub mod oom_score;
pub mod reconfigure;
pub mod renaming;
pub mod users;

use crate::clock;
use crate::command::table::Commands;
use crate::commit::Commit;
use crate::config::{Config, LoadError, load};
use crate::keyspace::event::EventListener;
use crate::keyspace::{Keyspace, Shard};
use crate::net::listener::Acceptor;
use crate::net::worker::{self, WorkerHandle};
use crate::observe::http::MetricsServer;
use crate::observe::logging::Manner;
use crate::persist::{self, LogSettings};
use crate::server::listeners::Listeners;
use crate::server::reconfigure::{Reconfigure, copy_hot_settings, lower_max_clients};
use crate::state::settings::Settings;
use crate::state::stats::{SharedStats, WorkerStats};
use crate::state::{self, Server};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

/// Makes the state that all parts share. Nothing runs yet.
///
/// # Errors
/// When `rename-command` or `user` lines, the file of users, or those that TLS needs make no sense.
pub fn build(config: Config) -> Result<Arc<Server>, LoadError> {
    build_with(config, None)
}

/// As [`build`], with somebody else who hears of what happens to keys.
///
/// # Errors
/// When `rename-command` or `user` lines, the file of users, or those that TLS needs make no sense.
pub fn build_with(
    config: Config,
    listener: Option<Box<dyn EventListener>>,
) -> Result<Arc<Server>, LoadError> {
    let commands = Commands::new(&renaming::resolve(&config)?);
    let stats = || WorkerStats::new(commands.all().len());
    let catalogue = users::catalogue(&commands);
    let known_users = users::resolve(&config, &catalogue)?;
    listeners::check_tls(&config)?;
    let databases = u16::try_from(config.databases()).unwrap_or(u16::MAX);
    let workers = std::iter::repeat_with(stats).take(config.io_threads()).collect();
    let server = Arc::new_cyclic(|this| Server {
        this: Weak::clone(this),
        keyspace: Arc::new(Keyspace::new(databases)),
        commit: Arc::new(Commit::new(config.io_threads())),
        persist: crate::persist::Persistence::default(),
        replication: crate::replication::Replication::new(crate::replication::new_id()),
        clients: state::clients::Registry::default(),
        users: state::users::Users::new(catalogue),
        hub: crate::hub::Hub::new(config.io_threads(), listener),
        gates: state::gates::Gates::default(),
        backlog: Arc::new(state::backlog::Backlog::new(crate::observe::process::total_memory_bytes())),
        hot: state::hot::HotSettings::default(),
        eviction: state::eviction::Eviction::new(config.io_threads() + 1),
        thresholds: state::thresholds::Thresholds::default(),
        scripts: crate::script::Scripts::default(),
        workers,
        shared: SharedStats::default(),
        slow_log: Default::default(),
        latency: Default::default(),
        peers: Default::default(),
        rates: Default::default(),
        alarm: state::alarm::Alarm::default(),
        rounds: state::rounds::Rounds::new(config.io_threads()),
        shutdown: state::shutdown::Shutdown::default(),
        run_id: crate::replication::new_id(),
        started_at: state::unix_ms(),
        clock_offset: Default::default(),
        settings: Settings::new(config),
        commands,
    });
    copy_hot_settings(&server, &server.settings.snapshot());
    server.replace_users(known_users, 0);
    Ok(server)
}

/// Moves to the data directory, to which paths may be relative.
///
/// # Errors
/// When this process may not.
pub fn enter_directory(config: &Config) -> Result<(), LoadError> {
    std::env::set_current_dir(config.dir()).map_err(|error| {
        let problem = format!("Can't chdir to '{}': {}", config.dir().display(), load::reason(&error));
        config.refuse("dir", problem, "'dir' takes the path of a directory that this user may enter.")
    })
}

/// What `--check-config` looks at beside the configuration itself: what the start would need of the machine. Moves to the
/// data directory, as the start does, since paths may be relative to it.
///
/// # Errors
/// For people: what the start would stumble over.
pub fn check(config: &Config) -> Result<(), String> {
    enter_directory(config).map_err(|error| error.to_string())?;
    if let Some(path) = config.log_file() {
        listeners::folder_of(&path).map_err(|reason| format!("Can't open the log file: {reason}"))?;
    }
    users::resolve(config, &users::catalogue(&Commands::new(&[]))).map_err(|error| error.to_string())?;
    listeners::check(config)
}

/// A running server. Stop it with [`Running::stop`].
pub struct Running {
    pub server: Arc<Server>,
    pub listeners: Arc<Listeners>,
    pub metrics: Arc<MetricsServer>,
    clock: JoinHandle<()>,
    is_loaded: bool,
}

/// Starts workers, listeners and the clockwork. Must be called within a tokio runtime, which accepts for all.
///
/// # Errors
/// For people: what could not be started or opened.
pub fn start(server: Arc<Server>, log: Manner) -> Result<Running, String> {
    lower_max_clients(&server)?;
    let config = server.settings.snapshot();
    dunlin_structures::cycles::to_ns(0); // Calibrates the counter.
    // First of all that others can see: who comes second must not take the socket or the files of who is there.
    persist::control::claim(&server, &LogSettings::new(&config)).map_err(|error| no_log(&config, &error))?;
    let mut workers = Vec::new();
    for index in 0..config.io_threads() {
        let (sockets, receiver) = tokio::sync::mpsc::unbounded_channel();
        let server = Arc::clone(&server);
        // Workers end with the process: a connection may be in the middle of anything.
        spawn(format!("worker-{index}"), move || worker::run(index, server, receiver))?;
        workers.push(WorkerHandle { index, sockets });
    }
    let clock_server = Arc::clone(&server);
    let clock = spawn("clock".into(), move || clock::run(clock_server))?;

    if config.append_only() {
        server.gates.close(state::gates::LOADING);
    }
    let listeners = Arc::new(Listeners::new(Acceptor { server: Arc::clone(&server), workers }));
    listeners.open_all(&config)?;
    if listeners.is_empty() {
        return Err(listeners::NOWHERE.into());
    }
    // Before the load, so that /readyz can say that it goes on.
    let metrics = Arc::new(MetricsServer::new(&server));
    metrics.open(&config)?;
    let oom_score = oom_score::Before::default();
    if let Err(reason) = oom_score.follow(config.oom_score()) {
        tracing::warn!("oom-score-adj is not obeyed. {reason}");
    }
    server.settings.plug_in(Box::new(Reconfigure {
        server: Arc::downgrade(&server),
        oom_score,
        log,
        listeners: Arc::clone(&listeners),
        metrics: Arc::clone(&metrics),
    }));
    // A short log is there before the first client is accepted, which happens on this thread: nobody hears of loading.
    let settings = LogSettings::new(&config);
    let is_loaded = settings.enabled && persist::control::is_short(&settings);
    if is_loaded {
        persist::control::start(&server, settings).map_err(|error| no_log(&config, &error))?;
        server.gates.open(state::gates::LOADING);
    }
    drop(config);
    Ok(Running { server, listeners, metrics, clock, is_loaded })
}

fn no_log(config: &Config, error: &persist::control::StartError) -> String {
    format!("Can't open the log in {}: {error}", config.dir().display())
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, String> {
    let thread = std::thread::Builder::new().name(name.clone()).spawn(work);
    thread.map_err(|error| format!("Can't start the thread {name}: {error}"))
}

impl Running {
    /// Replays the log, if there is one, and opens it; until then clients are told that data are being loaded.
    ///
    /// # Errors
    /// For people: why the server must not go on.
    pub async fn load(&self) -> Result<(), String> {
        if !self.is_loaded {
            let server = Arc::clone(&self.server);
            let settings = LogSettings::new(&server.settings.snapshot());
            let loading = tokio::task::spawn_blocking(move || persist::control::start(&server, settings));
            let loaded = loading.await.map_err(|error| format!("Loading the log failed: {error}"))?;
            loaded.map_err(|error| no_log(&self.server.settings.snapshot(), &error))?;
            self.server.gates.open(state::gates::LOADING);
        }
        self.warn_of_rdb_file();
        Ok(())
    }

    /// Who comes from Redis with an RDB file must not take the empty server for theirs.
    fn warn_of_rdb_file(&self) {
        let config = self.server.settings.snapshot();
        let name = config.get(b"dbfilename").unwrap_or_default();
        let path = config.dir().join(std::ffi::OsStr::from_bytes(&name));
        let keys = |shard: &Shard| shard.dbs().iter().map(|db| db.len()).sum();
        if !name.is_empty() && path.is_file() && self.server.keyspace.sum(keys) == 0 {
            tracing::warn!(
                "{} is there and is NOT read: RDB files are not supported, the server starts without its data. Let redis-server load it, say CONFIG SET aof-use-rdb-preamble no and CONFIG SET appendonly yes, and start Dunlin with appendonly yes on that directory.",
                path.display()
            );
        }
    }

    /// Stops accepting, lets running commands end, ends the clockwork, removes the socket file and finishes the log.
    ///
    /// # Errors
    /// The log could not be written or synced to its end.
    pub fn stop(self) -> Result<(), String> {
        self.server.gates.close(state::gates::SHUTTING_DOWN);
        // Whoever has a shard's lock now is in the middle of a command; nobody begins another.
        drop(self.server.keyspace.lock_all());
        self.listeners.close();
        self.server.alarm.stop();
        if self.clock.join().is_err() {
            tracing::error!("the clockwork had failed");
        }
        persist::control::stop(&self.server)
            .map_err(|error| format!("The log could not be finished: {error}"))
    }
}
