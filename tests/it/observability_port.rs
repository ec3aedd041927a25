//! The port of /metrics, /healthz and /readyz: whoever reaches it can neither fill it nor keep others away from it.

use crate::common::network::{PATIENCE, Served, free_port};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Instant;

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    stream.set_write_timeout(Some(PATIENCE)).expect("it is a socket");
    stream
}

/// What comes until the server closes.
fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(port: u16, path: &str) -> String {
    let mut stream = connect(port);
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("it reads");
    rest(stream)
}

fn start() -> (Served, u16) {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    (Served::start(&["--io-threads", "1", "--metrics-bind", &address]), port)
}

#[test]
fn those_who_only_connect_keep_nobody_away() {
    let (served, port) = start();
    let before = served.resident_bytes();
    let idle: Vec<TcpStream> = (0..300)
        .map(|number| {
            let mut stream = connect(port);
            let start = [&b""[..], b"GET /metrics HTTP/1.1\r\nX: ", b"G"][number % 3];
            // Where more than a few are open, it may be closed by now.
            let _ = stream.write_all(start);
            stream
        })
        .collect();
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert!(get(port, path).starts_with("HTTP/1.1 200 OK\r\n"), "{path}");
    }
    assert!(served.resident_bytes().saturating_sub(before) < 16 << 20);
    // Most were ended for others, and the last ones end because nothing comes.
    let start = Instant::now();
    for stream in idle {
        rest(stream);
    }
    assert!(start.elapsed().as_secs() < 20, "they ended after {:?}", start.elapsed());
    assert!(get(port, "/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
    served.tcp().ping();
}

#[test]
fn a_request_has_a_length() {
    let (served, port) = start();
    let before = served.resident_bytes();
    // Headers without end: more than it reads is not even sent.
    let mut endless = connect(port);
    let mut sent = endless.write(b"GET / HTTP/1.1\r\n").expect("it is open");
    while let Ok(count) = endless.write(b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n") {
        sent += count;
        assert!(sent < 64 << 20, "it reads for ever");
    }
    assert!(served.resident_bytes().saturating_sub(before) < 16 << 20);
    // A connection is good for one request.
    let mut two = connect(port);
    two.write_all(&b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2)).expect("it reads");
    assert_eq!(rest(two).matches("HTTP/1.1 200 OK").count(), 1);
    // Nobody sends what it announces.
    let mut body = connect(port);
    body.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n")
        .expect("it reads");
    assert!(rest(body).contains("\r\n\r\nok\n"));
    served.tcp().ping();
}
