//! Exchanges, effects and events. What redis-server 7.0.15 answers is compared by the differential suite; here is what it
//! can't show: effects, and what 7.2 added.

use crate::command::testing::{TestClient, check, check_effects, check_replay};
use proptest::prelude::*;

#[test]
fn scores_are_added_asked_for_and_removed() {
    check(&[
        ("ZADD z 1 a 2.5 b -0 c", ":3"),
        ("ZADD z CH 1 a 3 b", ":1"),
        ("ZADD z XX GT INCR 1 b", "$1|4"),
        ("ZADD z LT INCR 1 b", "$-1"),
        ("ZADD z NX 9 b 9 d", ":1"),
        ("ZINCRBY z 0.5 a", "$3|1.5"),
        ("ZINCRBY z nx a", "-ERR syntax error"),
        ("ZSCORE z b", "$1|4"),
        ("ZMSCORE z a nosuch", "*2|$3|1.5|$-1"),
        ("ZRANGE z 0 -1 WITHSCORES", "*8|$1|c|$1|0|$1|a|$3|1.5|$1|b|$1|4|$1|d|$1|9"),
        ("ZRANK z b", ":2"),
        ("ZRANK z b WITHSCORE", "*2|:2|$1|4"),
        ("ZREVRANK z b withscore", "*2|:1|$1|4"),
        ("ZRANK z nosuch WITHSCORE", "*-1"),
        ("ZRANK z b WITHSCORES", "-ERR syntax error"),
        ("ZRANK z b WITHSCORE x", "-ERR wrong number of arguments for 'zrank' command"),
        ("ZREM z a nosuch d", ":2"),
        ("ZCARD z", ":2"),
        ("ZADD z XX NX 1 a", "-ERR XX and NX options at the same time are not compatible"),
        ("ZADD z INCR inf i", "$3|inf"),
        ("ZADD z INCR -inf i", "-ERR resulting score is not a number (NaN)"),
        ("ZSCORE z i", "$3|inf"),
    ]);
}

#[test]
fn resp3_has_doubles_and_pairs() {
    let mut client = TestClient::new();
    client.say("HELLO 3");
    client.say("ZADD z 1 a 2.5 b 3 c");
    client.check(&[
        ("ZRANGE z 0 -1", "*3|$1|a|$1|b|$1|c"),
        ("ZRANGE z 0 1 WITHSCORES", "*2|*2|$1|a|,1|*2|$1|b|,2.5"),
        ("ZSCORE z b", ",2.5"),
        ("ZSCORE z x", "_"),
        ("ZPOPMIN z", "*2|$1|a|,1"),
        ("ZPOPMIN z 1", "*1|*2|$1|b|,2.5"),
        ("ZMPOP 2 x z MAX", "*2|$1|z|*1|*2|$1|c|,3"),
        ("ZMPOP 2 x z MAX", "_"),
        ("ZPOPMIN z", "*0"),
    ]);
}

#[test]
fn effects_name_members_and_final_scores() {
    check_effects(&[
        ("ZADD z 1 a 2 b 3 c 4 d", "0: ZADD z 1 a 2 b 3 c 4 d"),
        ("ZADD z 1 a", ""),
        ("ZADD z GT CH 5 a", "0: ZADD z GT CH 5 a"),
        ("ZADD z INCR 0.5 a", "0: ZADD z 5.5 a"),
        ("ZINCRBY z 1 a", "0: ZADD z 6.5 a"),
        ("ZADD z NX INCR 1 a", ""),
        ("ZREM z nosuch", ""),
        ("ZPOPMIN z", "0: ZPOPMIN z 1"),
        ("ZPOPMAX z 2", "0: ZPOPMAX z 2"),
        ("ZUNIONSTORE u 2 z nosuch WEIGHTS 2 1", "0: DEL u; 0: ZADD u 6 c"),
        ("ZMPOP 2 nosuch z MIN COUNT 10", "0: ZPOPMIN z 1"),
        ("ZINTERSTORE u 2 u z", "0: DEL u"),
        ("ZINTERSTORE u 2 u z", ""),
        ("ZADD z 1 a 1 b 1 c", "0: ZADD z 1 a 1 b 1 c"),
        ("ZREMRANGEBYLEX z [b +", "0: ZREMRANGEBYLEX z [b +"),
        ("ZREMRANGEBYRANK z 5 6", ""),
        ("ZRANGESTORE r z 0 -1", "0: DEL r; 0: ZADD r 1 a"),
        ("ZREMRANGEBYSCORE z -inf +inf", "0: ZREMRANGEBYSCORE z -inf +inf"),
        ("ZRANGESTORE r z 0 -1", "0: DEL r"),
    ]);
}

