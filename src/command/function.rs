//! FUNCTION, as far as it goes without functions: there are none, and none to flush.
//!
//! Test suites and tools flush them between runs whether they use them or not.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};

const SUBCOMMAND: CommandSpec = CommandSpec {
    arity: 2,
    flags: NOSCRIPT,
    acl: acl::SCRIPTING,
    group: "scripting",
    since: "7.0.0",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "function",
    arity: -2,
    group: "scripting",
    since: "7.0.0",
    summary: "A container for function commands.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        CommandSpec {
            name: "flush",
            arity: -2,
            flags: NOSCRIPT.and(WRITE),
            summary: "Deletes all libraries and functions.",
            complexity: "O(N) where N is the number of functions deleted",
            syntax: "[ASYNC | SYNC]",
            tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
            run: Run::Unlocked(flush),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "help",
            flags: LOADING.and(STALE),
            summary: "Returns helpful text about the different subcommands.",
            run: Run::Unlocked(help),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "list",
            arity: -2,
            summary: "Returns information about all libraries.",
            complexity: "O(N) where N is the number of functions",
            syntax: "[LIBRARYNAME library-name-pattern] [WITHCODE]",
            tips: &["nondeterministic_output_order"],
            run: Run::Unlocked(list),
            ..SUBCOMMAND
        },
    ],
    run: Run::Container,
    ..CommandSpec::BLANK
}];

fn flush(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::TryHelp { given: args.at(1).into(), container: "function" });
    }
    if args.remaining() == 1 && !args.accept("ASYNC") && !args.accept("SYNC") {
        return Err(CommandError::text("FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    cx.reply.ok();
    Ok(())
}

fn list(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (mut with_code, mut pattern) = (false, None);
    while args.remaining() > 0 {
        if !with_code && args.accept("WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && args.accept("LIBRARYNAME") {
            pattern = Some(args.next().ok_or(CommandError::text("library name argument was not given"))?);
        } else {
            let given = String::from_utf8_lossy(args.required()?);
            return Err(CommandError::formatted(format!("Unknown argument {given}")));
        }
    }
    cx.reply.array(0);
    Ok(())
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "function",
        &[
            "FLUSH [ASYNC|SYNC]",
            "    Delete all the libraries. There are none yet.",
            "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
            "    Return general information on all the libraries. There are none yet.",
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{check, check_effects};

    #[test]
    fn there_are_no_functions() {
        check(&[
            ("FUNCTION FLUSH", "+OK"),
            ("FUNCTION FLUSH async", "+OK"),
            ("FUNCTION FLUSH x", "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option"),
            ("FUNCTION LIST", "*0"),
            ("FUNCTION LIST LIBRARYNAME * WITHCODE", "*0"),
            ("FUNCTION LIST LIBRARYNAME", "-ERR library name argument was not given"),
            ("FUNCTION LIST x", "-ERR Unknown argument x"),
        ]);
        check_effects(&[("FUNCTION FLUSH", "")]);
    }
}
