//! Requests and replies as bytes on real sockets: splits, pipelines, inline commands, errors that end a connection.

use crate::common::network::{Peer, Served, bulk, request};
use std::net::Shutdown;

/// Sends bytes on a new connection, which must answer exactly this and close.
fn check_ends(served: &Served, sent: &[u8], answer: &[u8]) {
    let mut peer = served.tcp();
    peer.send(sent);
    peer.expect_end(answer);
}

#[test]
fn protocol_errors_are_said_and_close_the_connection() {
    let served = Served::start(&["--io-threads", "1"]);
    let long = vec![b'1'; 70_000];
    let cases: &[(Vec<u8>, &str)] = &[
        (b"*x\r\n".to_vec(), "invalid multibulk length"),
        (b"*3000000000\r\n".to_vec(), "invalid multibulk length"),
        (b"*1\r\n$x\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$-1\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$536870913\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n:1\r\n".to_vec(), "expected '$', got ':'"),
        (b"*1\r\n\r\n".to_vec(), "expected '$', got ' '"),
        (b"SET k \"v\r\n".to_vec(), "unbalanced quotes in request"),
        (b"SET k \"v\"w\r\n".to_vec(), "unbalanced quotes in request"),
        ([b"*", &long[..]].concat(), "too big mbulk count string"),
        ([b"*1\r\n$", &long[..]].concat(), "too big bulk count string"),
        (long.clone(), "too big inline request"),
    ];
    for (sent, text) in cases {
        check_ends(&served, sent, format!("-ERR Protocol error: {text}\r\n").as_bytes());
        // What was whole before it is still answered.
        let after_ping = [b"PING\r\n", &sent[..]].concat();
        check_ends(&served, &after_ping, format!("+PONG\r\n-ERR Protocol error: {text}\r\n").as_bytes());
    }
    served.tcp().ping();
}

/// Who wants no replies is not told either; the connection is closed all the same.
#[test]
fn protocol_errors_are_not_said_to_those_who_want_no_replies() {
    let served = Served::start(&["--io-threads", "1"]);
    check_ends(&served, b"PING\r\nCLIENT REPLY OFF\r\n*x\r\n", b"+PONG\r\n");
    check_ends(&served, b"PING\r\nCLIENT REPLY SKIP\r\n*x\r\n", b"+PONG\r\n");
    check_ends(
        &served,
        b"CLIENT REPLY OFF\r\nCLIENT REPLY ON\r\n*x\r\n",
        b"+OK\r\n-ERR Protocol error: invalid multibulk length\r\n",
    );
}

#[test]
fn who_must_authenticate_may_send_only_little() {
    let served = Served::start(&["--io-threads", "1", "--requirepass", "secret"]);
    check_ends(&served, b"*11\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n");
    check_ends(&served, b"*1\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n");
    let mut peer = served.tcp();
    peer.send(b"GET k\r\nAUTH secret\r\nGET k\r\n*11\r\n");
    peer.expect(b"-NOAUTH Authentication required.\r\n+OK\r\n$-1\r\n");
    // Who has authenticated and says RESET has to do so again, from the next request on.
    check_ends(
        &served,
        b"AUTH secret\r\nRESET\r\n*11\r\n",
        b"+OK\r\n+RESET\r\n-ERR Protocol error: unauthenticated multibulk length\r\n",
    );
    let mut peer = served.tcp();
    peer.send(b"AUTH secret\r\n");
    peer.expect(b"+OK\r\n");
    let long = request(&[b"MGET".as_slice(); 15]);
    peer.send(&[b"PING\r\nRESET\r\n", &long[..], b"PING\r\n"].concat());
    peer.expect_end(b"+PONG\r\n+RESET\r\n-ERR Protocol error: unauthenticated multibulk length\r\n");
}

#[test]
fn quit_answers_and_closes() {
    let served = Served::start(&["--io-threads", "1"]);
    check_ends(&served, b"PING\r\nQUIT\r\nPING\r\n", b"+PONG\r\n+OK\r\n");
    let mut unix = served.unix();
    unix.send(&request(&[b"quit"]));
    unix.expect_end(b"+OK\r\n");
}

