//! Scripts on a server: what they do to keys, to the log, and to each other.

use crate::command::testing::TestClient;
use crate::keyspace::Position;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn eval(client: &mut TestClient, script: &str, keys: &[&str], args: &[&str]) -> String {
    let count = keys.len().to_string();
    let mut words: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), count.as_bytes()];
    words.extend(keys.iter().chain(args).map(|word| word.as_bytes()));
    let reply =
        client.run(&words).map_or("(parked)".into(), |reply| String::from_utf8_lossy(&reply).into_owned());
    reply.trim_end().replace("\r\n", "|")
}

fn load(client: &mut TestClient, code: &str) -> String {
    let reply = client.run(&[b"FUNCTION", b"LOAD", code.as_bytes()]);
    reply.map_or("(parked)".into(), |reply| String::from_utf8_lossy(&reply).trim_end().replace("\r\n", "|"))
}

#[test]
fn a_script_s_writes_are_one_group() {
    let mut client = TestClient::new();
    let script =
        "redis.call('set', KEYS[1], ARGV[1]) redis.call('incr', 'other') return redis.call('get', KEYS[1])";
    assert_eq!(eval(&mut client, script, &["k"], &["v"]), "$1|v");
    assert_eq!(client.effects(), ["0: set k v", "0: incr other"]);
    assert_eq!(eval(&mut client, "return redis.call('get', KEYS[1])", &["k"], &[]), "$1|v");
    assert!(client.effects().is_empty());
    let fails = "redis.call('set', KEYS[1], 'w') error('boom')";
    assert!(eval(&mut client, fails, &["k"], &[]).starts_with("-ERR user_script:1: boom script: "));
    assert_eq!(client.effects(), ["0: set k w"], "what was written before an error stays, as in Redis");
}

#[test]
fn a_script_selects_for_itself() {
    let mut client = TestClient::new();
    assert_eq!(
        eval(&mut client, "redis.call('select', 5) return redis.call('set', 'k', 1)", &[], &[]),
        "+OK"
    );
    assert_eq!(client.effects(), ["5: set k 1"]);
    client.check(&[("EXISTS k", ":0"), ("SELECT 5", "+OK"), ("EXISTS k", ":1")]);
}

#[test]
fn what_may_not_run_in_a_script() {
    let mut client = TestClient::new();
    let script = |command: &str| format!("return redis.pcall({command}).err");
    for (command, expect) in [
        ("'multi'", "ERR This Redis command is not allowed from script"),
        ("'eval', 'return 1', 0", "ERR This Redis command is not allowed from script"),
        ("'nosuch'", "ERR Unknown Redis command called from script"),
        ("'get'", "ERR Wrong number of args calling Redis command from script"),
        ("'object'", "ERR Wrong number of args calling Redis command from script"),
        (
            "'xread', 'block', 0, 'streams', 's', '$'",
            "ERR xread command is not allowed with BLOCK option from scripts",
        ),
    ] {
        let reply = eval(&mut client, &script(command), &[], &[]);
        assert_eq!(reply.split_once('|').map(|(_, text)| text), Some(expect), "{command}");
    }
    assert_eq!(eval(&mut client, "return redis.call('xread', 'streams', 'nosuch', '0')", &[], &[]), "$-1");
    let words: [&[u8]; 4] = [b"EVAL_RO", b"return redis.pcall('set', KEYS[1], 1).err", b"1", b"k"];
    let reply = client.run(&words).unwrap_or_default();
    assert!(
        String::from_utf8_lossy(&reply).contains("Write commands are not allowed from read-only scripts.")
    );
    let shebang = "#!lua flags=no-writes\nreturn redis.pcall('set', KEYS[1], 1).err";
    assert!(eval(&mut client, shebang, &["k"], &[]).contains("Write commands are not allowed"));
}

