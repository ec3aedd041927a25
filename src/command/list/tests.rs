//! Exchanges, effects and events. Replies were compared with redis-server 7.0.15, encodings are those of 7.2.

use crate::command::testing::{TestClient, check, check_effects};
use proptest::prelude::*;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const WRONG_INTEGER: &str = "-ERR value is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";

#[test]
fn pushing_and_popping() {
    check(&[
        ("RPUSH l a b c", ":3"),
        ("LPUSH l 1 2", ":5"),
        ("LRANGE l 0 -1", "*5|$1|2|$1|1|$1|a|$1|b|$1|c"),
        ("LPUSHX nothing a", ":0"),
        ("RPUSHX nothing a", ":0"),
        ("EXISTS nothing", ":0"),
        ("RPUSHX l d e", ":7"),
        ("LPUSHX l 3", ":8"),
        ("LLEN l", ":8"),
        ("LPOP l", "$1|3"),
        ("RPOP l 2", "*2|$1|e|$1|d"),
        ("LPOP l 0", "*0"),
        ("LPOP nothing", "$-1"),
        ("LPOP nothing 0", "*-1"),
        ("LPOP l -1", "-ERR value is out of range, must be positive"),
        ("LPOP l x", "-ERR value is out of range, must be positive"),
        ("LPOP l 1 1", "-ERR wrong number of arguments for 'lpop' command"),
        ("LPOP l 100", "*5|$1|2|$1|1|$1|a|$1|b|$1|c"),
        ("EXISTS l", ":0"),
        ("TYPE l", "+none"),
        ("SET s v", "+OK"),
        ("LPUSH s a", WRONG_TYPE),
        ("LPUSHX s a", WRONG_TYPE),
        ("RPOP s", WRONG_TYPE),
        ("LLEN s", WRONG_TYPE),
        ("RPUSH l \"\"", ":1"),
        ("TYPE l", "+list"),
        ("LPOP l", "$0"),
    ]);
}

#[test]
fn popping_from_the_first_list_that_there_is() {
    check(&[
        ("RPUSH l a b c", ":3"),
        ("SET s v", "+OK"),
        ("LMPOP 2 nothing l LEFT", "*2|$1|l|*1|$1|a"),
        ("LMPOP 2 nothing l right count 5", "*2|$1|l|*2|$1|c|$1|b"),
        ("EXISTS l", ":0"),
        ("LMPOP 2 nothing l LEFT", "*-1"),
        ("LMPOP 2 nothing s LEFT", WRONG_TYPE),
        ("LMPOP 0 l LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP x l LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP 2 l LEFT", SYNTAX),
        ("LMPOP 9223372036854775807 l LEFT", SYNTAX),
        ("LMPOP 1 l UP", SYNTAX),
        ("LMPOP 1 l LEFT COUNT", SYNTAX),
        ("LMPOP 1 l LEFT COUNT 0", "-ERR count should be greater than 0"),
        ("LMPOP 1 l LEFT COUNT 1 COUNT 1", SYNTAX),
    ]);
}

#[test]
fn reading_by_index() {
    check(&[
        ("RPUSH l 0 1 2 3", ":4"),
        ("LINDEX l 0", "$1|0"),
        ("LINDEX l -1", "$1|3"),
        ("LINDEX l -4", "$1|0"),
        ("LINDEX l 4", "$-1"),
        ("LINDEX l -5", "$-1"),
        ("LINDEX l x", WRONG_INTEGER),
        ("LINDEX nothing x", "$-1"),
        ("LINDEX l -9223372036854775808", "$-1"),
        ("LRANGE l 1 2", "*2|$1|1|$1|2"),
        ("LRANGE l -100 100", "*4|$1|0|$1|1|$1|2|$1|3"),
        ("LRANGE l 2 1", "*0"),
        ("LRANGE l 4 5", "*0"),
        ("LRANGE l -2 -2", "*1|$1|2"),
        ("LRANGE l -9223372036854775808 9223372036854775807", "*4|$1|0|$1|1|$1|2|$1|3"),
        ("LRANGE nothing 0 1", "*0"),
        ("LRANGE nothing x 1", WRONG_INTEGER),
    ]);
}

