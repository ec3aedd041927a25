//! Who subscribed to which channels and patterns, and what is published to them.

use super::message::Message;
use super::{Queued, queue};
use crate::keyspace::Lsn;
use crate::state::Server;
use crate::state::clients::Client;
use dashmap::DashMap;
use dunlin_structures::glob;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A channel's or pattern's name, shared by all who keep it.
pub type Name = Arc<[u8]>;

/// About how many bytes it takes that a client is interested in something of this name: a place in two sets, and the
/// name with its own header.
pub fn bytes_of(name: &Name) -> u64 {
    const PLACES_BYTES: usize = 64;
    (name.len() + PLACES_BYTES) as u64
}

/// Subscribers by channel.
#[derive(Default)]
pub struct Registry {
    channels: DashMap<Name, Subscribers>,
}

/// Subscribers by pattern.
pub type Patterns = BTreeMap<Name, Subscribers>;

/// Who subscribed to one channel or pattern, by worker.
#[derive(Default)]
pub struct Subscribers {
    groups: SmallVec<[(usize, Vec<Arc<Client>>); 1]>,
}

/// The kinds of subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Channel,
    Pattern,
    Shard,
}

/// What one client has subscribed to.
#[derive(Default)]
pub struct Subscriptions {
    pub channels: BTreeSet<Name>,
    pub patterns: BTreeSet<Name>,
    pub shard_channels: BTreeSet<Name>,
}

impl Subscriptions {
    pub fn of(&self, kind: Kind) -> &BTreeSet<Name> {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shard_channels,
        }
    }

    fn of_mut(&mut self, kind: Kind) -> &mut BTreeSet<Name> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shard_channels,
        }
    }

    /// Whether this is so for each of them, by its name, and whether that is a pattern.
    pub fn are_all(&self, is_so: impl Fn(&[u8], bool) -> bool) -> bool {
        let [mut channels, mut patterns, mut shards] =
            [&self.channels, &self.patterns, &self.shard_channels].map(BTreeSet::iter);
        channels.all(|name| is_so(name, false))
            && patterns.all(|name| is_so(name, true))
            && shards.all(|name| is_so(name, false))
    }

    /// What a confirmation tells: shard channels are counted for themselves.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Channel | Kind::Pattern => self.channels.len() + self.patterns.len(),
            Kind::Shard => self.shard_channels.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shard_channels.is_empty()
    }
}

