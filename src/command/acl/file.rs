//! ACL LOAD and SAVE: the file of users. Files may be slow, so a thread of its own deals with them.

use crate::acl::DEFAULT_USER;
use crate::command::blocking::Blocking;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use crate::state::Server;
use crate::state::users::read_file;
use std::path::PathBuf;
use std::sync::Arc;

const NO_FILE: CommandError = CommandError::text(
    "This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command \
     and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the \
     Redis configuration.",
);

fn place(cx: &Context<'_>) -> Result<(Arc<Server>, PathBuf), CommandError> {
    let path = cx.server.settings.snapshot().acl_file().ok_or(NO_FILE)?;
    // It is there as long as it answers requests.
    let server = cx.server.this.upgrade().ok_or(CommandError::text("The server is stopping"))?;
    Ok((server, path))
}

/// Has another thread do it; within a transaction, which can't wait, this one.
fn away(
    cx: &mut Context<'_>,
    name: &str,
    work: impl FnOnce() -> CommandResult + Send + 'static,
) -> Option<CommandResult> {
    if cx.blocking == Blocking::Denied { Some(work()) } else { cx.aside(name, work) }
}

pub(super) fn load(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let (server, path) = place(cx)?;
    let me = cx.session.client.id;
    let loaded = away(cx, "acl-load", move || {
        let all_channels = server.settings.snapshot().acl_all_channels();
        let users =
            read_file(&server.users.catalogue, &path, all_channels).map_err(CommandError::formatted)?;
        server.replace_users(users, me);
        Ok(())
    });
    let Some(loaded) = loaded else { return Ok(()) };
    loaded?;
    if cx.session.user.name() != DEFAULT_USER {
        // As all clients of other users; but it is told before.
        cx.session.closing = true;
    }
    cx.session.follow_user();
    cx.reply.ok();
    Ok(())
}

pub(super) fn save(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let (server, path) = place(cx)?;
    let saved = away(cx, "acl-save", move || {
        server.users.save(&path).map_err(|reason| {
            tracing::warn!("{reason}");
            CommandError::text(
                "There was an error trying to save the ACLs. Please check the server logs for more information",
            )
        })
    });
    let Some(saved) = saved else { return Ok(()) };
    saved?;
    cx.reply.ok();
    Ok(())
}
