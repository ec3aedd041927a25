//! The two doors to what is stored.
//!
//! The *read door* ([`Keys::read`]) finds a key that is there and not expired, counts hits and misses and touches the
//! access clock. The *write door* ([`Keys::write`]) gives a [`KeySlot`], whose every change demands a [`Change`]: the
//! event and the effect can't be forgotten, and the expiry index and the counts are kept in step here and nowhere else.
//!
//! Dispatch locks the shards of a command's keys before its handler runs; a handler can reach no other key.

mod module;
mod slot;

pub use module::Module;
pub use slot::{Announcer, KeySlot};
use slot::{Indexes, reindex};

use crate::keyspace::effect::{Change, Effect, EffectBuffer, Lsn};
use crate::keyspace::event::{CHANGES, EventClass, Notice, Notices};
use crate::keyspace::eviction::Candidate;
use crate::keyspace::policy::{AccessClock, Policy};
use crate::keyspace::reclaim::{BYTES_SAMPLES, Reclaimer};
use crate::keyspace::recreate::Pieces;
use crate::keyspace::router::{Keyspace, Locked, Position, Survey};
use crate::keyspace::shard::{Shard, ShardDb, table_in};
use crate::keyspace::wait::{ReadyKey, Waiter, Waiters};
use crate::keyspace::watch::Watch;
use crate::resp::decode::Span;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::entry::Kind;
use dunlin_structures::fields::{self, Fields};
use dunlin_structures::table::{self, Place, Ref, RefMut};
use std::sync::Arc;

/// Expired elements that a command deletes on its way from one key, at most: they are gone for everybody, and the
/// clockwork does the rest. Few in tests, so that small hashes meet it.
const ELEMENTS_PER_KEY: usize = if cfg!(test) { 2 } else { 64 };

/// What a command may do with its keys; lives for one unit.
pub struct Keys<'a> {
    pub keyspace: &'a Keyspace,
    locked: Locked<'a>,
    /// Positions of the request's keys that the batch computed already, in order.
    known: &'a [Known],
    /// Which of them was used last: handlers mostly go through their keys in order.
    cursor: usize,
    /// The time of this unit in ms since 1970: the same for all its keys.
    pub now: i64,
    out: Outbox<'a>,
    pub access: Access,
    /// A shard that was looked at without being held and that a script owns, and that script.
    met_owner: Option<(usize, u64)>,
}

/// A key's position, worked out before its request runs.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub key: Span,
    pub position: Position,
}

/// How reads leave their trace.
#[derive(Clone, Copy)]
pub struct Access {
    /// What the access clock of an entry becomes that is used.
    pub clock: AccessClock,
    /// CLIENT NO-TOUCH: leave the clocks alone.
    pub no_touch: bool,
    /// A pause: what has expired is missing to readers, but stays.
    pub keeps_expired: bool,
}

/// Where changes are announced.
struct Outbox<'a> {
    db: u16,
    /// Where entries go that are no longer stored.
    reclaimer: &'a Reclaimer,
    effects: &'a mut EffectBuffer,
    /// The classes of events that somebody listens to.
    wanted_events: u32,
    request: Args<'a>,
    tally: Tally,
    /// Keys that changed while somebody waits for them, in order.
    ready: Vec<ReadyKey>,
}

/// What becomes of a key's time to live when its value is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    Keep,
    Clear,
    /// Unix time in ms.
    At(i64),
}

/// What a unit did, in figures.
pub struct Tally {
    /// A bit for each shard that was written.
    pub written: u64,
    /// How many changes there were.
    pub changes: u64,
    /// The earliest time to live that was set, in ms since 1970; `i64::MAX`: none.
    pub soonest: i64,
    /// The last LSN of the shards that were looked at without being held.
    pub seen: Lsn,
    /// Keys looked up by reading doors: found and not found.
    pub hits: u32,
    pub misses: u32,
}

impl Tally {
    /// That of a unit that has done nothing.
    const NOTHING: Self =
        Self { written: 0, changes: 0, soonest: i64::MAX, seen: Lsn(0), hits: 0, misses: 0 };

    /// Adds what another part of the same unit did.
    pub fn add(&mut self, other: &Self) {
        self.written |= other.written;
        self.changes += other.changes;
        self.soonest = self.soonest.min(other.soonest);
        self.seen = self.seen.max(other.seen);
        self.hits += other.hits;
        self.misses += other.misses;
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::NOTHING
    }
}

