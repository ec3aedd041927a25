//! Exchanges and the effects they log. Replies were compared with redis-server 7.0.15; those of commands on times to live
//! follow the documentation of Redis 8.

use crate::command::expiring::expire_due;
use crate::command::testing::{TestClient, check, check_effects};
use crate::keyspace::{EffectBuffer, SHARD_COUNT};
use proptest::prelude::*;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";

#[test]
fn setting_and_getting() {
    check(&[
        ("HSET h a 1 b two a 3", ":2"),
        ("HGET h a", "$1|3"),
        ("HGET h none", "$-1"),
        ("HGET none a", "$-1"),
        ("HMGET h a none b", "*3|$1|3|$-1|$3|two"),
        ("HMGET none a b", "*2|$-1|$-1"),
        ("HGETALL h", "*4|$1|a|$1|3|$1|b|$3|two"),
        ("HKEYS h", "*2|$1|a|$1|b"),
        ("HVALS h", "*2|$1|3|$3|two"),
        ("HGETALL none", "*0"),
        ("HKEYS none", "*0"),
        ("HVALS none", "*0"),
        ("HLEN h", ":2"),
        ("HLEN none", ":0"),
        ("HSTRLEN h b", ":3"),
        ("HSTRLEN h none", ":0"),
        ("HEXISTS h a", ":1"),
        ("HEXISTS h none", ":0"),
        ("HMSET h c 4", "+OK"),
        ("HSETNX h c 5", ":0"),
        ("HSETNX h d 5", ":1"),
        ("TYPE h", "+hash"),
        ("OBJECT ENCODING h", "$8|listpack"),
        ("HSET h a", "-ERR wrong number of arguments for 'hset' command"),
        ("HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command"),
        ("HMSET h a 1 b", "-ERR wrong number of arguments for 'hmset' command"),
        ("HDEL h a none a", ":1"),
        ("HDEL none a", ":0"),
        ("HDEL h b c d", ":3"),
        ("EXISTS h", ":0"),
        (
            "HELLO 3",
            "%7|$6|server|$5|redis|$7|version|$5|7.2.4|$5|proto|:3|$2|id|:1|$4|mode|$10|standalone|$4|role|$6|master|$7|modules|*0",
        ),
        ("HSET h a 1", ":1"),
        ("HGETALL h", "%1|$1|a|$1|1"),
        ("HGETALL none", "%0"),
        ("HRANDFIELD h 1 WITHVALUES", "*1|*2|$1|a|$1|1"),
    ]);
}

#[test]
fn the_wrong_kind_of_value() {
    let mut client = TestClient::new();
    client.say("SET s v");
    for line in [
        "HSET s a 1",
        "HMSET s a 1",
        "HSETNX s a 1",
        "HGET s a",
        "HMGET s a",
        "HGETALL s",
        "HKEYS s",
        "HVALS s",
        "HLEN s",
        "HSTRLEN s a",
        "HEXISTS s a",
        "HDEL s a",
        "HINCRBY s a 1",
        "HINCRBYFLOAT s a 1",
        "HRANDFIELD s",
        "HRANDFIELD s 2",
        "HSCAN s 0",
        "HEXPIRE s 1 FIELDS 1 a",
        "HPERSIST s FIELDS 1 a",
        "HTTL s FIELDS 1 a",
        "HGETEX s FIELDS 1 a",
        "HSETEX s FIELDS 1 a 1",
        "HGETDEL s FIELDS 1 a",
    ] {
        assert_eq!(client.say(line).trim_end(), WRONG_TYPE, "{line}");
    }
    client.say("HSET h a 1");
    assert_eq!(client.say("GET h").trim_end(), WRONG_TYPE);
}

