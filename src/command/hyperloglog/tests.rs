//! Exchanges, effects and replays. Replies were compared with redis-server 7.0.15.

use crate::command::testing::{TestClient, check, check_effects};
use proptest::prelude::*;

const CORRUPTED: &str = "-INVALIDOBJ Corrupted HLL object detected";
const FOREIGN: &str = "-WRONGTYPE Key is not a valid HyperLogLog string value.";

#[test]
fn adding_and_counting() {
    check(&[
        ("PFADD h", ":1"),
        ("PFADD h", ":0"),
        ("PFCOUNT h", ":0"),
        ("PFADD h a b c d e f g", ":1"),
        ("PFADD h a", ":0"),
        ("PFCOUNT h", ":7"),
        ("PFCOUNT none", ":0"),
        ("PFADD g x a", ":1"),
        ("PFCOUNT h g none", ":8"),
        ("PFMERGE m h g", "+OK"),
        ("PFCOUNT m", ":8"),
        ("PFMERGE n", "+OK"),
        ("STRLEN n", ":18"),
        ("TYPE h", "+string"),
        ("OBJECT ENCODING h", "$3|raw"),
        ("PFDEBUG ENCODING h", "+sparse"),
        ("PFDEBUG DECODE n", "$7|Z:16384"),
        ("PFDEBUG TODENSE h", ":1"),
        ("PFDEBUG TODENSE h", ":0"),
        ("PFDEBUG DECODE h", "-ERR HLL encoding is not sparse"),
        ("PFDEBUG ENCODING h", "+dense"),
        ("STRLEN h", ":12304"),
        ("PFCOUNT h", ":7"),
        ("PFADD h a", ":0"),
        ("PFADD h z", ":1"),
        ("PFCOUNT h g", ":9"),
        ("PFMERGE n h g", "+OK"),
        ("PFDEBUG ENCODING n", "+dense"),
        ("PFCOUNT n", ":9"),
        ("PFDEBUG what n", "-ERR Unknown PFDEBUG subcommand 'what'"),
        ("PFDEBUG ENCODING none", "-ERR The specified key does not exist"),
        ("PFSELFTEST", "+OK"),
    ]);
}

#[test]
fn large_sketches_become_dense() {
    let mut client = TestClient::configured("hll-sparse-max-bytes 50");
    for number in 0..100 {
        client.say(&format!("PFADD h {number}"));
        let dense = client.say("PFDEBUG ENCODING h") == "+dense\r\n";
        assert!(dense || number < 50, "{number}");
    }
    assert_eq!(client.say("PFCOUNT h"), ":100\r\n");
}

/// A cardinality that was cached before the sketch became dense is out of date behind it.
#[test]
fn becoming_dense_is_a_change() {
    let mut client = TestClient::configured("hll-sparse-max-bytes 58");
    client.say("PFADD h a b c d e f g h i j k l m");
    assert_eq!(client.say("PFDEBUG ENCODING h"), "+sparse\r\n");
    assert_eq!(client.say("PFCOUNT h"), ":13\r\n");
    client.say("PFADD h n o p");
    assert_eq!(client.say("PFDEBUG ENCODING h"), "+dense\r\n");
    assert_eq!(client.say("PFCOUNT h"), ":16\r\n");
}

