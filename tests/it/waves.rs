//! Clients whose requests come at the same moment: they are executed together, and each gets what is its own.

use crate::common::network::{Peer, Served, bulk, eventually, request};
use std::net::Shutdown;

/// Tries it on a server with one worker; with io_uring, where there is one, and without.
fn both_ways(test: impl Fn(Served)) {
    for ring in ["yes", "no"] {
        test(Served::start(&["--io-threads", "1", "--io-uring", ring]));
    }
}

fn peers(served: &Served, count: usize) -> Vec<Peer> {
    let mut peers: Vec<Peer> = (0..count).map(|_| served.tcp()).collect();
    peers.iter_mut().for_each(Peer::ping);
    peers
}

#[test]
fn each_gets_its_own_replies_and_they_are_served_in_the_order_of_arrival() {
    both_ways(|served: Served| {
        let mut peers = peers(&served, 150);
        for round in 0..3 {
            let held = served.hold();
            for (index, peer) in peers.iter_mut().enumerate() {
                let db = index % 3;
                let key = format!("key:{index}");
                let value = vec![b'a' + (index % 26) as u8; 1 + index * 20];
                peer.send(&request(&[b"SELECT", db.to_string().as_bytes()]));
                peer.send(&request(&[b"SET", key.as_bytes(), &value]));
                if index % 2 == 0 {
                    peer.send(b"get 'key:missing'\r\n\r\n");
                }
                peer.send(&request(&[b"GET", key.as_bytes()]));
                peer.send(b"*2\r\n$4\r\nINCR\r\n$");
                peer.send(b"5\r\ncount\r\n");
            }
            drop(held);
            for (index, peer) in peers.iter_mut().enumerate() {
                let value = vec![b'a' + (index % 26) as u8; 1 + index * 20];
                peer.expect(b"+OK\r\n+OK\r\n");
                if index % 2 == 0 {
                    peer.expect(b"$-1\r\n");
                }
                peer.expect(&bulk(&value));
                peer.expect(format!(":{}\r\n", round * 50 + index / 3 + 1).as_bytes());
            }
        }
    });
}

#[test]
fn whoever_ends_or_waits_among_them_ends_or_waits_alone() {
    both_ways(|served: Served| {
        let mut peers = peers(&served, 8);
        peers[5].send(b"CLIENT ID\r\n");
        let id = peers[5].reply().expect("it is answered");
        let id = String::from_utf8_lossy(&id[1..id.len() - 2]).into_owned();
        let held = served.hold();
        let sent: [&[u8]; 8] = [
            b"SET a 1\r\nQUIT\r\nSET a 2\r\n",
            b"BLPOP list 0\r\nSET \"quoted key\" 'quoted value'\r\nGET \"quoted key\"\r\n",
            b"SET \"another\" \"v w\"\r\nGET another\r\n",
            b"GET a\r\n*x\r\n",
            format!("CLIENT KILL ID {id}\r\n").leak().as_bytes(),
            b"SET killed 1\r\n",
            b"RPUSH list x y\r\n",
            b"*2\r\n$3\r\nGET\r\n$1\r",
        ];
        peers.iter_mut().zip(sent).for_each(|(peer, bytes)| peer.send(bytes));
        drop(held);
        peers[0].expect_end(b"+OK\r\n+OK\r\n");
        peers[1].expect(b"*2\r\n$4\r\nlist\r\n$1\r\nx\r\n+OK\r\n$12\r\nquoted value\r\n");
        peers[2].expect(b"+OK\r\n$3\r\nv w\r\n");
        peers[3].expect_end(b"$1\r\n1\r\n-ERR Protocol error: invalid multibulk length\r\n");
        peers[4].expect(b":1\r\n");
        peers[5].read_to_end();
        peers[6].expect(b":2\r\n");
        peers[7].send(b"\na\r\n");
        peers[7].expect(b"$1\r\n1\r\n");
        let mut last = served.tcp();
        assert_eq!(last.ask(&[b"LRANGE", b"list", b"0", b"-1"]), b"*1\r\n$1\r\ny\r\n");
        eventually("the clients' leaving", || {
            let list = last.ask(&[b"CLIENT", b"LIST"]);
            (String::from_utf8_lossy(&list).matches(" fd=").count() == 6).then_some(())
        });
    });
}

