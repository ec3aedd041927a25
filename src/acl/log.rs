//! What was denied, for ACL LOG. Denials of the same kind within a minute share an entry.
//!
//! Bounded by `acllog-max-len` entries, each of a bounded length, whatever clients name.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

/// Denials that are further apart have entries of their own.
const SAME_MS: i64 = 60_000;
/// So many entries are looked at for one that a denial could share.
const LOOKED_AT_MAX: usize = 10;
/// Bytes that an entry keeps of what was denied, or of a name.
const TEXT_LEN_MAX: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Command,
    Key,
    Channel,
    Auth,
}

impl Reason {
    pub fn word(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Key => "key",
            Self::Channel => "channel",
            Self::Auth => "auth",
        }
    }
}

/// Where it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    TopLevel,
    Multi,
    Script,
}

impl Context {
    pub fn word(self) -> &'static str {
        match self {
            Self::TopLevel => "toplevel",
            Self::Multi => "multi",
            Self::Script => "lua",
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub count: u64,
    pub reason: Reason,
    pub context: Context,
    /// The command, the key or the channel.
    pub object: Vec<u8>,
    pub user: Vec<u8>,
    /// The client's line of CLIENT LIST, of the last time.
    pub client: Vec<u8>,
    /// Grows by one with each entry.
    pub id: u64,
    /// In ms since 1970.
    pub created_at: i64,
    pub updated_at: i64,
}

/// What happened.
pub struct Denial<'a> {
    pub reason: Reason,
    pub context: Context,
    pub object: &'a [u8],
    pub user: &'a [u8],
    pub client: Vec<u8>,
    /// In ms since 1970.
    pub now: i64,
}

#[derive(Default)]
struct Entries {
    /// The latest one first.
    entries: VecDeque<Entry>,
    next_id: u64,
}

/// See the module's text.
#[derive(Default)]
pub struct Log {
    entries: Mutex<Entries>,
    /// How many of each reason there have been since the start, in the order of [`Reason`].
    counts: [AtomicU64; 4],
}

impl Log {
    /// Notes a denial, and forgets the oldest entries above `len_max`.
    pub fn add(&self, denial: Denial<'_>, len_max: usize) {
        self.counts[denial.reason as usize].fetch_add(1, Ordering::Relaxed);
        let (object, user) = (cut(denial.object), cut(denial.user));
        let mut guard = self.entries.lock();
        let Entries { entries, next_id } = &mut *guard;
        let is_same = |entry: &Entry| {
            entry.reason == denial.reason
                && entry.context == denial.context
                && (entry.updated_at - denial.now).abs() <= SAME_MS
                && entry.object == object
                && entry.user == user
        };
        if let Some(at) = entries.iter().take(LOOKED_AT_MAX).position(is_same)
            && let Some(mut entry) = entries.remove(at)
        {
            entry.client = denial.client;
            entry.updated_at = denial.now;
            entry.count += 1;
            entries.push_front(entry);
            return;
        }
        entries.push_front(Entry {
            count: 1,
            reason: denial.reason,
            context: denial.context,
            object,
            user,
            client: denial.client,
            id: *next_id,
            created_at: denial.now,
            updated_at: denial.now,
        });
        *next_id += 1;
        entries.truncate(len_max);
    }

    /// The latest `count` entries, the last one first.
    pub fn latest(&self, count: usize) -> Vec<Entry> {
        self.entries.lock().entries.iter().take(count).cloned().collect()
    }

    pub fn reset(&self) {
        self.entries.lock().entries.clear();
    }

    /// How often something was denied for this reason since the start.
    pub fn count(&self, reason: Reason) -> u64 {
        self.counts[reason as usize].load(Ordering::Relaxed)
    }
}

/// What is kept of a text that a client made up.
fn cut(text: &[u8]) -> Vec<u8> {
    if text.len() <= TEXT_LEN_MAX {
        return text.to_vec();
    }
    let more = format!("... ({} more bytes)", text.len() - TEXT_LEN_MAX);
    [&text[..TEXT_LEN_MAX], more.as_bytes()].concat()
}
