//! Reading: CMS.QUERY and CMS.INFO.

use super::MISSING;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;
use dunlin_structures::cms::CountMin;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "cms.query",
        arity: -3,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::CMS,
        group: "module",
        since: "2.0.0",
        summary: "Returns about how often items were counted in a count-min sketch.",
        complexity: "O(N) with N being the number of items",
        syntax: "key item [item ...]",
        run: Run::OnKeys(query),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "cms.info",
        arity: 2,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::CMS,
        group: "module",
        since: "2.0.0",
        summary: "Returns the dimensions of a count-min sketch, and how much was counted in it.",
        complexity: "O(1)",
        syntax: "key",
        run: Run::OnKeys(info),
        ..CommandSpec::BLANK
    },
];

fn query(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let sketch = cx.keys.read_module::<CountMin>(args.at(1))?.ok_or(MISSING)?;
    cx.reply.array(args.len() - 2);
    for item in args.from(2) {
        cx.reply.integer(sketch.count(item).into());
    }
    Ok(())
}

fn info(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let sketch = cx.keys.read_module::<CountMin>(args.at(1))?.ok_or(MISSING)?;
    cx.reply.map(3);
    let numbers =
        [("width", sketch.width() as u64), ("depth", sketch.depth() as u64), ("count", sketch.total())];
    for (name, number) in numbers {
        cx.reply.simple(name);
        cx.reply.integer(number.cast_signed());
    }
    Ok(())
}