#[test]
fn whoever_was_ended_does_nothing_any_more() {
    both_ways(|served: Served| {
        let mut peers = peers(&served, 6);
        let ids: Vec<Vec<u8>> = peers.iter_mut().map(|peer| peer.ask(&[b"CLIENT", b"ID"])).collect();
        let kill = |index: usize| {
            let id = &ids[index];
            [b"CLIENT KILL ID ", &id[1..id.len() - 2], b"\r\n"].concat()
        };
        // One that waits, one whose request is too long for a wave, one whose request comes in two parts, one of the wave.
        peers[1].send(b"BLPOP list 0\r\n");
        peers[3].send(b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$3\r\na");
        served.tcp().ping();
        let held = served.hold();
        let kills: Vec<u8> = (1..5).flat_map(kill).collect();
        peers[0].send(&[&kills[..], b"RPUSH list x\r\nLRANGE list 0 -1\r\n"].concat());
        peers[2].try_send(&request(&[b"SET", b"long", &[b'l'; 5000]]));
        peers[3].try_send(b"bc\r\n");
        peers[4].try_send(b"SET short 1\r\n");
        peers[5].send(b"EXISTS long half short\r\n");
        drop(held);
        peers[0].expect(b":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n*1\r\n$1\r\nx\r\n");
        peers[1..5].iter_mut().for_each(|peer| peer.expect_end(b""));
        peers[5].expect(b":0\r\n");
    });
}

#[test]
fn replies_longer_than_a_socket_takes_do_not_hold_up_others() {
    both_ways(|served: Served| {
        let mut peers = peers(&served, 60);
        let (short, long) = (vec![b's'; 15_000], vec![b'l'; 3_000_000]);
        assert_eq!(peers[0].ask(&[b"SET", b"short", &short]), b"+OK\r\n");
        assert_eq!(peers[0].ask(&[b"SET", b"long", &long]), b"+OK\r\n");
        let held = served.hold();
        for (index, peer) in peers.iter_mut().enumerate() {
            peer.send(if index % 10 == 3 { b"GET long\r\nGET short\r\n" } else { b"GET short\r\n" });
        }
        drop(held);
        let (short, long) = (bulk(&short), bulk(&long));
        // Those with long replies don't read yet.
        for (_, peer) in peers.iter_mut().enumerate().filter(|(index, _)| index % 10 != 3) {
            peer.expect(&short);
        }
        for (_, peer) in peers.iter_mut().enumerate().filter(|(index, _)| index % 10 == 3) {
            peer.expect(&long);
            peer.expect(&short);
        }
    });
}

#[test]
fn pipelines_in_one_large_collection_find_what_is_there() {
    both_ways(|served: Served| {
        let mut peer = served.tcp();
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        // The pipeline is longer than a batch, and changes what was looked for ahead.
        for index in 0..2_000 {
            let member = format!("member:{index:04}");
            let score = index.to_string();
            sent.extend(request(&[b"ZADD", b"zset", score.as_bytes(), member.as_bytes()]));
            sent.extend(request(&[b"HSET", b"hash", member.as_bytes(), score.as_bytes()]));
            sent.extend(request(&[b"SADD", b"set", member.as_bytes()]));
            expected.extend_from_slice(b":1\r\n:1\r\n:1\r\n");
        }
        for index in 0..2_000 {
            let member = format!("member:{:04}", (index * 7) % 2_000);
            sent.extend(request(&[b"ZRANK", b"zset", member.as_bytes()]));
            sent.extend(request(&[b"HGET", b"hash", member.as_bytes()]));
            sent.extend(request(&[b"SREM", b"set", member.as_bytes(), b"nobody"]));
            sent.extend(request(&[b"ZRANK", b"zset", b"nobody"]));
            expected.extend(format!(":{}\r\n", (index * 7) % 2_000).into_bytes());
            expected.extend(bulk(((index * 7) % 2_000).to_string().as_bytes()));
            expected.extend_from_slice(b":1\r\n$-1\r\n");
        }
        peer.send(&sent);
        peer.expect(&expected);
    });
}

/// Replies that wait for the log are sent together when it lets them go, while it lets more go.
#[test]
fn replies_that_the_log_lets_go_are_nobody_elses() {
    for ring in ["yes", "no"] {
        for policy in ["always", "no"] {
            let options =
                ["--io-threads", "2", "--appendonly", "yes", "--appendfsync", policy, "--io-uring", ring];
            let served = Served::start(&options);
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let mut own = peers(&served, 20);
                    scope.spawn(move || {
                        for round in 0..1000 {
                            for (index, peer) in own.iter_mut().enumerate() {
                                // Of a length of its own, so that another's is seen.
                                let echo = format!("{thread}:{index}:{round}:{}", "x".repeat(index * 3));
                                let set = [b"SET", format!("k{index}").as_bytes(), b"v"].map(<[u8]>::to_vec);
                                let set: Vec<&[u8]> = set.iter().map(Vec::as_slice).collect();
                                peer.send(&[request(&set), request(&[b"ECHO", echo.as_bytes()])].concat());
                            }
                            for (index, peer) in own.iter_mut().enumerate() {
                                let echo = format!("{thread}:{index}:{round}:{}", "x".repeat(index * 3));
                                peer.expect(&[b"+OK\r\n", &bulk(echo.as_bytes())[..]].concat());
                            }
                        }
                    });
                }
            });
        }
    }
}

