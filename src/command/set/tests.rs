//! Exchanges, events and effects. Replies were compared with redis-server 7.0.15.

use crate::command::testing::{TestClient, check, check_effects, check_replay};
use proptest::prelude::*;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const SYNTAX: &str = "-ERR syntax error";

#[test]
fn members_come_and_go() {
    check(&[
        ("SADD s b a 1", ":3"),
        ("SADD s a c", ":1"),
        ("SMEMBERS s", "*4|$1|b|$1|a|$1|1|$1|c"),
        ("SCARD s", ":4"),
        ("SISMEMBER s 1", ":1"),
        ("SISMEMBER s 01", ":0"),
        ("SMISMEMBER s a x b", "*3|:1|:0|:1"),
        ("SREM s a x 1", ":2"),
        ("SREM s b c", ":2"),
        ("EXISTS s", ":0"),
        ("SREM s b", ":0"),
        ("SCARD s", ":0"),
        ("SMEMBERS s", "*0"),
        ("SMISMEMBER s a b", "*2|:0|:0"),
        ("SADD n 5 -1 100000 5", ":3"),
        ("SMEMBERS n", "*3|$2|-1|$1|5|$6|100000"),
        ("OBJECT ENCODING n", "$6|intset"),
        ("SADD n x", ":1"),
        ("OBJECT ENCODING n", "$8|listpack"),
        ("SADD n", "-ERR wrong number of arguments for 'sadd' command"),
        ("SET k v", "+OK"),
        ("SADD k a", WRONG_TYPE),
        ("SREM k a", WRONG_TYPE),
        ("SPOP k", WRONG_TYPE),
        ("SPOP k 1", WRONG_TYPE),
        ("SMEMBERS k", WRONG_TYPE),
        ("SMOVE n k x", WRONG_TYPE),
        ("SMOVE k n x", WRONG_TYPE),
        ("SMOVE missing k x", ":0"),
        ("SMOVE n n x", ":1"),
        ("SMOVE n n y", ":0"),
        ("SMOVE n m x", ":1"),
        ("SMEMBERS m", "*1|$1|x"),
    ]);
}

#[test]
fn random_members() {
    check(&[
        ("SPOP s", "$-1"),
        ("SPOP s 3", "*0"),
        ("SRANDMEMBER s", "$-1"),
        ("SRANDMEMBER s 3", "*0"),
        ("SRANDMEMBER s -3", "*0"),
        ("SADD s a", ":1"),
        ("SRANDMEMBER s", "$1|a"),
        ("SRANDMEMBER s 2", "*1|$1|a"),
        ("SRANDMEMBER s -2", "*2|$1|a|$1|a"),
        ("SRANDMEMBER s 0", "*0"),
        ("SRANDMEMBER s x", "-ERR value is not an integer or out of range"),
        ("SRANDMEMBER s 1 2", SYNTAX),
        (
            "SRANDMEMBER s -9223372036854775808",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
        ("SRANDMEMBER s -9223372036854775807", "-ERR value is out of range"),
        ("SPOP s -1", "-ERR value is out of range, must be positive"),
        ("SPOP s x", "-ERR value is out of range, must be positive"),
        ("SPOP s 1 2", SYNTAX),
        ("SPOP s 0", "*0"),
        ("SPOP s", "$1|a"),
        ("EXISTS s", ":0"),
    ]);
}

#[test]
fn sets_of_sets() {
    check(&[
        ("SADD a 1 2 3 x", ":4"),
        ("SADD b 2 3 4", ":3"),
        ("SADD c 3 x", ":2"),
        ("SINTER a b", "*2|$1|2|$1|3"),
        ("SINTER a b c", "*1|$1|3"),
        ("SINTER a missing", "*0"),
        ("SINTERCARD 2 a b", ":2"),
        ("SINTERCARD 2 a b LIMIT 1", ":1"),
        ("SINTERCARD 2 a b LIMIT 0", ":2"),
        ("SINTERCARD 0 a", "-ERR numkeys should be greater than 0"),
        ("SINTERCARD x a", "-ERR numkeys should be greater than 0"),
        ("SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args"),
        ("SINTERCARD 1 a LIMIT", SYNTAX),
        ("SINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative"),
        ("SUNION a b", "*5|$1|1|$1|2|$1|3|$1|x|$1|4"),
        ("SDIFF a b c", "*1|$1|1"),
        ("SDIFF a a", "*0"),
        ("SDIFF missing a", "*0"),
        ("SUNIONSTORE d a b c", ":5"),
        ("SMEMBERS d", "*5|$1|1|$1|2|$1|3|$1|x|$1|4"),
        ("SINTERSTORE d a b", ":2"),
        ("OBJECT ENCODING d", "$6|intset"),
        ("SDIFFSTORE a a b", ":2"),
        ("SMEMBERS a", "*2|$1|1|$1|x"),
        ("SINTERSTORE a a b", ":0"),
        ("EXISTS a", ":0"),
        ("SET k v", "+OK"),
        ("SINTER missing k", WRONG_TYPE),
        ("SUNIONSTORE d b k", WRONG_TYPE),
        ("SUNIONSTORE k b", ":3"),
        ("TYPE k", "+set"),
    ]);
}

#[test]
fn walks() {
    check(&[
        ("SADD s 1 2 x", ":3"),
        ("SSCAN s 0", "*2|$1|0|*3|$1|1|$1|2|$1|x"),
        ("SSCAN s 7 MATCH x COUNT 1", "*2|$1|0|*1|$1|x"),
        ("SSCAN s x", "-ERR invalid cursor"),
        ("SSCAN s 0 COUNT 0", SYNTAX),
        ("SSCAN missing 0 COUNT 0", "*2|$1|0|*0"),
    ]);
    let mut client = TestClient::new();
    for number in 0..1000 {
        client.say(&format!("SADD s m{number}"));
    }
    let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
    loop {
        let reply = client.say(&format!("SSCAN s {cursor} COUNT 50"));
        let lines: Vec<&str> = reply.split("\r\n").collect();
        lines[2].clone_into(&mut cursor);
        seen.extend(lines[5..].iter().step_by(2).map(|member| (*member).to_owned()));
        if cursor == "0" {
            break;
        }
    }
    seen.retain(|member| !member.is_empty());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 1000);
}

