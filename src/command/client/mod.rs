//! CLIENT: what clients are connected, and what a client may set for itself.
//!
//! Other clients belong to other workers: they are seen and ended through `state::clients`, never touched.

mod kill;
pub(super) mod list;
pub mod tracking;

use crate::command::blocking;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError, text};
use crate::session::ReplyMode;
use crate::state::clients::flag;

/// What most subcommands have in common.
const SUBCOMMAND: CommandSpec = CommandSpec {
    flags: NOSCRIPT.and(LOADING).and(STALE),
    acl: acl::CONNECTION,
    group: "connection",
    since: "2.4.0",
    ..CommandSpec::BLANK
};

/// Those that concern other clients.
const OPERATOR: Flags = ADMIN.and(NOSCRIPT).and(LOADING).and(STALE);

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "client",
    arity: -2,
    group: "connection",
    since: "2.4.0",
    summary: "A container for client connection commands.",
    complexity: "Depends on subcommand.",
    subcommands: SUBCOMMANDS,
    run: Run::Container,
    ..CommandSpec::BLANK
}];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "caching",
        arity: 3,
        since: "6.0.0",
        summary: "Instructs the server whether to track the keys in the next request.",
        syntax: "<YES | NO>",
        run: Run::Unlocked(tracking::caching),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "getname",
        arity: 2,
        since: "2.6.9",
        summary: "Returns the name of the connection.",
        run: Run::Unlocked(getname),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "getredir",
        arity: 2,
        since: "6.0.0",
        summary: "Returns the client ID to which the connection's tracking notifications are redirected.",
        run: Run::Unlocked(tracking::getredir),
        ..SUBCOMMAND
    },
    CommandSpec::help(SUBCOMMAND, "5.0.0", help),
    CommandSpec {
        name: "id",
        arity: 2,
        since: "5.0.0",
        summary: "Returns the unique client ID of the connection.",
        run: Run::Unlocked(id),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "info",
        arity: 2,
        since: "6.2.0",
        summary: "Returns information about the connection.",
        tips: &["nondeterministic_output"],
        run: Run::Unlocked(list::info),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "kill",
        arity: -3,
        flags: OPERATOR,
        summary: "Terminates open connections.",
        complexity: "O(N) where N is the number of client connections",
        syntax: "<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | \
                 [ADDR ip:port] | [LADDR ip:port] | [SKIPME yes/no] | [MAXAGE maxage]> ...>",
        history: &[
            ("2.8.12", "Added new filter format."),
            ("2.8.12", "`ID` option."),
            ("3.2.0", "Added `master` type in for `TYPE` option."),
            (
                "5.0.0",
                "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility.",
            ),
            ("6.2.0", "`LADDR` option."),
            ("7.4.0", "`MAXAGE` option."),
        ],
        run: Run::Unlocked(kill::kill),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "list",
        arity: -2,
        flags: OPERATOR,
        summary: "Lists open connections.",
        complexity: "O(N) where N is the number of client connections",
        syntax: "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
        history: &[
            ("2.8.12", "Added unique client `id` field."),
            ("5.0.0", "Added optional `TYPE` filter."),
            ("6.0.0", "Added `user` field."),
            (
                "6.2.0",
                "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.",
            ),
            ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
            ("7.0.3", "Added `ssub` field."),
        ],
        tips: &["nondeterministic_output"],
        run: Run::Unlocked(list::list),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "no-evict",
        arity: 3,
        flags: OPERATOR,
        since: "7.0.0",
        summary: "Sets the client eviction mode of the connection.",
        syntax: "<ON | OFF>",
        run: Run::Unlocked(no_evict),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "no-touch",
        arity: 3,
        since: "7.2.0",
        summary: "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
        syntax: "<ON | OFF>",
        run: Run::Unlocked(no_touch),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "pause",
        arity: -3,
        flags: OPERATOR,
        since: "2.9.50",
        summary: "Suspends commands processing.",
        syntax: "timeout [WRITE | ALL]",
        history: &[("6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option.")],
        run: Run::Unlocked(pause),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "reply",
        arity: 3,
        since: "3.2.0",
        summary: "Instructs the server whether to reply to commands.",
        syntax: "<ON | OFF | SKIP>",
        run: Run::Unlocked(reply),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "setinfo",
        arity: 4,
        since: "7.2.0",
        summary: "Sets information specific to the client or connection.",
        syntax: "<LIB-NAME libname | LIB-VER libver>",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Unlocked(setinfo),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "setname",
        arity: 3,
        since: "2.6.9",
        summary: "Sets the connection name.",
        syntax: "connection-name",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Unlocked(setname),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "tracking",
        arity: -3,
        since: "6.0.0",
        summary: "Controls server-assisted client-side caching for the connection.",
        complexity: "O(1). Some options may introduce additional complexity.",
        syntax: "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
        run: Run::Unlocked(tracking::tracking),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "trackinginfo",
        arity: 2,
        since: "6.2.0",
        summary: "Returns information about server-assisted client-side caching for the connection.",
        run: Run::Unlocked(tracking::trackinginfo),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "unblock",
        arity: -3,
        flags: OPERATOR,
        since: "5.0.0",
        summary: "Unblocks a client blocked by a blocking command from a different connection.",
        complexity: "O(log N) where N is the number of client connections",
        syntax: "client-id [TIMEOUT | ERROR]",
        run: Run::Unlocked(unblock),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "unpause",
        arity: 2,
        flags: OPERATOR,
        since: "6.2.0",
        summary: "Resumes processing commands from paused clients.",
        complexity: "O(N) Where N is the number of paused clients",
        run: Run::Unlocked(unpause),
        ..SUBCOMMAND
    },
];

