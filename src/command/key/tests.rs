//! The key family as clients see it, and what it logs.

use crate::command::testing::{TestClient, check, check_effects};
use proptest::prelude::*;

#[test]
fn deleting() {
    check(&[
        ("DEL", "-ERR wrong number of arguments for 'del' command"),
        ("DEL a", ":0"),
        ("SET a 1", "+OK"),
        ("SET b 1", "+OK"),
        ("DEL a a b c", ":2"),
        ("SET a 1", "+OK"),
        ("UNLINK a x", ":1"),
        ("EXISTS a", ":0"),
    ]);
    check_effects(&[
        ("SET a 1", "0: SET a 1"),
        ("SET b 1", "0: SET b 1"),
        ("DEL nothing", ""),
        ("DEL a a nothing b", "0: DEL a; 0: DEL b"),
        ("SET a 1", "0: SET a 1"),
        ("UNLINK a", "0: UNLINK a"),
    ]);
}

#[test]
fn looking() {
    check(&[
        ("EXISTS a", ":0"),
        ("TYPE a", "+none"),
        ("SET a 1", "+OK"),
        ("EXISTS a b a", ":2"),
        ("TOUCH a b a", ":2"),
        ("TYPE a", "+string"),
        ("TYPE", "-ERR wrong number of arguments for 'type' command"),
    ]);
}

#[test]
fn times_to_live() {
    check(&[
        ("TTL a", ":-2"),
        ("PTTL a", ":-2"),
        ("EXPIRETIME a", ":-2"),
        ("EXPIRE a 10", ":0"),
        ("PERSIST a", ":0"),
        ("SET a 1", "+OK"),
        ("TTL a", ":-1"),
        ("PEXPIRETIME a", ":-1"),
        ("PERSIST a", ":0"),
        ("EXPIRE a 10", ":1"),
        ("TTL a", ":10"),
        ("PTTL a", ":10000"),
        ("EXPIRETIME a", ":1700000010"),
        ("PEXPIRETIME a", ":1700000010000"),
        ("PEXPIRE a 1499", ":1"),
        ("TTL a", ":1"),
        ("PEXPIRE a 1500", ":1"),
        ("TTL a", ":2"),
        ("PERSIST a", ":1"),
        ("TTL a", ":-1"),
        ("EXPIREAT a 1700000100", ":1"),
        ("TTL a", ":100"),
        ("PEXPIREAT a 1700000200000", ":1"),
        ("TTL a", ":200"),
        ("PEXPIREAT a 9223372036854775807", ":1"),
        ("EXPIRETIME a", ":9223372036854776"),
        ("EXPIRE a -1", ":1"),
        ("EXISTS a", ":0"),
    ]);
}

#[test]
fn conditions_on_the_time_to_live() {
    check(&[
        ("SET a 1", "+OK"),
        ("EXPIRE a 100 XX", ":0"),
        ("EXPIRE a 100 GT", ":0"),
        ("EXPIRE a 100 XX GT", ":0"),
        ("EXPIRE a 100 LT", ":1"),
        ("EXPIRE a 50 NX", ":0"),
        ("EXPIRE a 100 GT", ":0"),
        ("EXPIRE a 100 LT", ":0"),
        ("EXPIRE a 101 gt", ":1"),
        ("EXPIRE a 100 XX lt", ":1"),
        ("EXPIRE a 7 XX XX", ":1"),
        ("TTL a", ":7"),
        ("PERSIST a", ":1"),
        ("EXPIRE a 100 LT XX", ":0"),
        ("EXPIRE a 100 NX", ":1"),
        ("EXPIRE a 1 NX GT", "-ERR NX and XX, GT or LT options at the same time are not compatible"),
        ("EXPIRE a x NX XX", "-ERR NX and XX, GT or LT options at the same time are not compatible"),
        ("EXPIRE a 1 GT LT", "-ERR GT and LT options at the same time are not compatible"),
        ("EXPIRE a 1 GT often", "-ERR Unsupported option often"),
        ("EXPIRE a 1.5", "-ERR value is not an integer or out of range"),
        ("EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command"),
        ("EXPIRE a -9223372036854775807", "-ERR invalid expire time in 'expire' command"),
        ("PEXPIRE a 9223372036854775807", "-ERR invalid expire time in 'pexpire' command"),
        ("EXPIREAT a 9223372036854775807", "-ERR invalid expire time in 'expireat' command"),
        ("EXPIRE a", "-ERR wrong number of arguments for 'expire' command"),
        ("TTL a", ":100"),
    ]);
}

