//! Exchanges and the effects they log. Replies were compared with redis-server 7.0.15; those of the forms that it
//! doesn't know follow the documentation of Redis 8.4 and Valkey 9.

use crate::command::testing::{TestClient, check, check_effects};
use crate::keyspace::door::Access;
use crate::keyspace::event::EventClass;
use crate::keyspace::{AccessClock, EffectBuffer, Keys, Position};
use crate::resp::Args;
use dunlin_structures::Entry;
use dunlin_structures::entry::{Kind, Payload};
use proptest::prelude::*;

const WRONG_INTEGER: &str = "-ERR value is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";

#[test]
fn set_and_its_conditions() {
    check(&[
        ("SET k v1", "+OK"),
        ("GET k", "$2|v1"),
        ("SET k v2 NX", "$-1"),
        ("SET k v2 XX", "+OK"),
        ("SET new v XX", "$-1"),
        ("SET new v nx", "+OK"),
        ("SET k v3 GET", "$2|v2"),
        ("SET gone v GET", "$-1"),
        ("SET k v4 NX GET", "$2|v3"),
        ("GET k", "$2|v3"),
        ("SET k v NX XX", SYNTAX),
        ("SET k v NX NX", "$-1"),
        ("SET k v EX", SYNTAX),
        ("SET k v what", SYNTAX),
        ("SET k", "-ERR wrong number of arguments for 'set' command"),
        ("SETNX k v", ":0"),
        ("SETNX fresh v", ":1"),
        ("GETSET k 5", "$2|v3"),
        ("GETSET unknown 5", "$-1"),
        ("GET unknown", "$1|5"),
    ]);
}

#[test]
fn set_with_a_lifetime() {
    let invalid = "-ERR invalid expire time in 'set' command";
    check(&[
        ("SET k v EX 0", invalid),
        ("SET k v PX -1", invalid),
        ("SET k v EX 9223372036854775807", invalid),
        ("SET k v PX 9223372036854775807", invalid),
        ("SET k v EX 1.5", WRONG_INTEGER),
        ("SET k v EX 10 PX 10", SYNTAX),
        ("SET k v EX 10 KEEPTTL", SYNTAX),
        ("SET k v KEEPTTL EX 10", SYNTAX),
        ("SET k v PERSIST", SYNTAX),
        ("SET k v EX x NX XX", SYNTAX),
        ("SET k v EX 10 EX 20", "+OK"),
        ("SETEX k 0 v", "-ERR invalid expire time in 'setex' command"),
        ("PSETEX k 0 v", "-ERR invalid expire time in 'psetex' command"),
        ("SETEX k ten v", WRONG_INTEGER),
        ("SETEX k 10 v", "+OK"),
        ("PSETEX k 10 v", "+OK"),
        ("SET past v PXAT 1", "+OK"),
        ("GET past", "$-1"),
    ]);
    check_effects(&[
        ("SET k v", "0: SET k v"),
        ("SET k v EX 10", "0: SET k v PXAT 1700000010000"),
        ("SET k v PX 10 XX GET", "0: SET k v PXAT 1700000000010"),
        ("SET k v EXAT 1800000000", "0: SET k v PXAT 1800000000000"),
        ("SET k v PXAT 1800000000001", "0: SET k v PXAT 1800000000001"),
        ("SET k w KEEPTTL", "0: SET k w KEEPTTL"),
        ("SET k v NX", ""),
        ("SET k v XX", "0: SET k v"),
        ("SETEX k 1 v", "0: SET k v PXAT 1700000001000"),
        ("PSETEX k 1 v", "0: SET k v PXAT 1700000000001"),
        ("SETNX k v", ""),
        ("SETNX n v", "0: SET n v"),
        ("GETSET n w", "0: SET n w"),
    ]);
}

#[test]
fn a_lifetime_ends_and_is_kept_or_cleared() {
    let mut client = TestClient::new();
    client.say("SET kept v PX 100");
    client.say("SET kept w KEEPTTL");
    client.say("SET cleared v PX 100");
    client.say("SET cleared w");
    client.say("SET counted 1 PX 100");
    client.say("INCR counted");
    client.say("INCRBYFLOAT counted 0.5");
    client.effects();
    client.pass(101);
    assert_eq!(client.say("MGET kept cleared counted"), "*3\r\n$-1\r\n$1\r\nw\r\n$-1\r\n");
    assert_eq!(client.effects(), ["0: DEL kept", "0: DEL counted"]);
}