/// What a unit left behind, for dispatch. Looked at where it stands: a copy would wait for what was just stored.
pub struct Finished<'k, 'a> {
    pub locked: &'k mut Locked<'a>,
    pub effects: &'k mut EffectBuffer,
    pub tally: &'k Tally,
}

impl<'a> Keys<'a> {
    #[expect(clippy::too_many_arguments, reason = "called in one place, with what dispatch has at hand")]
    #[inline(always)]
    pub fn new(
        keyspace: &'a Keyspace,
        locked: Locked<'a>,
        known: &'a [Known],
        db: u16,
        now: i64,
        access: Access,
        request: Args<'a>,
        effects: &'a mut EffectBuffer,
        wanted_events: u32,
    ) -> Self {
        let out = Outbox {
            db,
            reclaimer: &keyspace.reclaimer,
            effects,
            wanted_events,
            request,
            tally: Tally::NOTHING,
            ready: Vec::new(),
        };
        Self { keyspace, locked, known, cursor: 0, now, out, access, met_owner: None }
    }

    /// The shards that the unit holds: for whoever locks them.
    #[inline]
    pub fn locked_mut(&mut self) -> &mut Locked<'a> {
        &mut self.locked
    }

    /// The unit had to wait: this is its time and the access clock.
    pub fn set_time(&mut self, now: i64, clock: AccessClock) {
        self.now = now;
        self.access.clock = clock;
    }

    /// Who wants to know of changes: whether a log wants their effects, and the classes of events that somebody listens to.
    #[inline]
    pub fn announce_to(&mut self, effects_wanted: bool, wanted_events: u32) {
        self.out.effects.wanted = effects_wanted;
        self.out.wanted_events = wanted_events;
    }

    /// Looks at what the unit did, while its shards are still locked, so that its effects can be appended in order.
    #[inline]
    pub fn finish(&mut self) -> Finished<'_, 'a> {
        Finished { locked: &mut self.locked, effects: self.out.effects, tally: &self.out.tally }
    }

    /// Counts a key that was looked up by itself, in the keyspace's figures of hits and misses.
    pub fn count_lookup(&mut self, found: bool) {
        match found {
            true => self.out.tally.hits += 1,
            false => self.out.tally.misses += 1,
        }
    }

    /// Whether keys changed that somebody waits for.
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.out.ready.is_empty()
    }

    /// The shards, still locked, and the keys that changed while somebody waits for them, in order.
    pub fn into_ready(self) -> (Locked<'a>, Vec<ReadyKey>) {
        (self.locked, self.out.ready)
    }

    /// The keys that changed while somebody waits for them, in order.
    pub fn take_ready(&mut self) -> Vec<ReadyKey> {
        std::mem::take(&mut self.out.ready)
    }

    /// Begins another unit under the same locks, in that database.
    pub fn begin_again(&mut self, db: u16) {
        (self.cursor, self.out.db, self.out.tally) = (0, db, Tally::NOTHING);
        self.out.effects.clear();
    }

    /// Who waits for a key of a locked shard, at `index` of its queue or behind; and where.
    pub fn waiter(
        &mut self,
        at: Position,
        db: u16,
        key: &[u8],
        index: usize,
    ) -> Option<(usize, Arc<dyn Waiter>)> {
        self.locked.peek(at.shard())?.waiters.next(db, key, index)
    }

    pub fn remove_waiter(&mut self, at: Position, db: u16, key: &[u8], waiter: &dyn Waiter) {
        self.locked.shard(at.shard()).waiters.remove(db, key, waiter);
    }

    /// Whether somebody wants to hear that this key went.
    pub fn missing_is_wanted(&mut self, key: &[u8]) -> bool {
        self.locked.shard(Position::of(key).shard()).waiters.want_missing(key)
    }

    /// What kind of value is stored, expired or not.
    pub fn kind_in(&mut self, position: Position, db: u16, key: &[u8]) -> Option<Kind> {
        let table = self.locked.shard(position.shard()).db(db).table(position)?;
        table.get(position.hash, key).map(|entry| entry.kind())
    }

    /// Has somebody wait for a key of a locked shard.
    pub fn add_waiter(&mut self, key: &[u8], waiter: Arc<dyn Waiter>) {
        let shard = self.position(key).shard();
        let db = self.out.db;
        self.locked.shard(shard).waiters.add(db, key, waiter);
    }

    /// Has a client watch a key of a locked shard of the selected database. Returns whether it did not yet.
    pub fn watch(&mut self, key: &[u8], watch: &Arc<Watch>) -> bool {
        let (shard, db, now) = (self.position(key).shard(), self.out.db, self.now);
        self.locked.shard(shard).watch(db, key, watch, now)
    }

    /// Whether this unit may touch that key. A command that is run again for a client who waited holds only the shards
    /// of the unit that served it.
    pub fn reaches(&mut self, key: &[u8]) -> bool {
        let shard = self.position(key).shard();
        self.holds(shard)
    }

    /// The request that runs.
    pub fn request(&self) -> Args<'a> {
        self.out.request
    }

    pub fn db(&self) -> u16 {
        self.out.db
    }

    /// Works on another database from now on (MOVE, COPY, SWAPDB; a unit that replays).
    pub fn select(&mut self, db: u16) {
        self.out.db = db;
    }

    #[inline]
    fn position(&mut self, key: &[u8]) -> Position {
        for index in [self.cursor, self.cursor + 1] {
            if let Some(known) = self.known.get(index)
                // The same bytes in the same place, so the same position.
                && std::ptr::eq(self.out.request.slice(known.key), key)
            {
                self.cursor = index;
                return known.position;
            }
        }
        Position::of(key)
    }

    /// The read door: the key's entry, if it is there.
    #[inline]
    pub fn read(&mut self, key: &[u8]) -> Option<RefMut<'_, Entry>> {
        let touches = !self.access.no_touch;
        self.look_up(key, touches)
    }

    /// Reads without using the value: hits and misses count, the access clock stays (EXISTS, TTL, TYPE).
    pub fn inspect(&mut self, key: &[u8]) -> Option<RefMut<'_, Entry>> {
        self.look_up(key, false)
    }

    /// Reads and sets the access clock, even for a client whose commands leave no trace (TOUCH).
    pub fn touch(&mut self, key: &[u8]) -> Option<RefMut<'_, Entry>> {
        self.look_up(key, true)
    }

    #[inline(always)]
    fn look_up(&mut self, key: &[u8], touches: bool) -> Option<RefMut<'_, Entry>> {
        let position = self.position(key);
        let stays = self.access.keeps_expired;
        let Self { locked, out, now, access, .. } = self;
        let shard = locked.shard(position.shard());
        if shard.db(out.db).element_expires.is_empty()
            || !is_gone(shard, position, key, *now, (stays, elements_per_read(stays)), out)
        {
            let Shard { dbs, waiters, expired, .. } = shard;
            let db = &mut dbs[out.db as usize];
            let table = db.tables.get_mut(position.table());
            match table.map(|table| table.entry(position.hash, key)) {
                Some(Place::Occupied(entry)) if entry.expire_at().is_none_or(|at| at >= *now) => {
                    out.tally.hits += 1;
                    let mut entry = entry.into_ref();
                    if touches && access.clock.is_news_to(entry.clock()) {
                        let clock = access.clock.after(entry.clock());
                        entry.set_clock(clock);
                    }
                    return Some(entry);
                }
                Some(Place::Occupied(entry)) if !stays => {
                    let indexes = Indexes {
                        count: &mut db.count,
                        expires: &mut db.expires,
                        element_expires: &mut db.element_expires,
                    };
                    *expired += 1;
                    expire(entry, indexes, position, key, waiters, out);
                }
                _ => {}
            }
        }
        out.tally.misses += 1;
        out.event(EventClass::KeyMiss, "keymiss", key);
        None
    }

    /// The read door for commands on strings.
    #[inline]
    pub fn read_string(&mut self, key: &[u8]) -> Result<Option<RefMut<'_, Entry>>, CommandError> {
        self.read_kind(key, Kind::String)
    }

    /// The read door for commands on one kind of value.
    #[inline]
    pub fn read_kind(&mut self, key: &[u8], kind: Kind) -> Result<Option<RefMut<'_, Entry>>, CommandError> {
        match self.read(key) {
            Some(entry) if entry.kind() != kind => Err(CommandError::WrongType),
            found => Ok(found),
        }
    }

    /// The read door for several keys at once, in order: each of that kind, or missing.
    pub fn read_kinds<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k [u8]>,
        kind: Kind,
    ) -> Result<Vec<Option<Ref<'_, Entry>>>, CommandError> {
        let mut found = Vec::with_capacity(keys.size_hint().0);
        for key in keys {
            let is_there = self.read_kind(key, kind)?.is_some();
            found.push(is_there.then(|| (self.position(key), key)));
        }
        let (locked, db) = (&self.locked, self.out.db);
        let entry = |(position, key): (Position, &[u8])| {
            locked.peek(position.shard())?.db_ref(db).table(position)?.get(position.hash, key)
        };
        Ok(found.into_iter().map(|place| place.and_then(entry)).collect())
    }

    /// Looks without leaving a trace: no hit or miss, no touched clock (OBJECT, TTL, DEBUG).
    pub fn peek(&mut self, key: &[u8]) -> Option<Ref<'_, Entry>> {
        let position = self.position(key);
        let stays = self.access.keeps_expired;
        let shard = self.locked.shard(position.shard());
        let db = shard.db(self.out.db);
        if !(db.expires.is_empty() && db.element_expires.is_empty())
            && is_gone(shard, position, key, self.now, (stays, elements_per_read(stays)), &mut self.out)
        {
            return None;
        }
        shard.db_ref(self.out.db).table(position)?.get(position.hash, key)
    }

    /// The write door: the place of a key, taken or free. To come here is a use, even if nothing is changed: it sets the
    /// access clock of what is there.
    #[inline]
    pub fn write<'k>(&'k mut self, key: &'k [u8]) -> KeySlot<'k, 'a> {
        let touches = !self.access.no_touch;
        self.slot(key, touches)
    }

    /// The write door once more, for a key that this command has used already.
    #[inline]
    pub fn write_again<'k>(&'k mut self, key: &'k [u8]) -> KeySlot<'k, 'a> {
        self.slot(key, false)
    }

    #[inline(always)]
    fn slot<'k>(&'k mut self, key: &'k [u8], touches: bool) -> KeySlot<'k, 'a> {
        let position = self.position(key);
        let Self { locked, out, now, access, .. } = self;
        let shard = locked.shard(position.shard());
        // A write that no pause holds back needs a free place, and a hash as it is now.
        if !shard.db(out.db).element_expires.is_empty() {
            is_gone(shard, position, key, *now, (false, ELEMENTS_PER_KEY), out);
        }
        let Shard { dbs, waiters, expired, .. } = shard;
        let ShardDb { tables, count, expires, element_expires } = &mut dbs[out.db as usize];
        let place = match table_in(tables, position).entry(position.hash, key) {
            Place::Occupied(entry) if entry.expire_at().is_some_and(|at| at < *now) => {
                *expired += 1;
                let indexes = Indexes { count, expires, element_expires };
                Place::Vacant(expire(entry, indexes, position, key, waiters, out))
            }
            Place::Occupied(mut entry) if touches => {
                let clock = access.clock.after(entry.clock());
                entry.set_clock(clock);
                Place::Occupied(entry)
            }
            place => place,
        };
        let clock = access.clock;
        KeySlot { place, count, expires, element_expires, waiters, position, key, clock, out }
    }

    /// Deletes every key, and every element of a key, of the locked shard `index` that is due, about `limit` of them.
    /// Returns how many were.
    pub fn expire_due(&mut self, index: usize, limit: usize) -> usize {
        let mut count = 0;
        let selected = self.out.db;
        for db in 0..self.keyspace.databases() {
            self.out.db = db;
            let shard = self.locked.shard(index);
            while count < limit {
                let Some((position, key)) = shard.db(db).due(self.now) else { break };
                expire_key(shard, position, &key, &mut self.out);
                count += 1;
            }
            while count < limit {
                let Some((position, key)) = shard.db(db).element_due(self.now) else { break };
                count += expire_elements(shard, position, &key, self.now, limit - count, &mut self.out);
            }
        }
        self.out.db = selected;
        count
    }

    /// Deletes a key of a locked shard to make room, if it is still what it was. Returns about how many bytes that frees,
    /// perhaps a little later; none if the key stays.
    pub fn evict(&mut self, candidate: &Candidate, policy: Policy) -> Option<u64> {
        let Candidate { position, key, .. } = candidate;
        self.out.db = candidate.db;
        let Shard { dbs, waiters, .. } = self.locked.shard(position.shard());
        let ShardDb { tables, count, expires, element_expires } = &mut dbs[usize::from(candidate.db)];
        let place = tables.get_mut(position.table()).map(|table| table.entry(position.hash, key));
        let Some(Place::Occupied(entry)) = place else { return None };
        if !candidate.is_still(&entry, policy) {
            return None;
        }
        let bytes = entry.sampled_bytes(BYTES_SAMPLES) as u64;
        let indexes = Indexes { count, expires, element_expires };
        drop_key(entry, indexes, (*position, key), waiters, (EventClass::Evicted, "evicted"), &mut self.out);
        Some(bytes)
    }

    /// Looks at the selected database's part in a shard, as [`Keys::visit_shard`] does. For commands that go through
    /// everything shard by shard.
    pub fn visit<R>(&mut self, index: usize, look: impl FnOnce(&ShardDb) -> R) -> R {
        let db = self.out.db;
        self.visit_shard(index, |shard| look(shard.db_ref(db)))
    }

    /// Looks at a shard: under this unit's lock, or, if the unit holds no shards, under one of its own that lasts as long
    /// as `look` runs.
    pub fn visit_shard<R>(&mut self, index: usize, look: impl FnOnce(&mut Shard) -> R) -> R {
        if let Locked::None = self.locked {
            let mut shard = self.keyspace.lock(index);
            self.out.tally.seen = self.out.tally.seen.max(shard.last_lsn);
            if shard.owner != 0 {
                self.met_owner = Some((index, shard.owner));
            }
            look(&mut shard)
        } else {
            look(self.locked.shard(index))
        }
    }

    /// A shard which was looked at, and the script that owns it, if there was one: what was seen may be a part of what it does.
    #[inline]
    pub fn met_owner(&self) -> Option<(usize, u64)> {
        self.met_owner
    }

    /// The shards of the larger unit that this one is a part of, if it is.
    pub fn lent(&mut self) -> Option<&mut Locked<'a>> {
        matches!(self.locked, Locked::Lent(_)).then_some(&mut self.locked)
    }

    /// Frees what a change has taken out of a value, elsewhere if it is large.
    pub fn discard(&self, entry: Entry) {
        self.out.reclaimer.discard(entry);
    }

    /// Whether this unit has locked that shard.
    pub fn holds(&self, index: usize) -> bool {
        self.locked.holds(index)
    }

    /// Visits all shards that are locked, for commands on whole databases.
    pub fn for_each_shard(&mut self, visit: impl FnMut(usize, &mut Shard)) {
        self.locked.for_each(visit);
    }

    /// Announces that everything in the locked shards is gone, of one database or of all.
    pub fn announce_flush(&mut self, effect: Effect<'_>) {
        self.announce_all(effect);
        if self.out.wanted_events & CHANGES != 0 {
            self.out.effects.notices.add(Notice::Flushed);
        }
    }

    /// What others are told of this unit.
    pub fn notices(&mut self) -> &mut Notices {
        &mut self.out.effects.notices
    }

    /// Has a message sent to those who have subscribed to a channel when this unit is over.
    pub fn publish(&mut self, shard: bool, channel: &[u8], payload: &[u8]) {
        self.out.effects.notices.add(Notice::Message { shard, channel, payload });
    }

    /// Has replicas told a command that changes no data, in its turn.
    pub fn announce_aside(&mut self, command: &[&[u8]]) {
        self.out.effects.push_aside(self.out.db, command);
    }

    /// Announces a change that isn't one key's (FLUSHALL, SWAPDB): every locked shard counts as written.
    pub fn announce_all(&mut self, effect: Effect<'_>) {
        let Self { locked, out, .. } = self;
        locked.for_each(|index, shard| {
            out.tally.written |= 1 << index;
            out.ready.extend(shard.waiters.keys());
        });
        self.out.tally.changes += 1;
        self.out.effect(effect);
    }

    /// Announces a change of what belongs to no key (FUNCTION LOAD), with all shards locked.
    pub fn announce_server(&mut self, effect: Effect<'_>) {
        self.out.tally.written = u64::MAX;
        self.out.tally.changes += 1;
        self.out.effect(effect);
    }

    /// Says an event that changes nothing.
    pub fn event(&mut self, class: EventClass, event: &'static str, key: &[u8]) {
        self.out.event(class, event, key);
    }
}