#[test]
fn events_have_the_names_of_redis() {
    let mut client = TestClient::new();
    for (line, expect) in [
        ("ZADD z 1 a 2 b", "0: new z; 0: zadd z"),
        ("ZADD z 1 a", ""),
        ("ZINCRBY z 1 a", "0: zincr z"),
        ("ZPOPMAX z", "0: zpopmax z"),
        ("ZPOPMIN z", "0: zpopmin z; 0: del z"),
        ("ZADD z 1 a 2 b 3 c", "0: new z; 0: zadd z"),
        ("ZREMRANGEBYRANK z 0 0", "0: zremrangebyrank z"),
        ("ZUNIONSTORE d 1 z", "0: new d; 0: zunionstore d"),
        ("ZREMRANGEBYSCORE z 0 10", "0: zremrangebyscore z; 0: del z"),
        ("ZDIFFSTORE d 1 z", "0: del d"),
        ("ZDIFFSTORE d 1 z", ""),
        ("ZADD z 1 a", "0: new z; 0: zadd z"),
        ("ZRANGESTORE d z 0 -1", "0: new d; 0: zrangestore d"),
        ("ZREM z a", "0: zrem z; 0: del z"),
    ] {
        client.say(line);
        assert_eq!(client.events().join("; "), expect, "{line}");
    }
}

#[test]
fn encodings_follow_the_thresholds() {
    let mut client = TestClient::new();
    for number in 0..128 {
        client.say(&format!("ZADD z {number} m{number}"));
    }
    assert_eq!(client.say("OBJECT ENCODING z"), "$8\r\nlistpack\r\n");
    client.say("ZADD z 5 m3");
    assert_eq!(client.say("OBJECT ENCODING z"), "$8\r\nlistpack\r\n");
    client.say("ZADD z 5 one-more");
    assert_eq!(client.say("OBJECT ENCODING z"), "$8\r\nskiplist\r\n");
    client.say("ZREMRANGEBYRANK z 0 100");
    assert_eq!(client.say("OBJECT ENCODING z"), "$8\r\nskiplist\r\n");
    client.say("ZUNIONSTORE y 1 z");
    assert_eq!(client.say("OBJECT ENCODING y"), "$8\r\nlistpack\r\n");
    client.say(&format!("ZADD y 1 {}", "x".repeat(65)));
    assert_eq!(client.say("OBJECT ENCODING y"), "$8\r\nskiplist\r\n");
}

#[test]
fn random_members_are_uniform() {
    for count in [10, 200] {
        let mut client = TestClient::new();
        for number in 0..count {
            client.say(&format!("ZADD z {number} {number}"));
        }
        let mut seen = vec![0_u32; count];
        for _ in 0..100 * count / 5 {
            let reply = client.say("ZRANDMEMBER z 5");
            for member in reply.split("\r\n").skip(2).step_by(2) {
                seen[member.parse::<usize>().expect("a number")] += 1;
            }
        }
        // 100 each on average: six standard deviations.
        assert!(seen.iter().all(|times| (40..160).contains(times)), "{seen:?}");
    }
}