#[test]
fn deadlines_are_logged_as_points_in_time() {
    check_effects(&[
        ("SET a 1", "0: SET a 1"),
        ("EXPIRE a 10", "0: PEXPIREAT a 1700000010000"),
        ("EXPIREAT a 1700000001 GT", ""),
        ("PEXPIRE a 10 LT", "0: PEXPIREAT a 1700000000010"),
        ("PERSIST a", "0: PERSIST a"),
        ("PERSIST a", ""),
        ("PEXPIRE a 0", "0: DEL a"),
        ("EXPIRE a 0", ""),
    ]);
}

#[test]
fn expired_keys_are_gone_for_every_command() {
    for line in [
        "GET a",
        "EXISTS a",
        "TTL a",
        "TYPE a",
        "TOUCH a",
        "PERSIST a",
        "EXPIRE a 9",
        "DEL a",
        "OBJECT ENCODING a",
    ] {
        let mut client = TestClient::new();
        client.say("SET a 1");
        client.say("PEXPIRE a 5");
        client.effects();
        client.pass(5);
        assert_eq!(client.say("EXISTS a"), ":1\r\n", "the last millisecond is still one of life");
        client.pass(1);
        let reply = client.say(line);
        assert_eq!(client.effects(), ["0: DEL a"], "{line} answered {reply}");
        assert!([":0\r\n", ":-2\r\n", "$-1\r\n", "+none\r\n"].contains(&&*reply), "{line} answered {reply}");
    }
}

