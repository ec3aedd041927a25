//! The sockets that the server listens on: opened at the start, and changed while it runs.
//!
//! A change keeps the sockets whose address stays, opens new ones, and closes the others only when all new ones are
//! open: when something is wrong, everything is as it was. Where a new address overlaps one that goes (all of IPv4 after
//! 127.0.0.1, on the same port), the old one has to be closed first, and is opened again when something is wrong.

use crate::config::{Config, LoadError, load};
use crate::net::listener::{Acceptor, bind_tcp, bind_unix};
use crate::net::worker::Socket;
use parking_lot::Mutex;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

#[cfg(feature = "tls")]
type TlsAcceptor = tokio_rustls::TlsAcceptor;
/// Nothing can be one: such a build does not speak TLS.
#[cfg(not(feature = "tls"))]
type TlsAcceptor = std::convert::Infallible;

/// What is said where neither a port nor a unix socket is configured.
pub(super) const NOWHERE: &str = "Configured to not listen anywhere, exiting.";

#[cfg(not(feature = "tls"))]
const NO_TLS: &str = "this build of Dunlin does not speak TLS";

/// How long to wait until a closed socket is closed indeed, so that its port is free for the next.
const CLOSING_LIMIT: Duration = Duration::from_secs(1);

/// All listening sockets and the tasks that accept from them.
pub struct Listeners {
    acceptor: Acceptor,
    runtime: Handle,
    plain: Mutex<Vec<Open>>,
    encrypted: Mutex<Vec<Open>>,
    unix: Mutex<Option<(PathBuf, JoinHandle<io::Result<()>>)>>,
    /// What new encrypted connections are accepted with.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "nothing listens for TLS"))]
    tls: Arc<arc_swap::ArcSwapOption<TlsAcceptor>>,
}

/// A listening socket in use.
struct Open {
    /// As asked for: the port may be 0.
    wanted: SocketAddr,
    bound: SocketAddr,
    task: JoinHandle<io::Result<()>>,
    /// Hangs up when the socket is closed.
    closed: mpsc::Receiver<()>,
}

impl Open {
    fn close(self) {
        self.task.abort();
        // Nothing is ever sent: it ends when the task is dropped, its socket with it.
        let _ = self.closed.recv_timeout(CLOSING_LIMIT);
    }
}

impl Listeners {
    /// Must be called within the runtime that is to accept.
    pub fn new(acceptor: Acceptor) -> Self {
        Listeners {
            acceptor,
            runtime: Handle::current(),
            plain: Mutex::default(),
            encrypted: Mutex::default(),
            unix: Mutex::default(),
            tls: Arc::default(),
        }
    }

    /// Listens where the configuration says, the unix socket included.
    ///
    /// # Errors
    /// For people: what could not be opened.
    pub fn open_all(&self, config: &Config) -> Result<(), String> {
        self.follow_plain(config)?;
        self.follow_encrypted(config)?;
        let Some(path) = config.unix_socket() else { return Ok(()) };
        let permissions = Some(config.unix_socket_permissions()).filter(|bits| *bits != 0);
        let bound = bind_unix(&path, permissions, backlog(config))
            .map_err(|error| format!("Failed opening Unix socket {}: {error}", path.display()))?;
        let task = self.runtime.spawn(self.acceptor.clone().run_unix(bound, path.clone()));
        *self.unix.lock() = Some((path, task));
        Ok(())
    }

    /// Follows `bind` and `port`.
    ///
    /// # Errors
    /// What could not be opened; then nothing has changed.
    pub fn follow_plain(&self, config: &Config) -> Result<(), String> {
        self.follow(&self.plain, config, config.port(), |acceptor, socket| {
            acceptor.run_tcp(socket, |stream| Some(Socket::Tcp(stream)))
        })
    }

    /// Follows `bind`, `tls-port` and the files of certificates, which are read anew.
    ///
    /// # Errors
    /// What could not be read or opened; then nothing has changed.
    #[cfg(feature = "tls")]
    pub fn follow_encrypted(&self, config: &Config) -> Result<(), String> {
        if config.tls_port() != 0 {
            let acceptor = crate::net::tls::acceptor(config).map_err(|error| error.to_string())?;
            let before = self.tls.swap(Some(Arc::new(acceptor)));
            let tls = Arc::clone(&self.tls);
            let opened = self.follow(&self.encrypted, config, config.tls_port(), move |acceptor, socket| {
                let tls = Arc::clone(&tls);
                acceptor.run_tcp(socket, move |stream| {
                    tls.load().as_deref().map(|tls| Socket::Tls(stream, tls.clone()))
                })
            });
            return opened.inspect_err(|_| self.tls.store(before));
        }
        std::mem::take(&mut *self.encrypted.lock()).into_iter().for_each(Open::close);
        Ok(())
    }

