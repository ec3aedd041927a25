//! Those who follow: the copy and the stream behind it, as bytes. (That Redis follows is tested in redis-compat-tests.)

use crate::common::network::{Peer, Served, eventually, request};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A line's text. Line ends alone say that somebody is there.
fn line(peer: &mut Peer) -> String {
    let line = peer.line().expect("a line");
    String::from_utf8(line).expect("it is text").trim_matches(['\r', '\n']).to_owned()
}

/// Reads the copy: counters by key, as RDB has them.
fn copy(peer: &mut Peer) -> HashMap<String, i64> {
    let header = line(peer);
    let len = header.strip_prefix('$').and_then(|len| len.parse().ok()).expect("a length");
    let bytes = peer.exactly(len);
    assert!(bytes.starts_with(b"REDIS0010"), "{header}");
    let mut rest = &bytes[9..bytes.len() - 8];
    let mut counters = HashMap::new();
    loop {
        match take(&mut rest, 1)[0] {
            0xfa => (text(&mut rest), text(&mut rest)).1.clear(),
            0xfe => drop(take(&mut rest, 1)),
            0xff => break,
            0 => {
                let key = text(&mut rest);
                counters.insert(key, text(&mut rest).parse().expect("a number"));
            }
            other => panic!("{other} is nothing that was stored"),
        }
    }
    assert!(rest.is_empty());
    counters
}

fn take(rest: &mut &[u8], count: usize) -> Vec<u8> {
    let (taken, left) = rest.split_at(count);
    *rest = left;
    taken.to_vec()
}

/// A short string, or a number.
fn text(rest: &mut &[u8]) -> String {
    match take(rest, 1)[0] {
        0xc0 => i8::from_le_bytes(take(rest, 1).try_into().expect("one byte")).to_string(),
        0xc1 => i16::from_le_bytes(take(rest, 2).try_into().expect("two bytes")).to_string(),
        0xc2 => i32::from_le_bytes(take(rest, 4).try_into().expect("four bytes")).to_string(),
        len => String::from_utf8(take(rest, usize::from(len))).expect("it is text"),
    }
}

/// Adds what the stream says up to the key `end`.
fn follow(peer: &mut Peer, counters: &mut HashMap<String, i64>) {
    loop {
        let command = String::from_utf8(peer.reply().expect("a command")).expect("it is text");
        let words: Vec<&str> = command.split("\r\n").skip(2).step_by(2).collect();
        match words[..] {
            ["INCR", key] => *counters.entry(key.to_owned()).or_default() += 1,
            ["SET", "end", ..] => break,
            _ => {}
        }
    }
}

fn asks(peer: &mut Peer, id: &str, from: i64) {
    peer.send(&request(&[b"PSYNC", id.as_bytes(), from.to_string().as_bytes()]));
}

#[test]
fn a_copy_and_what_comes_behind_it_are_the_data() {
    let served = Served::start(&["--io-threads", "3"]);
    let ended = AtomicBool::new(false);
    let mut replicas = Vec::new();
    let mut all: HashMap<String, i64> = HashMap::new();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|number| {
                let (mut peer, ended) = (served.tcp(), &ended);
                scope.spawn(move || {
                    let mut counts: HashMap<String, i64> = HashMap::new();
                    for round in 0.. {
                        if ended.load(Relaxed) {
                            break;
                        }
                        let key = format!("k{}", (round * 7 + number) % 101);
                        match round % 3 {
                            // A transaction over two shards: all of it is in the copy, or none.
                            0 => {
                                let twice = request(&[b"INCR", key.as_bytes()]);
                                let all = [
                                    request(&[b"MULTI"]),
                                    twice.clone(),
                                    request(&[b"INCR", b"pairs"]),
                                    twice,
                                ];
                                peer.send(&[all.concat(), request(&[b"EXEC"])].concat());
                                (0..4).for_each(|_| drop(peer.reply()));
                                peer.reply();
                                *counts.entry(key).or_default() += 2;
                                *counts.entry("pairs".to_owned()).or_default() += 1;
                            }
                            _ => {
                                peer.ask(&[b"INCR", key.as_bytes()]);
                                *counts.entry(key).or_default() += 1;
                            }
                        }
                    }
                    counts
                })
            })
            .collect();
        for number in 0..6 {
            let mut replica = served.tcp();
            if number % 2 == 0 {
                replica.send(b"SYNC\r\n");
            } else {
                asks(&mut replica, "?", -1);
                assert!(line(&mut replica).starts_with("+FULLRESYNC "));
            }
            let counters = copy(&mut replica);
            replicas.push((replica, counters));
        }
        ended.store(true, Relaxed);
        for writer in writers {
            for (key, count) in writer.join().expect("it ended well") {
                *all.entry(key).or_default() += count;
            }
        }
    });
    assert_eq!(served.unix().ask(&[b"SET", b"end", b"1"]), b"+OK\r\n");
    for (mut replica, mut counters) in replicas {
        follow(&mut replica, &mut counters);
        assert!(counters == all, "{counters:?} {all:?}");
    }
}

