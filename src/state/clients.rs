//! The registry of clients: what CLIENT LIST shows and CLIENT KILL needs, for all workers' connections.
//!
//! A connection owns its session; what others may see of it is here, in atomics that its worker updates once a batch.

use crate::acl::User;
use crate::command::blocking::Blocked;
use crate::hub::channels::Subscriptions;
use crate::hub::outbox::Outbox;
use crate::hub::tracking::Tracking;
use crate::keyspace::watch::Watch;
use crate::resp::Protocol;
use dashmap::DashMap;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

/// Where a client, or the server's end of its connection, is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
    Unknown,
}

impl Address {
    /// On this machine: what `local` in settings such as enable-debug-command means.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
            Self::Unknown => false,
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "{}:0", path.display()),
            Self::Unknown => write!(f, "?:0"),
        }
    }
}

/// Bits of [`Client::flags`].
pub mod flag {
    pub const NO_EVICT: u32 = 1 << 0;
    pub const NO_TOUCH: u32 = 1 << 1;
    pub const UNIX_SOCKET: u32 = 1 << 2;
    pub const BLOCKED: u32 = 1 << 3;
    pub const CLOSING: u32 = 1 << 4;
    pub const MULTI: u32 = 1 << 5;
    pub const PUBSUB: u32 = 1 << 6;
    pub const MONITOR: u32 = 1 << 7;
    pub const TLS: u32 = 1 << 8;
    /// Of its letter only: [`super::Client::watch`] says whether it is so.
    pub const TOUCHED: u32 = 1 << 9;
    pub const TRACKING: u32 = 1 << 10;
    pub const BROADCAST: u32 = 1 << 11;
    pub const BROKEN_REDIRECT: u32 = 1 << 12;
    pub const REPLICA: u32 = 1 << 13;
}

/// Bits of [`Client::signals`]: what its connection finds out before anything else.
mod signal {
    pub(super) const KILLED: u32 = 1 << 0;
    /// Its outbox may have something in it.
    pub(super) const PUSHES: u32 = 1 << 1;
}

/// The classes of client-output-buffer-limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputClass {
    Normal,
    Replica,
    Subscriber,
}

/// What a client calls itself.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    pub name: Vec<u8>,
    pub library_name: Vec<u8>,
    pub library_version: Vec<u8>,
}

/// One client, as others see it.
pub struct Client {
    pub id: u64,
    pub worker: usize,
    pub fd: i32,
    pub address: Address,
    pub local_address: Address,
    /// In ms since 1970.
    pub connected_at: i64,
    pub last_active: AtomicI64,
    pub db: AtomicU16,
    /// 2 or 3.
    pub protocol: AtomicU8,
    pub flags: AtomicU32,
    /// The id of the command that came last; `u32::MAX`: none yet, or one that does not exist.
    pub last_command: AtomicU32,
    pub input_bytes: AtomicU64,
    pub input_capacity: AtomicU64,
    pub output_bytes: AtomicU64,
    pub net_input: AtomicU64,
    pub net_output: AtomicU64,
    pub commands: AtomicU64,
    /// What its connection takes without its buffers, in bytes.
    pub connection_bytes: AtomicU64,
    /// Commands queued since MULTI; -1: there was none.
    pub queued: AtomicI64,
    /// What they take, with the watched keys, in bytes.
    pub queued_bytes: AtomicU64,
    /// Whether a key has changed that it watches, once it watched any.
    watch: OnceLock<Arc<Watch>>,
    /// What it holds beside its connection, buffers and queued commands: subscriptions. Bytes; whoever keeps
    /// them counts them.
    pub extra_bytes: AtomicU64,
    /// What its subscriptions and prefixes take, about.
    pub interest_bytes: AtomicU64,
    /// So many of its bytes are counted in the registry.
    counted: AtomicU64,
    pub naming: Mutex<Naming>,
    user: Mutex<Arc<User>>,
    /// Its session has not noticed yet that the user is another one.
    user_changed: AtomicBool,
    /// What it waits with, while it waits for a key.
    pub blocked: Mutex<Option<Arc<Blocked>>>,
    /// What it is to be sent that is no reply.
    pub outbox: Outbox,
    /// None until it subscribes to something.
    pub subscriptions: Mutex<Option<Box<Subscriptions>>>,
    /// How it wants to hear of changes of keys; none: not at all.
    pub tracking: Mutex<Option<Box<Tracking>>>,
    signals: AtomicU32,
    /// Wakes the connection's task, from its first poll on.
    waker: Mutex<Option<Waker>>,
}