    /// This build can't.
    #[cfg(not(feature = "tls"))]
    pub fn follow_encrypted(&self, config: &Config) -> Result<(), String> {
        if config.tls_port() == 0 { Ok(()) } else { Err(NO_TLS.into()) }
    }

    fn follow<F: Future<Output = io::Result<()>> + Send + 'static>(
        &self,
        open: &Mutex<Vec<Open>>,
        config: &Config,
        port: u16,
        accept: impl Fn(Acceptor, TcpListener) -> F + Clone,
    ) -> Result<(), String> {
        let mut open = open.lock();
        let wanted = if port == 0 { Vec::new() } else { addresses(&config.bind(), port)? };
        let new: Vec<(SocketAddr, bool)> = wanted
            .iter()
            .copied()
            .filter(|(address, _)| !open.iter().any(|open| open.wanted == *address))
            .collect();
        let backlog = backlog(config);
        let (kept, gone): (Vec<Open>, Vec<Open>) = std::mem::take(&mut *open)
            .into_iter()
            .partition(|open| wanted.iter().any(|(address, _)| *address == open.wanted));
        *open = kept;
        let listen = |wanted: SocketAddr, socket: TcpListener| {
            let bound = socket.local_addr().unwrap_or(wanted);
            let (alive, closed) = mpsc::channel();
            let accepting = accept.clone()(self.acceptor.clone(), socket);
            let task = self.runtime.spawn(async move {
                let _hangs_up_last: mpsc::Sender<()> = alive;
                accepting.await
            });
            Open { wanted, bound, task, closed }
        };
        let sockets = match bind_all(&new, backlog) {
            Ok(sockets) => {
                gone.into_iter().for_each(Open::close);
                sockets
            }
            Err((address, error))
                if error.kind() == io::ErrorKind::AddrInUse
                    && gone.iter().any(|open| overlap(open.wanted, address)) =>
            {
                let before: Vec<(SocketAddr, bool)> = gone.iter().map(|open| (open.wanted, false)).collect();
                gone.into_iter().for_each(Open::close);
                match bind_all(&new, backlog) {
                    Ok(sockets) => sockets,
                    Err(failed) => {
                        match bind_all(&before, backlog) {
                            Ok(restored) => {
                                open.extend(restored.into_iter().map(|(at, socket)| listen(at, socket)))
                            }
                            Err(error) => tracing::error!("{}", not_bound(&error)),
                        }
                        return Err(not_bound(&failed));
                    }
                }
            }
            Err(failed) => {
                open.extend(gone);
                return Err(not_bound(&failed));
            }
        };
        open.extend(sockets.into_iter().map(|(wanted, socket)| listen(wanted, socket)));
        Ok(())
    }

    /// Where plain TCP clients are accepted.
    pub fn plain_addresses(&self) -> Vec<SocketAddr> {
        self.plain.lock().iter().map(|open| open.bound).collect()
    }

    /// Where encrypted clients are accepted.
    pub fn encrypted_addresses(&self) -> Vec<SocketAddr> {
        self.encrypted.lock().iter().map(|open| open.bound).collect()
    }

    pub fn unix_path(&self) -> Option<PathBuf> {
        self.unix.lock().as_ref().map(|(path, _)| path.clone())
    }

    pub fn is_empty(&self) -> bool {
        self.plain.lock().is_empty() && self.encrypted.lock().is_empty() && self.unix.lock().is_none()
    }

    /// Accepts nobody any more, and removes the socket file.
    pub fn close(&self) {
        for open in [&self.plain, &self.encrypted] {
            open.lock().iter().for_each(|open| open.task.abort());
        }
        if let Some((path, task)) = self.unix.lock().take() {
            task.abort();
            tracing::info!("Removing the unix socket file.");
            // It may be gone already; nobody is served through it any more either way.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Whether there is somewhere to listen, as far as it can be known without opening a socket.
///
/// # Errors
/// For people: what the start would stumble over.
pub fn check(config: &Config) -> Result<(), String> {
    if config.port() == 0 && config.tls_port() == 0 && config.unix_socket().is_none() {
        return Err(NOWHERE.into());
    }
    if config.port() != 0 || config.tls_port() != 0 {
        addresses(&config.bind(), config.port())?;
    }
    check_tls(config).map_err(|error| error.to_string())?;
    match config.unix_socket() {
        Some(path) => folder_of(&path)
            .map_err(|reason| format!("Failed opening Unix socket {}: {reason}", path.display())),
        None => Ok(()),
    }
}

/// Whether encrypted connections could be accepted, if there are to be any.
///
/// # Errors
/// What is wrong with a certificate, a key, or another setting of TLS.
#[cfg(feature = "tls")]
pub fn check_tls(config: &Config) -> Result<(), LoadError> {
    if config.tls_port() == 0 {
        return Ok(());
    }
    crate::net::tls::acceptor(config).map(drop).map_err(|error| {
        // What was left at its default is wrong only because there is to be TLS.
        let named = config.was_asked_for(error.setting());
        let setting = if named { error.setting() } else { "tls-port" };
        config.refuse(setting, error.to_string(), error.advice())
    })
}

#[cfg(not(feature = "tls"))]
pub fn check_tls(config: &Config) -> Result<(), LoadError> {
    match config.tls_port() {
        0 => Ok(()),
        _ => {
            Err(config.refuse("tls-port", NO_TLS, "Without tls-port, or with tls-port 0, no TLS is spoken."))
        }
    }
}

/// Whether a file can be made there, as far as its folder goes.
pub(super) fn folder_of(path: &Path) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::metadata(folder).map(drop).map_err(|error| load::reason(&error))
}

fn backlog(config: &Config) -> i32 {
    i32::try_from(config.tcp_backlog()).unwrap_or(i32::MAX)
}

/// The addresses of `bind`, and which may be missing on this machine. `*` is all of IPv4, `::*` all of IPv6.
fn addresses(bind: &[String], port: u16) -> Result<Vec<(SocketAddr, bool)>, String> {
    let mut addresses = Vec::new();
    for name in bind {
        let (name, optional) = match name.strip_prefix('-') {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let host = match name {
            "*" => "0.0.0.0",
            "::*" => "::",
            other => other,
        };
        match (host, port).to_socket_addrs() {
            Ok(found) => addresses.extend(found.map(|address| (address, optional))),
            Err(_) if optional => {}
            Err(error) => return Err(format!("Could not resolve the bind address {name}: {error}")),
        }
    }
    addresses.dedup();
    Ok(addresses)
}

/// Opens sockets at all addresses, but for those that may be missing and are; or at none.
fn bind_all(
    addresses: &[(SocketAddr, bool)],
    backlog: i32,
) -> Result<Vec<(SocketAddr, TcpListener)>, (SocketAddr, io::Error)> {
    let mut sockets = Vec::new();
    for (address, optional) in addresses {
        match bind_tcp(*address, backlog) {
            Ok(socket) => sockets.push((*address, socket)),
            Err(error) if *optional && is_unavailable(&error) => {}
            Err(error) => return Err((*address, error)),
        }
    }
    Ok(sockets)
}

fn not_bound((address, error): &(SocketAddr, io::Error)) -> String {
    format!("Could not create server TCP listening socket {address}: {error}")
}

/// Whether a socket at one of them keeps the other from being opened.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_family = one.is_ipv4() == other.is_ipv4();
    one.port() == other.port() && same_family && (one.ip().is_unspecified() || other.ip().is_unspecified())
}

/// An address that this machine does not have, or a protocol that it does not speak.
fn is_unavailable(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let unavailable = [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT, Errno::PFNOSUPPORT];
    error.raw_os_error().is_some_and(|code| unavailable.iter().any(|errno| errno.raw_os_error() == code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bind_addresses_are_those_of_redis() {
        let found = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_string()).collect();
            addresses(&names, 7).map(|all| {
                all.iter().map(|(address, optional)| format!("{address} {optional}")).collect::<Vec<_>>()
            })
        };
        assert_eq!(
            found(&["127.0.0.1", "-::1"]),
            Ok(vec!["127.0.0.1:7 false".into(), "[::1]:7 true".into()])
        );
        assert_eq!(found(&["*", "-::*"]), Ok(vec!["0.0.0.0:7 false".into(), "[::]:7 true".into()]));
        assert_eq!(found(&[]), Ok(vec![]));
        assert!(found(&["no such host"]).is_err());
        assert_eq!(found(&["-no such host"]), Ok(vec![]));
    }
}
