//! Commands about the connection itself.

use crate::command::spec::*;
use crate::command::{CommandResult, Context, transaction};
use crate::hub;
use crate::resp::{Args, CommandError, Protocol};
use crate::session::{ReplyMode, gate};
use crate::state::clients::flag;
use std::sync::atomic::Ordering::Relaxed;

/// Whatever a client is in the middle of, it may end it.
const SESSION_END: Flags =
    ALLOW_BUSY.and(NOSCRIPT).and(LOADING).and(STALE).and(NO_AUTH).and(NOT_QUEUED).and(WHILE_SUBSCRIBED);

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "ping",
        arity: -1,
        flags: FAST.and(WHILE_SUBSCRIBED),
        acl: acl::CONNECTION,
        group: "connection",
        since: "1.0.0",
        summary: "Returns the server's liveliness response.",
        complexity: "O(1)",
        syntax: "[message]",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: Run::Unlocked(ping),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "echo",
        arity: 2,
        flags: LOADING.and(STALE).and(FAST),
        acl: acl::CONNECTION,
        group: "connection",
        since: "1.0.0",
        summary: "Returns the given string.",
        complexity: "O(1)",
        syntax: "message",
        run: Run::Unlocked(echo),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "select",
        arity: 2,
        flags: LOADING.and(STALE).and(FAST),
        acl: acl::CONNECTION,
        group: "connection",
        since: "1.0.0",
        summary: "Changes the selected database.",
        complexity: "O(1)",
        syntax: "index",
        run: Run::Unlocked(select),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "quit",
        arity: -1,
        flags: SESSION_END.and(FAST),
        acl: acl::CONNECTION,
        group: "connection",
        since: "1.0.0",
        summary: "Closes the connection.",
        complexity: "O(1)",
        deprecated: Some(("7.2.0", "just closing the connection")),
        run: Run::Unlocked(quit),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "reset",
        arity: 1,
        flags: SESSION_END.and(FAST),
        acl: acl::CONNECTION,
        group: "connection",
        since: "6.2.0",
        summary: "Resets the connection.",
        complexity: "O(1)",
        run: Run::Unlocked(reset),
        ..CommandSpec::BLANK
    },
];

fn ping(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() > 2 {
        return Err(CommandError::WrongArity("ping"));
    }
    if cx.session.gates & gate::SUBSCRIBED != 0 && !cx.reply.is_resp3() {
        cx.reply.array(2);
        cx.reply.bulk(b"pong");
        cx.reply.bulk(args.next().unwrap_or_default());
        return Ok(());
    }
    match args.next() {
        Some(message) => cx.reply.bulk(message),
        None => cx.reply.simple("PONG"),
    }
    Ok(())
}

fn echo(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    cx.reply.bulk(args.at(1));
    Ok(())
}

fn select(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    cx.session.db = cx.database(args.at(1))?;
    cx.server.keyspace.make_tables(cx.session.db);
    // A script selects for itself.
    if cx.session.gates & gate::IN_SCRIPT == 0 {
        cx.session.client.db.store(cx.session.db, Relaxed);
    }
    cx.reply.ok();
    Ok(())
}

/// Makes the connection as if it had just been accepted; only what its library is called stays.
fn reset(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    if cx.session.gates & gate::FOLLOWS != 0 {
        return Err(CommandError::text("can only reset normal connections"));
    }
    transaction::forget(cx.server, cx.session);
    let session = &mut *cx.session;
    session.db = 0;
    session.no_touch = false;
    session.protocol = Protocol::Resp2;
    // As in Redis what CLIENT REPLY SKIP said of this very reply holds.
    let is_skipped = session.reply_mode == ReplyMode::Skip;
    if !is_skipped {
        session.set_reply_mode(ReplyMode::On);
    }
    hub::channels::unsubscribe_all(cx.server, &session.client);
    hub::tracking::disable(cx.server, &session.client);
    hub::monitors::remove(cx.server, &session.client);
    if session.gates & gate::LISTENS != 0 && !is_skipped {
        // What it was told as somebody who listens comes before the reply, and nothing after it.
        session.take_pushes(&cx.server.backlog, cx.reply.output());
    }
    session.gates &= !(gate::NEEDS_AUTH | gate::LISTENS);
    session.caching = false;
    cx.server.log_out(&session.client);
    session.follow_user();
    if cx.server.hot.password_needed.load(Relaxed) {
        session.gates |= gate::NEEDS_AUTH;
    }
    let client = &session.client;
    client.db.store(0, Relaxed);
    client.protocol.store(2, Relaxed);
    client.set_flag(flag::NO_EVICT | flag::NO_TOUCH | flag::PUBSUB, false);
    client.naming.lock().name.clear();
    cx.reply.set_protocol(Protocol::Resp2);
    cx.reply.simple("RESET");
    Ok(())
}

fn quit(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.ok();
    cx.session.closing = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::TestClient;

    #[test]
    fn a_reset_connection_is_as_new() {
        let mut client = TestClient::new();
        for line in ["HELLO 3", "SELECT 5", "CLIENT SETNAME me", "CLIENT NO-TOUCH on", "CLIENT REPLY OFF"] {
            client.say(line);
        }
        assert_eq!(client.say("RESET"), "+RESET\r\n");
        client.check(&[("CLIENT REPLY SKIP", ""), ("RESET", ""), ("PING", "+PONG")]);
        assert_eq!(client.say("GET nosuch"), "$-1\r\n");
        let info = client.say("CLIENT INFO");
        assert!(
            info.contains(" name= ") && info.contains(" flags=N db=0 ") && info.contains(" resp=2 "),
            "{info}"
        );
    }
}
