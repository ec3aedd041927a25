//! CONFIG: reading and changing the configuration of the running server.
//!
//! What a setting is and which texts are right is known by `config`; what a change does, by whoever plugged itself
//! into `state::settings`.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::config::load;
use crate::config::rewrite::Extent;
use crate::resp::{Args, CommandError};

const ADMINISTRATION: Flags = ADMIN.and(NOSCRIPT).and(LOADING).and(STALE);
const EVERY_NODE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "config",
    arity: -2,
    group: "server",
    since: "2.0.0",
    summary: "A container for server configuration commands.",
    complexity: "Depends on subcommand.",
    subcommands: SUBCOMMANDS,
    run: Run::Container,
    ..CommandSpec::BLANK
}];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "get",
        arity: -3,
        flags: ADMINISTRATION,
        group: "server",
        since: "2.0.0",
        summary: "Returns the effective values of configuration parameters.",
        complexity: "O(N) when N is the number of configuration parameters provided",
        syntax: "parameter [parameter ...]",
        history: &[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")],
        run: Run::Unlocked(get),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "set",
        arity: -4,
        flags: ADMINISTRATION,
        group: "server",
        since: "2.0.0",
        summary: "Sets configuration parameters in-flight.",
        complexity: "O(N) when N is the number of configuration parameters provided",
        syntax: "parameter value [parameter value ...]",
        history: &[("7.0.0", "Added the ability to set multiple parameters in one call.")],
        tips: EVERY_NODE,
        run: Run::Unlocked(set),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "rewrite",
        arity: 2,
        flags: ADMINISTRATION,
        group: "server",
        since: "2.8.0",
        summary: "Persists the effective configuration to file.",
        tips: EVERY_NODE,
        run: Run::Unlocked(rewrite_file),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "resetstat",
        arity: 2,
        flags: ADMINISTRATION,
        group: "server",
        since: "2.0.0",
        summary: "Resets the server's statistics.",
        tips: EVERY_NODE,
        run: Run::Unlocked(reset_statistics),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "help",
        arity: 2,
        flags: LOADING.and(STALE),
        group: "server",
        since: "5.0.0",
        summary: "Returns helpful text about the different subcommands.",
        run: Run::Unlocked(help),
        ..CommandSpec::BLANK
    },
];

fn get(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let patterns: Vec<&[u8]> = args.rest().collect();
    let found = cx.server.settings.snapshot().get_matching(&patterns);
    cx.reply.map(found.len());
    for (name, value) in &found {
        cx.reply.bulk(name);
        cx.reply.bulk(value);
    }
    Ok(())
}

fn set(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let words: Vec<&[u8]> = args.rest().collect();
    if !words.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    let pairs: Vec<(&[u8], &[u8])> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let settings = &cx.server.settings;
    let may = settings.snapshot().enable_protected_configs().allows(cx.session.client.address.is_local());
    settings.change(&pairs, may).map_err(|error| CommandError::formatted(error.to_string()))?;
    cx.reply.ok();
    Ok(())
}

fn rewrite_file(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let Some(saved) = cx.server.settings.save(Extent::Changed) else {
        return Err(CommandError::text("The server is running without a config file"));
    };
    if let Err(error) = saved {
        let reason = load::reason(&error);
        tracing::warn!("CONFIG REWRITE failed: {reason}");
        return Err(CommandError::formatted(format!("Rewriting config file: {reason}")));
    }
    tracing::warn!("CONFIG REWRITE executed with success.");
    cx.reply.ok();
    Ok(())
}

fn reset_statistics(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.server.reset_statistics();
    cx.reply.ok();
    Ok(())
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "config",
        &[
            "GET <pattern>",
            "    Return parameters matching the glob-like <pattern> and their values.",
            "SET <directive> <value>",
            "    Set the configuration <directive> to <value>.",
            "RESETSTAT",
            "    Reset statistics reported by the INFO command.",
            "REWRITE",
            "    Rewrite the configuration file.",
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests;
