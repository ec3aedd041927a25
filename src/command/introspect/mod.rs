//! COMMAND: what the table of commands says of itself.
//!
//! Everything here is derived from the specs: adding a command needs nothing here.

mod docs;
mod syntax;

use crate::command::keys::KeyArg;
use crate::command::spec::*;
use crate::command::table::Command;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::glob;

const ALWAYS: Flags = LOADING.and(STALE);
const NO_FIXED_ORDER: &[&str] = &["nondeterministic_output_order"];

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "command",
    arity: -1,
    flags: ALWAYS,
    acl: acl::CONNECTION,
    group: "server",
    since: "2.8.13",
    summary: "Returns detailed information about all commands.",
    complexity: "O(N) where N is the total number of commands",
    tips: NO_FIXED_ORDER,
    subcommands: &[
        CommandSpec {
            name: "count",
            arity: 2,
            summary: "Returns a count of commands.",
            run: Run::Unlocked(count),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "docs",
            arity: -2,
            since: "7.0.0",
            summary: "Returns documentary information about one, multiple or all commands.",
            complexity: "O(N) where N is the number of commands to look up",
            syntax: "[command-name [command-name ...]]",
            tips: NO_FIXED_ORDER,
            run: Run::Unlocked(docs),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "getkeys",
            arity: -3,
            summary: "Extracts the key names from an arbitrary command.",
            complexity: "O(N) where N is the number of arguments to the command",
            syntax: "command [arg [arg ...]]",
            run: Run::Unlocked(getkeys),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "getkeysandflags",
            arity: -3,
            since: "7.0.0",
            summary: "Extracts the key names and access flags for an arbitrary command.",
            complexity: "O(N) where N is the number of arguments to the command",
            syntax: "command [arg [arg ...]]",
            run: Run::Unlocked(getkeysandflags),
            ..SUBCOMMAND
        },
        CommandSpec::help(SUBCOMMAND, "5.0.0", help),
        CommandSpec {
            name: "info",
            arity: -2,
            summary: "Returns information about one, multiple or all commands.",
            complexity: "O(N) where N is the number of commands to look up",
            syntax: "[command-name [command-name ...]]",
            history: &[("7.0.0", "Allowed to be called with no argument to get info on all commands.")],
            tips: NO_FIXED_ORDER,
            run: Run::Unlocked(info),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "list",
            arity: -2,
            since: "7.0.0",
            summary: "Returns a list of command names.",
            complexity: "O(N) where N is the total number of commands",
            syntax: "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
            tips: NO_FIXED_ORDER,
            run: Run::Unlocked(list),
            ..SUBCOMMAND
        },
    ],
    run: Run::Bare(all),
    ..CommandSpec::BLANK
}];

const SUBCOMMAND: CommandSpec = CommandSpec {
    flags: ALWAYS,
    acl: acl::CONNECTION,
    group: "server",
    since: "2.8.13",
    ..CommandSpec::BLANK
};

fn all(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let commands = &cx.server.commands;
    cx.reply.array(commands.named().count());
    commands.named().for_each(|command| describe(cx, command));
    Ok(())
}

fn count(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.integer(cx.server.commands.named().count() as i64);
    Ok(())
}

fn info(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.remaining() == 0 {
        return all(cx, args);
    }
    cx.reply.array(args.remaining());
    for name in args.rest() {
        match cx.server.commands.find_full(name) {
            Some(command) => describe(cx, command),
            // As Redis: a null even where RESP2 would have an array.
            None => cx.reply.null(),
        }
    }
    Ok(())
}

fn docs(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let commands = &cx.server.commands;
    let wanted: Vec<&Command> = match args.remaining() {
        0 => commands.named().collect(),
        _ => args.rest().filter_map(|name| commands.find_full(name)).collect(),
    };
    cx.reply.map(wanted.len());
    for command in wanted {
        cx.reply.bulk_str(command.full_name);
        docs::write(&mut cx.reply, commands, command, is_subcommand(command));
    }
    Ok(())
}

fn is_subcommand(command: &Command) -> bool {
    command.full_name.contains('|')
}

fn list(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let filter = match args.remaining() {
        0 => Filter::None,
        3 if args.accept("FILTERBY") => {
            let kind = args.required()?;
            let value = args.required()?;
            match kind.to_ascii_lowercase().as_slice() {
                b"module" => Filter::Module,
                b"aclcat" => Filter::Category(value),
                b"pattern" => Filter::Pattern(value),
                _ => return Err(CommandError::Syntax),
            }
        }
        _ => return Err(CommandError::Syntax),
    };
    let commands = &cx.server.commands;
    let mut names = Vec::new();
    for command in commands.named() {
        let with_subcommands = command.subcommand_ids.iter().map(|&id| &commands.all()[id]);
        let of_command = std::iter::once(command).chain(with_subcommands);
        names.extend(of_command.filter(|command| filter.lets_pass(command)).map(|command| command.full_name));
    }
    cx.reply.array(names.len());
    names.iter().for_each(|name| cx.reply.bulk_str(name));
    Ok(())
}