#[test]
fn who_comes_back_misses_nothing() {
    let served = Served::start(&["--io-threads", "2"]);
    let mut writer = served.tcp();
    let mut first = served.tcp();
    asks(&mut first, "?", -1);
    let answer = line(&mut first);
    let mut words = answer.split(' ').skip(1);
    let (id, offset) = (words.next().expect("a name").to_owned(), words.next().expect("an offset"));
    let offset: i64 = offset.parse().expect("a number");
    let mut counters = copy(&mut first);
    // From here on the stream is counted in bytes.
    let mut seen = 0;
    for _ in 0..50 {
        writer.ask(&[b"INCR", b"k"]);
    }
    while counters.get("k").is_none_or(|count| *count < 50) {
        let command = first.reply().expect("a command");
        seen += command.len() as i64;
        if command.ends_with(b"INCR\r\n$1\r\nk\r\n") {
            *counters.entry("k".to_owned()).or_default() += 1;
        }
    }
    drop(first);
    for _ in 0..50 {
        writer.ask(&[b"INCR", b"k"]);
    }
    let mut second = served.tcp();
    second.send(&request(&[b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"]));
    second.expect(b"+OK\r\n");
    asks(&mut second, &id, offset + seen + 1);
    assert_eq!(line(&mut second), format!("+CONTINUE {id}"));
    writer.ask(&[b"SET", b"end", b"1"]);
    follow(&mut second, &mut counters);
    assert_eq!(counters["k"], 100);
    // Who has followed something else gets everything.
    let mut third = served.tcp();
    asks(&mut third, &"0".repeat(40), offset + 1);
    assert!(line(&mut third).starts_with("+FULLRESYNC "));
    assert_eq!(copy(&mut third)["k"], 100);
}

#[test]
fn a_replica_that_does_not_read_or_goes_harms_nobody() {
    let limit = "replica 3mb 0 0";
    let served = Served::start(&["--io-threads", "2", "--client-output-buffer-limit", limit]);
    let mut writer = served.tcp();
    let value = vec![b'v'; 1 << 20];
    for number in 0..8 {
        writer.ask(&[b"SET", format!("k{number}").as_bytes(), &value]);
    }
    // One goes in the middle of its copy, one never reads it.
    let (mut gone, mut deaf) = (served.tcp(), served.tcp());
    gone.send(b"SYNC\r\n");
    deaf.send(b"SYNC\r\n");
    line(&mut gone);
    drop(gone);
    let info = |peer: &mut Peer| String::from_utf8_lossy(&peer.ask(&[b"INFO", b"replication"])).into_owned();
    eventually("the one that went is forgotten", || {
        info(&mut writer).contains("connected_slaves:1\r\n").then_some(())
    });
    for _ in 0..100 {
        assert_eq!(writer.ask(&[b"SET", b"k0", &value]), b"+OK\r\n");
    }
    eventually("the other one is cut off", || {
        info(&mut writer).contains("connected_slaves:0\r\n").then_some(())
    });
    writer.ping();
    // A copy and nothing else, as redis-cli --rdb asks for it: then the connection ends.
    let mut only = served.tcp();
    only.send(&request(&[b"REPLCONF", b"rdb-only", b"1"]));
    only.expect(b"+OK\r\n");
    only.send(b"SYNC\r\n");
    let len = line(&mut only).strip_prefix('$').and_then(|len| len.parse().ok()).expect("a length");
    assert!(only.exactly(len).starts_with(b"REDIS0010"));
    only.expect_end(b"");
}

#[test]
fn replicas_cannot_reach_keys_and_are_never_idle() {
    let served = Served::start(&["--timeout", "1"]);
    let mut replica = served.tcp();
    replica.send(b"SYNC\r\n");
    copy(&mut replica);
    replica.send(b"GET k\r\n");
    assert_eq!(line(&mut replica), "-ERR Replica can't interact with the keyspace");
    replica.send(b"MONITOR\r\nSYNC\r\nRESET\r\n");
    assert_eq!(line(&mut replica), "-ERR can only reset normal connections");
    let mut idle = served.tcp();
    idle.ping();
    idle.expect_end(b"");
    assert_eq!(served.unix().ask(&[b"SET", b"end", b"1"]), b"+OK\r\n");
    follow(&mut replica, &mut HashMap::new());
}

/// A string that doesn't shrink when it is packed.
fn large_value(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn a_limit_that_is_smaller_than_the_copy_ends_nobody() {
    let served = Served::start(&[
        "--client-output-buffer-limit",
        "replica 20000 0 0",
        "--repl-backlog-size",
        "16384",
        "--rdbcompression",
        "no",
    ]);
    let value = large_value(3 << 20);
    assert_eq!(served.tcp().ask(&[b"SET", b"large", &value]), b"+OK\r\n");
    let mut replica = served.tcp();
    asks(&mut replica, "?", -1);
    assert!(line(&mut replica).starts_with("+FULLRESYNC "));
    let len: usize = line(&mut replica).trim_start_matches('$').parse().expect("a length");
    let bytes = replica.exactly(len);
    assert!(bytes.windows(1000).any(|window| window == &value[value.len() - 1000..]));
    assert_eq!(served.tcp().ask(&[b"SET", b"end", b"1"]), b"+OK\r\n");
    follow(&mut replica, &mut HashMap::new());
}

#[test]
fn who_wants_only_a_copy_gets_all_of_it_and_an_end() {
    let served = Served::start(&[]);
    let value = large_value(2 << 20);
    assert_eq!(served.tcp().ask(&[b"SET", b"large", &value]), b"+OK\r\n");
    let mut tool = served.tcp();
    assert_eq!(tool.ask(&[b"REPLCONF", b"rdb-only", b"1"]), b"+OK\r\n");
    tool.send(b"SYNC\r\n");
    let len: usize = line(&mut tool).trim_start_matches('$').parse().expect("a length");
    let bytes = tool.exactly(len);
    assert!(bytes.windows(1000).any(|window| window == &value[value.len() - 1000..]));
    tool.expect_end(b"");
}
