//! Lists of keys against the keys that are there.

use crate::command::testing::{TestClient, check};
use std::collections::BTreeSet;

/// The strings of a reply that is an array of bulks, or of such arrays: their nesting is not told.
fn strings(reply: &str) -> Vec<String> {
    reply
        .split("\r\n")
        .filter(|line| !line.is_empty() && !line.starts_with(['*', '$']))
        .map(String::from)
        .collect()
}

/// One call: the next cursor and the keys.
fn scan(client: &mut TestClient, cursor: &str, options: &str) -> (String, Vec<String>) {
    let reply = strings(&client.say(&format!("SCAN {cursor} {options}")));
    (reply[0].clone(), reply[1..].to_vec())
}

/// A whole iteration: all keys, as often as they came, and the calls that it took.
fn scan_all(client: &mut TestClient, options: &str) -> (Vec<String>, usize) {
    let (mut cursor, mut all, mut calls) = ("0".to_string(), Vec::new(), 0);
    loop {
        let (next, keys) = scan(client, &cursor, options);
        all.extend(keys);
        calls += 1;
        if next == "0" {
            all.sort();
            return (all, calls);
        }
        cursor = next;
    }
}

fn fill(client: &mut TestClient, names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    for name in &names {
        client.say(&format!("SET {name} 1"));
    }
    names.sort();
    names
}

#[test]
fn texts() {
    check(&[
        ("SCAN 0", "*2|$1|0|*0"),
        ("SCAN", "-ERR wrong number of arguments for 'scan' command"),
        ("SCAN x", "-ERR invalid cursor"),
        ("SCAN 1.5", "-ERR invalid cursor"),
        ("SCAN 18446744073709551616", "-ERR invalid cursor"),
        ("SCAN 18446744073709551615", "*2|$1|0|*0"),
        ("SCAN -1", "*2|$1|0|*0"),
        ("SCAN +007", "*2|$1|0|*0"),
        ("SCAN \"\"", "*2|$1|0|*0"),
        ("SCAN -", "-ERR invalid cursor"),
        ("SCAN 0 COUNT", "-ERR syntax error"),
        ("SCAN 0 COUNT 0", "-ERR syntax error"),
        ("SCAN 0 COUNT -5", "-ERR syntax error"),
        ("SCAN 0 COUNT x", "-ERR value is not an integer or out of range"),
        ("SCAN 0 MATCH", "-ERR syntax error"),
        ("SCAN 0 FOR x", "-ERR syntax error"),
        ("SET a 1", "+OK"),
        ("SCAN 0 TYPE String", "*2|$1|0|*1|$1|a"),
        ("SCAN 0 TYPE hash", "*2|$1|0|*0"),
        ("SCAN 0 TYPE nonsense", "*2|$1|0|*0"),
        ("SCAN 0 match b* COUNT 100 match a* type string", "*2|$1|0|*1|$1|a"),
        ("KEYS *", "*1|$1|a"),
        ("KEYS a", "*1|$1|a"),
        ("KEYS b", "*0"),
        ("KEYS", "-ERR wrong number of arguments for 'keys' command"),
        ("SELECT 1", "+OK"),
        ("KEYS *", "*0"),
        ("RANDOMKEY", "$-1"),
        ("DBSIZE", ":0"),
    ]);
}

#[test]
fn everything_is_found_once_by_calls_of_about_the_asked_size() {
    let mut client = TestClient::new();
    let mut names = fill(&mut client, (0..3000).map(|n| format!("key:{n}")));
    // Most of what there is may share a slot.
    names.extend(fill(&mut client, (0..5000).map(|n| format!("{{tag}}{n}"))));
    names.sort();
    for (count, calls_most) in [(1, 8000), (10, 801), (100, 81), (1000, 9), (9_000, 1)] {
        let (found, calls) = scan_all(&mut client, &format!("COUNT {count}"));
        assert_eq!(found, names, "COUNT {count}");
        assert!(calls <= calls_most, "{calls} calls for COUNT {count}");
        assert!(calls * (count + 24) >= 8000, "{calls} calls for COUNT {count}");
    }
    let mut found = strings(&client.say("KEYS *"));
    found.sort();
    assert_eq!(found, names);
    assert_eq!(client.say("DBSIZE"), ":8000\r\n");
}

#[test]
fn what_stays_is_found_whatever_comes_and_goes() {
    let mut client = TestClient::new();
    let stays: BTreeSet<String> =
        fill(&mut client, (0..500).map(|n| format!("{{a}}stays:{n}"))).into_iter().collect();
    let mut found = BTreeSet::new();
    let (mut cursor, mut round) = ("0".to_string(), 0);
    loop {
        let (next, keys) = scan(&mut client, &cursor, "COUNT 5");
        found.extend(keys);
        if next == "0" {
            break;
        }
        cursor = next;
        round += 1;
        // The slot's table grows and splits, and shrinks again.
        for n in 0..60 {
            client.say(&format!("SET {{a}}comes:{round}:{n} 1"));
            if round > 20 {
                client.say(&format!("DEL {{a}}comes:{}:{n}", round - 20));
            }
        }
    }
    assert!(stays.is_subset(&found));
}

