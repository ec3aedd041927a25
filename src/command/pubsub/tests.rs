use crate::command::testing::{TestClient, check};
use crate::resp::Output;

#[test]
fn confirmations_count_channels_with_patterns_and_shard_channels_apart() {
    check(&[
        ("SUBSCRIBE a b a", "*3|$9|subscribe|$1|a|:1|*3|$9|subscribe|$1|b|:2|*3|$9|subscribe|$1|a|:2"),
        ("PSUBSCRIBE a*", "*3|$10|psubscribe|$2|a*|:3"),
        ("SSUBSCRIBE a", "*3|$10|ssubscribe|$1|a|:1"),
        ("UNSUBSCRIBE x", "*3|$11|unsubscribe|$1|x|:3"),
        ("UNSUBSCRIBE", "*3|$11|unsubscribe|$1|a|:2|*3|$11|unsubscribe|$1|b|:1"),
        ("UNSUBSCRIBE", "*3|$11|unsubscribe|$-1|:1"),
        ("PUNSUBSCRIBE a*", "*3|$12|punsubscribe|$2|a*|:0"),
        ("SUNSUBSCRIBE", "*3|$12|sunsubscribe|$1|a|:0"),
        (
            "HELLO 3",
            "%7|$6|server|$5|redis|$7|version|$5|7.2.4|$5|proto|:3|$2|id|:1|$4|mode|$10|standalone|$4|role|$6|master|$7|modules|*0",
        ),
        ("SUBSCRIBE a", ">3|$9|subscribe|$1|a|:1"),
        ("PUNSUBSCRIBE", ">3|$12|punsubscribe|_|:1"),
        ("PING", "+PONG"),
    ]);
}

#[test]
fn a_subscriber_may_do_little_in_resp2() {
    check(&[
        ("PING x", "$1|x"),
        ("SUBSCRIBE a", "*3|$9|subscribe|$1|a|:1"),
        ("PING", "*2|$4|pong|$0"),
        ("PING x", "*2|$4|pong|$1|x"),
        (
            "CLIENT INFO",
            "-ERR Can't execute 'client|info': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed \
             in this context",
        ),
        ("RESET", "+RESET"),
        ("PING", "+PONG"),
        ("PUBSUB CHANNELS", "*0"),
    ]);
}

#[test]
fn messages_reach_channels_and_patterns_in_the_subscribers_protocol() {
    let mut sender = TestClient::new();
    let (mut old, mut new) = (sender.beside(), sender.beside());
    new.say("HELLO 3");
    old.say("SUBSCRIBE news");
    old.say("PSUBSCRIBE n?ws x*");
    new.say("SUBSCRIBE news");
    new.say("SSUBSCRIBE news");
    sender.check(&[
        ("PUBLISH news hi", ":3"),
        ("PUBLISH xyz ho", ":1"),
        ("PUBLISH nobody ho", ":0"),
        ("SPUBLISH news s", ":1"),
        ("PUBSUB NUMSUB news nobody", "*4|$4|news|:2|$6|nobody|:0"),
        ("PUBSUB NUMPAT", ":2"),
        ("PUBSUB CHANNELS n*", "*1|$4|news"),
        ("PUBSUB CHANNELS x*", "*0"),
        ("PUBSUB SHARDCHANNELS", "*1|$4|news"),
        ("PUBSUB SHARDNUMSUB news", "*2|$4|news|:1"),
    ]);
    assert_eq!(
        old.pushes(),
        "*3|$7|message|$4|news|$2|hi|*4|$8|pmessage|$4|n?ws|$4|news|$2|hi|*4|$8|pmessage|$2|x*|$3|xyz|$2|ho"
    );
    assert_eq!(new.pushes(), ">3|$7|message|$4|news|$2|hi|>3|$8|smessage|$4|news|$1|s");
    crate::hub::forget(&sender.server, &old.session.client);
    sender.check(&[("PUBSUB NUMPAT", ":0"), ("PUBLISH news hi", ":1")]);
}

#[test]
fn no_message_comes_behind_the_confirmation_that_it_is_no_longer_wanted() {
    let mut sender = TestClient::new();
    let mut old = sender.beside();
    old.say("SUBSCRIBE c");
    old.say("PSUBSCRIBE c*");
    for line in ["PUBLISH c x", "PUBLISH cd y"] {
        sender.say(line);
    }
    old.check(&[(
        "UNSUBSCRIBE c",
        "*3|$7|message|$1|c|$1|x|*4|$8|pmessage|$2|c*|$1|c|$1|x|*4|$8|pmessage|$2|c*|$2|cd|$1|y|\
             *3|$11|unsubscribe|$1|c|:1",
    )]);
    sender.say("PUBLISH c z");
    old.check(&[
        ("PUNSUBSCRIBE", "*4|$8|pmessage|$2|c*|$1|c|$1|z|*3|$12|punsubscribe|$2|c*|:0"),
        ("GET k", "$-1"),
    ]);
}

