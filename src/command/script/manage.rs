//! SCRIPT.

use crate::command::script::eval::find_script;
use crate::command::script::pool;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use crate::script::cache;
use crate::script::owners::Killed;
use dunlin_lua::Kind;

const SUBCOMMAND: CommandSpec = CommandSpec {
    arity: 2,
    flags: NOSCRIPT,
    acl: acl::SCRIPTING,
    group: "scripting",
    since: "2.6.0",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "script",
    arity: -2,
    group: "scripting",
    since: "2.6.0",
    summary: "A container for Lua scripts management commands.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        CommandSpec {
            name: "debug",
            arity: 3,
            since: "3.2.0",
            summary: "Sets the debug mode of server-side Lua scripts.",
            syntax: "<YES | SYNC | NO>",
            run: Run::Unlocked(debug),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "exists",
            arity: -3,
            summary: "Determines whether server-side Lua scripts exist in the script cache.",
            complexity: "O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).",
            syntax: "sha1 [sha1 ...]",
            tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
            run: Run::Unlocked(exists),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "flush",
            arity: -2,
            summary: "Removes all server-side Lua scripts from the script cache.",
            complexity: "O(N) with N being the number of scripts in cache",
            syntax: "[ASYNC | SYNC]",
            history: &[("6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers.")],
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            run: Run::Unlocked(flush),
            ..SUBCOMMAND
        },
        CommandSpec::help(SUBCOMMAND, "5.0.0", help),
        CommandSpec {
            name: "kill",
            flags: NOSCRIPT.and(ALLOW_BUSY).and(NEVER_PAUSED),
            summary: "Terminates a server-side Lua script during execution.",
            tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
            run: Run::Unlocked(kill),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "load",
            arity: 3,
            flags: NOSCRIPT.and(STALE),
            summary: "Loads a server-side Lua script to the script cache.",
            complexity: "O(N) with N being the length in bytes of the script body.",
            syntax: "script",
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            run: Run::Unlocked(load),
            ..SUBCOMMAND
        },
    ],
    run: Run::Container,
    ..CommandSpec::BLANK
}];

fn load(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let sha = cache::sha_of(args.at(2));
    let mut runner = pool::take(cx.server, Kind::Eval)
        .map_err(|error| CommandError::formatted(format!("Can't make a Lua state: {error}")))?;
    let found = find_script(cx.server, &mut runner, sha, Some(args.at(2)));
    pool::put(cx.server, runner);
    found?;
    cx.reply.bulk(&sha);
    Ok(())
}

fn exists(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    cx.reply.array(args.remaining());
    for sha in args.rest() {
        let is_there = cache::sha_given(sha).is_some_and(|sha| cx.server.scripts.cache.get(&sha).is_some());
        cx.reply.flag(is_there);
    }
    Ok(())
}

fn flush(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() > 3 || args.remaining() == 1 && !args.accept("ASYNC") && !args.accept("SYNC") {
        return Err(CommandError::text("SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    cx.server.scripts.cache.flush();
    cx.reply.ok();
    Ok(())
}

fn kill(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    answer_kill(cx, false)
}

/// SCRIPT KILL and FUNCTION KILL.
pub(super) fn answer_kill(cx: &mut Context<'_>, functions: bool) -> CommandResult {
    Err(match cx.server.scripts.owners.kill(functions) {
        Killed::Yes => {
            cx.server.gates.retry();
            cx.reply.ok();
            return Ok(());
        }
        Killed::None => CommandError::coded("NOTBUSY No scripts in execution right now."),
        Killed::Unkillable => CommandError::coded(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
        ),
        Killed::IsFunction => CommandError::BusyFunction,
        Killed::IsScript => CommandError::Busy,
    })
}

/// There is no debugger: to be told that none is wanted is all right.
fn debug(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.is(2, "no") {
        cx.reply.ok();
        return Ok(());
    }
    if args.is(2, "yes") || args.is(2, "sync") {
        return Err(CommandError::text("SCRIPT DEBUG is not supported"));
    }
    Err(CommandError::text("Use SCRIPT DEBUG YES/SYNC/NO"))
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "script",
        &[
            "DEBUG (YES|SYNC|NO)",
            "    Set the debug mode for subsequent scripts executed.",
            "EXISTS <sha1> [<sha1> ...]",
            "    Return information about the existence of the scripts in the script cache.",
            "FLUSH [ASYNC|SYNC]",
            "    Flush the Lua scripts cache. Very dangerous on replicas.",
            "    When called without the optional mode argument, the behavior is determined by the",
            "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            "    * ASYNC: Asynchronously flush the scripts cache.",
            "    * SYNC: Synchronously flush the scripts cache.",
            "KILL",
            "    Kill the currently executing Lua script.",
            "LOAD <script>",
            "    Load a script into the scripts cache without executing it.",
        ],
    );
    Ok(())
}
