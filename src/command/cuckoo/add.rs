//! CF.ADD, CF.ADDNX, CF.INSERT and CF.INSERTNX: items are added, to a new filter if there is none.

use super::{CAPACITY_MAX, NOT_FOUND, TABLES_MAX, UNRESERVED, write_reserve};
use crate::command::room::room;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::effect::{Effect, EffectWriter};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use crate::session::gate;
use dunlin_structures::cuckoo::{self, Cuckoo, Leave, Refusal, Wish};
use dunlin_structures::number::parse_i64;
use smallvec::SmallVec;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "cf.add",
        arity: 3,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::CUCKOO,
        group: "module",
        since: "1.0.0",
        summary: "Adds an item to a cuckoo filter, which is made if there is none.",
        complexity: "O(k + i), where k is the number of tables and i the most items that may be moved.",
        syntax: "key item",
        run: Run::OnKeys(cf_add),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "cf.addnx",
        arity: 3,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::CUCKOO,
        group: "module",
        since: "1.0.0",
        summary: "Adds an item to a cuckoo filter unless it seems to be there.",
        complexity: "O(k + i), where k is the number of tables and i the most items that may be moved.",
        syntax: "key item",
        run: Run::OnKeys(cf_addnx),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "cf.insert",
        arity: -4,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::CUCKOO,
        group: "module",
        since: "1.0.0",
        summary: "Adds items to a cuckoo filter, and says how large it is to be if there is none.",
        complexity: "O(n * (k + i)), where n is the number of items, k that of tables and i the most items that may be \
                     moved for one.",
        syntax: "key [CAPACITY capacity] [NOCREATE] ITEMS item [item ...]",
        run: Run::OnKeys(cf_insert),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "cf.insertnx",
        arity: -4,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::CUCKOO,
        group: "module",
        since: "1.0.0",
        summary: "Adds those items to a cuckoo filter that don't seem to be there, and says how large it is to be if \
                  there is none.",
        complexity: "O(n * (k + i)), where n is the number of items, k that of tables and i the most items that may be \
                     moved for one.",
        syntax: "key [CAPACITY capacity] [NOCREATE] ITEMS item [item ...]",
        run: Run::OnKeys(cf_insertnx),
        ..CommandSpec::BLANK
    },
];

fn cf_add(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    add_one(cx, args, false)
}

fn cf_addnx(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    add_one(cx, args, true)
}

fn add_one(cx: &mut Context<'_>, args: &Args<'_>, only_new: bool) -> CommandResult {
    let added = add(cx, args, 2, Some(UNRESERVED), only_new)?;
    match added.first() {
        Some(Err(Refusal::Full)) => Err(CommandError::coded("Filter is full")),
        Some(Err(Refusal::NoMemory)) => Err(CommandError::coded("Insufficient memory")),
        added => {
            cx.reply.boolean(added == Some(&Ok(true)));
            Ok(())
        }
    }
}

fn cf_insert(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(2);
    let wish = parse(args, "cf.insert")?;
    let added = add(cx, args, args.position(), wish, false)?;
    cx.reply.array(added.len());
    for added in added {
        match added {
            Err(_) if !cx.reply.is_resp3() => cx.reply.integer(-1),
            added => cx.reply.boolean(added == Ok(true)),
        }
    }
    Ok(())
}

fn cf_insertnx(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(2);
    let wish = parse(args, "cf.insertnx")?;
    let added = add(cx, args, args.position(), wish, true)?;
    cx.reply.array(added.len());
    added.iter().for_each(|added| cx.reply.integer(added.map_or(-1, i64::from)));
    Ok(())
}

/// Reads the options up to the items. As for RedisBloom, the first letter of a word tells which one it is.
fn parse(args: &mut Args<'_>, name: &'static str) -> Result<Option<Wish>, CommandError> {
    let (mut wish, mut creates) = (UNRESERVED, true);
    loop {
        let word = args.next().ok_or(CommandError::WrongArity(name))?;
        match word.first().map(u8::to_ascii_lowercase) {
            Some(b'i') => break,
            Some(b'c') => {
                let text = args.next().ok_or(CommandError::WrongArity(name))?;
                let capacity = parse_i64(text).ok_or(CommandError::coded("Bad capacity"))?;
                if capacity < i64::from(wish.bucket) * 2 {
                    return Err(CommandError::coded("Capacity must be at least (BucketSize * 2)"));
                }
                if capacity > CAPACITY_MAX {
                    return Err(CommandError::coded(
                        "Capacity must be in the range [2 * BUCKETSIZE, 1073741824]",
                    ));
                }
                wish.capacity = capacity.cast_unsigned();
            }
            Some(b'n') => creates = false,
            _ => return Err(CommandError::coded("Unknown argument received")),
        }
    }
    if args.remaining() == 0 {
        return Err(CommandError::WrongArity(name));
    }
    Ok(creates.then_some(wish))
}

/// For each item whether it was added, or why it could not be.
type Added = SmallVec<[Result<bool, Refusal>; 8]>;

/// Adds the items from an argument on, to a filter made of `wish` if there is none.
fn add(
    cx: &mut Context<'_>,
    args: &Args<'_>,
    first: usize,
    wish: Option<Wish>,
    only_new: bool,
) -> Result<Added, CommandError> {
    let (key, room) = (args.at(1), room(cx));
    // What a log says was added once.
    let is_replay = cx.session.gates & gate::RECOVERY != 0;
    let tables = if is_replay { cuckoo::TABLES_MAX } else { TABLES_MAX };
    let leave = Leave { tables, room };
    let slot = cx.keys.write(key);
    let made = match (slot.module::<Cuckoo>()?, wish) {
        (Some(filter), _) if filter.tables().len() >= tables && !is_replay => {
            return Err(CommandError::coded("Maximum expansions reached"));
        }
        (Some(_), _) => None,
        (None, Some(wish)) => {
            let filter = Cuckoo::new(&wish, room);
            Some((wish, filter.map_err(|_| CommandError::coded("Insufficient memory to create filter"))?))
        }
        (None, None) => return Err(NOT_FOUND),
    };
    let (made_of, filter) = made.unzip();
    let items = args.from(first);
    let edit = |filter: &mut Cuckoo| -> Added {
        let add = |item| match only_new {
            true => filter.add_new(item, leave),
            false => filter.add(item, leave).map(|()| true),
        };
        items.clone().map(add).collect()
    };
    let make = || filter.expect("it was made because there is none");
    Ok(slot.edit_module(make, edit, |added, announcer| {
        let placed = items.clone().zip(added).filter(|(_, added)| **added == Ok(true)).map(|(item, _)| item);
        let count = placed.clone().count();
        let effect = |effect: &mut EffectWriter| {
            if let Some(wish) = made_of {
                write_reserve(key, &wish, effect);
                effect.end();
            }
            if count > 0 {
                effect.arg(b"CF.INSERT").arg(key).arg(b"NOCREATE").arg(b"ITEMS");
                placed.clone().for_each(|item| _ = effect.arg(item));
            }
        };
        let effect = match count == items.len() && made_of.is_none() {
            true => Effect::Request,
            false => Effect::Compose(&effect),
        };
        if count > 0 || made_of.is_some() {
            announcer.change(Change::untold(EventClass::Silent, effect));
        }
    }))
}
