//! SHUTDOWN. What happens then is known by whoever runs the server; here it is only asked for.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::hub;
use crate::keyspace::Lsn;
use crate::resp::reply::Protocol;
use crate::resp::{Args, CommandError, Reply};
use std::sync::Arc;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "shutdown",
    arity: -1,
    flags: ADMIN.and(NOSCRIPT).and(LOADING).and(STALE).and(NO_MULTI).and(ALLOW_BUSY).and(NEVER_PAUSED),
    group: "server",
    since: "1.0.0",
    summary: "Synchronously saves the database(s) to disk and shuts down the Redis server.",
    complexity: "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
    syntax: "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
    history: &[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")],
    run: Run::Unlocked(shutdown),
    ..CommandSpec::BLANK
}];

const FAILED: CommandError = CommandError::text("Errors trying to SHUTDOWN. Check logs.");

/// The client gets no answer: its connection ends with the server, unless that is called off.
fn shutdown(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let (mut save, mut nosave, mut abort, mut now, mut force) = (false, false, false, false, false);
    while let Some(option) = args.next() {
        match option.to_ascii_lowercase().as_slice() {
            b"save" => save = true,
            b"nosave" => nosave = true,
            b"abort" => abort = true,
            b"now" => now = true,
            b"force" => force = true,
            _ => return Err(CommandError::Syntax),
        }
    }
    if (abort && (save || nosave || now || force)) || (save && nosave) {
        return Err(CommandError::Syntax);
    }
    if abort {
        let askers = cx.server.shutdown.abort().ok_or(CommandError::text("No shutdown in progress."))?;
        for asker in askers {
            hub::send(cx.server, &asker, Lsn::default(), |out| {
                Reply::new(out, Protocol::Resp2).error(&FAILED)
            });
        }
        cx.reply.ok();
        return Ok(());
    }
    if !nosave && let Some(owner) = cx.server.scripts.owners.any_busy() {
        return Err(CommandError::busy(owner.is_function()));
    }
    check_save(save, force).map_err(CommandError::text)?;
    // NOSAVE is about RDB files; a log is finished by every SHUTDOWN.
    if !force && cx.server.persist.would_lose(cx.server) {
        tracing::warn!(
            "SHUTDOWN refused: the log has failed, and what it lacks would be lost. BGREWRITEAOF mends it; SHUTDOWN FORCE stops all the same."
        );
        return Err(FAILED);
    }
    cx.server.shutdown.ask(Arc::clone(&cx.session.client), now);
    Ok(())
}

/// Whether the server may stop where an RDB file is asked for, which it can't write; forced, it stops all the same.
///
/// # Errors
/// Why it must not.
pub fn check_save(save: bool, force: bool) -> Result<(), &'static str> {
    if !save || force {
        return Ok(());
    }
    Err(
        "SHUTDOWN SAVE is not possible: RDB files are not supported. With appendonly yes every SHUTDOWN writes the log \
         to disk; SHUTDOWN NOSAVE stops without an RDB file",
    )
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{TestClient, check};

    #[test]
    fn options_that_contradict_each_other_stop_nothing() {
        check(&[
            ("SHUTDOWN SAVE NOSAVE", "-ERR syntax error"),
            ("SHUTDOWN ABORT NOW", "-ERR syntax error"),
            ("SHUTDOWN LATER", "-ERR syntax error"),
            ("SHUTDOWN ABORT", "-ERR No shutdown in progress."),
        ]);
        let mut client = TestClient::new();
        assert!(client.say("SHUTDOWN SAVE").starts_with("-ERR SHUTDOWN SAVE is not possible: RDB files"));
        assert!(!client.server.shutdown.is_asked());
        client.say("SHUTDOWN SAVE FORCE");
        assert!(client.server.shutdown.is_asked());
    }
}
