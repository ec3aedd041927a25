//! The stream of effects: what replicas are sent, and who they are.

use super::history::History;
use super::replica::Replica;
use super::{ReplicaReport, Replication, Report};
use crate::hub;
use crate::keyspace::{EffectBuffer, Lsn};
use crate::resp::reply::encode_command;
use crate::state::clients::Client;
use crate::state::{Server, gates};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What the holder of the lock sees.
#[derive(Default)]
pub(super) struct Stream {
    /// So many bytes have gone through.
    offset: u64,
    /// None: nobody has followed, or not for long, and nothing goes through.
    history: Option<History>,
    /// The database that the last command selected.
    selected: Option<u16>,
    /// What came last may be sent once this may leave.
    lsn: Lsn,
    following: Vec<Following>,
    /// Where a unit is encoded.
    unit: Vec<u8>,
    /// Since when nobody follows, in ms since 1970.
    alone_since: i64,
}

struct Following {
    replica: Arc<Replica>,
    phase: Phase,
}

/// How far a replica is.
enum Phase {
    /// Its copy is yet to be made.
    Waiting,
    /// Its copy is made or sent: what happens meanwhile comes behind it.
    Copying {
        pending: Vec<u8>,
        is_sending: bool,
    },
    Online,
}

impl Stream {
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn replica_of(&self, client: &Client) -> Option<&Arc<Replica>> {
        let mut replicas = self.following.iter().map(|following| &following.replica);
        replicas.find(|replica| replica.client.id == client.id)
    }

    pub(super) fn online(&self) -> impl Iterator<Item = &Arc<Replica>> {
        let online = self.following.iter().filter(|following| matches!(following.phase, Phase::Online));
        online.map(|following| &following.replica)
    }

    pub(super) fn report(&self) -> Report {
        let history = self.history.as_ref().map(|history| {
            let len = history.len();
            (self.offset - len as u64 + 1, len)
        });
        let replicas = self.following.iter().map(|following| ReplicaReport {
            replica: Arc::clone(&following.replica),
            state: match following.phase {
                Phase::Waiting | Phase::Copying { is_sending: false, .. } => "wait_bgsave",
                Phase::Copying { is_sending: true, .. } => "send_bulk",
                Phase::Online => "online",
            },
        });
        Report { offset: self.offset, history, replicas: replicas.collect() }
    }

    fn phase_of(&mut self, replica: &Arc<Replica>) -> Option<&mut Phase> {
        let mut all = self.following.iter_mut();
        all.find(|following| Arc::ptr_eq(&following.replica, replica)).map(|following| &mut following.phase)
    }

    fn select(&mut self, db: u16) {
        if self.selected != Some(db) {
            self.selected = Some(db);
            encode_command(&mut self.unit, &[b"SELECT", db.to_string().as_bytes()]);
        }
    }

    /// Bytes that wait to be sent to replicas.
    fn held_bytes(&self) -> u64 {
        let of_each = self.following.iter().map(|Following { replica, phase }| {
            let pending = if let Phase::Copying { pending, .. } = phase { pending.len() as u64 } else { 0 };
            pending + replica.client.outbox.bytes() + replica.client.output_bytes.load(Relaxed)
        });
        of_each.sum()
    }

    /// Sends what is in `unit`. Returns how many bytes wait for replicas.
    fn feed(&mut self, server: &Server) -> u64 {
        let Some(history) = &mut self.history else {
            self.unit.clear();
            return 0;
        };
        history.push(&self.unit);
        self.offset += self.unit.len() as u64;
        for Following { replica, phase } in &mut self.following {
            let client = &replica.client;
            match phase {
                Phase::Waiting => {}
                Phase::Copying { pending, .. } => {
                    pending.extend_from_slice(&self.unit);
                    let hard = server.hot.output_limit(client.output_class()).hard_bytes;
                    let hard = if hard > 0 { hard } else { server.backlog.share() as u64 };
                    if pending.len() as u64 > hard {
                        *pending = Vec::new();
                        tracing::warn!("closing replica {}: more than its limit waits for it", client.id);
                        client.kill();
                    }
                }
                Phase::Online => {
                    hub::send(server, client, self.lsn, |out| out.bytes.extend_from_slice(&self.unit));
                }
            }
        }
        self.unit.clear();
        self.unit.shrink_to(UNIT_BYTES_KEPT);
        self.held_bytes()
    }
}

