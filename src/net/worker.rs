//! A worker: a thread with a current-thread runtime that owns its connections for life.
//!
//! Its buffers are shared by all its connections, since only one of them runs at a time: an idle connection has none.

use crate::command::script::slow::{self, Round};
use crate::keyspace::EffectBuffer;
use crate::net::batch::Batch;
use crate::net::connection::pushes;
use crate::net::connection::wave::bells::Bells;
use crate::net::connection::wave::{self, SharedConnection, Wave};
use crate::net::connection::{self, Connection};
use crate::net::stream::Stream;
use crate::resp::Output;
use crate::session::Session;
use crate::state::Server;
use crate::state::clients::{Address, Client, flag};
use crate::state::stats::{WorkerStats, publish_memory};
use dunlin_structures::alloc::thread_held_bytes;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;

/// How much is read at once.
pub const READ_BYTES: usize = 64 * 1024;
/// Above this an output buffer's memory is given back when it is empty.
const OUTPUT_KEPT_BYTES: usize = 256 * 1024;

/// How long a TLS handshake may take.
#[cfg(feature = "tls")]
const HANDSHAKE_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// A socket on its way to its worker.
pub struct Accepted {
    pub socket: Socket,
    pub address: Address,
    pub local_address: Address,
}

/// Not yet bound to a runtime, so that it can change threads.
pub enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
    #[cfg(feature = "tls")]
    Tls(std::net::TcpStream, tokio_rustls::TlsAcceptor),
}

/// What the listener knows of a worker.
#[derive(Clone)]
pub struct WorkerHandle {
    pub index: usize,
    pub sockets: mpsc::UnboundedSender<Accepted>,
}

/// What all connections of a worker use in turn.
pub struct Scratch {
    pub input: Box<[u8]>,
    pub output: Output,
    pub batch: Batch,
    pub effects: EffectBuffer,
    /// Whether the last batch moved values that stand outside of their entries.
    pub large_values: bool,
    pub wave: Wave,
}

/// What the event loop keeps for a socket.
const REGISTRATION_BYTES: i64 = 256;

pub struct Worker {
    pub index: usize,
    pub server: Arc<Server>,
    /// What the task of a connection takes.
    task_bytes: Cell<i64>,
    pub scratch: RefCell<Scratch>,
    /// The connections of clients that were sent something without asking, by id.
    pub listeners: RefCell<HashMap<u64, SharedConnection>>,
    pub bells: Bells,
}

impl Worker {
    pub fn stats(&self) -> &WorkerStats {
        &self.server.workers[self.index]
    }

    /// Publishes how much memory this thread holds.
    pub fn publish_memory(&self) {
        publish_memory(&self.stats().memory);
    }
}

impl Scratch {
    /// Gives back what unusually large requests took.
    pub fn trim(&mut self) {
        self.batch.trim();
        self.effects.trim();
    }

    /// Empties the output, giving back what an unusually large reply took.
    pub fn reset_output(&mut self) {
        self.output.clear();
        if self.output.bytes.capacity() > OUTPUT_KEPT_BYTES {
            self.output.bytes = Vec::new();
        }
    }
}

/// Runs a worker until its channel closes. Called on the worker's own thread.
pub fn run(index: usize, server: Arc<Server>, mut sockets: mpsc::UnboundedReceiver<Accepted>) {
    let runtime =
        match tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
        {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!("worker {index} can't start: {error}");
                return;
            }
        };
    let worker = Rc::new(Worker {
        index,
        server,
        task_bytes: Cell::new(0),
        scratch: RefCell::new(Scratch {
            input: vec![0; wave::INPUT_BYTES + READ_BYTES].into_boxed_slice(),
            output: Output::default(),
            batch: Batch::default(),
            effects: EffectBuffer::default(),
            large_values: false,
            wave: Wave::default(),
        }),
        listeners: RefCell::default(),
        bells: Bells::default(),
    });
    // What a worker takes for itself is there before any client comes.
    worker.publish_memory();
    runtime.block_on(async {
        let gate = Arc::clone(&worker.server);
        tokio::task::spawn_local(async move { gate.commit.run_lane(index).await });
        let rounds = Arc::clone(&worker.server);
        tokio::task::spawn_local(async move { rounds.rounds.take_part(index).await });
        tokio::task::spawn_local(wave::run_waves(Rc::clone(&worker)));
        tokio::task::spawn_local(wave::send_held(Rc::clone(&worker)));
        tokio::task::spawn_local(pushes::send_pushes(Rc::clone(&worker)));
        tokio::task::spawn_local(run_scripts());
        while let Some(accepted) = sockets.recv().await {
            let worker = Rc::clone(&worker);
            let before = thread_held_bytes();
            let size = Rc::clone(&worker);
            tokio::task::spawn_local(async move { serve(worker, accepted).await });
            size.task_bytes.set(thread_held_bytes() - before);
        }
    });
}