#[test]
fn who_publishes_to_himself_gets_it_behind_the_reply() {
    check(&[
        ("PUBLISH c x", ":0"),
        (
            "HELLO 3",
            "%7|$6|server|$5|redis|$7|version|$5|7.2.4|$5|proto|:3|$2|id|:1|$4|mode|$10|standalone|$4|role|$6|master|$7|modules|*0",
        ),
        ("SUBSCRIBE c", ">3|$9|subscribe|$1|c|:1"),
        ("PUBLISH c x", ":1|>3|$7|message|$1|c|$1|x"),
        ("CLIENT REPLY OFF", ""),
        ("PUBLISH c y", ">3|$7|message|$1|c|$1|y"),
        ("SUBSCRIBE d", ">3|$9|subscribe|$1|d|:2"),
        ("PING", ""),
    ]);
}

#[test]
fn who_does_not_read_is_cut_off_and_gets_no_more() {
    let mut sender = TestClient::configured("client-output-buffer-limit pubsub 1000 0 0");
    let mut slow = sender.beside();
    slow.say("SUBSCRIBE c");
    let long = "x".repeat(400);
    sender.check(&[(&format!("PUBLISH c {long}"), ":1"), (&format!("PUBLISH c {long}"), ":1")]);
    assert!(!slow.session.client.is_killed());
    sender.check(&[(&format!("PUBLISH c {long}"), ":0"), ("PUBLISH c x", ":0")]);
    assert!(slow.session.client.is_killed());
    assert!(sender.say("INFO stats").contains("client_output_buffer_limit_disconnections:1"));
}

#[test]
fn what_many_share_counts_once() {
    let mut sender = TestClient::configured("client-output-buffer-limit pubsub 0 0 0");
    let share = sender.server.backlog.share();
    let mut subscribers: Vec<_> = std::iter::repeat_with(|| sender.beside()).take(500).collect();
    for client in &mut subscribers {
        client.say("SUBSCRIBE c");
    }
    let payload = vec![b'x'; share / 500];
    for _ in 0..2 {
        assert_eq!(sender.run(&[b"PUBLISH", b"c", &payload]).as_deref(), Some(b":500\r\n".as_slice()));
    }
    assert!(sender.server.backlog.share() < share);
    for client in &mut subscribers {
        client.session.take_pushes(&sender.server.backlog, &mut Output::default());
    }
    assert_eq!(sender.server.backlog.share(), share);
}

#[test]
fn client_list_tells_of_subscriptions_and_of_what_waits() {
    let mut client = TestClient::new();
    let mut other = client.beside();
    other.say("SUBSCRIBE a b");
    other.say("PSUBSCRIBE c*");
    other.say("SSUBSCRIBE d");
    client.say("PUBLISH a hello");
    let line = client.say("CLIENT LIST TYPE pubsub");
    for part in [" flags=P ", " sub=2 psub=1 ssub=1 ", " oll=1 omem="] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let info = client.say("INFO");
    for part in ["pubsub_clients:1", "pubsub_channels:2", "pubsub_patterns:1", "pubsubshard_channels:1"] {
        assert!(info.contains(part), "{part}: {info}");
    }
}

#[test]
fn events_of_keys_are_published() {
    let mut client = TestClient::configured("notify-keyspace-events KE$x");
    let mut listener = client.beside();
    listener.say("PSUBSCRIBE __key*");
    for line in ["SET k v PX 10", "LPUSH l x", "SELECT 1", "APPEND k x"] {
        client.say(line);
    }
    client.pass(1000);
    for line in ["SELECT 0", "GET k"] {
        client.say(line);
    }
    let pushes = listener.pushes();
    let words: Vec<&str> = pushes.split('|').collect();
    let told: Vec<_> = words.chunks(9).map(|message| format!("{} {}", message[6], message[8])).collect();
    assert_eq!(
        told,
        [
            "__keyspace@0__:k set",
            "__keyevent@0__:set k",
            "__keyspace@1__:k append",
            "__keyevent@1__:append k",
            "__keyspace@0__:k expired",
            "__keyevent@0__:expired k",
        ]
    );
}
