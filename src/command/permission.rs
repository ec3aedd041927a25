//! Whether a session's user may do what a request asks for, by the command's spec; and what is said and noted if not.
//!
//! Dispatch asks for each request of a session whose user may not do everything (`gate::RESTRICTED`); EXEC and scripts
//! ask for the commands that they run.

use crate::acl::{self, ChannelUse, Context, Denied, KeyUse, Reason, Request, User};
use crate::command::client::list::{self, Asking};
use crate::command::spec::{self, key};
use crate::command::table::Command;
use crate::resp::{Args, CommandError, text};
use crate::session::{Session, gate};
use crate::state::Server;
use std::sync::atomic::Ordering::Relaxed;

/// Where channels stand among a command's arguments. Who leaves a channel is not asked.
struct Channels {
    command: &'static str,
    first: usize,
    /// All from there on.
    are_many: bool,
    are_patterns: bool,
}

const CHANNELS: &[Channels] = &[
    Channels { command: "publish", first: 1, are_many: false, are_patterns: false },
    Channels { command: "spublish", first: 1, are_many: false, are_patterns: false },
    Channels { command: "subscribe", first: 1, are_many: true, are_patterns: false },
    Channels { command: "ssubscribe", first: 1, are_many: true, are_patterns: false },
    Channels { command: "psubscribe", first: 1, are_many: true, are_patterns: true },
];

/// What the rules need to know of a request. The command is the subcommand, where there is one.
fn request<'a>(command: &Command, args: Args<'a>) -> Request<'a> {
    // Where specs and arguments disagree the handler will complain, and touch nothing.
    let keys = if command.spec.keys.is_empty() { None } else { command.keys_and_flags(args) };
    let keys = keys.into_iter().flatten().map(|key| KeyUse {
        index: key.index,
        read: key.flags.has(key::ACCESS),
        write: [key::INSERT, key::DELETE, key::UPDATE].iter().any(|flag| key.flags.has(*flag)),
    });
    let known = CHANNELS.iter().find(|known| known.command == command.full_name);
    let channels = known.into_iter().flat_map(|known| {
        let end = if known.are_many { args.len() } else { args.len().min(known.first + 1) };
        (known.first..end).map(|index| ChannelUse { index, is_pattern: known.are_patterns })
    });
    Request {
        command: command.id,
        is_for_all: command.flags().has(spec::NO_AUTH),
        args,
        keys: keys.collect(),
        channels: channels.collect(),
    }
}

/// Whether the user may have this request done.
///
/// # Errors
/// What is denied. Whoever refuses the request for it calls [`note`].
pub fn check(user: &User, command: &Command, args: Args<'_>) -> Result<(), Denied> {
    acl::check(user, &request(command, args))
}

/// Whether the request may also read keys that it doesn't name (SORT BY).
pub fn may_read_all_keys(session: &Session, command: &Command, args: Args<'_>) -> bool {
    let is_checked = session.gates & gate::RESTRICTED != 0 && session.gates & gate::RECOVERY == 0;
    !is_checked || acl::may_read_all_keys(&session.user, &request(command, args))
}

/// Where something was denied, as ACL LOG tells it.
#[derive(Clone, Copy)]
pub struct Place<'c> {
    pub context: Context,
    /// What the client has sent.
    pub sent: &'c Command,
}

impl<'c> Place<'c> {
    /// Of a client's own request.
    pub fn of_request(session: &Session, command: &'c Command) -> Self {
        let is_queued = session.gates & gate::IN_MULTI != 0;
        Self { context: if is_queued { Context::Multi } else { Context::TopLevel }, sent: command }
    }

    /// Of what a script or a transaction wanted to run: the client has sent what runs it.
    pub fn within(context: Context, server: &'c Server, session: &Session, command: &'c Command) -> Self {
        let sent = server.commands.all().get(session.client.last_command.load(Relaxed) as usize);
        Self { context, sent: sent.unwrap_or(command) }
    }
}

/// Notes a denial in ACL LOG.
pub fn note(
    server: &Server,
    session: &Session,
    command: &Command,
    args: Args<'_>,
    denied: Denied,
    place: Place<'_>,
    now: i64,
) {
    let (reason, object) = match denied {
        Denied::Command => (Reason::Command, command.full_name.as_bytes()),
        Denied::Key(index) => (Reason::Key, args.at(index)),
        Denied::Channel(index) => (Reason::Channel, args.at(index)),
    };
    note_as(server, session, args, (reason, object, session.user.name()), place, now);
}

/// Notes in ACL LOG that somebody did not get in under this name.
pub fn note_failed_login(
    server: &Server,
    session: &Session,
    command: &Command,
    args: Args<'_>,
    name: &[u8],
    now: i64,
) {
    let what = (Reason::Auth, args.at(0), name);
    note_as(server, session, args, what, Place::of_request(session, command), now);
}