/// Who has no more to say while he is answered is answered, and then his connection ends.
#[test]
fn who_leaves_as_he_is_served_is_gone() {
    both_ways(|served: Served| {
        let mut pusher = served.tcp();
        for round in 0..150 {
            let mut waiting: Vec<_> = (0..4)
                .map(|index| {
                    let stream = served.tcp_stream();
                    let mut peer = Peer::new(stream.try_clone().expect("descriptors suffice"));
                    peer.send(format!("BLPOP q{index} 0\r\n").as_bytes());
                    (stream, peer)
                })
                .collect();
            eventually("all of them wait", || {
                let info = pusher.ask(&[b"INFO", b"clients"]);
                String::from_utf8_lossy(&info).contains("blocked_clients:4\r\n").then_some(())
            });
            let push = b"RPUSH q0 v\r\nRPUSH q1 v\r\nRPUSH q2 v\r\nRPUSH q3 v\r\n";
            if round % 2 == 0 {
                pusher.send(push);
            }
            for (stream, _) in &waiting {
                stream.shutdown(Shutdown::Write).expect("it is open");
            }
            if round % 2 == 1 {
                pusher.send(push);
            }
            for (_, peer) in &mut waiting {
                peer.read_to_end();
            }
            for _ in 0..4 {
                pusher.reply().expect("it is pushed");
            }
            pusher.send(b"DEL q0 q1 q2 q3\r\n");
            pusher.reply().expect("what nobody took is gone");
        }
        eventually("nobody else is connected", || {
            let info = pusher.ask(&[b"INFO", b"clients"]);
            String::from_utf8_lossy(&info).contains("connected_clients:1\r\n").then_some(())
        });
    });
}

/// The socket of a client that a wave has read calls the next wave, not the client's task: what else there is to do is done all the
/// same, and who gets the seat of one that has gone is somebody else.
#[test]
fn whoever_rests_between_waves_is_heard_and_told() {
    both_ways(|served: Served| {
        let mut admin = served.tcp();
        for _ in 0..20 {
            let mut peers = peers(&served, 12);
            let ids: Vec<Vec<u8>> = peers.iter_mut().map(|peer| peer.ask(&[b"CLIENT", b"ID"])).collect();
            for _ in 0..3 {
                let held = served.hold();
                peers.iter_mut().for_each(|peer| peer.send(b"SET a 1\r\n"));
                drop(held);
                peers.iter_mut().for_each(|peer| peer.expect(b"+OK\r\n"));
            }
            let held = served.hold();
            peers[..4].iter_mut().for_each(|peer| peer.send(b"SUBSCRIBE news\r\n"));
            drop(held);
            peers[..4]
                .iter_mut()
                .for_each(|peer| peer.expect(b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"));
            assert_eq!(admin.ask(&[b"PUBLISH", b"news", b"x"]), b":4\r\n");
            for peer in &mut peers[..4] {
                peer.expect(b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n");
                peer.send(b"PING\r\n");
                peer.expect(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n");
            }
            let id = &ids[4][1..ids[4].len() - 2];
            assert_eq!(admin.ask(&[b"CLIENT", b"KILL", b"ID", id]), b":1\r\n");
            peers[4].expect_end(b"");
            peers[5].send(b"GET a\r\nBLPOP missing 0\r\n");
            peers[5].expect(b"$1\r\n1\r\n");
            peers[6].send(b"*2\r\n$3\r\nGET\r\n$1\r");
            peers[7].send(&request(&[b"ECHO", &[b'l'; 5000]]));
            peers[7].expect(&bulk(&[b'l'; 5000]));
            peers[6].send(b"\na\r\n");
            peers[6].expect(b"$1\r\n1\r\n");
            for ring in [&b"no"[..], b"yes"] {
                assert_eq!(admin.ask(&[b"CONFIG", b"SET", b"io-uring", ring]), b"+OK\r\n");
                for peer in &mut peers[6..] {
                    assert_eq!(peer.ask(&[b"INCR", b"count"])[0], b':');
                }
            }
        }
        assert_eq!(admin.ask(&[b"GET", b"count"]), b"$3\r\n240\r\n");
        eventually("nobody else is connected", || {
            let info = admin.ask(&[b"INFO", b"clients"]);
            String::from_utf8_lossy(&info).contains("connected_clients:1\r\n").then_some(())
        });
    });
}
