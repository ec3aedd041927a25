//! DEBUG POPULATE: many keys at once.

use crate::command::debug::wait_for;
use crate::command::dispatch::{Owned, append_effects, count_keys};
use crate::command::{CommandResult, Context};
use crate::keyspace::door::{Access, Expiry};
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::keyspace::{Change, EffectBuffer, EffectLog, Keys, Position};
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::StringValue;
use dunlin_structures::number;

/// Stores `<prefix>:0` to `<prefix>:<count - 1>` where nothing is stored, one unit a key, unless it is a part of a
/// larger one. Unlike in Redis, what is
/// stored is logged.
pub(super) fn populate(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let count = number::parse_i64(args.at(2)).filter(|count| *count >= 0);
    let count = count.ok_or(CommandError::text("value is out of range, must be positive"))?;
    let prefix = args.get(3).unwrap_or(b"key");
    let len = match args.get(4) {
        Some(len) => {
            let len = number::parse_i64(len).and_then(|len| usize::try_from(len).ok());
            let len_max = cx.server.hot.proto_max_bulk_len.load(std::sync::atomic::Ordering::Relaxed);
            let len = len.filter(|len| *len as u64 <= len_max);
            Some(len.ok_or(CommandError::text("value is out of range, must be positive"))?)
        }
        None => None,
    };
    let server = cx.server;
    let now = cx.now();
    let access = Access { clock: cx.server.access_clock(now), no_touch: true, keeps_expired: false };
    let mut effects = EffectBuffer::default();
    for index in 0..count {
        let number = index.to_string();
        let key = [prefix, b":", number.as_bytes()].concat();
        let mut value = format!("value:{number}").into_bytes();
        if let Some(len) = len {
            value.resize(len, 0);
        }
        let set = |writer: &mut EffectWriter| {
            writer.arg(b"SET").arg(&key).arg(&value);
        };
        let store = |keys: &mut Keys<'_>| match keys.write(&key) {
            slot if slot.exists() => drop(slot),
            slot => {
                let change = Change::composed(EventClass::String, "set", &set);
                slot.put_string(StringValue::Text(&value), Expiry::Clear, change);
            }
        };
        if cx.keys.lent().is_some() {
            store(&mut cx.keys);
            continue;
        }
        effects.clear();
        effects.wanted = server.commit.wanted();
        let locked = server.keyspace.lock_one(Position::of(&key).shard());
        if let Some(owner) = locked.owner() {
            // Begins again: what is stored by now is left alone.
            wait_for(cx, Owned::new(server, owner));
            return Ok(());
        }
        let no_request = Args::new(&[], &[]);
        let mut keys = Keys::new(
            &server.keyspace,
            locked,
            &[],
            cx.session.db,
            now,
            access,
            no_request,
            &mut effects,
            server.hub.wanted(),
        );
        store(&mut keys);
        let finished = keys.finish();
        count_keys(cx.stats, &finished);
        append_effects(server, finished);
    }
    cx.reply.ok();
    Ok(())
}
