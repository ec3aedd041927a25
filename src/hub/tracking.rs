//! Client-side caching: who has read which keys and wants to hear when they change (CLIENT TRACKING).
//!
//! What a client reads is remembered while the key's shard is held, and forgotten with the first change of the key, of
//! which the client is told under that shard's lock, too. Clients in broadcasting mode are remembered by prefixes instead.

use super::channels::{Name, bytes_of};
use super::{Hub, send};
use crate::keyspace::Lsn;
use crate::resp::reply::push_header;
use crate::resp::{Output, Protocol};
use crate::state::Server;
use crate::state::clients::{Client, flag};
use parking_lot::{Mutex, MutexGuard, RwLock};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Parts of the table, each with a lock of its own. A power of two.
const PARTS: usize = 64;
/// Keys that are forgotten at once at most, when there are more than `tracking-table-max-keys`.
const FORGOTTEN_MAX: usize = 100;
/// Where clients of RESP2 hear of changes.
const CHANNEL: &str = "__redis__:invalidate";

/// How a client wants to hear of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracking {
    /// The client that is told instead.
    pub redirect: Option<u64>,
    /// Of all keys with its prefixes, whether it has read them or not.
    pub broadcast: bool,
    /// Only of keys that it reads right after CLIENT CACHING YES.
    pub opt_in: bool,
    /// Not of keys that it reads right after CLIENT CACHING NO.
    pub opt_out: bool,
    /// Not of its own changes.
    pub no_loop: bool,
    pub prefixes: BTreeSet<Name>,
    /// Who was to be told instead is gone.
    pub broken_redirect: bool,
}

/// Clients by the keys that they have read.
pub struct Table {
    parts: Box<[Mutex<Part>]>,
    hasher: RandomState,
    keys: AtomicUsize,
    items: AtomicUsize,
}

/// What one lock of the table covers.
type Part = HashMap<Box<[u8]>, Readers>;

/// The ids of those who have read a key, in order.
type Readers = SmallVec<[u64; 2]>;

/// What is known of all clients that track.
pub struct Trackers {
    table: Table,
    /// Clients in broadcasting mode, by prefix.
    prefixes: RwLock<BTreeMap<Name, Vec<Arc<Client>>>>,
    /// How many clients track.
    count: Mutex<usize>,
}

impl Default for Trackers {
    fn default() -> Self {
        let table = Table {
            parts: std::iter::repeat_with(Mutex::default).take(PARTS).collect(),
            hasher: RandomState::new(),
            keys: AtomicUsize::new(0),
            items: AtomicUsize::new(0),
        };
        Self { table, prefixes: RwLock::default(), count: Mutex::default() }
    }
}

impl Trackers {
    pub(super) fn count(&self) -> MutexGuard<'_, usize> {
        self.count.lock()
    }
}

impl Table {
    fn part(&self, key: &[u8]) -> &Mutex<Part> {
        &self.parts[self.hasher.hash_one(key) as usize & (PARTS - 1)]
    }

    fn add(&self, key: &[u8], client: u64) {
        let mut part = self.part(key).lock();
        let readers = match part.get_mut(key) {
            Some(readers) => readers,
            None => {
                self.keys.fetch_add(1, Relaxed);
                part.entry(key.into()).or_default()
            }
        };
        if let Err(place) = readers.binary_search(&client) {
            readers.insert(place, client);
            self.items.fetch_add(1, Relaxed);
        }
    }

    fn remove(&self, key: &[u8]) -> Readers {
        let Some(readers) = self.part(key).lock().remove(key) else { return Readers::new() };
        self.forget(1, readers.len());
        readers
    }

    /// Takes a key by chance.
    fn remove_any(&self) -> Option<(Box<[u8]>, Readers)> {
        let first = rand::random_range(0..PARTS);
        let taken = (0..PARTS).find_map(|step| {
            let mut part = self.parts[(first + step) % PARTS].lock();
            // Each map has an order of its own, which nobody knows.
            let key = part.keys().next()?.clone();
            part.remove_entry(&key)
        })?;
        self.forget(1, taken.1.len());
        Some(taken)
    }

