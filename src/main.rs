//! The binary: reads the configuration, starts the server, waits for it to be told to stop.

use dunlin::cli::{self, Request, Sources};
use dunlin::config::{Config, Machine};
use dunlin::observe::banner::{self, Started};
use dunlin::observe::logging::{self, Manner};
use dunlin::process::{self, PidFile, Supervisor};
use dunlin::server;
use std::ffi::OsString;
use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: dunlin_structures::alloc::Jemalloc = dunlin_structures::alloc::Jemalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let outcome = match cli::read(&arguments) {
        Request::Help => {
            print!("{}", cli::USAGE);
            Ok(())
        }
        Request::Version => {
            println!("{}", cli::version());
            Ok(())
        }
        Request::Unsupported(reason) => Err(reason),
        Request::Start(sources) => run(&sources, &arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            if !reason.is_empty() {
                process::say(&reason);
            }
            ExitCode::FAILURE
        }
    }
}

/// Everything from the configuration to the end of the server. What goes wrong is an error for standard error, or an
/// empty one if it is in the log on standard output already.
fn run(sources: &Sources, arguments: &[OsString]) -> Result<(), String> {
    let mut stdin = Vec::new();
    if sources.from_stdin {
        std::io::stdin()
            .read_to_end(&mut stdin)
            .map_err(|error| format!("Can't read the configuration from standard input: {error}"))?;
    }
    let machine = Machine {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        directory: std::env::current_dir()
            .map_err(|error| format!("There is no working directory: {error}"))?,
    };
    let loaded = cli::load(sources, &machine, std::env::vars_os(), &stdin);
    let config = loaded.and_then(|config| config.check_directory().map(|()| config));
    let config = config.and_then(|config| config.check_certificate().map(|()| config));
    let config = config.map_err(|error| error.to_string())?;
    server::renaming::resolve(&config).map_err(|error| error.to_string())?;
    if sources.check_only {
        server::check(&config)?;
        println!("ok");
        return Ok(());
    }
    let supervisor = Supervisor::detect(config.supervised(), |name| std::env::var_os(name));
    if process::is_in_background() {
        process::leave_session().map_err(|error| format!("Can't leave the session: {error}"))?;
    } else if config.daemonize() && supervisor == Supervisor::None {
        return process::start_in_background(arguments, &stdin);
    }
    server::enter_directory(&config).map_err(|error| error.to_string())?;
    let log_is_seen = config.log_file().is_none() && !process::is_in_background();
    let manner = logging::start(config.log_file(), config.log_level(), config.log_format())?;
    serve(config, manner, supervisor).map_err(|reason| {
        tracing::error!("{reason}");
        if log_is_seen { String::new() } else { reason }
    })
}

fn serve(config: Config, manner: Manner, supervisor: Supervisor) -> Result<(), String> {
    let server = server::build(config).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("Can't start: {error}"))?;
    let outcome = runtime.block_on(async {
        let mut signals = shutdown::Signals::listen();
        let running = server::start(server, manner)?;
        let config = running.server.settings.snapshot().clone();
        let pid_file = PidFile::write(&config).unwrap_or_else(|reason| {
            tracing::warn!("{reason}");
            None
        });
        introduce(&running, &config);
        tokio::select! {
            loaded = running.load() => loaded?,
            _ = signals.wait(&running.server) => {
                running.listeners.close();
                return Ok(());
            }
        }
        invite(&running);
        supervisor.ready();
        process::tell_starter();
        loop {
            if signals.wait(&running.server).await {
                break;
            }
            let server = Arc::clone(&running.server);
            let waiting = tokio::task::spawn_blocking(move || dunlin::replication::farewell::wait(&server));
            if unless_insisted(&mut signals, waiting).await.unwrap_or(true) {
                break;
            }
        }
        supervisor.stopping();
        // On another thread, so that this one hears who can't wait for it: a rewrite may run, or the disk be slow.
        let stopping = tokio::task::spawn_blocking(move || running.stop());
        let stopped = unless_insisted(&mut signals, stopping).await;
        let stopped = stopped.unwrap_or_else(|error| Err(format!("Stopping failed: {error}")));
        if let Some(file) = pid_file {
            tracing::info!("Removing the pid file.");
            drop(file);
        }
        tracing::warn!("Dunlin is now ready to exit, bye bye...");
        stopped
    });
    // A load that was called off must not be waited for.
    runtime.shutdown_background();
    outcome
}

