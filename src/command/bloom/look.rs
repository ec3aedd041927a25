//! BF.EXISTS, BF.MEXISTS, BF.CARD and BF.INFO.

use super::{NOT_FOUND, READ};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::bloom::Bloom;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "bf.exists",
        arity: 3,
        summary: "Tells whether an item seems to be in a Bloom filter.",
        complexity: "O(k), where k is the number of hashes of all layers.",
        syntax: "key item",
        run: Run::OnKeys(bf_exists),
        ..READ
    },
    CommandSpec {
        name: "bf.mexists",
        arity: -3,
        summary: "Tells of several items whether they seem to be in a Bloom filter.",
        complexity: "O(k * n), where k is the number of hashes of all layers and n the number of items.",
        syntax: "key item [item ...]",
        run: Run::OnKeys(bf_mexists),
        ..READ
    },
    CommandSpec {
        name: "bf.card",
        arity: 2,
        since: "2.4.4",
        summary: "Returns how many items of a Bloom filter were new when they were added.",
        syntax: "key",
        run: Run::OnKeys(bf_card),
        ..READ
    },
    CommandSpec {
        name: "bf.info",
        arity: -2,
        summary: "Describes a Bloom filter.",
        syntax: "key [CAPACITY | SIZE | FILTERS | ITEMS | EXPANSION]",
        run: Run::OnKeys(bf_info),
        ..READ
    },
];

/// A value of another type holds no items, as for RedisBloom.
fn bf_exists(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let bloom = cx.keys.read_module::<Bloom>(args.at(1)).ok().flatten();
    cx.reply.boolean(bloom.is_some_and(|bloom| bloom.contains(args.at(2))));
    Ok(())
}

fn bf_mexists(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let bloom = cx.keys.read_module::<Bloom>(args.at(1)).ok().flatten();
    let items = args.from(2);
    cx.reply.array(items.len());
    items.for_each(|item| cx.reply.boolean(bloom.as_ref().is_some_and(|bloom| bloom.contains(item))));
    Ok(())
}

fn bf_card(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let items = cx.keys.read_module::<Bloom>(args.at(1))?.map_or(0, |bloom| bloom.items());
    cx.reply.integer(items.cast_signed());
    Ok(())
}

/// What BF.INFO tells: the word for it, its name, and the number, if there is one.
type Fact = (&'static str, &'static str, Option<i64>);

fn facts(bloom: &Bloom) -> [Fact; 5] {
    let number = |number: u64| i64::try_from(number).ok();
    [
        ("CAPACITY", "Capacity", number(bloom.capacity())),
        ("SIZE", "Size", number(bloom.told_bytes() as u64)),
        ("FILTERS", "Number of filters", number(bloom.layers().len() as u64)),
        ("ITEMS", "Number of items inserted", number(bloom.items())),
        ("EXPANSION", "Expansion rate", bloom.scales().then(|| bloom.growth().into())),
    ]
}

fn bf_info(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::WrongArity("bf.info"));
    }
    let facts = facts(&*cx.keys.read_module::<Bloom>(args.at(1))?.ok_or(NOT_FOUND)?);
    if args.len() == 2 {
        cx.reply.map(facts.len());
        for (_, name, number) in facts {
            cx.reply.simple(name);
            tell(cx, number);
        }
        return Ok(());
    }
    let fact = facts.iter().find(|(word, _, _)| args.is(2, word));
    let (_, name, number) = fact.ok_or(CommandError::coded("Invalid information value"))?;
    if cx.reply.is_resp3() {
        cx.reply.map(1);
        cx.reply.simple(name);
    } else {
        cx.reply.array(1);
    }
    tell(cx, *number);
    Ok(())
}

fn tell(cx: &mut Context<'_>, number: Option<i64>) {
    match number {
        Some(number) => cx.reply.integer(number),
        None => cx.reply.null(),
    }
}
