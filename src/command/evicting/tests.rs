use super::*;
use crate::command::testing::TestClient;
use std::time::Instant;

const FULL: &str = "-OOM command not allowed when used memory > 'maxmemory'.";

fn say(client: &mut TestClient, line: &str) -> String {
    client.say(line).trim_end().to_owned()
}

/// A client of a server with that policy, which does not evict yet.
fn client_of(policy: &str) -> TestClient {
    TestClient::configured(&format!("maxmemory-policy {policy}\nmaxmemory-eviction-tenacity 100"))
}

/// Has memory be over its limit, whatever is freed; or not.
fn exceed(client: &TestClient, is_over: bool) {
    let server = &client.server;
    server.shared.uncounted_memory.store(1 << 40, Relaxed);
    server.hot.maxmemory.store(u64::from(is_over), Relaxed);
    match is_over {
        true => server.gates.close(gates::MEMORY_LIMITED),
        false => server.gates.open(gates::MEMORY_LIMITED),
    }
}

#[test]
fn every_key_that_goes_is_logged_and_said() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-ttl"] {
        let mut client = client_of(policy);
        (0..50).for_each(|index| _ = client.say(&format!("SET k{index} v EX 1000")));
        client.events();
        client.effects();
        exceed(&client, true);
        assert_eq!(say(&mut client, "GET k7"), "$-1", "{policy}");
        let sorted = |mut lines: Vec<String>| {
            lines.sort_unstable();
            lines
        };
        let lines = |start: &str| sorted((0..50).map(|index| format!("0: {start} k{index}")).collect());
        let events = client.events().into_iter().filter(|event| event.contains("evicted")).collect();
        assert_eq!(sorted(events), lines("evicted"), "{policy}");
        assert_eq!(sorted(client.effects()), lines("DEL"), "{policy}");
        let report = client.say("INFO stats");
        assert!(report.contains("\r\nevicted_keys:50\r\n"), "{report}");
        client.say("CONFIG RESETSTAT");
        assert!(client.say("INFO stats").contains("\r\nevicted_keys:0\r\n"));
    }
}

#[test]
fn nobody_is_refused_during_a_pause_nor_for_what_was_so_before() {
    let mut client = client_of("noeviction");
    exceed(&client, true);
    client.check(&[("SET k 1", FULL)]);
    client.server.gates.pause(i64::MAX, false);
    client.check(&[("SET k 1", "(parked)")]);
    client.server.gates.unpause();
    client.check(&[("SET k 1", FULL)]);
    // Another policy may find something.
    assert!(is_out_of_memory(&client.server));
    client.check(&[("CONFIG SET maxmemory-policy allkeys-lru", "+OK")]);
    crate::server::reconfigure::copy_hot_settings(&client.server, &client.server.settings.snapshot());
    exceed(&client, true);
    assert!(!is_out_of_memory(&client.server));
}

#[test]
fn what_is_stored_over_a_key_is_used_as_often() {
    let mut client = client_of("allkeys-lfu\nlfu-log-factor 0");
    for line in
        ["SADD s a b", "ZADD z 1 a", "SADD set x", "ZADD zset 1 x", "RPUSH sorted x", "GEOADD g 1 1 m"]
    {
        client.say(line);
    }
    let stores = [
        ("set", "SUNIONSTORE set s"),
        ("zset", "ZRANGESTORE zset z 0 -1"),
        ("sorted", "SORT s ALPHA STORE sorted"),
    ];
    for (key, store) in stores {
        (0..20).for_each(|_| _ = client.say(&format!("TYPE {key}")));
        (0..20).for_each(|_| _ = client.say(&format!("SORT {key} ALPHA")));
        let before: u8 = client.say(&format!("OBJECT FREQ {key}"))[1..].trim_end().parse().expect("a number");
        client.say(store);
        client.check(&[(&format!("OBJECT FREQ {key}"), &format!(":{}", before + 1))]);
        assert!(before > 20, "{before}");
    }
}

#[test]
fn without_anything_to_evict_what_needs_memory_is_refused() {
    for policy in ["noeviction", "volatile-lru", "volatile-ttl"] {
        let mut client = client_of(policy);
        client.check(&[("SET stays 1", "+OK"), ("SET goes 1 EX 100", "+OK"), ("WATCH goes", "+OK")]);
        exceed(&client, true);
        let kept = if policy == "noeviction" { ":1" } else { ":0" };
        client.check(&[("SET k 1", FULL), ("EXISTS goes", kept), ("GET stays", "$1|1"), ("LPOP k", "$-1")]);
        client.check(&[("EVAL return{redis.pcall('set',KEYS[1],1)} 1 k", &format!("*1|{FULL}"))]);
        client.check(&[("MULTI", "+OK"), ("SET k 1", FULL), ("DISCARD", "+OK"), ("DEL stays", ":1")]);
        assert_eq!(say(&mut client, "DBSIZE"), if policy == "noeviction" { ":1" } else { ":0" });
    }
}

#[test]
fn who_watches_or_has_read_a_key_hears_that_it_was_evicted() {
    let mut client = client_of("allkeys-random");
    let mut other = client.beside();
    other.say("HELLO 3");
    other.check(&[("CLIENT TRACKING on", "+OK")]);
    client.check(&[("SET k 1", "+OK"), ("WATCH k", "+OK")]);
    other.say("GET k");
    exceed(&client, true);
    // As in Redis before the reply.
    other.check(&[("EXISTS k", ">2|$10|invalidate|*1|$1|k|:0")]);
    exceed(&client, false);
    client.check(&[("MULTI", "+OK"), ("PING", "+QUEUED"), ("EXEC", "*-1")]);
}

