//! Commands about the connection itself.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "ping",
        arity: -1,
        flags: FAST,
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
        flags: ALLOW_BUSY.and(NOSCRIPT).and(LOADING).and(STALE).and(FAST).and(NO_AUTH),
        acl: acl::CONNECTION,
        group: "connection",
        since: "1.0.0",
        summary: "Closes the connection.",
        complexity: "O(1)",
        deprecated: Some(("7.2.0", "just closing the connection")),
        run: Run::Unlocked(quit),
        ..CommandSpec::BLANK
    },
];

fn ping(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() > 2 {
        return Err(CommandError::WrongArity("ping"));
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
    cx.session.client.db.store(cx.session.db, std::sync::atomic::Ordering::Relaxed);
    cx.reply.ok();
    Ok(())
}

fn quit(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.ok();
    cx.session.closing = true;
    Ok(())
}