impl Survey for Keys<'_> {
    fn look(&mut self, index: usize, look: &mut dyn FnMut(&mut Shard)) {
        self.visit_shard(index, look);
    }
}

/// How many expired elements a reader deletes, where what has expired does not stay.
const fn elements_per_read(stays: bool) -> usize {
    if stays { 0 } else { ELEMENTS_PER_KEY }
}

/// Whether a reader finds nothing, because the key or all that is in it has expired. What has goes, unless it `stays`, and up
/// to `limit` elements: a reader passes over the rest.
#[cold]
fn is_gone(
    shard: &mut Shard,
    position: Position,
    key: &[u8],
    now: i64,
    (stays, limit): (bool, usize),
    out: &mut Outbox<'_>,
) -> bool {
    let found = |shard: &mut Shard, time_of: fn(&Entry) -> Option<i64>| {
        let table = shard.db_ref(out.db).table(position)?;
        table.get(position.hash, key).and_then(|entry| time_of(&entry)).filter(|&at| at < now)
    };
    if found(shard, Entry::expire_at).is_some() {
        if !stays {
            expire_key(shard, position, key, out);
        }
        return true;
    }
    if found(shard, Entry::next_due).is_none() {
        return false;
    }
    expire_elements(shard, position, key, now, limit, out);
    let entry = shard.db_ref(out.db).table(position).and_then(|table| table.get(position.hash, key));
    entry.is_none_or(|entry| Fields::of(&entry, now).is_empty())
}

