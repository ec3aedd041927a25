//! What clients are sent that is no reply: over every kind of socket, between replies, and only to those who read it.

use crate::common::network::{Peer, Served, bulk, eventually, request};

/// A message as a subscriber gets it.
fn message(first: char, channel: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("{first}3\r\n$7\r\nmessage\r\n${}\r\n{channel}\r\n", channel.len());
    [head.as_bytes(), &bulk(payload)].concat()
}

fn subscribe(peer: &mut Peer, channel: &str) {
    peer.send(&request(&[b"SUBSCRIBE", channel.as_bytes()]));
    peer.expect(format!("*3\r\n$9\r\nsubscribe\r\n${}\r\n{channel}\r\n:1\r\n", channel.len()).as_bytes());
}

/// Switches to RESP3.
fn greet(peer: &mut Peer) {
    let greeting = peer.ask(&[b"HELLO", b"3"]);
    assert!(greeting.starts_with(b"%"));
}

#[test]
fn messages_of_a_publisher_arrive_whole_and_in_order_on_every_worker() {
    let served = Served::start(&["--io-threads", "3"]);
    let mut subscribers: Vec<Peer> = (0..12).map(|_| served.tcp()).chain([served.unix()]).collect();
    subscribers.iter_mut().for_each(|peer| subscribe(peer, "c"));
    let mut publishers: Vec<Peer> = (0..3).map(|_| served.tcp()).collect();
    for round in 0..40 {
        for (name, publisher) in publishers.iter_mut().enumerate() {
            for number in round * 25..(round + 1) * 25 {
                publisher.send(&request(&[b"PUBLISH", b"c", format!("{name}:{number}").as_bytes()]));
            }
        }
    }
    for publisher in &mut publishers {
        (0..1000).for_each(|_| publisher.expect(b":13\r\n"));
    }
    for subscriber in &mut subscribers {
        let mut next = [0; 3];
        for _ in 0..3000 {
            let text = String::from_utf8(subscriber.reply().expect("a message")).expect("it is text");
            let payload = text.split("\r\n").nth(6).expect("it has three parts");
            let (name, number) = payload.split_once(':').expect("it is one of ours");
            let name: usize = name.parse().expect("a number");
            assert_eq!(number.parse(), Ok(next[name]), "{text}");
            next[name] += 1;
        }
    }
}

#[test]
fn large_messages_are_shared_and_none_breaks_a_reply() {
    let served = Served::start(&["--io-threads", "2"]);
    let mut subscriber = served.tcp();
    greet(&mut subscriber);
    subscriber.send(b"SUBSCRIBE c\r\n");
    subscriber.expect(b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    let long = vec![b'x'; 300_000];
    let mut publisher = served.tcp();
    publisher.send(&request(&[b"SET", b"long", &long]));
    publisher.expect(b"+OK\r\n");
    for _ in 0..20 {
        subscriber.send(b"GET long\r\n");
        publisher.send(&request(&[b"PUBLISH", b"c", &long]));
        publisher.expect(b":1\r\n");
    }
    let (reply, push) = (bulk(&long), message('>', "c", &long));
    for _ in 0..40 {
        let got = subscriber.reply().expect("one of both");
        assert!(got == reply || got == push, "{:?}", String::from_utf8_lossy(&got[..100]));
    }
}

#[test]
fn who_waits_for_a_key_gets_messages_meanwhile() {
    let served = Served::start(&["--io-threads", "2"]);
    let (mut waiting, mut other) = (served.tcp(), served.tcp());
    greet(&mut waiting);
    waiting.send(b"SUBSCRIBE c\r\n");
    waiting.expect(b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    waiting.send(b"BLPOP list 0\r\n");
    eventually("it waits", || {
        Some(other.ask(&[b"CLIENT", b"LIST"]))
            .filter(|list| list.windows(10).any(|part| part == b" flags=Pb "))
    });
    other.send(b"PUBLISH c hello\r\n");
    other.expect(b":1\r\n");
    waiting.expect(&message('>', "c", b"hello"));
    other.send(b"RPUSH list x\r\n");
    other.expect(b":1\r\n");
    waiting.expect(b"*2\r\n$4\r\nlist\r\n$1\r\nx\r\n");
}

#[test]
fn who_does_not_read_is_cut_off_and_holds_up_nobody() {
    let limit = "pubsub 1mb 0 0";
    let served = Served::start(&["--io-threads", "2", "--client-output-buffer-limit", limit]);
    let (mut slow, mut quick) = (served.tcp(), served.tcp());
    subscribe(&mut slow, "c");
    subscribe(&mut quick, "c");
    let payload = vec![b'x'; 10_000];
    let mut publisher = served.tcp();
    eventually("the slow one is cut off", || {
        let told = publisher.ask(&[b"PUBLISH", b"c", &payload]);
        quick.expect(&message('*', "c", &payload));
        (told == b":1\r\n").then_some(())
    });
    let info = publisher.ask(&[b"INFO", b"stats"]);
    assert!(String::from_utf8_lossy(&info).contains("client_output_buffer_limit_disconnections:1"));
    publisher.send(b"PUBSUB NUMSUB c\r\n");
    publisher.expect(b"*2\r\n$1\r\nc\r\n:1\r\n");
}

#[test]
fn what_a_message_tells_of_lasts() {
    let served = Served::start(&["--io-threads", "2", "--appendonly", "yes", "--appendfsync", "always"]);
    let (mut subscriber, mut writer) = (served.tcp(), served.tcp());
    subscribe(&mut subscriber, "c");
    for number in 0..200 {
        writer.send(format!("SET k {number}\r\nPUBLISH c {number}\r\n").as_bytes());
        writer.expect(b"+OK\r\n:1\r\n");
        subscriber.expect(&message('*', "c", number.to_string().as_bytes()));
    }
}
