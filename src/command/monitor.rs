//! MONITOR.

use crate::command::blocking::Blocking;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::hub::monitors;
use crate::resp::{Args, CommandError};
use crate::session::gate;
use crate::state::clients::flag;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "monitor",
    arity: 1,
    flags: ADMIN.and(NOSCRIPT).and(LOADING).and(STALE),
    group: "server",
    since: "1.0.0",
    summary: "Listens for all requests received by the server in real-time.",
    complexity: "",
    run: Run::Unlocked(monitor),
    ..CommandSpec::BLANK
}];

fn monitor(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    if cx.blocking == Blocking::Denied {
        return Err(CommandError::text("MONITOR isn't allowed for DENY BLOCKING client"));
    }
    // As in Redis, who asks again is not answered again, nor is a replica.
    if !cx.session.client.has_flag(flag::REPLICA) && monitors::add(cx.server, &cx.session.client) {
        cx.session.gates |= gate::MONITORS;
        cx.reply.ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::TestClient;

    /// The lines since the last call, without their times.
    fn seen(monitor: &mut TestClient) -> Vec<String> {
        let pushes = monitor.pushes();
        let lines = pushes.split('|').filter(|line| !line.is_empty());
        lines.map(|line| line.split_once(' ').expect("a time").1.to_owned()).collect()
    }

    #[test]
    fn it_shows_what_others_ask_for_but_no_secrets() {
        let mut client = TestClient::new();
        let mut monitor = client.beside();
        monitor.check(&[("MONITOR", "+OK"), ("MONITOR", "")]);
        for line in ["SELECT 2", "SET k \"x", "CONFIG GET port", "AUTH secret", "NOSUCH", "GET"] {
            client.say(line);
        }
        for line in ["MULTI", "GET k", "EXEC"] {
            client.say(line);
        }
        assert_eq!(
            seen(&mut monitor),
            [
                "[2 ?:0] \"SELECT\" \"2\"",
                "[2 ?:0] \"SET\" \"k\" \"\\\"x\"",
                "[2 ?:0] \"AUTH\" \"(redacted)\"",
                "[2 ?:0] \"MULTI\"",
                "[2 ?:0] \"GET\" \"k\"",
                "[2 ?:0] \"EXEC\"",
            ]
        );
        for line in ["SELECT 99", "MULTI", "SELECT 3", "EXEC"] {
            client.say(line);
        }
        assert_eq!(
            seen(&mut monitor),
            [
                "[2 ?:0] \"SELECT\" \"99\"",
                "[2 ?:0] \"MULTI\"",
                "[3 ?:0] \"SELECT\" \"3\"",
                "[3 ?:0] \"EXEC\""
            ]
        );
        let script = "redis.call('select', '4')";
        client.run(&[b"EVAL", script.as_bytes(), b"0"]);
        client.say("RESET");
        assert_eq!(
            seen(&mut monitor),
            [
                format!("[3 ?:0] \"EVAL\" \"{script}\" \"0\"").as_str(),
                "[4 lua] \"select\" \"4\"",
                "[0 ?:0] \"RESET\""
            ]
        );
        assert!(client.say("CLIENT LIST").contains(" flags=O "));
        monitor.say("RESET");
        client.say("GET k");
        assert!(seen(&mut monitor).is_empty());
        assert_eq!(client.server.gates.closed(), 0);
    }

    #[test]
    fn who_quits_is_told_nothing_behind_the_reply() {
        let mut leaving = TestClient::new();
        let mut monitor = leaving.beside();
        monitor.say("MONITOR");
        leaving.check(&[("MONITOR", "+OK"), ("QUIT", "+OK")]);
        assert_eq!(seen(&mut leaving), <[&str; 0]>::default());
        assert_eq!(seen(&mut monitor), ["[0 ?:0] \"QUIT\""]);
    }

    #[test]
    fn who_monitors_cannot_reach_keys() {
        let mut monitor = TestClient::new();
        monitor.say("MONITOR");
        for line in ["GET k", "SET k x", "PUBLISH c x", "KEYS *", "MULTI", "GET k", "DISCARD", "ECHO x"] {
            let may = ["MULTI", "DISCARD", "ECHO x"].contains(&line);
            let is_refused = monitor.say(line).starts_with("-ERR Replica can't interact with the keyspace");
            assert_eq!(is_refused, !may, "{line}");
        }
        monitor.check(&[("RESET", "+RESET"), ("GET k", "$-1")]);
    }
}