/// As [`expire`], for a key that is to be looked up first.
fn expire_key(shard: &mut Shard, position: Position, key: &[u8], out: &mut Outbox<'_>) {
    let Shard { dbs, waiters, expired, .. } = shard;
    let ShardDb { tables, count, expires, element_expires } = &mut dbs[out.db as usize];
    let place = tables.get_mut(position.table()).map(|table| table.entry(position.hash, key));
    if let Some(Place::Occupied(entry)) = place {
        *expired += 1;
        expire(entry, Indexes { count, expires, element_expires }, position, key, waiters, out);
    }
}

/// Deletes an expired key.
#[cold]
fn expire<'k>(
    entry: table::Occupied<'k, Entry>,
    indexes: Indexes<'_>,
    position: Position,
    key: &[u8],
    waiters: &Waiters,
    out: &mut Outbox<'_>,
) -> table::Vacant<'k, Entry> {
    drop_key(entry, indexes, (position, key), waiters, (EventClass::Expired, "expired"), out)
}

/// Deletes a key that nobody asked to delete: everywhere, since the deletion is an effect.
fn drop_key<'k>(
    entry: table::Occupied<'k, Entry>,
    indexes: Indexes<'_>,
    (position, key): (Position, &[u8]),
    waiters: &Waiters,
    (class, event): (EventClass, &'static str),
    out: &mut Outbox<'_>,
) -> table::Vacant<'k, Entry> {
    let (entry, place) = entry.vacate();
    indexes.forget(&entry, position);
    out.reclaimer.discard(entry);
    out.tally.written |= 1 << position.shard();
    out.effects.push(out.db, &[b"DEL", key]);
    out.note_change(key);
    out.event(class, event, key);
    if !waiters.is_empty() {
        waiters.watched().expired(out.db, key);
        out.note_ready(waiters, key);
    }
    place
}