#[test]
fn resp3_has_a_type_for_sets() {
    let mut client = TestClient::new();
    client.say("HELLO 3");
    client.say("SADD s a");
    client.check(&[
        ("SMEMBERS s", "~1|$1|a"),
        ("SINTER s s", "~1|$1|a"),
        ("SUNION s", "~1|$1|a"),
        ("SDIFF s missing", "~1|$1|a"),
        ("SRANDMEMBER s 1", "*1|$1|a"),
        ("SMISMEMBER s a", "*1|:1"),
        ("SPOP s 1", "~1|$1|a"),
        ("SPOP s 1", "~0"),
        ("SPOP s", "_"),
    ]);
}

#[test]
fn effects_say_what_came_of_it() {
    check_effects(&[
        ("SADD s a b", "0: SADD s a b"),
        ("SADD s a", ""),
        ("SADD s a c", "0: SADD s a c"),
        ("SREM s x", ""),
        ("SREM s a x", "0: SREM s a x"),
        ("SMOVE s t b", "0: SREM s b; 0: SADD t b"),
        ("SMOVE s t b", ""),
        ("SPOP s", "0: SREM s c"),
        ("SPOP s 3", ""),
        ("SADD s a b", "0: SADD s a b"),
        ("SMOVE s t a", "0: SREM s a; 0: SADD t a"),
        ("SADD s b a", "0: SADD s b a"),
        ("SMOVE s t a", "0: SREM s a"),
        ("SPOP s 5", "0: DEL s"),
        ("SUNIONSTORE d t", "0: DEL d; 0: SADD d b a"),
        ("SINTERSTORE d missing", "0: DEL d"),
        ("SINTERSTORE d missing", ""),
        ("SRANDMEMBER t 2", ""),
    ]);
    let mut client = TestClient::new();
    (0..200).for_each(|number| assert_eq!(client.say(&format!("SADD s {number}")), ":1\r\n"));
    client.effects();
    client.say("SPOP s 150");
    let effects = client.effects();
    let pieces: Vec<usize> = effects.iter().map(|effect| effect.split(' ').count() - 3).collect();
    assert_eq!(pieces, [64, 64, 22]);
}

#[test]
fn events() {
    let mut client = TestClient::new();
    for (line, expect) in [
        ("SADD s a b c", "0: new s; 0: sadd s"),
        ("SADD s a", ""),
        ("SREM s a", "0: srem s"),
        ("SMOVE s t b", "0: srem s; 0: new t; 0: sadd t"),
        ("SMOVE s t c", "0: srem s; 0: del s; 0: sadd t"),
        ("SPOP t", "0: spop t"),
        ("SPOP t", "0: spop t; 0: del t"),
        ("SADD t 1 2", "0: new t; 0: sadd t"),
        ("SUNIONSTORE d t", "0: new d; 0: sunionstore d"),
        ("SDIFFSTORE d t", "0: sdiffstore d"),
        ("SINTERSTORE d t", "0: sinterstore d"),
        ("SINTERSTORE d missing", "0: del d"),
        ("SINTERSTORE d missing", ""),
        ("SPOP t 9", "0: spop t; 0: del t"),
    ] {
        client.say(line);
        assert_eq!(client.events().join("; "), expect, "{line}");
    }
}

