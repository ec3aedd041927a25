//! WAIT and WAITAOF: until others, or the disk, have what a client wrote.
//!
//! Replicas are asked how far they are, and those are counted that have got to where the stream was when WAIT came: what
//! its client wrote is before that. What the disk has is known to the commit gate: the connection asks it while it is
//! parked, since only the connection knows the last of its writes.

use crate::command::blocking::{Blocking, DiskWait, Nothing, ReplicaWait, Wait, deadline_after_ms};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Lsn;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;

const BASE: CommandSpec = CommandSpec {
    flags: NOSCRIPT,
    acl: acl::CONNECTION,
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "wait",
        arity: 3,
        since: "3.0.0",
        summary: "Waits until replicas have this connection's writes.",
        syntax: "numreplicas timeout",
        run: Run::Unlocked(wait),
        ..BASE
    },
    CommandSpec {
        name: "waitaof",
        arity: 4,
        since: "7.2.0",
        summary: "Waits until this connection's writes are on this server's disk and on those of replicas.",
        syntax: "numlocal numreplicas timeout",
        run: Run::Unlocked(wait_for_disk),
        ..BASE
    },
];

/// Waits with no key: only time, CLIENT UNBLOCK or the disk ends it.
fn without_key(deadline: Option<i64>, nothing: Nothing) -> Wait {
    Wait { kind: Kind::String, deadline, nothing, wants_missing: false }
}

fn wait(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let replicas = args.integer_at(1)?;
    let deadline = deadline_after_ms(args.at(2), cx.now())?;
    let wait = replicas_at_last(cx, replicas);
    let have = cx.server.replication.count(wait.offset, false);
    if have >= wait.count {
        cx.reply.integer(have as i64);
        return Ok(());
    }
    ask(cx);
    cx.block(&[], without_key(deadline, Nothing::Replicas { have, wait }))
}

/// Waits for so many replicas to get to where the stream is now.
fn replicas_at_last(cx: &Context<'_>, count: i64) -> ReplicaWait {
    ReplicaWait { count: u64::try_from(count).unwrap_or(0), offset: cx.server.replication.offset() }
}

fn ask(cx: &Context<'_>) {
    if cx.blocking == Blocking::Allowed {
        cx.server.replication.ask(cx.server);
    }
}

fn wait_for_disk(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let local = args.integer_at(1)?;
    if !(0..=1).contains(&local) {
        return Err(CommandError::text("value is out of range, value must between 0 and 1"));
    }
    let replicas = args.integer_at(2)?;
    if replicas < 0 {
        return Err(CommandError::text("value is out of range, must be positive"));
    }
    let deadline = deadline_after_ms(args.at(3), cx.now())?;
    if local > 0 && !cx.server.commit.is_logging() {
        return Err(CommandError::NoLogToWaitFor);
    }
    let wait = DiskWait { local: local > 0, replicas: replicas_at_last(cx, replicas) };
    let have = cx.server.replication.count(wait.replicas.offset, true);
    if have < wait.replicas.count {
        ask(cx);
    }
    // Whoever may not wait is told whether everything that anybody wrote is durable: this client's writes are among it.
    let appended = cx.server.persist.position().appended;
    let is = cx.server.commit.is_logging() && cx.server.commit.durable() >= Lsn(appended);
    cx.block(&[], without_key(deadline, Nothing::OnDisk { is, have, wait }))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::TestClient;

    #[test]
    fn nobody_has_it_in_time() {
        let mut client = TestClient::new();
        client.check(&[
            ("WAIT 0 0", ":0"),
            ("WAIT -1 0", ":0"),
            ("WAIT x 0", "-ERR value is not an integer or out of range"),
            ("WAIT 1 x", "-ERR timeout is not an integer or out of range"),
            ("WAIT 1 -1", "-ERR timeout is negative"),
            ("WAIT 1 10", "(parked)"),
        ]);
        assert_eq!(client.answer(), "(waiting)");
        client.pass(10);
        assert_eq!(client.answer(), ":0");
        assert_eq!(client.say("WAIT 1 0"), "(parked)");
        let id = client.session.client.id;
        assert_eq!(client.beside().say(&format!("CLIENT UNBLOCK {id}")), ":1\r\n");
        assert_eq!(client.answer(), ":0");
    }

    #[test]
    fn the_disk_is_asked_only_where_there_is_a_log() {
        let mut client = TestClient::new();
        const OUT: &str = "-ERR value is out of range, ";
        client.check(&[
            ("WAITAOF 2 0 0", &format!("{OUT}value must between 0 and 1")),
            ("WAITAOF 0 -1 0", &format!("{OUT}must be positive")),
            ("WAITAOF 1 0 x", "-ERR timeout is not an integer or out of range"),
            ("WAITAOF 0 1 5", "(parked)"),
        ]);
        client.pass(5);
        assert_eq!(client.answer(), "*2|:0|:0");
        client.server.commit.set_log(None);
        let error = "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
        client.check(&[("WAITAOF 1 0 0", error)]);
    }
}