fn note_as(
    server: &Server,
    session: &Session,
    args: Args<'_>,
    (reason, object, user): (Reason, &[u8], &[u8]),
    Place { context, sent }: Place<'_>,
    now: i64,
) {
    let mut client = Vec::new();
    let is_resp3 = session.protocol == crate::resp::Protocol::Resp3;
    let asking = Asking { session, command: sent, args, now, is_resp3 };
    list::line(&mut client, server, &asking, &session.client);
    let denial = acl::log::Denial { reason, context, object, user, client, now };
    server.users.log.add(denial, server.settings.snapshot().acl_log_max_len());
}

/// The error of a request that was denied.
pub fn error(user: &User, command: &Command, denied: Denied) -> CommandError {
    CommandError::NoPermission(text(user, command, denied).into())
}

/// Whether the user may still have done what was queued: its rights may have changed since.
///
/// # Errors
/// What is denied, which is noted.
pub fn check_again(
    server: &Server,
    session: &Session,
    command: &Command,
    args: Args<'_>,
    now: i64,
) -> Result<(), CommandError> {
    let is_checked = session.gates & gate::RESTRICTED != 0 && session.gates & gate::RECOVERY == 0;
    let Err(denied) = (if is_checked { check(&session.user, command, args) } else { Ok(()) }) else {
        return Ok(());
    };
    let place = Place::within(Context::Multi, server, session, command);
    note(server, session, command, args, denied, place, now);
    Err(error_at_exec(denied))
}

/// The error of what a script wants to run.
pub fn error_in_script(user: &User, command: &Command, denied: Denied) -> CommandError {
    CommandError::formatted(format!("ACL failure in script: {}", text(user, command, denied)))
}

fn text(user: &User, command: &Command, denied: Denied) -> String {
    match denied {
        Denied::Command => command_text(user, command),
        Denied::Key(_) => "No permissions to access a key".into(),
        Denied::Channel(_) => "No permissions to access a channel".into(),
    }
}

/// What ACL DRYRUN says: it may name keys.
pub fn explanation(user: &User, command: &Command, args: Args<'_>, denied: Denied) -> String {
    let (index, what) = match denied {
        Denied::Command => return command_text(user, command),
        Denied::Key(index) => (index, "key"),
        Denied::Channel(index) => (index, "channel"),
    };
    let (user, object) = (text::shown(user.name()), text::shown(args.at(index)));
    format!("User {user} has no permissions to access the '{object}' {what}")
}

fn command_text(user: &User, command: &Command) -> String {
    let name = text::shown(user.name());
    format!("User {name} has no permissions to run the '{}' command", command.full_name)
}

/// The error of a request in a transaction whose user has lost a right since it was queued.
fn error_at_exec(denied: Denied) -> CommandError {
    let reason = match denied {
        Denied::Command => "no permission to execute the command or subcommand",
        Denied::Key(_) => "no permission to touch the specified keys",
        Denied::Channel(_) => "no permission to access one of the channels used as arguments",
    };
    CommandError::NoPermission(
        format!(
            "ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is \
             no longer allowed for the following reason: {reason}"
        )
        .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::Commands;

    /// Those that say nothing of what is in a value, or very little, as in Redis: any right to the key will do.
    const OF_METADATA: &[&str] = &[
        "bf.card",
        "bf.exists",
        "bf.info",
        "bf.mexists",
        "cf.count",
        "cf.exists",
        "cf.info",
        "cf.mexists",
        "exists",
        "hexists",
        "hlen",
        "hstrlen",
        "llen",
        "memory|usage",
        "object|encoding",
        "object|freq",
        "object|idletime",
        "object|refcount",
        "scard",
        "sismember",
        "strlen",
        "touch",
        "type",
        "xlen",
        "zcard",
    ];

    #[test]
    fn who_writes_or_reads_a_key_says_so() {
        for command in Commands::new(&[]).all().iter().filter(|command| !command.spec.keys.is_empty()) {
            let any = |wanted: &[spec::KeyFlags]| {
                command.spec.keys.iter().any(|spec| wanted.iter().any(|flag| spec.flags.has(*flag)))
            };
            let writes = any(&[key::INSERT, key::DELETE, key::UPDATE]);
            // As in Redis these want the right to read only.
            let is_known = ["xreadgroup", "pfdebug"].contains(&command.full_name);
            assert!(!command.flags().has(spec::WRITE) || writes || is_known, "{}", command.full_name);
            let is_quiet = OF_METADATA.contains(&command.full_name);
            assert!(
                !command.flags().has(spec::READONLY) || any(&[key::ACCESS]) != is_quiet,
                "{}",
                command.full_name
            );
        }
    }

    #[test]
    fn channels_stand_where_the_table_says() {
        let commands = Commands::new(&[]);
        for known in CHANNELS {
            // What is not built yet is looked at when it is.
            let Some(command) = commands.find(known.command.as_bytes()) else { continue };
            let smallest = usize::from(command.spec.arity.unsigned_abs());
            assert!(
                smallest > known.first && command.spec.keys.iter().all(|spec| spec.flags.has(key::NOT_KEY))
            );
            assert_eq!(command.spec.arity < 0, known.are_many, "{}", known.command);
        }
    }
}
