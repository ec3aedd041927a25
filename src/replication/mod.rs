//! Replicas: servers that are given a copy of this one's data, and then every effect in the order in which it happened.
//!
//! The protocol is Redis': a replica says SYNC or PSYNC, gets an RDB file and then commands without end; it says how far it
//! has got (REPLCONF ACK). Positions are bytes of that stream, counted from the server's start.
//!
//! * [`stream`]: the effects as commands, who follows them, and how far each has got.
//! * [`history`]: the end of the stream, for those who come back.
//! * [`replica`]: one who follows. [`full_sync`]: the copy that one begins with; [`returns`]: who asks for it again and again.
//! * [`farewell`]: what the server owes them before it stops.
//!
//! Replicas are clients: what they are sent goes through their outboxes, where it waits until the log lets it go. So a
//! replica never has what this server may lose.
//!
//! Lock order: shards, the stream's, an outbox's.

pub mod farewell;
pub mod full_sync;
mod history;
pub mod replica;
mod returns;
mod stream;
#[cfg(test)]
mod tests;

use crate::state::Server;
use crate::state::clients::Client;
use parking_lot::Mutex;
use replica::Replica;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::task::Waker;
use stream::Stream;

pub use stream::new_id;

/// What a server knows of its replicas.
pub struct Replication {
    stream: Mutex<Stream>,
    /// What this stream is called: who comes back with another name has followed another one.
    id: Mutex<String>,
    /// Held while a copy is made: one at a time, since each holds all shards.
    copying: Mutex<()>,
    returns: returns::Returns,
    /// Those who wait until replicas have got somewhere (WAIT).
    waiting: Mutex<HashMap<u64, Waker>>,
    /// Bytes that wait to be sent to replicas, as of the last look.
    held_bytes: AtomicU64,
    /// When replicas were last told that somebody is there, or the first of them came; in ms since 1970.
    pinged_at: AtomicI64,
    /// Copies, and those who could go on without one, or could not.
    pub full_syncs: AtomicU64,
    pub partial_syncs: AtomicU64,
    pub refused_partial_syncs: AtomicU64,
}

/// What is told of the stream as a whole.
pub struct Report {
    pub offset: u64,
    /// The first byte that is still known, and how many are; none while nothing is kept.
    pub history: Option<(u64, usize)>,
    pub replicas: Vec<ReplicaReport>,
}

/// What is told of one replica.
pub struct ReplicaReport {
    pub replica: Arc<Replica>,
    /// Redis' word for where it stands.
    pub state: &'static str,
}

impl Replication {
    pub fn new(id: String) -> Self {
        Self {
            stream: Mutex::default(),
            id: Mutex::new(id),
            copying: Mutex::default(),
            returns: Default::default(),
            waiting: Mutex::default(),
            held_bytes: AtomicU64::new(0),
            pinged_at: AtomicI64::new(0),
            full_syncs: AtomicU64::new(0),
            partial_syncs: AtomicU64::new(0),
            refused_partial_syncs: AtomicU64::new(0),
        }
    }

    /// Forty hexadecimal digits.
    pub fn id(&self) -> String {
        self.id.lock().clone()
    }

    /// Bytes that wait for replicas: nothing can be done about them by evicting.
    pub fn held_bytes(&self) -> u64 {
        self.held_bytes.load(Relaxed)
    }

    /// A replica says how far it has got, and how far its disk.
    pub fn acknowledge(&self, server: &Server, client: &Client, offset: u64, on_disk: Option<u64>) {
        let stream = self.stream.lock();
        let Some(replica) = stream.replica_of(client) else { return };
        replica.acknowledge(offset, on_disk, server.now());
        drop(stream);
        self.waiting.lock().drain().for_each(|(_, waker)| waker.wake());
    }

    /// How many replicas have got to an offset; or their disks have.
    pub fn count(&self, offset: u64, on_disk: bool) -> u64 {
        let stream = self.stream.lock();
        stream.online().filter(|replica| replica.has(offset, on_disk)).count() as u64
    }

    /// As [`Replication::count`]; and the client's waker is called when there is something new. It is noted first, so that
    /// nothing is missed in between.
    pub fn count_or_wait(&self, client: u64, offset: u64, on_disk: bool, waker: &Waker) -> u64 {
        self.waiting.lock().insert(client, waker.clone());
        self.count(offset, on_disk)
    }

    /// A client waits no longer.
    pub fn stop_waiting(&self, client: u64) {
        self.waiting.lock().remove(&client);
    }

    /// How many replicas follow closely: heard of within `lag_max_seconds`.
    pub fn good(&self, now: i64, lag_max_seconds: u64) -> u64 {
        let stream = self.stream.lock();
        stream.online().filter(|replica| replica.lag_seconds(now) <= lag_max_seconds).count() as u64
    }

    pub fn report(&self) -> Report {
        self.stream.lock().report()
    }

    /// How far the stream is.
    pub fn offset(&self) -> u64 {
        self.stream.lock().offset()
    }
}

/// Whether writes are refused because too few replicas follow (min-replicas-to-write). To be asked where that gate is
/// closed.
pub fn lacks_replicas(server: &Server) -> bool {
    let hot = &server.hot;
    server.replication.good(server.now(), hot.replicas_lag_max.load(Relaxed)) < hot.replicas_min.load(Relaxed)
}
