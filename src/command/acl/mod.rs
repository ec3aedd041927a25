//! ACL: who may do what.
//!
//! What rules mean is known by [`crate::acl`], who there is by [`crate::state::users`]; here are their commands.

mod file;
mod log;
mod show;
mod user;

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError, text};

const PLAIN: Flags = NOSCRIPT.and(LOADING).and(STALE);
const ADMINISTRATION: Flags = ADMIN.and(PLAIN);
const EVERY_NODE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "acl",
    arity: -2,
    group: "server",
    since: "6.0.0",
    summary: "A container for Access List Control commands.",
    complexity: "Depends on subcommand.",
    subcommands: SUBCOMMANDS,
    run: Run::Container,
    ..CommandSpec::BLANK
}];

const SUBCOMMAND: CommandSpec =
    CommandSpec { flags: ADMINISTRATION, group: "server", since: "6.0.0", ..CommandSpec::BLANK };

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "cat",
        arity: -2,
        flags: PLAIN,
        summary: "Lists the ACL categories, or the commands inside a category.",
        complexity: "O(1) since the categories and commands are a fixed set.",
        syntax: "[category]",
        run: Run::Unlocked(cat),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "deluser",
        arity: -3,
        summary: "Deletes ACL users, and terminates their connections.",
        complexity: "O(1) amortized time considering the typical user.",
        syntax: "username [username ...]",
        tips: EVERY_NODE,
        run: Run::Unlocked(user::delete),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "dryrun",
        arity: -4,
        since: "7.0.0",
        summary: "Simulates the execution of a command by a user, without executing the command.",
        complexity: "O(1).",
        syntax: "username command [arg [arg ...]]",
        run: Run::Unlocked(user::dry_run),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "genpass",
        arity: -2,
        flags: PLAIN,
        summary: "Generates a pseudorandom, secure password that can be used to identify ACL users.",
        complexity: "O(1)",
        syntax: "[bits]",
        run: Run::Unlocked(generate),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "getuser",
        arity: 3,
        summary: "Lists the ACL rules of a user.",
        complexity: "O(N). Where N is the number of password, command and pattern rules that the user has.",
        syntax: "username",
        history: &[
            ("6.2.0", "Added Pub/Sub channel patterns."),
            (
                "7.0.0",
                "Added selectors and changed the format of key and channel patterns from a list to their rule \
                 representation.",
            ),
        ],
        run: Run::Unlocked(show::get),
        ..SUBCOMMAND
    },
    CommandSpec { complexity: "O(1)", ..CommandSpec::help(SUBCOMMAND, "6.0.0", help) },
    CommandSpec {
        name: "list",
        arity: 2,
        summary: "Dumps the effective rules in ACL file format.",
        complexity: "O(N). Where N is the number of configured users.",
        run: Run::Unlocked(show::list),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "load",
        arity: 2,
        summary: "Reloads the rules from the configured ACL file.",
        complexity: "O(N). Where N is the number of configured users.",
        run: Run::Unlocked(file::load),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "log",
        arity: -2,
        summary: "Lists recent security events generated due to ACL rules.",
        complexity: "O(N) with N being the number of entries shown.",
        syntax: "[count | RESET]",
        history: &[("7.2.0", "Added entry ID, timestamp created, and timestamp last updated.")],
        run: Run::Unlocked(log::log),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "save",
        arity: 2,
        summary: "Saves the effective ACL rules in the configured ACL file.",
        complexity: "O(N). Where N is the number of configured users.",
        tips: EVERY_NODE,
        run: Run::Unlocked(file::save),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "setuser",
        arity: -3,
        summary: "Creates and modifies an ACL user and its rules.",
        complexity: "O(N). Where N is the number of rules provided.",
        syntax: "username [rule [rule ...]]",
        history: &[
            ("6.2.0", "Added Pub/Sub channel patterns."),
            ("7.0.0", "Added selectors and key based permissions."),
        ],
        tips: EVERY_NODE,
        run: Run::Unlocked(user::set),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "users",
        arity: 2,
        summary: "Lists all ACL users.",
        complexity: "O(N). Where N is the number of configured users.",
        run: Run::Unlocked(show::names),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "whoami",
        arity: 2,
        flags: PLAIN,
        summary: "Returns the authenticated username of the current connection.",
        complexity: "O(1)",
        run: Run::Unlocked(show::who_am_i),
        ..SUBCOMMAND
    },
];

/// How long a generated password may be.
const PASSWORD_BITS_MAX: i64 = 4096;

/// What Redis says to a subcommand with too many arguments.
fn no_further(args: &Args<'_>, len_max: usize) -> CommandResult {
    match args.len() > len_max {
        true => Err(CommandError::TryHelp { given: args.at(1).into(), container: "acl" }),
        false => Ok(()),
    }
}

fn cat(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    no_further(args, 3)?;
    let catalogue = &cx.server.users.catalogue;
    let names: Vec<&str> = match args.get(2) {
        None => catalogue.category_names().collect(),
        Some(name) => {
            let category = catalogue.category(name).ok_or_else(|| {
                let shown = text::shown(&name[..name.len().min(128)]);
                CommandError::formatted(format!("Unknown category '{shown}'"))
            })?;
            catalogue.within(category).map(|number| catalogue.entry(number).name).collect()
        }
    };
    cx.reply.array(names.len());
    names.iter().for_each(|name| cx.reply.bulk_str(name));
    Ok(())
}

fn generate(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    no_further(args, 3)?;
    let bits = if args.len() == 3 { args.integer_at(2)? } else { 256 };
    if !(1..=PASSWORD_BITS_MAX).contains(&bits) {
        return Err(CommandError::formatted(format!(
            "ACL GENPASS argument must be the number of bits for the output password, a positive number up to \
             {PASSWORD_BITS_MAX}"
        )));
    }
    let digits = (bits as usize).div_ceil(4);
    let password = crate::acl::random_hex(digits)
        .map_err(|error| CommandError::formatted(format!("The system has no random numbers: {error}")))?;
    cx.reply.bulk_str(&password);
    Ok(())
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "acl",
        &[
            "CAT [<category>]",
            "    List all commands that belong to <category>, or all command categories",
            "    when no category is specified.",
            "DELUSER <username> [<username> ...]",
            "    Delete a list of users.",
            "DRYRUN <username> <command> [<arg> ...]",
            "    Returns whether the user can execute the given command without executing the command.",
            "GETUSER <username>",
            "    Get the user's details.",
            "GENPASS [<bits>]",
            "    Generate a secure 256-bit user password. The optional `bits` argument can",
            "    be used to specify a different size.",
            "LIST",
            "    Show users details in config file format.",
            "LOAD",
            "    Reload users from the ACL file.",
            "LOG [<count> | RESET]",
            "    Show the ACL log entries.",
            "SAVE",
            "    Save the current config to the ACL file.",
            "SETUSER <username> <attribute> [<attribute> ...]",
            "    Create or modify a user with the specified attributes.",
            "USERS",
            "    List all the registered usernames.",
            "WHOAMI",
            "    Return the current connection username.",
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests;
