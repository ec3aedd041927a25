use crate::command::testing::{TestClient, check, check_effects};
use proptest::prelude::*;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const MISSING: &str = "-CMS: key does not exist";

#[test]
fn sketches_are_made() {
    check(&[
        ("CMS.INITBYDIM c 20 5", "+OK"),
        ("TYPE c", "+CMSk-TYPE"),
        ("OBJECT ENCODING c", "$3|raw"),
        ("CMS.INFO c", "*6|+width|:20|+depth|:5|+count|:0"),
        ("CMS.INITBYPROB p 0.001 0.01", "+OK"),
        ("CMS.INFO p", "*6|+width|:2000|+depth|:7|+count|:0"),
        ("SET s x", "+OK"),
        ("CMS.INITBYDIM c 20 5", "-CMS: key already exists"),
        ("CMS.INITBYPROB s 0.1 0.1", "-CMS: key already exists"),
        ("CMS.INITBYDIM c x x", "-CMS: key already exists"),
        ("CMS.INITBYDIM", "-ERR wrong number of arguments for 'cms.initbydim' command"),
        ("CMS.INITBYPROB x 0.1", "-ERR wrong number of arguments for 'cms.initbyprob' command"),
        ("CMS.INFO missing", MISSING),
        ("CMS.INFO s", WRONG_TYPE),
    ]);
}

#[test]
fn sizes_have_limits() {
    let mut client = TestClient::new();
    for (size, refusal) in [
        ("x 5", "invalid width"),
        ("0 5", "invalid width"),
        ("-1 5", "invalid width"),
        ("0.5 5", "invalid width"),
        ("5 x", "invalid depth"),
        ("5 0", "invalid depth"),
        ("5 -9", "invalid depth"),
        ("99999999999999999999 5", "invalid width"),
        ("8589934592 8589934592", "invalid init arguments"),
        ("9223372036854775807 9223372036854775807", "invalid init arguments"),
        ("4611686018427388100 1", "Insufficient memory to create the key"),
        ("1000000000 1000000000", "Insufficient memory to create the key"),
        ("134217728 1", "Insufficient memory to create the key"),
        ("1 65537", "Insufficient memory to create the key"),
    ] {
        assert_eq!(client.say(&format!("CMS.INITBYDIM c {size}")), format!("-CMS: {refusal}\r\n"), "{size}");
    }
    for (size, refusal) in [
        ("1 0.1", "invalid overestimation value"),
        ("0 0.1", "invalid overestimation value"),
        ("nan 0.1", "invalid overestimation value"),
        ("inf 0.1", "invalid overestimation value"),
        ("0.1 1", "invalid prob value"),
        ("0.1 0", "invalid prob value"),
        ("0.1 -0.1", "invalid prob value"),
        ("0.1 text", "invalid prob value"),
        ("0.9 0.9999999999999999", "invalid init arguments"),
        ("0.0000000000000000001 0.9", "invalid init arguments"),
        ("0.1 1e-300", "invalid init arguments"),
        ("0.0000000000000001 0.0000000000000001", "Insufficient memory to create the key"),
    ] {
        assert_eq!(client.say(&format!("CMS.INITBYPROB c {size}")), format!("-CMS: {refusal}\r\n"), "{size}");
    }
    assert_eq!(client.say("EXISTS c"), ":0\r\n");
}

#[test]
fn items_are_counted() {
    check(&[
        ("CMS.INITBYDIM c 1000 5", "+OK"),
        ("CMS.INCRBY c bar 5 baz 42", "*2|:5|:42"),
        ("CMS.INCRBY c bar 0", "*1|:5"),
        ("CMS.QUERY c foo bar baz", "*3|:0|:5|:42"),
        ("CMS.INFO c", "*6|+width|:1000|+depth|:5|+count|:47"),
        ("CMS.INCRBY c bar 1 baz -1", "-CMS: Number cannot be negative"),
        ("CMS.INCRBY c bar 1 baz x", "-CMS: Cannot parse number"),
        ("CMS.INCRBY c bar 1 baz", "-ERR wrong number of arguments for 'cms.incrby' command"),
        ("CMS.INCRBY missing bar 1", MISSING),
        ("CMS.QUERY missing bar", MISSING),
        ("CMS.QUERY c", "-ERR wrong number of arguments for 'cms.query' command"),
        ("SET s x", "+OK"),
        ("CMS.INCRBY s bar x", WRONG_TYPE),
        ("CMS.QUERY s bar", WRONG_TYPE),
        ("CMS.QUERY c bar baz", "*2|:5|:42"),
    ]);
}