#[test]
fn compare_and_set() {
    check(&[
        ("SET k old", "+OK"),
        ("SET k new IFEQ other", "$-1"),
        ("SET k new ifeq old", "+OK"),
        ("SET k newer IFNE new", "$-1"),
        ("SET k newer IFNE old GET", "$3|new"),
        ("SET k newest IFEQ old GET", "$5|newer"),
        ("GET k", "$5|newer"),
        ("SET missing v IFEQ v", "$-1"),
        ("SET missing v IFDEQ 0123456789abcdef", "$-1"),
        ("SET missing v IFNE v", "+OK"),
        ("SET n 10", "+OK"),
        ("SET n 11 IFEQ 10", "+OK"),
        ("SET n 12 IFEQ 011", "$-1"),
        ("SET h hello", "+OK"),
        ("DIGEST h", "$16|9555e8555c62dcfd"),
        ("DIGEST none", "$-1"),
        ("SET h world IFDNE 9555e8555c62dcfd", "$-1"),
        ("SET h world IFDEQ 9555E8555C62DCFD", "+OK"),
        ("SET h x IFDNE 9555e8555c62dcfd", "+OK"),
        ("SET h y IFDEQ abc", "-ERR digest must be exactly 16 hexadecimal characters"),
        ("SET k v IFEQ", SYNTAX),
        ("SET k v IFEQ a NX", SYNTAX),
        ("SET k v XX IFEQ a", SYNTAX),
        ("SET k v IFEQ a IFNE b", SYNTAX),
    ]);
    check_effects(&[
        ("SET k a", "0: SET k a"),
        ("SET k b IFEQ a EX 1", "0: SET k b PXAT 1700000001000"),
        ("SET k c IFEQ a", ""),
    ]);
}

#[test]
fn compare_and_delete() {
    check(&[
        ("SET k v", "+OK"),
        ("DELIFEQ k w", ":0"),
        ("DELIFEQ k v", ":1"),
        ("DELIFEQ k v", ":0"),
        ("DELEX k", ":0"),
        ("SET k v", "+OK"),
        ("DELEX k", ":1"),
        ("SET k hello", "+OK"),
        ("DELEX k IFEQ hell", ":0"),
        ("DELEX k IFNE hello", ":0"),
        ("DELEX k IFDEQ 0000000000000000", ":0"),
        ("DELEX k IFDNE 9555e8555c62dcfd", ":0"),
        ("DELEX k IFDEQ 9555e8555c62dcfd", ":1"),
        ("DELEX k WHAT v", ":0"),
        ("SET k hello", "+OK"),
        ("DELEX k WHAT v", "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"),
        ("DELEX k IFEQ", "-ERR wrong number of arguments for 'delex' command"),
        ("DELEX k IFEQ a b", "-ERR wrong number of arguments for 'delex' command"),
        ("DELEX k IFNE v", ":1"),
    ]);
    check_effects(&[
        ("SET k v", "0: SET k v"),
        ("DELEX k IFEQ w", ""),
        ("DELEX k IFEQ v", "0: DEL k"),
        ("SET k v", "0: SET k v"),
        ("DELIFEQ k v", "0: DEL k"),
    ]);
}

#[test]
fn reads_that_change() {
    check(&[
        ("GETDEL k", "$-1"),
        ("SET k v", "+OK"),
        ("GETDEL k", "$1|v"),
        ("GET k", "$-1"),
        ("GETEX k", "$-1"),
        ("GETEX k EX 10 PERSIST", SYNTAX),
        ("GETEX k PERSIST EX 10", SYNTAX),
        ("GETEX k KEEPTTL", SYNTAX),
        ("GETEX k NX", SYNTAX),
        ("GETEX k EX 0", "$-1"),
        ("SET k v", "+OK"),
        ("GETEX k EX 0", "-ERR invalid expire time in 'getex' command"),
        ("GETEX k EX a", WRONG_INTEGER),
        ("GETEX", "-ERR wrong number of arguments for 'getex' command"),
    ]);
    check_effects(&[
        ("SET k v", "0: SET k v"),
        ("GETEX k", ""),
        ("GETEX k PERSIST", ""),
        ("GETEX k EX 10", "0: PEXPIREAT k 1700000010000"),
        ("GETEX k PXAT 1800000000000", "0: PEXPIREAT k 1800000000000"),
        ("GETEX k PERSIST", "0: PERSIST k"),
        ("GETEX k EXAT 1", "0: DEL k"),
        ("SET k v", "0: SET k v"),
        ("GETDEL k", "0: DEL k"),
        ("GETDEL k", ""),
    ]);
}

