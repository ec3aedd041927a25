//! INFO: what `observe::info` reports.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::observe::info;
use crate::resp::Args;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "info",
    arity: -1,
    flags: LOADING.and(STALE).and(READS_ALL),
    acl: acl::DANGEROUS,
    group: "server",
    since: "1.0.0",
    summary: "Returns information and statistics about the server.",
    complexity: "O(1)",
    syntax: "[section [section ...]]",
    history: &[("7.0.0", "Added support for taking multiple section arguments.")],
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    run: Run::Unlocked(report),
    ..CommandSpec::BLANK
}];

fn report(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let sections: Vec<&[u8]> = args.rest().collect();
    let now = cx.now();
    let report = info::report(cx.server, &mut cx.keys, &sections, now);
    cx.reply.verbatim("txt", report.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::TestClient;

    fn titles(client: &mut TestClient, line: &str) -> Vec<String> {
        let report = client.say(line);
        report.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned).collect()
    }

    #[test]
    fn sections_come_once_and_in_order() {
        let mut client = TestClient::new();
        let default = titles(&mut client, "INFO");
        assert_eq!(
            default.join(" "),
            "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace"
        );
        assert_eq!(titles(&mut client, "INFO cpu DEFAULT"), default);
        assert_eq!(titles(&mut client, "info all"), titles(&mut client, "INFO everything cpu"));
        assert_eq!(titles(&mut client, "INFO all").len(), 13);
        assert_eq!(titles(&mut client, "INFO Keyspace CPU cpu"), ["CPU", "Keyspace"]);
        assert_eq!(client.say("INFO nosuch"), "$0\r\n\r\n");
    }

    #[test]
    fn figures_are_those_of_what_was_done() {
        let mut client = TestClient::new();
        for line in
            ["SET a b", "SET b c PX 5000", "GET a", "GET nosuch", "SET a", "nosuch", "SELECT 3", "SET x y"]
        {
            client.say(line);
        }
        let report = client.say("INFO all");
        for expect in [
            "redis_version:7.2.4",
            "server_name:dunlin",
            "connected_clients:1",
            "keyspace_hits:1",
            "keyspace_misses:1",
            "total_commands_processed:6",
            "total_error_replies:2",
            "errorstat_ERR:count=2",
            "db0:keys=2,expires=1,avg_ttl=5000",
            "db3:keys=1,expires=0,avg_ttl=0",
            "maxmemory_policy:noeviction",
        ] {
            assert!(report.lines().any(|line| line == expect), "{expect} is not in {report}");
        }
        let line = |start: &str| report.lines().find(|line| line.starts_with(start)).unwrap_or_default();
        assert!(line("cmdstat_set:").starts_with("cmdstat_set:calls=3,usec="), "{report}");
        assert!(line("cmdstat_set:").ends_with(",rejected_calls=1,failed_calls=0"), "{report}");
        assert!(line("latency_percentiles_usec_get:p50=").contains(",p99="), "{report}");
        client.say("CONFIG RESETSTAT");
        let report = client.say("INFO everything");
        assert!(
            report.contains("\r\nkeyspace_hits:0\r\n")
                && report.contains("cmdstat_config|resetstat:calls=1,")
        );
        assert!(!report.contains("cmdstat_set:"), "{report}");
    }

    #[test]
    fn a_command_that_waits_counts_when_it_is_answered() {
        let mut client = TestClient::new();
        let mut waiter = client.beside();
        let line = |client: &mut TestClient, section: &str, start: &str| {
            let report = client.say(&format!("INFO {section}"));
            report.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned()
        };
        waiter.say("BLPOP l 0");
        assert_eq!(line(&mut client, "commandstats", "cmdstat_blpop:"), "");
        client.say("RPUSH l a");
        assert_eq!(waiter.answer(), "*2|$1|l|$1|a");
        assert!(line(&mut client, "latencystats", "latency_percentiles_usec_blpop:").contains("p99.9="));
        assert!(line(&mut client, "commandstats", "cmdstat_blpop:").contains(":calls=1,"));
        waiter.say("BLPOP l 1");
        waiter.now += 1000;
        assert_eq!(waiter.answer(), "*-1");
        assert!(line(&mut client, "commandstats", "cmdstat_blpop:").contains(":calls=2,"));
        waiter.say("BLPOP l 0");
        client.say(&format!("CLIENT UNBLOCK {} ERROR", waiter.session.client.id));
        let counted = line(&mut client, "commandstats", "cmdstat_blpop:");
        assert!(counted.contains(":calls=3,") && counted.ends_with(",failed_calls=1"), "{counted}");
    }
}