/// The same counts as RedisBloom's own test has, so the same hashes.
#[test]
fn counters_that_overflow_say_so_and_stay() {
    check(&[
        ("CMS.INITBYDIM c 5 2", "+OK"),
        ("CMS.INCRBY c a 2147483647 b 10 c 7 d 5", "*4|:2147483647|:10|:17|:5"),
        ("CMS.QUERY c a b c d", "*4|:2147483647|:17|:17|:5"),
        ("CMS.INCRBY c a 2147483647 b 10 c 7 d 5", "*4|:4294967294|:27|:34|:10"),
        ("CMS.INCRBY c a 2147483647 b 10 c 7 d 5", "*4|-CMS: INCRBY overflow|:44|:51|:15"),
        ("CMS.QUERY c a b c d", "*4|:4294967295|:51|:51|:15"),
        ("CMS.INCRBY c a 9223372036854775807", "*1|-CMS: INCRBY overflow"),
        ("CMS.INFO c", "*6|+width|:5|+depth|:2|+count|:9223372036854775807"),
    ]);
}

#[test]
fn sketches_are_merged() {
    let make = |key: &str| format!("CMS.INITBYDIM {key} 1000 5");
    let mut client = TestClient::new();
    ["a", "b", "c"].iter().for_each(|key| assert_eq!(client.say(&make(key)), "+OK\r\n"));
    client.check(&[
        ("CMS.INCRBY a x 21", "*1|:21"),
        ("CMS.INCRBY b x 2 y 3", "*2|:2|:3"),
        ("EXPIRE c 100", ":1"),
        ("CMS.MERGE c 2 a b", "+OK"),
        ("TTL c", ":100"),
        ("CMS.QUERY c x y", "*2|:23|:3"),
        ("CMS.MERGE c 2 a b weights 1 10", "+OK"),
        ("CMS.QUERY c x y", "*2|:41|:30"),
        ("CMS.INFO c", "*6|+width|:1000|+depth|:5|+count|:71"),
        ("CMS.MERGE c 2 c b WEIGHTS 1 -10", "+OK"),
        ("CMS.QUERY c x y", "*2|:21|:0"),
        ("CMS.MERGE c 2 a a", "+OK"),
        ("CMS.QUERY c x", "*1|:42"),
        ("CMS.MERGE c 1 a WEIGHTS -1", "-CMS: MERGE overflow"),
        ("CMS.MERGE c 1 a WEIGHTS 4294967295", "-CMS: MERGE overflow"),
        ("CMS.MERGE c 1 a WEIGHTS 9223372036854775807", "-CMS: MERGE overflow"),
        ("CMS.MERGE c 1 a WEIGHTS x", "-CMS: invalid weight value"),
        ("CMS.MERGE c x a", "-CMS: invalid numkeys"),
        ("CMS.MERGE c 0 a", "-CMS: Number of keys must be positive"),
        ("CMS.MERGE c -1 a", "-CMS: Number of keys must be positive"),
        ("CMS.MERGE c 2 a", "-CMS: wrong number of keys"),
        ("CMS.MERGE c 9223372036854775807 a", "-CMS: wrong number of keys"),
        ("CMS.MERGE c 1 a b", "-CMS: wrong number of keys"),
        ("CMS.MERGE c 2 a b WEIGHTS 1", "-CMS: wrong number of keys/weights"),
        ("CMS.MERGE c 1 a b WEIGHTS 1 1", "-CMS: wrong number of keys/weights"),
        ("CMS.MERGE c 1 WEIGHTS", "-CMS: wrong number of keys/weights"),
        ("CMS.MERGE missing 1 a", MISSING),
        ("CMS.MERGE c 1 missing", MISSING),
        ("SET s x", "+OK"),
        ("CMS.MERGE s 1 a", WRONG_TYPE),
        ("CMS.MERGE c 2 a s", WRONG_TYPE),
        ("CMS.INITBYDIM small 10 5", "+OK"),
        ("CMS.MERGE c 1 small", "-CMS: width/depth is not equal"),
        ("CMS.MERGE c 1", "-ERR wrong number of arguments for 'cms.merge' command"),
        ("CMS.QUERY c x", "*1|:42"),
    ]);
}