/// A buffer for units longer than this isn't kept.
const UNIT_BYTES_KEPT: usize = 256 * 1024;

impl Replication {
    /// Sends the effects of a unit, whose shards are still locked, once `lsn` may leave.
    #[cold]
    pub fn append(&self, server: &Server, unit: &EffectBuffer, lsn: Lsn) {
        let mut stream = self.stream.lock();
        let mut parts = unit.parts_for_replicas().peekable();
        let Some(&(first, _)) = parts.peek() else { return };
        stream.select(first);
        let is_group = unit.len_for_replicas() > 1;
        if is_group {
            encode_command(&mut stream.unit, &[b"MULTI"]);
        }
        for (db, command) in parts {
            stream.select(db);
            stream.unit.extend_from_slice(command);
        }
        if is_group {
            encode_command(&mut stream.unit, &[b"EXEC"]);
        }
        stream.lsn = stream.lsn.max(lsn);
        self.held_bytes.store(stream.feed(server), Relaxed);
    }

    /// Sends replicas a command that is no effect: it needs no database, and changes nothing.
    fn append_aside(&self, server: &Server, args: &[&[u8]]) {
        let mut stream = self.stream.lock();
        encode_command(&mut stream.unit, args);
        self.held_bytes.store(stream.feed(server), Relaxed);
    }

    /// Asks replicas how far they are. Returns where they are to get to.
    pub fn ask(&self, server: &Server) {
        self.append_aside(server, &[b"REPLCONF", b"GETACK", b"*"]);
    }

    /// A replica begins to follow: it is to be given a copy.
    pub(super) fn admit(&self, server: &Server, replica: &Arc<Replica>) {
        let following = Following { replica: Arc::clone(replica), phase: Phase::Waiting };
        self.add(&mut self.stream.lock(), server, following);
    }

    fn add(&self, stream: &mut Stream, server: &Server, following: Following) {
        if stream.following.is_empty() {
            // The first is not to hear at once of a period that has passed without it.
            self.pinged_at.store(server.now(), Relaxed);
        }
        stream.following.push(following);
    }

    /// The copy of a replica is about to be made, with every shard held: what happens from now on comes behind it. Returns
    /// the offset of the copy, and what it waits for before it may be sent; none if the replica is gone.
    pub(super) fn cut(&self, server: &Server, replica: &Arc<Replica>) -> Option<(u64, Lsn)> {
        if server.gates.closed() & gates::LOADING != 0 {
            return None;
        }
        let mut stream = self.stream.lock();
        *stream.phase_of(replica)? = Phase::Copying { pending: Vec::new(), is_sending: false };
        if stream.history.is_none() {
            stream.history = Some(History::new(server.settings.snapshot().repl_backlog_bytes()));
            server.commit.set_streaming(true);
        }
        // It begins without any database.
        stream.selected = None;
        stream.lsn = stream.lsn.max(Lsn(server.persist.position().appended));
        Some((stream.offset, stream.lsn))
    }

    /// What a replica is sent from now on is its copy.
    pub(super) fn begin_sending(&self, replica: &Arc<Replica>) -> bool {
        match self.stream.lock().phase_of(replica) {
            Some(Phase::Copying { is_sending, .. }) => {
                *is_sending = true;
                true
            }
            _ => false,
        }
    }

    /// A replica has been sent its copy: it follows.
    pub(super) fn go_online(&self, server: &Server, replica: &Arc<Replica>) {
        let mut stream = self.stream.lock();
        let lsn = stream.lsn;
        let Some(phase) = stream.phase_of(replica) else { return };
        if let Phase::Copying { pending, .. } = std::mem::replace(phase, Phase::Online)
            && !pending.is_empty()
        {
            hub::send(server, &replica.client, lsn, |out| out.bytes.extend_from_slice(&pending));
        }
        replica.hear(server.now());
    }

