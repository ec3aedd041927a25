//! FUNCTION.
//!
//! A change of the libraries is prepared without any lock, since it runs Lua; then every shard is held, the libraries are
//! replaced and the change is appended, so that the log has it where it happened.

use crate::command::dispatch::{Owned, Unit, Whole, append_effects, apply_reply_mode};
use crate::command::script::manage::answer_kill;
use crate::command::script::pool;
use crate::command::spec::*;
use crate::command::table::Command;
use crate::command::{CommandResult, Context};
use crate::keyspace::door::{Access, Known};
use crate::keyspace::effect::Effect;
use crate::keyspace::{EffectLog, Keys};
use crate::resp::{Args, CommandError, Output, Reply, text};
use crate::script::flags::ScriptFlags;
use crate::script::library::{Function, Libraries, Library, read_header};
use crate::session::{Session, gate};
use crate::state::Server;
use dunlin_lua::Kind;
use dunlin_storage::rdb::{self, payload};
use dunlin_structures::glob;
use std::sync::Arc;

const SUBCOMMAND: CommandSpec = CommandSpec {
    arity: 2,
    flags: NOSCRIPT,
    acl: acl::SCRIPTING,
    group: "scripting",
    since: "7.0.0",
    ..CommandSpec::BLANK
};

const ALL_SHARDS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "function",
    arity: -2,
    group: "scripting",
    since: "7.0.0",
    summary: "A container for function commands.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        CommandSpec {
            name: "delete",
            arity: 3,
            flags: NOSCRIPT.and(WRITE),
            summary: "Deletes a library and its functions.",
            syntax: "library-name",
            tips: ALL_SHARDS,
            run: Run::Whole(change),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "dump",
            summary: "Dumps all libraries into a serialized binary payload.",
            complexity: "O(N) where N is the number of functions",
            run: Run::Unlocked(dump),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "flush",
            arity: -2,
            flags: NOSCRIPT.and(WRITE),
            summary: "Deletes all libraries and functions.",
            complexity: "O(N) where N is the number of functions deleted",
            syntax: "[ASYNC | SYNC]",
            tips: ALL_SHARDS,
            run: Run::Whole(change),
            ..SUBCOMMAND
        },
        CommandSpec::help(SUBCOMMAND, "7.0.0", help),
        CommandSpec {
            name: "kill",
            flags: NOSCRIPT.and(ALLOW_BUSY).and(NEVER_PAUSED),
            summary: "Terminates a function during execution.",
            tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
            run: Run::Unlocked(kill),
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
        CommandSpec {
            name: "load",
            arity: -3,
            flags: NOSCRIPT.and(WRITE).and(DENYOOM),
            summary: "Creates a library.",
            complexity: "O(1) (considering compilation time is redundant)",
            syntax: "[REPLACE] function-code",
            tips: ALL_SHARDS,
            run: Run::Whole(change),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "restore",
            arity: -3,
            flags: NOSCRIPT.and(WRITE).and(DENYOOM),
            summary: "Restores all libraries from a payload.",
            complexity: "O(N) where N is the number of functions on the payload",
            syntax: "serialized-value [FLUSH | APPEND | REPLACE]",
            tips: ALL_SHARDS,
            run: Run::Whole(change),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "stats",
            flags: NOSCRIPT.and(ALLOW_BUSY).and(NEVER_PAUSED),
            summary: "Returns information about a function during execution.",
            tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
            run: Run::Unlocked(stats),
            ..SUBCOMMAND
        },
    ],
    run: Run::Container,
    ..CommandSpec::BLANK
}];

/// How long a library may take to register its functions.
const LOAD_NS: u64 = 500_000_000;

/// A change of the libraries that is ready to be made.
pub(super) enum Change {
    Load { library: Library, replace: bool },
    Delete,
    Flush,
    Restore { added: Libraries, policy: Policy },
}

enum Answer {
    Ok,
    Name(Vec<u8>),
}

/// Whether a command changes the libraries.
pub(super) fn changes(command: &Command) -> bool {
    command.full_name.starts_with("function|") && matches!(command.spec.run, Run::Whole(_))
}