/// What comes out of a task, unless SIGINT ends the process before.
async fn unless_insisted<T>(signals: &mut shutdown::Signals, task: impl Future<Output = T>) -> T {
    tokio::select! {
        outcome = task => outcome,
        () = signals.insists() => {
            tracing::warn!("You insist... exiting now.");
            std::process::exit(1)
        }
    }
}

/// Says who this is and where it listens.
fn introduce(running: &server::Running, config: &Config) {
    let listeners = &running.listeners;
    let started = Started {
        tcp: listeners.plain_addresses(),
        tls: listeners.encrypted_addresses(),
        unix_socket: listeners.unix_path(),
        metrics: running.metrics.address(),
        workers: config.io_threads(),
    };
    banner::lines(config, &started).iter().for_each(|line| tracing::info!("{line}"));
    tracing::info!("Server initialized");
}

/// Says that clients may come.
fn invite(running: &server::Running) {
    let listeners = &running.listeners;
    for (is_open, kind) in [
        (!listeners.plain_addresses().is_empty(), "tcp"),
        (listeners.unix_path().is_some(), "unix"),
        (!listeners.encrypted_addresses().is_empty(), "tls"),
    ] {
        if is_open {
            tracing::info!("Ready to accept connections {kind}");
        }
    }
}

mod shutdown {
    //! Waits for the word to stop: a signal or SHUTDOWN.

    use dunlin::command::shutdown;
    use dunlin::config::ShutdownOnSignal;
    use dunlin::state::Server;
    use std::sync::Arc;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// The signals that the server hears. Until they are listened to, they end the process at once.
    pub(super) struct Signals {
        terminate: Option<Signal>,
        interrupt: Option<Signal>,
        /// A terminal that closes sends it: passed over, as in Redis.
        hangup: Option<Signal>,
        /// A signal was not obeyed, since writes would be lost.
        refused: bool,
    }

    impl Signals {
        /// Must be called within the runtime, before anybody is told that the server is ready.
        pub(super) fn listen() -> Self {
            let listen = |kind| {
                signal(kind).inspect_err(|error| tracing::error!("can't listen to signals: {error}")).ok()
            };
            Signals {
                terminate: listen(SignalKind::terminate()),
                interrupt: listen(SignalKind::interrupt()),
                hangup: listen(SignalKind::hangup()),
                refused: false,
            }
        }

        /// Returns when SIGINT comes: once more, while the server is stopping.
        pub(super) async fn insists(&mut self) {
            heard(&mut self.interrupt).await;
        }

        /// Returns when the server is to stop: whether that is to be now, whatever its replicas lack.
        pub(super) async fn wait(&mut self, server: &Arc<Server>) -> bool {
            loop {
                tokio::select! {
                    now = server.shutdown.asked() => {
                        tracing::warn!("User requested shutdown...");
                        return now;
                    }
                    () = heard(&mut self.terminate) => {
                        let how = server.settings.snapshot().shutdown_on_sigterm();
                        if obeys("SIGTERM", how) && (how.force || self.may_stop(server).await) {
                            return how.now;
                        }
                    }
                    () = heard(&mut self.interrupt) => {
                        let how = server.settings.snapshot().shutdown_on_sigint();
                        if obeys("SIGINT", how) && (how.force || self.may_stop(server).await) {
                            return how.now;
                        }
                    }
                    () = heard(&mut self.hangup) => {}
                }
            }
        }

        /// As in Redis a signal ends no server that would lose what it acknowledged; the second one does.
        async fn may_stop(&mut self, server: &Arc<Server>) -> bool {
            let asked = Arc::clone(server);
            let asking = tokio::task::spawn_blocking(move || asked.persist.would_lose(&asked));
            let loses = asking.await.unwrap_or(false);
            if !loses || std::mem::replace(&mut self.refused, loses) {
                return true;
            }
            tracing::error!(
                "Errors trying to shut down the server: the log has failed, and what it lacks would be lost. BGREWRITEAOF mends it; another signal stops the server all the same."
            );
            false
        }
    }

    /// Whether a signal stops the server as its setting says.
    fn obeys(name: &str, how: ShutdownOnSignal) -> bool {
        tracing::warn!("Received {name} scheduling shutdown...");
        match shutdown::check_save(how.save, how.force) {
            Ok(()) => true,
            Err(reason) => {
                tracing::warn!("{name} received but the server does not stop: {reason}");
                false
            }
        }
    }

    async fn heard(signal: &mut Option<Signal>) {
        match signal {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}
