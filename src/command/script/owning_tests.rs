//! What a script that begins again leaves behind, and who hears of what it owns.

use crate::command::script::run::Hold;
use crate::command::testing::TestClient;
use crate::keyspace::{EffectBuffer, Position};
use crate::state::gates;
use std::sync::atomic::{AtomicBool, Ordering};

/// Somebody else who holds the token.
const OTHER: u64 = u64::MAX;

fn hold_token(client: &TestClient) {
    assert!(client.server.scripts.owners.take_token(OTHER));
}

fn give_token(client: &TestClient) {
    client.server.scripts.owners.give_token(OTHER);
}

fn eval(client: &mut TestClient, script: &str, keys: &[&str]) -> String {
    let reply = client.run(&words("EVAL", script, &keys.len().to_string(), keys));
    reply.map_or("(parked)".into(), |reply| String::from_utf8_lossy(&reply).trim_end().replace("\r\n", "|"))
}

fn words<'w>(command: &'w str, script: &'w str, count: &'w str, keys: &[&'w str]) -> Vec<&'w [u8]> {
    [command, script, count].iter().chain(keys).map(|word| word.as_bytes()).collect()
}

fn owner(client: &TestClient, key: &str) -> u64 {
    client.server.keyspace.lock(Position::of(key.as_bytes()).shard()).owner
}

#[test]
fn what_had_expired_stays_deleted_when_a_script_begins_again() {
    let mut client = TestClient::new();
    client.say("SET e 5 PX 10");
    client.pass(100);
    client.effects();
    hold_token(&client);
    let script = "redis.call('get', KEYS[1]) return redis.call('incr', KEYS[1])";
    assert_eq!(eval(&mut client, script, &["e"]), "(parked)");
    assert_eq!(client.effects(), ["0: DEL e"], "a log without it would count from 5");
    give_token(&client);
    assert_eq!(eval(&mut client, script, &["e"]), ":1");
    assert_eq!(client.effects(), ["0: incr e"]);
}

#[test]
fn what_a_script_says_before_it_begins_again_is_said_once() {
    let mut client = TestClient::new();
    let mut listening = client.beside();
    listening.say("HELLO 3");
    listening.say("SUBSCRIBE c");
    listening.pushes();
    hold_token(&client);
    let script = "redis.call('publish', 'c', 'm') return redis.call('incr', KEYS[1])";
    assert_eq!(eval(&mut client, script, &["k"]), "(parked)");
    // Another script, in the same state.
    assert_eq!(eval(&mut client, "return 1", &[]), ":1");
    assert_eq!(listening.pushes(), "");
    give_token(&client);
    assert_eq!(eval(&mut client, script, &["k"]), ":1");
    assert_eq!(listening.pushes(), ">3|$7|message|$1|c|$1|m");
}

/// Runs a script that reads for a while and asks for the token then, which somebody else holds.
fn restarted(client: &mut TestClient, command: &str, script: &str, keys: &[&str]) {
    hold_token(client);
    client.start(&words(command, script, &keys.len().to_string(), keys));
    for _ in 0..100 {
        client.give_turn();
    }
    let declared = keys.first().expect("a key");
    assert_eq!(owner(client, declared), 0, "who waits for the token owns nothing");
}

const A_WHILE: &str = "local n = 0 for i = 1, 5e6 do n = n + i end ";

#[test]
fn a_script_that_begins_again_is_as_new() {
    let mut client = TestClient::new();
    client.say("SET k v");
    client.effects();
    let script = format!(
        "local found = redis.call('get', KEYS[1]) redis.call('select', 5) {A_WHILE} \
         redis.call('set', 't', 1, 'PX', 1000) return found"
    );
    let mut slow = client.beside();
    restarted(&mut slow, "EVAL", &script, &["k"]);
    let before = client.server.now();
    give_token(&client);
    assert_eq!(slow.finish(), "$1|v", "it is in its client's database");
    let effects = client.effects();
    let at: i64 = effects[0].rsplit(' ').next().and_then(|at| at.parse().ok()).expect("a time");
    assert!(at >= before + 1000, "it counts from when it began again: {effects:?}");
    assert_eq!(client.session.client.db.load(Ordering::Relaxed), 0);
    eval(&mut client, "return redis.call('select', 5)", &[]);
    assert_eq!(client.session.client.db.load(Ordering::Relaxed), 0, "its own database is no client's");
}

#[test]
fn a_script_that_begins_again_is_logged_if_a_log_was_turned_on_meanwhile() {
    let mut client = TestClient::new();
    client.log(false);
    let mut slow = client.beside();
    restarted(&mut slow, "EVAL", &format!("{A_WHILE} return redis.call('set', KEYS[1], 1)"), &["k"]);
    client.log(true);
    give_token(&client);
    assert_eq!(slow.finish(), "+OK");
    assert_eq!(client.effects(), ["0: set k 1"]);
}

#[test]
fn a_script_that_only_reads_begins_again_with_the_token_too() {
    let mut client = TestClient::new();
    client.say("SET undeclared v");
    let mut slow = client.beside();
    let script = format!("{A_WHILE} return redis.call('get', 'undeclared')");
    restarted(&mut slow, "EVAL_RO", &script, &["k"]);
    give_token(&client);
    assert_eq!(slow.finish(), "$1|v");
}

#[test]
fn who_waits_for_a_shard_does_not_take_the_token_meanwhile() {
    let client = TestClient::new();
    let server = &client.server;
    server.keyspace.lock(3).owner = OTHER;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..500_000 {
                let mut hold = Hold::new(
                    server,
                    (client.now, server.access_clock(client.now)),
                    1 << 3,
                    EffectBuffer::default(),
                );
                assert!(hold.begin(server, true).is_err());
            }
            over.store(true, Ordering::Release);
        });
        let mut found = 0;
        while !over.load(Ordering::Acquire) {
            found += u64::from(!server.scripts.owners.take_token(OTHER));
            server.scripts.owners.give_token(OTHER);
        }
        assert_eq!(found, 0, "who finds it taken would wait for an owner who has nothing to do with it");
    });
}

