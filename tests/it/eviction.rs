//! Keys that go at `maxmemory`, from the outside.

use crate::common::Server;

fn figure(report: &str, name: &str) -> u64 {
    let line = report.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("a figure");
    line.trim().parse().expect("a number")
}

/// What counts towards `maxmemory`: what waits to be written to the log does not.
fn counted(report: &str) -> u64 {
    figure(report, "used_memory").saturating_sub(figure(report, "mem_not_counted_for_evict"))
}

/// A server with a log whose memory is limited to what it uses plus so many bytes.
fn limited(directory: &tempfile::TempDir, policy: &str, room: u64) -> Server {
    let options = ["--appendonly", "yes", "--maxmemory-policy", policy, "--enable-debug-command", "yes"];
    let server = Server::start(directory, &options);
    let mut client = server.connect();
    let used = figure(&client.say("INFO memory"), "used_memory");
    assert_eq!(client.say(&format!("CONFIG SET maxmemory {}", used + room)), "OK");
    server
}

#[test]
fn the_limit_is_kept_and_the_log_agrees() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-ttl"] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let server = limited(&directory, policy, 4 << 20);
        let mut client = server.connect();
        let value = "v".repeat(2_000);
        let mut most = 0;
        for index in 0..6_000 {
            assert_eq!(client.say(&format!("SET k{index} {value} EX 10000")), "OK", "{policy}");
            if index % 100 == 0 {
                most = most.max(counted(&client.say("INFO memory")));
            }
        }
        let memory = client.say("INFO memory");
        let limit = figure(&memory, "maxmemory");
        assert!(most < limit + (1 << 20), "{policy}: {most} of {limit}");
        assert_eq!(client.say("CONFIG SET maxmemory 0"), "OK");
        let evicted = figure(&client.say("INFO stats"), "evicted_keys");
        assert!((2_000..6_000).contains(&evicted), "{policy}: {evicted}");
        assert_eq!(client.say("DBSIZE"), (6_000 - evicted).to_string(), "{policy}");
        let digest = client.say("DEBUG DIGEST");
        assert_eq!(client.say("DEBUG LOADAOF"), "OK", "{policy}");
        assert_eq!(client.say("DEBUG DIGEST"), digest, "{policy}");
    }
}

#[test]
fn a_lowered_limit_is_reached_without_any_command() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = limited(&directory, "allkeys-lru", 64 << 20);
    let mut client = server.connect();
    for index in 0..20_000 {
        client.say(&format!("SET k{index} {}", "value".repeat(60)));
    }
    let used = figure(&client.say("INFO memory"), "used_memory");
    let limit = used - (1 << 20);
    assert_eq!(client.say(&format!("CONFIG SET maxmemory {limit}")), "OK");
    crate::common::network::eventually("memory is freed", || {
        (counted(&client.say("INFO memory")) <= limit).then_some(())
    });
}

#[test]
fn large_values_that_are_freed_elsewhere_count_as_freed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = limited(&directory, "allkeys-random", 8 << 20);
    let mut client = server.connect();
    let members: Vec<String> = (0..4_000).map(|index| format!("member:{index:020}")).collect();
    for index in 0..300 {
        let reply = client.say(&format!("SADD set{index} {}", members.join(" ")));
        assert_eq!(reply, "4000", "after {index} sets");
    }
    // Each takes a quarter of a megabyte or so: far more than a few stay.
    let kept: u64 = client.say("DBSIZE").parse().expect("a number");
    assert!((10..60).contains(&kept), "{kept}");
}
