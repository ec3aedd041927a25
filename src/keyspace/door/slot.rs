//! The write door's place of a key: what may be done to it. Every change says what it was.

use super::{Expiry, Outbox};
use crate::keyspace::effect::Change;
use crate::keyspace::event::EventClass;
use crate::keyspace::expiry::ExpiryIndex;
use crate::keyspace::policy::AccessClock;
use crate::keyspace::router::Position;
use crate::keyspace::shard::KeyCount;
use crate::keyspace::wait::Waiters;
use crate::resp::CommandError;
use dunlin_structures::Entry;
use dunlin_structures::entry::{Kind, StringValue};
use dunlin_structures::fields;
use dunlin_structures::table;

/// The place of one key, taken or free. Every change says what it was.
pub struct KeySlot<'k, 'a> {
    pub(super) place: table::Place<'k, Entry>,
    pub(super) count: &'k mut KeyCount,
    pub(super) expires: &'k mut ExpiryIndex,
    pub(super) element_expires: &'k mut ExpiryIndex,
    pub(super) waiters: &'k Waiters,
    pub(super) position: Position,
    pub(super) key: &'k [u8],
    pub(super) clock: AccessClock,
    pub(super) out: &'k mut Outbox<'a>,
}

impl KeySlot<'_, '_> {
    #[inline]
    pub fn exists(&self) -> bool {
        matches!(self.place, table::Place::Occupied(_))
    }

    /// What is stored.
    #[inline]
    pub fn entry(&self) -> Option<&Entry> {
        match &self.place {
            table::Place::Occupied(entry) => Some(entry),
            table::Place::Vacant(_) => None,
        }
    }

    /// What is stored, if it is a string or nothing.
    #[inline]
    pub fn string(&self) -> Result<Option<&Entry>, CommandError> {
        self.of_kind(Kind::String)
    }

    /// What is stored, if it is of this kind or nothing.
    #[inline]
    pub fn of_kind(&self, kind: Kind) -> Result<Option<&Entry>, CommandError> {
        match self.entry() {
            Some(entry) if entry.kind() != kind => Err(CommandError::WrongType),
            found => Ok(found),
        }
    }

    /// Stores a string, whatever was there before.
    #[inline]
    pub fn put_string(self, value: StringValue<'_>, expiry: Expiry, change: Change<'_>) {
        let Self { place, count, expires, element_expires, waiters, position, key, clock, out } = self;
        match place {
            table::Place::Occupied(mut entry) => {
                let old = entry.expire_at();
                let new = match expiry {
                    Expiry::Keep => old,
                    Expiry::Clear => None,
                    Expiry::At(at) => Some(at),
                };
                if old != new {
                    reindex(expires, position, old, new, out);
                }
                if entry.kind() == Kind::String {
                    entry.set_string(value);
                    if old != new {
                        entry.set_expire_at(new);
                    }
                } else {
                    reindex(element_expires, position, entry.next_due(), None, out);
                    // Other contents are no other key: how often it is used stays.
                    let mut next = Entry::string(key, value, new);
                    next.set_clock(entry.clock());
                    out.reclaimer.discard(std::mem::replace(&mut *entry, next));
                }
            }
            table::Place::Vacant(place) => {
                let at = if let Expiry::At(at) = expiry { Some(at) } else { None };
                let mut entry = Entry::string(key, value, at);
                entry.set_clock(clock.initial());
                reindex(expires, position, None, at, out);
                count.one_more();
                place.insert(entry);
                out.event(EventClass::New, "new", key);
            }
        }
        out.changed(waiters, position, key, change);
    }

    /// Stores an entry that was made elsewhere (RENAME, COPY, MOVE), whatever was there before. Its key must be this
    /// slot's. The effect is what recreates it.
    pub fn put(self, entry: Entry, class: EventClass, event: &'static str) {
        self.out.effects.push_recreation(self.out.db, &entry);
        self.place(entry, Change::covered(class, event));
    }

    /// As [`KeySlot::put`], for what was stored elsewhere and Redis first deletes and then adds: its caller has said that it
    /// is new. Its access clock stays.
    pub fn put_anew(self, entry: Entry, class: EventClass, event: &'static str) {
        self.out.effects.push_recreation(self.out.db, &entry);
        self.place_anew(entry, Change::covered(class, event));
    }

    /// As [`KeySlot::put`], for who says the effect.
    pub fn place(self, mut entry: Entry, change: Change<'_>) {
        match &self.place {
            // What took its place is used as often: the door has counted this use.
            table::Place::Occupied(old) => entry.set_clock(old.clock()),
            table::Place::Vacant(_) => {
                entry.set_clock(self.clock.initial());
                self.out.event(EventClass::New, "new", self.key);
            }
        }
        self.place_anew(entry, change);
    }

