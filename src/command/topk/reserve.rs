//! New sketches: TOPK.RESERVE.

use crate::command::room::room;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::number::{parse_f64, parse_i64};
use dunlin_structures::topk::{self, DEFAULT, Shape, TopK};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "topk.reserve",
    arity: -3,
    flags: WRITE.and(DENYOOM).and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
    acl: acl::TOPK,
    group: "module",
    since: "2.0.0",
    summary: "Creates a sketch that keeps the k most frequent items.",
    complexity: "O(k)",
    syntax: "key topk [width depth decay]",
    run: Run::OnKeys(reserve),
    ..CommandSpec::BLANK
}];

fn reserve(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if !matches!(args.len(), 3 | 6) {
        return Err(CommandError::WrongArity("topk.reserve"));
    }
    let room = room(cx);
    let slot = cx.keys.write(args.at(1));
    if slot.exists() {
        return Err(CommandError::coded("TopK: key already exists"));
    }
    let shape = shape(args)?;
    let fits = topk::bytes(shape.width, shape.depth).is_some_and(|bytes| bytes <= room);
    let sketch = fits.then(|| TopK::new(shape)).flatten();
    let sketch =
        sketch.ok_or(CommandError::coded("ERR Insufficient memory to create topk data structure"))?;
    const CHANGE: Change<'static> = Change::request(EventClass::Silent, "topk.reserve");
    slot.place(Entry::module(args.at(1), sketch), CHANGE);
    cx.reply.ok();
    Ok(())
}

fn shape(args: &Args<'_>) -> Result<Shape, CommandError> {
    let size = |index, text| {
        let number = parse_i64(args.at(index)).filter(|number| (1..=i64::from(u32::MAX)).contains(number));
        number.map(i64::cast_unsigned).ok_or(CommandError::coded(text))
    };
    let k = size(2, "TopK: invalid k")?;
    if args.len() == 3 {
        return Ok(Shape { k, ..DEFAULT });
    }
    let (width, depth) = (size(3, "TopK: invalid width")?, size(4, "TopK: invalid depth")?);
    let decay = parse_f64(args.at(5)).filter(|decay| *decay > 0.0 && *decay <= 1.0);
    let decay = decay.ok_or(CommandError::coded("TopK: invalid decay value. must be '<= 1' & '> 0'"))?;
    Ok(Shape { k, width, depth, decay })
}