/// Deletes about `limit` elements of a key's value that expired before `now`, and the key if nothing is left in it.
/// Returns how many they were.
#[cold]
fn expire_elements(
    shard: &mut Shard,
    position: Position,
    key: &[u8],
    now: i64,
    limit: usize,
    out: &mut Outbox<'_>,
) -> usize {
    let ShardDb { tables, element_expires, .. } = shard.db(out.db);
    let found = tables.get_mut(position.table()).and_then(|table| table.get_mut(position.hash, key));
    let Some(mut entry) = found.filter(|_| limit > 0) else { return 0 };
    let before = entry.next_due();
    if fields::all_due(&entry, now) {
        // Whatever its size, this takes no longer than any key's end.
        drop(entry);
        out.effects.push(out.db, &[b"DEL", key]);
        expired_elements(shard, position, key, true, out);
        return 1;
    }
    let mut pieces = Pieces::new(b"HDEL", key, 1);
    let (db, effects) = (out.db, &mut *out.effects);
    let mut emit = |args: &[&[u8]]| effects.push(db, args);
    let count = fields::remove_due(&mut entry, now, limit, |name| pieces.arg(name, &mut emit));
    pieces.end(&mut emit);
    let (after, is_empty) = (entry.next_due(), entry.is_empty_collection());
    let leaves_hidden = is_empty && fields::has_hidden(&entry);
    drop(entry);
    if leaves_hidden {
        out.effects.push(out.db, &[b"DEL", key]);
    }
    reindex(element_expires, position, before, after, out);
    if count > 0 {
        expired_elements(shard, position, key, is_empty, out);
    }
    count
}

