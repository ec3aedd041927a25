//! RENAME and RENAMENX: a value under another name.
//!
//! Logged as what they made: the old key's deletion, and the new key's value, each by itself, so that whoever holds only
//! one of the keys can apply its part.

use crate::command::key::{as_del, deletion};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "rename",
        arity: 3,
        flags: WRITE,
        keys: &[
            KeySpec::one(1, key::RW.and(key::ACCESS).and(key::DELETE)),
            KeySpec::one(2, key::OW.and(key::UPDATE)),
        ],
        acl: acl::KEYSPACE,
        group: "generic",
        since: "1.0.0",
        summary: "Renames a key and overwrites the destination.",
        syntax: "key newkey",
        run: Run::OnKeys(rename),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "renamenx",
        arity: 3,
        flags: WRITE.and(FAST),
        keys: &[
            KeySpec::one(1, key::RW.and(key::ACCESS).and(key::DELETE)),
            KeySpec::one(2, key::OW.and(key::INSERT)),
        ],
        acl: acl::KEYSPACE,
        group: "generic",
        since: "1.0.0",
        summary: "Renames a key only when the target key name doesn't exist.",
        syntax: "key newkey",
        history: &[(
            "3.2.0",
            "The command no longer returns an error when source and destination names are the same.",
        )],
        run: Run::OnKeys(renamenx),
        ..CommandSpec::BLANK
    },
];

fn rename(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    rename_unless(cx, args, false)?;
    cx.reply.ok();
    Ok(())
}

fn renamenx(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let renamed = rename_unless(cx, args, true)?;
    cx.reply.flag(renamed);
    Ok(())
}

/// Renames, unless the new key is taken and `only_if_free`. Returns whether the key has a name that it had not before.
fn rename_unless(cx: &mut Context<'_>, args: &Args<'_>, only_if_free: bool) -> Result<bool, CommandError> {
    let (old, new) = (args.at(1), args.at(2));
    if !cx.keys.write(old).exists() {
        return Err(CommandError::NoSuchKey);
    }
    // What had the new name and has expired goes before anything else is said.
    if old == new || (cx.keys.write(new).exists() && only_if_free) {
        return Ok(false);
    }
    cx.keys.event(EventClass::New, "new", new);
    let Some(entry) = cx.keys.write_again(old).delete(deletion("rename_from", &as_del(old))) else {
        return Err(CommandError::NoSuchKey);
    };
    cx.keys.write_again(new).put_anew(entry.under_key(new), EventClass::Generic, "rename_to");
    Ok(true)
}
