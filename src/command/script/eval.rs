//! EVAL, EVALSHA, FCALL and their read-only kin.

use crate::command::context::ParkedOn;
use crate::command::dispatch::{Owned, Unit, Whole, apply_reply_mode};
use crate::command::listening;
use crate::command::script::pool::{self, Runner};
use crate::command::script::run::{self, Code, Hold, Turn};
use crate::command::script::slow::{self, Slow};
use crate::command::spec::*;
use crate::command::table::Command;
use crate::keyspace::Position;
use crate::keyspace::door::Known;
use crate::resp::{Args, CommandError, Output, Protocol, Reply, text};
use crate::script::cache::{self, Script, Sha};
use crate::script::flags;
use crate::session::{Session, gate};
use crate::state::Server;
use dunlin_lua::Kind;
use dunlin_structures::number::parse_i64;
use std::rc::Rc;
use std::sync::Arc;

const WORST_CASE: &str = "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE";
const WORST_CASE_RO: &str = "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS";
const RW_KEYS: KeySpec = KeySpec::counted(2, key::RW.and(key::ACCESS).and(key::UPDATE));
const RO_KEYS: KeySpec = KeySpec::counted(2, key::RO.and(key::ACCESS));

const SCRIPT: CommandSpec = CommandSpec {
    arity: -3,
    flags: NOSCRIPT.and(SKIP_MONITOR).and(MAY_REPLICATE).and(NO_MANDATORY_KEYS).and(STALE).and(MOVABLE_KEYS),
    acl: acl::SCRIPTING,
    group: "scripting",
    complexity: "Depends on the script that is executed.",
    run: Run::Whole(eval),
    ..CommandSpec::BLANK
};

const READ_ONLY: Flags =
    NOSCRIPT.and(SKIP_MONITOR).and(NO_MANDATORY_KEYS).and(STALE).and(READONLY).and(MOVABLE_KEYS);

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "eval",
        keys: &[RW_KEYS.note(WORST_CASE)],
        since: "2.6.0",
        summary: "Executes a server-side Lua script.",
        syntax: "script numkeys [key [key ...]] [arg [arg ...]]",
        ..SCRIPT
    },
    CommandSpec {
        name: "evalsha",
        keys: &[RW_KEYS],
        since: "2.6.0",
        summary: "Executes a server-side Lua script by SHA1 digest.",
        syntax: "sha1 numkeys [key [key ...]] [arg [arg ...]]",
        ..SCRIPT
    },
    CommandSpec {
        name: "eval_ro",
        flags: READ_ONLY,
        keys: &[RO_KEYS.note(WORST_CASE_RO)],
        since: "7.0.0",
        summary: "Executes a read-only server-side Lua script.",
        syntax: "script numkeys [key [key ...]] [arg [arg ...]]",
        ..SCRIPT
    },
    CommandSpec {
        name: "evalsha_ro",
        flags: READ_ONLY,
        keys: &[RO_KEYS],
        since: "7.0.0",
        summary: "Executes a read-only server-side Lua script by SHA1 digest.",
        syntax: "sha1 numkeys [key [key ...]] [arg [arg ...]]",
        ..SCRIPT
    },
    CommandSpec {
        name: "fcall",
        keys: &[RW_KEYS.note(WORST_CASE)],
        since: "7.0.0",
        summary: "Invokes a function.",
        complexity: "Depends on the function that is executed.",
        syntax: "function numkeys [key [key ...]] [arg [arg ...]]",
        ..SCRIPT
    },
    CommandSpec {
        name: "fcall_ro",
        flags: READ_ONLY,
        keys: &[RO_KEYS.note(WORST_CASE_RO)],
        since: "7.0.0",
        summary: "Invokes a read-only function.",
        complexity: "Depends on the function that is executed.",
        syntax: "function numkeys [key [key ...]] [arg [arg ...]]",
        ..SCRIPT
    },
];

const NO_SCRIPT: CommandError = CommandError::coded("NOSCRIPT No matching script. Please use EVAL.");

