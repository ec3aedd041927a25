//! Builds every part, wires them together, and owns their threads and the shutdown.

use crate::clock;
use crate::command::table::Commands;
use crate::commit::Commit;
use crate::keyspace::Keyspace;
use crate::keyspace::event::Silence;
use crate::net::listener::{self, Acceptor};
use crate::net::worker::{self, Socket, WorkerHandle};
use crate::state::stats::{SharedStats, WorkerStats};
use crate::state::{self, Server};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

/// What the server is started with; made from the configuration.
#[derive(Clone, Debug)]
pub struct Options {
    pub bind: Vec<std::net::IpAddr>,
    /// 0: any free port.
    pub port: u16,
    pub backlog: i32,
    pub unix_socket: Option<PathBuf>,
    pub unix_permissions: Option<u32>,
    /// Worker threads.
    pub workers: usize,
    pub databases: u16,
    pub renames: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: vec![std::net::Ipv4Addr::LOCALHOST.into()],
            port: 6379,
            backlog: 511,
            unix_socket: None,
            unix_permissions: None,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            databases: 16,
            renames: Vec::new(),
        }
    }
}

/// Makes the state that all parts share. Nothing runs yet.
pub fn build(options: &Options) -> Arc<Server> {
    let commands = Commands::new(&options.renames);
    let stats = || WorkerStats::new(commands.all().len());
    Arc::new(Server {
        keyspace: Arc::new(Keyspace::new(options.databases)),
        commit: Arc::new(Commit::default()),
        listener: Box::new(Silence),
        clients: state::clients::Registry::default(),
        gates: state::gates::Gates::default(),
        hot: state::hot::HotSettings::default(),
        workers: std::iter::repeat_with(stats).take(options.workers).collect(),
        shared: SharedStats::default(),
        alarm: clock::Alarm::default(),
        shutdown: state::shutdown::Shutdown::default(),
        run_id: (0..5).map(|_| format!("{:08x}", rand::random::<u32>())).collect(),
        started_at: state::unix_ms(),
        clock_offset: Default::default(),
        commands,
    })
}

/// A running server. Stop it with [`Running::stop`].
pub struct Running {
    pub server: Arc<Server>,
    /// Where it listens for TCP clients.
    pub addresses: Vec<SocketAddr>,
    unix_socket: Option<PathBuf>,
    tasks: Vec<tokio::task::JoinHandle<io::Result<()>>>,
    clock: JoinHandle<()>,
}

/// Starts workers, listeners and the clockwork. Must be called within a tokio runtime, which accepts for all.
pub fn start(server: Arc<Server>, options: &Options) -> io::Result<Running> {
    dunlin_structures::cycles::to_ns(0); // Calibrates the counter.
    let mut listeners = Vec::new();
    let mut addresses = Vec::new();
    for ip in &options.bind {
        let address = SocketAddr::new(*ip, options.port);
        let bound = listener::bind_tcp(address, options.backlog);
        let bound = bound.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        addresses.push(bound.local_addr()?);
        listeners.push(bound);
    }
    let unix = match &options.unix_socket {
        Some(path) => {
            let bound = listener::bind_unix(path, options.unix_permissions, options.backlog);
            let bound = bound
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            Some((bound, path.clone()))
        }
        None => None,
    };

    let mut workers = Vec::new();
    for index in 0..options.workers {
        let (sockets, receiver) = tokio::sync::mpsc::unbounded_channel();
        let server = Arc::clone(&server);
        let thread = std::thread::Builder::new().name(format!("worker-{index}"));
        // Workers end with the process: a connection may be in the middle of anything.
        thread.spawn(move || worker::run(index, server, receiver))?;
        workers.push(WorkerHandle { index, sockets });
    }
    let clock_server = Arc::clone(&server);
    let clock = std::thread::Builder::new().name("clock".into()).spawn(move || clock::run(clock_server))?;

    let acceptor = Acceptor { server: Arc::clone(&server), workers };
    let mut tasks = Vec::new();
    for bound in listeners {
        tasks.push(tokio::spawn(acceptor.clone().run_tcp(bound, |stream| Some(Socket::Tcp(stream)))));
    }
    let unix_socket = unix.as_ref().map(|(_, path)| path.clone());
    if let Some((bound, path)) = unix {
        tasks.push(tokio::spawn(acceptor.run_unix(bound, path)));
    }
    Ok(Running { server, addresses, unix_socket, tasks, clock })
}

impl Running {
    /// Stops accepting, ends the clockwork and removes the socket file.
    pub fn stop(self) {
        self.server.gates.close(state::gates::SHUTTING_DOWN);
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        self.server.alarm.stop();
        if self.clock.join().is_err() {
            tracing::error!("the clockwork had failed");
        }
        if let Some(path) = &self.unix_socket {
            // It may be gone already; nobody is served through it any more either way.
            let _ = std::fs::remove_file(path);
        }
    }
}