#[test]
fn facts_are_a_map_in_resp3() {
    let mut client = TestClient::new();
    client.say("HELLO 3");
    client.say("CMS.INITBYDIM c 2 1");
    assert_eq!(client.say("CMS.INFO c"), "%3\r\n+width\r\n:2\r\n+depth\r\n:1\r\n+count\r\n:0\r\n");
    assert_eq!(client.say("CMS.INCRBY c a 1"), "*1\r\n:1\r\n");
}

#[test]
fn effects_are_requests_and_merges_are_results() {
    check_effects(&[
        ("CMS.INITBYDIM c 2 1", "0: CMS.INITBYDIM c 2 1"),
        ("CMS.INITBYPROB p 0.5 0.5", "0: CMS.INITBYPROB p 0.5 0.5"),
        ("CMS.INCRBY c a 1 b 2", "0: CMS.INCRBY c a 1 b 2"),
        ("CMS.INCRBY c a -1", ""),
        ("CMS.QUERY c a", ""),
        ("CMS.INFO c", ""),
        ("CMS.MERGE c 1 c WEIGHTS -1", ""),
    ]);
    let mut client = TestClient::new();
    client.say("CMS.INITBYDIM c 2 1");
    client.effects();
    client.say("CMS.MERGE c 1 c");
    let effects = client.effects();
    assert!(effects[0] == "0: DEL c" && effects[1].starts_with("0: RESTORE c 0 "), "{effects:?}");
    // Nobody is notified, as in Redis.
    assert_eq!(client.events().iter().filter(|event| !event.contains("cms.")).count(), 1, "the key is new");
}

fn request() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(vec!["a", "b", "c"]);
    let number = || prop_oneof![9 => 0..9u64, 1 => any::<u64>()];
    prop_oneof![
        3 => key().prop_map(|key| format!("CMS.INITBYDIM {key} 7 2")),
        8 => (key(), 0..20u8, number(), 0..20u8, number())
            .prop_map(|(key, a, by, b, more)| format!("CMS.INCRBY {key} {a} {by} {b} {more}")),
        2 => (key(), key(), key()).prop_map(|(to, a, b)| format!("CMS.MERGE {to} 2 {a} {b}")),
        2 => (key(), key(), key(), -3..4, -3..4)
            .prop_map(|(to, a, b, x, y)| format!("CMS.MERGE {to} 2 {a} {b} WEIGHTS {x} {y}")),
        1 => (key(), key()).prop_map(|(from, to)| format!("COPY {from} {to} REPLACE")),
        1 => (key(), key()).prop_map(|(from, to)| format!("RENAME {from} {to}")),
        1 => key().prop_map(|key| format!("EXPIRE {key} 100")),
        1 => key().prop_map(|key| format!("DEL {key}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn effects_replayed_give_the_same(requests in prop::collection::vec(request(), 1..60)) {
        let (mut client, mut replica) = TestClient::with_replica("enable-debug-command yes", &requests);
        prop_assert_eq!(client.say("DEBUG DIGEST"), replica.say("DEBUG DIGEST"));
        client.say("DEBUG RELOAD");
        prop_assert_eq!(client.say("DEBUG DIGEST"), replica.say("DEBUG DIGEST"));
    }
}
