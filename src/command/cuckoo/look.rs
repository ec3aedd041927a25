//! CF.EXISTS, CF.MEXISTS, CF.COUNT and CF.INFO.

use super::{NOT_FOUND, READ};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;
use dunlin_structures::cuckoo::Cuckoo;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "cf.exists",
        arity: 3,
        summary: "Tells whether an item seems to be in a cuckoo filter.",
        complexity: "O(k), where k is the number of tables.",
        syntax: "key item",
        run: Run::OnKeys(cf_exists),
        ..READ
    },
    CommandSpec {
        name: "cf.mexists",
        arity: -3,
        summary: "Tells of several items whether they seem to be in a cuckoo filter.",
        complexity: "O(k * n), where k is the number of tables and n that of items.",
        syntax: "key item [item ...]",
        run: Run::OnKeys(cf_mexists),
        ..READ
    },
    CommandSpec {
        name: "cf.count",
        arity: 3,
        summary: "Returns how often an item seems to be in a cuckoo filter.",
        complexity: "O(k), where k is the number of tables.",
        syntax: "key item",
        run: Run::OnKeys(cf_count),
        ..READ
    },
    CommandSpec {
        name: "cf.info",
        arity: 2,
        summary: "Describes a cuckoo filter.",
        syntax: "key",
        run: Run::OnKeys(cf_info),
        ..READ
    },
];

/// Asks the filter; a value of another type holds no items, as for RedisBloom.
fn ask<R: Default>(cx: &mut Context<'_>, key: &[u8], ask: impl FnOnce(&Cuckoo) -> R) -> R {
    let filter = cx.keys.read_module::<Cuckoo>(key).ok().flatten();
    filter.map(|filter| ask(&filter)).unwrap_or_default()
}

fn cf_exists(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let is_there = ask(cx, args.at(1), |filter| filter.contains(args.at(2)));
    cx.reply.boolean(is_there);
    Ok(())
}

fn cf_mexists(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let filter = cx.keys.read_module::<Cuckoo>(args.at(1)).ok().flatten();
    let items = args.from(2);
    cx.reply.array(items.len());
    items.for_each(|item| cx.reply.boolean(filter.as_ref().is_some_and(|filter| filter.contains(item))));
    Ok(())
}

fn cf_count(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let count = ask(cx, args.at(1), |filter| filter.count(args.at(2)));
    cx.reply.integer(count.cast_signed());
    Ok(())
}

fn cf_info(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let filter = cx.keys.read_module::<Cuckoo>(args.at(1))?.ok_or(NOT_FOUND)?;
    let (figures, bytes) = (filter.figures(), filter.told_bytes());
    drop(filter);
    let facts: [(&str, u64); 8] = [
        ("Size", bytes as u64),
        ("Number of buckets", figures.buckets),
        ("Number of filters", figures.tables as u64),
        ("Number of items inserted", figures.items),
        ("Number of items deleted", figures.deleted),
        ("Bucket size", figures.bucket.into()),
        ("Expansion rate", figures.growth.into()),
        ("Max iterations", figures.iterations.into()),
    ];
    cx.reply.map(facts.len());
    for (name, number) in facts {
        cx.reply.simple(name);
        cx.reply.integer(number.cast_signed());
    }
    Ok(())
}