#[test]
fn what_is_no_sketch_is_refused() {
    let mut client = TestClient::new();
    for (value, refusal) in [
        (&b"text"[..], FOREIGN),
        (b"123", FOREIGN),
        (b"HYLL\x00345678901234567890", FOREIGN),
        (b"HYLL\x02345678901234567890", FOREIGN),
        (b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xfe", CORRUPTED),
    ] {
        client.run(&[b"SET", b"k", value]);
        client.effects();
        for line in
            ["PFCOUNT k", "PFCOUNT k k", "PFMERGE d k", "PFMERGE k", "PFDEBUG TODENSE k", "PFDEBUG GETREG k"]
        {
            assert_eq!(client.say(line).trim_end(), refusal, "{line} of {value:?}");
        }
        if refusal == FOREIGN {
            assert_eq!(client.say("PFADD k a").trim_end(), refusal, "{value:?}");
        }
        assert_eq!(client.effects(), [""; 0]);
    }
}

#[test]
fn a_refused_addition_changes_nothing() {
    let mut client = TestClient::new();
    // Covers a few registers only, so that some elements find theirs and others don't.
    client.run(&[b"SET", b"k", b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x60\x00"]);
    let before = client.say("GET k");
    client.effects();
    let line = format!("PFADD k {}", (0..50).map(|n| n.to_string()).collect::<Vec<_>>().join(" "));
    assert_eq!(client.say(&line).trim_end(), CORRUPTED);
    assert_eq!(client.say("GET k"), before);
    assert_eq!(client.effects(), [""; 0]);
}

#[test]
fn effects_and_events() {
    check_effects(&[
        ("PFADD h a b", "0: PFADD h a b"),
        ("PFADD h b", ""),
        ("PFCOUNT h", "0: PFCOUNT h"),
        ("PFCOUNT h", ""),
        ("PFCOUNT h h", ""),
        ("PFADD h c", "0: PFADD h c"),
        ("PFDEBUG ENCODING h", ""),
        ("PFDEBUG TODENSE h", "0: PFDEBUG TODENSE h"),
    ]);
    let mut client = TestClient::new();
    for (line, events) in
        [("PFADD h a", &["0: new h", "0: pfadd h"][..]), ("PFADD h a", &[]), ("PFMERGE h h", &["0: pfadd h"])]
    {
        client.say(line);
        assert_eq!(client.events(), events, "{line}");
    }
}

#[test]
fn merging_keeps_the_time_to_live() {
    let mut client = TestClient::new();
    client.say("PFADD h a");
    client.say("PEXPIRE h 1000");
    client.say("PFADD g b");
    client.effects();
    client.say("PFMERGE h g");
    assert!(client.effects()[0].ends_with(" KEEPTTL"));
    assert_eq!(client.say("PTTL h"), ":1000\r\n");
}

fn request() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(vec!["a", "b", "c"]);
    prop_oneof![
        3 => (key(), 0..100_000u32).prop_map(|(key, number)| format!("PFADD {key} {number}")),
        2 => (key(), 0..100_000u32, 1..80u32).prop_map(|(key, from, count)| {
            (from..from + count).fold(format!("PFADD {key}"), |line, number| format!("{line} {number}"))
        }),
        2 => key().prop_map(|key| format!("PFCOUNT {key}")),
        1 => (key(), key()).prop_map(|(a, b)| format!("PFCOUNT {a} {b}")),
        1 => (key(), key(), key()).prop_map(|(to, a, b)| format!("PFMERGE {to} {a} {b}")),
        1 => key().prop_map(|key| format!("PFDEBUG TODENSE {key}")),
        1 => key().prop_map(|key| format!("DEL {key}")),
    ]
}

/// A sketch of a few runs, or of bytes that only begin as one.
fn broken_sketch() -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(vec![0u8, 1, 1, 1, 1, 2]), prop::collection::vec(any::<u8>(), 0..60)).prop_map(
        |(layout, rest)| {
            let mut bytes = vec![b'H', b'Y', b'L', b'L', layout];
            bytes.extend(rest);
            bytes
        },
    )
}

proptest! {
    #[test]
    fn broken_sketches_are_refused_or_used(bytes in broken_sketch(), requests in prop::collection::vec(request(), 1..8)) {
        let mut client = TestClient::new();
        for key in [b"a", b"b"] {
            client.run(&[b"SET", key, &bytes]);
        }
        for request in &requests {
            client.effects();
            let reply = client.say(request);
            let refused = reply.starts_with('-');
            prop_assert!(!refused || client.effects().is_empty(), "{} answered {}", request, reply);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn effects_replayed_give_the_same(requests in prop::collection::vec(request(), 1..60), limit in 30..400usize) {
        let configuration = format!("enable-debug-command yes\nhll-sparse-max-bytes {limit}");
        let (mut client, mut replica) = TestClient::with_replica(&configuration, &requests);
        prop_assert_eq!(client.say("DEBUG DIGEST"), replica.say("DEBUG DIGEST"));
    }
}