#[test]
fn changing_what_is_there() {
    check(&[
        ("RPUSH l a b a c a", ":5"),
        ("LSET l 1 B", "+OK"),
        ("LSET l -1 z", "+OK"),
        ("LSET l 5 x", "-ERR index out of range"),
        ("LSET l -6 x", "-ERR index out of range"),
        ("LSET l x x", WRONG_INTEGER),
        ("LSET nothing x x", "-ERR no such key"),
        ("LINSERT l before a 0", ":6"),
        ("LINSERT l AFTER z 9", ":7"),
        ("LINSERT l AFTER nowhere 9", ":-1"),
        ("LINSERT nothing AFTER a 9", ":0"),
        ("LINSERT l BESIDE a 9", SYNTAX),
        ("LRANGE l 0 -1", "*7|$1|0|$1|a|$1|B|$1|a|$1|c|$1|z|$1|9"),
        ("LREM l -1 a", ":1"),
        ("LREM l 0 nowhere", ":0"),
        ("LREM l x a", WRONG_INTEGER),
        ("LREM nothing 0 a", ":0"),
        ("LRANGE l 0 -1", "*6|$1|0|$1|a|$1|B|$1|c|$1|z|$1|9"),
        ("LTRIM l 1 -2", "+OK"),
        ("LRANGE l 0 -1", "*4|$1|a|$1|B|$1|c|$1|z"),
        ("LTRIM l x 1", WRONG_INTEGER),
        ("LTRIM nothing 0 1", "+OK"),
        ("LTRIM l 5 9", "+OK"),
        ("EXISTS l", ":0"),
    ]);
}

