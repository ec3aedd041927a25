//! ACL GETUSER, LIST, USERS and WHOAMI.

use crate::acl::Selector;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, Reply};

pub(super) fn get(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let Some(user) = cx.server.users.find(args.at(2)) else {
        cx.reply.null();
        return Ok(());
    };
    let reply = &mut cx.reply;
    reply.map(6);
    reply.bulk_str("flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk_str(flag));
    reply.bulk_str("passwords");
    reply.array(user.passwords().len());
    user.passwords().iter().for_each(|password| reply.bulk_str(&password.hex()));
    let (own, others) = user.selectors().split_first().unzip();
    if let Some(own) = own {
        selector(reply, own);
    }
    let others: &[Selector] = others.unwrap_or_default();
    reply.bulk_str("selectors");
    reply.array(others.len());
    for other in others {
        reply.map(3);
        selector(reply, other);
    }
    Ok(())
}

fn selector(reply: &mut Reply<'_>, selector: &Selector) {
    let mut say = |name, describe: fn(&Selector, &mut Vec<u8>)| {
        let mut text = Vec::new();
        describe(selector, &mut text);
        reply.bulk_str(name);
        reply.bulk(&text);
    };
    say("commands", Selector::describe_commands);
    say("keys", Selector::describe_keys);
    say("channels", Selector::describe_channels);
}

pub(super) fn list(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let users = cx.server.users.all();
    cx.reply.array(users.len());
    users.values().for_each(|user| cx.reply.bulk(&user.line()));
    Ok(())
}

pub(super) fn names(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let users = cx.server.users.all();
    cx.reply.array(users.len());
    users.keys().for_each(|name| cx.reply.bulk(name));
    Ok(())
}

pub(super) fn who_am_i(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.bulk(cx.session.user.name());
    Ok(())
}
