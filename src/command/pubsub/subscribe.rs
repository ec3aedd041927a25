//! SUBSCRIBE and its kin. Each name is confirmed by a push of its own, which in RESP2 is the reply.

use crate::acl::may_listen;
use crate::command::blocking::Blocking;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::hub::channels::{self, Kind, Subscriptions};
use crate::resp::{Args, CommandError};
use crate::session::gate;
use crate::state::clients::flag;

/// What all of them have in common.
const SUBSCRIBER: CommandSpec = CommandSpec {
    flags: PUBSUB.and(NOSCRIPT).and(LOADING).and(STALE).and(WHILE_SUBSCRIBED).and(PUSHES),
    group: "pubsub",
    since: "2.0.0",
    ..CommandSpec::BLANK
};

/// Channels of a shard are routed as keys are, and are none.
const SHARD_CHANNELS: &[KeySpec] = &[KeySpec::range(1, -1, 1, key::NOT_KEY)];

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "subscribe",
        arity: -2,
        summary: "Listens for messages published to channels.",
        complexity: "O(N) where N is the number of channels to subscribe to.",
        syntax: "channel [channel ...]",
        run: Run::Unlocked(subscribe),
        ..SUBSCRIBER
    },
    CommandSpec {
        name: "psubscribe",
        arity: -2,
        summary: "Listens for messages published to channels that match one or more patterns.",
        complexity: "O(N) where N is the number of patterns to subscribe to.",
        syntax: "pattern [pattern ...]",
        run: Run::Unlocked(psubscribe),
        ..SUBSCRIBER
    },
    CommandSpec {
        name: "ssubscribe",
        arity: -2,
        keys: SHARD_CHANNELS,
        since: "7.0.0",
        summary: "Listens for messages published to shard channels.",
        complexity: "O(N) where N is the number of shard channels to subscribe to.",
        syntax: "shardchannel [shardchannel ...]",
        run: Run::Unlocked(ssubscribe),
        ..SUBSCRIBER
    },
    CommandSpec {
        name: "unsubscribe",
        arity: -1,
        summary: "Stops listening to messages posted to channels.",
        complexity: "O(N) where N is the number of channels to unsubscribe.",
        syntax: "[channel [channel ...]]",
        run: Run::Unlocked(unsubscribe),
        ..SUBSCRIBER
    },
    CommandSpec {
        name: "punsubscribe",
        arity: -1,
        summary: "Stops listening to messages published to channels that match one or more patterns.",
        complexity: "O(N) where N is the number of patterns to unsubscribe.",
        syntax: "[pattern [pattern ...]]",
        run: Run::Unlocked(punsubscribe),
        ..SUBSCRIBER
    },
    CommandSpec {
        name: "sunsubscribe",
        arity: -1,
        keys: SHARD_CHANNELS,
        since: "7.0.0",
        summary: "Stops listening to messages posted to shard channels.",
        complexity: "O(N) where N is the number of shard channels to unsubscribe.",
        syntax: "[shardchannel [shardchannel ...]]",
        run: Run::Unlocked(sunsubscribe),
        ..SUBSCRIBER
    },
];

fn subscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    add(cx, args, Kind::Channel, "subscribe")
}

fn psubscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    add(cx, args, Kind::Pattern, "psubscribe")
}

fn ssubscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    add(cx, args, Kind::Shard, "ssubscribe")
}

fn unsubscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    remove(cx, args, Kind::Channel, "unsubscribe")
}

fn punsubscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    remove(cx, args, Kind::Pattern, "punsubscribe")
}

fn sunsubscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    remove(cx, args, Kind::Shard, "sunsubscribe")
}

fn add(cx: &mut Context<'_>, args: &mut Args<'_>, kind: Kind, name: &'static str) -> CommandResult {
    // A transaction may hold the older two, as it could before there was such a rule; the replay of a log never does.
    let may_be_held = kind != Kind::Shard && cx.session.gates & gate::RECOVERY == 0;
    if cx.blocking == Blocking::Denied && !may_be_held {
        let name = name.to_ascii_uppercase();
        return Err(CommandError::formatted(format!("{name} isn't allowed for a DENY BLOCKING client")));
    }
    while let Some(channel) = args.next() {
        let count = channels::subscribe(cx.server, &cx.session.client, kind, channel);
        confirm(cx, name, Some(channel), count);
    }
    cx.session.gates |= gate::SUBSCRIBED;
    let client = &cx.session.client;
    client.set_flag(flag::PUBSUB, true);
    // A right that went since it was checked: whoever took it did not find these here.
    if client.is_user_changed() {
        let user = client.user();
        let subscriptions = client.subscriptions.lock();
        let may_all =
            |all: &Subscriptions| all.are_all(|name, is_pattern| may_listen(&user, name, is_pattern));
        if !subscriptions.as_deref().is_none_or(may_all) {
            client.kill();
        }
    }
    Ok(())
}

fn remove(cx: &mut Context<'_>, args: &mut Args<'_>, kind: Kind, name: &'static str) -> CommandResult {
    if args.remaining() > 0 {
        while let Some(channel) = args.next() {
            remove_one(cx, channel, kind, name);
        }
    } else {
        let (all, others) = match &*cx.session.client.subscriptions.lock() {
            Some(subscriptions) => {
                (subscriptions.of(kind).iter().cloned().collect(), subscriptions.count(kind))
            }
            None => (Vec::new(), 0),
        };
        for channel in &all {
            remove_one(cx, channel, kind, name);
        }
        if all.is_empty() {
            confirm(cx, name, None, others);
        }
    }
    let client = &cx.session.client;
    let mut subscriptions = client.subscriptions.lock();
    if subscriptions.as_ref().is_none_or(|subscriptions| subscriptions.is_empty()) {
        *subscriptions = None;
        cx.session.gates &= !gate::SUBSCRIBED;
        client.set_flag(flag::PUBSUB, false);
    }
    Ok(())
}

fn remove_one(cx: &mut Context<'_>, channel: &[u8], kind: Kind, name: &'static str) {
    let count = channels::unsubscribe(cx.server, &cx.session.client, kind, channel);
    if cx.blocking == Blocking::Allowed && cx.session.client.has_pushes() {
        // What was published until now comes before the confirmation: behind the last one a client of RESP2 would take
        // a message for a reply.
        cx.session.take_pushes(&cx.server.backlog, cx.reply.output());
    }
    confirm(cx, name, Some(channel), count);
}

fn confirm(cx: &mut Context<'_>, name: &str, channel: Option<&[u8]>, count: usize) {
    let reply = &mut cx.reply;
    reply.push(3);
    reply.bulk_str(name);
    match channel {
        Some(channel) => reply.bulk(channel),
        None => reply.null(),
    }
    reply.integer(count as i64);
}