#[test]
fn scripts_in_a_transaction_are_a_part_of_it() {
    let mut client = TestClient::new();
    client.check(&[("MULTI", "+OK"), ("SET k 1", "+QUEUED")]);
    let script = "redis.call('incr', KEYS[1]) return redis.call('incr', 'undeclared')";
    assert_eq!(eval(&mut client, script, &["k"], &[]), "+QUEUED");
    assert_eq!(eval(&mut client, "error('boom')", &[], &[]), "+QUEUED");
    client.check(&[("SELECT 1", "+QUEUED"), ("SET k 2", "+QUEUED")]);
    let reply = client.say("EXEC").trim_end().replace("\r\n", "|");
    assert!(reply.starts_with("*5|+OK|:1|-ERR user_script:1: boom script: "), "{reply}");
    assert!(reply.ends_with("|+OK|+OK"), "{reply}");
    assert_eq!(client.effects(), ["0: SET k 1", "0: incr k", "0: incr undeclared", "1: SET k 2"]);
    client.check(&[("GET k", "$1|2"), ("WATCH k", "+OK"), ("SET k 3", "+OK"), ("MULTI", "+OK")]);
    assert_eq!(eval(&mut client, "return 1", &[], &[]), "+QUEUED");
    client.check(&[("EXEC", "*-1"), ("EXEC", "-ERR EXEC without MULTI")]);
}

#[test]
fn those_who_wait_are_served_when_the_script_is_over() {
    let mut client = TestClient::new();
    let mut waiter = client.beside();
    waiter.say("BLPOP l 0");
    let script = "redis.call('rpush', KEYS[1], 'a') redis.call('lpop', KEYS[1]) return redis.call('rpush', KEYS[1], 'b')";
    assert_eq!(eval(&mut client, script, &["l"], &[]), ":1");
    assert_eq!(waiter.answer(), "*2|$1|l|$1|b");
    let mut mover = client.beside();
    mover.say("BLMOVE l far LEFT LEFT 0");
    assert_eq!(eval(&mut client, "return redis.call('rpush', KEYS[1], 'c')", &["l"], &[]), ":1");
    assert_eq!(mover.answer(), "$1|c");
    client.check(&[("LRANGE far 0 -1", "*1|$1|c"), ("EXISTS l", ":0")]);
}

#[test]
fn functions_are_effects() {
    let mut client = TestClient::new();
    let code = "#!lua name=lib\nredis.register_function('f', function(keys, args) return redis.call('set', keys[1], args[1]) end)";
    assert_eq!(load(&mut client, code), "$3|lib");
    assert!(load(&mut client, code).starts_with("-ERR Library 'lib' already exists"));
    client.check(&[
        ("FCALL f 1 k v", "+OK"),
        ("FCALL F 1 k v", "+OK"),
        ("FCALL g 0", "-ERR Function not found"),
    ]);
    let mut other = client.restarted("");
    other.check(&[("FCALL f 1 k w", "+OK"), ("GET k", "$1|w")]);
    client.check(&[("FUNCTION DELETE lib", "+OK"), ("FCALL f 1 k v", "-ERR Function not found")]);
    client.check(&[("FUNCTION FLUSH", "+OK"), ("FUNCTION LIST", "*0")]);
    assert_eq!(
        client.effects().iter().map(|effect| &effect[..18.min(effect.len())]).collect::<Vec<_>>().join("; "),
        "0: FUNCTION LOAD #; 0: set k v; 0: set k v; 0: FUNCTION DELETE; 0: FUNCTION FLUSH"
    );
}

#[test]
fn libraries_are_dumped_and_restored() {
    let mut client = TestClient::new();
    load(
        &mut client,
        "#!lua name=lib\nredis.register_function{function_name='f', callback=function() return 7 end, flags={'no-writes'}, description='d'}",
    );
    let dump = client.run(&[b"FUNCTION", b"DUMP"]).unwrap_or_default();
    let payload = dump
        .splitn(2, |byte| *byte == b'\n')
        .nth(1)
        .map(|rest| rest[..rest.len() - 2].to_vec())
        .unwrap_or_default();
    let mut restore = |words: &[&[u8]]| {
        let words: Vec<&[u8]> = [&[b"FUNCTION".as_slice(), b"RESTORE", &payload], words].concat();
        String::from_utf8_lossy(&client.run(&words).unwrap_or_default()).trim_end().to_owned()
    };
    assert_eq!(restore(&[]), "-ERR Library lib already exists");
    assert_eq!(restore(&[b"REPLACE"]), "+OK");
    assert_eq!(restore(&[b"FLUSH"]), "+OK");
    assert_eq!(
        restore(&[b"x"]),
        "-ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."
    );
    client.check(&[
        ("FCALL_RO f 0", ":7"),
        ("FUNCTION RESTORE xxxxxxxxxxxx", "-ERR DUMP payload version or checksum are wrong"),
    ]);
    let reply = client.say("FUNCTION LIST LIBRARYNAME L*");
    assert!(reply.contains("no-writes") && reply.contains("$1\r\nd\r\n"), "{reply}");
}

