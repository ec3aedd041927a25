//! PUBLISH and SPUBLISH.

use crate::command::blocking::Blocking;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::hub::channels;
use crate::resp::Args;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "publish",
        arity: 3,
        flags: PUBSUB.and(LOADING).and(STALE).and(FAST).and(MAY_REPLICATE),
        group: "pubsub",
        since: "2.0.0",
        summary: "Posts a message to a channel.",
        complexity: "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number \
                     of subscribed patterns (by any client).",
        syntax: "channel message",
        run: Run::Unlocked(publish),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "spublish",
        arity: 3,
        flags: PUBSUB.and(LOADING).and(STALE).and(FAST).and(MAY_REPLICATE),
        keys: &[KeySpec::one(1, key::NOT_KEY)],
        group: "pubsub",
        since: "7.0.0",
        summary: "Posts a message to a shard channel.",
        complexity: "O(N) where N is the number of clients subscribed to the receiving shard channel.",
        syntax: "shardchannel message",
        run: Run::Unlocked(spublish),
        ..CommandSpec::BLANK
    },
];

fn publish(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let told = post(cx, args, false);
    cx.reply.integer(told as i64);
    Ok(())
}

fn spublish(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let told = post(cx, args, true);
    cx.reply.integer(told as i64);
    Ok(())
}

/// Sends a message, or has it sent when the unit of which this is a part is over. It may tell of what its sender was told
/// before, so it leaves no earlier than that did.
fn post(cx: &mut Context<'_>, args: &Args<'_>, shard: bool) -> usize {
    let (server, channel, payload) = (cx.server, args.at(1), args.at(2));
    if server.commit.is_streaming() {
        // Those who have subscribed at a replica hear it there.
        cx.keys.announce_aside(&[if shard { b"SPUBLISH" } else { b"PUBLISH" }, channel, payload]);
    }
    if cx.blocking == Blocking::Denied {
        cx.keys.publish(shard, channel, payload);
        return match shard {
            false => channels::count_receivers(server, channel),
            true => server.hub.shard_channels.subscribers(channel),
        };
    }
    match shard {
        false => channels::publish(server, channel, payload, cx.session.told),
        true => channels::publish_to_shard(server, channel, payload, cx.session.told),
    }
}
