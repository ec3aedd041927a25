use crate::command::testing::{TestClient, check, check_effects};
use proptest::prelude::*;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const MISSING: &str = "-TopK: key does not exist";

#[test]
fn sketches_are_reserved() {
    check(&[
        ("TOPK.RESERVE t 20 50 5 0.5", "+OK"),
        ("TYPE t", "+TopK-TYPE"),
        ("OBJECT ENCODING t", "$3|raw"),
        ("TOPK.INFO t", "*8|+k|:20|+width|:50|+depth|:5|+decay|$3|0.5"),
        ("TOPK.RESERVE plain 3", "+OK"),
        ("TOPK.INFO plain", "*8|+k|:3|+width|:8|+depth|:7|+decay|$3|0.9"),
        ("SET s x", "+OK"),
        ("TOPK.RESERVE t 1", "-TopK: key already exists"),
        ("TOPK.RESERVE s x", "-TopK: key already exists"),
        ("TOPK.RESERVE x", "-ERR wrong number of arguments for 'topk.reserve' command"),
        ("TOPK.RESERVE x 1 1", "-ERR wrong number of arguments for 'topk.reserve' command"),
        ("TOPK.RESERVE x 1 1 1 1 1", "-ERR wrong number of arguments for 'topk.reserve' command"),
        ("TOPK.INFO missing", MISSING),
        ("TOPK.INFO s", WRONG_TYPE),
    ]);
}

#[test]
fn sizes_have_limits() {
    const DECAY: &str = "-TopK: invalid decay value. must be '<= 1' & '> 0'";
    const MEMORY: &str = "-ERR Insufficient memory to create topk data structure";
    let mut client = TestClient::new();
    for (size, refusal) in [
        ("x", "-TopK: invalid k"),
        ("0", "-TopK: invalid k"),
        ("-1", "-TopK: invalid k"),
        ("0.9 50 5 0.9", "-TopK: invalid k"),
        ("4294967296 1 1 0.1", "-TopK: invalid k"),
        ("1 x 1 0.1", "-TopK: invalid width"),
        ("1 0 1 0.1", "-TopK: invalid width"),
        ("1 4294967296 1 0.1", "-TopK: invalid width"),
        ("1 1 0 0.1", "-TopK: invalid depth"),
        ("1 1 4294967296 0.1", "-TopK: invalid depth"),
        ("1 1 1 0", DECAY),
        ("1 1 1 1.1", DECAY),
        ("1 1 1 -1", DECAY),
        ("1 1 1 nan", DECAY),
        ("1 1 1 inf", DECAY),
        ("1 1 1 x", DECAY),
        ("3 2000000000 200000000 1", MEMORY),
        ("3 4294967295 4294967295 1", MEMORY),
        ("3 1 1025 1", MEMORY),
        ("4294967295", MEMORY),
    ] {
        assert_eq!(client.say(&format!("TOPK.RESERVE t {size}")), format!("{refusal}\r\n"), "{size}");
    }
    assert_eq!(client.say("EXISTS t"), ":0\r\n");
}

#[test]
fn items_are_counted_and_expelled() {
    check(&[
        ("TOPK.RESERVE t 3 10 3 1", "+OK"),
        ("TOPK.INCRBY t bar 3 baz 6 42 2", "*3|$-1|$-1|$-1"),
        ("TOPK.INCRBY t 42 8 xyzzy 4", "*2|$-1|$3|bar"),
        ("TOPK.COUNT t bar baz 42 xyzzy 4", "*5|:3|:6|:10|:4|:0"),
        ("TOPK.QUERY t bar baz 42 xyzzy 4", "*5|:0|:1|:1|:1|:0"),
        ("TOPK.LIST t", "*3|$2|42|$3|baz|$5|xyzzy"),
        ("TOPK.LIST t WITHCOUNT", "*6|$2|42|:10|$3|baz|:6|$5|xyzzy|:4"),
        ("TOPK.LIST t with", "*6|$2|42|:10|$3|baz|:6|$5|xyzzy|:4"),
        ("TOPK.LIST t WITHCOUNTS", "-WITHCOUNT keyword expected"),
        ("TOPK.LIST missing COUNT", "-WITHCOUNT keyword expected"),
        ("TOPK.LIST t WITHCOUNT x", "-ERR wrong number of arguments for 'topk.list' command"),
        ("TOPK.RESERVE u 2 50 5 0.9", "+OK"),
        ("TOPK.ADD u foo bar", "*2|$-1|$-1"),
        ("TOPK.ADD u foo bar", "*2|$-1|$-1"),
        ("TOPK.ADD u baz baz", "*2|$-1|$3|foo"),
        ("TOPK.RESERVE empty 3", "+OK"),
        ("TOPK.LIST empty", "*0"),
        ("TOPK.ADD empty \"\"", "*1|$-1"),
        ("TOPK.LIST empty WITHCOUNT", "*2|$0||:1"),
        ("TOPK.QUERY empty \"\"", "*1|:1"),
    ]);
}

