//! Accepts connections and hands each to the least loaded worker, where it stays.

use crate::net::worker::{Accepted, Socket, WorkerHandle};
use crate::state::clients::Address;
use crate::state::{Server, unix_ms};
use socket2::{Domain, Protocol, SockAddr, SockRef, TcpKeepalive, Type};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// After a failed accept (no descriptors left) it is tried again so much later.
const BACK_OFF: Duration = Duration::from_millis(50);
/// Failures of the next so many ms are counted only.
const FAILURES_SAID_MS: i64 = 10_000;

/// Opens a listening TCP socket. IPv6 sockets don't also take IPv4, so that both can be bound.
pub fn bind_tcp(address: SocketAddr, backlog: i32) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Opens a listening Unix socket, in place of one that was left behind. One that somebody listens on is left alone, and
/// so is whatever is no socket. (Redis removes either, and its owner can't be reached any more or is lost.)
pub fn bind_unix(
    path: &Path,
    permissions: Option<u32>,
    backlog: i32,
) -> io::Result<std::os::unix::net::UnixListener> {
    remove_abandoned(path)?;
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    if let Some(mode) = permissions {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn remove_abandoned(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
        }
        Ok(_) => {}
    }
    let probe = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A listener whose queue is full lets a connection wait: it is there all the same.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(()) | Err(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens on it")),
    }
}

/// Hands out accepted sockets.
#[derive(Clone)]
pub struct Acceptor {
    pub server: Arc<Server>,
    pub workers: Vec<WorkerHandle>,
}

impl Acceptor {
    /// Accepts TCP clients for ever. `wrap` makes the socket of a plain or a TLS port.
    pub async fn run_tcp(
        self,
        listener: std::net::TcpListener,
        wrap: impl Fn(std::net::TcpStream) -> Option<Socket>,
    ) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut failures = Failures::default();
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    failures.back_off(&error).await;
                    continue;
                }
            };
            let Ok(mut stream) = stream.into_std() else { continue };
            let local = stream.local_addr().map_or(Address::Unknown, Address::Tcp);
            if let Err(refusal) = self.admit(Some(peer.ip())) {
                refuse(&mut stream, &refusal);
                continue;
            }
            let _ = stream.set_nodelay(true);
            let keepalive = self.server.hot.tcp_keepalive.load(Relaxed);
            if keepalive > 0 {
                let probe = Duration::from_secs((keepalive / 3).max(1));
                let keepalive = TcpKeepalive::new()
                    .with_time(Duration::from_secs(keepalive))
                    .with_interval(probe)
                    .with_retries(3);
                let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
            }
            if let Some(socket) = wrap(stream) {
                self.hand_over(Accepted { socket, address: Address::Tcp(peer), local_address: local });
            }
        }
    }

    /// Accepts clients of a Unix socket for ever.
    pub async fn run_unix(
        self,
        listener: std::os::unix::net::UnixListener,
        path: std::path::PathBuf,
    ) -> io::Result<()> {
        let listener = tokio::net::UnixListener::from_std(listener)?;
        let mut failures = Failures::default();
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    failures.back_off(&error).await;
                    continue;
                }
            };
            let Ok(mut stream) = stream.into_std() else { continue };
            if let Err(refusal) = self.admit(None) {
                refuse(&mut stream, &refusal);
                continue;
            }
            let address = Address::Unix(path.clone());
            let socket = Socket::Unix(stream);
            self.hand_over(Accepted { socket, address: address.clone(), local_address: address });
        }
    }

    /// Whether another client may come in; if not, the error line that it is sent.
    fn admit(&self, ip: Option<IpAddr>) -> Result<(), String> {
        let server = &self.server;
        let connected: u64 = server.workers.iter().map(|worker| worker.connections.load(Relaxed)).sum();
        let outside = ip.is_some_and(|ip| !ip.to_canonical().is_loopback());
        let hot = &server.hot;
        let refusal = if connected >= hot.maxclients.load(Relaxed) {
            "-ERR max number of clients reached\r\n".to_owned()
        } else if outside && hot.protected_mode.load(Relaxed) && server.is_open_to_all() {
            PROTECTED_MODE.replace('\n', " ") + "\r\n"
        } else {
            server.shared.connections_received.fetch_add(1, Relaxed);
            return Ok(());
        };
        server.shared.connections_rejected.fetch_add(1, Relaxed);
        Err(refusal)
    }

    fn hand_over(&self, accepted: Accepted) {
        let load = |worker: &&WorkerHandle| self.server.workers[worker.index].connections.load(Relaxed);
        if let Some(worker) = self.workers.iter().min_by_key(load) {
            self.server.workers[worker.index].connections.fetch_add(1, Relaxed);
            // A worker that is gone takes its sockets with it: the server is shutting down.
            let _ = worker.sockets.send(accepted);
        }
    }
}

fn refuse(stream: &mut impl Write, line: &str) {
    // The socket's own buffer is empty, so this never waits.
    let _ = stream.write_all(line.as_bytes());
}

/// What went wrong with a listener's accepting: said now and then, not for each of many in a second.
#[derive(Default)]
struct Failures {
    said_at_ms: i64,
    unsaid: u64,
}

impl Failures {
    async fn back_off(&mut self, error: &io::Error) {
        let now = unix_ms();
        if now - self.said_at_ms >= FAILURES_SAID_MS || now < self.said_at_ms {
            tracing::warn!(
                "accepting a client connection failed, {} times before this: {error}",
                self.unsaid
            );
            (self.said_at_ms, self.unsaid) = (now, 0);
        } else {
            self.unsaid += 1;
        }
        tokio::time::sleep(BACK_OFF).await;
    }
}

const PROTECTED_MODE: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no \
password is set for the default user. In this mode connections are only accepted from the loopback interface. If you \
want to connect from external computers, you may adopt one of the following solutions: 1) Disable protected mode by \
sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting from the same host the \
server is running on; make sure that it is not reachable from the internet before you do so. 2) Set protected-mode to \
no in the configuration file and restart. 3) Start the server with '--protected-mode no'. 4) Set a password for the \
default user with requirepass. You only need to do one of the above things to have the server accept connections from \
the outside.";
