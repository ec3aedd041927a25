//! CLIENT LIST and CLIENT INFO: one line a client, in the fields of Redis 7.2.

use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use crate::state::clients::{Client, flag};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

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
    for client in clients {
        line(&mut text, cx, &client, *args);
        text.push(b'\n');
    }
    cx.reply.verbatim("txt", &text);
    Ok(())
}

pub(super) fn info(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut text = Vec::new();
    line(&mut text, cx, &cx.session.client, *args);
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
                let name = String::from_utf8_lossy(name);
                Err(CommandError::formatted(format!("Unknown client type '{name}'")))
            }
        }
    }

    pub(super) fn of(client: &Client) -> Self {
        if client.has_flag(flag::PUBSUB) { Self::Subscriber } else { Self::Normal }
    }
}

/// One client's line. `request` is what asks: the asking client's own buffer and arguments are measured from it, since
/// others see them only after the batch.
fn line(out: &mut Vec<u8>, cx: &Context<'_>, client: &Client, request: Args<'_>) {
    let is_me = client.id == cx.session.client.id;
    let seconds_since = |time: i64| (cx.now() - time).max(0) / 1000;
    let last_active = if is_me { cx.now() } else { client.last_active.load(Relaxed) };
    let (buffered, arguments) = match is_me {
        true => (wire_bytes(request), request.from(0).map(<[u8]>::len).sum::<usize>() as u64),
        false => (client.input_bytes.load(Relaxed), 0),
    };
    let spare = client.input_capacity.load(Relaxed).saturating_sub(client.input_bytes.load(Relaxed));
    let waiting = client.output_bytes.load(Relaxed);
    let command = match is_me {
        true => cx.command.full_name,
        false => {
            let id = client.last_command.load(Relaxed) as usize;
            cx.server.commands.all().get(id).map_or("NULL", |command| command.full_name)
        }
    };
    let naming = client.naming.lock();
    let total = client.held_bytes() + arguments;
    // Writing to a vector can't fail.
    let _ = write!(out, "id={} addr={} laddr={} ", client.id, client.address, client.local_address);
    let _ = write!(out, "fd={} name=", client.fd);
    out.extend_from_slice(&naming.name);
    let _ = write!(out, " age={} idle={}", seconds_since(client.connected_at), seconds_since(last_active));
    let _ = write!(out, " flags={} db={}", flags(client), client.db.load(Relaxed));
    let _ =
        write!(out, " sub=0 psub=0 ssub=0 multi=-1 qbuf={buffered} qbuf-free={spare} argv-mem={arguments}");
    let _ = write!(out, " multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem={waiting} tot-mem={total}");
    let _ = write!(out, " events={} cmd={command}", if waiting > 0 { "rw" } else { "r" });
    let protocol = if is_me && cx.reply.is_resp3() { 3 } else { client.protocol.load(Relaxed) };
    let _ = write!(out, " user={} redir=-1 resp={protocol} lib-name=", client.user.lock());
    out.extend_from_slice(&naming.library_name);
    out.extend_from_slice(b" lib-ver=");
    out.extend_from_slice(&naming.library_version);
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
        (flag::MONITOR, 'O'),
        (flag::PUBSUB, 'P'),
        (flag::MULTI, 'x'),
        (flag::BLOCKED, 'b'),
        (flag::CLOSING, 'c'),
        (flag::UNIX_SOCKET, 'U'),
        (flag::NO_EVICT, 'e'),
        (flag::NO_TOUCH, 'T'),
    ];
    let set: String =
        LETTERS.iter().filter(|(bit, _)| client.has_flag(*bit)).map(|(_, letter)| *letter).collect();
    if set.is_empty() { "N".into() } else { set }
}
