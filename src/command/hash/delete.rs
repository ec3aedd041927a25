//! Removing fields: HDEL, and HGETDEL, which replies their values.

use super::arguments::{self, NOT_POSITIVE};
use super::value::{BLANK, as_requested, begin_answers, composed, reply_found, write_deletion};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::effect::EffectWriter;
use crate::resp::Args;
use dunlin_structures::entry::Kind;
use dunlin_structures::fields::{self, Fields};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "hdel",
        arity: -3,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
        summary: "Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain.",
        complexity: "O(N) where N is the number of fields to be removed.",
        syntax: "key field [field ...]",
        history: &[("2.4.0", "Accepts multiple `field` arguments.")],
        elements: Elements::ALL,
        run: Run::OnKeys(hdel),
        ..BLANK
    },
    CommandSpec {
        name: "hgetdel",
        arity: -5,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::DELETE))],
        since: "8.0.0",
        summary: "Returns the values of fields and deletes them from the hash.",
        complexity: "O(N) where N is the number of specified fields",
        syntax: "key FIELDS numfields field [field ...]",
        run: Run::OnKeys(hgetdel),
        ..BLANK
    },
];

fn hdel(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let slot = cx.keys.write(args.at(1));
    slot.of_kind(Kind::Hash)?;
    let removed = slot.edit_existing(
        |entry| args.from(2).filter(|field| fields::remove(entry, field)).count(),
        |&removed, out| {
            if removed > 0 {
                out.change(as_requested("hdel"));
            }
        },
    );
    cx.reply.integer(removed.unwrap_or(0) as i64);
    Ok(())
}

/// Logged as HDEL of the fields that were there.
fn hgetdel(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.at(1);
    let slot = cx.keys.write(key);
    let exists = slot.of_kind(Kind::Hash)?.is_some();
    let names = arguments::fields(args, 2, NOT_POSITIVE)?;
    let reply = &mut cx.reply;
    if !begin_answers(reply, names.clone(), exists, |reply| reply.null()) {
        return Ok(());
    }
    slot.edit_existing(
        |entry| {
            let mut removed = Vec::new();
            for field in names {
                reply_found(reply, Fields::all_of(entry).get(field));
                if fields::remove(entry, field) {
                    removed.push(field);
                }
            }
            removed
        },
        |removed, out| {
            if !removed.is_empty() {
                let compose = |effect: &mut EffectWriter| write_deletion(effect, key, removed);
                out.change(composed("hdel", &compose));
            }
        },
    );
    Ok(())
}
