//! CLIENT LIST and CLIENT INFO: one line a client, in the fields of Redis 7.2.

use crate::command::table::Command;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError, text};
use crate::session::{Session, gate};
use crate::state::Server;
use crate::state::clients::{Client, OutputClass, flag};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What waits is told in blocks of Redis' size, too.
const OUTPUT_BLOCK_BYTES: u64 = 16 * 1024;

pub(super) fn list(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let clients: Vec<Arc<Client>> = if args.remaining() == 0 {
        cx.server.clients.list()
    } else if args.len() == 4 && args.accept("TYPE") {
        let kind = ClientType::parse(args.at(3))?;
        let all = cx.server.clients.list();
        all.into_iter().filter(|client| ClientType::of(client) == kind).collect()
    } else if args.len() > 3 && args.accept("ID") {
        let mut found = Vec::new();
        while args.remaining() > 0 {
            let id = args.integer().map_err(|_| CommandError::text("Invalid client ID"))?;
            found.extend(u64::try_from(id).ok().and_then(|id| cx.server.clients.get(id)));
        }
        found
    } else {
        return Err(CommandError::Syntax);
    };
    let mut text = Vec::new();
    // Who was cut off is gone for everybody else, though his connection may yet have to see to it.
    let own = cx.session.client.id;
    for client in clients.into_iter().filter(|client| client.id == own || !client.is_killed()) {
        line(&mut text, cx.server, &Asking::of(cx, *args), &client);
        text.push(b'\n');
    }
    cx.reply.verbatim("txt", &text);
    Ok(())
}

pub(super) fn info(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut text = Vec::new();
    line(&mut text, cx.server, &Asking::of(cx, *args), &cx.session.client);
    text.push(b'\n');
    cx.reply.verbatim("txt", &text);
    Ok(())
}

/// The kinds of clients that filters know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientType {
    Normal,
    Replica,
    Primary,
    Subscriber,
}

impl ClientType {
    pub(super) fn parse(name: &[u8]) -> Result<Self, CommandError> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Self::Normal),
            b"slave" | b"replica" => Ok(Self::Replica),
            b"master" => Ok(Self::Primary),
            b"pubsub" => Ok(Self::Subscriber),
            _ => {
                let name = text::shown(name);
                Err(CommandError::formatted(format!("Unknown client type '{name}'")))
            }
        }
    }

    pub(super) fn of(client: &Client) -> Self {
        match client.output_class() {
            OutputClass::Normal => Self::Normal,
            OutputClass::Replica => Self::Replica,
            OutputClass::Subscriber => Self::Subscriber,
        }
    }
}

/// Who asks, and what for: that client's own buffer and arguments are measured from its request, since others see them
/// only after the batch.
pub(in crate::command) struct Asking<'a> {
    pub session: &'a Session,
    pub command: &'a Command,
    pub args: Args<'a>,
    pub now: i64,
    pub is_resp3: bool,
}

impl<'a> Asking<'a> {
    fn of(cx: &'a Context<'_>, args: Args<'a>) -> Self {
        let mut command = cx.command;
        if cx.session.gates & gate::IN_MULTI != 0 {
            // What the client has sent is EXEC.
            let exec = cx.server.commands.all().iter().find(|command| command.full_name == "exec");
            command = exec.unwrap_or(command);
        }
        Self { session: cx.session, command, args, now: cx.now(), is_resp3: cx.reply.is_resp3() }
    }
}