fn any_command() -> impl Strategy<Value = String> {
    let key = || "[abc]";
    let member = || prop_oneof!["[p-z]", "[1-9][0-9]?", "long-[a-f]{6}-0123456789012345"];
    let score = || prop_oneof![(-9_i32..9).prop_map(|n| n.to_string()), "0\\.[1-9]{1,6}", Just("inf".into())];
    let flags =
        prop_oneof![4 => Just(""), 1 => Just("NX"), 1 => Just("XX"), 1 => Just("GT CH"), 1 => Just("LT")];
    let pairs = prop::collection::vec((score(), member()).prop_map(|(s, m)| format!("{s} {m}")), 1..12);
    prop_oneof![
        8 => (key(), flags, pairs).prop_map(|(k, f, p)| format!("ZADD {k} {f} {}", p.join(" "))),
        2 => (key(), score(), member()).prop_map(|(k, s, m)| format!("ZINCRBY {k} {s} {m}")),
        2 => (key(), member(), member()).prop_map(|(k, m, n)| format!("ZREM {k} {m} {n}")),
        1 => (key(), 0..4).prop_map(|(k, n)| format!("ZPOPMIN {k} {n}")),
        1 => key().prop_map(|k| format!("ZPOPMAX {k}")),
        1 => (key(), key(), 1..5).prop_map(|(k, l, n)| format!("ZMPOP 2 {k} {l} MAX COUNT {n}")),
        1 => (key(), 0..9, 0..9).prop_map(|(k, m, n)| format!("ZREMRANGEBYRANK {k} {m} {n}")),
        1 => (key(), -9..9, -9..9).prop_map(|(k, m, n)| format!("ZREMRANGEBYSCORE {k} {m} ({n}")),
        1 => (key(), "[p-z]", "[p-z]").prop_map(|(k, m, n)| format!("ZREMRANGEBYLEX {k} [{m} ({n}")),
        1 => (key(), key(), key()).prop_map(|(k, l, m)| format!("ZUNIONSTORE {k} 2 {l} {m} WEIGHTS 0.1 3")),
        1 => (key(), key(), key()).prop_map(|(k, l, m)| format!("ZINTERSTORE {k} 2 {l} {m} AGGREGATE MAX")),
        1 => (key(), key(), key()).prop_map(|(k, l, m)| format!("ZDIFFSTORE {k} 2 {l} {m}")),
        1 => (key(), key(), 0..5).prop_map(|(k, l, n)| format!("ZRANGESTORE {k} {l} {n} -2")),
        1 => (key(), key()).prop_map(|(k, l)| format!("COPY {k} {l} REPLACE")),
        1 => (key(), key()).prop_map(|(k, l)| format!("RENAME {k} {l}")),
        1 => (key(), 1..9).prop_map(|(k, s)| format!("PEXPIREAT {k} 170000000000{s}")),
    ]
}

proptest! {
    #[test]
    fn replayed_effects_give_an_equal_digest(
        commands in prop::collection::vec(any_command(), 1..60),
        entries in prop::sample::select(vec![0, 8, 128]),
    ) {
        let configuration = format!("zset-max-listpack-entries {entries}\nenable-debug-command yes\n");
        check_replay(&configuration, &commands);
    }
}

#[test]
fn a_large_set_is_recreated_with_its_negative_zeros() {
    let mut client = TestClient::new();
    for number in 0..300 {
        client.say(&format!("ZADD z {number} member:{number}"));
    }
    client.say("ZADD z -0 a -0 z");
    client.say("COPY z copy");
    let long = "m".repeat(65);
    client.say(&format!("ZADD y 1 a -0 {long} -0 a -0 b"));
    client.say("COPY y long");
    let mut restarted = client.restarted("");
    assert_eq!(client.say("DEBUG DIGEST"), restarted.say("DEBUG DIGEST"));
    assert!(restarted.say("ZSCORE long b").contains("-0"));
    assert!(restarted.say("ZSCORE copy a").contains("-0"));
}