#[test]
fn several_at_once() {
    check(&[
        ("MSET a 1 b 2 a 3", "+OK"),
        ("MGET a b c", "*3|$1|3|$1|2|$-1"),
        ("MSET a", "-ERR wrong number of arguments for 'mset' command"),
        ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"),
        ("MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command"),
        ("MSETNX c 1 a 2", ":0"),
        ("GET c", "$-1"),
        ("MSETNX c 1 d 2 c 3", ":1"),
        ("MGET c d", "*2|$1|3|$1|2"),
    ]);
    check_effects(&[
        ("MSET a 1 b 2", "0: SET a 1; 0: SET b 2"),
        ("MSETNX a 1 c 2", ""),
        ("MSETNX c 1 d 2", "0: SET c 1; 0: SET d 2"),
    ]);
}

#[test]
fn counters() {
    let overflow = "-ERR increment or decrement would overflow";
    check(&[
        ("INCR n", ":1"),
        ("INCRBY n 41", ":42"),
        ("DECR n", ":41"),
        ("DECRBY n 40", ":1"),
        ("DECRBY n -9", ":10"),
        ("GET n", "$2|10"),
        ("INCRBY n 1.5", WRONG_INTEGER),
        ("INCRBY n +1", WRONG_INTEGER),
        ("SET n 9223372036854775807", "+OK"),
        ("INCR n", overflow),
        ("INCRBY n -1", ":9223372036854775806"),
        ("SET n -9223372036854775808", "+OK"),
        ("DECR n", overflow),
        ("DECRBY n -9223372036854775808", "-ERR decrement would overflow"),
        ("SET s abc", "+OK"),
        ("INCR s", WRONG_INTEGER),
        ("SET s 010", "+OK"),
        ("INCR s", WRONG_INTEGER),
        ("INCR s s", "-ERR wrong number of arguments for 'incr' command"),
        ("SET raw 1", "+OK"),
        ("APPEND raw 2", ":2"),
        ("INCR raw", ":13"),
    ]);
    check_effects(&[("INCR n", "0: INCR n"), ("DECRBY n 5", "0: DECRBY n 5"), ("INCRBY n x", "")]);
}

#[test]
fn float_counters() {
    let nan = "-ERR increment would produce NaN or Infinity";
    let invalid = "-ERR value is not a valid float";
    check(&[
        ("INCRBYFLOAT f 0.1", "$3|0.1"),
        ("INCRBYFLOAT f 0.2", "$3|0.3"),
        ("INCRBYFLOAT f 1e3", "$22|1000.29999999999999999"),
        ("INCRBYFLOAT f -1e3", "$19|0.29999999999999999"),
        ("SET f 3", "+OK"),
        ("INCRBYFLOAT f 1.1", "$3|4.1"),
        ("INCRBYFLOAT f abc", invalid),
        ("SET f abc", "+OK"),
        ("INCRBYFLOAT f 1", invalid),
        ("SET f 1", "+OK"),
        ("INCRBYFLOAT f inf", nan),
    ]);
    check_effects(&[
        ("INCRBYFLOAT f 0.1", "0: SET f 0.1 KEEPTTL"),
        ("INCRBYFLOAT f 0.2", "0: SET f 0.3 KEEPTTL"),
    ]);
}