#[test]
fn encodings_follow_the_thresholds() {
    let mut client = TestClient::configured(
        "set-max-intset-entries 4\nset-max-listpack-entries 3\nset-max-listpack-value 3\n",
    );
    for (line, encoding) in [
        ("SADD ints 1 2 3 4", "intset"),
        ("SADD ints 5", "hashtable"),
        ("SADD ints2 1 2 3 4 4", "hashtable"),
        ("SADD mixed 1 2 a", "listpack"),
        ("SADD mixed b", "hashtable"),
        ("SADD later 1 2 3", "intset"),
        ("SADD later b", "hashtable"),
        ("SADD long abcd", "hashtable"),
        ("SADD fine abc", "listpack"),
        ("SADD fine 1 2 3 4", "hashtable"),
        ("SUNIONSTORE mixed fine", "hashtable"),
        ("SINTERSTORE mixed ints later", "intset"),
        ("SDIFFSTORE mixed fine ints", "listpack"),
        ("SPOP ints 3", "hashtable"),
    ] {
        client.say(line);
        let key = line.split(' ').nth(1).expect("a key");
        let reply = client.say(&format!("OBJECT ENCODING {key}"));
        assert_eq!(reply.split("\r\n").nth(1), Some(encoding), "{line}");
    }
}

#[test]
fn choices_are_uniform() {
    for (count, prefix) in [(10, ""), (50, "m"), (300, "m"), (700, "")] {
        let mut client = TestClient::new();
        for number in 0..count {
            client.say(&format!("SADD s {prefix}{number}"));
        }
        for line in ["SRANDMEMBER s 5", "SRANDMEMBER s -5"] {
            let mut seen = vec![0_u32; count];
            for _ in 0..100 * count / 5 {
                let reply = client.say(line);
                for member in reply.split("\r\n").skip(2).step_by(2) {
                    seen[member.trim_start_matches('m').parse::<usize>().expect("a number")] += 1;
                }
            }
            // 100 each on average: six standard deviations.
            assert!(seen.iter().all(|times| (40..160).contains(times)), "{line}: {seen:?}");
        }
    }
}

#[test]
fn nearly_all_of_a_large_set_is_popped_quickly() {
    let mut client = TestClient::new();
    for number in 0..1_000 {
        let members: Vec<String> = (0..100).map(|member| format!("member:{number}:{member}")).collect();
        client.say(&format!("SADD s {}", members.join(" ")));
    }
    let reply = client.say("SPOP s 99990");
    assert!(reply.starts_with("*99990\r\n"));
    assert_eq!(client.say("SCARD s"), ":10\r\n");
    assert_eq!(client.say("OBJECT ENCODING s"), "$8\r\nlistpack\r\n");
}

fn any_command() -> impl Strategy<Value = String> {
    let key = || "[abc]";
    let member =
        || prop_oneof!["[p-z]", "[1-9][0-9]?", "-?[1-9][0-9]{8,17}", "long-[a-f]{6}-0123456789012345"];
    let members = || prop::collection::vec(member(), 1..12).prop_map(|members| members.join(" "));
    prop_oneof![
        8 => (key(), members()).prop_map(|(k, m)| format!("SADD {k} {m}")),
        3 => (key(), members()).prop_map(|(k, m)| format!("SREM {k} {m}")),
        1 => key().prop_map(|k| format!("SPOP {k}")),
        1 => (key(), 0..30).prop_map(|(k, n)| format!("SPOP {k} {n}")),
        2 => (key(), key(), member()).prop_map(|(k, l, m)| format!("SMOVE {k} {l} {m}")),
        1 => (key(), key(), key()).prop_map(|(k, l, m)| format!("SUNIONSTORE {k} {l} {m}")),
        1 => (key(), key(), key()).prop_map(|(k, l, m)| format!("SINTERSTORE {k} {l} {m}")),
        1 => (key(), key(), key()).prop_map(|(k, l, m)| format!("SDIFFSTORE {k} {l} {m}")),
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
        let configuration = format!(
            "set-max-listpack-entries {entries}\nset-max-intset-entries {entries}\nenable-debug-command yes\n"
        );
        check_replay(&configuration, &commands);
    }
}
