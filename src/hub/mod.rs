//! What clients are sent that is no reply: who wants to hear of what, and the messages on their way to them.
//!
//! Anybody may tell a client something, from any thread: [`outbox`] keeps it until the client's own worker comes to it,
//! which [`lane`] calls once for many. The worker puts it between replies, never into one, and always before the replies
//! of what it executes later: who has seen the reply of a write sees what the write led to before his own next reply.
//!
//! * [`channels`]: who subscribed to what, and PUBLISH. [`message`]: what a message looks like.
//! * [`notices`]: what happened to keys, for those who asked to hear of it. [`tracking`]: for those who keep what they read.
//! * [`monitors`]: who sees all requests.
//!
//! Lock order: shards, a registry's lock, an outbox's. Nobody takes one of the former while holding one of the latter.

pub mod channels;
pub mod lane;
pub mod message;
pub mod monitors;
pub mod notices;
pub mod outbox;
pub mod tracking;

use crate::keyspace::Lsn;
use crate::keyspace::event::EventListener;
use crate::resp::Output;
use crate::state::Server;
use crate::state::clients::Client;
use channels::Registry;
use lane::Lane;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Who wants to hear of what.
pub struct Hub {
    pub channels: Registry,
    pub shard_channels: Registry,
    /// Few, and all looked at for each message, as in Redis.
    patterns: RwLock<channels::Patterns>,
    /// Who sees all requests.
    monitors: RwLock<Vec<Arc<Client>>>,
    /// Who keeps what it reads.
    trackers: tracking::Trackers,
    /// The events that somebody listens to.
    listening: notices::Listening,
    /// Who is to be sent something, by worker.
    pub lanes: Box<[Lane]>,
}

impl Hub {
    /// With somebody who hears of events beside those who subscribe to them, if there is.
    pub fn new(workers: usize, listener: Option<Box<dyn EventListener>>) -> Self {
        Self {
            channels: Registry::default(),
            shard_channels: Registry::default(),
            patterns: RwLock::default(),
            monitors: RwLock::default(),
            trackers: tracking::Trackers::default(),
            listening: notices::Listening::new(listener),
            lanes: std::iter::repeat_with(Lane::default).take(workers).collect(),
        }
    }
}

/// Queues a message for one client. Returns whether it gets it: who is being cut off does not.
pub fn send(server: &Server, client: &Arc<Client>, lsn: Lsn, write: impl FnOnce(&mut Output)) -> bool {
    match queue(server, client, lsn, write) {
        Queued::First => {
            if let Some(lane) = server.hub.lanes.get(client.worker) {
                lane.add(std::iter::once(Arc::clone(client)));
            }
            true
        }
        Queued::Behind => true,
        Queued::Refused => false,
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queued {
    /// Nothing else waits: its worker must be told.
    First,
    Behind,
    Refused,
}

/// Queues a message. The caller has the worker told.
fn queue(server: &Server, client: &Client, lsn: Lsn, write: impl FnOnce(&mut Output)) -> Queued {
    if client.is_killed() {
        return Queued::Refused;
    }
    let waiting = client.outbox.put(&server.backlog, lsn, write) + client.output_bytes.load(Relaxed);
    let limit = server.hot.output_limit(client.output_class());
    // Without a limit of its class it may have as much as who does not read its replies may hold.
    let hard = if limit.hard_bytes > 0 { limit.hard_bytes } else { server.backlog.share() as u64 };
    if waiting > hard {
        cut_off(server, client);
        return Queued::Refused;
    }
    server.count_client(client);
    if limit.soft_bytes > 0 && waiting > limit.soft_bytes {
        // Its connection looks how long that has been so, once a second.
        server.backlog.hold_back();
    }
    if client.note_push() { Queued::First } else { Queued::Behind }
}

/// Ends a client that reads too slowly. It gets nothing more.
#[cold]
fn cut_off(server: &Server, client: &Client) {
    server.shared.output_buffer_disconnections.fetch_add(1, Relaxed);
    tracing::warn!("closing client {} that does not read what it is sent", client.id);
    client.kill();
}

/// A client is gone: nobody tells it anything any more.
pub fn forget(server: &Server, client: &Arc<Client>) {
    channels::unsubscribe_all(server, client);
    tracking::disable(server, client);
    monitors::remove(server, client);
    client.outbox.close(&server.backlog);
}
