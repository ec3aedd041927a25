//! What replicas and operators of replicas ask for. This server is always a primary.

use crate::command::blocking::Blocking;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::replication::replica::Replica;
use crate::replication::{ReplicaReport, full_sync};
use crate::resp::{Args, CommandError, text};
use crate::session::gate;
use crate::state::clients::flag;
use dunlin_structures::number::parse_i64;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

const NOT_SUPPORTED: CommandError =
    CommandError::text("this server can be no replica: it can only be followed by others");

/// Redis' NI_MAXHOST: a replica's address is shorter.
const HOST_LEN_MAX: usize = 1025;

const BASE: CommandSpec = CommandSpec { group: "server", ..CommandSpec::BLANK };

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "failover",
        arity: -1,
        flags: ADMIN.and(NOSCRIPT).and(STALE),
        since: "6.2.0",
        summary: "Has a replica take this server's place.",
        syntax: "[TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]",
        run: Run::Unlocked(failover),
        ..BASE
    },
    CommandSpec {
        name: "psync",
        arity: -3,
        flags: ADMIN.and(NOSCRIPT).and(NO_ASYNC_LOADING).and(NO_MULTI),
        since: "2.8.0",
        summary: "A replica asks to follow this server from an offset on.",
        complexity: "",
        syntax: "replicationid offset",
        run: Run::Unlocked(psync),
        ..BASE
    },
    CommandSpec {
        name: "replconf",
        arity: -1,
        flags: ADMIN.and(NOSCRIPT).and(LOADING).and(STALE).and(ALLOW_BUSY),
        since: "3.0.0",
        summary: "A replica says what it is and how far it has got.",
        run: Run::Unlocked(replconf),
        ..BASE
    },
    CommandSpec {
        name: "replicaof",
        arity: 3,
        flags: ADMIN.and(NOSCRIPT).and(STALE).and(NO_ASYNC_LOADING),
        since: "5.0.0",
        summary: "Makes the server a replica of another one, or a primary.",
        syntax: "<host port | NO ONE>",
        run: Run::Unlocked(replicaof),
        ..BASE
    },
    CommandSpec {
        name: "role",
        arity: 1,
        flags: NOSCRIPT.and(LOADING).and(STALE).and(FAST),
        acl: acl::ADMIN.and(acl::DANGEROUS),
        since: "2.8.12",
        summary: "Returns the server's role in replication.",
        run: Run::Unlocked(role),
        ..BASE
    },
    CommandSpec {
        name: "slaveof",
        arity: 3,
        flags: ADMIN.and(NOSCRIPT).and(STALE).and(NO_ASYNC_LOADING),
        since: "1.0.0",
        summary: "Makes the server a replica of another one, or a primary.",
        syntax: "<host port | NO ONE>",
        deprecated: Some(("5.0.0", "`REPLICAOF`")),
        run: Run::Unlocked(replicaof),
        ..BASE
    },
    CommandSpec {
        name: "sync",
        arity: 1,
        flags: ADMIN.and(NOSCRIPT).and(NO_ASYNC_LOADING).and(NO_MULTI),
        since: "1.0.0",
        summary: "A replica asks for all data.",
        complexity: "",
        run: Run::Unlocked(sync),
        ..BASE
    },
];

fn role(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let report = cx.server.replication.report();
    let online: Vec<_> = report.replicas.iter().filter(|replica| replica.state == "online").collect();
    cx.reply.array(3);
    cx.reply.bulk(b"master");
    cx.reply.integer(report.offset as i64);
    cx.reply.array(online.len());
    for ReplicaReport { replica, .. } in online {
        cx.reply.array(3);
        cx.reply.bulk(replica.host().as_bytes());
        cx.reply.bulk(replica.introduction.port.to_string().as_bytes());
        cx.reply.bulk(replica.acked().to_string().as_bytes());
    }
    Ok(())
}

fn replicaof(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.is(1, "no") && args.is(2, "one") {
        cx.reply.ok();
        return Ok(());
    }
    let port = args.integer_at(2).ok().filter(|port| (0..=65_535).contains(port));
    if port.is_none() {
        return Err(CommandError::text("Invalid master port"));
    }
    Err(NOT_SUPPORTED)
}

