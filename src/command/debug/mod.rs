//! DEBUG: what the official tests and people who look for faults ask for.
//!
//! It is one command whose first argument says what to do, as in Redis: COMMAND shows no subcommands. What would crash
//! the server, or concerns what doesn't exist here, is refused like an unknown subcommand.

mod digest;
mod populate;
mod protocol;
mod reload;
mod stored;

use crate::command::context::ParkedOn;
use crate::command::dispatch::Owned;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::config::rewrite::Extent;
use crate::replication;
use crate::resp::{Args, CommandError, text};
use crate::state::clients::Client;
use crate::state::{Server, gates};
use dunlin_structures::{glob, number};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "debug",
    arity: -2,
    flags: ADMIN.and(NOSCRIPT).and(LOADING).and(STALE).and(PROTECTED).and(READS_ALL),
    group: "server",
    since: "1.0.0",
    summary: "A container for debugging commands.",
    complexity: "Depends on subcommand.",
    run: Run::Unlocked(debug),
    ..CommandSpec::BLANK
}];

/// The subcommands that look at data or change them.
const ON_DATA: &[&str] = &[
    "digest",
    "digest-value",
    "htstats",
    "htstats-key",
    "listpack",
    "loadaof",
    "object",
    "populate",
    "reload",
];
/// The most that DEBUG QUICKLIST-PACKED-THRESHOLD takes, as in Redis.
const ALONE_BYTES_MAX: u64 = (1 << 32) - (1 << 20);

/// The longest that DEBUG SLEEP sleeps, in s.
const SLEEP_MAX: f64 = 3600.0;

/// Whether a client may use DEBUG (enable-debug-command).
///
/// # Errors
/// What it is told if not.
pub fn check_allowed(server: &Server, client: &Client) -> CommandResult {
    if server.settings.snapshot().enable_debug_command().allows(client.address.is_local()) {
        return Ok(());
    }
    Err(CommandError::text(
        "DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local \
         connection, otherwise you need to set this option in the configuration file, and then restart the server.",
    ))
}

fn debug(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    check_allowed(cx.server, &cx.session.client)?;
    let given = args.at(1);
    args.seek(2);
    // Part of the data says nothing, and what is changed while the log is read would mix with it.
    let is_loading = cx.server.gates.closed() & gates::LOADING != 0;
    if is_loading && cx.session.errand.is_none() && ON_DATA.iter().any(|name| is(given, name)) {
        return Err(CommandError::Loading);
    }
    match (given.to_ascii_lowercase().as_slice(), args.len()) {
        (b"help", 2) => help(cx),
        (b"sleep", 3) => sleep(cx, args),
        (b"object", 3 | 4) => stored::object(cx, args)?,
        (b"listpack", 3) => stored::listpack(cx, args)?,
        (b"htstats", 3 | 4) => stored::tables(cx, args)?,
        (b"htstats-key", 3 | 4) => stored::table_of_key(cx, args)?,
        (b"reload", _) => reload::reload(cx, args)?,
        // What it switches off in Redis does not exist here.
        (b"dict-resizing", 3) | (b"replybuffer", 4) => cx.reply.ok(),
        (b"set-disable-deny-scripts", 3) => {
            cx.server.hot.scripts_call_anything.store(is_on(args), Relaxed);
            cx.reply.ok();
        }
        (b"pause-cron", 3) => {
            cx.server.hot.cron_paused.store(is_on(args), Relaxed);
            cx.reply.ok();
        }
        (b"set-active-expire", 3) => {
            cx.server.hot.active_expire.store(is_on(args), Relaxed);
            cx.reply.ok();
        }
        (b"set-skip-checksum-validation", 3) => {
            cx.server.hot.skip_checksums.store(is_on(args), Relaxed);
            cx.reply.ok();
        }
        (b"stringmatch-len", 4) => {
            cx.reply.integer(i64::from(glob::matches(args.at(2), args.at(3), false)));
        }
        (b"quicklist-packed-threshold", 3) => {
            let bytes = number::parse_memory(args.at(2)).filter(|bytes| *bytes <= ALONE_BYTES_MAX);
            let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or(CommandError::text(
                "argument must be a memory value bigger than 1 and smaller than 4gb",
            ))?;
            cx.server.thresholds.set_list_alone_bytes(bytes);
            cx.reply.ok();
        }
        (b"digest", 2) => {
            if let Some(digest) = digest::of_everything(cx) {
                cx.reply.simple(&digest);
            }
        }
        (b"digest-value", _) => digest::of_values(cx, args),
        (b"protocol", 3) => protocol::sample(cx, args.at(2))?,
        (b"populate", 3..=5) => populate::populate(cx, args)?,
        (b"loadaof", 2) => {
            let Some(server) = cx.server.this.upgrade() else { return Ok(()) };
            let reload = move || server.persist.reload(&server).map_err(CommandError::formatted);
            if let Some(reloaded) = cx.aside("loadaof", reload) {
                reloaded?;
                cx.reply.ok();
            }
        }
        (b"log", 3) => {
            tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(args.at(2)));
            cx.reply.ok();
        }
        (b"error", 3) => return Err(CommandError::Coded(error_line(args.at(2)).into())),
        (b"change-repl-id", 2) => {
            cx.server.replication.rename(replication::new_id());
            cx.reply.ok();
        }
        (b"config-rewrite-force-all", 2) => {
            match cx.server.settings.save(|| cx.server.user_lines(), Extent::Everything) {
                Some(Ok(())) => cx.reply.ok(),
                _ => return Err(CommandError::text("CONFIG-REWRITE-FORCE-ALL failed")),
            }
        }
        (b"stringmatch-test", 2) => {
            try_patterns();
            cx.reply.simple("Apparently Redis did not crash: test passed");
        }
        _ => return Err(CommandError::TryHelp { given: given.into(), container: "debug" }),
    }
    if let Some(met) = cx.keys.met_owner() {
        wait_for(cx, Owned::seen(cx.server, met));
    }
    Ok(())
}

