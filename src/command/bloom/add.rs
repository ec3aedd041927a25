//! BF.ADD, BF.MADD and BF.INSERT: items are added, to a new filter if there is none.

use super::{CAPACITY_MAX, GROWTH, GROWTH_MAX, NOT_FOUND, UNRESERVED, not_made, write_error, write_growth};
use crate::command::room::room;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::effect::{Effect, EffectWriter};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::bloom::{Bloom, Refusal, Wish};
use dunlin_structures::number::{parse_f64, parse_i64};
use smallvec::SmallVec;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "bf.add",
        arity: 3,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::BLOOM,
        group: "module",
        since: "1.0.0",
        summary: "Adds an item to a Bloom filter, which is made if there is none.",
        complexity: "O(k), where k is the number of hashes of all layers.",
        syntax: "key item",
        run: Run::OnKeys(bf_add),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "bf.madd",
        arity: -3,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::BLOOM,
        group: "module",
        since: "1.0.0",
        summary: "Adds items to a Bloom filter, which is made if there is none.",
        complexity: "O(k * n), where k is the number of hashes of all layers and n the number of items.",
        syntax: "key item [item ...]",
        run: Run::OnKeys(bf_madd),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "bf.insert",
        arity: -4,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::BLOOM,
        group: "module",
        since: "1.0.0",
        summary: "Adds items to a Bloom filter, and says what it is to be like if there is none.",
        complexity: "O(k * n), where k is the number of hashes of all layers and n the number of items.",
        syntax: "key [CAPACITY capacity] [ERROR error] [EXPANSION expansion] [NOCREATE] [NONSCALING] \
                 ITEMS item [item ...]",
        run: Run::OnKeys(bf_insert),
        ..CommandSpec::BLANK
    },
];

fn bf_add(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let added = add(cx, args, 2, Some(UNRESERVED))?;
    match added.first() {
        Some(Err(refusal)) => Err(not_added(*refusal)),
        added => {
            cx.reply.boolean(added == Some(&Ok(true)));
            Ok(())
        }
    }
}

fn bf_madd(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let added = add(cx, args, 2, Some(UNRESERVED))?;
    reply_each(cx, &added);
    Ok(())
}

fn bf_insert(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(2);
    let wish = parse(args)?;
    let added = add(cx, args, args.position(), wish)?;
    reply_each(cx, &added);
    Ok(())
}

/// Reads the options up to the items. As for RedisBloom, the first letters of a word tell which one it is.
fn parse(args: &mut Args<'_>) -> Result<Option<Wish>, CommandError> {
    const ARITY: CommandError = CommandError::WrongArity("bf.insert");
    let (mut capacity, mut growth) = (UNRESERVED.capacity.cast_signed(), i64::from(GROWTH));
    let (mut error, mut scales, mut creates) = (UNRESERVED.error, true, true);
    loop {
        let word = args.next().ok_or(ARITY)?.to_ascii_lowercase();
        let letter = |index: usize| word.get(index).copied().unwrap_or(0);
        match letter(0) {
            b'i' => break,
            b'e' if letter(1) == b'r' => {
                let text = args.next().ok_or(ARITY)?;
                error = parse_f64(text).ok_or(CommandError::coded("Bad error rate"))?;
            }
            b'e' => {
                let text = args.next().ok_or(ARITY)?;
                growth = parse_i64(text).ok_or(CommandError::coded("Bad expansion"))?;
            }
            b'c' => {
                let text = args.next().ok_or(ARITY)?;
                capacity = parse_i64(text).ok_or(CommandError::coded("Bad capacity"))?;
            }
            b'n' if letter(2) == b'c' => creates = false,
            b'n' => scales = false,
            _ => return Err(CommandError::coded("Unknown argument received")),
        }
    }
    if args.remaining() == 0 {
        return Err(ARITY);
    }
    let is_right = error > 0.0
        && error < 1.0
        && (1..=CAPACITY_MAX).contains(&capacity)
        && (1..=GROWTH_MAX).contains(&growth);
    if !is_right {
        return Err(CommandError::coded("Bad argument received"));
    }
    // One that doesn't grow has none to tell.
    let growth = if scales { growth as u32 } else { GROWTH };
    Ok(creates.then_some(Wish { capacity: capacity.cast_unsigned(), error, growth, scales }))
}

/// For each item whether it was new, or why it wasn't added. Once the filter is full no further one is tried.
type Added = SmallVec<[Result<bool, Refusal>; 8]>;

/// Adds the items from an argument on, to a filter made of `wish` if there is none.
fn add(
    cx: &mut Context<'_>,
    args: &Args<'_>,
    first: usize,
    wish: Option<Wish>,
) -> Result<Added, CommandError> {
    let (key, room) = (args.at(1), room(cx));
    let slot = cx.keys.write(key);
    let made = match (slot.module::<Bloom>()?, wish) {
        (Some(_), _) => None,
        (None, Some(wish)) => Some((wish, Bloom::new(&wish, room).map_err(not_made)?)),
        (None, None) => return Err(NOT_FOUND),
    };
    let (made_of, bloom) = made.unzip();
    let items = args.from(first);
    let edit = |bloom: &mut Bloom| {
        let mut added = Added::new();
        for item in items.clone() {
            added.push(bloom.add(item, room));
            if added.last() == Some(&Err(Refusal::Full)) {
                break;
            }
        }
        added
    };
    let make = || bloom.expect("it was made because there is none");
    Ok(slot.edit_module(make, edit, |added, announcer| {
        let new = items.clone().zip(added).filter(|(_, added)| **added == Ok(true)).map(|(item, _)| item);
        let effect = |effect: &mut EffectWriter| {
            match made_of {
                Some(wish) => {
                    effect.arg(b"BF.INSERT").arg(key).arg(b"CAPACITY").integer(wish.capacity.cast_signed());
                    effect.arg(b"ERROR");
                    write_error(&wish, effect);
                    write_growth(&wish, effect);
                    effect.arg(b"ITEMS");
                }
                None => _ = effect.arg(b"BF.MADD").arg(key),
            }
            new.clone().for_each(|item| _ = effect.arg(item));
        };
        let count = new.clone().count();
        let effect = match count == items.len() && made_of.is_none() {
            true => Effect::Request,
            false => Effect::Compose(&effect),
        };
        if count > 0 {
            announcer.change(Change::untold(EventClass::Silent, effect));
        }
    }))
}

fn not_added(refusal: Refusal) -> CommandError {
    CommandError::text(match refusal {
        Refusal::Full => "non scaling filter is full",
        Refusal::NoMemory | Refusal::Impossible => "problem inserting into filter",
    })
}

fn reply_each(cx: &mut Context<'_>, added: &Added) {
    cx.reply.array(added.len());
    for added in added {
        match added {
            Ok(is_new) => cx.reply.boolean(*is_new),
            Err(refusal) => cx.reply.error(&not_added(*refusal)),
        }
    }
}