#[test]
fn inline_commands() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut peer = served.tcp();
    peer.send(b"\r\n\nSET k 'a b'\nGET k\r\nset k \"\\x00\\n\\\"\"\r\n get  k \r\nECHO ''\r\n");
    peer.expect(b"+OK\r\n$3\r\na b\r\n+OK\r\n$3\r\n\x00\n\"\r\n$0\r\n\r\n");
}

/// While its command waits, an inline request must not be unquoted twice.
#[test]
fn an_inline_command_that_waits_keeps_its_quotes() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut peer = served.tcp();
    let mut other = served.tcp();
    assert_eq!(other.ask(&[b"CLIENT", b"PAUSE", b"100000", b"WRITE"]), b"+OK\r\n");
    peer.send(b"GET k\r\nSET k \"a \\\"b\\\"\"\r\nSET l 'c  d'\r\nGET k\r\nGET l\r\n");
    peer.expect(b"$-1\r\n");
    assert_eq!(other.ask(&[b"CLIENT", b"UNPAUSE"]), b"+OK\r\n");
    peer.expect(b"+OK\r\n+OK\r\n$5\r\na \"b\"\r\n$4\r\nc  d\r\n");
}

/// Sends the same requests in two pieces, cut at every place in turn.
fn check_every_split(served: &Served, sent: &[u8], answer: &[u8]) {
    for cut in 0..=sent.len() {
        let mut peer = served.tcp();
        peer.send(&sent[..cut]);
        // Nobody can see that the server has read the first piece; a busy socket of its own worker comes after it.
        let mut other = served.tcp();
        other.ping();
        peer.send(&sent[cut..]);
        peer.expect(answer);
    }
}

#[test]
fn requests_split_at_any_byte() {
    let served = Served::start(&["--io-threads", "1"]);
    let value = vec![b'v'; 100];
    let mut sent = request(&[b"SET", b"key", &value]);
    sent.extend(request(&[b"GET", b"key"]));
    sent.extend_from_slice(b"GET 'key'\r\n*0\r\n\r\nPING\n");
    let answer = [b"+OK\r\n".to_vec(), bulk(&value), bulk(&value), b"+PONG\r\n".to_vec()].concat();
    check_every_split(&served, &sent, &answer);
}

/// Large values leave by reference, on another path than small ones.
#[test]
fn a_split_request_for_a_large_value_is_answered() {
    let served = Served::start(&["--io-threads", "1"]);
    let value = vec![b'v'; 100_000];
    let mut peer = served.tcp();
    assert_eq!(peer.ask(&[b"SET", b"key", &value]), b"+OK\r\n");
    check_every_split(&served, &request(&[b"GET", b"key"]), &bulk(&value));
}

#[test]
fn a_split_request_is_answered_once_it_is_synced() {
    let served = Served::start(&["--io-threads", "1", "--appendonly", "yes", "--appendfsync", "always"]);
    check_every_split(&served, &request(&[b"SET", b"key", b"value"]), b"+OK\r\n");
}

#[test]
fn a_deep_pipeline_is_written_before_anything_is_read() {
    let served = Served::start(&["--io-threads", "2"]);
    let count = 100_000;
    let (mut sent, mut answer) = (Vec::new(), Vec::new());
    for number in 0..count {
        let (key, value) = (format!("key:{}", number % 1000), format!("value:{number}"));
        sent.extend(request(&[b"SET", key.as_bytes(), value.as_bytes()]));
        sent.extend(request(&[b"GET", key.as_bytes()]));
        answer.extend_from_slice(b"+OK\r\n");
        answer.extend(bulk(value.as_bytes()));
    }
    for mut peer in [served.tcp(), served.unix()] {
        peer.send(&sent);
        peer.expect(&answer);
        peer.ping();
    }
}

/// Replies far larger than any buffer between the two sides, all asked for before the first is read.
#[test]
fn a_pipeline_of_large_replies_is_written_before_anything_is_read() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut peer = served.tcp();
    let value: Vec<u8> = (0..50_000u32).map(|number| (number % 251) as u8).collect();
    assert_eq!(peer.ask(&[b"SET", b"key", &value]), b"+OK\r\n");
    let count = 2000;
    peer.send(&request(&[b"GET", b"key"]).repeat(count));
    let answer = bulk(&value);
    for _ in 0..count {
        peer.expect(&answer);
    }
    peer.ping();
}

