//! Deleting a key if its value is as expected, in one step: DELEX (Redis 8.4) and DELIFEQ (Valkey 9).

use super::condition::Condition;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "delex",
        arity: -2,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::DELETE).and(key::VARIABLE_FLAGS))],
        acl: acl::STRING,
        group: "string",
        since: "8.4.0",
        summary: "Conditionally removes the specified key based on value or digest comparison.",
        complexity: "O(1) for IFEQ/IFNE, O(N) for IFDEQ/IFDNE where N is the length of the string value.",
        syntax: "key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest]",
        run: Run::OnKeys(delex),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "delifeq",
        arity: 3,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RM.and(key::ACCESS).and(key::DELETE))],
        acl: acl::STRING,
        group: "string",
        since: "9.0.0",
        summary: "Deletes a key if its value is equal to the provided value.",
        syntax: "key value",
        run: Run::OnKeys(delifeq),
        ..CommandSpec::BLANK
    },
];

fn delex(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.at(1);
    let condition = match args.len() {
        2 => Condition::Always,
        4 => {
            // A key that isn't there or isn't a string is answered before the condition is looked at.
            match cx.keys.peek(key).map(|entry| entry.kind()) {
                None => {
                    cx.reply.integer(0);
                    return Ok(());
                }
                Some(Kind::String) => {}
                Some(_) => {
                    return Err(CommandError::text(
                        "Key should be of string type if conditions are specified",
                    ));
                }
            }
            let mut condition = Condition::Always;
            args.seek(2);
            if !condition.accept_comparison(args)? {
                return Err(CommandError::text("Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"));
            }
            condition
        }
        _ => return Err(CommandError::WrongArity(cx.command.full_name)),
    };
    delete_if(cx, key, condition)
}

fn delifeq(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.at(1);
    cx.keys.write(key).string()?;
    delete_if(cx, key, Condition::Equal(args.at(2)))
}

/// Deletes the key if it is there and the condition holds, and replies whether it did.
fn delete_if(cx: &mut Context<'_>, key: &[u8], condition: Condition<'_>) -> CommandResult {
    let slot = cx.keys.write(key);
    let goes = slot.exists() && condition.holds(slot.entry())?;
    if goes {
        slot.delete(Change::composed(EventClass::Generic, "del", &|effect| {
            effect.arg(b"DEL").arg(key);
        }));
    }
    cx.reply.flag(goes);
    Ok(())
}
