//! AUTH and HELLO: who a client is, and which protocol it speaks.
//!
//! Users and their rules are in [`crate::acl`]; the default user's password is `requirepass`.

use crate::command::spec::*;
use crate::command::table::Command;
use crate::command::{CommandResult, Context, permission};
use crate::config;
use crate::resp::{Args, CommandError, Protocol, text};
use crate::session::gate;
use std::sync::atomic::Ordering::Relaxed;

/// Whom clients that look at the version believe to meet.
const REDIS_VERSION: &str = "7.2.4";

const WITHOUT_SESSION: Flags = NOSCRIPT.and(LOADING).and(STALE).and(FAST).and(NO_AUTH).and(ALLOW_BUSY);

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "auth",
        arity: -2,
        flags: WITHOUT_SESSION,
        acl: acl::CONNECTION,
        group: "connection",
        since: "1.0.0",
        summary: "Authenticates the connection.",
        complexity: "O(N) where N is the number of passwords defined for the user",
        syntax: "[username] password",
        history: &[("6.0.0", "Added ACL style (username and password).")],
        run: Run::Unlocked(auth),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "hello",
        arity: -1,
        flags: WITHOUT_SESSION,
        acl: acl::CONNECTION,
        group: "connection",
        since: "6.0.0",
        summary: "Handshakes with the Redis server.",
        complexity: "O(1)",
        syntax: "[protover [AUTH username password] [SETNAME clientname]]",
        history: &[(
            "6.2.0",
            "`protover` made optional; when called without arguments reports the current connection's context.",
        )],
        run: Run::Unlocked(hello),
        ..CommandSpec::BLANK
    },
];

fn auth(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (user, password) = match args.len() {
        2 if cx.server.users.default_user().needs_no_password() => {
            return Err(CommandError::text(
                "AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?",
            ));
        }
        2 => (b"default".as_slice(), args.at(1)),
        3 => (args.at(1), args.at(2)),
        _ => return Err(CommandError::Syntax),
    };
    authenticate(cx, *args, user, password)?;
    cx.reply.ok();
    Ok(())
}

fn authenticate(cx: &mut Context<'_>, args: Args<'_>, user: &[u8], password: &[u8]) -> CommandResult {
    if !cx.server.log_in(&cx.session.client, user, password) {
        permission::note_failed_login(cx.server, cx.session, cx.command, args, user, cx.now());
        return Err(CommandError::WrongPass);
    }
    cx.session.follow_user();
    cx.session.gates &= !gate::NEEDS_AUTH;
    Ok(())
}

/// What HELLO's options ask for.
#[derive(Default)]
struct Greeting<'a> {
    protocol: Option<Protocol>,
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

fn hello(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let greeting = greeting(args)?;
    if let Some((user, password)) = greeting.credentials {
        authenticate(cx, *args, user, password)?;
    }
    if cx.session.needs_auth() && cx.server.hot.password_needed.load(Relaxed) {
        return Err(CommandError::coded(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
             <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
             the same time",
        ));
    }
    if let Some(name) = greeting.name {
        cx.session.client.naming.lock().name = name.to_vec();
    }
    if let Some(protocol) = greeting.protocol {
        // What is on its way in the old protocol comes first; nothing else may follow it.
        if cx.session.gates & gate::LISTENS != 0 && protocol != cx.session.protocol {
            cx.session.client.protocol.store(version_of(protocol), Relaxed);
            cx.session.take_pushes(&cx.server.backlog, cx.reply.output());
        }
        cx.session.protocol = protocol;
        cx.reply.set_protocol(protocol);
        cx.session.client.protocol.store(version_of(protocol), Relaxed);
    }
    let reply = &mut cx.reply;
    reply.map(7);
    for (field, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk_str(field);
        reply.bulk_str(value);
    }
    reply.bulk_str("proto");
    reply.integer(i64::from(version_of(cx.session.protocol)));
    reply.bulk_str("id");
    reply.integer(i64::try_from(cx.session.client.id).unwrap_or(i64::MAX));
    for (field, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk_str(field);
        reply.bulk_str(value);
    }
    reply.bulk_str("modules");
    reply.array(0);
    Ok(())
}

fn greeting<'a>(args: &mut Args<'a>) -> Result<Greeting<'a>, CommandError> {
    let mut greeting = Greeting::default();
    let Some(version) = args.next() else { return Ok(greeting) };
    greeting.protocol = match dunlin_structures::number::parse_i64(version) {
        Some(2) => Some(Protocol::Resp2),
        Some(3) => Some(Protocol::Resp3),
        Some(_) => return Err(CommandError::NoProto),
        None => return Err(CommandError::text("Protocol version is not an integer or out of range")),
    };
    while let Some(option) = args.next() {
        if option.eq_ignore_ascii_case(b"auth") && args.remaining() >= 2 {
            greeting.credentials = Some((args.required()?, args.required()?));
        } else if option.eq_ignore_ascii_case(b"setname") && args.remaining() >= 1 {
            let name = args.required()?;
            if !is_client_name(name) {
                return Err(CommandError::text(
                    "Client names cannot contain spaces, newlines or special characters.",
                ));
            }
            greeting.name = Some(name);
        } else {
            let option = text::shown(option);
            return Err(CommandError::formatted(format!("Syntax error in HELLO option '{option}'")));
        }
    }
    Ok(greeting)
}

fn is_client_name(name: &[u8]) -> bool {
    name.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

fn version_of(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    }
}

/// The places among a request's arguments that hold secrets, for logs to leave out: passwords of AUTH, HELLO and
/// MIGRATE, rules of ACL, and values of sensitive settings in CONFIG SET. Whatever clients must call the command.
pub fn secrets(command: &Command, args: Args<'_>) -> Vec<usize> {
    let places = 0..args.len();
    let hidden: Vec<usize> = match command.full_name {
        "auth" => (1..args.len()).collect(),
        "hello" => behind(args, 2, &[("auth", 2, true), ("setname", 1, false)]),
        // Not even who the users are is told.
        "acl|setuser" | "acl|deluser" => (2..args.len()).collect(),
        "acl|getuser" => vec![2],
        // Behind KEYS there are keys only.
        "migrate" => behind(args, 6, &[("auth", 1, true), ("auth2", 2, true), ("keys", usize::MAX, false)]),
        "config|set" => {
            let is_sensitive = |index: &usize| {
                config::settings::find(args.at(*index)).is_some_and(|id| id.setting().sensitive)
            };
            // Also where the pairs don't come out even, which is an error.
            (2..args.len()).filter(is_sensitive).map(|index| index + 1).collect()
        }
        _ => Vec::new(),
    };
    hidden.into_iter().filter(|index| places.contains(index)).collect()
}

/// What follows the options that hold secrets; of each option is known how many arguments it takes.
fn behind(args: Args<'_>, from: usize, options: &[(&str, usize, bool)]) -> Vec<usize> {
    let (mut hidden, mut at) = (Vec::new(), from);
    while at < args.len() {
        let option = options.iter().find(|(word, ..)| args.is(at, word));
        let (count, is_secret) = option.map_or((0, false), |(_, count, is_secret)| (*count, *is_secret));
        if is_secret {
            hidden.extend(at + 1..=at + count);
        }
        at = at.saturating_add(count).saturating_add(1);
    }
    hidden
}

#[cfg(test)]
mod tests;