    fn clear(&self) {
        for part in &self.parts {
            let taken = std::mem::take(&mut *part.lock());
            self.forget(taken.len(), taken.values().map(|readers| readers.len()).sum());
        }
    }

    fn forget(&self, keys: usize, items: usize) {
        self.keys.fetch_sub(keys, Relaxed);
        self.items.fetch_sub(items, Relaxed);
    }
}

impl Hub {
    /// Keys that somebody has read, and how often one by one; and prefixes.
    pub fn tracked(&self) -> (usize, usize, usize) {
        let table = &self.trackers.table;
        (table.keys.load(Relaxed), table.items.load(Relaxed), self.trackers.prefixes.read().len())
    }

    pub fn tracking_clients(&self) -> usize {
        *self.trackers.count()
    }

    fn count_tracker(&self, comes: bool) {
        let mut count = self.trackers.count();
        *count = if comes { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            // From now on nobody says which keys change.
            self.trackers.table.clear();
        }
        self.update_wanted(*count > 0);
    }
}

/// A client wants to hear of changes so from now on. Prefixes that it has had stay.
pub fn enable(server: &Server, client: &Arc<Client>, wish: Tracking) {
    // Only its own worker changes it. Who broadcasts takes its lock while holding that of the prefixes, so not the other
    // way round here.
    let before = client.tracking.lock().as_deref().cloned();
    if before.is_none() {
        server.hub.count_tracker(true);
    }
    let mut all = before.map(|before| before.prefixes).unwrap_or_default();
    {
        let mut prefixes = server.hub.trackers.prefixes.write();
        for prefix in &wish.prefixes {
            if all.insert(Arc::clone(prefix)) {
                prefixes.entry(Arc::clone(prefix)).or_default().push(Arc::clone(client));
                client.interest_bytes.fetch_add(bytes_of(prefix), Relaxed);
            }
        }
    }
    client.set_flag(flag::TRACKING, true);
    client.set_flag(flag::BROADCAST, wish.broadcast);
    client.set_flag(flag::BROKEN_REDIRECT, false);
    *client.tracking.lock() = Some(Box::new(Tracking { prefixes: all, ..wish }));
}

/// ... and no more. The keys that it has read are forgotten when they change.
pub fn disable(server: &Server, client: &Arc<Client>) {
    let Some(tracking) = client.tracking.lock().take() else { return };
    let mut prefixes = server.hub.trackers.prefixes.write();
    for prefix in &tracking.prefixes {
        client.interest_bytes.fetch_sub(bytes_of(prefix), Relaxed);
        if let Some(clients) = prefixes.get_mut(prefix) {
            clients.retain(|other| !Arc::ptr_eq(other, client));
            if clients.is_empty() {
                prefixes.remove(prefix);
            }
        }
    }
    drop(prefixes);
    client.set_flag(flag::TRACKING | flag::BROADCAST | flag::BROKEN_REDIRECT, false);
    server.hub.count_tracker(false);
}

/// Whether a client wants to hear of changes of what it reads now. `caching`: it has just said CLIENT CACHING.
pub fn wants(client: &Client, caching: bool) -> bool {
    client.tracking.lock().as_ref().is_some_and(|tracking| {
        !(tracking.broadcast || tracking.opt_in && !caching || tracking.opt_out && caching)
    })
}

/// Remembers that a client has read this key.
pub(super) fn remember(server: &Server, client: u64, key: &[u8]) {
    server.hub.trackers.table.add(key, client);
    keep_to_limit(server);
}

/// Forgets keys by chance, with a word to those who have read them, as long as there are more than
/// `tracking-table-max-keys`; but not many at a time.
pub fn keep_to_limit(server: &Server) {
    let table = &server.hub.trackers.table;
    let max = server.hot.tracking_table_max_keys.load(Relaxed) as usize;
    for _ in 0..FORGOTTEN_MAX {
        if max == 0 || table.keys.load(Relaxed) <= max {
            return;
        }
        let Some((key, readers)) = table.remove_any() else { return };
        invalidate(server, &readers, &key, 0, Lsn::default());
    }
}

/// Tells those who have read a key that it has changed. `author` is who has changed it.
pub(super) fn changed(server: &Server, key: &[u8], author: u64, lsn: Lsn) {
    let readers = server.hub.trackers.table.remove(key);
    invalidate(server, &readers, key, author, lsn);
}