/// One client's line.
pub(in crate::command) fn line(out: &mut Vec<u8>, server: &Server, asking: &Asking<'_>, client: &Client) {
    let is_me = client.id == asking.session.client.id;
    let seconds_since = |time: i64| (asking.now - time).max(0) / 1000;
    let last_active = if is_me { asking.now } else { client.last_active.load(Relaxed) };
    let (buffered, arguments) = match is_me {
        true => (wire_bytes(asking.args), asking.args.from(0).map(<[u8]>::len).sum::<usize>() as u64),
        false => (client.input_bytes.load(Relaxed), 0),
    };
    let spare = client.input_capacity.load(Relaxed).saturating_sub(client.input_bytes.load(Relaxed));
    let waiting = client.output_bytes.load(Relaxed) + client.outbox.bytes();
    let (channels, patterns, shard_channels) = subscriptions(client);
    let command = match is_me {
        true => asking.command.full_name,
        false => {
            let id = client.last_command.load(Relaxed) as usize;
            server.commands.all().get(id).map_or("NULL", |command| command.full_name)
        }
    };
    let redirect = super::tracking::redirect(client.tracking.lock().as_deref());
    let naming = client.naming.lock();
    let total = client.held_bytes() + arguments;
    // Writing to a vector can't fail.
    let _ = write!(out, "id={} addr={} laddr={} ", client.id, client.address, client.local_address);
    let _ = write!(out, "fd={} name=", client.fd);
    out.extend_from_slice(&naming.name);
    let _ = write!(out, " age={} idle={}", seconds_since(client.connected_at), seconds_since(last_active));
    let _ = write!(out, " flags={} db={}", flags(client), client.db.load(Relaxed));
    let _ = write!(out, " sub={channels} psub={patterns} ssub={shard_channels}");
    let queued = client.queued.load(Relaxed);
    let _ = write!(out, " multi={queued} qbuf={buffered} qbuf-free={spare} argv-mem={arguments}");
    let queued = client.queued_bytes.load(Relaxed);
    let blocks = waiting.div_ceil(OUTPUT_BLOCK_BYTES);
    let _ = write!(out, " multi-mem={queued} rbs=0 rbp=0 obl=0 oll={blocks} omem={waiting} tot-mem={total}");
    let _ = write!(out, " events={} cmd={command}", if waiting > 0 { "rw" } else { "r" });
    let protocol = if is_me && asking.is_resp3 { 3 } else { client.protocol.load(Relaxed) };
    out.extend_from_slice(b" user=");
    out.extend_from_slice(client.user().name());
    let _ = write!(out, " redir={redirect} resp={protocol} lib-name=");
    out.extend_from_slice(&naming.library_name);
    out.extend_from_slice(b" lib-ver=");
    out.extend_from_slice(&naming.library_version);
}

/// How many channels, patterns and shard channels it has subscribed to.
fn subscriptions(client: &Client) -> (usize, usize, usize) {
    client.subscriptions.lock().as_ref().map_or((0, 0, 0), |subscriptions| {
        let lens = [&subscriptions.channels, &subscriptions.patterns, &subscriptions.shard_channels];
        let [channels, patterns, shard_channels] = lens.map(|set| set.len());
        (channels, patterns, shard_channels)
    })
}

/// How long a request was as an array of bulk strings.
fn wire_bytes(request: Args<'_>) -> u64 {
    let digits = |number: usize| number.checked_ilog10().unwrap_or(0) as usize + 1;
    let bulks: usize = request.from(0).map(|arg| digits(arg.len()) + arg.len() + 5).sum();
    (digits(request.len()) + 3 + bulks) as u64
}

/// The letters that Redis gives to a client's states, in its order.
fn flags(client: &Client) -> String {
    const LETTERS: &[(u32, char)] = &[
        (flag::REPLICA, 'S'),
        (flag::MONITOR, 'O'),
        (flag::PUBSUB, 'P'),
        (flag::MULTI, 'x'),
        (flag::BLOCKED, 'b'),
        (flag::TRACKING, 't'),
        (flag::BROKEN_REDIRECT, 'R'),
        (flag::BROADCAST, 'B'),
        (flag::TOUCHED, 'd'),
        (flag::CLOSING, 'c'),
        (flag::UNIX_SOCKET, 'U'),
        (flag::NO_EVICT, 'e'),
        (flag::NO_TOUCH, 'T'),
    ];
    let is_touched = client.watch().is_some_and(|watch| watch.is_touched());
    let is_set = |bit: u32| client.has_flag(bit) || bit == flag::TOUCHED && is_touched;
    let set: String = LETTERS.iter().filter(|(bit, _)| is_set(*bit)).map(|(_, letter)| *letter).collect();
    if set.is_empty() { "N".into() } else { set }
}