fn number_of_keys(args: Args<'_>, not_a_number: CommandError) -> Result<usize, CommandError> {
    let keys = parse_i64(args.at(2)).ok_or(not_a_number)?;
    match usize::try_from(keys) {
        Err(_) => Err(CommandError::text("Number of keys can't be negative")),
        Ok(keys) if keys > args.len() - 3 => {
            Err(CommandError::text("Number of keys can't be greater than number of args"))
        }
        Ok(keys) => Ok(keys),
    }
}

/// A script as it is compiled here; one that is not known anywhere is from now on, if its text is given.
pub(super) fn find_script(
    server: &Server,
    runner: &mut Runner,
    sha: Sha,
    body: Option<&[u8]>,
) -> Result<Rc<Code>, CommandError> {
    if let Some(code) = runner.script(&sha) {
        return Ok(code);
    }
    let known = server.scripts.cache.get(&sha);
    let is_new = known.is_none();
    let script = match (known, body) {
        (Some(script), _) => script,
        (None, Some(body)) => Arc::new(Script::new(&sha, body).map_err(CommandError::formatted)?),
        (None, None) => return Err(NO_SCRIPT),
    };
    let code = runner.compile(sha, &script).map_err(|message| {
        let message = text::shown(&message).into_owned();
        CommandError::formatted(format!("Error compiling script (new function): {message}"))
    })?;
    if is_new {
        server.scripts.cache.add(sha, script);
    }
    Ok(code)
}

/// Whether a command is one of these.
pub(super) fn runs(command: &Command) -> bool {
    COMMANDS.iter().any(|spec| spec.name == command.full_name)
}

/// The flags by which the gates judge a request: a script that says what it does is judged by that.
pub fn flags_of(server: &Server, command: &Command, args: Args<'_>) -> Flags {
    let own = command.flags();
    if !matches!(command.spec.run, Run::Whole(_)) || !runs(command) {
        return own;
    }
    let name = command.full_name.as_bytes();
    let said = if name.starts_with(b"f") {
        let libraries = server.scripts.functions.load();
        libraries.function(args.at(1)).map(|(library, index)| library.functions[index].flags)
    } else if name.get(4) == Some(&b's') {
        cache::sha_given(args.at(1)).and_then(|sha| server.scripts.cache.get(&sha)).map(|script| script.flags)
    } else {
        flags::of_script(args.at(1)).ok().map(|(flags, _)| flags)
    };
    match said {
        Some(said) if !said.has(flags::SILENT) => {
            let says = |flag| said.has(flag);
            let mut of_all = own.0 & !STALE.and(DENYOOM).and(WRITE).and(MAY_REPLICATE).0;
            if !says(flags::NO_WRITES) {
                of_all |= WRITE.0;
            }
            if !says(flags::NO_WRITES) && !says(flags::ALLOW_OOM) {
                of_all |= DENYOOM.0;
            }
            if says(flags::ALLOW_STALE) {
                of_all |= STALE.0;
            }
            Flags(of_all)
        }
        _ => own,
    }
}

/// What a request asks to be run.
pub(super) struct Found {
    pub runner: Box<Runner>,
    pub script: run::Script,
    /// How many keys it declares, from the fourth argument on.
    pub keys: usize,
}

/// Finds what EVAL, EVALSHA, FCALL and their kin are to run, and whether it may.
pub(super) fn find(
    server: &Server,
    session: &Session,
    command: &Command,
    args: Args<'_>,
) -> Result<Found, CommandError> {
    let name = command.full_name.as_bytes();
    let is_function = name.starts_with(b"f");
    // The fifth letter tells EVALSHA from EVAL and EVAL_RO.
    let by_sha = name.get(4) == Some(&b's');
    let sha = match (is_function, by_sha) {
        (true, _) => None,
        (false, true) => Some(cache::sha_given(args.at(1)).ok_or(NO_SCRIPT)?),
        (false, false) => Some(cache::sha_of(args.at(1))),
    };
    let kind = if is_function { Kind::Functions } else { Kind::Eval };
    let mut runner = pool::take(server, kind)
        .map_err(|error| CommandError::formatted(format!("Can't make a Lua state: {error}")))?;
    let found = match sha {
        Some(sha) => number_of_keys(args, CommandError::NotAnInteger).and_then(|keys| {
            Ok((find_script(server, &mut runner, sha, (!by_sha).then(|| args.at(1)))?, keys))
        }),
        None => {
            let code = runner.function(server, args.at(1)).ok_or(CommandError::text("Function not found"));
            code.and_then(|code| {
                Ok((code, number_of_keys(args, CommandError::text("Bad number of keys provided"))?))
            })
        }
    };
    let read_only = command.flags().has(READONLY);
    let found = found.and_then(|(code, keys)| {
        Ok((run::Script::new(server, session, code, is_function, read_only)?, keys))
    });
    match found {
        Ok((script, keys)) => Ok(Found { runner, script, keys }),
        Err(error) => {
            pool::put(server, runner);
            Err(error)
        }
    }
}

