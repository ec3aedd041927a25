//! Reading: TOPK.QUERY, TOPK.COUNT, TOPK.LIST and TOPK.INFO.

use super::{MISSING, READ};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::topk::TopK;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "topk.query",
        arity: -3,
        summary: "Returns whether items are among the most frequent ones of a top-k sketch.",
        complexity: "O(N*k) with N being the number of items",
        syntax: "key item [item ...]",
        run: Run::OnKeys(query),
        ..READ
    },
    CommandSpec {
        name: "topk.count",
        arity: -3,
        flags: READONLY,
        summary: "Returns how often a top-k sketch has counted items, which may be less than there were.",
        complexity: "O(N*k) with N being the number of items",
        syntax: "key item [item ...]",
        history: &[("2.4.0", "Discouraged: a count doesn't stand for how often an item came.")],
        run: Run::OnKeys(count),
        ..READ
    },
    CommandSpec {
        name: "topk.list",
        arity: -2,
        flags: READONLY,
        summary: "Returns the items of a top-k sketch, the most frequent first.",
        complexity: "O(k*log(k))",
        syntax: "key [WITHCOUNT]",
        run: Run::OnKeys(list),
        ..READ
    },
    CommandSpec {
        name: "topk.info",
        arity: 2,
        summary: "Returns what a top-k sketch was made with.",
        complexity: "O(1)",
        syntax: "key",
        run: Run::OnKeys(info),
        ..READ
    },
];

fn query(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let sketch = cx.keys.read_module::<TopK>(args.at(1))?.ok_or(MISSING)?;
    cx.reply.array(args.len() - 2);
    for item in args.from(2) {
        cx.reply.boolean(sketch.contains(item));
    }
    Ok(())
}

fn count(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let sketch = cx.keys.read_module::<TopK>(args.at(1))?.ok_or(MISSING)?;
    cx.reply.array(args.len() - 2);
    for item in args.from(2) {
        cx.reply.integer(sketch.count(item).into());
    }
    Ok(())
}

fn list(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let with_counts = match args.get(2) {
        _ if args.len() > 3 => return Err(CommandError::WrongArity("topk.list")),
        None => false,
        // The beginning of the word is enough, as in RedisBloom.
        Some(word) if is_beginning(word, b"WITHCOUNT") => true,
        Some(_) => return Err(CommandError::coded("WITHCOUNT keyword expected")),
    };
    let sketch = cx.keys.read_module::<TopK>(args.at(1))?.ok_or(MISSING)?;
    let items = sketch.list();
    cx.reply.array(items.len() * if with_counts { 2 } else { 1 });
    for (item, count) in items {
        cx.reply.bulk(item);
        if with_counts {
            cx.reply.integer(count.into());
        }
    }
    Ok(())
}

fn is_beginning(text: &[u8], word: &[u8]) -> bool {
    word.get(..text.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(text))
}

fn info(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let shape = cx.keys.read_module::<TopK>(args.at(1))?.ok_or(MISSING)?.shape();
    cx.reply.map(4);
    for (name, number) in [("k", shape.k), ("width", shape.width), ("depth", shape.depth)] {
        cx.reply.simple(name);
        cx.reply.integer(number.cast_signed());
    }
    cx.reply.simple("decay");
    cx.reply.double(shape.decay);
    Ok(())
}
