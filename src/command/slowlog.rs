//! SLOWLOG: the last commands that took long.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};

const SUBCOMMAND: CommandSpec = CommandSpec {
    arity: 2,
    flags: ADMIN.and(LOADING).and(STALE),
    group: "server",
    since: "2.2.12",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "slowlog",
    arity: -2,
    group: "server",
    since: "2.2.12",
    summary: "A container for slow log commands.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        CommandSpec {
            name: "get",
            arity: -2,
            summary: "Returns the slow log's entries.",
            complexity: "O(N) where N is the number of entries returned",
            syntax: "[count]",
            history: &[("4.0.0", "Added client IP address, port and name to the reply.")],
            tips: &["request_policy:all_nodes", "nondeterministic_output"],
            run: Run::Unlocked(get),
            ..SUBCOMMAND
        },
        CommandSpec::help(SUBCOMMAND, "6.2.0", help),
        CommandSpec {
            name: "len",
            summary: "Returns the number of entries in the slow log.",
            tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
            run: Run::Unlocked(len),
            ..SUBCOMMAND
        },
        CommandSpec {
            name: "reset",
            summary: "Clears all entries from the slow log.",
            complexity: "O(N) where N is the number of entries in the slowlog",
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            run: Run::Unlocked(reset),
            ..SUBCOMMAND
        },
    ],
    run: Run::Container,
    ..CommandSpec::BLANK
}];

/// Entries that SLOWLOG GET shows unless told otherwise.
const SHOWN: usize = 10;

fn get(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::TryHelp { given: args.at(1).into(), container: "slowlog" });
    }
    let count = match args.next() {
        None => SHOWN,
        Some(count) => match dunlin_structures::number::parse_i64(count) {
            Some(-1) => usize::MAX,
            Some(count @ 0..) => usize::try_from(count).unwrap_or(usize::MAX),
            _ => return Err(CommandError::text("count should be greater than or equal to -1")),
        },
    };
    let entries = cx.server.slow_log.latest(count);
    cx.reply.array(entries.len());
    for entry in entries {
        cx.reply.array(6);
        cx.reply.integer(entry.id as i64);
        cx.reply.integer(entry.time_s);
        cx.reply.integer(entry.took_us as i64);
        cx.reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| cx.reply.bulk(arg));
        cx.reply.bulk_str(&entry.address);
        cx.reply.bulk(&entry.client_name);
    }
    Ok(())
}

fn len(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.integer(cx.server.slow_log.len() as i64);
    Ok(())
}

fn reset(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.server.slow_log.reset();
    cx.reply.ok();
    Ok(())
}

fn help(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.help(
        "slowlog",
        &[
            "GET [<count>]",
            "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
            "    Entries are made of:",
            "    id, timestamp, time in microseconds, arguments array, client IP and port,",
            "    client name",
            "LEN",
            "    Return the length of the slowlog.",
            "RESET",
            "    Reset the slowlog.",
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{TestClient, check};
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn errors_and_an_empty_log() {
        check(&[
            ("SLOWLOG GET", "*0"),
            ("SLOWLOG LEN", ":0"),
            ("SLOWLOG GET x", "-ERR count should be greater than or equal to -1"),
            ("SLOWLOG GET -2", "-ERR count should be greater than or equal to -1"),
            ("SLOWLOG RESET", "+OK"),
            ("SLOWLOG nosuch", "-ERR unknown subcommand 'nosuch'. Try SLOWLOG HELP."),
        ]);
    }

    #[test]
    fn commands_that_wait_are_kept_when_they_are_answered() {
        let mut client = TestClient::new();
        client.server.hot.slowlog_log_slower_than.store(0, Relaxed);
        client.server.hot.attention_ns.store(0, Relaxed);
        client.check(&[("BLPOP l 0", "(parked)")]);
        let mut other = client.beside();
        assert!(!other.say("SLOWLOG GET").contains("BLPOP"));
        other.say("RPUSH l a");
        assert_eq!(client.answer(), "*2|$1|l|$1|a");
        let log = other.say("SLOWLOG GET");
        assert!(log.contains("*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n"), "{log}");
    }

    #[test]
    fn secrets_of_users_and_of_other_servers_are_left_out() {
        let mut client = TestClient::new();
        client.server.hot.slowlog_log_slower_than.store(0, Relaxed);
        client.server.hot.attention_ns.store(0, Relaxed);
        client.say("MIGRATE 127.0.0.1 1 nosuch 9 5000 AUTH secret");
        client.say("MIGRATE 127.0.0.1 1 nosuch 9 5000 COPY AUTH2 secret secret");
        let log = client.say("SLOWLOG GET");
        assert!(!log.contains("secret") && log.matches("(redacted)").count() == 3, "{log}");
    }

    #[test]
    fn secrets_are_left_out_whatever_a_command_is_called() {
        let mut client = TestClient::configured(
            "rename-command auth login\nrename-command acl users\nrename-command hello hi\nrename-command config settings",
        );
        client.server.hot.slowlog_log_slower_than.store(0, Relaxed);
        client.server.hot.attention_ns.store(0, Relaxed);
        let mut monitor = client.beside();
        monitor.say("MONITOR");
        client.say("LOGIN bob secret");
        client.say("HI 2 AUTH bob secret");
        client.say("USERS SETUSER bob >secret");
        client.say("SETTINGS SET masterauth secret");
        let (log, seen) = (client.say("SLOWLOG GET"), monitor.pushes());
        assert!(!log.contains("secret") && log.matches("(redacted)").count() == 7, "{log}");
        assert!(!seen.contains("secret") && seen.contains("\"LOGIN\" \"(redacted)\""), "{seen}");
    }

    #[test]
    fn slow_commands_are_kept_cut_and_without_secrets() {
        let mut client = TestClient::new();
        client.server.hot.slowlog_log_slower_than.store(0, Relaxed);
        client.server.hot.attention_ns.store(0, Relaxed);
        client.server.hot.slowlog_max_len.store(3, Relaxed);
        client.say("CLIENT SETNAME me");
        client.say(&format!("ECHO {}", "A".repeat(130)));
        client.say("CONFIG SET masterauth secret");
        let words: Vec<String> = (1..=40).map(|number| number.to_string()).collect();
        client.say(&format!("DEL {}", words.join(" ")));
        let log = client.say("SLOWLOG GET 9");
        assert_eq!(client.say("SLOWLOG LEN"), ":3\r\n");
        assert!(log.starts_with("*3\r\n*6\r\n:3\r\n:1700000000\r\n:"), "{log}");
        assert!(
            log.contains("*32\r\n$3\r\nDEL\r\n")
                && log.contains("\r\n$2\r\n30\r\n$23\r\n... (10 more arguments)\r\n")
        );
        assert!(log.contains("masterauth\r\n$10\r\n(redacted)\r\n$3\r\n?:0\r\n$2\r\nme\r\n"), "{log}");
        assert!(log.contains(&format!("{}... (2 more bytes)", "A".repeat(128))), "{log}");
    }
}