#[test]
fn while_another_evicts_only_what_can_evict_lets_commands_through() {
    for (policy, reply) in [("noeviction", FULL), ("volatile-lru", FULL), ("allkeys-lru", "+OK")] {
        let mut client = client_of(policy);
        client.say("SET stays 1");
        exceed(&client, true);
        // Whoever searched before has found what there is.
        if policy == "volatile-lru" {
            client.check(&[("SET k 1", FULL)]);
        }
        let server = std::sync::Arc::clone(&client.server);
        let other = server.eviction.claim(1 << 50).expect("all of it");
        client.check(&[("SET k 1", reply), ("EXISTS stays", ":1")]);
        drop(other);
    }
}

#[test]
fn nothing_is_evicted_while_things_must_stay_as_they_are() {
    let mut client = client_of("allkeys-random");
    client.say("SET k 1");
    for gate in [gates::PAUSED_WRITES, gates::LOADING, gates::LOG_FAILED, gates::LOG_FULL] {
        client.server.gates.close(gate);
        exceed(&client, true);
        assert_eq!(make_room(&client.server, &client.server.workers[0].memory), Room::Held);
        exceed(&client, false);
        client.server.gates.open(gate);
        assert_eq!(say(&mut client, "EXISTS k"), ":1");
    }
}

#[test]
fn a_command_evicts_for_a_limited_time_and_the_clockwork_goes_on() {
    let mut client = client_of("allkeys-lru");
    for index in 0..5_000 {
        client.say(&format!("SET k{index} v"));
    }
    client.server.hot.eviction_ns.store(0, Relaxed);
    exceed(&client, true);
    let held = &client.server.workers[0].memory;
    assert_eq!(make_room(&client.server, held), Room::Coming);
    assert!(client.server.eviction.is_behind());
    let evicted = || client.server.eviction.evicted_keys.load(Relaxed);
    let first = evicted();
    // With a tenacity of 0 time is up at the first look at it.
    assert!(first % KEYS_PER_LOOK == 0 && first > 0 && first < 5_000, "{first}");
    let began = Instant::now();
    while make_room(&client.server, held) == Room::Coming && began.elapsed() < Duration::from_secs(60) {}
    assert_eq!(evicted(), 5_000);
    assert!(client.server.eviction.is_stuck());
}

#[test]
fn counters_are_shown_restored_and_grow() {
    let mut client =
        TestClient::configured("maxmemory-policy allkeys-lfu\nlfu-log-factor 0\nlfu-decay-time 0");
    client.check(&[
        ("SET k 1", "+OK"),
        ("OBJECT FREQ k", ":5"),
        ("GET k", "$1|1"),
        ("GET k", "$1|1"),
        ("INCR k", ":2"),
        ("OBJECT FREQ k", ":8"),
        ("SET k 2", "+OK"),
        ("OBJECT FREQ k", ":9"),
        ("RENAME k other", "+OK"),
        ("OBJECT FREQ other", ":10"),
        ("OBJECT FREQ k", "$-1"),
        ("RPUSH list a", ":1"),
        ("OBJECT FREQ list", ":5"),
        ("RPUSH list b", ":2"),
        ("OBJECT FREQ list", ":6"),
        ("CLIENT NO-TOUCH on", "+OK"),
        ("LLEN list", ":2"),
        ("OBJECT FREQ list", ":6"),
        ("CLIENT NO-TOUCH off", "+OK"),
        (
            "OBJECT IDLETIME list",
            "-ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
             policies at runtime LRU and LFU data will take some time to adjust.",
        ),
    ]);
    let payload = client.run(&[b"DUMP", b"list"]).expect("it is answered");
    let start = payload.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
    let payload = &payload[start..payload.len() - 2];
    let reply = client.run(&[b"RESTORE", b"copy", b"0", payload, b"FREQ", b"100"]).expect("it is answered");
    assert_eq!(reply, b"+OK\r\n");
    let reply =
        client.run(&[b"RESTORE", b"idle", b"0", payload, b"IDLETIME", b"100"]).expect("it is answered");
    assert_eq!(reply, b"+OK\r\n");
    client.check(&[("OBJECT FREQ copy", ":100"), ("OBJECT FREQ idle", ":5")]);
}

#[test]
fn integers_have_clocks_of_their_own_where_clocks_decide() {
    let mut client = TestClient::new();
    let shared = format!(":{}", i32::MAX);
    for (limit, policy, expect) in [
        (0, "allkeys-lru", &*shared),
        (1 << 50, "allkeys-random", &shared),
        (1 << 50, "allkeys-lru", ":1"),
        (1 << 50, "volatile-lfu", ":1"),
        (1 << 50, "volatile-ttl", &shared),
    ] {
        client.server.hot.maxmemory.store(limit, Relaxed);
        client.server.hot.maxmemory_policy.store(Policy::code(policy), Relaxed);
        client.say("SET k 100");
        assert_eq!(say(&mut client, "OBJECT REFCOUNT k"), expect, "{policy} at {limit}");
    }
}