impl Client {
    pub fn new(
        id: u64,
        worker: usize,
        fd: i32,
        address: Address,
        local_address: Address,
        now: i64,
        flags: u32,
        user: Arc<User>,
    ) -> Self {
        Self {
            id,
            worker,
            fd,
            address,
            local_address,
            connected_at: now,
            last_active: AtomicI64::new(now),
            db: AtomicU16::new(0),
            protocol: AtomicU8::new(2),
            flags: AtomicU32::new(flags),
            last_command: AtomicU32::new(u32::MAX),
            input_bytes: AtomicU64::new(0),
            input_capacity: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            net_input: AtomicU64::new(0),
            net_output: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            connection_bytes: AtomicU64::new(0),
            queued: AtomicI64::new(-1),
            queued_bytes: AtomicU64::new(0),
            watch: OnceLock::new(),
            extra_bytes: AtomicU64::new(0),
            interest_bytes: AtomicU64::new(0),
            counted: AtomicU64::new(0),
            naming: Mutex::default(),
            user: Mutex::new(user),
            user_changed: AtomicBool::new(false),
            blocked: Mutex::default(),
            outbox: Outbox::default(),
            subscriptions: Mutex::default(),
            tracking: Mutex::default(),
            signals: AtomicU32::new(0),
            waker: Mutex::new(None),
        }
    }

    /// Who it is.
    pub fn user(&self) -> Arc<User> {
        Arc::clone(&self.user.lock())
    }

    /// Makes it somebody else, or somebody with other rights. Its session follows before it runs anything else.
    pub fn become_user(&self, user: Arc<User>) {
        *self.user.lock() = user;
        self.user_changed.store(true, Ordering::Release);
    }

    /// Whether its session has yet to notice that it is somebody else.
    pub fn is_user_changed(&self) -> bool {
        self.user_changed.load(Ordering::Acquire)
    }

    /// Who it has become since the last call, if that happened.
    #[inline]
    pub fn take_changed_user(&self) -> Option<Arc<User>> {
        if !self.user_changed.load(Ordering::Acquire) {
            return None;
        }
        // Before the user is read: what changes in between is noticed next time.
        self.user_changed.store(false, Ordering::Release);
        Some(self.user())
    }

    /// What it takes now, in bytes, as far as others can see it.
    pub fn held_bytes(&self) -> u64 {
        let queued: u64 = [
            &self.connection_bytes,
            &self.input_capacity,
            &self.output_bytes,
            &self.queued_bytes,
            &self.extra_bytes,
            &self.interest_bytes,
        ]
        .iter()
        .map(|bytes| bytes.load(Ordering::Relaxed))
        .sum();
        queued + self.outbox.bytes()
    }

    /// Has the connection closed as soon as its worker comes to it.
    pub fn kill(&self) {
        self.signals.fetch_or(signal::KILLED, Ordering::Release);
        self.wake();
    }

    #[inline]
    pub fn is_killed(&self) -> bool {
        self.signals.load(Ordering::Acquire) & signal::KILLED != 0
    }

    /// Whether there is anything at all that its connection must look at before it goes on.
    #[inline]
    pub fn is_signalled(&self) -> bool {
        self.signals.load(Ordering::Acquire) != 0
    }

    /// Whether something may be waiting in its outbox.
    #[inline]
    pub fn has_pushes(&self) -> bool {
        self.signals.load(Ordering::Acquire) & signal::PUSHES != 0
    }

    /// Something was put into the outbox. Returns whether nothing was there before.
    pub fn note_push(&self) -> bool {
        self.signals.fetch_or(signal::PUSHES, Ordering::AcqRel) & signal::PUSHES == 0
    }

    /// The outbox is about to be emptied.
    pub fn forget_pushes(&self) {
        self.signals.fetch_and(!signal::PUSHES, Ordering::AcqRel);
    }

    /// What it is spoken to in.
    pub fn speaks(&self) -> Protocol {
        if self.protocol.load(Ordering::Relaxed) == 3 { Protocol::Resp3 } else { Protocol::Resp2 }
    }

    /// Has the connection's task look around.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.lock().as_ref() {
            waker.wake_by_ref();
        }
    }

    pub fn set_waker(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    pub fn watch(&self) -> Option<&Arc<Watch>> {
        self.watch.get()
    }

    pub fn watch_or_new(&self) -> &Arc<Watch> {
        self.watch.get_or_init(Arc::default)
    }

    /// Which of client-output-buffer-limit's limits are its own.
    pub fn output_class(&self) -> OutputClass {
        let flags = self.flags.load(Ordering::Relaxed);
        match () {
            () if flags & flag::REPLICA != 0 => OutputClass::Replica,
            () if flags & flag::PUBSUB != 0 => OutputClass::Subscriber,
            () => OutputClass::Normal,
        }
    }

    pub fn has_flag(&self, flag: u32) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    pub fn set_flag(&self, flag: u32, on: bool) {
        if on {
            self.flags.fetch_or(flag, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!flag, Ordering::Relaxed);
        }
    }
}