    /// Has a replica that was here before go on at `from`, the number of the first byte that it lacks, counted from one.
    /// Returns whether that is known.
    pub fn resume(&self, server: &Server, replica: &Arc<Replica>, id: &[u8], from: u64) -> bool {
        let mut stream = self.stream.lock();
        if id != self.id.lock().as_bytes() {
            return false;
        }
        let lacks = from.checked_sub(1).and_then(|had| stream.offset.checked_sub(had));
        let lacks = lacks.and_then(|lacks| usize::try_from(lacks).ok());
        let Some(bytes) = lacks.and_then(|lacks| stream.history.as_ref()?.last(lacks)) else { return false };
        hub::send(server, &replica.client, stream.lsn, |out| out.bytes.extend_from_slice(&bytes));
        self.add(&mut stream, server, Following { replica: Arc::clone(replica), phase: Phase::Online });
        true
    }

    /// A client is gone, which may have been a replica.
    pub fn forget(&self, server: &Server, client: &Client) {
        let mut stream = self.stream.lock();
        let before = stream.following.len();
        stream.following.retain(|following| following.replica.client.id != client.id);
        if stream.following.is_empty() && before > 0 {
            stream.alone_since = server.now();
        }
        self.held_bytes.store(stream.held_bytes(), Relaxed);
    }

    /// The data have become others without effects: nobody can go on from what he has.
    /// To be called with all shards held.
    pub fn begin_anew(&self, server: &Server) {
        let mut stream = self.stream.lock();
        *self.id.lock() = new_id();
        stream.history = None;
        server.commit.set_streaming(false);
        for following in stream.following.drain(..) {
            following.replica.client.kill();
        }
        self.held_bytes.store(0, Relaxed);
    }

    /// The same stream under another name: no one who comes back can go on with it.
    pub fn rename(&self, id: String) {
        let _stream = self.stream.lock();
        *self.id.lock() = id;
    }

    /// Called by the clockwork once a second.
    pub fn tick(&self, server: &Server, now: i64) {
        if !server.commit.is_streaming() && self.stream.lock().following.is_empty() {
            return;
        }
        let settings = server.settings.snapshot();
        let due = now - self.pinged_at.load(Relaxed) >= settings.repl_ping_ms();
        let mut stream = self.stream.lock();
        for Following { replica, phase } in &stream.following {
            match phase {
                // As in Redis: so that it knows that somebody is there.
                Phase::Waiting | Phase::Copying { is_sending: false, .. } => {
                    hub::send(server, &replica.client, Lsn::default(), |out| out.bytes.push(b'\n'));
                }
                Phase::Copying { is_sending: true, .. } => {}
                Phase::Online => {
                    let silent = replica.lag_seconds(now);
                    if replica.answers && silent > settings.repl_timeout_seconds() {
                        tracing::warn!(
                            "closing replica {}: nothing was heard of it for {silent} s",
                            replica.client.id
                        );
                        replica.client.kill();
                    }
                }
            }
        }
        self.held_bytes.store(stream.held_bytes(), Relaxed);
        let is_alone = stream.following.is_empty();
        if let Some(history) = &mut stream.history {
            history.set_max(settings.repl_backlog_bytes());
        }
        let ttl_ms = settings.repl_backlog_ttl_ms();
        if is_alone && ttl_ms > 0 && stream.history.is_some() && now - stream.alone_since > ttl_ms {
            tracing::info!("Replication backlog freed after {} s without replicas", ttl_ms / 1000);
            server.commit.set_streaming(false);
            stream.history = None;
            // What happens from now on is not counted: nobody can come back to this stream.
            *self.id.lock() = new_id();
        }
        drop(stream);
        if due && !is_alone {
            self.pinged_at.store(now, Relaxed);
            self.append_aside(server, &[b"PING"]);
        }
    }
}

/// A name for a stream.
pub fn new_id() -> String {
    (0..5).map(|_| format!("{:08x}", rand::random::<u32>())).collect()
}
