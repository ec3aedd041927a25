//! The key family as clients see it, and what it logs.

use crate::command::testing::{TestClient, check, check_effects};

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
    client.session.no_touch = true;
    client.pass(5_000);
    client.say("GET a");
    assert_eq!(client.say("OBJECT IDLETIME a"), ":5\r\n");
    client.say("TOUCH a");
    assert_eq!(client.say("OBJECT IDLETIME a"), ":0\r\n");
}
