//! COMMAND DOCS: what a spec says of its command, for readers and for the hints of redis-cli.

use super::syntax::{self, Argument};
use crate::command::table::{Command, Commands};
use crate::resp::Reply;

/// A command's documentation as a map, its subcommands' included.
pub(super) fn write(reply: &mut Reply<'_>, commands: &Commands, command: &Command, is_subcommand: bool) {
    let spec = command.spec;
    let arguments = syntax::arguments(spec, is_subcommand);
    let fields = 3
        + usize::from(!spec.complexity.is_empty())
        + if spec.deprecated.is_some() { 3 } else { usize::from(is_internal(command)) }
        + usize::from(!spec.history.is_empty())
        + usize::from(!arguments.is_empty())
        + usize::from(!command.subcommand_ids.is_empty());
    reply.map(fields);
    pair(reply, "summary", spec.summary);
    pair(reply, "since", spec.since);
    pair(reply, "group", spec.group);
    if !spec.complexity.is_empty() {
        pair(reply, "complexity", spec.complexity);
    }
    if let Some((since, instead)) = spec.deprecated {
        flags(reply, "doc_flags", &["deprecated"]);
        pair(reply, "deprecated_since", since);
        pair(reply, "replaced_by", instead);
    } else if is_internal(command) {
        flags(reply, "doc_flags", &["syscmd"]);
    }
    if !spec.history.is_empty() {
        reply.bulk_str("history");
        reply.set(spec.history.len());
        for (version, change) in spec.history {
            reply.array(2);
            reply.bulk_str(version);
            reply.bulk_str(change);
        }
    }
    if !arguments.is_empty() {
        reply.bulk_str("arguments");
        write_arguments(reply, &arguments);
    }
    if !command.subcommand_ids.is_empty() {
        reply.bulk_str("subcommands");
        reply.map(command.subcommand_ids.len());
        for &id in &command.subcommand_ids {
            let subcommand = &commands.all()[id];
            reply.bulk_str(subcommand.full_name);
            write(reply, commands, subcommand, true);
        }
    }
}

/// Meant for the server's own developers.
fn is_internal(command: &Command) -> bool {
    command.spec.name == "debug"
}

fn write_arguments(reply: &mut Reply<'_>, arguments: &[Argument]) {
    reply.array(arguments.len());
    for argument in arguments {
        let is_group = matches!(argument.kind, "oneof" | "block");
        let mut set = Vec::new();
        for (on, flag) in [
            (argument.optional, "optional"),
            (argument.multiple, "multiple"),
            (argument.multiple_token, "multiple_token"),
        ] {
            if on {
                set.push(flag);
            }
        }
        let fields = 3
            + usize::from(argument.key_spec.is_some())
            + usize::from(argument.token.is_some())
            + usize::from(!set.is_empty());
        reply.map(fields);
        pair(reply, "name", &argument.name);
        pair(reply, "type", argument.kind);
        if !is_group {
            pair(reply, "display_text", &argument.name);
        }
        if let Some(spec) = argument.key_spec {
            reply.bulk_str("key_spec_index");
            reply.integer(spec as i64);
        }
        if let Some(token) = &argument.token {
            pair(reply, "token", token);
        }
        if !set.is_empty() {
            flags(reply, "flags", &set);
        }
        if is_group {
            reply.bulk_str("arguments");
            write_arguments(reply, &argument.arguments);
        }
    }
}

fn pair(reply: &mut Reply<'_>, name: &str, value: &str) {
    reply.bulk_str(name);
    reply.bulk_str(value);
}

fn flags(reply: &mut Reply<'_>, name: &str, flags: &[&str]) {
    reply.bulk_str(name);
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
}