#[test]
fn parts() {
    check(&[
        ("APPEND k Hello", ":5"),
        ("APPEND k World", ":10"),
        ("GETRANGE k 0 4", "$5|Hello"),
        ("GETRANGE k -5 -1", "$5|World"),
        ("GETRANGE k 0 -1", "$10|HelloWorld"),
        ("GETRANGE k 7 3", "$0"),
        ("SUBSTR k 0 0", "$1|H"),
        ("GETRANGE none 0 -1", "$0"),
        ("GETRANGE k a 1", WRONG_INTEGER),
        ("SETRANGE k 5 _____", ":10"),
        ("GET k", "$10|Hello_____"),
        ("SETRANGE k 12 x", ":13"),
        ("GET k", "$13|Hello_____\0\0x"),
        ("SETRANGE k 0 \"\"", ":13"),
        ("SETRANGE none 5 \"\"", ":0"),
        ("STRLEN none", ":0"),
        ("SETRANGE padded 2 x", ":3"),
        ("GET padded", "$3|\0\0x"),
        ("SETRANGE k -1 x", "-ERR offset is out of range"),
        ("SETRANGE k x x", WRONG_INTEGER),
        ("SETRANGE k 536870912 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
        ("SETRANGE k 9223372036854775807 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
        ("STRLEN k", ":13"),
        ("SET n 12345", "+OK"),
        ("STRLEN n", ":5"),
        ("GETRANGE n 1 2", "$2|23"),
        ("SETRANGE n 1 x", ":5"),
        ("GET n", "$5|1x345"),
    ]);
    check_effects(&[
        ("APPEND k a", "0: APPEND k a"),
        ("SETRANGE k 1 b", "0: SETRANGE k 1 b"),
        ("SETRANGE k 1 \"\"", ""),
    ]);
}

#[test]
fn long_strings_leave_whole_and_in_part() {
    let mut client = TestClient::new();
    let long = "0123456789".repeat(10_000);
    client.say(&format!("SET k {long}"));
    assert_eq!(client.say("GET k"), format!("$100000\r\n{long}\r\n"));
    assert_eq!(client.say("GETRANGE k 1 50000"), format!("$50000\r\n{}\r\n", &long[1..50_001]));
    assert_eq!(client.say("APPEND k x"), ":100001\r\n");
    assert_eq!(client.say("GETRANGE k -2 -1"), "$2\r\n9x\r\n");
}

#[test]
fn common_subsequences() {
    check(&[
        ("MSET a ohmytext b mynewtext", "+OK"),
        ("LCS a b", "$6|mytext"),
        ("LCS a b LEN", ":6"),
        ("LCS a b IDX", "*4|$7|matches|*2|*2|*2|:4|:7|*2|:5|:8|*2|*2|:2|:3|*2|:0|:1|$3|len|:6"),
        ("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN", "*4|$7|matches|*1|*3|*2|:4|:7|*2|:5|:8|:4|$3|len|:6"),
        ("LCS a none", "$0"),
        ("LCS a b IDX LEN", "-ERR If you want both the length and indexes, please just use IDX."),
        ("LCS a b MINMATCHLEN", SYNTAX),
        ("LCS a b MINMATCHLEN x", WRONG_INTEGER),
        ("LCS a b WHAT", SYNTAX),
    ]);
}

/// Stands for a list.
#[derive(Debug)]
struct SomeList;

impl Payload for SomeList {
    fn encoding_name(&self) -> &'static str {
        "listpack"
    }

    fn memory_bytes(&self) -> usize {
        0
    }

    fn len(&self) -> usize {
        1
    }

    fn blocks(&self) -> usize {
        1
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        Box::new(Self)
    }
}

/// Stores a value that is no string.
fn plant_list(client: &TestClient, key: &[u8]) {
    let mut effects = EffectBuffer::default();
    let keyspace = &client.server.keyspace;
    let locked = keyspace.lock_one(Position::of(key).shard());
    let access = Access { clock: AccessClock::of_time(0), no_touch: true, keeps_expired: false };
    let request = Args::new(&[], &[]);
    let mut keys = Keys::new(keyspace, locked, &[], 0, client.now, access, request, &mut effects, 0);
    let list = Entry::boxed(key, Kind::List, Box::new(SomeList), None);
    keys.write(key).put(list, EventClass::List, "rpush");
}

#[test]
fn other_types_are_refused_or_overwritten() {
    let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    let mut client = TestClient::new();
    plant_list(&client, b"l");
    for line in [
        "GET l",
        "STRLEN l",
        "DIGEST l",
        "GETDEL l",
        "GETEX l EX 0",
        "GETSET l v",
        "SET l v GET",
        "SET l v IFEQ w",
        "SET l v IFDNE w",
        "DELIFEQ l v",
        "APPEND l v",
        "GETRANGE l 0 1",
        "SUBSTR l 0 1",
        "SETRANGE l 0 v",
        "SETRANGE l 0 \"\"",
        "INCR l",
        "DECR l",
        "INCRBY l 1",
        "DECRBY l 1",
        "INCRBYFLOAT l 1",
    ] {
        assert_eq!(client.say(line), wrong_type, "{line}");
        assert!(client.effects().is_empty(), "{line}");
    }
    for (line, reply) in [
        ("LCS l none WHAT", "-ERR The specified keys must contain string values\r\n"),
        ("DELEX l WHAT v", "-ERR Key should be of string type if conditions are specified\r\n"),
        ("MGET l", "*1\r\n$-1\r\n"),
        ("SETNX l v", ":0\r\n"),
        ("SET l v NX GET", wrong_type),
        ("DELEX l", ":1\r\n"),
    ] {
        assert_eq!(client.say(line), reply, "{line}");
    }
    for overwriting in ["SET l v", "SETEX l 1 v", "MSET l v"] {
        plant_list(&client, b"l");
        client.say(overwriting);
        assert_eq!(client.say("GET l"), "$1\r\nv\r\n", "{overwriting}");
    }
}

/// A request on one of three keys, valid or not.
fn some_request() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(vec!["a", "b", "c"]);
    let value =
        || prop::sample::select(vec!["1", "-7", "0.5", "text", "9223372036854775807", "9555e8555c62dcfd"]);
    let option = prop::sample::select(vec![
        "",
        "NX",
        "XX",
        "GET",
        "KEEPTTL",
        "EX 1",
        "PX 50",
        "EXAT 1800000000",
        "PXAT 1",
        "IFEQ text",
        "IFNE 1",
        "PERSIST",
    ]);
    let verb = prop::sample::select(vec!["INCR", "DECR", "GETDEL", "GET", "DELEX", "STRLEN"]);
    let binary = prop::sample::select(vec![
        "INCRBY",
        "DECRBY",
        "INCRBYFLOAT",
        "APPEND",
        "SETNX",
        "GETSET",
        "DELIFEQ",
        "SETEX",
        "MSET",
    ]);
    prop_oneof![
        (key(), value(), option.clone())
            .prop_map(|(key, value, option)| format!("SET {key} {value} {option}")),
        (key(), option).prop_map(|(key, option)| format!("GETEX {key} {option}")),
        (verb, key()).prop_map(|(verb, key)| format!("{verb} {key}")),
        (binary, key(), value()).prop_map(|(verb, key, value)| format!("{verb} {key} {value}")),
        (key(), value()).prop_map(|(key, value)| format!("SETEX {key} 2 {value}")),
        (key(), 0..9, value()).prop_map(|(key, offset, value)| format!("SETRANGE {key} {offset} {value}")),
        (key(), value(), key(), value()).prop_map(|(a, v, b, w)| format!("MSETNX {a} {v} {b} {w}")),
        (key(), value(), key(), value()).prop_map(|(a, v, b, w)| format!("MSET {a} {v} {b} {w}")),
    ]
}