/// Gives this thread's slow scripts their turns, each after everything else that is ready, for ever.
async fn run_scripts() {
    std::future::poll_fn(|cx| {
        slow::set_waker(cx.waker());
        Poll::Ready(())
    })
    .await;
    loop {
        match slow::take_turns() {
            Round::Busy => tokio::task::yield_now().await,
            Round::Idle => once(|_| true).await,
            Round::Waiting(opened) => once(|waker| slow::wait(waker, opened)).await,
        }
    }
}

/// Waits to be called once, unless `wait` says that there is nothing to wait for.
async fn once(wait: impl Fn(&Waker) -> bool) {
    let mut has_waited = false;
    std::future::poll_fn(|cx| {
        if has_waited || !wait(cx.waker()) {
            return Poll::Ready(());
        }
        has_waited = true;
        Poll::Pending
    })
    .await;
}

/// Serves one client from its first byte to its last.
async fn serve(worker: Rc<Worker>, accepted: Accepted) {
    let server = Arc::clone(&worker.server);
    let Accepted { socket, address, local_address } = accepted;
    let mut flags = 0;
    let (stream, fd) = match open(socket).await {
        Ok(opened) => opened,
        Err(error) => {
            tracing::debug!("a connection from {address} failed before it began: {error}");
            worker.stats().connections.fetch_sub(1, Ordering::Relaxed);
            return;
        }
    };
    match &stream {
        Stream::Unix(_) => flags |= flag::UNIX_SOCKET,
        #[cfg(feature = "tls")]
        Stream::Tls(_) => flags |= flag::TLS,
        Stream::Tcp(_) => {}
    }
    let now = server.now();
    let before = thread_held_bytes();
    let id = server.clients.next_id();
    let user = server.users.default_user();
    let client = Client::new(id, worker.index, fd, address, local_address, now, flags, user);
    let client = server.welcome(client);
    let session = Session::new(Arc::clone(&client), server.hot.password_needed.load(Ordering::Relaxed));
    let connection = worker.bells.seat(|seat, bell| Connection::new(stream, session, seat, bell));
    // Measured, since much of it belongs to others; but for the socket's place in the event loop, made above.
    let bytes = thread_held_bytes() - before + worker.task_bytes.get() + REGISTRATION_BYTES;
    client.connection_bytes.store(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    server.count_client(&client);
    connection::run(connection, &worker).await;
    server.commit.forget(worker.index, id);
    server.clients.remove(id);
    server.clients.forget(&client);
    worker.stats().connections.fetch_sub(1, Ordering::Relaxed);
}

/// Who does not begin as TLS does speaks plainly, and would take the alert that it is sent for a reply: it gets nothing.
#[cfg(feature = "tls")]
async fn shake_hands(
    socket: tokio::net::TcpStream,
    acceptor: tokio_rustls::TlsAcceptor,
) -> std::io::Result<tokio_rustls::server::TlsStream<tokio::net::TcpStream>> {
    const HANDSHAKE_RECORD: u8 = 22;
    let mut first = [0];
    if socket.peek(&mut first).await? == 0 || first[0] != HANDSHAKE_RECORD {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    acceptor.accept(socket).await
}

async fn open(socket: Socket) -> std::io::Result<(Stream, i32)> {
    Ok(match socket {
        Socket::Tcp(socket) => {
            let fd = socket.as_raw_fd();
            (Stream::Tcp(tokio::net::TcpStream::from_std(socket)?), fd)
        }
        Socket::Unix(socket) => {
            let fd = socket.as_raw_fd();
            (Stream::Unix(tokio::net::UnixStream::from_std(socket)?), fd)
        }
        #[cfg(feature = "tls")]
        Socket::Tls(socket, acceptor) => {
            let fd = socket.as_raw_fd();
            let socket = tokio::net::TcpStream::from_std(socket)?;
            // A client that never finishes its handshake must not hold a place for ever. It is on the heap, since a
            // task is as large as the largest thing that it ever waits for.
            let handshake = Box::pin(tokio::time::timeout(HANDSHAKE_LIMIT, shake_hands(socket, acceptor)));
            let stream = handshake.await.map_err(std::io::Error::other)??;
            (Stream::Tls(Box::new(stream)), fd)
        }
    })
}
