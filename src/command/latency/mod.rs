//! LATENCY: when something was slow, and how long commands take.

mod report;

use crate::command::spec::*;
use crate::command::table::Command;
use crate::command::{CommandResult, Context};
use crate::observe::figures::CommandTotals;
use crate::resp::{Args, CommandError, text};

const SUBCOMMAND: CommandSpec = CommandSpec {
    arity: 2,
    flags: ADMIN.and(NOSCRIPT).and(LOADING).and(STALE),
    group: "server",
    since: "2.8.13",
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "latency",
    arity: -2,
    group: "server",
    since: "2.8.13",
    summary: "A container for latency diagnostics commands.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        CommandSpec {
            name: "doctor",
            summary: "Returns a human-readable latency analysis report.",
            run: Run::Unlocked(doctor),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "graph",
            arity: 3,
            summary: "Returns a latency graph for an event.",
            syntax: "event",
            run: Run::Unlocked(graph),
            ..SUBCOMMAND
        },
        CommandSpec::help(SUBCOMMAND, "2.8.13", help),
        CommandSpec {
            name: "histogram",
            arity: -2,
            since: "7.0.0",
            summary: "Returns the cumulative distribution of latencies of a subset or all commands.",
            complexity: "O(N) where N is the number of commands with latency information being retrieved.",
            syntax: "[command [command ...]]",
            run: Run::Unlocked(histogram),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "history",
            arity: 3,
            summary: "Returns timestamp-latency samples for an event.",
            syntax: "event",
            run: Run::Unlocked(history),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "latest",
            summary: "Returns the latest latency samples for all events.",
            run: Run::Unlocked(latest),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "reset",
            arity: -2,
            summary: "Resets the latency data for one or more events.",
            syntax: "[event [event ...]]",
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            run: Run::Unlocked(reset),
            ..SUBCOMMAND
        },
    ],
    run: Run::Container,
    ..CommandSpec::BLANK
}];

fn latest(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let events = cx.server.latency.events();
    cx.reply.array(events.len());
    for (event, series) in events {
        let last = series.samples.back();
        cx.reply.array(4);
        cx.reply.bulk_str(event);
        cx.reply.integer(last.map_or(0, |sample| sample.time_s));
        cx.reply.integer(last.map_or(0, |sample| sample.took_ms as i64));
        cx.reply.integer(series.max_ms as i64);
    }
    Ok(())
}

fn history(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let samples = cx.server.latency.event(args.at(2)).unwrap_or_default().samples;
    cx.reply.array(samples.len());
    for sample in samples {
        cx.reply.array(2);
        cx.reply.integer(sample.time_s);
        cx.reply.integer(sample.took_ms as i64);
    }
    Ok(())
}

fn reset(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let names: Vec<&[u8]> = args.rest().collect();
    let is_meant = |event: &str| names.is_empty() || names.contains(&event.as_bytes());
    cx.reply.integer(cx.server.latency.reset(is_meant) as i64);
    Ok(())
}

fn graph(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let name = text::shown(args.at(2));
    let Some(series) = cx.server.latency.event(args.at(2)) else {
        return Err(CommandError::formatted(format!("No samples available for event '{name}'")));
    };
    cx.reply.verbatim("txt", report::graph(&name, &series, cx.now() / 1000).as_bytes());
    Ok(())
}

fn doctor(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    let threshold = cx.server.hot.latency_monitor_threshold.load(std::sync::atomic::Ordering::Relaxed);
    let text = report::doctor(threshold, &cx.server.latency.events());
    cx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn histogram(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let commands = &cx.server.commands;
    let wanted: Vec<&Command> = if args.remaining() == 0 {
        commands.all().iter().collect()
    } else {
        let named = args.rest().filter_map(|name| commands.find_full(name));
        // A container stands for its subcommands.
        let with_subcommands = |command| std::iter::once(command).chain(commands.subcommands(command));
        named.flat_map(with_subcommands).collect()
    };
    let totals =
        wanted.into_iter().map(|command| (command, CommandTotals::of(cx.server, command.id).latency));
    let used: Vec<_> = totals.filter(|(_, latency)| latency.count() > 0).collect();
    cx.reply.map(used.len());
    for (command, latency) in used {
        let buckets = latency.doubling();
        cx.reply.bulk_str(command.full_name);
        cx.reply.map(2);
        cx.reply.bulk_str("calls");
        cx.reply.integer(latency.count() as i64);
        cx.reply.bulk_str("histogram_usec");
        cx.reply.map(buckets.len());
        for (end_us, count) in buckets {
            cx.reply.integer(end_us as i64);
            cx.reply.integer(count as i64);
        }
    }
    Ok(())
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "latency",
        &[
            "DOCTOR",
            "    Return a human readable latency analysis report.",
            "GRAPH <event>",
            "    Return an ASCII latency graph for the <event> class.",
            "HISTORY <event>",
            "    Return time-latency samples for the <event> class.",
            "LATEST",
            "    Return the latest latency samples for all events.",
            "RESET [<event> ...]",
            "    Reset latency data of one or more <event> classes.",
            "    (default: reset all data for all event classes)",
            "HISTOGRAM [COMMAND ...]",
            "    Return a cumulative distribution of latencies in the format of a histogram for the specified \
             command names.",
            "    If no commands are specified then all histograms are replied.",
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{TestClient, check};
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn nothing_was_slow() {
        check(&[
            ("LATENCY LATEST", "*0"),
            ("LATENCY HISTORY command", "*0"),
            ("LATENCY RESET", ":0"),
            ("LATENCY GRAPH x", "-ERR No samples available for event 'x'"),
            ("LATENCY HISTOGRAM nosuch", "*0"),
            ("LATENCY HELP x", "-ERR wrong number of arguments for 'latency|help' command"),
        ]);
    }

    #[test]
    fn slow_commands_show() {
        let mut client = TestClient::new();
        let monitor = &client.server.latency;
        for (time, took) in [(1_699_999_990, 300), (1_699_999_998, 200)] {
            monitor.add("command", time, took);
        }
        let latest = "*1\r\n*4\r\n$7\r\ncommand\r\n:1699999998\r\n:200\r\n:300\r\n";
        assert_eq!(client.say("LATENCY LATEST"), latest);
        assert_eq!(
            client.say("LATENCY HISTORY command"),
            "*2\r\n*2\r\n:1699999990\r\n:300\r\n*2\r\n:1699999998\r\n:200\r\n"
        );
        let graph = client.say("LATENCY GRAPH command");
        assert!(graph.contains("command - high 300 ms, low 200 ms (all time high 300 ms)\n"), "{graph}");
        assert!(client.say("LATENCY DOCTOR").contains("switched off"));
        client.server.hot.latency_monitor_threshold.store(100, Relaxed);
        assert!(client.say("LATENCY DOCTOR").contains("command: 2 slow seconds"));
        assert_eq!(client.say("LATENCY RESET command x"), ":1\r\n");
    }

    #[test]
    fn histograms_by_command() {
        let mut client = TestClient::new();
        ["SET a b", "SET a c", "CLIENT ID"].iter().for_each(|line| _ = client.say(line));
        let set = client.say("LATENCY HISTOGRAM set get");
        assert!(
            set.starts_with("*2\r\n$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:2\r\n$14\r\nhistogram_usec\r\n*"),
            "{set}"
        );
        assert!(client.say("LATENCY HISTOGRAM client").starts_with("*2\r\n$9\r\nclient|id\r\n"));
        assert!(client.say("LATENCY HISTOGRAM").contains("$17\r\nlatency|histogram\r\n"));
    }
}