/// COMMAND LIST FILTERBY.
enum Filter<'a> {
    None,
    /// There are no modules: nothing passes.
    Module,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl Filter<'_> {
    fn lets_pass(&self, command: &Command) -> bool {
        match self {
            Self::None => true,
            Self::Module => false,
            Self::Category(name) => {
                let known = acl::NAMES.iter().find(|(_, known)| name.eq_ignore_ascii_case(known.as_bytes()));
                known.is_some_and(|(category, _)| command.categories.has(*category))
            }
            Self::Pattern(pattern) => glob::matches(pattern, command.full_name.as_bytes(), true),
        }
    }
}

fn getkeys(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let request = args.after(2);
    let keys = keys_of(cx, request)?;
    cx.reply.array(keys.len());
    keys.iter().for_each(|key| cx.reply.bulk(request.at(key.index)));
    Ok(())
}

fn getkeysandflags(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let request = args.after(2);
    let keys = keys_of(cx, request)?;
    cx.reply.array(keys.len());
    for key in keys {
        cx.reply.array(2);
        cx.reply.bulk(request.at(key.index));
        key_flags(&mut cx.reply, key.flags);
    }
    Ok(())
}

/// The keys of a request that is given as arguments of another.
fn keys_of(cx: &Context<'_>, request: Args<'_>) -> Result<Vec<KeyArg>, CommandError> {
    let commands = &cx.server.commands;
    let mut command = commands.find(request.at(0));
    if let (Some(container), Some(name)) = (command, request.get(1))
        && !container.subcommand_ids.is_empty()
    {
        command = commands.subcommand(container, name);
    }
    let Some(command) = command else { return Err(CommandError::text("Invalid command specified")) };
    if command.spec.keys.iter().all(|spec| spec.flags.has(key::NOT_KEY)) {
        return Err(CommandError::text("The command has no key arguments"));
    }
    if !command.accepts(request.len()) {
        return Err(CommandError::text("Invalid number of arguments specified for command"));
    }
    match command.keys_and_flags(request) {
        Some(keys) if !keys.is_empty() => Ok(keys.into_vec()),
        _ if command.flags().has(NO_MANDATORY_KEYS) => Ok(Vec::new()),
        _ => Err(CommandError::text("Invalid arguments specified for command")),
    }
}

/// A command's entry in the reply of COMMAND.
fn describe(cx: &mut Context<'_>, command: &Command) {
    let spec = command.spec;
    let reply = &mut cx.reply;
    reply.array(10);
    reply.bulk_str(command.full_name);
    reply.integer(i64::from(spec.arity));
    let flags = shown_flags(spec);
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
    let (first, last, step) = legacy_range(spec.keys);
    [first, last, step].iter().for_each(|&number| reply.integer(number));
    let categories = acl::NAMES.iter().filter(|(category, _)| command.categories.has(*category));
    let categories: Vec<_> = categories.map(|(_, name)| format!("@{name}")).collect();
    reply.set(categories.len());
    categories.iter().for_each(|category| reply.simple(category));
    reply.set(spec.tips.len());
    spec.tips.iter().for_each(|tip| reply.bulk_str(tip));
    reply.set(spec.keys.len());
    spec.keys.iter().for_each(|spec| key_spec(reply, spec));
    // Redis says "no subcommands" with a set, and some with an array.
    match command.subcommand_ids.len() {
        0 => reply.set(0),
        count => reply.array(count),
    }
    for &id in &command.subcommand_ids {
        describe(cx, &cx.server.commands.all()[id]);
    }
}

/// The names of the flags that clients are told of.
fn shown_flags(spec: &CommandSpec) -> Vec<&'static str> {
    let mut flags = spec.flags;
    if has_movable_keys(spec.keys) {
        flags = flags.and(MOVABLE_KEYS);
    }
    let hidden = |flag: Flags| flag == PROTECTED || flag == MAY_REPLICATE;
    let shown = FLAG_NAMES.iter().filter(|(flag, _)| !hidden(*flag) && flags.has(*flag));
    shown.map(|(_, name)| *name).collect()
}

