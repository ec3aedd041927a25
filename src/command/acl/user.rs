//! ACL SETUSER, DELUSER and DRYRUN.

use crate::acl::{DEFAULT_USER, SetError, has_spaces};
use crate::command::table::Command;
use crate::command::{CommandResult, Context, permission};
use crate::resp::{Args, CommandError, text};

pub(super) fn set(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let name = args.at(2);
    if has_spaces(name) {
        return Err(CommandError::text("Usernames can't contain spaces or null characters"));
    }
    let rules: Vec<&[u8]> = args.from(3).collect();
    cx.server.set_user(name, &rules).map_err(|error| CommandError::formatted(explanation(&error)))?;
    // It may be this client's own.
    cx.session.follow_user();
    cx.reply.ok();
    Ok(())
}

fn explanation(error: &SetError) -> String {
    match error {
        SetError::Unmatched { start } => {
            let start = text::shown(start);
            format!("Unmatched parenthesis in acl selector starting at '{start}'.")
        }
        SetError::Rule { rule, error } => {
            format!("Error in ACL SETUSER modifier '{}': {error}", text::shown(rule))
        }
    }
}

pub(super) fn delete(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.from(2).any(|name| name == DEFAULT_USER) {
        return Err(CommandError::text("The 'default' user cannot be removed"));
    }
    let deleted = cx.server.delete_users(args.from(2), cx.session.client.id);
    if cx.server.users.find(cx.session.user.name()).is_none() {
        // As all of that user's clients: but it is told before.
        cx.session.closing = true;
    }
    cx.session.follow_user();
    cx.reply.integer(deleted as i64);
    Ok(())
}

pub(super) fn dry_run(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let shown = |text: &[u8]| text::shown(text).into_owned();
    let (name, request) = (args.at(2), args.after(3));
    let user = cx.server.users.find(name);
    let user = user.ok_or_else(|| CommandError::formatted(format!("User '{}' not found", shown(name))))?;
    let command = named(cx, request)
        .ok_or_else(|| CommandError::formatted(format!("Command '{}' not found", shown(request.at(0)))))?;
    if !command.accepts(request.len()) {
        return Err(CommandError::WrongArity(command.full_name));
    }
    match permission::check(&user, command, request) {
        Ok(()) => cx.reply.ok(),
        Err(denied) => {
            let explanation = permission::explanation(&user, command, request, denied);
            cx.reply.bulk(&text::raw(&explanation));
        }
    }
    Ok(())
}

/// The command that a request means, its subcommand if there are any.
fn named<'a>(cx: &Context<'a>, request: Args<'_>) -> Option<&'a Command> {
    let commands = &cx.server.commands;
    let command = commands.find(request.at(0))?;
    match request.get(1) {
        Some(name) if !command.subcommand_ids.is_empty() => commands.subcommand(command, name),
        _ => Some(command),
    }
}