#[test]
fn scripts_wait_for_room_in_the_log_as_writes_do() {
    let mut client = TestClient::new();
    client.server.gates.close(gates::LOG_FULL);
    let script = "return redis.call('set', KEYS[1], 1)";
    assert_eq!(eval(&mut client, script, &["k"]), "(parked)");
    client.check(&[("MULTI", "+OK")]);
    assert_eq!(eval(&mut client, script, &["k"]), "+QUEUED");
    client.check(&[("EXEC", "(parked)")]);
    client.check(&[("DISCARD", "+OK"), ("PUBLISH c m", ":0")]);
    let reads = client.run(&words("EVAL_RO", "return 1", "0", &[]));
    assert_eq!(reads.as_deref(), Some(&b":1\r\n"[..]));
    client.server.gates.open(gates::LOG_FULL);
    assert_eq!(eval(&mut client, script, &["k"]), "+OK");
}

#[test]
fn a_pause_of_writes_is_none_for_scripts_that_say_they_do_not_write() {
    let mut client = TestClient::new();
    let reads = "#!lua flags=no-writes\nreturn 1";
    client.run(&[b"FUNCTION", b"LOAD", b"#!lua name=l\nredis.register_function{function_name='r', callback=function() return 1 end, flags={'no-writes'}} redis.register_function('w', function() return 1 end)"]);
    client.now = client.server.now();
    let mut queued = client.beside();
    queued.say("MULTI");
    assert_eq!(eval(&mut queued, "return 1", &[]), "+QUEUED");
    client.check(&[("CLIENT PAUSE 100000 WRITE", "+OK")]);
    assert_eq!(eval(&mut client, reads, &[]), ":1");
    assert_eq!(eval(&mut client, "return 1", &[]), "(parked)");
    assert_eq!(eval(&mut client, "#!lua\nreturn 1", &[]), "(parked)");
    client.check(&[("FCALL r 0", ":1"), ("FCALL w 0", "(parked)"), ("MULTI", "+OK")]);
    assert_eq!(eval(&mut client, reads, &[]), "+QUEUED");
    client.check(&[("FCALL r 0", "+QUEUED"), ("EXEC", "*2|:1|:1")]);
    queued.check(&[("EXEC", "(parked)")]);
    client.check(&[("CLIENT UNPAUSE", "+OK")]);
    queued.check(&[("EXEC", "*1|:1")]);
}

/// As Redis does, for all keys that the script declares, as soon as it reads anything.

#[test]
fn the_slow_log_hears_of_slow_scripts_as_of_any_command() {
    let mut client = TestClient::configured("slowlog-log-slower-than 1000");
    let script = format!("{A_WHILE} return 1");
    client.start(&words("EVAL", &script, "1", &["k"]));
    assert_eq!(client.finish(), ":1");
    client.say("MULTI");
    eval(&mut client, &script, &["k"]);
    client.start(&[b"EXEC"]);
    client.finish();
    let log = client.beside().say("SLOWLOG GET");
    assert!(log.starts_with("*2\r\n") && log.matches("$4\r\nEVAL").count() == 2, "{log}");
    let stats = client.beside().say("INFO commandstats");
    assert!(stats.contains("cmdstat_eval:calls=2,"), "{stats}");
}

#[test]
fn so_many_scripts_take_turns_and_further_ones_wait() {
    let mut first = TestClient::new();
    let script = format!("{A_WHILE} return 1");
    let mut running: Vec<TestClient> = (0..16).map(|_| first.beside()).collect();
    for client in &mut running {
        client.start(&words("EVAL_RO", &script, "0", &[]));
    }
    assert_eq!(eval(&mut first, "return 1", &[]), "(parked)");
    assert_eq!(running[0].finish(), ":1");
    assert_eq!(eval(&mut first, "return 1", &[]), ":1");
    running[1..].iter_mut().for_each(|client| assert_eq!(client.finish(), ":1"));
}

#[test]
fn without_memory_a_script_that_says_nothing_else_does_not_begin() {
    let mut client = TestClient::configured("maxmemory 1");
    client.server.gates.close(gates::MEMORY_LIMITED);
    client.server.shared.uncounted_memory.store(1 << 20, Ordering::Relaxed);
    for (script, expect) in [
        ("#!lua\nreturn 1", "-OOM command not allowed when used memory > 'maxmemory'."),
        ("#!lua flags=no-writes\nreturn 1", ":1"),
        ("#!lua flags=allow-oom\nreturn redis.call('set', KEYS[1], 1)", "+OK"),
        ("return 1", ":1"),
    ] {
        assert_eq!(eval(&mut client, script, &["k"]), expect, "{script}");
    }
}