/// Whether first, last and step can't say where all keys are.
fn has_movable_keys(specs: &[KeySpec]) -> bool {
    let fixed = |spec: &KeySpec| {
        matches!((spec.begin, spec.find), (Begin::Index(_) | Begin::IndexUnless { .. }, Find::Range { .. }))
    };
    specs.iter().any(|spec| !fixed(spec))
}

/// First key, last key and step, as older clients want them: the ranges of all specs taken together.
fn legacy_range(specs: &[KeySpec]) -> (i64, i64, i64) {
    if let [KeySpec { begin: Begin::Index(first), find: Find::Range { last, step, .. }, .. }] = specs {
        let first = i64::from(*first);
        let last = i64::from(*last);
        return (first, if last >= 0 { first + last } else { last }, i64::from(*step));
    }
    let mut range: Option<(i64, i64)> = None;
    for spec in specs {
        let (
            Begin::Index(first) | Begin::IndexUnless { index: first, .. },
            Find::Range { last, step: 1, .. },
        ) = (spec.begin, spec.find)
        else {
            continue;
        };
        let first = i64::from(first);
        // Only what follows on without a gap can be part of one range.
        if range.is_some_and(|(_, end)| end != first - 1) {
            continue;
        }
        let last = if last >= 0 { first + i64::from(last) } else { i64::from(last) };
        range = Some((range.map_or(first, |(start, _)| start), last));
    }
    range.map_or((0, 0, 0), |(first, last)| (first, last, 1))
}

fn key_spec(reply: &mut Reply<'_>, spec: &KeySpec) {
    reply.map(if spec.notes.is_empty() { 3 } else { 4 });
    if !spec.notes.is_empty() {
        reply.bulk_str("notes");
        reply.bulk_str(spec.notes);
    }
    reply.bulk_str("flags");
    key_flags(reply, spec.flags);
    reply.bulk_str("begin_search");
    match spec.begin {
        Begin::Index(index) | Begin::IndexUnless { index, .. } => {
            key_search(reply, "index", &[("index", number(index))])
        }
        Begin::Keyword(word, from)
        | Begin::KeywordAmong { word, told: from, .. }
        | Begin::Option { word, told: Some(from), .. } => {
            key_search(reply, "keyword", &[("keyword", Field::Word(word)), ("startfrom", number(from))]);
        }
        Begin::Unknown | Begin::Option { told: None, .. } => key_search(reply, "unknown", &[]),
    }
    reply.bulk_str("find_keys");
    match spec.find {
        _ if matches!(spec.begin, Begin::Option { told: None, .. }) => key_search(reply, "unknown", &[]),
        Find::Range { last, step, limit } => key_search(
            reply,
            "range",
            &[("lastkey", number(last)), ("keystep", number(step)), ("limit", number(limit))],
        ),
        Find::Counted { count, first, step } => key_search(
            reply,
            "keynum",
            &[("keynumidx", number(count)), ("firstkey", number(first)), ("keystep", number(step))],
        ),
        Find::Unknown => key_search(reply, "unknown", &[]),
    }
}

/// How the first key, or the others, are found.
fn key_search(reply: &mut Reply<'_>, kind: &str, fields: &[(&str, Field)]) {
    reply.map(2);
    reply.bulk_str("type");
    reply.bulk_str(kind);
    reply.bulk_str("spec");
    reply.map(fields.len());
    for (name, value) in fields {
        reply.bulk_str(name);
        match value {
            Field::Number(number) => reply.integer(*number),
            Field::Word(word) => reply.bulk_str(word),
        }
    }
}

enum Field {
    Number(i64),
    Word(&'static str),
}

fn number(number: impl Into<i64>) -> Field {
    Field::Number(number.into())
}

fn key_flags(reply: &mut Reply<'_>, flags: KeyFlags) {
    let names: Vec<_> =
        key::NAMES.iter().filter(|(flag, _)| flags.has(*flag)).map(|(_, name)| *name).collect();
    reply.set(names.len());
    names.iter().for_each(|name| reply.simple(name));
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "command",
        &[
            "(no subcommand)",
            "    Return details about all commands.",
            "COUNT",
            "    Return the total number of commands in this server.",
            "LIST",
            "    Return a list of all commands in this server.",
            "INFO [<command-name> ...]",
            "    Return details about multiple commands.",
            "    If no command names are given, documentation details for all",
            "    commands are returned.",
            "DOCS [<command-name> ...]",
            "    Return documentation details about multiple commands.",
            "    If no command names are given, documentation details for all",
            "    commands are returned.",
            "GETKEYS <full-command>",
            "    Return the keys from a full command.",
            "GETKEYSANDFLAGS <full-command>",
            "    Return the keys and the access flags from a full command.",
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests;