#[test]
fn a_script_that_takes_long_holds_up_only_who_needs_its_keys() {
    let mut client = TestClient::configured("enable-debug-command yes");
    client.say("SET free 1");
    client.say("SET owned 1");
    let mut looping = client.beside();
    let words: [&[u8]; 4] = [b"EVAL", b"while true do end", b"1", b"owned"];
    looping.start(&words);
    client.check(&[
        ("GET free", "$1|1"),
        ("SET free 2", "+OK"),
        ("GET owned", "(parked)"),
        ("SET owned 2", "(parked)"),
        ("DBSIZE", "(parked)"),
        ("DEBUG DIGEST", "(parked)"),
        ("DEBUG OBJECT owned", "(parked)"),
        ("DEBUG DIGEST-VALUE free owned", "(parked)"),
        ("DEBUG DIGEST-VALUE nosuch", "*1|+0000000000000000000000000000000000000000"),
        ("DEBUG HTSTATS 0", "(parked)"),
        ("DEBUG POPULATE 200 owned", "(parked)"),
        ("FLUSHALL", "(parked)"),
        ("MULTI", "+OK"),
        ("GET owned", "+QUEUED"),
        ("EXEC", "(parked)"),
        ("DISCARD", "+OK"),
        ("PING", "+PONG"),
        (
            "FUNCTION KILL",
            "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        ),
        ("SCRIPT KILL", "+OK"),
    ]);
    let answer = looping.finish();
    assert!(answer.starts_with("-ERR Script killed by user with SCRIPT KILL... script: "), "{answer}");
    client.check(&[
        ("GET owned", "$1|1"),
        ("DEBUG POPULATE 200 owned", "+OK"),
        ("DBSIZE", ":202"),
        ("SCRIPT KILL", "-NOTBUSY No scripts in execution right now."),
    ]);
}

#[test]
fn what_has_written_is_not_killed_and_everybody_is_told_busy_after_a_while() {
    let mut client = TestClient::configured("busy-reply-threshold 1");
    let mut queueing = client.beside();
    queueing.say("MULTI");
    let mut looping = client.beside();
    let script = b"redis.call('set', KEYS[1], 1) local n = 0 while redis.call('get', 'go') == false do n = n + 1 end return 'done'";
    let words: [&[u8]; 4] = [b"EVAL", script, b"1", b"owned"];
    looping.start(&words);
    become_busy(&mut looping);
    queueing.check(&[("EXEC", "-EXECABORT Transaction discarded because of: BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")]);
    client.check(&[
        ("GET owned", BUSY),
        ("PING", BUSY),
        ("SHUTDOWN", BUSY),
        ("FCALL f 0", BUSY),
        ("MULTI", "+OK"),
        ("GET free", BUSY),
        ("DISCARD", "+OK"),
        ("WATCH free", "+OK"),
        ("UNWATCH", "+OK"),
        ("FUNCTION STATS", BUSY),
        ("FUNCTION KILL", "-UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."),
        ("SCRIPT KILL", "-UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."),
    ]);
}

const BUSY: &str = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
const BUSY_FUNCTION: &str =
    "-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";

/// Gives turns until the script runs for longer than busy-reply-threshold.
fn become_busy(looping: &mut TestClient) {
    while looping.server.scripts.owners.any_busy().is_none() {
        looping.give_turn();
    }
}

#[test]
fn who_comes_while_a_function_is_busy_is_told_how_to_end_it() {
    let mut client = TestClient::configured("busy-reply-threshold 1");
    load(&mut client, "#!lua name=lib\nredis.register_function('f', function() while true do end end)");
    let mut looping = client.beside();
    looping.start(&[b"FCALL", b"f", b"0"]);
    become_busy(&mut looping);
    client.check(&[("PING", BUSY_FUNCTION), ("SHUTDOWN", BUSY_FUNCTION), ("SCRIPT KILL", BUSY_FUNCTION)]);
    let stats = client.say("FUNCTION STATS");
    assert!(stats.contains("$4\r\nname\r\n$1\r\nf\r\n"), "{stats}");
    client.check(&[("FUNCTION KILL", "+OK")]);
    assert!(looping.finish().starts_with("-ERR Script killed by user with SCRIPT KILL... script: f"));
    client.check(&[("PING", "+PONG")]);
}

#[test]
fn a_script_of_a_transaction_can_be_killed_though_that_has_written() {
    let mut client = TestClient::configured("busy-reply-threshold 1");
    load(&mut client, "#!lua name=lib\nredis.register_function('f', function() while true do end end)");
    let mut looping = client.beside();
    looping.check(&[("MULTI", "+OK"), ("SET k 1", "+QUEUED"), ("FCALL f 0", "+QUEUED")]);
    assert_eq!(eval(&mut looping, "redis.call('set', 'k', 2) return 'done'", &[], &[]), "+QUEUED");
    assert_eq!(eval(&mut looping, "while true do end", &[], &[]), "+QUEUED");
    looping.check(&[("INCR k", "+QUEUED")]);
    looping.start(&[b"EXEC"]);
    become_busy(&mut looping);
    client.check(&[("GET k", BUSY_FUNCTION), ("FUNCTION KILL", "+OK")]);
    while client.say("FUNCTION KILL").trim_end() != BUSY {
        looping.give_turn();
    }
    client.check(&[("SCRIPT KILL", "+OK")]);
    let reply = looping.finish();
    assert!(reply.starts_with("*5|+OK|-ERR Script killed by user") && reply.ends_with("|:3"), "{reply}");
    client.check(&[("GET k", "$1|3")]);
}

#[test]
fn a_pause_of_writes_holds_up_scripts_by_what_they_say_they_do() {
    let mut client = TestClient::new();
    load(
        &mut client,
        "#!lua name=lib\nredis.register_function('f', function() return 1 end) redis.register_function{function_name='r', callback=function() return 1 end, flags={'no-writes'}}",
    );
    let silent = "return 1";
    let (reads, writes) = ("#!lua flags=no-writes\nreturn 1", "#!lua\nreturn 1");
    client.check(&[("CLIENT PAUSE 60000 WRITE", "+OK"), ("FCALL f 0", "(parked)"), ("FCALL r 0", ":1")]);
    assert_eq!(eval(&mut client, silent, &[], &[]), "(parked)");
    assert_eq!(eval(&mut client, writes, &[], &[]), "(parked)");
    assert_eq!(eval(&mut client, reads, &[], &[]), ":1");
    client.check(&[("MULTI", "+OK"), ("FCALL r 0", "+QUEUED")]);
    assert_eq!(eval(&mut client, reads, &[], &[]), "+QUEUED");
    client.check(&[("EXEC", "*2|:1|:1"), ("MULTI", "+OK")]);
    assert_eq!(eval(&mut client, writes, &[], &[]), "(parked)");
    client.check(&[("DISCARD", "+OK"), ("CLIENT UNPAUSE", "+OK"), ("FCALL f 0", ":1")]);
}

#[test]
fn a_client_that_caches_is_told_of_what_its_scripts_have_read() {
    let mut client = TestClient::new();
    let mut other = client.beside();
    client.say("HELLO 3");
    client.check(&[("CLIENT TRACKING ON", "+OK")]);
    // As in Redis 7.2: what was read, not what was declared.
    assert_eq!(eval(&mut client, "return redis.call('get', 'read')", &["declared"], &[]), "_");
    other.check(&[("SET declared 1", "+OK"), ("SET read 1", "+OK")]);
    assert_eq!(client.pushes(), ">2|$10|invalidate|*1|$4|read");
    assert_eq!(eval(&mut client, "return redis.call('set', 'read', 1)", &["read"], &[]), "+OK");
    other.check(&[("SET read 1", "+OK")]);
    assert_eq!(client.pushes(), "");
}

#[test]
fn what_a_script_holds_is_bounded_shown_and_given_back() {
    let mut client = TestClient::new();
    let held = |client: &mut TestClient| client.server.scripts.eval_bytes.load(Ordering::Relaxed);
    let mut growing = client.beside();
    let script = b"local t = {} for i = 1, 1e9 do t[i] = string.rep(tostring(i), 2000) end";
    growing.start(&[b"EVAL", script, b"0"]);
    while held(&mut client) < 100 << 20 {
        growing.give_turn();
    }
    let reply = growing.finish();
    assert!(reply.starts_with("-ERR not enough memory script: "), "{reply}");
    assert!(held(&mut client) < 8 << 20);
}

#[test]
fn libraries_change_within_transactions() {
    let mut client = TestClient::new();
    let library = "#!lua name=lib\nredis.register_function('f', function(keys) return redis.call('set', keys[1], 'v') end)";
    let queue = |client: &mut TestClient, words: &[&[u8]]| {
        assert_eq!(client.run(words).as_deref(), Some(&b"+QUEUED\r\n"[..]));
    };
    client.check(&[("MULTI", "+OK"), ("FUNCTION FLUSH", "+QUEUED"), ("SET before 1", "+QUEUED")]);
    queue(&mut client, &[b"FUNCTION", b"LOAD", library.as_bytes()]);
    queue(&mut client, &[b"FUNCTION", b"LOAD", library.as_bytes()]);
    queue(&mut client, &[b"FCALL", b"f", b"1", b"k"]);
    queue(&mut client, &[b"SCRIPT", b"LOAD", b"return 7"]);
    queue(
        &mut client,
        &[b"FUNCTION", b"LOAD", b"#!lua name=other\nredis.register_function('g', function() end)"],
    );
    client.check(&[
        ("FUNCTION DELETE other", "+QUEUED"),
        ("FUNCTION DELETE other", "+QUEUED"),
        ("FUNCTION RESTORE nonsense", "+QUEUED"),
        ("EXEC", "*10|+OK|+OK|$3|lib|-ERR Library 'lib' already exists|+OK|$40|59b6ab2fbe0ee4b25733de0f62e6cda4899ef8e9|$5|other|+OK|-ERR Library not found|-ERR DUMP payload version or checksum are wrong"),
        ("GET k", "$1|v"),
    ]);
    assert_eq!(
        client.effects().iter().map(|effect| &effect[..18.min(effect.len())]).collect::<Vec<_>>().join("; "),
        "0: FUNCTION FLUSH; 0: SET before 1; 0: FUNCTION LOAD #; 0: set k v; 0: FUNCTION LOAD #; 0: FUNCTION DELETE"
    );
    let mut again = client.restarted("");
    again.check(&[("FCALL f 1 other", "+OK"), ("GET other", "$1|v"), ("GET before", "$1|1")]);
    client.check(&[
        ("MULTI", "+OK"),
        ("SCRIPT FLUSH", "+QUEUED"),
        ("SCRIPT EXISTS 59b6ab2fbe0ee4b25733de0f62e6cda4899ef8e9", "+QUEUED"),
        ("EXEC", "*2|+OK|*1|:0"),
    ]);
}

#[test]
fn a_script_with_undeclared_keys_waits_for_the_token() {
    let mut client = TestClient::new();
    let mut writing = client.beside();
    let script = b"redis.call('set', KEYS[1], 1) while true do if redis.call('get', KEYS[1]) == '2' then break end end";
    let words: [&[u8]; 4] = [b"EVAL", script, b"1", b"a"];
    writing.start(&words);
    // A reader of declared keys needs no token; a writer does.
    assert_eq!(eval(&mut client, "return redis.call('get', KEYS[1])", &["b"], &[]), "$-1");
    assert_eq!(eval(&mut client, "return redis.call('get', 'c')", &["b"], &[]), "(parked)");
    assert_eq!(eval(&mut client, "return redis.call('set', KEYS[1], 1)", &["b"], &[]), "(parked)");
    client.check(&[("SET b 1", "+OK")]);
    assert_ne!(Position::of(b"a").shard(), Position::of(b"b").shard());
}

/// Scripts with keys that they did not declare, in any order, beside transactions, plain commands and a rewrite of
/// everything: nobody waits for ever, and sums stay.
#[test]
fn nobody_waits_for_ever() {
    const ACCOUNTS: usize = 16;
    const THREADS: usize = 4;
    let mut client = TestClient::new();
    for account in 0..ACCOUNTS {
        client.say(&format!("SET a{account} 100"));
    }
    let moves = "local from, to = ARGV[1], ARGV[2] local sum = 0 \
        if ARGV[3] == 'sum' then for i = 0, 15 do sum = sum + redis.call('get', 'a' .. i) end return sum end \
        redis.call('decrby', from, 1) redis.call('incrby', to, 1) return 1600";
    let stop = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for thread in 0..THREADS {
            let mut client = client.beside();
            let stop = Arc::clone(&stop);
            threads.push(scope.spawn(move || {
                let mut state = thread as u64 + 1;
                let mut draw = |below: usize| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) as usize % below
                };
                for _ in 0..300 {
                    let (from, to) = (format!("a{}", draw(ACCOUNTS)), format!("a{}", draw(ACCOUNTS)));
                    let what = if draw(4) == 0 { "sum" } else { "move" };
                    let declared = [from.as_str()];
                    let keys: &[&str] = if draw(2) == 0 { &declared } else { &[] };
                    loop {
                        let reply = eval(&mut client, moves, keys, &[&from, &to, what]);
                        if reply == "(parked)" {
                            std::thread::yield_now();
                            continue;
                        }
                        assert_eq!(reply, ":1600");
                        break;
                    }
                    if draw(8) == 0 {
                        client.say("MULTI");
                        client.say(&format!("DECR {from}"));
                        client.say(&format!("INCR {to}"));
                        while client.say("EXEC") == "(parked)" {
                            std::thread::yield_now();
                        }
                    }
                }
                stop.store(true, Ordering::Relaxed);
            }));
        }
        let mut other = client.beside();
        while !stop.load(Ordering::Relaxed) {
            // All shards, now and then.
            other.say("SWAPDB 3 4");
            other.say("DBSIZE");
            std::thread::yield_now();
        }
    });
    let mut sum = 0;
    for account in 0..ACCOUNTS {
        let reply = client.say(&format!("GET a{account}"));
        sum += reply.split("\r\n").nth(1).and_then(|digits| digits.parse::<i64>().ok()).unwrap_or_default();
    }
    assert_eq!(sum, 1600);
    assert_eq!(client.server.scripts.owners.token_holder(), 0);
}