/// A client asks for everything, as old replicas and tools do.
fn sync(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    follow(cx, None)
}

/// A replica asks for what it lacks, or for everything.
fn psync(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() > 3 && args.is(3, "failover") {
        return Err(CommandError::text("PSYNC FAILOVER can't be sent to a master."));
    }
    let from = args.integer_at(2)?;
    follow(cx, Some((args.at(1), from)))
}

/// Has the client follow: from a place in the stream, if it names one that is known.
fn follow(cx: &mut Context<'_>, from: Option<(&[u8], i64)>) -> CommandResult {
    if cx.blocking == Blocking::Denied {
        return Err(CommandError::text("SYNC isn't allowed for DENY BLOCKING client"));
    }
    let (server, client) = (cx.server, &cx.session.client);
    if client.has_flag(flag::REPLICA | flag::MONITOR) {
        // As in Redis, who asks again is not answered again, nor is who monitors.
        return Ok(());
    }
    let Some(this) = server.this.upgrade() else { return Ok(()) };
    let introduction = cx.session.introduction.as_deref().cloned().unwrap_or_default();
    let speaks_psync2 = introduction.psync2;
    let replica = Arc::new(Replica::new(Arc::clone(client), introduction, from.is_some(), server.now()));
    client.set_flag(flag::REPLICA, true);
    if let Some((id, offset)) = from {
        let replication = &server.replication;
        // Before the reply is written nothing leaves: what it lacks comes behind it.
        if u64::try_from(offset).is_ok_and(|offset| replication.resume(server, &replica, id, offset)) {
            replication.partial_syncs.fetch_add(1, Relaxed);
            cx.session.gates |= gate::FOLLOWS;
            let id = if speaks_psync2 { format!(" {}", replication.id()) } else { String::new() };
            cx.reply.simple(&format!("CONTINUE{id}"));
            return Ok(());
        }
        // Who has nothing yet says `?`.
        replication.refused_partial_syncs.fetch_add(u64::from(id != b"?"), Relaxed);
    }
    if let Err(error) = full_sync::begin(&this, &replica) {
        client.set_flag(flag::REPLICA, false);
        return Err(CommandError::formatted(format!("Can't start a thread: {error}")));
    }
    cx.session.gates |= gate::FOLLOWS;
    Ok(())
}

/// What a replica says of itself before it asks to follow, and how far it is behind that. As in Redis, ACK and GETACK have
/// no reply.
fn replconf(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    while let Some(option) = args.next() {
        let at = args.len() - args.remaining();
        let value = args.required()?;
        let introduction = cx.session.introduction.get_or_insert_default();
        match option.to_ascii_lowercase().as_slice() {
            b"listening-port" => introduction.port = u16::try_from(args.integer_at(at)?).unwrap_or(0),
            b"ip-address" => {
                if value.len() >= HOST_LEN_MAX {
                    let len = value.len();
                    let text =
                        format!("REPLCONF ip-address provided by replica instance is too long: {len} bytes");
                    return Err(CommandError::formatted(text));
                }
                introduction.address = Some(text::shown(value).into_owned()).filter(|host| !host.is_empty());
            }
            b"capa" => introduction.psync2 |= value.eq_ignore_ascii_case(b"psync2"),
            b"rdb-only" => match args.integer_at(at)? {
                only @ 0..=1 => introduction.only_copy = only == 1,
                _ => return Err(CommandError::text("value is out of range, value must between 0 and 1")),
            },
            b"rdb-filter-only" => {
                let words = text::shown(value).into_owned();
                let mut with_functions = false;
                for word in words.split_ascii_whitespace() {
                    if !word.eq_ignore_ascii_case("functions") {
                        let text = format!("Unsupported rdb-filter-only option: {word}");
                        return Err(CommandError::formatted(text));
                    }
                    with_functions = true;
                }
                (introduction.without_data, introduction.without_functions) = (true, !with_functions);
            }
            b"ack" => {
                let on_disk = if args.accept("FACK") { args.next() } else { None };
                let offset = |text: &[u8]| parse_i64(text).and_then(|offset| u64::try_from(offset).ok());
                if let Some(acked) = offset(value)
                    && cx.session.gates & gate::FOLLOWS != 0
                {
                    let client = &cx.session.client;
                    cx.server.replication.acknowledge(cx.server, client, acked, on_disk.and_then(offset));
                }
                return Ok(());
            }
            b"getack" => return Ok(()),
            _ => {
                let option = text::shown(option);
                return Err(CommandError::formatted(format!("Unrecognized REPLCONF option: {option}")));
            }
        }
    }
    cx.reply.ok();
    Ok(())
}