/// Runs what is asked for, for a moment at least.
fn eval(
    unit: &mut Unit<'_>,
    session: &mut Session,
    command: &Command,
    args: Args<'_>,
    known: &[Known],
    out: &mut Output,
) -> Result<Whole, CommandError> {
    let server = unit.server;
    if let Some(owner) = slow::too_many() {
        return Ok(Whole::Owned(Owned::by_script(server, owner)));
    }
    let found = find(server, session, command, args);
    let Found { mut runner, mut script, keys } =
        found.inspect_err(|_| listening::monitor_script(server, session, args))?;
    let declared = if known.len() == keys {
        known.iter().fold(0, |set, known| set | 1u64 << known.position.shard())
    } else {
        args.from(3).take(keys).fold(0, |set, key| set | 1u64 << Position::of(key).shard())
    };
    let effects = std::mem::take(&mut runner.effects);
    let mut hold = Hold::new(server, (unit.now, unit.access_clock), declared, effects);
    if let Err(owned) = hold.begin(server, script.needs_token()) {
        runner.effects = hold.effects;
        pool::put(server, runner);
        return Ok(Whole::Owned(owned));
    }
    listening::monitor_script(server, session, args);
    let resp3 = session.protocol == Protocol::Resp3;
    run::prepare(&mut runner, &script, resp3, args.from(3).take(keys), args.from(3 + keys));
    match script.turn(&mut hold, &mut runner, server, unit.stats) {
        Turn::Done => {}
        Turn::Restarts => {
            // It has written nothing, and asks for the token at once when it comes again.
            run::abandon(&mut runner);
            hold.give_up(server, unit.stats);
            runner.effects = hold.effects;
            pool::put(server, runner);
            let opened = server.gates.opened();
            server.scripts.owners.wait();
            let owner = server.scripts.owners.token_holder();
            if owner == 0 {
                // It is free by now: nobody else would call.
                server.gates.retry();
            }
            return Ok(Whole::Owned(Owned { owner, opened, may_hold: false }));
        }
        Turn::Slice | Turn::Waits => {
            let request = args.from(0).map(<[u8]>::to_vec).collect();
            let work = slow::Work::Script { runner, script, keys, resp3 };
            let hold = (hold, unit.stopwatch.lap().cycles);
            return Ok(Whole::Parked(ParkedOn::Script(Slow::begin(
                server, session, command, request, hold, work,
            ))));
        }
    }
    let lsn = hold.end(server, unit.stats);
    let mark = out.mark();
    let (failed, failure) = run::result(server, &mut runner, &mut out.bytes);
    runner.effects = hold.effects;
    pool::put(server, runner);
    if let Some((line, counted)) = failure {
        write_failure(server, session, &line, counted, out);
    }
    if session.gates & gate::REPLY_MODE != 0 {
        apply_reply_mode(session, || out.cut_back(mark));
    }
    Ok(if failed { Whole::Failed(lsn) } else { Whole::Done(lsn) })
}

/// Writes the error that a script ended with. One that a command of it gave was counted then.
pub(super) fn write_failure(
    server: &Server,
    session: &Session,
    line: &[u8],
    counted: bool,
    out: &mut Output,
) {
    let line: Vec<u8> =
        line.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }).collect();
    if !counted {
        server.shared.count_error(&line);
    }
    Reply::new(out, session.protocol).error_line(&line);
}
