//! Keyspace notifications: what happened to keys, published on channels of its own.

use super::{channels, tracking};
use crate::keyspace::Lsn;
use crate::keyspace::event::{CHANGES, EventListener, Notice, Notices};
use crate::state::Server;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Beside the classes of events: publish on the key's channel, on the event's channel.
pub const KEYSPACE: u32 = 1 << 0;
pub const KEYEVENT: u32 = 1 << 1;

/// Who listens to what.
pub struct Listening {
    /// The bits of `notify-keyspace-events`.
    notified: AtomicU32,
    /// What units collect: classes of events, and whether changes of keys are among it.
    wanted: AtomicU32,
    /// Somebody else who hears of events; in tests.
    other: Option<Box<dyn EventListener>>,
}

impl Listening {
    pub(super) fn new(other: Option<Box<dyn EventListener>>) -> Self {
        let wanted = other.as_ref().map_or(0, |other| other.wanted());
        Self { notified: AtomicU32::new(0), wanted: AtomicU32::new(wanted), other }
    }
}

impl super::Hub {
    /// What a unit has to collect; zero: nothing, since nobody listens.
    #[inline]
    pub fn wanted(&self) -> u32 {
        self.listening.wanted.load(Relaxed)
    }

    /// `notify-keyspace-events` has changed.
    pub fn notify(&self, classes: u32) {
        self.listening.notified.store(classes, Relaxed);
        // Held, so that who begins to track meanwhile is not overlooked.
        let trackers = self.trackers.count();
        self.update_wanted(*trackers > 0);
    }

    /// Whether somebody wants to hear of all changes of keys.
    pub(super) fn update_wanted(&self, changes: bool) {
        let notified = self.listening.notified.load(Relaxed);
        let classes =
            if notified & (KEYSPACE | KEYEVENT) != 0 { notified & !(KEYSPACE | KEYEVENT) } else { 0 };
        let others = self.listening.other.as_ref().map_or(0, |other| other.wanted());
        let changes = if changes { CHANGES } else { 0 };
        self.listening.wanted.store(classes | others | changes, Relaxed);
    }
}

/// Tells all who listen of what a unit did. It leaves once `lsn` may.
#[cold]
pub fn tell(server: &Server, notices: &Notices, lsn: Lsn) {
    let listening = &server.hub.listening;
    let notified = listening.notified.load(Relaxed);
    for notice in notices.iter() {
        match notice {
            Notice::Event { class, event, db, key } => {
                if let Some(other) =
                    listening.other.as_ref().filter(|other| other.wanted() & class as u32 != 0)
                {
                    other.heard(event, db, key);
                }
                if notified & class as u32 != 0 {
                    publish_event(server, notified, event, db, key, lsn);
                }
            }
            Notice::Message { shard: false, channel, payload } => {
                channels::publish(server, channel, payload, lsn);
            }
            Notice::Message { shard: true, channel, payload } => {
                channels::publish_to_shard(server, channel, payload, lsn);
            }
            Notice::Read { key } => tracking::remember(server, notices.author, key),
            Notice::Changed { key } => tracking::changed(server, key, notices.author, lsn),
            Notice::Flushed => tracking::flushed(server, lsn),
        }
    }
    if server.hub.wanted() & CHANGES != 0 {
        tracking::broadcast(server, notices.changed(), notices.author, lsn);
    }
}

fn publish_event(server: &Server, notified: u32, event: &str, db: u16, key: &[u8], lsn: Lsn) {
    if !server.hub.has_subscribers() {
        return;
    }
    if notified & KEYSPACE != 0 {
        let channel = [format!("__keyspace@{db}__:").as_bytes(), key].concat();
        channels::publish(server, &channel, event.as_bytes(), lsn);
    }
    if notified & KEYEVENT != 0 {
        channels::publish(server, format!("__keyevent@{db}__:{event}").as_bytes(), key, lsn);
    }
}