/// Ends another client's wait for a key.
fn unblock(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(3);
    let with_error = match args.remaining() {
        0 => false,
        1 if args.accept("TIMEOUT") => false,
        1 if args.accept("ERROR") => true,
        _ => return Err(CommandError::text("CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let id = args.integer_at(2)?;
    let did = u64::try_from(id).is_ok_and(|id| blocking::unblock(cx.server, cx.stats, id, with_error));
    cx.reply.flag(did);
    Ok(())
}

fn id(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.integer(cx.session.client.id as i64);
    Ok(())
}

fn getname(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let naming = cx.session.client.naming.lock();
    if naming.name.is_empty() {
        cx.reply.null();
    } else {
        cx.reply.bulk(&naming.name);
    }
    Ok(())
}

fn setname(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let name = args.at(2);
    check_name(name, "Client names")?;
    cx.session.client.naming.lock().name = name.to_vec();
    cx.reply.ok();
    Ok(())
}

fn setinfo(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (attribute, value) = (args.at(2), args.at(3));
    let shown = text::shown(attribute);
    let is_name = attribute.eq_ignore_ascii_case(b"lib-name");
    if !is_name && !attribute.eq_ignore_ascii_case(b"lib-ver") {
        return Err(CommandError::formatted(format!("Unrecognized option '{shown}'")));
    }
    check_name(value, &shown)?;
    let mut naming = cx.session.client.naming.lock();
    *if is_name { &mut naming.library_name } else { &mut naming.library_version } = value.to_vec();
    cx.reply.ok();
    Ok(())
}

/// Names stand between spaces in CLIENT LIST: only visible ASCII may be in them.
///
/// # Errors
/// Says so, naming `what` the value was meant to be.
pub fn check_name(name: &[u8], what: &str) -> Result<(), CommandError> {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Ok(());
    }
    let text = format!("{what} cannot contain spaces, newlines or special characters.");
    Err(CommandError::formatted(text))
}

fn reply(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(2);
    if args.accept("ON") {
        cx.session.set_reply_mode(ReplyMode::On);
        cx.reply.ok();
    } else if args.accept("OFF") {
        cx.session.set_reply_mode(ReplyMode::Off);
    } else if args.accept("SKIP") {
        if cx.session.reply_mode != ReplyMode::Off {
            cx.session.set_reply_mode(ReplyMode::SkipNext);
        }
    } else {
        return Err(CommandError::Syntax);
    }
    Ok(())
}

fn pause(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() > 4 {
        return Err(CommandError::TryHelp { given: args.at(1).into(), container: "client" });
    }
    let all = match args.get(3) {
        None => true,
        Some(mode) if mode.eq_ignore_ascii_case(b"all") => true,
        Some(mode) if mode.eq_ignore_ascii_case(b"write") => false,
        Some(_) => return Err(CommandError::text("CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let timeout = args.integer_at(2);
    let timeout = timeout.map_err(|_| CommandError::text("timeout is not an integer or out of range"))?;
    if timeout < 0 {
        return Err(CommandError::text("timeout is negative"));
    }
    let until = cx.now().checked_add(timeout).ok_or(CommandError::text("timeout is out of range"))?;
    cx.server.gates.pause(until, all);
    cx.server.alarm.due_at(until);
    cx.reply.ok();
    Ok(())
}

fn unpause(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.server.gates.unpause();
    // What has expired meanwhile goes now.
    cx.server.alarm.due_at(cx.now());
    cx.reply.ok();
    Ok(())
}

fn no_evict(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let on = on_or_off(args)?;
    cx.session.client.set_flag(flag::NO_EVICT, on);
    cx.server.count_client(&cx.session.client);
    cx.reply.ok();
    Ok(())
}

fn no_touch(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let on = on_or_off(args)?;
    cx.session.no_touch = on;
    cx.session.client.set_flag(flag::NO_TOUCH, on);
    cx.reply.ok();
    Ok(())
}

fn on_or_off(args: &Args<'_>) -> Result<bool, CommandError> {
    match args.at(2).to_ascii_lowercase().as_slice() {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "client",
        &[
            "CACHING (YES|NO)",
            "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
            "GETREDIR",
            "    Return the client ID we are redirecting to when tracking is enabled.",
            "GETNAME",
            "    Return the name of the current connection.",
            "ID",
            "    Return the ID of the current connection.",
            "INFO",
            "    Return information about the current client connection.",
            "KILL <ip:port>",
            "    Kill connection made from <ip:port>.",
            "KILL <option> <value> [<option> <value> [...]]",
            "    Kill connections. Options are:",
            "    * ADDR (<ip:port>|<unixsocket>:0)",
            "      Kill connections made from the specified address",
            "    * LADDR (<ip:port>|<unixsocket>:0)",
            "      Kill connections made to specified local address",
            "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
            "      Kill connections by type.",
            "    * USER <username>",
            "      Kill connections authenticated by <username>.",
            "    * SKIPME (YES|NO)",
            "      Skip killing current connection (default: yes).",
            "    * ID <client-id>",
            "      Kill connections by client id.",
            "    * MAXAGE <maxage>",
            "      Kill connections older than the specified age.",
            "LIST [options ...]",
            "    Return information about client connections. Options:",
            "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
            "      Return clients of specified type.",
            "    * ID <client-id> [<client-id> [...]]",
            "      Return clients of specified IDs only.",
            "UNPAUSE",
            "    Stop the current client pause, resuming traffic.",
            "PAUSE <timeout> [WRITE|ALL]",
            "    Suspend all, or just write, clients for <timeout> milliseconds.",
            "REPLY (ON|OFF|SKIP)",
            "    Control the replies sent to the current connection.",
            "SETNAME <name>",
            "    Assign the name <name> to the current connection.",
            "SETINFO <option> <value>",
            "    Set client meta attr. Options are:",
            "    * LIB-NAME: the client lib name.",
            "    * LIB-VER: the client lib version.",
            "UNBLOCK <clientid> [TIMEOUT|ERROR]",
            "    Unblock the specified blocked client.",
            "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
            "         [OPTIN] [OPTOUT] [NOLOOP]",
            "    Control server assisted client side caching.",
            "TRACKINGINFO",
            "    Report tracking status for the current connection.",
            "NO-EVICT (ON|OFF)",
            "    Protect current client connection from eviction.",
            "NO-TOUCH (ON|OFF)",
            "    Will not touch LRU/LFU stats when this mode is on.",
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests;
