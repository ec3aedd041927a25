//! Connections to other servers that MIGRATE keeps for a while after it has used them.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::TcpStream;

/// As in Redis.
const IDLE_MS_MAX: i64 = 10_000;
const KEPT_MAX: usize = 64;

/// A connection that is not in use.
pub struct Peer {
    pub stream: TcpStream,
    /// The database that is selected there; none: not known.
    pub db: Option<i64>,
    /// In ms since 1970.
    pub used_at: i64,
}

/// By `host:port`.
#[derive(Default)]
pub struct Peers {
    idle: Mutex<HashMap<String, Peer>>,
}

impl Peers {
    /// Whoever takes a connection has it alone.
    pub fn take(&self, name: &str) -> Option<Peer> {
        self.idle.lock().remove(name)
    }

    pub fn keep(&self, name: String, peer: Peer) {
        let mut idle = self.idle.lock();
        if idle.len() < KEPT_MAX || idle.contains_key(&name) {
            idle.insert(name, peer);
        }
    }

    pub fn len(&self) -> usize {
        self.idle.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes those that nobody has used for long.
    pub fn tick(&self, now: i64) {
        self.idle.lock().retain(|_, peer| now - peer.used_at <= IDLE_MS_MAX);
    }
}