/// Says that elements of a key's value have expired, and deletes the key if nothing is left in it.
fn expired_elements(shard: &mut Shard, position: Position, key: &[u8], is_empty: bool, out: &mut Outbox<'_>) {
    out.tally.written |= 1 << position.shard();
    out.note_change(key);
    out.event(EventClass::Hash, "hexpired", key);
    match is_empty {
        true => shard.waiters.watched().expired(out.db, key),
        false => shard.waiters.watched().changed(out.db, key),
    }
    if is_empty && let Some(entry) = shard.db(out.db).remove(position, key) {
        out.reclaimer.discard(entry);
        out.event(EventClass::Generic, "del", key);
    }
}

impl Outbox<'_> {
    #[inline]
    fn event(&mut self, class: EventClass, event: &'static str, key: &[u8]) {
        if self.wanted_events & class as u32 != 0 {
            self.effects.notices.add(Notice::Event { class, event, db: self.db, key });
        }
    }

    #[inline]
    fn effect(&mut self, effect: Effect<'_>) {
        match effect {
            Effect::Request => self.effects.push_request(self.db, self.request),
            Effect::Compose(compose) => self.effects.push_composed(self.db, compose),
            Effect::Nothing => {}
        }
    }

    /// Says that a change has met fields that were gone already, and has taken them out.
    #[cold]
    fn fields_expired(&mut self, position: Position, key: &[u8], names: &[Vec<u8>]) {
        let mut pieces = Pieces::new(b"HDEL", key, 1);
        let mut emit = |args: &[&[u8]]| self.effects.push(self.db, args);
        names.iter().for_each(|name| pieces.arg(name, &mut emit));
        pieces.end(&mut emit);
        self.tally.written |= 1 << position.shard();
        self.event(EventClass::Hash, "hexpired", key);
    }

    #[inline(always)]
    fn changed(&mut self, waiters: &Waiters, position: Position, key: &[u8], change: Change<'_>) {
        self.tally.written |= 1 << position.shard();
        self.tally.changes += 1;
        if self.effects.wanted || self.wanted_events != 0 || !waiters.is_empty() {
            self.tell(waiters, key, change);
        }
    }

    /// Says a change to whoever wants to know.
    #[inline(never)]
    fn tell(&mut self, waiters: &Waiters, key: &[u8], change: Change<'_>) {
        self.effect(change.effect);
        if change.touches {
            self.touch(waiters, key);
        }
        if !change.event.is_empty() {
            self.event(change.class, change.event, key);
        }
        if !waiters.is_empty() {
            self.note_ready(waiters, key);
        }
    }

    /// The key counts as another one, for who watches it or has it cached.
    fn touch(&mut self, waiters: &Waiters, key: &[u8]) {
        self.note_change(key);
        if !waiters.is_empty() {
            waiters.watched().changed(self.db, key);
        }
    }

    /// Whoever may have read the key is to know that it is another one now.
    #[inline]
    fn note_change(&mut self, key: &[u8]) {
        if self.wanted_events & CHANGES != 0 {
            self.effects.notices.add(Notice::Changed { key });
        }
    }

    #[inline]
    fn note_ready(&mut self, waiters: &Waiters, key: &[u8]) {
        if waiters.await_key(key) {
            self.ready.push(ReadyKey { db: self.db, key: key.into() });
        }
    }
}
