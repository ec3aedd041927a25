//! Setting when keys go: EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, and PERSIST.

use crate::command::key::{as_del, deletion};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError, text};

/// What the commands of this file have in common.
const BLANK: CommandSpec = CommandSpec {
    arity: -3,
    flags: WRITE.and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))],
    acl: acl::KEYSPACE,
    group: "generic",
    history: &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "expire",
        summary: "Sets the expiration time of a key in seconds.",
        syntax: "key seconds [NX | XX | GT | LT]",
        run: Run::OnKeys(expire),
        ..BLANK
    },
    CommandSpec {
        name: "pexpire",
        since: "2.6.0",
        summary: "Sets the expiration time of a key in milliseconds.",
        syntax: "key milliseconds [NX | XX | GT | LT]",
        run: Run::OnKeys(pexpire),
        ..BLANK
    },
    CommandSpec {
        name: "expireat",
        since: "1.2.0",
        summary: "Sets the expiration time of a key to a Unix timestamp.",
        syntax: "key unix-time-seconds [NX | XX | GT | LT]",
        run: Run::OnKeys(expireat),
        ..BLANK
    },
    CommandSpec {
        name: "pexpireat",
        since: "2.6.0",
        summary: "Sets the expiration time of a key to a Unix milliseconds timestamp.",
        syntax: "key unix-time-milliseconds [NX | XX | GT | LT]",
        run: Run::OnKeys(pexpireat),
        ..BLANK
    },
    CommandSpec {
        name: "persist",
        arity: 2,
        since: "2.2.0",
        summary: "Removes the expiration time of a key.",
        syntax: "key",
        history: &[],
        run: Run::OnKeys(persist),
        ..BLANK
    },
];

fn expire(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let from = cx.counted_from();
    set_deadline(cx, args, 1000, from)
}

fn pexpire(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let from = cx.counted_from();
    set_deadline(cx, args, 1, from)
}

fn expireat(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    set_deadline(cx, args, 1000, 0)
}

fn pexpireat(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    set_deadline(cx, args, 1, 0)
}

/// On which condition a new deadline counts. No deadline is later than any.
#[derive(Clone, Copy, Default)]
struct Conditions {
    none_before: bool,
    some_before: bool,
    later: bool,
    earlier: bool,
}

impl Conditions {
    fn parse(args: &mut Args<'_>) -> Result<Self, CommandError> {
        let mut conditions = Self::default();
        while args.remaining() > 0 {
            let met = match () {
                () if args.accept("NX") => &mut conditions.none_before,
                () if args.accept("XX") => &mut conditions.some_before,
                () if args.accept("GT") => &mut conditions.later,
                () if args.accept("LT") => &mut conditions.earlier,
                () => {
                    let option = text::shown(args.required()?).into_owned();
                    return Err(CommandError::formatted(format!("Unsupported option {option}")));
                }
            };
            *met = true;
        }
        let Self { none_before, some_before, later, earlier } = conditions;
        if none_before && (some_before || later || earlier) {
            return Err(CommandError::text(
                "NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if later && earlier {
            return Err(CommandError::text("GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    fn hold(self, before: Option<i64>, after: i64) -> bool {
        !(self.none_before && before.is_some()
            || self.some_before && before.is_none()
            || self.later && before.is_none_or(|before| after <= before)
            || self.earlier && before.is_some_and(|before| after >= before))
    }
}

/// Sets the deadline `from + amount × unit`, in ms since 1970. What is to go in the past goes at once.
fn set_deadline(cx: &mut Context<'_>, args: &mut Args<'_>, unit_ms: i64, from: i64) -> CommandResult {
    let key = args.at(1);
    args.seek(3);
    let conditions = Conditions::parse(args)?;
    let amount = args.integer_at(2)?.checked_mul(unit_ms);
    let deadline = amount.and_then(|amount| amount.checked_add(from));
    let at = deadline.ok_or(CommandError::InvalidExpire(cx.command.full_name))?;
    let now = cx.now();
    let mut slot = cx.keys.write(key);
    let counts = slot.entry().is_some_and(|entry| conditions.hold(entry.expire_at(), at));
    if counts && at <= now {
        slot.delete(deletion("del", &as_del(key)));
    } else if counts {
        slot.set_expiry(
            Some(at),
            Change::composed(EventClass::Generic, "expire", &|effect| {
                effect.arg(b"PEXPIREAT").arg(key).integer(at);
            }),
        );
    }
    cx.reply.flag(counts);
    Ok(())
}

fn persist(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut slot = cx.keys.write(args.at(1));
    let expires = slot.entry().is_some_and(|entry| entry.expire_at().is_some());
    if expires {
        slot.set_expiry(None, Change::request(EventClass::Generic, "persist"));
    }
    cx.reply.flag(expires);
    Ok(())
}
