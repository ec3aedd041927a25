//! Named events: what happened to a key, in the words of Redis' keyspace notifications.
//!
//! The doors say them, and a unit collects them with its effects; who listens (notifications, invalidation) is told when
//! the unit is over. Events can't be read off effects: SPOP is logged as SREM but says `spop`.

use std::ops::Range;

/// The classes of `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum EventClass {
    Generic = 1 << 2,
    String = 1 << 3,
    List = 1 << 4,
    Set = 1 << 5,
    Hash = 1 << 6,
    SortedSet = 1 << 7,
    Expired = 1 << 8,
    Evicted = 1 << 9,
    Stream = 1 << 10,
    KeyMiss = 1 << 11,
    Module = 1 << 13,
    New = 1 << 14,
    /// A change of which no notification tells, as PFCOUNT's of what it keeps; whoever watches the key still hears of it.
    Silent = 1 << 15,
}

/// Beside the classes: somebody wants to hear of every key that changes.
pub const CHANGES: u32 = 1 << 16;

/// Hears of every event whose class it asks for.
pub trait EventListener: Send + Sync {
    /// The classes, as bits of [`EventClass`].
    fn wanted(&self) -> u32;
    fn heard(&self, event: &'static str, db: u16, key: &[u8]);
}

/// What a unit has others told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<'a> {
    /// It happened to a key.
    Event { class: EventClass, event: &'static str, db: u16, key: &'a [u8] },
    /// A client that wants to hear of changes has read a key.
    Read { key: &'a [u8] },
    /// A key is no longer what it was.
    Changed { key: &'a [u8] },
    /// All keys of a database, or of all, are gone.
    Flushed,
    /// A message for those who have subscribed to a channel.
    Message { shard: bool, channel: &'a [u8], payload: &'a [u8] },
}

/// A unit's notices, in order.
#[derive(Default)]
pub struct Notices {
    bytes: Vec<u8>,
    list: Vec<Kept>,
    /// The client whose request it is; zero: nobody's.
    pub author: u64,
}

/// A notice whose texts stand in [`Notices::bytes`].
enum Kept {
    Event { class: EventClass, event: &'static str, db: u16, key: Range<usize> },
    Read { key: Range<usize> },
    Changed { key: Range<usize> },
    Flushed,
    Message { shard: bool, channel: Range<usize>, payload: Range<usize> },
}

impl Notices {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.list.clear();
        self.author = 0;
    }

    #[cold]
    pub fn add(&mut self, notice: Notice<'_>) {
        let mut keep = |text: &[u8]| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(text);
            start..self.bytes.len()
        };
        let kept = match notice {
            Notice::Event { class, event, db, key } => Kept::Event { class, event, db, key: keep(key) },
            Notice::Read { key } => Kept::Read { key: keep(key) },
            Notice::Changed { key } => Kept::Changed { key: keep(key) },
            Notice::Flushed => Kept::Flushed,
            Notice::Message { shard, channel, payload } => {
                Kept::Message { shard, channel: keep(channel), payload: keep(payload) }
            }
        };
        self.list.push(kept);
    }

    /// Forgets all but what has happened to keys: their unit says and reads the rest again.
    pub fn keep_changes(&mut self) {
        self.list.retain(|kept| match kept {
            Kept::Event { class, .. } => !matches!(class, EventClass::KeyMiss),
            Kept::Changed { .. } | Kept::Flushed => true,
            Kept::Read { .. } | Kept::Message { .. } => false,
        });
        if self.list.is_empty() {
            self.clear();
        }
    }

    /// The keys that have changed.
    pub fn changed(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.list.iter().filter_map(|kept| match kept {
            Kept::Changed { key } => Some(&self.bytes[key.clone()]),
            Kept::Event { .. } | Kept::Read { .. } | Kept::Flushed | Kept::Message { .. } => None,
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = Notice<'_>> {
        let text = |range: &Range<usize>| &self.bytes[range.clone()];
        self.list.iter().map(move |kept| match kept {
            Kept::Event { class, event, db, key } => {
                Notice::Event { class: *class, event, db: *db, key: text(key) }
            }
            Kept::Read { key } => Notice::Read { key: text(key) },
            Kept::Changed { key } => Notice::Changed { key: text(key) },
            Kept::Flushed => Notice::Flushed,
            Kept::Message { shard, channel, payload } => {
                Notice::Message { shard: *shard, channel: text(channel), payload: text(payload) }
            }
        })
    }
}
