use crate::command::testing::TestClient;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// A target that reads one request of so many commands, does something, and answers with these lines.
fn target(
    commands: usize,
    meanwhile: impl FnOnce() + Send + 'static,
    answer: &'static str,
) -> (u16, JoinHandle<(String, TcpStream)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let text = read_commands(&mut stream, commands);
        meanwhile();
        stream.write_all(answer.as_bytes()).expect("it listens");
        (text, stream)
    });
    (port, thread)
}

/// Reads until so many commands have begun and the bytes pause at the end of a line.
fn read_commands(stream: &mut TcpStream, commands: usize) -> String {
    let (mut text, mut chunk) = (String::new(), [0; 4096]);
    while text.matches("\r\n*").count() + 1 < commands || !text.ends_with("\r\n") {
        let count = stream.read(&mut chunk).expect("bytes");
        assert!(count > 0, "the request ends early: {text}");
        text += &String::from_utf8_lossy(&chunk[..count]);
    }
    text
}

#[test]
fn a_key_moves_when_the_target_has_taken_it() {
    let mut client = TestClient::new();
    client.say("SET a hello PX 5000");
    client.effects();
    let (port, thread) = target(2, || {}, "+OK\r\n+OK\r\n");
    assert_eq!(client.say(&format!("MIGRATE 127.0.0.1 {port} a 9 5000")), "+OK\r\n");
    let (request, _stream) = thread.join().expect("the target ends well");
    assert!(
        request
            .starts_with("*2\r\n$6\r\nSELECT\r\n$1\r\n9\r\n*4\r\n$7\r\nRESTORE\r\n$1\r\na\r\n$4\r\n5000\r\n"),
        "{request}"
    );
    assert_eq!(client.effects(), ["0: DEL a"]);
    assert_eq!(client.say("EXISTS a"), ":0\r\n");
    assert_eq!(client.server.peers.len(), 1, "the connection is kept");
    client.server.peers.tick(i64::MAX);
    assert!(client.server.peers.is_empty());
}

#[test]
fn only_what_was_taken_goes_and_the_first_error_is_told() {
    let mut client = TestClient::new();
    client.say("MSET a 1 b 2 c 3");
    client.effects();
    let (port, thread) = target(5, || {}, "+OK\r\n+OK\r\n+OK\r\n-BUSYKEY it is there\r\n+OK\r\n");
    let line = format!("MIGRATE 127.0.0.1 {port} \"\" 0 5000 AUTH2 keys me KEYS a nosuch b c");
    assert_eq!(client.say(&line), "-ERR Target instance replied with error: BUSYKEY it is there\r\n");
    let (request, _stream) = thread.join().expect("the target ends well");
    assert!(request.starts_with("*3\r\n$4\r\nAUTH\r\n$4\r\nkeys\r\n$2\r\nme\r\n"), "{request}");
    assert_eq!(client.effects(), ["0: DEL a", "0: DEL c"]);
    assert_eq!(client.say("EXISTS a b c"), ":1\r\n");
}

#[test]
fn what_changed_meanwhile_is_sent_again() {
    let mut client = TestClient::new();
    client.say("SET a old");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let mut other = client.beside();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        read_commands(&mut stream, 2);
        assert_eq!(other.say("SET a new"), "+OK\r\n");
        stream.write_all(b"+OK\r\n+OK\r\n").expect("it listens");
        let again = read_commands(&mut stream, 1);
        stream.write_all(b"+OK\r\n").expect("it listens");
        again
    });
    assert_eq!(client.say(&format!("MIGRATE 127.0.0.1 {port} a 0 5000")), "+OK\r\n");
    let again = thread.join().expect("the target ends well");
    assert!(again.contains("new") && again.ends_with("REPLACE\r\n"), "{again}");
    assert_eq!(client.say("EXISTS a"), ":0\r\n");
}

#[test]
fn copies_stay_and_a_dead_target_takes_nothing() {
    let mut client = TestClient::new();
    client.say("SET a 1");
    client.effects();
    let (port, thread) = target(2, || {}, "+OK\r\n+OK\r\n");
    assert_eq!(client.say(&format!("MIGRATE 127.0.0.1 {port} a 0 5000 COPY REPLACE")), "+OK\r\n");
    drop(thread.join());
    // The kept connection is closed and nobody listens any more.
    let unreachable = "-IOERR error or timeout writing to target instance\r\n";
    assert_eq!(client.say(&format!("MIGRATE 127.0.0.1 {port} a 0 5000")), unreachable);
    let (port, thread) = target(2, || {}, "+OK\r\n");
    let unread = "-IOERR error or timeout reading to target instance\r\n";
    let (request, reply) = {
        let joined = std::thread::spawn(move || drop(thread.join()));
        let reply = client.say(&format!("MIGRATE 127.0.0.1 {port} a 0 5000"));
        (joined.join(), reply)
    };
    assert!(request.is_ok());
    assert_eq!(reply, unread);
    assert!(client.effects().is_empty());
}

#[test]
fn what_is_wrong_is_said_before_anything_is_sent() {
    TestClient::new().check(&[
        ("MIGRATE h p nosuch 0 1", "+NOKEY"),
        ("MIGRATE h p \"\" 0 1 KEYS a b", "+NOKEY"),
        ("MIGRATE h p \"\" 0 1 KEYS", "+NOKEY"),
        ("MIGRATE h p a 0 x", "-ERR value is not an integer or out of range"),
        ("MIGRATE h p a x 0", "-ERR value is not an integer or out of range"),
        ("MIGRATE h p a 0 1 NOSUCH", "-ERR syntax error"),
        ("MIGRATE h p a 0 1 AUTH", "-ERR syntax error"),
        ("MIGRATE h p a 0 1 AUTH2 me", "-ERR syntax error"),
        (
            "MIGRATE h p a 0 1 KEYS b",
            "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
        ),
        ("COMMAND GETKEYS MIGRATE h p a 0 1 AUTH KEYS COPY", "*1|$1|a"),
        ("COMMAND GETKEYS MIGRATE h p \"\" 0 1 AUTH KEYS KEYS b c", "*2|$1|b|$1|c"),
    ]);
}
