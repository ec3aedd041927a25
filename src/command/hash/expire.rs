//! Setting when fields go: HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT, and HPERSIST.

use super::arguments::{self, NOT_POSITIVE, Unit};
use super::value::{BLANK, begin_answers, composed, write_deletion, write_fields};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::door::Announcer;
use crate::keyspace::effect::EffectWriter;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::entry::Kind;
use dunlin_structures::fields::{self, Fields};

/// What the commands of this file have in common.
const EXPIRE: CommandSpec = CommandSpec {
    arity: -6,
    flags: WRITE.and(DENYOOM).and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))],
    since: "7.4.0",
    complexity: "O(N) where N is the number of specified fields",
    ..BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "hexpire",
        summary: "Sets the time to live of fields of a hash, in seconds.",
        syntax: "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        run: Run::OnKeys(hexpire),
        ..EXPIRE
    },
    CommandSpec {
        name: "hpexpire",
        summary: "Sets the time to live of fields of a hash, in milliseconds.",
        syntax: "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        run: Run::OnKeys(hpexpire),
        ..EXPIRE
    },
    CommandSpec {
        name: "hexpireat",
        summary: "Sets the Unix time, in seconds, at which fields of a hash expire.",
        syntax: "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        run: Run::OnKeys(hexpireat),
        ..EXPIRE
    },
    CommandSpec {
        name: "hpexpireat",
        summary: "Sets the Unix time, in milliseconds, at which fields of a hash expire.",
        syntax: "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        run: Run::OnKeys(hpexpireat),
        ..EXPIRE
    },
    CommandSpec {
        name: "hpersist",
        arity: -5,
        flags: WRITE.and(FAST),
        summary: "Removes the times to live of fields of a hash.",
        syntax: "key FIELDS numfields field [field ...]",
        run: Run::OnKeys(hpersist),
        ..EXPIRE
    },
];

fn hexpire(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    set_times(cx, args, Unit::SECONDS)
}

fn hpexpire(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    set_times(cx, args, Unit::MILLISECONDS)
}

fn hexpireat(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    set_times(cx, args, Unit::UNIX_SECONDS)
}

fn hpexpireat(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    set_times(cx, args, Unit::UNIX_MILLISECONDS)
}

/// On which condition a new time counts. No time is later than any.
#[derive(Clone, Copy)]
enum Condition {
    Always,
    NoneBefore,
    SomeBefore,
    Later,
    Earlier,
}

impl Condition {
    fn accept(args: &mut Args<'_>) -> Self {
        let words =
            [("NX", Self::NoneBefore), ("XX", Self::SomeBefore), ("GT", Self::Later), ("LT", Self::Earlier)];
        words.into_iter().find(|(word, _)| args.accept(word)).map_or(Self::Always, |(_, condition)| condition)
    }

    fn holds(self, before: Option<i64>, after: i64) -> bool {
        match self {
            Self::Always => true,
            Self::NoneBefore => before.is_none(),
            Self::SomeBefore => before.is_some(),
            Self::Later => before.is_some_and(|before| after > before),
            Self::Earlier => before.is_none_or(|before| after < before),
        }
    }
}

/// What became of fields whose time was to be set.
const NO_FIELD: i64 = -2;
const REFUSED: i64 = 0;
const SET: i64 = 1;
const DELETED: i64 = 2;

/// HPERSIST's own answer: there is nothing to remove.
const NO_TIME: i64 = -1;

/// Which fields got a time, and which were deleted since that is past.
#[derive(Default)]
pub(super) struct Timed<'a> {
    pub(super) set: Vec<&'a [u8]>,
    pub(super) deleted: Vec<&'a [u8]>,
}

impl<'a> Timed<'a> {
    /// Has a field that is there go at `at`. What is to go in the past goes at once.
    pub(super) fn apply(&mut self, entry: &mut Entry, field: &'a [u8], at: i64, now: i64) {
        if at <= now {
            fields::remove(entry, field);
            self.deleted.push(field);
        } else {
            fields::set_expiry(entry, field, Some(at));
            self.set.push(field);
        }
    }

    /// Says what changed, as HPEXPIREAT and HDEL.
    pub(super) fn announce(&self, key: &[u8], at: i64, out: &mut Announcer<'_, '_>) {
        if !self.set.is_empty() {
            let compose = |effect: &mut EffectWriter| {
                let mut digits = itoa::Buffer::new();
                write_fields(effect, b"HPEXPIREAT", key, &[digits.format(at).as_bytes()], &self.set);
            };
            out.change(composed("hexpire", &compose));
        }
        if !self.deleted.is_empty() {
            let compose = |effect: &mut EffectWriter| write_deletion(effect, key, &self.deleted);
            out.change(composed("hdel", &compose));
        }
    }
}

fn set_times(cx: &mut Context<'_>, args: &mut Args<'_>, unit: Unit) -> CommandResult {
    const BAD_COUNT: CommandError = CommandError::text("Parameter `numFields` should be greater than 0");
    let now = cx.now();
    let key = args.at(1);
    let slot = cx.keys.write(key);
    let exists = slot.of_kind(Kind::Hash)?.is_some();
    let at = unit.deadline(args.at(2), now, cx.command.full_name)?;
    args.seek(3);
    let condition = Condition::accept(args);
    let names = arguments::fields(args, args.position(), BAD_COUNT)?;
    let reply = &mut cx.reply;
    if !begin_answers(reply, names.clone(), exists, |reply| reply.integer(NO_FIELD)) {
        return Ok(());
    }
    slot.edit_existing(
        |entry| {
            let mut timed = Timed::default();
            for field in names {
                let answer = match Fields::all_of(entry).find(field).map(|field| field.expire_at) {
                    None => NO_FIELD,
                    Some(before) if !condition.holds(before, at) => REFUSED,
                    Some(_) => {
                        timed.apply(entry, field, at, now);
                        if at <= now { DELETED } else { SET }
                    }
                };
                reply.integer(answer);
            }
            timed
        },
        |timed, out| timed.announce(key, at, out),
    );
    Ok(())
}

/// Removes a field's time to live, if it has one.
pub(super) fn persist<'a>(entry: &mut Entry, field: &'a [u8], persisted: &mut Vec<&'a [u8]>) -> i64 {
    match Fields::all_of(entry).find(field).map(|field| field.expire_at) {
        None => NO_FIELD,
        Some(None) => NO_TIME,
        Some(Some(_)) => {
            fields::set_expiry(entry, field, None);
            persisted.push(field);
            SET
        }
    }
}

/// Says whose time to live was removed.
pub(super) fn announce_persisted(key: &[u8], persisted: &[&[u8]], out: &mut Announcer<'_, '_>) {
    if !persisted.is_empty() {
        let compose = |effect: &mut EffectWriter| write_fields(effect, b"HPERSIST", key, &[], persisted);
        out.change(composed("hpersist", &compose));
    }
}

fn hpersist(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.at(1);
    let slot = cx.keys.write(key);
    let exists = slot.of_kind(Kind::Hash)?.is_some();
    let names = arguments::fields(args, 2, NOT_POSITIVE)?;
    let reply = &mut cx.reply;
    if !begin_answers(reply, names.clone(), exists, |reply| reply.integer(NO_FIELD)) {
        return Ok(());
    }
    slot.edit_existing(
        |entry| {
            let mut persisted = Vec::new();
            names.for_each(|field| reply.integer(persist(entry, field, &mut persisted)));
            persisted
        },
        |persisted, out| announce_persisted(key, persisted, out),
    );
    Ok(())
}