#[test]
fn patterns() {
    let mut client = TestClient::new();
    let mut tagged = fill(&mut client, (0..300).map(|n| format!("{{tag}}{n}")));
    fill(&mut client, (0..300).map(|n| format!("other:{n}")));
    fill(&mut client, ["{}x1", "{}x2", "te*t", "text"].map(String::from).into_iter());
    for options in ["COUNT 7 MATCH {tag}*", "MATCH {ta[g]}* COUNT 1000"] {
        assert_eq!(scan_all(&mut client, options).0, tagged, "{options}");
    }
    let (_, calls) = scan_all(&mut client, "COUNT 100 MATCH {tag}*");
    assert!(calls <= 3, "{calls}");
    tagged.retain(|name| name.ends_with('7'));
    assert_eq!(scan_all(&mut client, "MATCH {tag}*7").0, tagged);
    for (pattern, expect) in [
        ("{}x*", vec!["{}x1", "{}x2"]),
        ("te*t", vec!["te*t", "text"]),
        ("te\\*t", vec!["te*t"]),
        ("text", vec!["text"]),
        ("tex", vec![]),
        ("{tag}7", vec!["{tag}7"]),
        (
            "{tag}?",
            vec![
                "{tag}0", "{tag}1", "{tag}2", "{tag}3", "{tag}4", "{tag}5", "{tag}6", "{tag}7", "{tag}8",
                "{tag}9",
            ],
        ),
    ] {
        let mut by_keys = strings(&client.say(&format!("KEYS {pattern}")));
        by_keys.sort();
        assert_eq!(by_keys, expect, "{pattern}");
        assert_eq!(scan_all(&mut client, &format!("MATCH {pattern}")).0, expect, "{pattern}");
    }
    client.run(&[b"SET", b"", b"empty"]);
    assert!(client.say("KEYS *").contains("$0\r\n\r\n"));
    assert_eq!(client.say("KEYS \"\""), "*1\r\n$0\r\n\r\n");
}

#[test]
fn what_has_expired_is_not_there() {
    let mut client = TestClient::new();
    fill(&mut client, (0..100).map(|n| format!("key:{n}")));
    for n in 0..99 {
        client.say(&format!("PEXPIRE key:{n} 5"));
    }
    client.pass(6);
    assert_eq!(strings(&client.say("KEYS *")), ["key:99"]);
    assert_eq!(client.say("KEYS key:5"), "*0\r\n");
    assert_eq!(client.say("DBSIZE"), ":100\r\n", "it counts what is stored, as Redis does");
    client.effects();
    assert_eq!(scan_all(&mut client, "").0, ["key:99"]);
    assert_eq!(client.effects().len(), 99, "SCAN deletes what it meets");
    assert_eq!(client.say("DBSIZE"), ":1\r\n");

    for n in 0..50 {
        client.say(&format!("SET {{t}}{n} 1"));
        client.say(&format!("PEXPIRE {{t}}{n} 5"));
    }
    client.pass(6);
    for _ in 0..10 {
        assert_eq!(client.say("RANDOMKEY"), "$6\r\nkey:99\r\n");
    }
    client.say("PEXPIRE key:99 1");
    client.pass(2);
    assert_eq!(client.say("RANDOMKEY"), "$-1\r\n");
    assert_eq!(client.say("DBSIZE"), ":0\r\n");
}

/// Ten thousand draws among keys of which most share a slot: each part is drawn by its share, within six deviations.
#[test]
fn random_keys_are_as_likely_as_any_other() {
    const DRAWS: usize = 10_000;
    let mut client = TestClient::new();
    let parts = [("{hot}", 6000), ("{warm}", 900), ("{cold}", 30), ("x", 1070)];
    for (prefix, count) in parts {
        fill(&mut client, (0..count).map(|n| format!("{prefix}{n}")));
    }
    let mut drawn = [0; 4];
    let mut halves = [0; 2];
    for _ in 0..DRAWS {
        let key = client.say("RANDOMKEY");
        let key = key.split("\r\n").nth(1).expect("a bulk");
        let (part, (prefix, _)) =
            parts.iter().enumerate().find(|(_, (prefix, _))| key.starts_with(prefix)).expect("a key of ours");
        drawn[part] += 1;
        if part == 0 {
            let number: usize = key[prefix.len()..].parse().expect("a number");
            halves[usize::from(number >= 3000)] += 1;
        }
    }
    let close = |seen: usize, of: usize, share: f64, what: &str| {
        let expect = of as f64 * share;
        let deviation = (of as f64 * share * (1.0 - share)).sqrt();
        assert!(
            (seen as f64 - expect).abs() < 6.0 * deviation + 1.0,
            "{what}: {seen} where {expect} are due"
        );
    };
    for (part, (prefix, count)) in parts.iter().enumerate() {
        close(drawn[part], DRAWS, f64::from(*count) / 8000.0, prefix);
    }
    close(halves[0], drawn[0], 0.5, "half of the hot ones");
}
