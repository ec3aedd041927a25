//! CONFIG: reading and changing the configuration of the running server.
//!
//! What a setting is and which texts are right is known by `config`; what a change does, by whoever plugged itself
//! into `state::settings`.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::config::rewrite::Extent;
use crate::config::{ConfigError, load};
use crate::resp::{Args, CommandError};
use crate::state::{Server, gates, settings};

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
        flags: ADMINISTRATION.and(READS_ALL),
        group: "server",
        since: "2.0.0",
        summary: "Resets the server's statistics.",
        tips: EVERY_NODE,
        run: Run::Unlocked(reset_statistics),
        ..CommandSpec::BLANK
    },
    CommandSpec { group: "server", ..CommandSpec::help(CommandSpec::BLANK, "5.0.0", help) },
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
    let is_loading = cx.server.gates.closed() & gates::LOADING != 0 && cx.session.errand.is_none();
    if is_loading && pairs.iter().any(|(name, _)| needs_loaded(name)) {
        // As in Redis, this comes before what is wrong with a value, and after what is wrong with a name.
        settings.snapshot().check_names(&pairs, may).map_err(refused)?;
        return Err(CommandError::Loading);
    }
    if cx.keys.lent().is_some() {
        change_afterwards(cx.server, &pairs, may)?;
        cx.reply.ok();
        return Ok(());
    }
    let is_quick = cx.session.errand.is_none() && !pairs.iter().any(|(name, _)| settings::takes_long(name));
    let changed = match is_quick.then(|| settings.try_change(&pairs, may)).flatten() {
        Some(changed) => changed.map_err(refused),
        // It takes long, or somebody else's change does.
        None => match change_aside(cx, &pairs, may) {
            Some(changed) => changed,
            None => return Ok(()),
        },
    };
    changed?;
    cx.reply.ok();
    Ok(())
}

/// Settings that must not change while the log is read.
fn needs_loaded(name: &[u8]) -> bool {
    ["appendonly", "dir", "repl-diskless-load"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// Changes settings within a transaction or a script. What might wait for shards that these hold is done afterwards, as
/// Redis schedules it; who reads the log hears whether it failed.
fn change_afterwards(server: &Server, pairs: &[(&[u8], &[u8])], may: bool) -> CommandResult {
    let settings = &server.settings;
    let waits = |name: &[u8]| settings::takes_long(name) || name.eq_ignore_ascii_case(b"metrics-bind");
    if !pairs.iter().any(|(name, _)| waits(name))
        && let Some(changed) = settings.try_change(pairs, may)
    {
        return changed.map_err(refused);
    }
    settings.snapshot().set_all(pairs, may).map_err(refused)?;
    let Some(server) = server.this.upgrade() else { return Ok(()) };
    let owned: Vec<_> = pairs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    let change = move || {
        let pairs: Vec<_> = owned.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        if let Err(error) = server.settings.change(&pairs, may) {
            tracing::warn!("CONFIG SET in a transaction: {error}");
        }
    };
    if pairs.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"appendonly")) {
        tracing::warn!("CONFIG SET in a transaction: AOF background was scheduled");
    }
    let started = std::thread::Builder::new().name("config".into()).spawn(change);
    started.map(drop).map_err(|error| CommandError::formatted(format!("Can't start a thread: {error}")))
}

/// Changes settings on a thread of its own. `None`: the request is parked.
fn change_aside(cx: &mut Context<'_>, pairs: &[(&[u8], &[u8])], may: bool) -> Option<CommandResult> {
    let server = cx.server.this.upgrade()?;
    let owned: Vec<_> = pairs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    cx.aside("config", move || {
        let pairs: Vec<_> = owned.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        server.settings.change(&pairs, may).map_err(refused)
    })
}

fn refused(error: ConfigError) -> CommandError {
    CommandError::formatted(error.to_string())
}

fn rewrite_file(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let Some(saved) = cx.server.settings.save(|| cx.server.user_lines(), Extent::Changed) else {
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
    cx.server.reset_statistics(&mut cx.keys);
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
