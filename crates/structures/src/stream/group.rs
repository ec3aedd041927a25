//! Who reads a stream together: groups, their consumers, and what these have not acknowledged yet.

use std::collections::{BTreeMap, BTreeSet};

use super::id::StreamId;

/// Consumers who share the entries of a stream.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The last entry that was delivered to anybody.
    pub last_id: StreamId,
    /// How many entries were delivered, as far as that is known.
    pub entries_read: Option<u64>,
    /// What was delivered and not acknowledged, whoever has it.
    pending: BTreeMap<StreamId, Pending>,
    names: BTreeMap<Box<[u8]>, ConsumerId>,
    /// Where a consumer was that went there is a gap, which the next one takes.
    consumers: Vec<Option<Consumer>>,
}

/// A consumer within its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    pub name: Box<[u8]>,
    /// When it last tried to read or claim, in ms since 1970.
    pub seen_at: i64,
    /// When it last did; -1: never.
    pub active_at: i64,
    pending: BTreeSet<StreamId>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    pub consumer: ConsumerId,
    /// In ms since 1970.
    pub delivered_at: i64,
    pub deliveries: u64,
}

impl Pending {
    /// A number of deliveries and one more. Redis' numbers are signed, and commands must be able to say them.
    pub fn one_more(deliveries: u64) -> u64 {
        count_one(deliveries)
    }
}

/// What a counter is after one more: it ends where no command can say it.
pub(super) fn count_one(before: u64) -> u64 {
    before.saturating_add(1).min(COUNT_MAX)
}

/// The largest number that a stream's counters have.
pub const COUNT_MAX: u64 = i64::MAX as u64;

impl Consumer {
    /// What it has not acknowledged.
    pub fn pending(&self) -> &BTreeSet<StreamId> {
        &self.pending
    }
}

impl Group {
    pub fn new(last_id: StreamId, entries_read: Option<u64>) -> Self {
        Self { last_id, entries_read, ..Self::default() }
    }

    pub fn pending(&self) -> &BTreeMap<StreamId, Pending> {
        &self.pending
    }

    /// The consumer of this name.
    pub fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        self.names.get(name).copied()
    }

    /// A consumer of this group.
    ///
    /// # Panics
    ///
    /// If it was removed, or is another group's.
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id.0 as usize].as_ref().expect("a consumer is asked for while it is there")
    }

    /// As [`Group::consumer`], to be changed.
    pub fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers[id.0 as usize].as_mut().expect("a consumer is asked for while it is there")
    }

    /// All consumers, by name.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = (ConsumerId, &Consumer)> {
        self.names.values().map(|&id| (id, self.consumer(id)))
    }

    /// Makes a consumer if there is none of this name. Returns it, and whether it is new.
    pub fn create(&mut self, name: &[u8], now: i64) -> (ConsumerId, bool) {
        if let Some(id) = self.find(name) {
            return (id, false);
        }
        let consumer =
            Some(Consumer { name: name.into(), seen_at: now, active_at: -1, pending: BTreeSet::new() });
        let is_free = self.consumers.len() > self.names.len();
        let id = match self.consumers.iter().position(Option::is_none).filter(|_| is_free) {
            Some(gap) => {
                self.consumers[gap] = consumer;
                ConsumerId(gap as u32)
            }
            None => {
                self.consumers.push(consumer);
                ConsumerId((self.consumers.len() - 1) as u32)
            }
        };
        self.names.insert(name.into(), id);
        (id, true)
    }

    /// Removes a consumer with all that it has not acknowledged. Returns how many entries that were; none if there is no
    /// such consumer.
    pub fn remove(&mut self, name: &[u8]) -> Option<usize> {
        let id = self.names.remove(name)?;
        let consumer = self.consumers[id.0 as usize].take()?;
        for entry in &consumer.pending {
            self.pending.remove(entry);
        }
        Some(consumer.pending.len())
    }

    /// Gives an entry to a consumer, whoever had it before.
    pub fn assign(&mut self, entry: StreamId, pending: Pending) {
        let before = self.pending.insert(entry, pending);
        match before {
            Some(before) if before.consumer == pending.consumer => {}
            before => {
                if let Some(before) = before {
                    self.consumer_mut(before.consumer).pending.remove(&entry);
                }
                self.consumer_mut(pending.consumer).pending.insert(entry);
            }
        }
    }

    /// Takes an entry off the list. Returns whether it was on it.
    pub fn acknowledge(&mut self, entry: StreamId) -> bool {
        let Some(pending) = self.pending.remove(&entry) else { return false };
        self.consumer_mut(pending.consumer).pending.remove(&entry);
        true
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let per_entry = size_of::<(StreamId, Pending)>() + size_of::<StreamId>();
        let consumers: usize = self.names.keys().map(|name| 2 * name.len() + 48).sum();
        size_of::<Self>()
            + self.pending.len() * per_entry * 3 / 2
            + consumers
            + self.consumers.capacity() * size_of::<Option<Consumer>>()
    }

    pub(super) fn blocks(&self) -> usize {
        self.pending.len() / 3 + 3 * self.consumers.len()
    }

    pub(super) fn check_invariants(&self) -> Result<(), String> {
        let of_consumers: usize = self.consumers().map(|(_, consumer)| consumer.pending.len()).sum();
        if of_consumers != self.pending.len() {
            return Err(format!("{of_consumers} entries at consumers, {} in the group", self.pending.len()));
        }
        let lost = self.pending.iter().find(|(id, p)| !self.consumer(p.consumer).pending.contains(*id));
        lost.map_or(Ok(()), |(id, _)| Err(format!("{id:?} is not with its consumer")))
    }
}