#[test]
fn objects() {
    check(&[
        ("OBJECT ENCODING a", "$-1"),
        ("OBJECT FREQ a", "$-1"),
        ("OBJECT IDLETIME a", "$-1"),
        ("OBJECT REFCOUNT a", "$-1"),
        ("SET a text", "+OK"),
        ("object encoding a", "$6|embstr"),
        ("OBJECT REFCOUNT a", ":1"),
        ("OBJECT IDLETIME a", ":0"),
        (
            "OBJECT FREQ a",
            "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ),
        ("OBJECT x a", "-ERR unknown subcommand 'x'. Try OBJECT HELP."),
        ("OBJECT FREQ", "-ERR wrong number of arguments for 'object|freq' command"),
        ("OBJECT", "-ERR wrong number of arguments for 'object' command"),
    ]);
}

#[test]
fn looking_is_no_use_but_touching_is() {
    let mut client = TestClient::new();
    client.say("SET a text");
    for (line, idle_s) in [
        ("TTL a", 9),
        ("EXISTS a", 18),
        ("TYPE a", 27),
        ("OBJECT ENCODING a", 36),
        ("TOUCH a", 0),
        ("GET a", 0),
    ] {
        client.pass(9_000);
        client.say(line);
        assert_eq!(client.say("OBJECT IDLETIME a"), format!(":{idle_s}\r\n"), "{line}");
    }
    for (line, idle) in [
        ("EXPIRE a 100", ":0"),
        ("PERSIST a", ":0"),
        ("COPY a b", ":0"),
        ("RENAME a c", "$-1"),
        ("RENAME c a", ":0"),
        ("MOVE b 3", ":3"),
    ] {
        client.pass(3_000);
        client.say(line);
        assert_eq!(client.say("OBJECT IDLETIME a").trim_end(), idle, "{line}");
    }
    client.say("GET a");
    client.session.no_touch = true;
    client.pass(5_000);
    client.say("GET a");
    assert_eq!(client.say("OBJECT IDLETIME a"), ":5\r\n");
    client.say("TOUCH a");
    assert_eq!(client.say("OBJECT IDLETIME a"), ":0\r\n");
}

#[test]
fn renaming() {
    check(&[
        ("RENAME a b", "-ERR no such key"),
        ("RENAMENX a a", "-ERR no such key"),
        ("SET a 1", "+OK"),
        ("RENAME a a", "+OK"),
        ("RENAMENX a a", ":0"),
        ("EXPIRE a 10", ":1"),
        ("RENAME a b", "+OK"),
        ("EXISTS a", ":0"),
        ("GET b", "$1|1"),
        ("TTL b", ":10"),
        ("SET c 2", "+OK"),
        ("RENAMENX b c", ":0"),
        ("RENAME c b", "+OK"),
        ("TTL b", ":-1"),
        ("GET b", "$1|2"),
        ("RENAMENX b c", ":1"),
        ("DBSIZE", ":1"),
        ("RENAME a", "-ERR wrong number of arguments for 'rename' command"),
    ]);
    check_effects(&[
        ("SET a 1", "0: SET a 1"),
        ("RENAME a a", ""),
        ("RENAME a b", "0: DEL a; 0: SET b 1"),
        ("EXPIRE b 10", "0: PEXPIREAT b 1700000010000"),
        ("RENAMENX b a", "0: DEL b; 0: SET a 1 PXAT 1700000010000"),
        ("RENAME b a", ""),
    ]);
}

#[test]
fn copying() {
    check(&[
        ("COPY a b", ":0"),
        ("COPY a a", "-ERR source and destination objects are the same"),
        ("COPY a a DB 0", "-ERR source and destination objects are the same"),
        ("SET a 1", "+OK"),
        ("EXPIRE a 10", ":1"),
        ("COPY a b", ":1"),
        ("TTL b", ":10"),
        ("SET a 2", "+OK"),
        ("COPY a b", ":0"),
        ("COPY a b REPLACE", ":1"),
        ("TTL b", ":-1"),
        ("GET b", "$1|2"),
        ("COPY a a DB 15", ":1"),
        ("COPY a a db 3 DB 15 replace", ":1"),
        ("COPY a a DB 15", ":0"),
        ("DBSIZE", ":2"),
        ("SELECT 15", "+OK"),
        ("GET a", "$1|2"),
        ("DBSIZE", ":1"),
        ("COPY a b DB", "-ERR syntax error"),
        ("COPY a b DB x", "-ERR value is not an integer or out of range"),
        ("COPY a b DB 16", "-ERR DB index is out of range"),
        ("COPY a b DB -1", "-ERR DB index is out of range"),
        (
            "COPY a b DB 3000000000",
            "-ERR value is out of range, value must between -2147483648 and 2147483647",
        ),
        ("COPY a b AND c", "-ERR syntax error"),
    ]);
    check_effects(&[
        ("SET a 1", "0: SET a 1"),
        ("COPY a b", "0: SET b 1"),
        ("COPY a b", ""),
        ("COPY a b DB 3", "3: SET b 1"),
        ("PEXPIRE a 10", "0: PEXPIREAT a 1700000000010"),
        ("COPY a b DB 3 REPLACE", "3: SET b 1 PXAT 1700000000010"),
        ("SET c 1", "0: SET c 1"),
    ]);
}

#[test]
fn moving() {
    check(&[
        ("MOVE a 1", ":0"),
        ("MOVE a 0", "-ERR source and destination objects are the same"),
        ("MOVE a 16", "-ERR DB index is out of range"),
        ("MOVE a x", "-ERR value is not an integer or out of range"),
        ("SET a 1", "+OK"),
        ("EXPIRE a 10", ":1"),
        ("MOVE a 1", ":1"),
        ("EXISTS a", ":0"),
        ("SET a 2", "+OK"),
        ("MOVE a 1", ":0"),
        ("SELECT 1", "+OK"),
        ("GET a", "$1|1"),
        ("TTL a", ":10"),
    ]);
    check_effects(&[
        ("SET a 1", "0: SET a 1"),
        ("MOVE a 1", "0: DEL a; 1: SET a 1"),
        ("MOVE a 1", ""),
        ("SELECT 1", ""),
        ("PEXPIRE a 5", "1: PEXPIREAT a 1700000000005"),
        ("MOVE a 0", "1: DEL a; 0: SET a 1 PXAT 1700000000005"),
    ]);
}

#[test]
fn a_value_that_moves_stays_as_it_is() {
    let long = vec![b'x'; 5000];
    let mut client = TestClient::new();
    client.run(&[b"SET", b"a", &long]);
    client.say("COPY a b");
    client.say("RENAME a c");
    client.say("MOVE c 5");
    client.say("SELECT 5");
    let whole = [b"$5000\r\n", &long[..], b"\r\n"].concat();
    assert_eq!(client.run(&[b"GET", b"c"]), Some(whole.clone()));
    client.say("SELECT 0");
    assert_eq!(client.run(&[b"GET", b"b"]), Some(whole));
    assert_eq!(client.say("OBJECT ENCODING b"), "$3\r\nraw\r\n");
}

#[test]
fn swapping_databases() {
    check(&[
        ("SET a 0", "+OK"),
        ("SWAPDB 0 1", "+OK"),
        ("EXISTS a", ":0"),
        ("SELECT 1", "+OK"),
        ("GET a", "$1|0"),
        ("SWAPDB 1 1", "+OK"),
        ("GET a", "$1|0"),
        ("SWAPDB x 1", "-ERR invalid first DB index"),
        ("SWAPDB 1 3000000000", "-ERR invalid second DB index"),
        ("SWAPDB 1 16", "-ERR DB index is out of range"),
        ("SWAPDB -1 1", "-ERR DB index is out of range"),
    ]);
    check_effects(&[("SWAPDB 0 1", "0: SWAPDB 0 1"), ("SWAPDB 1 1", "")]);
}

#[test]
fn events() {
    let mut client = TestClient::new();
    for (line, expect) in [
        ("SET a 1", "0: new a; 0: set a"),
        ("EXPIRE a 10", "0: expire a"),
        ("EXPIRE a 10 NX", ""),
        ("PERSIST a", "0: persist a"),
        ("PERSIST a", ""),
        ("COPY a b", "0: new b; 0: copy_to b"),
        ("COPY a b REPLACE", "0: new b; 0: copy_to b"),
        ("COPY a b DB 1", "1: new b; 1: copy_to b"),
        ("RENAME a b", "0: new b; 0: rename_from a; 0: rename_to b"),
        ("RENAMENX b b", ""),
        ("MOVE b 1", ""),
        ("MOVE b 2", "2: new b; 0: move_from b; 2: move_to b"),
        ("SET c 1", "0: new c; 0: set c"),
        ("SET d 1", "0: new d; 0: set d"),
        ("DEL c x d", "0: del c; 0: del d"),
        ("SET c 1", "0: new c; 0: set c"),
        ("EXPIREAT c 1", "0: del c"),
        ("SET c 1", "0: new c; 0: set c"),
        ("UNLINK c", "0: del c"),
        ("TTL c", ""),
    ] {
        let reply = client.say(line);
        assert_eq!(client.events().join("; "), expect, "{line} answered {reply}");
    }
    for line in ["SET a 1", "SET b 1 PX 5"] {
        client.say(line);
    }
    client.events();
    client.pass(10);
    client.say("RENAME a b");
    assert_eq!(client.events(), ["0: expired b", "0: new b", "0: rename_from a", "0: rename_to b"]);
    client.say("SET a 1");
    client.say("PEXPIRE a 5");
    client.events();
    client.pass(6);
    client.say("TTL a");
    assert_eq!(client.events(), ["0: expired a"]);
}

/// Few keys and databases and short times, so that commands meet.
fn any_command() -> impl Strategy<Value = String> {
    let key = || "[a-d]";
    let value = || prop_oneof!["[xyz]{1,3}", "[0-9]{1,3}"];
    let condition = || prop_oneof![Just(""), Just(" NX"), Just(" XX"), Just(" GT"), Just(" LT")];
    prop_oneof![
        4 => (key(), value()).prop_map(|(k, v)| format!("SET {k} {v}")),
        2 => (key(), value(), -5..60).prop_map(|(k, v, ms)| format!("SET {k} {v} PX {ms}")),
        1 => (key(), value()).prop_map(|(k, v)| format!("SET {k} {v} KEEPTTL")),
        1 => (key(), value()).prop_map(|(k, v)| format!("APPEND {k} {v}")),
        1 => (key(), -9..9).prop_map(|(k, by)| format!("INCRBY {k} {by}")),
        1 => key().prop_map(|k| format!("INCRBYFLOAT {k} 0.1")),
        1 => (key(), 0..6, value()).prop_map(|(k, at, v)| format!("SETRANGE {k} {at} {v}")),
        1 => (key(), 1..60).prop_map(|(k, ms)| format!("GETEX {k} PX {ms}")),
        1 => key().prop_map(|k| format!("GETDEL {k}")),
        1 => (key(), value(), key(), value()).prop_map(|(k, v, l, w)| format!("MSET {k} {v} {l} {w}")),
        2 => (key(), key()).prop_map(|(k, l)| format!("DEL {k} {l}")),
        1 => key().prop_map(|k| format!("UNLINK {k}")),
        4 => (key(), -5..60, condition()).prop_map(|(k, ms, c)| format!("PEXPIRE {k} {ms}{c}")),
        1 => (key(), 0..2, condition()).prop_map(|(k, s, c)| format!("EXPIRE {k} {s}{c}")),
        1 => (key(), condition()).prop_map(|(k, c)| format!("EXPIREAT {k} 1700000001{c}")),
        3 => key().prop_map(|k| format!("PERSIST {k}")),
        3 => (key(), key()).prop_map(|(k, l)| format!("RENAME {k} {l}")),
        1 => (key(), key()).prop_map(|(k, l)| format!("RENAMENX {k} {l}")),
        3 => (key(), key()).prop_map(|(k, l)| format!("COPY {k} {l}")),
        2 => (key(), key(), 0..3).prop_map(|(k, l, db)| format!("COPY {k} {l} DB {db} REPLACE")),
        3 => (key(), 0..3).prop_map(|(k, db)| format!("MOVE {k} {db}")),
        1 => (0..3, 0..3).prop_map(|(one, other)| format!("SWAPDB {one} {other}")),
        2 => (0..3).prop_map(|db| format!("SELECT {db}")),
        1 => Just("FLUSHDB".to_string()),
        1 => Just("SCAN 0 COUNT 100".to_string()),
        2 => key().prop_map(|k| format!("GET {k}")),
        4 => (1..40).prop_map(|ms| format!("PASS {ms}")),
    ]
}

/// All keys of three databases with their values and times.
fn contents(client: &mut TestClient) -> Vec<String> {
    let mut contents = Vec::new();
    for db in 0..3 {
        client.say(&format!("SELECT {db}"));
        for key in ["a", "b", "c", "d"] {
            let (value, at) = (client.say(&format!("GET {key}")), client.say(&format!("PEXPIRETIME {key}")));
            contents.push(format!("{db} {key} {value} {at}"));
        }
    }
    contents
}

proptest! {
    /// Effects are replayed with the clock at its beginning: a time that is past by now was not then, and what came after
    /// it may have taken it away.
    #[test]
    fn replayed_effects_give_the_same_keys(commands in prop::collection::vec(any_command(), 1..80)) {
        let mut client = TestClient::new();
        for command in &commands {
            match command.strip_prefix("PASS ") {
                Some(ms) => client.pass(ms.parse().expect("a number")),
                None => {
                    client.say(command);
                }
            }
        }
        let mut replica = TestClient::new();
        replica.now = 0;
        for effect in client.effects() {
            let (db, effect) = effect.split_once(": ").expect("a database");
            replica.say(&format!("SELECT {db}"));
            let reply = replica.say(effect);
            prop_assert!(!reply.starts_with('-'), "{} answered {}", effect, reply);
        }
        replica.now = client.now;
        prop_assert_eq!(contents(&mut client), contents(&mut replica));
    }
}