#[test]
fn finding_elements() {
    let rank = "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to \
                start from the end of the list";
    check(&[
        ("RPUSH l a b c 1 2 3 c c", ":8"),
        ("LPOS l a", ":0"),
        ("LPOS l c", ":2"),
        ("LPOS l c RANK 2", ":6"),
        ("LPOS l c RANK 4", "$-1"),
        ("LPOS l c RANK -1", ":7"),
        ("LPOS l c RANK -1 COUNT 2", "*2|:7|:6"),
        ("LPOS l c RANK -2 COUNT 0", "*2|:6|:2"),
        ("LPOS l c COUNT 0", "*3|:2|:6|:7"),
        ("LPOS l c COUNT 0 MAXLEN 3", "*1|:2"),
        ("LPOS l c COUNT 0 MAXLEN 2 RANK -1", "*2|:7|:6"),
        ("LPOS l c MAXLEN 2", "$-1"),
        ("LPOS l 03", "$-1"),
        ("LPOS l 3", ":5"),
        ("LPOS l nowhere COUNT 1", "*0"),
        ("LPOS nothing a COUNT 1", "*0"),
        ("LPOS nothing a", "$-1"),
        ("LPOS nothing a RANK 0", rank),
        ("LPOS l a RANK x", WRONG_INTEGER),
        ("LPOS l a COUNT x", "-ERR COUNT can't be negative"),
        ("LPOS l a MAXLEN -1", "-ERR MAXLEN can't be negative"),
        ("LPOS l a MAXLEN", SYNTAX),
        ("LPOS l a UP 1", SYNTAX),
        (
            "LPOS l a RANK -9223372036854775808",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
        ("LPOS l c RANK -9223372036854775807", "$-1"),
    ]);
}

#[test]
fn moving_between_lists() {
    check(&[
        ("RPUSH l a b c", ":3"),
        ("SET s v", "+OK"),
        ("LMOVE l m LEFT RIGHT", "$1|a"),
        ("LMOVE l m right left", "$1|c"),
        ("LRANGE m 0 -1", "*2|$1|c|$1|a"),
        ("RPOPLPUSH l m", "$1|b"),
        ("EXISTS l", ":0"),
        ("LMOVE l m LEFT LEFT", "$-1"),
        ("LMOVE m s LEFT LEFT", WRONG_TYPE),
        ("LMOVE s m LEFT LEFT", WRONG_TYPE),
        ("LMOVE nothing s LEFT LEFT", "$-1"),
        ("LMOVE m m LEFT UP", SYNTAX),
        ("LMOVE m m LEFT RIGHT", "$1|b"),
        ("RPOPLPUSH m m", "$1|b"),
        ("LMOVE m m LEFT LEFT", "$1|b"),
        ("LRANGE m 0 -1", "*3|$1|b|$1|c|$1|a"),
    ]);
}

#[test]
fn effects_are_on_one_list_each() {
    check_effects(&[
        ("RPUSH l a b c d", "0: RPUSH l a b c d"),
        ("LPUSHX nothing a", ""),
        ("LPOP l", "0: LPOP l"),
        ("LPOP l 0", ""),
        ("LMOVE l m LEFT RIGHT", "0: RPUSH m b; 0: LPOP l"),
        ("RPOPLPUSH l l", "0: LMOVE l l RIGHT LEFT"),
        ("LMPOP 2 nothing l RIGHT COUNT 9", "0: RPOP l 2"),
        ("LREM m 1 nowhere", ""),
        ("LINSERT m BEFORE nowhere x", ""),
        ("LSET m 4 x", ""),
        ("LTRIM m 0 -1", ""),
        ("RPUSH m c 7", "0: RPUSH m c 7"),
        ("COPY m n", "0: DEL n; 0: RPUSH n b c 7"),
        ("EXPIREAT n 1900000000", "0: PEXPIREAT n 1900000000000"),
        ("RENAME n o", "0: DEL n; 0: DEL o; 0: RPUSH o b c 7; 0: PEXPIREAT o 1900000000000"),
        ("LTRIM m 1 1", "0: LTRIM m 1 1"),
        ("LREM m 0 c", "0: LREM m 0 c"),
    ]);
}

#[test]
fn the_only_element_moves_within_its_list_with_its_time_to_live() {
    let mut client = TestClient::new();
    client.say("RPUSH l a");
    client.say("EXPIRE l 100");
    assert_eq!(client.say("LMOVE l l LEFT RIGHT"), "$1\r\na\r\n");
    assert_eq!(client.say("TTL l"), ":100\r\n");
}

#[test]
fn events_are_those_of_redis() {
    let mut client = TestClient::new();
    let mut check = |line: &str, expect: &[&str]| {
        client.say(line);
        let expect: Vec<_> = expect.iter().map(|event| format!("0: {event}")).collect();
        assert_eq!(client.events(), expect, "{line}");
    };
    check("RPUSH l a b c", &["new l", "rpush l"]);
    check("LPUSHX l x", &["lpush l"]);
    check("LSET l 0 y", &["lset l"]);
    check("LINSERT l AFTER y z", &["linsert l"]);
    check("LINSERT l AFTER nowhere z", &[]);
    check("LREM l 1 z", &["lrem l"]);
    check("LREM l 1 z", &[]);
    check("LTRIM l 0 -1", &["ltrim l"]);
    check("LMOVE l m LEFT RIGHT", &["new m", "rpush m", "lpop l"]);
    check("LMOVE l l LEFT RIGHT", &["rpush l", "lpop l"]);
    check("LMPOP 1 m LEFT", &["lpop m", "del m"]);
    check("LPOP l 2", &["lpop l"]);
    check("RPOPLPUSH l m", &["new m", "lpush m", "rpop l", "del l"]);
    check("LTRIM m 1 0", &["ltrim m", "del m"]);
    check("RPUSH l a", &["new l", "rpush l"]);
    check("LREM l 0 a", &["lrem l", "del l"]);
}

#[test]
fn encodings_change_where_redis_changes_them() {
    let check_with = |client: &mut TestClient, line: &str, expect: &str| {
        client.say(line);
        assert_eq!(client.say("OBJECT ENCODING l").lines().nth(1), Some(expect), "{line}");
    };
    let mut client = TestClient::configured("list-max-listpack-size 4");
    let mut check = |line: &str, expect: &str| check_with(&mut client, line, expect);
    check("RPUSH l 1 2 3 4", "listpack");
    check("LINSERT l BEFORE nowhere 0", "quicklist");
    check("LPOP l", "quicklist");
    check("LPOP l", "listpack");
    check("RPUSH l 5 6 7", "quicklist");
    check("LTRIM l 0 1", "listpack");
    check("LSET l 1 2", "listpack");

    let mut client = TestClient::configured("list-max-listpack-size -1");
    let mut check = |line: &str, expect: &str| check_with(&mut client, line, expect);
    check("RPUSH l 1 2", "listpack");
    check(&format!("LSET l 1 {}", "x".repeat(4096)), "quicklist");
    check("LSET l 1 small", "listpack");
    check(&format!("RPUSH l {} {}", "x".repeat(2030), "y".repeat(2100)), "quicklist");
    check("LREM l 1 small", "quicklist");
    check("COPY l m", "quicklist");
    check("RENAME m l", "quicklist");
    check("RPOP l", "listpack");
}

#[test]
fn long_elements_stand_alone_from_the_length_that_debug_sets() {
    let mut client = TestClient::configured("enable-debug-command yes");
    let refused = "-ERR argument must be a memory value bigger than 1 and smaller than 4gb\r\n";
    assert_eq!(client.say("DEBUG QUICKLIST-PACKED-THRESHOLD x"), refused);
    assert_eq!(client.say("DEBUG QUICKLIST-PACKED-THRESHOLD 4gb"), refused);
    assert_eq!(client.say("DEBUG QUICKLIST-PACKED-THRESHOLD 10b"), "+OK\r\n");
    assert_eq!(client.server.thresholds.list().alone, 10);
    assert_eq!(client.say("DEBUG QUICKLIST-PACKED-THRESHOLD 0"), "+OK\r\n");
    assert_eq!(client.server.thresholds.list().alone, 1 << 30);
}

/// A request on a few keys, that meets lists of all sizes.
fn request() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["a", "b", "c"]);
    let element = prop_oneof![
        (0..5_i32).prop_map(|number| number.to_string()),
        "[x-z]{1,3}",
        (1..700_usize).prop_map(|len| "l".repeat(len)),
    ];
    let elements = prop::collection::vec(element.clone(), 1..30);
    let end = prop::sample::select(vec!["LEFT", "RIGHT"]);
    let side = prop::sample::select(vec!["L", "R"]);
    let index = -12..12_i32;
    prop_oneof![
        4 => (side.clone(), key.clone(), elements).prop_map(|(side, key, elements)| format!("{side}PUSH {key} {}", elements.join(" "))),
        1 => (side.clone(), key.clone(), element.clone()).prop_map(|(side, key, element)| format!("{side}PUSHX {key} {element}")),
        2 => (side.clone(), key.clone()).prop_map(|(side, key)| format!("{side}POP {key}")),
        2 => (side, key.clone(), 0..20_usize).prop_map(|(side, key, count)| format!("{side}POP {key} {count}")),
        1 => (key.clone(), key.clone(), end.clone(), 1..9_usize)
            .prop_map(|(one, two, end, count)| format!("LMPOP 2 {one} {two} {end} COUNT {count}")),
        2 => (key.clone(), key.clone(), end.clone(), end).prop_map(|(one, two, from, to)| format!("LMOVE {one} {two} {from} {to}")),
        1 => (key.clone(), key.clone()).prop_map(|(one, two)| format!("RPOPLPUSH {one} {two}")),
        2 => (key.clone(), index.clone(), element.clone()).prop_map(|(key, at, element)| format!("LSET {key} {at} {element}")),
        2 => (key.clone(), prop::sample::select(vec!["BEFORE", "AFTER"]), 0..5_i32, element.clone())
            .prop_map(|(key, side, pivot, element)| format!("LINSERT {key} {side} {pivot} {element}")),
        2 => (key.clone(), -3..4_i32, 0..5_i32).prop_map(|(key, count, element)| format!("LREM {key} {count} {element}")),
        1 => (key.clone(), index.clone(), index).prop_map(|(key, start, stop)| format!("LTRIM {key} {start} {stop}")),
        1 => (key.clone(), 1..9_u32).prop_map(|(key, seconds)| format!("EXPIRE {key} {seconds}000")),
        1 => (key.clone(), key.clone()).prop_map(|(one, two)| format!("COPY {one} {two} REPLACE")),
        1 => (key.clone(), key.clone()).prop_map(|(one, two)| format!("RENAME {one} {two}")),
        1 => key.prop_map(|key| format!("PERSIST {key}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replaying_effects_gives_the_same_lists(requests in prop::collection::vec(request(), 0..60), fill in -2..5_i32) {
        let settings = format!("list-max-listpack-size {fill}\nenable-debug-command yes");
        let (mut client, mut replayed) = (TestClient::configured(&settings), TestClient::configured(&settings));
        for request in &requests {
            client.say(request);
            for effect in client.effects() {
                replayed.say(effect.strip_prefix("0: ").expect("all is in database 0"));
            }
        }
        let digest = client.say("DEBUG DIGEST");
        prop_assert_eq!(digest.len(), "+\r\n".len() + 40);
        prop_assert_eq!(digest, replayed.say("DEBUG DIGEST"));
        prop_assert_eq!(client.say("DBSIZE"), replayed.say("DBSIZE"));
    }
}

#[test]
fn what_ltrim_cuts_off_a_large_list_is_freed_elsewhere() {
    let mut client = TestClient::configured("list-max-listpack-size 1\n");
    let elements = vec!["x"; 1000].join(" ");
    client.say(&format!("RPUSH l {elements}"));
    let handed_over = |client: &TestClient| {
        let reclaimer = &client.server.keyspace.reclaimer;
        while reclaimer.pending() > 0 {
            std::thread::yield_now();
        }
        reclaimer.freed()
    };
    client.say("LTRIM l 10 -10");
    assert_eq!(handed_over(&client), 0, "ten blocks at each end are freed at once");
    client.say("LTRIM l 300 -301");
    assert_eq!(handed_over(&client), 2);
    assert_eq!(client.say("LLEN l"), ":381\r\n");
    client.say("LTRIM l 1 0");
    assert_eq!(handed_over(&client), 3);
    assert_eq!(client.say("EXISTS l"), ":0\r\n");
}