fn invalidate(server: &Server, readers: &[u64], key: &[u8], author: u64, lsn: Lsn) {
    if readers.is_empty() {
        return;
    }
    let keys = encode(std::iter::once(key), 1);
    for &id in readers {
        let Some(client) = server.clients.get(id) else { continue };
        let redirect = match client.tracking.lock().as_deref() {
            Some(tracking) if !(tracking.broadcast || tracking.no_loop && id == author) => tracking.redirect,
            _ => continue,
        };
        tell(server, &client, redirect, &keys, lsn);
    }
}

/// Tells clients in broadcasting mode of the keys that a unit has changed.
pub(super) fn broadcast<'k>(
    server: &Server,
    changed: impl Iterator<Item = &'k [u8]> + Clone,
    author: u64,
    lsn: Lsn,
) {
    let prefixes = server.hub.trackers.prefixes.read();
    for (prefix, clients) in prefixes.iter() {
        let keys: BTreeSet<&[u8]> = changed.clone().filter(|key| key.starts_with(prefix)).collect();
        if keys.is_empty() {
            continue;
        }
        let keys = encode(keys.iter().copied(), keys.len());
        for client in clients {
            let redirect = match client.tracking.lock().as_deref() {
                Some(tracking) if !(tracking.no_loop && client.id == author) => tracking.redirect,
                _ => continue,
            };
            tell(server, client, redirect, &keys, lsn);
        }
    }
}

/// Tells all that all keys are gone.
pub(super) fn flushed(server: &Server, lsn: Lsn) {
    server.hub.trackers.table.clear();
    for client in server.clients.list() {
        let Some(redirect) = client.tracking.lock().as_deref().map(|tracking| tracking.redirect) else {
            continue;
        };
        let null: &[u8] = if client.speaks() == Protocol::Resp3 { b"_\r\n" } else { b"$-1\r\n" };
        tell(server, &client, redirect, null, lsn);
    }
}

fn encode<'k>(keys: impl Iterator<Item = &'k [u8]>, count: usize) -> Vec<u8> {
    let mut encoded = Vec::new();
    push_header(&mut encoded, b'*', count as i64);
    for key in keys {
        push_header(&mut encoded, b'$', key.len() as i64);
        encoded.extend_from_slice(key);
        encoded.extend_from_slice(b"\r\n");
    }
    encoded
}

/// Sends a client, or who is told instead, an encoded value. Who speaks RESP2 only hears of it as a subscriber who is told
/// instead of another: there is no push within replies.
fn tell(server: &Server, client: &Arc<Client>, redirect: Option<u64>, keys: &[u8], lsn: Lsn) {
    let instead = match redirect.map(|id| (id, server.clients.get(id))) {
        Some((id, None)) => return redirect_is_broken(server, client, id, lsn),
        Some((_, instead)) => instead,
        None => None,
    };
    let receiver = instead.as_ref().unwrap_or(client);
    let head = if receiver.speaks() == Protocol::Resp3 {
        ">2\r\n$10\r\ninvalidate\r\n".to_owned()
    } else if instead.is_some() && receiver.has_flag(flag::PUBSUB) {
        format!("*3\r\n$7\r\nmessage\r\n${}\r\n{CHANNEL}\r\n", CHANNEL.len())
    } else {
        return;
    };
    send(server, receiver, lsn, |out: &mut Output| {
        out.bytes.extend_from_slice(head.as_bytes());
        out.bytes.extend_from_slice(keys);
    });
}

#[cold]
fn redirect_is_broken(server: &Server, client: &Arc<Client>, id: u64, lsn: Lsn) {
    client.set_flag(flag::BROKEN_REDIRECT, true);
    if let Some(tracking) = client.tracking.lock().as_mut() {
        tracking.broken_redirect = true;
    }
    if client.speaks() == Protocol::Resp3 {
        let text = format!(">2\r\n$21\r\ntracking-redir-broken\r\n:{id}\r\n");
        send(server, client, lsn, |out| out.bytes.extend_from_slice(text.as_bytes()));
    }
}
