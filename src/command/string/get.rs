//! Reading values: GET, STRLEN, DIGEST, and the reads that leave a trace, GETDEL and GETEX.

use super::condition::digest;
use super::lifetime::Lifetime;
use super::range::length_of;
use super::value::reply_value;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::door::Expiry;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "get",
        arity: 2,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::STRING,
        group: "string",
        since: "1.0.0",
        summary: "Returns the string value of a key.",
        syntax: "key",
        run: Run::OnKeys(get),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "getdel",
        arity: 2,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::DELETE))],
        acl: acl::STRING,
        group: "string",
        since: "6.2.0",
        summary: "Returns the string value of a key after deleting the key.",
        syntax: "key",
        run: Run::OnKeys(getdel),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "getex",
        arity: -2,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE))
            .note("RW and UPDATE because it changes the TTL")],
        acl: acl::STRING,
        group: "string",
        since: "6.2.0",
        summary: "Returns the string value of a key after setting its expiration time.",
        syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
        run: Run::OnKeys(getex),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "strlen",
        arity: 2,
        flags: READONLY.and(FAST).and(READS_HEAD),
        keys: &[KeySpec::one(1, key::RO)],
        acl: acl::STRING,
        group: "string",
        since: "2.2.0",
        summary: "Returns the length of a string value.",
        syntax: "key",
        run: Run::OnKeys(strlen),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "digest",
        arity: 2,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::STRING,
        group: "string",
        since: "8.4.0",
        summary: "Returns the XXH3 hash of a string value.",
        complexity: "O(N) where N is the length of the string value.",
        syntax: "key",
        run: Run::OnKeys(digest_of),
        ..CommandSpec::BLANK
    },
];

fn get(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    match cx.keys.read_string(args.at(1))? {
        Some(entry) => reply_value(&mut cx.reply, &entry),
        None => cx.reply.null(),
    }
    Ok(())
}

fn getdel(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.at(1);
    match cx.keys.read_string(key)? {
        Some(entry) => reply_value(&mut cx.reply, &entry),
        None => {
            cx.reply.null();
            return Ok(());
        }
    }
    cx.keys.write(key).delete(Change::composed(EventClass::Generic, "del", &|effect| {
        effect.arg(b"DEL").arg(key);
    }));
    Ok(())
}

fn getex(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.at(1);
    args.seek(2);
    let mut lifetime = Lifetime::Unsaid;
    while args.remaining() > 0 {
        if !lifetime.accept(args)? && !lifetime.accept_word(args, "PERSIST", Lifetime::Forever)? {
            return Err(CommandError::Syntax);
        }
    }
    match cx.keys.read_string(key)? {
        Some(entry) => reply_value(&mut cx.reply, &entry),
        None => {
            cx.reply.null();
            return Ok(());
        }
    }
    // Only now, as in Redis: a bad time is no error where there is nothing to expire.
    let now = cx.now();
    let expiry = lifetime.expiry(cx.counted_from(), cx.command.full_name)?;
    if lifetime == Lifetime::Unsaid {
        return Ok(());
    }
    let mut slot = cx.keys.write_again(key);
    match expiry {
        // Only a given point in time can have passed already.
        Expiry::At(at) if at <= now => {
            slot.delete(Change::composed(EventClass::Generic, "del", &|effect| {
                effect.arg(b"DEL").arg(key);
            }));
        }
        Expiry::At(at) => slot.set_expiry(
            Some(at),
            Change::composed(EventClass::Generic, "expire", &|effect| {
                effect.arg(b"PEXPIREAT").arg(key).integer(at);
            }),
        ),
        Expiry::Clear | Expiry::Keep => {
            if slot.entry().is_some_and(|entry| entry.expire_at().is_some()) {
                slot.set_expiry(
                    None,
                    Change::composed(EventClass::Generic, "persist", &|effect| {
                        effect.arg(b"PERSIST").arg(key);
                    }),
                );
            }
        }
    }
    Ok(())
}

fn strlen(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let length = cx.keys.read_string(args.at(1))?.map_or(0, |entry| length_of(&entry));
    cx.reply.integer(length as i64);
    Ok(())
}

fn digest_of(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    match cx.keys.read_string(args.at(1))? {
        Some(entry) => cx.reply.bulk_str(&digest(&entry)),
        None => cx.reply.null(),
    }
    Ok(())
}
