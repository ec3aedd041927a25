//! Commands on strings.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::door::Expiry;
use crate::keyspace::event::EventClass;
use crate::resp::Args;
use dunlin_structures::entry::{StringValue, ValueRef};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "get",
        arity: 2,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::STRING,
        group: "string",
        since: "1.0.0",
        summary: "Returns the string value of a key.",
        complexity: "O(1)",
        syntax: "key",
        run: Run::OnKeys(get),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "set",
        arity: -3,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE).and(key::VARIABLE_FLAGS))],
        acl: acl::STRING,
        group: "string",
        since: "1.0.0",
        summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
        complexity: "O(1)",
        syntax: "key value",
        run: Run::OnKeys(set),
        ..CommandSpec::BLANK
    },
];

fn get(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    match cx.keys.read_string(args.at(1))? {
        Some(entry) => match entry.value() {
            ValueRef::Int(value) => cx.reply.bulk_integer(value),
            ValueRef::Inline(bytes) => cx.reply.bulk(bytes),
            ValueRef::Buffer(buffer) => cx.reply.bulk_shared(buffer),
            ValueRef::Boxed(_) => cx.reply.null(),
        },
        None => cx.reply.null(),
    }
    Ok(())
}

fn set(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (key, value) = (args.at(1), args.at(2));
    let change = Change::request(EventClass::String, "set");
    cx.keys.write(key).put_string(StringValue::Text(value), Expiry::Clear, change);
    cx.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{check, check_effects};

    #[test]
    fn set_and_get() {
        check(&[("GET a", "$-1"), ("SET a b", "+OK"), ("get a", "$1|b"), ("ECHO", ERR_ECHO)]);
        check_effects(&[("SET a b", "0: SET a b"), ("GET a", ""), ("FLUSHALL", "0: FLUSHALL")]);
    }

    const ERR_ECHO: &str = "-ERR wrong number of arguments for 'echo' command";
}