    /// As [`KeySlot::place`], where the caller has said that it is new, and when it was used last.
    pub fn place_anew(self, entry: Entry, change: Change<'_>) {
        let Self { place, count, expires, element_expires, waiters, position, key, out, .. } = self;
        debug_assert_eq!(entry.key(), key);
        let (new, due) = (entry.expire_at(), entry.next_due());
        match place {
            table::Place::Occupied(mut old) => {
                reindex(expires, position, old.expire_at(), new, out);
                reindex(element_expires, position, old.next_due(), due, out);
                out.reclaimer.discard(std::mem::replace(&mut *old, entry));
            }
            table::Place::Vacant(place) => {
                reindex(expires, position, None, new, out);
                reindex(element_expires, position, None, due, out);
                count.one_more();
                place.insert(entry);
            }
        }
        out.changed(waiters, position, key, change);
    }

    /// Changes the value in place, keeping the time to live. `None` if nothing is there.
    #[inline(always)]
    pub fn update<R>(&mut self, change: Change<'_>, edit: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let table::Place::Occupied(entry) = &mut self.place else { return None };
        let before = entry.expire_at();
        let result = edit(entry);
        debug_assert_eq!(before, entry.expire_at(), "the time to live is set by set_expiry");
        self.out.changed(self.waiters, self.position, self.key, change);
        Some(result)
    }

    /// Changes a collection. One that isn't there is made first, one that has no elements afterwards is deleted.
    ///
    /// `announce` is given what `edit` returned, and says what changed: without a word nothing may have. The entry must
    /// be of the kind that `make` makes; see [`KeySlot::of_kind`].
    #[inline]
    pub fn edit<R>(
        self,
        make: impl FnOnce(&[u8]) -> Entry,
        edit: impl FnOnce(&mut Entry) -> R,
        announce: impl FnOnce(&R, &mut Announcer<'_, '_>),
    ) -> R {
        self.edit_or_make::<R, true>(make, edit, announce)
    }

    /// As [`KeySlot::edit`], for what takes no element away: nobody asks then whether any is left.
    #[inline]
    pub fn add<R>(
        self,
        make: impl FnOnce(&[u8]) -> Entry,
        edit: impl FnOnce(&mut Entry) -> R,
        announce: impl FnOnce(&R, &mut Announcer<'_, '_>),
    ) -> R {
        self.edit_or_make::<R, false>(make, edit, announce)
    }

    #[inline]
    fn edit_or_make<R, const TAKES: bool>(
        self,
        make: impl FnOnce(&[u8]) -> Entry,
        edit: impl FnOnce(&mut Entry) -> R,
        announce: impl FnOnce(&R, &mut Announcer<'_, '_>),
    ) -> R {
        let Self { place, count, expires, element_expires, waiters, position, key, clock, out } = self;
        match place {
            table::Place::Occupied(entry) => {
                let indexes = Indexes { count, expires, element_expires };
                let announcer = Announcer { waiters, position, key, out };
                edit_stored::<R, TAKES>(entry, indexes, announcer, edit, announce)
            }
            table::Place::Vacant(place) => {
                let mut entry = make(key);
                let result = edit(&mut entry);
                if !entry.is_empty_collection() {
                    entry.set_clock(clock.initial());
                    reindex(element_expires, position, None, entry.next_due(), out);
                    count.one_more();
                    place.insert(entry);
                    out.event(EventClass::New, "new", key);
                }
                announce(&result, &mut Announcer { waiters, position, key, out });
                result
            }
        }
    }

    /// As [`KeySlot::edit`], if there is something; else nothing happens.
    #[inline]
    pub fn edit_existing<R>(
        self,
        edit: impl FnOnce(&mut Entry) -> R,
        announce: impl FnOnce(&R, &mut Announcer<'_, '_>),
    ) -> Option<R> {
        let Self { place, count, expires, element_expires, waiters, position, key, out, .. } = self;
        let table::Place::Occupied(entry) = place else { return None };
        let indexes = Indexes { count, expires, element_expires };
        let announcer = Announcer { waiters, position, key, out };
        Some(edit_stored::<R, true>(entry, indexes, announcer, edit, announce))
    }

    /// Sets or clears the time to live. Does nothing if the key isn't there.
    pub fn set_expiry(&mut self, at: Option<i64>, change: Change<'_>) {
        if let table::Place::Occupied(entry) = &mut self.place {
            reindex(self.expires, self.position, entry.expire_at(), at, self.out);
            entry.set_expire_at(at);
            self.out.changed(self.waiters, self.position, self.key, change);
        }
    }