proptest! {
    #[test]
    fn replaying_the_effects_gives_the_same_values(
        requests in prop::collection::vec((some_request(), 0i64..60), 1..60),
    ) {
        let (mut client, mut replica) = (TestClient::new(), TestClient::new());
        for (request, ms) in requests {
            client.pass(ms);
            client.say(&request);
            // The replica's clock stands still: no effect may depend on the time at which it is applied.
            for effect in client.effects() {
                let (_, effect) = effect.split_once(": ").expect("a database and an effect");
                let reply = replica.say(effect);
                prop_assert!(!reply.starts_with('-'), "{} answered {}", effect, reply);
            }
        }
        replica.now = client.now;
        for question in ["MGET a b c", "PEXPIRETIME a", "PEXPIRETIME b", "PEXPIRETIME c"] {
            prop_assert_eq!(replica.say(question), client.say(question));
        }
    }
}

#[test]
fn a_restart_loads_strings_that_were_allowed_to_be_longer() {
    let mut client = TestClient::new();
    client.say("SETRANGE s 3000000 x");
    client.say("SETBIT b 30000000 1");
    let mut restarted = client.restarted("proto-max-bulk-len 1mb");
    assert_eq!(restarted.say("STRLEN s").trim_end(), ":3000001");
    assert!(restarted.say("SETRANGE s 3000001 x").starts_with("-ERR string exceeds"));
    assert_eq!(client.say("DEBUG DIGEST"), restarted.say("DEBUG DIGEST"));
}