fn failover(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() == 2 && args.is(1, "abort") {
        return Err(CommandError::text("No failover in progress."));
    }
    let (mut timeout, mut target, mut forced) = (0, false, false);
    while args.remaining() > 0 {
        if timeout == 0 && args.remaining() > 1 && args.accept("TIMEOUT") {
            timeout = args.integer()?;
            if timeout <= 0 {
                return Err(CommandError::text("FAILOVER timeout must be greater than 0"));
            }
        } else if !target && args.remaining() > 2 && args.accept("TO") {
            args.required()?;
            args.integer()?;
            target = true;
        } else if !forced && args.accept("FORCE") {
            forced = true;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    match cx.server.replication.report().replicas.is_empty() {
        true => Err(CommandError::text("FAILOVER requires connected replicas.")),
        false => Err(NOT_SUPPORTED),
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::check;

    #[test]
    fn a_primary_without_replicas() {
        const NOT_SUPPORTED: &str = "-ERR this server can be no replica: it can only be followed by others";
        check(&[
            ("ROLE", "*3|$6|master|:0|*0"),
            ("REPLICAOF no one", "+OK"),
            ("SLAVEOF NO ONE", "+OK"),
            ("REPLICAOF no 1", NOT_SUPPORTED),
            ("REPLICAOF localhost 65536", "-ERR Invalid master port"),
            ("REPLICAOF localhost x", "-ERR Invalid master port"),
            ("PSYNC ? x", "-ERR value is not an integer or out of range"),
            ("PSYNC a 1 FAILOVER", "-ERR PSYNC FAILOVER can't be sent to a master."),
            ("MULTI", "+OK"),
            ("SYNC", "-ERR Command not allowed inside a transaction"),
            ("DISCARD", "+OK"),
            ("MONITOR", "+OK"),
            ("SYNC", ""),
            ("PSYNC ? -1", ""),
        ]);
    }

    #[test]
    fn replicas_are_listened_to() {
        check(&[
            ("REPLCONF", "+OK"),
            ("REPLCONF capa", "-ERR syntax error"),
            ("REPLCONF listening-port 1 capa eof capa psync2", "+OK"),
            ("REPLCONF listening-port x", "-ERR value is not an integer or out of range"),
            ("REPLCONF rdb-only 2", "-ERR value is out of range, value must between 0 and 1"),
            ("REPLCONF rdb-filter-only functions", "+OK"),
            ("REPLCONF rdb-filter-only keys", "-ERR Unsupported rdb-filter-only option: keys"),
            ("REPLCONF ACK 0", ""),
            ("REPLCONF GETACK *", ""),
            ("REPLCONF a b", "-ERR Unrecognized REPLCONF option: a"),
        ]);
    }

    #[test]
    fn nobody_takes_over() {
        const NOBODY: &str = "-ERR FAILOVER requires connected replicas.";
        check(&[
            ("FAILOVER", NOBODY),
            ("FAILOVER TO localhost 1 FORCE TIMEOUT 1", NOBODY),
            ("FAILOVER ABORT", "-ERR No failover in progress."),
            ("FAILOVER TIMEOUT 0", "-ERR FAILOVER timeout must be greater than 0"),
            ("FAILOVER TO localhost x", "-ERR value is not an integer or out of range"),
            ("FAILOVER FORCE FORCE", "-ERR syntax error"),
        ]);
    }
}