/// Has the request run again when a script has ended that owns what it looked at.
fn wait_for(cx: &mut Context<'_>, owned: Owned) {
    cx.parked = Some(ParkedOn::Gate { opened: owned.opened });
}

fn is(given: &[u8], name: &str) -> bool {
    given.eq_ignore_ascii_case(name.as_bytes())
}

/// Where Redis reads a number as C's atoi does, anything that isn't one is 0.
fn is_on(args: &Args<'_>) -> bool {
    number::parse_i64(args.at(2)).unwrap_or(0) != 0
}

/// Sleeps where a slow command would run: its worker serves none of its clients meanwhile, others go on.
fn sleep(cx: &mut Context<'_>, args: &Args<'_>) {
    let seconds = number::parse_f64(args.at(2)).unwrap_or(0.0);
    let seconds = if seconds.is_finite() { seconds.clamp(0.0, SLEEP_MAX) } else { 0.0 };
    std::thread::sleep(Duration::from_secs_f64(seconds));
    cx.reply.ok();
}

/// Matches random patterns against random texts, for a few milliseconds.
fn try_patterns() {
    let random =
        |len: usize| (0..len).map(|_| b"ab*?[]^-\\\xff"[rand::random_range(0..10)]).collect::<Vec<u8>>();
    for round in 0..10_000 {
        let (pattern, text) = (random(round % 30), random(round % 50));
        std::hint::black_box(glob::matches(&pattern, &text, round % 2 == 0));
    }
}

/// An error as a test wants to see it; without a code word it would be no error line.
fn error_line(given: &[u8]) -> String {
    text::shown(given).into_owned()
}

fn help(cx: &mut Context<'_>) {
    cx.reply.help(
        "debug",
        &[
            "CHANGE-REPL-ID",
            "    Change the replication IDs of the instance: no replica that comes back can go on.",
            "CONFIG-REWRITE-FORCE-ALL",
            "    Like CONFIG REWRITE but writes all configuration options, including",
            "    keywords not listed in original configuration file or default values.",
            "DIGEST",
            "    Output a hex signature representing the current DB content.",
            "DIGEST-VALUE <key> [<key> ...]",
            "    Output a hex signature of the values of all the specified keys.",
            "ERROR <string>",
            "    Return a Redis protocol error with <string> as message. Useful for clients",
            "    unit tests to simulate Redis errors.",
            "HTSTATS <dbid> [full]",
            "    Return statistics about the tables of the specified database.",
            "HTSTATS-KEY <key> [full]",
            "    Like HTSTATS but for the table stored at <key>.",
            "LISTPACK <key>",
            "    Write the elements of a packed value to the server log.",
            "LOADAOF",
            "    Flush the log's buffers on disk and reload the log in memory.",
            "LOG <message>",
            "    Write <message> to the server log.",
            "OBJECT <key>",
            "    Show low level info about `key` and associated value.",
            "POPULATE <count> [<prefix>] [<size>]",
            "    Create <count> string keys named key:<num>. If <prefix> is specified then",
            "    it is used instead of the 'key' prefix.",
            "PROTOCOL <type>",
            "    Reply with a test value of the specified type. <type> can be: string,",
            "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
            "    true, false.",
            "QUICKLIST-PACKED-THRESHOLD <size>",
            "    From this size on, elements of lists have a block of their own: up to 4gb;",
            "    0 is the default of 1gb.",
            "RELOAD [option ...]",
            "    Take every value through its serialized form and back, without a file in",
            "    between. Options: NOFLUSH: an error if there is anything that would be read",
            "    again; MERGE: none, all the same; NOSAVE changes nothing.",
            "PAUSE-CRON <0|1>",
            "    Stop periodic cron job processing.",
            "SET-ACTIVE-EXPIRE <0|1>",
            "    Setting it to 0 disables expiring keys in background when they are not",
            "    accessed. Setting it to 1 reenables back the default.",
            "SET-DISABLE-DENY-SCRIPTS <0|1>",
            "    Whether scripts may run what they must not.",
            "SLEEP <seconds>",
            "    Stop the worker of this connection for <seconds>. Decimals allowed.",
            "STRINGMATCH-TEST",
            "    Try the matching of patterns with random ones.",
            "STRINGMATCH-LEN <pattern> <string>",
            "    Return 1 if the string matches the glob-style pattern, else 0.",
        ],
    );
}

#[cfg(test)]
mod tests;