/// All clients, by id.
#[derive(Default)]
pub struct Registry {
    clients: DashMap<u64, Arc<Client>>,
    last_id: AtomicU64,
    /// Bytes of all clients, as far as they were counted: only while there is a limit.
    counted: AtomicU64,
}

impl Registry {
    /// The id for a new client: ids only ever grow.
    pub fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn add(&self, client: Arc<Client>) {
        self.clients.insert(client.id, client);
    }

    pub fn remove(&self, id: u64) {
        self.clients.remove(&id);
    }

    /// Counts what a client holds now; nothing, once it is to end.
    fn count(&self, client: &Client) {
        let bytes = if client.is_killed() { 0 } else { client.held_bytes() };
        let before = client.counted.swap(bytes, Ordering::AcqRel);
        // Wraps where it fell: the sum is right again.
        self.counted.fetch_add(bytes.wrapping_sub(before), Ordering::AcqRel);
    }

    /// A client is gone, and holds nothing any more.
    pub fn forget(&self, client: &Client) {
        let before = client.counted.swap(0, Ordering::AcqRel);
        self.counted.fetch_sub(before, Ordering::AcqRel);
    }

    /// Counts what a client holds now, and ends the largest ones while all of them hold more than `limit`. Returns how
    /// many.
    pub fn keep_below(&self, limit: u64, client: &Client) -> u64 {
        self.count(client);
        if self.counted.load(Ordering::Acquire) <= limit { 0 } else { self.evict(limit) }
    }

    /// Counts all clients anew, and ends the largest ones while all of them hold more than `limit`. Returns how many.
    pub fn keep_all_below(&self, limit: u64) -> u64 {
        self.list().iter().for_each(|client| self.count(client));
        self.evict(limit)
    }

    /// By size to the next power of two, as Redis' buckets, and the oldest first among equals.
    fn evict(&self, limit: u64) -> u64 {
        let mut candidates = self.list();
        candidates.retain(|client| !client.has_flag(flag::NO_EVICT | flag::REPLICA));
        let bucket = |client: &Arc<Client>| client.counted.load(Ordering::Acquire).checked_ilog2();
        candidates.sort_by_cached_key(|client| std::cmp::Reverse(bucket(client)));
        let mut evicted = 0;
        for client in candidates {
            if self.counted.load(Ordering::Acquire) <= limit {
                break;
            }
            let bytes = client.counted.load(Ordering::Acquire);
            tracing::info!("evicting client {} at {}, which holds {bytes} bytes", client.id, client.address);
            client.kill();
            self.remove(client.id);
            self.forget(&client);
            evicted += 1;
        }
        evicted
    }

    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.clients.get(&id).map(|client| Arc::clone(&client))
    }

    pub fn len(&self) -> usize {
        self.clients.len()
    }

    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// All clients, in order of their ids.
    pub fn list(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<_> = self.clients.iter().map(|client| Arc::clone(&client)).collect();
        all.sort_unstable_by_key(|client| client.id);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::Catalogue;

    fn client(registry: &Registry, bytes: u64) -> Arc<Client> {
        let user = Arc::new(User::unlimited(&Catalogue::new(Vec::new(), &[])));
        let id = registry.next_id();
        let client = Arc::new(Client::new(id, 0, 0, Address::Unknown, Address::Unknown, 0, 0, user));
        client.input_capacity.store(bytes, Ordering::Relaxed);
        registry.add(Arc::clone(&client));
        client
    }

    #[test]
    fn the_largest_clients_go_first_and_no_more_than_needed() {
        let registry = Registry::default();
        let sizes = [1 << 10, 1 << 20, 1 << 12, 1 << 20, 3 << 20];
        let clients: Vec<_> = sizes.iter().map(|bytes| client(&registry, *bytes)).collect();
        clients[4].set_flag(flag::NO_EVICT, true);
        let killed = || clients.iter().map(|client| client.is_killed()).collect::<Vec<_>>();
        assert_eq!(registry.keep_all_below(6 << 20), 0);
        assert_eq!(registry.keep_all_below((4 << 20) + (1 << 19)), 1);
        assert_eq!(killed(), [false, true, false, false, false], "the oldest of the largest two");
        clients[0].output_bytes.store(2 << 20, Ordering::Relaxed);
        assert_eq!(registry.keep_below((4 << 20) + (1 << 19), &clients[0]), 1);
        assert_eq!(killed(), [true, true, false, false, false]);
        assert_eq!(registry.keep_below(1, &clients[2]), 2, "all but who is spared");
        assert_eq!((registry.len(), registry.counted.load(Ordering::Relaxed)), (1, 3 << 20));
        registry.forget(&clients[4]);
        assert_eq!(registry.counted.load(Ordering::Relaxed), 0);
    }
}