#[test]
fn counting() {
    check(&[
        ("HINCRBY h n 5", ":5"),
        ("HINCRBY h n -7", ":-2"),
        ("HINCRBY h n x", NOT_AN_INTEGER),
        ("HSET h t text m 9223372036854775807", ":2"),
        ("HINCRBY h t 1", "-ERR hash value is not an integer"),
        ("HINCRBY h m 1", "-ERR increment or decrement would overflow"),
        ("HINCRBYFLOAT h f 0.1", "$3|0.1"),
        ("HINCRBYFLOAT h f 0.2", "$3|0.3"),
        ("HINCRBYFLOAT h n 0.5", "$4|-1.5"),
        ("HINCRBY h n 1", "-ERR hash value is not an integer"),
        ("HINCRBYFLOAT h t 1", "-ERR hash value is not a float"),
        ("HINCRBYFLOAT h f x", "-ERR value is not a valid float"),
        ("HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity"),
        ("HSET h i inf", ":1"),
        ("HINCRBYFLOAT h i 1", "-ERR increment would produce NaN or Infinity"),
    ]);
    check_effects(&[
        ("HINCRBY h n 5", "0: HINCRBY h n 5"),
        ("HINCRBYFLOAT h f 0.5", "0: HSET h f 0.5"),
        ("HEXPIRE h 10 FIELDS 1 f", "0: HPEXPIREAT h 1700000010000 FIELDS 1 f"),
        ("HINCRBYFLOAT h f 0.5", "0: HSETEX h KEEPTTL FIELDS 1 f 1"),
        ("HINCRBY h n x", ""),
    ]);
}

