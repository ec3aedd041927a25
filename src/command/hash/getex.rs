//! HGETEX: reads fields and says when they go.

use super::arguments::{self, NOT_POSITIVE, Unit};
use super::expire::{Timed, announce_persisted, persist};
use super::value::{BLANK, begin_answers, reply_found};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;
use dunlin_structures::entry::Kind;
use dunlin_structures::fields::Fields;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "hgetex",
    arity: -5,
    flags: WRITE.and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE))
        .note("RW and UPDATE because it changes the TTL")],
    since: "8.0.0",
    summary: "Returns the values of fields of a hash, and optionally sets or removes their times to live.",
    complexity: "O(N) where N is the number of specified fields",
    syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] \
             FIELDS numfields field [field ...]",
    run: Run::OnKeys(hgetex),
    ..BLANK
}];

/// What becomes of the fields' times to live.
#[derive(Clone, Copy)]
enum Then {
    Stay,
    Persist,
    ExpireAt(i64),
}

/// Logged as HPEXPIREAT, HPERSIST or HDEL; not at all if nothing changed.
fn hgetex(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.now();
    let key = args.at(1);
    let slot = cx.keys.write(key);
    let exists = slot.of_kind(Kind::Hash)?.is_some();
    args.seek(2);
    let then = if let Some(unit) = Unit::accept(args) {
        Then::ExpireAt(unit.deadline(args.next().unwrap_or_default(), now, cx.command.full_name)?)
    } else if args.accept("PERSIST") {
        Then::Persist
    } else {
        Then::Stay
    };
    let names = arguments::fields(args, args.position(), NOT_POSITIVE)?;
    let reply = &mut cx.reply;
    if !begin_answers(reply, names.clone(), exists, |reply| reply.null()) {
        return Ok(());
    }
    slot.edit_existing(
        |entry| {
            let (mut timed, mut persisted) = (Timed::default(), Vec::new());
            for name in names {
                let found = Fields::all_of(entry).get(name);
                reply_found(reply, found);
                if found.is_some() {
                    match then {
                        Then::Stay => {}
                        Then::Persist => drop(persist(entry, name, &mut persisted)),
                        Then::ExpireAt(at) => timed.apply(entry, name, at, now),
                    }
                }
            }
            (timed, persisted)
        },
        |(timed, persisted), out| match then {
            Then::Stay => {}
            Then::Persist => announce_persisted(key, persisted, out),
            Then::ExpireAt(at) => timed.announce(key, at, out),
        },
    );
    Ok(())
}
