//! Storing values: SET with all its options, and the commands that were options once: SETNX, SETEX, PSETEX, GETSET.

use super::condition::Condition;
use super::lifetime::{Lifetime, Unit};
use super::value::{as_requested, reply_value, stored};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::door::Expiry;
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::keyspace::{Change, KeySlot};
use crate::resp::{Args, CommandError};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "set",
        arity: -3,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE).and(key::VARIABLE_FLAGS))
            .note("RW and ACCESS due to the optional `GET` argument")],
        acl: acl::STRING,
        group: "string",
        since: "1.0.0",
        summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
        syntax: "key value [NX | XX | IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest] \
                 [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
        history: &[
            ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
            ("6.0.0", "Added the `KEEPTTL` option."),
            ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
            ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
            ("8.4.0", "Added the `IFEQ`, `IFNE`, `IFDEQ` and `IFDNE` options."),
        ],
        run: Run::OnKeys(set),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "setnx",
        arity: 3,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::OW.and(key::INSERT))],
        acl: acl::STRING,
        group: "string",
        since: "1.0.0",
        summary: "Set the string value of a key only when the key doesn't exist.",
        syntax: "key value",
        deprecated: Some(("2.6.12", "`SET` with the `NX` argument")),
        run: Run::OnKeys(setnx),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "setex",
        arity: 4,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::OW.and(key::UPDATE))],
        acl: acl::STRING,
        group: "string",
        since: "2.0.0",
        summary: "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
        syntax: "key seconds value",
        deprecated: Some(("2.6.12", "`SET` with the `EX` argument")),
        run: Run::OnKeys(setex),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "psetex",
        arity: 4,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::OW.and(key::UPDATE))],
        acl: acl::STRING,
        group: "string",
        since: "2.6.0",
        summary: "Sets both string value and expiration time in milliseconds of a key. The key is created if it \
                  doesn't exist.",
        syntax: "key milliseconds value",
        deprecated: Some(("2.6.12", "`SET` with the `PX` argument")),
        run: Run::OnKeys(psetex),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "getset",
        arity: 3,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE))],
        acl: acl::STRING,
        group: "string",
        since: "1.0.0",
        summary: "Returns the previous string value of a key after setting it to a new value.",
        syntax: "key value",
        deprecated: Some(("6.2.0", "`SET` with the `!GET` argument")),
        run: Run::OnKeys(getset),
        ..CommandSpec::BLANK
    },
];

/// What SET was told beside key and value.
struct SetOptions<'a> {
    condition: Condition<'a>,
    /// Reply the value that was there before, instead of how it went.
    get: bool,
    lifetime: Lifetime<'a>,
}

impl<'a> SetOptions<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Self, CommandError> {
        let mut options = Self { condition: Condition::Always, get: false, lifetime: Lifetime::Unsaid };
        while args.remaining() > 0 {
            if args.accept("GET") {
                options.get = true;
                continue;
            }
            let taken = options.condition.accept_existence(args)?
                || options.lifetime.accept(args)?
                || options.lifetime.accept_word(args, "KEEPTTL", Lifetime::Keep)?
                || options.condition.accept_comparison(args)?;
            if !taken {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

fn set(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (key, value) = (args.at(1), args.at(2));
    if args.len() == 3 {
        cx.keys.write(key).put_string(stored(value), Expiry::Clear, as_requested("set"));
        cx.reply.ok();
        return Ok(());
    }
    args.seek(3);
    let options = SetOptions::parse(args)?;
    let expiry = options.lifetime.expiry(cx.counted_from(), cx.command.full_name)?;
    if options.get {
        reply_old_value(cx, key)?;
    }
    let slot = cx.keys.write(key);
    let entry = if options.condition.compares() { slot.string()? } else { slot.entry() };
    let holds = options.condition.holds(entry)?;
    if holds {
        store(slot, key, value, expiry);
        announce_expiry(cx, key, expiry);
    }
    match (options.get, holds) {
        (true, _) => {}
        (false, true) => cx.reply.ok(),
        (false, false) => cx.reply.null(),
    }
    Ok(())
}

fn setnx(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (key, value) = (args.at(1), args.at(2));
    let slot = cx.keys.write(key);
    let free = !slot.exists();
    if free {
        store(slot, key, value, Expiry::Clear);
    }
    cx.reply.flag(free);
    Ok(())
}

fn setex(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    set_for(cx, args, Unit::Seconds)
}

fn psetex(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    set_for(cx, args, Unit::Milliseconds)
}

fn set_for(cx: &mut Context<'_>, args: &Args<'_>, unit: Unit) -> CommandResult {
    let key = args.at(1);
    let expiry = Expiry::At(unit.deadline(args.at(2), cx.counted_from(), cx.command.full_name)?);
    store(cx.keys.write(key), key, args.at(3), expiry);
    announce_expiry(cx, key, expiry);
    cx.reply.ok();
    Ok(())
}

fn getset(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (key, value) = (args.at(1), args.at(2));
    reply_old_value(cx, key)?;
    store(cx.keys.write(key), key, value, Expiry::Clear);
    Ok(())
}

fn reply_old_value(cx: &mut Context<'_>, key: &[u8]) -> CommandResult {
    match cx.keys.read_string(key)? {
        Some(entry) => reply_value(&mut cx.reply, &entry),
        None => cx.reply.null(),
    }
    Ok(())
}

/// Stores a value, logged as the plain SET that gives the same result.
pub(super) fn store(slot: KeySlot<'_, '_>, key: &[u8], value: &[u8], expiry: Expiry) {
    let compose = |effect: &mut EffectWriter| {
        effect.arg(b"SET").arg(key).arg(value);
        match expiry {
            Expiry::Clear => {}
            Expiry::Keep => {
                effect.arg(b"KEEPTTL");
            }
            Expiry::At(at) => {
                effect.arg(b"PXAT").integer(at);
            }
        }
    };
    slot.put_string(stored(value), expiry, Change::composed(EventClass::String, "set", &compose));
}

/// Says the second event of a SET with a time to live.
fn announce_expiry(cx: &mut Context<'_>, key: &[u8], expiry: Expiry) {
    if let Expiry::At(_) = expiry {
        cx.keys.event(EventClass::Generic, "expire", key);
    }
}