#[test]
fn refusals() {
    let bad = "-TopK: increment must be an integer greater or equal to 0                            \
               and smaller or equal to 100,000";
    let mut client = TestClient::new();
    client.say("TOPK.RESERVE t 3");
    for by in ["-5", "123456", "100001", "x", "1.5"] {
        let reply = client.say(&format!("TOPK.INCRBY t a {by} b 1"));
        assert_eq!(reply, format!("*2\r\n{bad}\r\n$-1\r\n"));
    }
    client.say("SET s x");
    client.check(&[
        ("TOPK.COUNT t a b", "*2|:0|:5"),
        ("TOPK.ADD missing a", MISSING),
        ("TOPK.INCRBY missing a x", MISSING),
        ("TOPK.QUERY missing a", MISSING),
        ("TOPK.COUNT missing a", MISSING),
        ("TOPK.LIST missing", MISSING),
        ("TOPK.ADD s a", WRONG_TYPE),
        ("TOPK.INCRBY s a 1", WRONG_TYPE),
        ("TOPK.QUERY s a", WRONG_TYPE),
        ("TOPK.COUNT s a", WRONG_TYPE),
        ("TOPK.LIST s", WRONG_TYPE),
        ("TOPK.ADD t", "-ERR wrong number of arguments for 'topk.add' command"),
        ("TOPK.INCRBY t a 1 b", "-ERR wrong number of arguments for 'topk.incrby' command"),
        ("TOPK.QUERY t", "-ERR wrong number of arguments for 'topk.query' command"),
    ]);
}

#[test]
fn replies_in_resp3() {
    let mut client = TestClient::new();
    client.say("HELLO 3");
    client.say("TOPK.RESERVE t 1 2 1 0.9");
    client.check(&[
        ("TOPK.ADD t a", "*1|_"),
        ("TOPK.QUERY t a b", "*2|#t|#f"),
        ("TOPK.COUNT t a", "*1|:1"),
        ("TOPK.LIST t WITHCOUNT", "*2|$1|a|:1"),
        ("TOPK.INFO t", "%4|+k|:1|+width|:2|+depth|:1|+decay|,0.9"),
    ]);
}

#[test]
fn effects_are_requests() {
    check_effects(&[
        ("TOPK.RESERVE t 1 1 1 0.9", "0: TOPK.RESERVE t 1 1 1 0.9"),
        ("TOPK.ADD t a b", "0: TOPK.ADD t a b"),
        ("TOPK.INCRBY t a 5", "0: TOPK.INCRBY t a 5"),
        ("TOPK.LIST t", ""),
        ("TOPK.QUERY t a", ""),
        ("TOPK.COUNT t a", ""),
        ("TOPK.INFO t", ""),
    ]);
}

fn request() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(vec!["a", "b", "c"]);
    let decay = prop::sample::select(vec!["1", "0.9", "0.5", "0.01"]);
    prop_oneof![
        3 => (key(), 1..5u8, 1..4u8, 1..4u8, decay)
            .prop_map(|(key, k, width, depth, decay)| format!("TOPK.RESERVE {key} {k} {width} {depth} {decay}")),
        8 => (key(), 0..20u8, 0..20u8).prop_map(|(key, a, b)| format!("TOPK.ADD {key} {a} {b}")),
        6 => (key(), 0..20u8, 0..2000u32, 0..20u8, -1..5)
            .prop_map(|(key, a, by, b, more)| format!("TOPK.INCRBY {key} {a} {by} {b} {more}")),
        1 => (key(), key()).prop_map(|(from, to)| format!("COPY {from} {to} REPLACE")),
        1 => (key(), key()).prop_map(|(from, to)| format!("RENAME {from} {to}")),
        1 => key().prop_map(|key| format!("DEL {key}")),
        1 => Just("DEBUG RELOAD".into()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Also what is drawn afterwards is the same.
    #[test]
    fn effects_replayed_give_the_same(
        requests in prop::collection::vec(request(), 1..60),
        more in prop::collection::vec(request(), 1..20),
    ) {
        let (mut client, mut replica) = TestClient::with_replica("enable-debug-command yes", &requests);
        prop_assert_eq!(client.say("DEBUG DIGEST"), replica.say("DEBUG DIGEST"));
        for request in &more {
            prop_assert_eq!(client.say(request), replica.say(request));
        }
        prop_assert_eq!(client.say("DEBUG DIGEST"), replica.say("DEBUG DIGEST"));
    }
}
