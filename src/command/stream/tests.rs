use crate::command::testing::{TestClient, check, check_effects};
use proptest::prelude::*;

#[test]
fn a_consumer_may_have_the_name_of_an_option() {
    check(&[
        ("XADD s 1-1 a b", "$3|1-1"),
        ("XGROUP CREATE s STREAMS 0", "+OK"),
        ("XREADGROUP COUNT 1 GROUP STREAMS STREAMS STREAMS s >", "*1|*2|$1|s|*1|*2|$3|1-1|*2|$1|a|$1|b"),
        ("XREADGROUP NOACK BLOCK 1 GROUP STREAMS streams STREAMS s 0", "*1|*2|$1|s|*0"),
        ("XREADGROUP GROUP STREAMS count COUNT 5 STREAMS s 0", "*1|*2|$1|s|*0"),
        ("XREADGROUP COUNT 1 GROUP STREAMS STREAMS s >", "-ERR syntax error"),
    ]);
}

#[test]
fn entries_are_added_and_shown() {
    check(&[
        ("XADD s 1-1 a 1 b x", "$3|1-1"),
        ("XADD s 1-* a 2", "$3|1-2"),
        (
            "XADD s 1-1 a 2",
            "-ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ),
        ("XADD s 0-0 a 2", "-ERR The ID specified in XADD must be greater than 0-0"),
        ("XADD t NOMKSTREAM * a 2", "$-1"),
        ("XADD s 2 a 1 b", "-ERR wrong number of arguments for 'xadd' command"),
        ("XADD s MAXLEN 1 = a b", "-ERR Invalid stream ID specified as stream command argument"),
        ("XLEN s", ":2"),
        ("XRANGE s - +", "*2|*2|$3|1-1|*4|$1|a|$1|1|$1|b|$1|x|*2|$3|1-2|*2|$1|a|$1|2"),
        ("XREVRANGE s + - COUNT 1", "*1|*2|$3|1-2|*2|$1|a|$1|2"),
        ("XRANGE s (1-1 +", "*1|*2|$3|1-2|*2|$1|a|$1|2"),
        ("XRANGE s - + COUNT 0", "*-1"),
        ("XDEL s 1-1 5-5", ":1"),
        ("XDEL s 1-2", ":1"),
        ("XLEN s", ":0"),
        ("TYPE s", "+stream"),
        ("OBJECT ENCODING s", "$6|stream"),
        ("SET x y", "+OK"),
        ("XADD x * a b", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
}

#[test]
fn streams_are_trimmed() {
    check(&[
        ("XADD s 1 a 1", "$3|1-0"),
        ("XADD s 2 a 1", "$3|2-0"),
        ("XADD s 3 a 1", "$3|3-0"),
        ("XADD s MAXLEN = 3 4 a 1", "$3|4-0"),
        ("XTRIM s MAXLEN ~ 1", ":0"),
        ("XTRIM s MINID 3", ":1"),
        ("XRANGE s - +", "*2|*2|$3|3-0|*2|$1|a|$1|1|*2|$3|4-0|*2|$1|a|$1|1"),
        ("XTRIM s MAXLEN 3 LIMIT 1", "-ERR syntax error, LIMIT cannot be used without the special ~ option"),
        ("XTRIM s LIMIT 3", "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"),
        ("XTRIM s MAXLEN 0", ":2"),
        ("XTRIM nothing MAXLEN 0", ":0"),
    ]);
}

#[test]
fn groups_read_and_acknowledge() {
    check(&[
        (
            "XGROUP CREATE s g $",
            "-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
        ),
        ("XGROUP CREATE s g $ MKSTREAM", "+OK"),
        ("XGROUP CREATE s g $", "-BUSYGROUP Consumer Group name already exists"),
        ("XREADGROUP GROUP g c STREAMS s >", "*-1"),
        ("XADD s 1 a 1", "$3|1-0"),
        ("XADD s 2 a 2", "$3|2-0"),
        ("XREADGROUP GROUP g c COUNT 1 STREAMS s >", "*1|*2|$1|s|*1|*2|$3|1-0|*2|$1|a|$1|1"),
        ("XREADGROUP GROUP g d STREAMS s >", "*1|*2|$1|s|*1|*2|$3|2-0|*2|$1|a|$1|2"),
        ("XPENDING s g", "*4|:2|$3|1-0|$3|2-0|*2|*2|$1|c|$1|1|*2|$1|d|$1|1"),
        ("XREADGROUP GROUP g c STREAMS s 0", "*1|*2|$1|s|*1|*2|$3|1-0|*2|$1|a|$1|1"),
        ("XPENDING s g - + 10 c", "*1|*4|$3|1-0|$1|c|:0|:2"),
        ("XCLAIM s g d 0 1-0 JUSTID", "*1|$3|1-0"),
        ("XPENDING s g - + 10 c", "*0"),
        ("XDEL s 2", ":1"),
        ("XREADGROUP GROUP g d STREAMS s 0", "*1|*2|$1|s|*2|*2|$3|1-0|*2|$1|a|$1|1|*2|$3|2-0|*-1"),
        ("XAUTOCLAIM s g c 0 0 COUNT 1", "*3|$3|2-0|*1|*2|$3|1-0|*2|$1|a|$1|1|*0"),
        (
            "XAUTOCLAIM s g c 0 0 COUNT 99999999999999999",
            "-ERR Insufficient memory, failed allocating transient memory, COUNT too high.",
        ),
        ("XAUTOCLAIM s g c 0 2 JUSTID", "*3|$3|0-0|*0|*1|$3|2-0"),
        ("XACK s g 1-0 2-0 3-0", ":1"),
        (
            "XINFO GROUPS s",
            "*1|*12|$4|name|$1|g|$9|consumers|:2|$7|pending|:0|$17|last-delivered-id|$3|2-0|$12|entries-read|:2|$3|lag|:0",
        ),
        ("XGROUP DELCONSUMER s g c", ":0"),
        ("XGROUP CREATECONSUMER s g e", ":1"),
        ("XGROUP DESTROY s g", ":1"),
        (
            "XREADGROUP GROUP g c STREAMS s >",
            "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option",
        ),
        ("XREAD COUNT 1 STREAMS s 0", "*1|*2|$1|s|*1|*2|$3|1-0|*2|$1|a|$1|1"),
        ("XREAD STREAMS s $", "*-1"),
        (
            "XREAD STREAMS s t 0",
            "-ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.",
        ),
    ]);
}

#[test]
fn deletion_heeds_groups() {
    check(&[
        ("XADD s 1 a 1", "$3|1-0"),
        ("XADD s 2 a 1", "$3|2-0"),
        ("XADD s 3 a 1", "$3|3-0"),
        ("XGROUP CREATE s g 0", "+OK"),
        ("XREADGROUP GROUP g c NOACK COUNT 1 STREAMS s >", "*1|*2|$1|s|*1|*2|$3|1-0|*2|$1|a|$1|1"),
        ("XREADGROUP GROUP g c COUNT 1 STREAMS s >", "*1|*2|$1|s|*1|*2|$3|2-0|*2|$1|a|$1|1"),
        ("XDELEX s ACKED IDS 4 1 2 3 4", "*4|:1|:2|:2|:-1"),
        ("XACKDEL s g ACKED IDS 2 1 2", "*2|:-1|:1"),
        ("XREADGROUP GROUP g c COUNT 1 STREAMS s >", "*1|*2|$1|s|*1|*2|$3|3-0|*2|$1|a|$1|1"),
        ("XDELEX s IDS 1 3", "*1|:1"),
        ("XPENDING s g - + 10", "*1|*4|$3|3-0|$1|c|:0|:1"),
        ("XDELEX s DELREF IDS 1 3", "*1|:-1"),
        ("XPENDING s g - + 10", "*0"),
        ("XDELEX s IDS 2 3", "-ERR The `numids` parameter must match the number of arguments"),
        ("XDELEX s IDS 0 3", "-ERR Number of IDs must be a positive integer"),
        ("XDELEX none IDS 1 3", "*1|:-1"),
        ("XACKDEL s none IDS 1 3", "*1|:-1"),
    ]);
}

#[test]
fn effects_say_what_came_of_it() {
    check_effects(&[
        ("XADD s 1 a 1", "0: XADD s 1 a 1"),
        ("XADD s 1-* a 1", "0: XADD s 1-1 a 1"),
        ("XADD s * a 1", "0: XADD s 1700000000000-0 a 1"),
        ("XADD s MAXLEN 2 * a 1", "0: XADD s MAXLEN = 2 1700000000000-1 a 1"),
        ("XADD s MAXLEN ~ 2 LIMIT 5 * a 1", "0: XADD s 1700000000000-2 a 1"),
        ("XTRIM s MINID 1700000000000-1", "0: XTRIM s MINID 1700000000000-1"),
        ("XTRIM s MAXLEN ~ 1", ""),
        ("XTRIM s MAXLEN ~ 0", "0: XTRIM s MAXLEN = 0"),
        ("XSETID s 1700000000000-5", "0: XSETID s 1700000000000-5"),
        ("DEL s", "0: DEL s"),
        ("XGROUP CREATE s g 0 MKSTREAM", "0: XGROUP CREATE s g 0 MKSTREAM"),
        ("XREADGROUP GROUP g c STREAMS s >", "0: XGROUP CREATECONSUMER s g c"),
        ("XADD s 1 a 1", "0: XADD s 1 a 1"),
        ("XADD s 2 a 1", "0: XADD s 2 a 1"),
        ("XADD s 3 a 1", "0: XADD s 3 a 1"),
        (
            "XREADGROUP GROUP g c COUNT 2 STREAMS s >",
            "0: XCLAIM s g c 0 1-0 2-0 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 2-0; \
             0: XGROUP SETID s g 2-0 ENTRIESREAD 2",
        ),
        (
            "XREADGROUP GROUP g d NOACK STREAMS s >",
            "0: XGROUP CREATECONSUMER s g d; 0: XGROUP SETID s g 3-0 ENTRIESREAD 3",
        ),
        (
            "XREADGROUP GROUP g c COUNT 1 STREAMS s 0",
            "0: XCLAIM s g c 0 1-0 TIME 1700000000000 RETRYCOUNT 2 FORCE JUSTID LASTID 3-0",
        ),
        ("XREADGROUP GROUP g c STREAMS s >", ""),
        ("XDEL s 2", "0: XDEL s 2"),
        (
            "XAUTOCLAIM s g d 0 0 JUSTID",
            "0: XCLAIM s g d 0 1-0 TIME 1700000000000 RETRYCOUNT 2 FORCE JUSTID LASTID 3-0; \
             0: XCLAIM s g c 0 2-0 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 3-0",
        ),
        (
            "XCLAIM s g e 0 1 9 RETRYCOUNT 7 IDLE 5 LASTID 5-0",
            "0: XGROUP CREATECONSUMER s g e; \
             0: XCLAIM s g e 0 1-0 TIME 1699999999995 RETRYCOUNT 7 FORCE JUSTID LASTID 5-0; \
             0: XGROUP SETID s g 5-0 ENTRIESREAD 3",
        ),
        ("XACK s g 9", ""),
        ("XACK s g 1", "0: XACK s g 1"),
        ("XDELEX s ACKED IDS 2 3 8", "0: XDEL s 3-0"),
        ("XADD s 7 a 1", "0: XADD s 7 a 1"),
        ("XADD s 8 a 1", "0: XADD s 8 a 1"),
        ("XGROUP CREATE s other 5", "0: XGROUP CREATE s other 5"),
        (
            "XREADGROUP GROUP other c STREAMS s >",
            "0: XGROUP CREATECONSUMER s other c; \
             0: XCLAIM s other c 0 7-0 8-0 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 8-0; \
             0: XGROUP SETID s other 8-0 ENTRIESREAD 5",
        ),
        ("XACKDEL s other KEEPREF IDS 2 8 9", "0: XACK s other 8-0; 0: XDEL s 8-0"),
        ("XDELEX s DELREF IDS 2 2 7", "0: XACK s other 7-0; 0: XDEL s 7-0"),
        ("XDELEX s DELREF IDS 2 2 7", ""),
    ]);
}

#[test]
fn events_are_those_of_redis() {
    let mut client = TestClient::new();
    for (line, expect) in [
        ("XADD s MAXLEN 0 1 a 1", &["0: new s", "0: xadd s", "0: xtrim s"][..]),
        ("XADD s 2 a 1", &["0: xadd s"]),
        ("XGROUP CREATE s g 0", &["0: xgroup-create s"]),
        ("XGROUP SETID s g 0", &["0: xgroup-setid s"]),
        ("XREADGROUP GROUP g c STREAMS s >", &["0: xgroup-createconsumer s"]),
        ("XACK s g 2", &[]),
        ("XGROUP DELCONSUMER s g c", &["0: xgroup-delconsumer s"]),
        ("XGROUP DESTROY s g", &["0: xgroup-destroy s"]),
        ("XDEL s 2", &["0: xdel s"]),
        ("XSETID s 5", &["0: xsetid s"]),
    ] {
        client.say(line);
        assert_eq!(client.events(), expect, "{line}");
    }
}

#[test]
fn readers_wait_for_entries() {
    let mut client = TestClient::new();
    client.say("XADD s 1 a 1");
    let (mut one, mut two) = (client.beside(), client.beside());
    assert_eq!(one.say("XREAD BLOCK 0 STREAMS s $"), "(parked)");
    assert_eq!(two.say("XREAD BLOCK 100 STREAMS t s 0 5"), "(parked)");
    client.say("XADD s 2 b 2");
    assert_eq!(one.answer(), "*1|*2|$1|s|*1|*2|$3|2-0|*2|$1|b|$1|2");
    assert_eq!(two.answer(), "(waiting)");
    two.pass(100);
    assert_eq!(two.answer(), "*-1");
    assert_eq!(client.say("XREAD BLOCK -1 STREAMS s $").trim_end(), "-ERR timeout is negative");
}

#[test]
fn groups_wait_for_entries_and_hear_of_their_end() {
    let mut client = TestClient::new();
    client.say("XGROUP CREATE s g $ MKSTREAM");
    let (mut one, mut two, mut three) = (client.beside(), client.beside(), client.beside());
    for (reader, name) in [(&mut one, "one"), (&mut two, "two"), (&mut three, "three")] {
        assert_eq!(reader.say(&format!("XREADGROUP GROUP g {name} BLOCK 0 STREAMS s >")), "(parked)");
    }
    client.effects();
    client.say("XADD s 1 a 1");
    assert_eq!(
        client.effects(),
        [
            "0: XADD s 1 a 1",
            "0: XCLAIM s g one 0 1-0 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 1-0",
            "0: XGROUP SETID s g 1-0 ENTRIESREAD 1"
        ]
    );
    assert_eq!(one.answer(), "*1|*2|$1|s|*1|*2|$3|1-0|*2|$1|a|$1|1");
    assert_eq!((two.answer(), three.answer()), ("(waiting)".into(), "(waiting)".into()));
    client.say("XGROUP DESTROY s g");
    let gone = "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option";
    assert_eq!((two.answer(), three.answer()), (gone.into(), gone.into()));
    client.say("XGROUP CREATE s g $");
    assert_eq!(two.say("XREADGROUP GROUP g two BLOCK 0 STREAMS s >"), "(parked)");
    client.say("DEL s");
    assert_eq!(two.answer(), gone);
}

/// What shows of a stream, without times.
fn state(client: &mut TestClient, key: &str) -> Vec<String> {
    let mut lines = vec![
        client.say(&format!("DEBUG DIGEST-VALUE {key}")),
        client.say(&format!("XINFO GROUPS {key}")),
        client.say(&format!("XRANGE {key} - +")),
    ];
    let info = client.say(&format!("XINFO STREAM {key}"));
    // From the last generated ID on: how blocks are divided may differ.
    lines.push(info.split_once("last-generated-id").map_or("", |(_, rest)| rest).into());
    for group in ["g", "h"] {
        lines.push(client.say(&format!("XPENDING {key} {group}")));
        lines.push(client.say(&format!("XPENDING {key} {group} - + 1000")));
    }
    let unnamed = |line: String| line.replace(&format!("'{key}'"), "KEY");
    lines.into_iter().map(unnamed).collect()
}

/// Any change of a stream, of a few entries and groups.
fn command() -> impl Strategy<Value = String> {
    let id = || 0..12u64;
    let group = || prop::sample::select(vec!["g", "h"]);
    let consumer = || prop::sample::select(vec!["c", "d"]);
    prop_oneof![
        6 => id().prop_map(|id| format!("XADD k {id}-* f {id} g x")),
        2 => (id(), 0..6).prop_map(|(id, len)| format!("XADD k MAXLEN ~ {len} {id}-* n v")),
        2 => (id(), 0..6).prop_map(|(id, len)| format!("XADD k MAXLEN {len} {id}-* f v")),
        1 => (0..6).prop_map(|len| format!("XTRIM k MAXLEN ~ {len}")),
        1 => id().prop_map(|id| format!("XTRIM k MINID {id}")),
        2 => id().prop_map(|id| format!("XDEL k {id}-0 {id}-1")),
        1 => id().prop_map(|id| format!("XSETID k {id}-9 ENTRIESADDED 30")),
        2 => (group(), id()).prop_map(|(group, id)| format!("XGROUP CREATE k {group} {id} MKSTREAM")),
        1 => (group(), id()).prop_map(|(group, id)| format!("XGROUP SETID k {group} {id}")),
        1 => (group(), consumer()).prop_map(|(group, name)| format!("XGROUP DELCONSUMER k {group} {name}")),
        1 => group().prop_map(|group| format!("XGROUP DESTROY k {group}")),
        6 => (group(), consumer(), 0..4, any::<bool>()).prop_map(|(group, name, count, no_ack)| {
            let no_ack = if no_ack { "NOACK" } else { "" };
            format!("XREADGROUP GROUP {group} {name} COUNT {count} {no_ack} STREAMS k >")
        }),
        2 => (group(), consumer()).prop_map(|(group, name)| format!("XREADGROUP GROUP {group} {name} STREAMS k 0")),
        2 => (group(), consumer(), id())
            .prop_map(|(group, name, id)| format!("XCLAIM k {group} {name} 0 {id}-0 {id}-1 FORCE LASTID {id}")),
        2 => (group(), consumer()).prop_map(|(group, name)| format!("XAUTOCLAIM k {group} {name} 0 0 COUNT 2")),
        1 => (group(), id()).prop_map(|(group, id)| format!("XACK k {group} {id}-0 {id}-1")),
        1 => (id(), prop::sample::select(vec!["KEEPREF", "DELREF", "ACKED"]))
            .prop_map(|(id, option)| format!("XDELEX k {option} IDS 1 {id}-0")),
        1 => (group(), id()).prop_map(|(group, id)| format!("XACKDEL k {group} DELREF IDS 1 {id}-0")),
    ]
}

proptest! {
    #[test]
    fn replaying_effects_gives_the_same_stream(lines in prop::collection::vec(command(), 1..60)) {
        let mut client = TestClient::configured("enable-debug-command yes\nstream-node-max-entries 3");
        let mut replica = TestClient::configured("enable-debug-command yes\nstream-node-max-entries 4");
        for line in &lines {
            client.say(line);
            for effect in client.effects() {
                let effect = effect.split_once(": ").map_or("", |(_, effect)| effect);
                let answer = replica.say(effect);
                prop_assert!(!answer.starts_with('-'), "{line}: {effect}: {answer}");
            }
            prop_assert_eq!(state(&mut client, "k"), state(&mut replica, "k"), "{}", line);
        }
        // What recreates the whole gives the same, too.
        client.say("COPY k copy");
        for effect in client.effects() {
            let effect = effect.split_once(": ").map_or("", |(_, effect)| effect);
            let answer = replica.say(effect);
            prop_assert!(!answer.starts_with('-'), "{effect}: {answer}");
        }
        // Of what was trimmed before the last ID was set back, not all that is pending can be told.
        let told = if lines.iter().any(|line| line.starts_with("XSETID")) { 4 } else { usize::MAX };
        let told = |lines: Vec<String>| lines.into_iter().take(told).filter(|line| !line.contains("pending")).collect::<Vec<_>>();
        prop_assert_eq!(told(state(&mut client, "copy")), told(state(&mut replica, "copy")));
        prop_assert_eq!(state(&mut client, "copy"), state(&mut client, "k"));
    }
}

#[test]
fn a_restart_keeps_when_entries_were_delivered() {
    let mut client = TestClient::new();
    for line in [
        "XADD s 1-1 a b",
        "XADD s 1-2 a b",
        "XADD s 1-3 a b",
        "XGROUP CREATE s g 0",
        "XREADGROUP GROUP g c COUNT 2 STREAMS s >",
        "XCLAIM s g d 0 1-2 IDLE 1000",
        "XAUTOCLAIM s g e 0 0 COUNT 1",
    ] {
        assert!(!client.say(line).starts_with('-'), "{line}");
    }
    let mut restarted = client.restarted("");
    client.pass(5000);
    restarted.pass(5000);
    let pending = "XPENDING s g - + 10";
    assert_eq!(client.say(pending), restarted.say(pending));
    assert!(client.say(pending).contains(":6000"));
}

/// Redis' counters are signed, and the commands that a log is made of say them.
#[test]
fn a_counter_ends_where_no_command_can_say_it() {
    const MAX: &str = "9223372036854775807";
    let mut client = TestClient::new();
    for line in [
        "XADD s 1-1 a b",
        "XGROUP CREATE s g 0",
        &format!("XCLAIM s g c 0 1-1 TIME -5 RETRYCOUNT {MAX} FORCE JUSTID"),
        "XREADGROUP GROUP g c STREAMS s 0",
        "XCLAIM s g d 0 1-1",
        "XAUTOCLAIM s g e 0 0",
        "XADD r 5-5 a b",
        &format!("XGROUP CREATE r g 0 ENTRIESREAD {MAX}"),
        "XREADGROUP GROUP g c STREAMS r >",
        "XADD t 5-5 a b",
        &format!("XSETID t 5-5 ENTRIESADDED {MAX} MAXDELETEDID 0-0"),
        "XADD t 6-1 a b",
        "COPY t u",
        "COPY s v",
    ] {
        assert!(!client.say(line).starts_with('-'), "{line}");
    }
    let mut restarted = client.restarted("");
    assert_eq!(client.say("DEBUG DIGEST"), restarted.say("DEBUG DIGEST"));
    assert!(restarted.say("XPENDING s g - + 1").contains(MAX));
}
