//! Clients that begin a TLS handshake and never finish it.
//!
//! The certificate in `tests/data/tls` is for tests only: its key is known to everybody.
#![cfg(feature = "tls")]

use crate::common::network::{Served, eventually, free_port};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Instant;

/// More than the handshake's limit, 10 seconds.
const LIMIT_SECONDS: u64 = 25;
/// A handshake message that says it is 16,384 bytes long, in records of as many bytes as can be.
const CLIENT_HELLO: &[u8] = &[22, 3, 1, 0x40, 0, 1, 0, 0x40, 0, 3, 3];

fn start(options: &[&str]) -> (Served, u16) {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");
    let (certificate, key) = (format!("{data}/certificate.pem"), format!("{data}/key.pem"));
    let port = free_port();
    let text = port.to_string();
    let mut all = vec!["--io-threads", "1", "--tls-port", &text, "--tls-auth-clients", "no"];
    all.extend(["--tls-cert-file", &certificate, "--tls-key-file", &key]);
    all.extend(options);
    (Served::start(&all), port)
}

/// Connects so often and never goes on: with nothing sent, the beginning of a message, or all but its last byte.
fn begin(port: u16, count: usize) -> Vec<TcpStream> {
    let nearly = [CLIENT_HELLO, &[7; 16_000]].concat();
    let pieces = [&b""[..], CLIENT_HELLO, &nearly];
    (0..count)
        .map(|number| {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
            stream.write_all(pieces[number % pieces.len()]).expect("it is open");
            stream
        })
        .collect()
}

#[test]
fn unfinished_handshakes_take_places_for_a_while() {
    let (served, port) = start(&["--maxclients", "30"]);
    let mut other = served.tcp();
    other.ping();
    let mut begun = begin(port, 29);
    let start = Instant::now();
    eventually("all places are taken", || {
        let mut late = served.tcp();
        late.try_send(b"PING\r\n");
        let is_refused = late.reply()? == b"-ERR max number of clients reached\r\n";
        // One that waited to be let in by the other port may have been turned away, because this one had its place.
        is_refused.then_some(()).or_else(|| {
            begun.extend(begin(port, 1));
            None
        })
    });
    other.ping();
    // Their time runs out whether they sent anything or not.
    for mut stream in begun {
        let wait = std::time::Duration::from_secs(LIMIT_SECONDS);
        stream.set_read_timeout(Some(wait)).expect("it is a socket");
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
    assert!(start.elapsed().as_secs() < LIMIT_SECONDS, "they held their places for {:?}", start.elapsed());
    served.tcp().ping();
    other.ping();
}

#[test]
fn who_speaks_plainly_is_sent_nothing() {
    let (served, port) = start(&[]);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    stream.write_all(b"*1\r\n$4\r\nPING\r\n").expect("it is open");
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    assert!(answer.is_empty(), "{answer:?}");
    served.tcp().ping();
}

#[test]
fn an_unfinished_handshake_holds_little() {
    let (served, port) = start(&["--tcp-backlog", "1024"]);
    let mut other = served.tcp();
    other.ping();
    let before = served.resident_bytes();
    let begun = begin(port, 900);
    other.ping();
    let each = served.resident_bytes().saturating_sub(before) / 900;
    println!("an unfinished handshake holds {each} bytes");
    // A third of them have sent 16 KB.
    assert!(each < 24 * 1024, "an unfinished handshake holds {each} bytes");
    drop(begun);
    let mut count = 0;
    while served.resident_bytes().saturating_sub(before) > 4 << 20 && count < 2_000_000 {
        other.ping();
        count += 1;
    }
    assert!(served.resident_bytes().saturating_sub(before) <= 4 << 20, "what they held is not given back");
}