#[test]
fn a_client_that_has_closed_its_side_is_still_answered() {
    let served = Served::start(&["--io-threads", "1"]);
    let value = vec![b'v'; 3_000_000];
    assert_eq!(served.tcp().ask(&[b"SET", b"key", &value]), b"+OK\r\n");
    let stream = served.tcp_stream();
    let mut peer = Peer::new(stream.try_clone().expect("it can be shared"));
    peer.send(&[request(&[b"GET", b"key"]).repeat(4), b"PING\r\n".to_vec()].concat());
    stream.shutdown(Shutdown::Write).expect("it is connected");
    peer.expect_end(&[bulk(&value).repeat(4), b"+PONG\r\n".to_vec()].concat());
}

/// What a client sent last may be half a request: its place is given back all the same.
#[test]
fn a_client_that_ends_within_a_request_is_forgotten() {
    let served = Served::start(&["--io-threads", "1"]);
    for half in [
        &b"*2\r\n$3\r\nGET\r\n$10\r\nabc"[..],
        b"*2\r\n$3\r\nGE",
        b"*2\r\n",
        b"*",
        b"PIN",
        b"*1\r\n$4\r\nPING\r",
    ] {
        let stream = served.tcp_stream();
        let mut peer = Peer::new(stream.try_clone().expect("it can be shared"));
        peer.send(b"PING\r\n");
        peer.expect(b"+PONG\r\n");
        peer.send(half);
        stream.shutdown(Shutdown::Write).expect("it is connected");
        peer.expect_end(b"");
    }
}

#[test]
fn replies_of_resp2_and_resp3() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut peer = served.tcp();
    assert_eq!(peer.ask(&[b"GET", b"nothing"]), b"$-1\r\n");
    assert!(peer.ask(&[b"HELLO", b"3"]).starts_with(b"%"));
    assert_eq!(peer.ask(&[b"GET", b"nothing"]), b"_\r\n");
    assert!(peer.ask(&[b"CONFIG", b"GET", b"port"]).starts_with(b"%1\r\n"));
    assert!(peer.ask(&[b"HELLO", b"2"]).starts_with(b"*"));
    assert!(peer.ask(&[b"CONFIG", b"GET", b"port"]).starts_with(b"*2\r\n"));
    assert!(peer.ask(&[b"HELLO", b"4"]).starts_with(b"-NOPROTO "));
}

#[test]
fn errors_repeat_bytes_as_they_came() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut peer = served.tcp();
    let cases: [(&[&[u8]], &[u8]); 9] = [
        (&[b"XPENDING", b"k\xff", b"g\xfe"], b"-NOGROUP No such key 'k\xff' or consumer group 'g\xfe'\r\n"),
        (&[b"SET", b"h", b"1"], b"+OK\r\n"),
        (&[b"PEXPIRE", b"h", b"100", b"\xff\xc3"], b"-ERR Unsupported option \xff\xc3\r\n"),
        (&[b"CLIENT", b"KILL", b"TYPE", b"\xf4"], b"-ERR Unknown client type '\xf4'\r\n"),
        (&[b"ACL", b"CAT", b"\xffx"], b"-ERR Unknown category '\xffx'\r\n"),
        (&[b"ACL", b"SETUSER", b"u\xff", b"on", b"nopass", b"+get", b"~k"], b"+OK\r\n"),
        (
            &[b"ACL", b"DRYRUN", b"u\xff", b"GET", b"\xfe"],
            b"$48\r\nUser u\xff has no permissions to access the '\xfe' key\r\n",
        ),
        (&[b"FUNCTION", b"LOAD", b"#!\xff name=x\nreturn 1"], b"-ERR Engine '\xff' not found\r\n"),
        (&[b"PFDEBUG", b"x\xff", b"h"], b"-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n"),
    ];
    for (request, reply) in cases {
        let got = peer.ask(request);
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(reply));
        assert_eq!(got, reply, "{request:?}");
    }
}