    /// Deletes the key and returns what was stored: for who moves it elsewhere. See [`KeySlot::discard`].
    pub fn delete(self, change: Change<'_>) -> Option<Entry> {
        let Self { place, count, expires, element_expires, waiters, position, key, out, .. } = self;
        let table::Place::Occupied(entry) = place else { return None };
        let entry = entry.remove();
        Indexes { count, expires, element_expires }.forget(&entry, position);
        out.changed(waiters, position, key, change);
        Some(entry)
    }

    /// Deletes the key and frees its value, elsewhere if that is large. Returns whether there was one.
    pub fn discard(self, change: Change<'_>) -> bool {
        let reclaimer = self.out.reclaimer;
        self.delete(change).map(|entry| reclaimer.discard(entry)).is_some()
    }

    /// Says a further event of a change that was made.
    pub fn event(&mut self, class: EventClass, event: &'static str) {
        self.out.event(class, event, self.key);
    }
}

/// Where an edit says what it changed.
pub struct Announcer<'k, 'a> {
    waiters: &'k Waiters,
    position: Position,
    key: &'k [u8],
    out: &'k mut Outbox<'a>,
}

impl Announcer<'_, '_> {
    /// The key was changed so.
    #[inline]
    pub fn change(&mut self, change: Change<'_>) {
        self.out.changed(self.waiters, self.position, self.key, change);
    }

    /// The key counts as changed, though it is what it was: there is nothing to log.
    pub fn touch(&mut self) {
        self.out.touch(self.waiters, self.key);
    }

    /// Says a further event of a change.
    pub fn event(&mut self, class: EventClass, event: &'static str) {
        self.out.event(class, event, self.key);
    }
}

/// What is kept in step with the entries of a database.
pub(super) struct Indexes<'k> {
    pub(super) count: &'k mut KeyCount,
    pub(super) expires: &'k mut ExpiryIndex,
    pub(super) element_expires: &'k mut ExpiryIndex,
}

impl Indexes<'_> {
    /// The entry that stood there is no longer stored.
    pub(super) fn forget(self, entry: &Entry, position: Position) {
        self.count.one_less();
        if let Some(at) = entry.expire_at() {
            self.expires.remove(at, position);
        }
        if let Some(at) = entry.next_due() {
            self.element_expires.remove(at, position);
        }
    }
}

#[inline]
fn edit_stored<R, const TAKES: bool>(
    mut entry: table::Occupied<'_, Entry>,
    indexes: Indexes<'_>,
    mut announcer: Announcer<'_, '_>,
    edit: impl FnOnce(&mut Entry) -> R,
    announce: impl FnOnce(&R, &mut Announcer<'_, '_>),
) -> R {
    let (before, due) = (entry.expire_at(), entry.next_due());
    let result = edit(&mut entry);
    debug_assert_eq!(before, entry.expire_at(), "the time to live is set by set_expiry");
    debug_assert!(TAKES || !entry.is_empty_collection());
    let is_empty = TAKES && entry.is_empty_collection();
    let mut leaves_hidden = false;
    if due.is_some() {
        // First: who replays this must not meet them either.
        let met = fields::take_met(&mut entry);
        if !met.is_empty() {
            announcer.out.fields_expired(announcer.position, announcer.key, &met);
        }
        leaves_hidden = is_empty && fields::has_hidden(&entry);
    }
    reindex(indexes.element_expires, announcer.position, due, entry.next_due(), announcer.out);
    if is_empty {
        let entry = entry.remove();
        indexes.forget(&entry, announcer.position);
        announcer.out.reclaimer.discard(entry);
    } else {
        // The guard goes before the announcement: nobody who hears of the change sees a half-made one.
        drop(entry);
    }
    announce(&result, &mut announcer);
    if leaves_hidden {
        announcer.out.effects.push(announcer.out.db, &[b"DEL", announcer.key]);
    }
    if is_empty {
        announcer.event(EventClass::Generic, "del");
    }
    result
}

#[inline]
pub(super) fn reindex(
    expires: &mut ExpiryIndex,
    position: Position,
    old: Option<i64>,
    new: Option<i64>,
    out: &mut Outbox<'_>,
) {
    if old == new {
        return;
    }
    if let Some(at) = old {
        expires.remove(at, position);
    }
    if let Some(at) = new {
        expires.insert(at, position);
        out.tally.soonest = out.tally.soonest.min(at);
    }
}