/// FUNCTION LOAD, DELETE, FLUSH and RESTORE: changes the libraries and logs the request.
fn change(
    unit: &mut Unit<'_>,
    session: &mut Session,
    command: &Command,
    args: Args<'_>,
    _: &[Known],
    out: &mut Output,
) -> Result<Whole, CommandError> {
    let server = unit.server;
    let change = prepare(server, session, command, args)?;
    let locked = server.keyspace.lock_set(u64::MAX);
    if let Some(owner) = locked.owner() {
        return Ok(Whole::Owned(Owned::new(server, owner)));
    }
    let answer = change.store(server, args)?;
    unit.effects.clear();
    unit.effects.wanted = server.commit.wanted();
    let access = Access { clock: unit.access_clock, no_touch: true, keeps_expired: true };
    let (db, now, wanted) = (session.db, unit.now, server.hub.wanted());
    let mut keys = Keys::new(&server.keyspace, locked, &[], db, now, access, args, unit.effects, wanted);
    keys.announce_server(Effect::Request);
    let finished = keys.finish();
    unit.stats.dirty.add(finished.tally.changes);
    let lsn = append_effects(server, finished);
    let mark = out.mark();
    answer.write(Reply::new(out, session.protocol));
    if session.gates & gate::REPLY_MODE != 0 {
        apply_reply_mode(session, || out.cut_back(mark));
    }
    Ok(Whole::Done(lsn))
}

/// What can be found out without any lock.
///
/// # Errors
/// Why it can't be done.
pub(super) fn prepare(
    server: &Server,
    session: &Session,
    command: &Command,
    args: Args<'_>,
) -> Result<Change, CommandError> {
    match command.spec.name {
        "load" => load(server, session, args),
        "restore" => restore(server, args),
        "flush" => flush(args),
        _ => Ok(Change::Delete),
    }
}

impl Change {
    /// Makes it as a part of a larger unit, which holds every shard.
    ///
    /// # Errors
    /// As libraries are now it can't be done.
    pub(super) fn make(self, cx: &mut Context<'_>, args: Args<'_>) -> CommandResult {
        let answer = self.store(cx.server, args)?;
        cx.keys.announce_server(Effect::Request);
        answer.write(cx.reply.reborrow());
        Ok(())
    }

    /// Makes it, with every shard held.
    fn store(self, server: &Server, args: Args<'_>) -> Result<Answer, CommandError> {
        let mut libraries = Libraries::clone(&server.scripts.functions.load());
        let answer = self.apply(&mut libraries, args)?;
        server.scripts.functions.store(libraries);
        Ok(answer)
    }

    fn apply(self, libraries: &mut Libraries, args: Args<'_>) -> Result<Answer, CommandError> {
        match self {
            Self::Load { library, replace } => {
                check_free(libraries, &library.name, replace)?;
                libraries.remove(&library.name);
                let name = library.name.clone();
                libraries.add(library).map_err(CommandError::formatted)?;
                return Ok(Answer::Name(name));
            }
            Self::Delete if libraries.remove(args.at(2)) => {}
            Self::Delete => return Err(CommandError::text("Library not found")),
            Self::Flush => *libraries = Libraries::default(),
            Self::Restore { added, policy: Policy::Flush } => *libraries = added,
            Self::Restore { added, policy } => {
                for library in added.iter() {
                    if libraries.get(&library.name).is_some() && policy == Policy::Append {
                        let name = text::shown(&library.name);
                        return Err(CommandError::formatted(format!("Library {name} already exists")));
                    }
                    libraries.remove(&library.name);
                }
                for library in added.iter() {
                    libraries.add_shared(Arc::clone(library)).map_err(CommandError::formatted)?;
                }
            }
        }
        Ok(Answer::Ok)
    }
}

impl Answer {
    fn write(self, mut reply: Reply<'_>) {
        match self {
            Self::Ok => reply.ok(),
            Self::Name(name) => reply.bulk(&name),
        }
    }
}

/// Runs a library's code in a state of this thread, to learn what functions it has.
fn read_library(server: &Server, code: &[u8], limit_ns: u64) -> Result<Library, String> {
    let (name, from) = read_header(code)?;
    let mut runner = pool::take(server, Kind::Functions).map_err(|error| error.to_string())?;
    let registered = runner.load_library(&code[from..], limit_ns);
    let functions = registered.as_ref().map(|registered| {
        let function = |function: &dunlin_lua::Registered| {
            let mut flags = ScriptFlags::default();
            function
                .flags
                .iter()
                .filter_map(|name| ScriptFlags::named(name))
                .for_each(|flag| flags.add(flag));
            Function {
                name: String::from_utf8_lossy(&function.name).into(),
                description: function.description.clone(),
                flags,
                needs_token: Arc::default(),
            }
        };
        registered.iter().map(function).collect::<Vec<_>>()
    });
    let functions = functions.map_err(Clone::clone);
    if let Ok(registered) = &registered {
        runner.forget(registered);
    }
    pool::put(server, runner);
    let functions = functions?;
    if functions.is_empty() {
        return Err("No functions registered".into());
    }
    Ok(Library { id: server.scripts.functions.next_id(), name, code: code.to_vec(), from, functions })
}

