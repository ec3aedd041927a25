//! BITOP: one string made of others, bit by bit.

use crate::command::spec::*;
use crate::command::string::value::computed;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::door::Expiry;
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use bytes::Bytes;
use dunlin_structures::bits::{self, Operation};
use dunlin_structures::entry::{IntText, ValueRef};
use smallvec::SmallVec;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "bitop",
    arity: -4,
    flags: WRITE.and(DENYOOM),
    keys: &[KeySpec::one(2, key::OW.and(key::UPDATE)), KeySpec::range(3, -1, 1, key::RO.and(key::ACCESS))],
    acl: acl::BITMAP,
    group: "bitmap",
    since: "2.6.0",
    summary: "Performs bitwise operations on multiple strings, and stores the result.",
    complexity: "O(N)",
    syntax: "<AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey key [key ...]",
    history: &[("8.2.0", "Added the `DIFF`, `DIFF1`, `ANDOR`, and `ONE` operations.")],
    run: Run::OnKeys(bitop),
    ..CommandSpec::BLANK
}];

fn bitop(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let operation = operation(args)?;
    let result = {
        let sources = args.from(3).map(|key| source(cx, key));
        let sources = sources.collect::<Result<SmallVec<[Bytes; 4]>, _>>()?;
        let slices: SmallVec<[&[u8]; 4]> = sources.iter().map(|source| &source[..]).collect();
        Bytes::from(bits::combine(operation, &slices))
    };
    let key = args.at(2);
    let slot = cx.keys.write(key);
    if result.is_empty() {
        slot.discard(Change::composed(EventClass::Generic, "del", &|effect: &mut EffectWriter| {
            effect.arg(b"DEL").arg(key);
        }));
    } else {
        let compose = |effect: &mut EffectWriter| {
            effect.arg(b"SET").arg(key).arg(&result);
        };
        let change = Change::composed(EventClass::String, "set", &compose);
        slot.put_string(computed(&result), Expiry::Clear, change);
    }
    cx.reply.integer(result.len() as i64);
    Ok(())
}

fn operation(args: &Args<'_>) -> Result<Operation, CommandError> {
    const OPERATIONS: [(&str, Operation); 8] = [
        ("AND", Operation::And),
        ("OR", Operation::Or),
        ("XOR", Operation::Xor),
        ("NOT", Operation::Not),
        ("DIFF", Operation::Diff),
        ("DIFF1", Operation::Diff1),
        ("ANDOR", Operation::AndOr),
        ("ONE", Operation::One),
    ];
    let found = OPERATIONS.iter().find(|(name, _)| args.is(1, name));
    let (name, operation) = *found.ok_or(CommandError::Syntax)?;
    let sources = args.len() - 3;
    match operation {
        Operation::Not if sources != 1 => {
            Err(CommandError::text("BITOP NOT must be called with a single source key."))
        }
        Operation::Diff | Operation::Diff1 | Operation::AndOr if sources < 2 => Err(CommandError::formatted(
            format!("BITOP {name} must be called with at least two source keys."),
        )),
        _ => Ok(operation),
    }
}

/// A source's bytes, empty if there is none: all are needed at once, so a long one is shared and a short one copied.
fn source(cx: &mut Context<'_>, key: &[u8]) -> Result<Bytes, CommandError> {
    let Some(entry) = cx.keys.read_string(key)? else { return Ok(Bytes::new()) };
    Ok(match entry.value() {
        ValueRef::Buffer(buffer) => buffer.clone(),
        _ => {
            let mut text = IntText::new();
            Bytes::copy_from_slice(entry.string_bytes(&mut text).unwrap_or_default())
        }
    })
}
