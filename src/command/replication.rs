//! What replicas and operators of replicas ask for: this server is a primary that has none.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError, text};

const NOT_SUPPORTED: CommandError = CommandError::text(
    "replication is not supported: this server can be no replica, and no replica can follow it",
);

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
        run: Run::Unlocked(psync),
        ..BASE
    },
];

fn role(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.array(3);
    cx.reply.bulk(b"master");
    cx.reply.integer(0);
    cx.reply.array(0);
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

fn psync(_: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() > 3 && args.is(3, "failover") {
        return Err(CommandError::text("PSYNC FAILOVER can't be sent to a master."));
    }
    Err(NOT_SUPPORTED)
}

/// Tools and proxies introduce themselves so; nothing follows from it. As in Redis, ACK and GETACK have no reply.
fn replconf(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    while let Some(option) = args.next() {
        let at = args.len() - args.remaining();
        let value = args.required()?;
        match option.to_ascii_lowercase().as_slice() {
            b"listening-port" => {
                args.integer_at(at)?;
            }
            b"ip-address" if value.len() >= HOST_LEN_MAX => {
                let text = format!(
                    "REPLCONF ip-address provided by replica instance is too long: {} bytes",
                    value.len()
                );
                return Err(CommandError::formatted(text));
            }
            b"rdb-only" => {
                if !(0..=1).contains(&args.integer_at(at)?) {
                    return Err(CommandError::text("value is out of range, value must between 0 and 1"));
                }
            }
            b"rdb-filter-only" => {
                let words = text::shown(value).into_owned();
                if let Some(other) =
                    words.split_ascii_whitespace().find(|w| !w.eq_ignore_ascii_case("functions"))
                {
                    return Err(CommandError::formatted(format!(
                        "Unsupported rdb-filter-only option: {other}"
                    )));
                }
            }
            b"ip-address" | b"capa" => {}
            b"ack" | b"getack" => return Ok(()),
            _ => {
                let option = text::shown(option);
                return Err(CommandError::formatted(format!("Unrecognized REPLCONF option: {option}")));
            }
        }
    }
    cx.reply.ok();
    Ok(())
}

fn failover(_: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
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
    Err(CommandError::text("FAILOVER requires connected replicas."))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::check;

    #[test]
    fn a_primary_without_replicas() {
        const NOT_SUPPORTED: &str =
            "-ERR replication is not supported: this server can be no replica, and no replica can follow it";
        check(&[
            ("ROLE", "*3|$6|master|:0|*0"),
            ("REPLICAOF no one", "+OK"),
            ("SLAVEOF NO ONE", "+OK"),
            ("REPLICAOF no 1", NOT_SUPPORTED),
            ("REPLICAOF localhost 65536", "-ERR Invalid master port"),
            ("REPLICAOF localhost x", "-ERR Invalid master port"),
            ("SYNC", NOT_SUPPORTED),
            ("PSYNC ? -1", NOT_SUPPORTED),
            ("PSYNC a 1 FAILOVER", "-ERR PSYNC FAILOVER can't be sent to a master."),
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