fn load(server: &Server, session: &Session, args: Args<'_>) -> Result<Change, CommandError> {
    let mut replace = false;
    let code_at = args.len() - 1;
    for index in 2..code_at {
        if !args.is(index, "replace") {
            let given = text::shown(args.at(index));
            return Err(CommandError::formatted(format!("Unknown option given: {given}")));
        }
        replace = true;
    }
    let code = args.at(code_at);
    // As in Redis a library that is there is complained of before its code is run.
    let (name, _) = read_header(code).map_err(CommandError::formatted)?;
    check_free(&server.scripts.functions.load(), &name, replace)?;
    let is_replay = session.gates & gate::RECOVERY != 0;
    let limit = if is_replay { 0 } else { LOAD_NS };
    let library = read_library(server, code, limit).map_err(CommandError::formatted)?;
    Ok(Change::Load { library, replace })
}

fn check_free(libraries: &Libraries, name: &[u8], replace: bool) -> CommandResult {
    if replace || libraries.get(name).is_none() {
        return Ok(());
    }
    let name = text::shown(name);
    Err(CommandError::formatted(format!("Library '{name}' already exists")))
}

fn flush(args: Args<'_>) -> Result<Change, CommandError> {
    if args.len() > 3 {
        return Err(CommandError::TryHelp { given: args.at(1).into(), container: "function" });
    }
    if args.len() == 3 && !args.is(2, "async") && !args.is(2, "sync") {
        return Err(CommandError::text("FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    Ok(Change::Flush)
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Flush,
    Append,
    Replace,
}

fn restore(server: &Server, args: Args<'_>) -> Result<Change, CommandError> {
    if args.len() > 4 {
        return Err(CommandError::TryHelp { given: args.at(1).into(), container: "function" });
    }
    let policy = match args.get(3).map(<[u8]>::to_ascii_lowercase).as_deref() {
        None | Some(b"append") => Policy::Append,
        Some(b"replace") => Policy::Replace,
        Some(b"flush") => Policy::Flush,
        Some(_) => {
            return Err(CommandError::text(
                "Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
    };
    let mut added = Libraries::default();
    for code in open_payload(args.at(2))? {
        let (name, _) = read_header(&code).map_err(CommandError::formatted)?;
        check_free(&added, &name, false)?;
        let library = read_library(server, &code, LOAD_NS).map_err(CommandError::formatted)?;
        added.add(library).map_err(CommandError::formatted)?;
    }
    Ok(Change::Restore { added, policy })
}

/// What stands before a library's code: that of Redis 7, and that of its first candidates.
const LIBRARY: u8 = 245;
const EARLY_LIBRARY: u8 = 246;

/// The libraries' codes in a payload.
fn open_payload(payload: &[u8]) -> Result<Vec<Vec<u8>>, CommandError> {
    const FAILED: CommandError = CommandError::text("Failed loading library payload");
    let unsealed = CommandError::text("DUMP payload version or checksum are wrong");
    let (body, _) = payload::unseal_any(payload).ok_or(unsealed)?;
    let mut reader = rdb::Reader::new(body);
    let mut codes = Vec::new();
    while !reader.rest().is_empty() {
        let kind = reader.byte().map_err(|_| CommandError::text("can not read data type"))?;
        let mut text = || rdb::string::read(&mut reader).map(|text| text.into_owned()).map_err(|_| FAILED);
        match kind {
            LIBRARY => codes.push(text()?),
            EARLY_LIBRARY => {
                let (name, engine) = (text()?, text()?);
                let has_description = rdb::length::read(&mut reader).map_err(|_| FAILED)?;
                let mut text =
                    || rdb::string::read(&mut reader).map(|text| text.into_owned()).map_err(|_| FAILED);
                if has_description != 0 {
                    text()?;
                }
                let code = text()?;
                codes.push([b"#!", &engine[..], b" name=", &name, b"\n", &code].concat());
            }
            _ => return Err(CommandError::text("given type is not a function")),
        }
    }
    Ok(codes)
}

fn dump(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let mut writer = rdb::Writer::new(cx.server.settings.snapshot().rdb_compression());
    for library in cx.server.scripts.functions.load().iter() {
        writer.byte(LIBRARY);
        writer.string(&library.code);
    }
    cx.reply.bulk(&payload::seal(writer, rdb::VERSION));
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
            let given = text::shown(args.required()?);
            return Err(CommandError::formatted(format!("Unknown argument {given}")));
        }
    }
    let libraries = cx.server.scripts.functions.load();
    let wanted =
        |library: &&Arc<Library>| pattern.is_none_or(|pattern| glob::matches(pattern, &library.name, true));
    cx.reply.array(libraries.iter().filter(wanted).count());
    for library in libraries.iter().filter(wanted) {
        cx.reply.map(if with_code { 4 } else { 3 });
        cx.reply.bulk(b"library_name");
        cx.reply.bulk(&library.name);
        cx.reply.bulk(b"engine");
        cx.reply.bulk(b"LUA");
        cx.reply.bulk(b"functions");
        cx.reply.array(library.functions.len());
        for function in &library.functions {
            cx.reply.map(3);
            cx.reply.bulk(b"name");
            cx.reply.bulk(function.name.as_bytes());
            cx.reply.bulk(b"description");
            match &function.description {
                Some(description) => cx.reply.bulk(description),
                None => cx.reply.null(),
            }
            cx.reply.bulk(b"flags");
            cx.reply.set(function.flags.names().count());
            for name in function.flags.names() {
                cx.reply.simple(name);
            }
        }
        if with_code {
            cx.reply.bulk(b"library_code");
            cx.reply.bulk(&library.code);
        }
    }
    Ok(())
}

fn kill(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    answer_kill(cx, true)
}

fn stats(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let slow = cx.server.scripts.owners.slow();
    let running = slow.iter().map(|owner| (owner, owner.what())).find(|(_, what)| what.is_function);
    if running.is_none() && slow.iter().any(|owner| owner.is_busy.load(std::sync::atomic::Ordering::Relaxed))
    {
        return Err(CommandError::Busy);
    }
    cx.reply.map(2);
    cx.reply.bulk(b"running_script");
    match running {
        None => cx.reply.null(),
        Some((owner, what)) => {
            cx.reply.map(3);
            cx.reply.bulk(b"name");
            cx.reply.bulk(what.name.as_bytes());
            cx.reply.bulk(b"command");
            cx.reply.array(what.request.len());
            what.request.iter().for_each(|arg| cx.reply.bulk(arg));
            cx.reply.bulk(b"duration_ms");
            cx.reply.integer(i64::try_from(owner.began.elapsed().as_millis()).unwrap_or(i64::MAX));
        }
    }
    let libraries = cx.server.scripts.functions.load();
    cx.reply.bulk(b"engines");
    cx.reply.map(1);
    cx.reply.bulk(b"LUA");
    cx.reply.map(2);
    cx.reply.bulk(b"libraries_count");
    cx.reply.integer(libraries.iter().len() as i64);
    cx.reply.bulk(b"functions_count");
    cx.reply.integer(libraries.function_count() as i64);
    Ok(())
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "function",
        &[
            "LOAD [REPLACE] <FUNCTION CODE>",
            "    Create a new library with the given library name and code.",
            "DELETE <LIBRARY NAME>",
            "    Delete the given library.",
            "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
            "    Return general information on all the libraries:",
            "    * Library name",
            "    * The engine used to run the Library",
            "    * Library description",
            "    * Functions list",
            "    * Library code (if WITHCODE is given)",
            "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
            "STATS",
            "    Return information about the current function running:",
            "    * Function name",
            "    * Command used to run the function",
            "    * Duration in MS that the function is running",
            "    If no function is running, return nil",
            "    In addition, returns a list of available engines.",
            "KILL",
            "    Kill the current running function.",
            "FLUSH [ASYNC|SYNC]",
            "    Delete all the libraries.",
            "    When called without the optional mode argument, the behavior is determined by the",
            "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            "    * ASYNC: Asynchronously flush the libraries.",
            "    * SYNC: Synchronously flush the libraries.",
            "DUMP",
            "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
            "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
            "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
            "    control how to handle existing libraries (default APPEND):",
            "    * FLUSH: delete all existing libraries.",
            "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
            "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
            "      libraries with the new libraries (notice that even on this option there is a chance of failure",
            "      in case of functions name collision with another library).",
        ],
    );
    Ok(())
}
