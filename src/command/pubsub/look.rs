//! PUBSUB: what is subscribed to.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::hub::channels::Registry;
use crate::resp::{Args, CommandError};

const SUBCOMMAND: CommandSpec = CommandSpec {
    arity: -2,
    flags: PUBSUB.and(LOADING).and(STALE),
    group: "pubsub",
    since: "2.8.0",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "pubsub",
    arity: -2,
    group: "pubsub",
    since: "2.8.0",
    summary: "A container for Pub/Sub commands.",
    complexity: "Depends on subcommand.",
    subcommands: SUBCOMMANDS,
    run: Run::Container,
    ..CommandSpec::BLANK
}];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "channels",
        summary: "Returns the active channels.",
        complexity: "O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively \
                     short channels and patterns)",
        syntax: "[pattern]",
        run: Run::Unlocked(|cx, args| names(cx, args, |cx| &cx.server.hub.channels)),
        ..SUBCOMMAND
    },
    CommandSpec::help(SUBCOMMAND, "6.2.0", help),
    CommandSpec {
        name: "numpat",
        arity: 2,
        summary: "Returns a count of unique pattern subscriptions.",
        run: Run::Unlocked(numpat),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "numsub",
        summary: "Returns a count of subscribers to channels.",
        complexity: "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
        syntax: "[channel [channel ...]]",
        run: Run::Unlocked(|cx, args| counts(cx, args, |cx| &cx.server.hub.channels)),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "shardchannels",
        since: "7.0.0",
        summary: "Returns the active shard channels.",
        complexity: "O(N) where N is the number of active shard channels, and assuming constant time pattern matching \
                     (relatively short shard channels).",
        syntax: "[pattern]",
        run: Run::Unlocked(|cx, args| names(cx, args, |cx| &cx.server.hub.shard_channels)),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "shardnumsub",
        since: "7.0.0",
        summary: "Returns the count of subscribers of shard channels.",
        complexity: "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
        syntax: "[shardchannel [shardchannel ...]]",
        run: Run::Unlocked(|cx, args| counts(cx, args, |cx| &cx.server.hub.shard_channels)),
        ..SUBCOMMAND
    },
];

fn names(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    registry: for<'a> fn(&Context<'a>) -> &'a Registry,
) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::TryHelp { given: args.at(1).into(), container: "pubsub" });
    }
    let names = registry(cx).names(args.get(2));
    cx.reply.array(names.len());
    names.iter().for_each(|name| cx.reply.bulk(name));
    Ok(())
}

fn counts(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    registry: for<'a> fn(&Context<'a>) -> &'a Registry,
) -> CommandResult {
    cx.reply.array(2 * args.remaining());
    while let Some(channel) = args.next() {
        let count = registry(cx).subscribers(channel);
        cx.reply.bulk(channel);
        cx.reply.integer(count as i64);
    }
    Ok(())
}

fn numpat(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.integer(cx.server.hub.pattern_count() as i64);
    Ok(())
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "pubsub",
        &[
            "CHANNELS [<pattern>]",
            "    Return the currently active channels matching a <pattern> (default: '*').",
            "NUMPAT",
            "    Return number of subscriptions to patterns.",
            "NUMSUB [<channel> ...]",
            "    Return the number of subscribers for the specified channels, excluding",
            "    pattern subscriptions(default: no channels).",
            "SHARDCHANNELS [<pattern>]",
            "    Return the currently active shard level channels matching a <pattern> (default: '*').",
            "SHARDNUMSUB [<shardchannel> ...]",
            "    Return the number of subscribers for the specified shard level channel(s)",
        ],
    );
    Ok(())
}