#[test]
fn by_chance() {
    check(&[
        ("HRANDFIELD none", "$-1"),
        ("HRANDFIELD none 3", "*0"),
        ("HSET h a 1", ":1"),
        ("HRANDFIELD h", "$1|a"),
        ("HRANDFIELD h 0", "*0"),
        ("HRANDFIELD h 5", "*1|$1|a"),
        ("HRANDFIELD h -2", "*2|$1|a|$1|a"),
        ("HRANDFIELD h -2 WITHVALUES", "*4|$1|a|$1|1|$1|a|$1|1"),
        ("HRANDFIELD h x", NOT_AN_INTEGER),
        ("HRANDFIELD h 1 FOO", SYNTAX),
        ("HRANDFIELD h 1 WITHVALUES FOO", SYNTAX),
        (
            "HRANDFIELD h -9223372036854775808",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
        ("HRANDFIELD h 9223372036854775807 WITHVALUES", "-ERR value is out of range"),
        ("HRANDFIELD h 9223372036854775807", "*1|$1|a"),
        ("HRANDFIELD h -9223372036854775807", "-ERR value is out of range"),
        ("HRANDFIELD h -100000000", "-ERR value is out of range"),
    ]);
}

/// The words of an array of bulks.
fn bulks(reply: &str) -> Vec<&str> {
    reply.split("\r\n").skip(2).step_by(2).collect()
}

#[test]
fn distinct_fields_are_distinct_in_every_form() {
    for size in [10, 2000] {
        let mut client = TestClient::new();
        for field in 0..size {
            client.say(&format!("HSET h {field} x"));
        }
        for count in [1, 2, size / 4, size / 2, size - 1, size, size + 1] {
            let reply = client.say(&format!("HRANDFIELD h {count}"));
            let mut fields = bulks(&reply);
            fields.sort_unstable();
            fields.dedup();
            assert_eq!(fields.len(), count.min(size), "{count} of {size}");
        }
        assert_eq!(bulks(&client.say("HRANDFIELD h -50 WITHVALUES")).len(), 100);
    }
}

#[test]
fn forms_change_when_redis_changes_them() {
    let mut client = TestClient::configured("hash-max-listpack-entries 4\nhash-max-listpack-value 8\n");
    let mut encoding = |line: &str| {
        client.say(line);
        client.say("OBJECT ENCODING h").split("\r\n").nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(encoding("HSET h a 1 b 2 c 3 d 12345678"), "listpack");
    assert_eq!(encoding("HSET h a 2"), "listpack");
    assert_eq!(encoding("HSET h e 5"), "hashtable");
    assert_eq!(encoding("HDEL h a b c d"), "hashtable");
    assert_eq!(encoding("HDEL h e"), "");
    assert_eq!(encoding("HSET h a 123456789"), "hashtable");
    encoding("DEL h");
    assert_eq!(encoding("HSET h 123456789 a"), "hashtable");
    encoding("DEL h");
    assert_eq!(encoding("HINCRBY h a 123456789"), "hashtable");
    encoding("DEL h");
    assert_eq!(encoding("HSET h a 1 b 2"), "listpack");
    assert_eq!(encoding("HSETNX h a 123456789"), "listpack");
    assert_eq!(encoding("HPEXPIRE h 100 FIELDS 1 none"), "listpack");
    assert_eq!(encoding("HPEXPIRE h 100 FIELDS 1 a"), "listpackex");
    assert_eq!(encoding("HPERSIST h FIELDS 1 a"), "listpackex");
    assert_eq!(encoding("HSET h c 3 d 4"), "listpackex");
    assert_eq!(encoding("HSET h e 5"), "hashtable");
}

#[test]
fn scanning() {
    check(&[
        ("HSCAN none 0", "*2|$1|0|*0"),
        ("HSCAN none 0 FOO", "*2|$1|0|*0"),
        ("HSCAN none x", "-ERR invalid cursor"),
        ("HSET h a 1 bb 2", ":2"),
        ("HSCAN h 0", "*2|$1|0|*4|$1|a|$1|1|$2|bb|$1|2"),
        ("HSCAN h 0 MATCH b* COUNT 1", "*2|$1|0|*2|$2|bb|$1|2"),
        ("HSCAN h 0 NOVALUES", "*2|$1|0|*2|$1|a|$2|bb"),
        ("HSCAN h 0 COUNT 0", SYNTAX),
        ("HSCAN h 0 COUNT x", NOT_AN_INTEGER),
        ("HSCAN h 0 MATCH", SYNTAX),
        ("HSCAN h 0 TYPE hash", SYNTAX),
    ]);
    let mut client = TestClient::new();
    for field in 0..3000 {
        client.say(&format!("HSET h {field} x"));
    }
    let (mut cursor, mut seen, mut calls) = ("0".to_owned(), std::collections::BTreeSet::new(), 0);
    loop {
        let reply = client.say(&format!("HSCAN h {cursor} COUNT 100 NOVALUES"));
        let mut lines = reply.split("\r\n").skip(2);
        lines.next().unwrap_or_default().clone_into(&mut cursor);
        seen.extend(lines.skip(2).step_by(2).map(str::to_owned));
        calls += 1;
        if cursor == "0" {
            break;
        }
    }
    seen.remove("");
    assert_eq!(seen.len(), 3000);
    assert!((15..=31).contains(&calls), "{calls} calls");
}

#[test]
fn times_to_live() {
    check(&[
        ("HSET h a 1 b 2 c 3", ":3"),
        ("HEXPIRE h 10 FIELDS 2 a none", "*2|:1|:-2"),
        ("HEXPIRE none 10 FIELDS 2 a b", "*2|:-2|:-2"),
        ("HTTL h FIELDS 3 a b none", "*3|:10|:-1|:-2"),
        ("HPTTL h FIELDS 1 a", "*1|:10000"),
        ("HEXPIRETIME h FIELDS 1 a", "*1|:1700000010"),
        ("HPEXPIRETIME h FIELDS 1 a", "*1|:1700000010000"),
        ("HTTL none FIELDS 1 a", "*1|:-2"),
        ("HPEXPIRE h 20000 NX FIELDS 2 a b", "*2|:0|:1"),
        ("HPEXPIRE h 30000 XX FIELDS 2 a c", "*2|:1|:0"),
        ("HPEXPIRE h 20000 GT FIELDS 3 a b c", "*3|:0|:0|:0"),
        ("HPEXPIRE h 25000 lt FIELDS 3 a b c", "*3|:1|:0|:1"),
        ("HPEXPIREAT h 1700000005000 FIELDS 1 a", "*1|:1"),
        ("HEXPIREAT h 1700000005 FIELDS 1 a", "*1|:1"),
        ("HPTTL h FIELDS 3 a b c", "*3|:5000|:20000|:25000"),
        ("HPERSIST h FIELDS 3 a none b", "*3|:1|:-2|:1"),
        ("HPERSIST h FIELDS 1 a", "*1|:-1"),
        ("HPERSIST none FIELDS 1 a", "*1|:-2"),
        ("HEXPIRE h 0 FIELDS 1 a", "*1|:2"),
        ("HEXPIREAT h 1 FIELDS 2 a b", "*2|:-2|:2"),
        ("HGETALL h", "*2|$1|c|$1|3"),
        ("HSET h c 4", ":0"),
        ("HTTL h FIELDS 1 c", "*1|:-1"),
        ("HEXPIRE h 10 FIELDS 1 c", "*1|:1"),
        ("HINCRBY h c 1", ":5"),
        ("HTTL h FIELDS 1 c", "*1|:10"),
        ("HPEXPIRE h 0 FIELDS 1 c", "*1|:2"),
        ("EXISTS h", ":0"),
    ]);
    let missing = "-ERR Mandatory argument FIELDS is missing or not at the right position";
    let mismatch = "-ERR The `numfields` parameter must match the number of arguments";
    check(&[
        ("HSET h a 1", ":1"),
        ("HEXPIRE h 10 FIELD 1 a", missing),
        ("HEXPIRE h 10 NX XX FIELDS 1 a", missing),
        ("HEXPIRE h 10 FIELDS 0 a", "-ERR Parameter `numFields` should be greater than 0"),
        ("HEXPIRE h 10 FIELDS x a", "-ERR Parameter `numFields` should be greater than 0"),
        ("HEXPIRE h 10 FIELDS 2 a", mismatch),
        ("HEXPIRE h x FIELDS 1 a", NOT_AN_INTEGER),
        ("HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0"),
        ("HEXPIRE h 9223372036854775807 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command"),
        ("HPEXPIREAT h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in 'hpexpireat' command"),
        ("HPEXPIREAT h 70368744177663 FIELDS 1 a", "*1|:1"),
        ("HTTL h FIELD 1 a", missing),
        ("HTTL h FIELDS 0 a", "-ERR Number of fields must be a positive integer"),
        ("HTTL h FIELDS 2 a", mismatch),
        ("HPERSIST h FIELDS 2 a", mismatch),
        ("HGETDEL h FIELDS 2 a", mismatch),
        ("HGETEX h EX 10 FIELDS 2 a", mismatch),
        ("HGETEX h EX FIELDS 1 a", NOT_AN_INTEGER),
        ("HEXPIRE h 10 FIELDS 1", "-ERR wrong number of arguments for 'hexpire' command"),
    ]);
}

#[test]
fn reading_and_storing_with_times() {
    check(&[
        ("HSETEX h EX 10 FIELDS 2 a 1 b 2", ":1"),
        ("HTTL h FIELDS 2 a b", "*2|:10|:10"),
        ("HSETEX h KEEPTTL FIELDS 1 a 2", ":1"),
        ("HTTL h FIELDS 1 a", "*1|:10"),
        ("HSETEX h FIELDS 1 a 3", ":1"),
        ("HTTL h FIELDS 1 a", "*1|:-1"),
        ("HSETEX h FNX FIELDS 2 a 4 c 4", ":0"),
        ("HSETEX h FXX FIELDS 2 a 4 c 4", ":0"),
        ("HSETEX none FXX FIELDS 1 a 4", ":0"),
        ("HSETEX h fnx px 500 fields 1 c 4", ":1"),
        ("HSETEX h EXAT 1700000007 FXX FIELDS 1 c 5", ":1"),
        ("HGETEX h FIELDS 3 a none c", "*3|$1|3|$-1|$1|5"),
        ("HGETEX h PX 900 FIELDS 2 a none", "*2|$1|3|$-1"),
        ("HPTTL h FIELDS 2 a c", "*2|:900|:7000"),
        ("HGETEX h PERSIST FIELDS 2 a c", "*2|$1|3|$1|5"),
        ("HTTL h FIELDS 2 a c", "*2|:-1|:-1"),
        ("HGETEX none EX 1 FIELDS 1 a", "*1|$-1"),
        ("HGETEX h PXAT 5 FIELDS 1 a", "*1|$1|3"),
        ("HGETDEL h FIELDS 3 a b b", "*3|$-1|$1|2|$-1"),
        ("HGETDEL none FIELDS 1 a", "*1|$-1"),
        ("HGETDEL h FIELDS 1 c", "*1|$1|5"),
        ("EXISTS h", ":0"),
        ("HSETEX h PXAT 5 FIELDS 1 a 1", ":1"),
        ("EXISTS h", ":0"),
        ("HSETEX h FNX FXX FIELDS 1 a 1", "-ERR Only one of FXX or FNX arguments can be specified"),
        (
            "HSETEX h EX 1 KEEPTTL FIELDS 1 a 1",
            "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
        ),
        ("HSETEX h EX -1 FIELDS 1 a 1", "-ERR invalid expire time, must be >= 0"),
        ("HSETEX h WHAT FIELDS 1 a 1", "-ERR unknown argument: WHAT"),
        ("HSETEX h FIELDS 2 a 1", "-ERR wrong number of arguments for 'hsetex' command"),
        ("HSETEX h FIELDS 0 a 1", "-ERR invalid number of fields"),
        (
            "HSETEX h FNX EX 1 PXAT",
            "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
        ),
    ]);
}

#[test]
fn effects_say_when_and_not_how_long() {
    check_effects(&[
        ("HSET h a 1 b 2 c 3", "0: HSET h a 1 b 2 c 3"),
        ("HSETNX h a 1", ""),
        ("HEXPIRE h 10 FIELDS 3 a none b", "0: HPEXPIREAT h 1700000010000 FIELDS 2 a b"),
        ("HEXPIRE h 10 NX FIELDS 1 a", ""),
        ("HPEXPIRE h 0 FIELDS 2 a none", "0: HDEL h a"),
        ("HPERSIST h FIELDS 2 b c", "0: HPERSIST h FIELDS 1 b"),
        ("HGETEX h EX 1 FIELDS 2 b none", "0: HPEXPIREAT h 1700000001000 FIELDS 1 b"),
        ("HGETEX h PERSIST FIELDS 2 b c", "0: HPERSIST h FIELDS 1 b"),
        ("HGETEX h FIELDS 1 b", ""),
        ("HSETEX h FXX EX 1 FIELDS 1 b 5", "0: HSETEX h PXAT 1700000001000 FIELDS 1 b 5"),
        ("HSETEX h KEEPTTL FIELDS 1 b 5", "0: HSETEX h KEEPTTL FIELDS 1 b 5"),
        ("HSETEX h PXAT 1 FIELDS 1 c 5", "0: HDEL h c"),
        ("COPY h g", "0: DEL g; 0: HSET g b 5; 0: HPEXPIREAT g 1700000001000 FIELDS 1 b"),
        ("HGETDEL h FIELDS 2 none b", "0: HDEL h b"),
        ("EXPIRE g 5", "0: PEXPIREAT g 1700000005000"),
        (
            "RENAME g h",
            "0: DEL g; 0: DEL h; 0: HSET h b 5; 0: HPEXPIREAT h 1700000001000 FIELDS 1 b; \
             0: PEXPIREAT h 1700000005000",
        ),
    ]);
}

#[test]
fn events() {
    let mut client = TestClient::new();
    let mut events = |line: &str| {
        client.say(line);
        client.events().iter().map(|event| event[3..].to_owned()).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(events("HSET h a 1 b 2"), "new h, hset h");
    assert_eq!(events("HSETNX h c 1"), "hset h");
    assert_eq!(events("HINCRBY h c 1"), "hincrby h");
    assert_eq!(events("HINCRBYFLOAT h c 1"), "hincrbyfloat h");
    assert_eq!(events("HEXPIRE h 1 FIELDS 1 a"), "hexpire h");
    assert_eq!(events("HPERSIST h FIELDS 1 a"), "hpersist h");
    assert_eq!(events("HEXPIRE h 0 FIELDS 1 a"), "hdel h");
    assert_eq!(events("HSETEX h EX 1 FIELDS 1 a 1"), "hset h, hexpire h");
    assert_eq!(events("HGETEX h PERSIST FIELDS 1 a"), "hpersist h");
    assert_eq!(events("HSETEX h PXAT 1 FIELDS 1 a 1"), "hset h, hdel h");
    assert_eq!(events("HDEL h none"), "");
    assert_eq!(events("HGETDEL h FIELDS 1 b"), "hdel h");
    assert_eq!(events("HDEL h c"), "hdel h, del h");
}

/// Deletes what is due, as the clockwork does.
fn tick(client: &TestClient) {
    for shard in 0..SHARD_COUNT {
        while expire_due(&client.server, &mut EffectBuffer::default(), shard, client.now) {}
    }
}

#[test]
fn fields_expire_on_time_not_on_touch_alone() {
    for size in [3, 1000] {
        let mut client = TestClient::new();
        for field in 0..size {
            client.say(&format!("HSET h {field} x"));
        }
        client.say("HPEXPIRE h 50 FIELDS 2 0 1");
        for field in 2..size {
            client.say(&format!("HPEXPIRE h 60 FIELDS 1 {field}"));
        }
        client.say("RENAME h g");
        client.say("COPY g h");
        client.say("DEL h");
        client.pass(50);
        tick(&client);
        assert_eq!(client.say(&format!("HLEN {}", "g")), format!(":{size}\r\n"));
        client.effects();
        client.events();
        client.pass(1);
        tick(&client);
        let effects = client.effects();
        assert!(effects == ["0: HDEL g 0 1"] || effects == ["0: HDEL g 1 0"], "{effects:?}");
        assert_eq!(client.events(), ["0: hexpired g"]);
        assert_eq!(client.say("HLEN g"), format!(":{}\r\n", size - 2));
        client.pass(10);
        tick(&client);
        assert_eq!(client.events().last().map(String::as_str), Some("0: del g"));
        let effects = client.effects();
        assert_eq!(effects, ["0: DEL g"], "it goes as a whole");
        assert_eq!(client.say("DBSIZE"), ":0\r\n");
        tick(&client);
        assert_eq!((client.effects(), client.events()), (vec![], vec![]));
    }
}

#[test]
fn expired_fields_are_never_seen() {
    for size in [3, 1000] {
        let mut client = TestClient::new();
        for field in 0..size {
            client.say(&format!("HSET h {field} x"));
        }
        for field in 0..size - 1 {
            client.say(&format!("HPEXPIRE h 50 FIELDS 1 {field}"));
        }
        client.pass(51);
        client.effects();
        let last = size - 1;
        let bulk = format!("${}\r\n{last}\r\n", last.to_string().len());
        assert_eq!(client.say("HLEN h"), ":1\r\n");
        assert_eq!(client.say("HKEYS h"), format!("*1\r\n{bulk}"));
        assert_eq!(client.say("HGET h 0"), "$-1\r\n");
        assert_eq!(client.say("HRANDFIELD h"), bulk);
        assert_eq!(client.say("HRANDFIELD h -1"), format!("*1\r\n{bulk}"));
        assert_eq!(client.say("HRANDFIELD h 5"), format!("*1\r\n{bulk}"));
        assert_eq!(client.say("HEXISTS h 1"), ":0\r\n");
        assert_eq!(client.say("HTTL h FIELDS 1 1"), "*1\r\n:-2\r\n");
        assert_eq!(client.say("HSETNX h 1 y"), ":1\r\n");
        assert_eq!(client.say("HLEN h"), ":2\r\n");
        let words: usize = client.effects().iter().filter(|effect| effect.contains("HDEL")).count();
        assert!(words >= 1);
        client.say(&format!("HPEXPIRE h 1 FIELDS 2 1 {last}"));
        client.pass(2);
        client.events();
        assert_eq!(client.say("EXISTS h"), ":0\r\n");
        assert_eq!(client.events(), ["0: hexpired h", "0: del h"]);
        assert_eq!(client.say("DBSIZE"), ":0\r\n");
    }
}

#[test]
fn no_command_deletes_many_expired_fields_at_once() {
    let mut client = TestClient::new();
    for field in 0..1000 {
        client.say(&format!("HSETEX h PX 50 FIELDS 1 {field} 7"));
    }
    client.say("HSET h stays x");
    client.pass(51);
    client.effects();
    assert_eq!(client.say("HSET h new 1"), ":1\r\n");
    let words: usize = client.effects().iter().map(|effect| effect.split(' ').count()).sum();
    assert!(words < 20, "{words}");
    for (request, reply) in [
        ("HLEN h", ":2"),
        ("HSETNX h 1 one", ":1"),
        ("HINCRBY h 2 1", ":1"),
        ("HINCRBYFLOAT h 3 0.5", "$3|0.5"),
        ("HDEL h 4", ":0"),
        ("HPERSIST h FIELDS 1 5", "*1|:-2"),
        ("HPEXPIRE h 1000 FIELDS 1 6", "*1|:-2"),
        ("HGETDEL h FIELDS 1 7", "*1|$-1"),
        ("HGETEX h PERSIST FIELDS 1 8", "*1|$-1"),
        ("HSETEX h FXX KEEPTTL FIELDS 1 9 x", ":0"),
        ("HSETEX h FNX KEEPTTL FIELDS 1 10 x", ":1"),
        ("HTTL h FIELDS 2 10 11", "*2|:-1|:-2"),
        ("HDEL h stays new 1 2 3", ":5"),
        ("HKEYS h", "*1|$2|10"),
        ("HDEL h 10", ":1"),
        ("EXISTS h", ":0"),
        ("DBSIZE", ":0"),
    ] {
        assert_eq!(client.say(request).trim_end().replace("\r\n", "|"), reply, "{request}");
    }
    // What the log tells leaves nothing behind that was hidden.
    assert_eq!(client.effects().last().map(String::as_str), Some("0: DEL h"));
}

#[test]
fn a_hash_that_has_expired_field_by_field_is_passed_over() {
    for size in [3, 1000] {
        let mut client = TestClient::new();
        for field in 0..size {
            client.say(&format!("HSETEX h PX 50 FIELDS 1 {field} 7"));
        }
        client.pass(51);
        assert_eq!(client.say("KEYS *"), "*0\r\n");
        assert_eq!(client.say("DBSIZE"), ":1\r\n", "as in Redis, until it is deleted");
        assert_eq!(client.say("SCAN 0"), "*2\r\n$1\r\n0\r\n*0\r\n");
        assert_eq!(client.say("DBSIZE"), ":0\r\n");
    }
}

#[test]
fn a_pause_hides_what_has_expired_and_keeps_it() {
    for size in [3, 1000] {
        let mut client = TestClient::new();
        for field in 0..size {
            client.say(&format!("HSETEX h PX 50 FIELDS 1 {field} x"));
        }
        client.say("HSET h stays 1");
        client.say("HSETEX g PX 50 FIELDS 1 a x");
        client.say("CLIENT PAUSE 100000 WRITE");
        client.pass(51);
        client.effects();
        tick(&client);
        assert_eq!(client.say("HGETALL h"), "*2\r\n$5\r\nstays\r\n$1\r\n1\r\n");
        assert_eq!(client.say("HLEN h"), ":1\r\n");
        assert_eq!(client.say("HRANDFIELD h -1"), "*1\r\n$5\r\nstays\r\n");
        assert_eq!(client.say("EXISTS g"), ":0\r\n");
        assert_eq!(client.effects(), [""; 0]);
        client.say("CLIENT UNPAUSE");
        tick(&client);
        assert!(client.effects().len() > 1);
        assert_eq!(client.say("DBSIZE"), ":1\r\n");
    }
}

fn some_request() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["a", "b", "c"]);
    let field = prop_oneof![(0..6u8).prop_map(|n| n.to_string()), Just("long-long-field".to_owned())];
    let name = prop::sample::select(vec![
        "HSET",
        "HSET2",
        "HSETNX",
        "HDEL",
        "HINCRBY",
        "HINCRBYFLOAT",
        "HPEXPIRE",
        "HPEXPIREGT",
        "HPERSIST",
        "HGETEX",
        "HGETEXP",
        "HSETEX",
        "HSETKEEP",
        "HGETDEL",
        "HGETALL",
        "RENAME",
        "COPY",
        "PEXPIRE",
        "DEL",
        "HSCAN",
    ]);
    let value = prop_oneof![(-3..40i64).prop_map(|n| n.to_string()), Just("some-longer-value".to_owned())];
    (name, key.clone(), key, field.clone(), field, value, 0..60i64).prop_map(
        |(name, key, other, field, second, value, ms)| match name {
            "HSET2" => format!("HSET {key} {field} {value} {second} {ms}"),
            "HDEL" => format!("HDEL {key} {field} {second}"),
            "HPEXPIRE" => format!("HPEXPIRE {key} {ms} FIELDS 2 {field} {second}"),
            "HPEXPIREGT" => format!("HPEXPIRE {key} {ms} GT FIELDS 1 {field}"),
            "HPERSIST" | "HGETDEL" => format!("{name} {key} FIELDS 1 {field}"),
            "HGETEX" => format!("HGETEX {key} PX {ms} FIELDS 2 {field} {second}"),
            "HGETEXP" => format!("HGETEX {key} PERSIST FIELDS 1 {field}"),
            "HSETEX" => format!("HSETEX {key} PX {ms} FIELDS 2 {field} {value} {second} {value}"),
            "HSETKEEP" => format!("HSETEX {key} FNX KEEPTTL FIELDS 1 {field} {value}"),
            "HGETALL" | "DEL" => format!("{name} {key}"),
            "RENAME" => format!("RENAME {key} {other}"),
            "COPY" => format!("COPY {key} {other} REPLACE"),
            "PEXPIRE" => format!("PEXPIRE {key} {ms}"),
            "HSCAN" => format!("HSCAN {key} 0"),
            _ => format!("{name} {key} {field} {value}"),
        },
    )
}

proptest! {
    #[test]
    fn replaying_the_effects_gives_the_same_hashes(
        requests in prop::collection::vec((some_request(), 0i64..30, any::<bool>()), 1..80),
    ) {
        let config = "enable-debug-command yes\nhash-max-listpack-entries 4\nhash-max-listpack-value 16\n";
        let (mut client, mut replica) = (TestClient::configured(config), TestClient::configured(config));
        let count = requests.len();
        for (index, (request, ms, ticks)) in requests.into_iter().enumerate() {
            let is_last = index + 1 == count;
            client.pass(ms);
            if ticks {
                tick(&client);
            }
            client.say(&request);
            if is_last {
                // What is gone but not yet deleted only the client knows of.
                tick(&client);
            }
            // The replica's clock stands still: no effect may depend on the time at which it is applied.
            for effect in client.effects() {
                let (_, effect) = effect.split_once(": ").expect("a database and an effect");
                let reply = replica.say(effect);
                prop_assert!(!reply.starts_with('-'), "{} answered {}", effect, reply);
            }
        }
        prop_assert_eq!(replica.say("DEBUG DIGEST"), client.say("DEBUG DIGEST"));
        replica.now = client.now;
        for key in ["a", "b", "c"] {
            let question = format!("HPEXPIRETIME {key} FIELDS 7 0 1 2 3 4 5 long-long-field");
            prop_assert_eq!(replica.say(&question), client.say(&question));
            let question = format!("PEXPIRETIME {key}");
            prop_assert_eq!(replica.say(&question), client.say(&question));
        }
    }
}
