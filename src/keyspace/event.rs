//! Named events: what happened to a key, in the words of Redis' keyspace notifications.
//!
//! The write door says them; who listens (notifications, WATCH, waiting clients, invalidation) is wired above. Events
//! can't be read off effects: SPOP is logged as SREM but says `spop`.

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
    New = 1 << 14,
    /// A change of which no notification tells, as PFCOUNT's of what it keeps; whoever watches the key still hears of it.
    Silent = 1 << 15,
}

/// Hears of every event whose class somebody asked for. Called with the key's shard locked: it must be quick.
pub trait EventListener: Send + Sync {
    /// The classes that somebody listens to, as bits of [`EventClass`]. Zero: nobody.
    fn wanted(&self) -> u32;
    fn heard(&self, class: EventClass, event: &'static str, db: u16, key: &[u8]);
}

/// Nobody listens.
pub struct Silence;

impl EventListener for Silence {
    fn wanted(&self) -> u32 {
        0
    }

    fn heard(&self, _: EventClass, _: &'static str, _: u16, _: &[u8]) {}
}