#[test]
fn errors_within_a_reply_are_counted() {
    for (script, errors, failed) in [
        ("return {1, {err = 'FOO bar'}}", "errorstat_FOO:count=1", 1),
        ("return {err = 'FOO bar'}", "errorstat_FOO:count=1", 1),
        (
            "return {1, {2, {err = 'A b'}}, {err = 'C d'}, {err = 'A x'}}",
            "errorstat_A:count=2 errorstat_C:count=1",
            1,
        ),
        ("return {err = 'foo'}", "errorstat_ERR:count=1", 1),
        ("return {{err = 'foo'}}", "errorstat_ERR:count=1", 1),
        ("return {redis.pcall('nosuch')}", "errorstat_ERR:count=1", 1),
        ("return {1, {err = 'FOO bar'}, ok = 'x'}", "", 0),
    ] {
        let mut client = TestClient::new();
        client.run(&[b"EVAL", script.as_bytes(), b"0"]);
        let info = client.say("INFO errorstats");
        let mut counted: Vec<&str> =
            info.split("\r\n").filter(|line| line.starts_with("errorstat_")).collect();
        counted.sort_unstable();
        assert_eq!(counted.join(" "), errors, "{script}");
        let info = client.say("INFO commandstats");
        let of_eval = info.split("\r\n").find(|line| line.starts_with("cmdstat_eval:")).unwrap_or_default();
        assert!(of_eval.ends_with(&format!("failed_calls={failed}")), "{script}: {of_eval}");
    }
}

mod payloads {
    //! FUNCTION RESTORE of anything that is sealed as it should be.

    use super::*;
    use dunlin_storage::rdb::{self, payload};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn are_refused_or_restored(bytes in proptest::collection::vec(any::<u8>(), 0..48), kind in prop_oneof![Just(245u8), Just(246), any::<u8>()]) {
            let mut client = TestClient::new();
            let mut writer = rdb::Writer::default();
            writer.byte(kind);
            writer.raw(&bytes);
            let sealed = payload::seal(writer, rdb::VERSION);
            let reply = client.run(&[b"FUNCTION", b"RESTORE", &sealed]).unwrap_or_default();
            prop_assert!(reply.starts_with(b"-ERR") || reply == b"+OK\r\n");
        }
    }
}
