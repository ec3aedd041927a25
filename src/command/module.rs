//! MODULE: none can be loaded, so there is none but what is built in.
//!
//! The filters and sketches that Redis has as modules are commands here as any others; MODULE LIST does not name them,
//! since nothing was loaded and nothing can be unloaded.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};

const SUBCOMMAND: CommandSpec = CommandSpec {
    flags: ADMIN.and(NOSCRIPT).and(NO_ASYNC_LOADING),
    group: "server",
    since: "4.0.0",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "module",
    arity: -2,
    group: "server",
    since: "4.0.0",
    summary: "A container for module commands.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        CommandSpec::help(SUBCOMMAND, "5.0.0", help),
        CommandSpec {
            name: "list",
            arity: 2,
            flags: ADMIN.and(NOSCRIPT),
            summary: "Returns all loaded modules.",
            complexity: "O(N) where N is the number of loaded modules.",
            tips: &["nondeterministic_output_order"],
            run: Run::Unlocked(list),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "load",
            arity: -3,
            flags: SUBCOMMAND.flags.and(PROTECTED),
            summary: "Loads a module.",
            syntax: "path [arg [arg ...]]",
            run: Run::Unlocked(refuse),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "loadex",
            arity: -3,
            flags: SUBCOMMAND.flags.and(PROTECTED),
            since: "7.0.0",
            summary: "Loads a module with settings.",
            syntax: "path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]",
            run: Run::Unlocked(refuse),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "unload",
            arity: 3,
            flags: SUBCOMMAND.flags.and(PROTECTED),
            summary: "Unloads a module.",
            syntax: "name",
            run: Run::Unlocked(refuse),
            ..SUBCOMMAND
        },
    ],
    run: Run::Container,
    ..CommandSpec::BLANK
}];

fn list(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.array(0);
    Ok(())
}

/// As with `enable-module-command no`; whatever the setting, there is nothing that could load one.
fn refuse(_: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    Err(REFUSED)
}

pub const REFUSED: CommandError = CommandError::text(
    "MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local \
     connection, otherwise you need to set this option in the configuration file, and then restart the server.",
);

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "module",
        &[
            "LIST",
            "    Return a list of loaded modules.",
            "LOAD <path> [<arg> ...]",
            "    Load a module library from <path>, passing to it any optional arguments.",
            "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
            "    Load a module library from <path>, while passing it module configurations and optional arguments.",
            "UNLOAD <name>",
            "    Unload a module.",
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::TestClient;

    #[test]
    fn no_module_is_loaded_and_none_can_be() {
        let mut client = TestClient::new();
        client.check(&[
            ("MODULE LIST", "*0"),
            ("MODULE nosuch", "-ERR unknown subcommand 'nosuch'. Try MODULE HELP."),
        ]);
        for line in ["MODULE LOAD x", "MODULE LOADEX x CONFIG a b ARGS c", "MODULE UNLOAD x"] {
            assert!(client.say(line).starts_with("-ERR MODULE command not allowed."), "{line}");
        }
        assert!(client.say("MODULE HELP").contains("+LOADEX"));
    }
}