impl Subscribers {
    pub fn len(&self) -> usize {
        self.groups.iter().map(|(_, clients)| clients.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many would get a message now: not those who are being cut off, which their connections see to.
    fn receivers(&self) -> usize {
        let clients = self.groups.iter().flat_map(|(_, clients)| clients);
        clients.filter(|client| !client.is_killed()).count()
    }

    fn add(&mut self, client: &Arc<Client>) {
        match self.groups.iter_mut().find(|(worker, _)| *worker == client.worker) {
            Some((_, clients)) => clients.push(Arc::clone(client)),
            None => self.groups.push((client.worker, vec![Arc::clone(client)])),
        }
    }

    fn remove(&mut self, client: &Arc<Client>) {
        let Some(group) = self.groups.iter().position(|(worker, _)| *worker == client.worker) else { return };
        let clients = &mut self.groups[group].1;
        if let Some(index) = clients.iter().position(|other| Arc::ptr_eq(other, client)) {
            clients.swap_remove(index);
        }
        if clients.is_empty() {
            self.groups.swap_remove(group);
        }
    }

    /// Queues a message for all, and calls each worker once. Returns how many get it.
    fn tell(&self, server: &Server, message: &Message, lsn: Lsn) -> usize {
        let mut told = 0;
        let mut due: SmallVec<[Arc<Client>; 32]> = SmallVec::new();
        for (worker, clients) in &self.groups {
            for client in clients {
                match queue(server, client, lsn, |out| message.write(out, client.speaks())) {
                    Queued::First => due.push(Arc::clone(client)),
                    Queued::Behind => {}
                    Queued::Refused => continue,
                }
                told += 1;
            }
            if let Some(lane) = server.hub.lanes.get(*worker).filter(|_| !due.is_empty()) {
                lane.add(due.drain(..));
            }
        }
        told
    }
}

impl Registry {
    /// How many channels have subscribers.
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// How many have subscribed to a channel.
    pub fn subscribers(&self, channel: &[u8]) -> usize {
        self.channels.get(channel).map_or(0, |subscribers| subscribers.receivers())
    }

    /// The channels that somebody has subscribed to and that match the pattern, if there is one.
    pub fn names(&self, pattern: Option<&[u8]>) -> Vec<Name> {
        let names = self.channels.iter().map(|channel| Arc::clone(channel.key()));
        names.filter(|name| pattern.is_none_or(|pattern| glob::matches(pattern, name, false))).collect()
    }

    fn add(&self, name: &Name, client: &Arc<Client>) {
        self.channels.entry(Arc::clone(name)).or_default().add(client);
    }

    fn remove(&self, name: &Name, client: &Arc<Client>) {
        let Some(mut subscribers) = self.channels.get_mut(name) else { return };
        subscribers.remove(client);
        let is_empty = subscribers.is_empty();
        drop(subscribers);
        if is_empty {
            // Somebody may have come meanwhile.
            self.channels.remove_if(name, |_, subscribers| subscribers.is_empty());
        }
    }
}

impl super::Hub {
    /// How many patterns somebody has subscribed to.
    pub fn pattern_count(&self) -> usize {
        self.patterns.read().len()
    }

    /// Whether a message to any channel might reach anybody.
    pub fn has_subscribers(&self) -> bool {
        !self.channels.is_empty() || !self.patterns.read().is_empty()
    }

    fn add(&self, kind: Kind, name: &Name, client: &Arc<Client>) {
        match kind {
            Kind::Channel => self.channels.add(name, client),
            Kind::Shard => self.shard_channels.add(name, client),
            Kind::Pattern => self.patterns.write().entry(Arc::clone(name)).or_default().add(client),
        }
    }

    fn remove(&self, kind: Kind, name: &Name, client: &Arc<Client>) {
        match kind {
            Kind::Channel => self.channels.remove(name, client),
            Kind::Shard => self.shard_channels.remove(name, client),
            Kind::Pattern => {
                let mut patterns = self.patterns.write();
                if let Some(subscribers) = patterns.get_mut(name) {
                    subscribers.remove(client);
                    if subscribers.is_empty() {
                        patterns.remove(name);
                    }
                }
            }
        }
    }
}

/// Subscribes a client. Called on its own worker. Returns how many subscriptions of this kind it has now.
pub fn subscribe(server: &Server, client: &Arc<Client>, kind: Kind, name: &[u8]) -> usize {
    let mut subscriptions = client.subscriptions.lock();
    let subscriptions = subscriptions.get_or_insert_default();
    if !subscriptions.of(kind).contains(name) {
        let name: Name = name.into();
        server.hub.add(kind, &name, client);
        client.interest_bytes.fetch_add(bytes_of(&name), Relaxed);
        subscriptions.of_mut(kind).insert(name);
    }
    subscriptions.count(kind)
}

/// Ends a subscription, if there is one. Returns how many of this kind remain.
pub fn unsubscribe(server: &Server, client: &Arc<Client>, kind: Kind, name: &[u8]) -> usize {
    let mut subscriptions = client.subscriptions.lock();
    let Some(subscriptions) = subscriptions.as_mut() else { return 0 };
    if let Some(name) = subscriptions.of_mut(kind).take(name) {
        server.hub.remove(kind, &name, client);
        client.interest_bytes.fetch_sub(bytes_of(&name), Relaxed);
    }
    subscriptions.count(kind)
}

/// Ends all of a client's subscriptions, without a word.
pub fn unsubscribe_all(server: &Server, client: &Arc<Client>) {
    let Some(subscriptions) = client.subscriptions.lock().take() else { return };
    for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
        for name in subscriptions.of(kind) {
            server.hub.remove(kind, name, client);
            client.interest_bytes.fetch_sub(bytes_of(name), Relaxed);
        }
    }
}

/// Sends a message to who has subscribed to a channel, and to who has to a pattern that it matches. It leaves once `lsn`
/// may. Returns how many get it; who has subscribed twice gets it twice.
pub fn publish(server: &Server, channel: &[u8], payload: &[u8], lsn: Lsn) -> usize {
    let hub = &server.hub;
    let mut told = 0;
    if let Some(subscribers) = hub.channels.channels.get(channel) {
        told +=
            subscribers.tell(server, &Message::new(&[b"message", channel, payload], &server.backlog), lsn);
    }
    let patterns = hub.patterns.read();
    for (pattern, subscribers) in patterns.iter() {
        if glob::matches(pattern, channel, false) {
            let message = Message::new(&[b"pmessage", pattern, channel, payload], &server.backlog);
            told += subscribers.tell(server, &message, lsn);
        }
    }
    told
}

/// As [`publish`], to a shard channel: no pattern hears of it.
pub fn publish_to_shard(server: &Server, channel: &[u8], payload: &[u8], lsn: Lsn) -> usize {
    let Some(subscribers) = server.hub.shard_channels.channels.get(channel) else { return 0 };
    subscribers.tell(server, &Message::new(&[b"smessage", channel, payload], &server.backlog), lsn)
}

/// How many would get a message to that channel now.
pub fn count_receivers(server: &Server, channel: &[u8]) -> usize {
    let matching = |(pattern, _): &(&Name, &Subscribers)| glob::matches(pattern, channel, false);
    let patterns = server.hub.patterns.read();
    let by_pattern: usize =
        patterns.iter().filter(matching).map(|(_, subscribers)| subscribers.receivers()).sum();
    server.hub.channels.subscribers(channel) + by_pattern
}
