use super::secrets;
use crate::command::table::Commands;
use crate::command::testing::{TestClient, check};
use crate::resp::Args;
use crate::resp::decode::Span;

/// A client of a server that has a password, which it has not given.
fn stranger() -> TestClient {
    let mut client = TestClient::new();
    client.server.set_default_password(Some(b"secret"));
    client.session.gates |= crate::session::gate::NEEDS_AUTH;
    client
}

#[test]
fn without_a_password_anybody_is_let_in() {
    check(&[
        ("AUTH default anything", "+OK"),
        ("AUTH other anything", "-WRONGPASS invalid username-password pair or user is disabled."),
        ("AUTH a b c", "-ERR syntax error"),
        (
            "AUTH a",
            "-ERR AUTH <password> called without any password configured for the default user. Are you sure your \
             configuration is correct?",
        ),
        ("HELLO 4", "-NOPROTO unsupported protocol version"),
        ("HELLO x", "-ERR Protocol version is not an integer or out of range"),
        ("HELLO 3 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'"),
        ("HELLO 3 FOO", "-ERR Syntax error in HELLO option 'FOO'"),
        (
            "HELLO 3 SETNAME \u{e9}",
            "-ERR Client names cannot contain spaces, newlines or special characters.",
        ),
    ]);
}

#[test]
fn with_a_password_nothing_goes_before_it() {
    const NO_AUTH: &str = "-NOAUTH Authentication required.\r\n";
    const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    let mut client = stranger();
    assert_eq!(client.say("PING"), NO_AUTH);
    assert_eq!(client.say("AUTH wrong"), WRONG);
    assert_eq!(client.say("AUTH secre"), WRONG);
    assert_eq!(client.say("HELLO 3 AUTH default wrong"), WRONG);
    assert!(
        client
            .say("HELLO 3")
            .starts_with("-NOAUTH HELLO must be called with the client already authenticated")
    );
    assert_eq!(client.say("PING"), NO_AUTH);
    assert!(client.say("HELLO 3 AUTH default secret SETNAME me").starts_with("%7\r\n$6\r\nserver\r\n"));
    assert_eq!(client.session.client.naming.lock().name, b"me");
    assert_eq!(client.say("PING"), "+PONG\r\n");
    let mut other = stranger();
    assert_eq!(other.say("AUTH default secret"), "+OK\r\n");
    assert_eq!(other.say("PING"), "+PONG\r\n");
}

#[test]
fn hello_tells_what_the_connection_is() {
    let mut client = TestClient::new();
    let id = client.session.client.id;
    let expect = format!(
        "*14|$6|server|$5|redis|$7|version|$5|7.2.4|$5|proto|:2|$2|id|:{id}|$4|mode|$10|standalone|$4|role|$6|master|\
         $7|modules|*0|"
    );
    assert_eq!(client.say("HELLO").replace("\r\n", "|"), expect);
    assert_eq!(client.say("HELLO 2").replace("\r\n", "|"), expect);
    assert!(client.say("HELLO 3").contains("proto\r\n:3\r\n"));
}

#[test]
fn secrets_are_found() {
    let commands = Commands::new(&[]);
    for (line, expect) in [
        ("AUTH pass", &[1][..]),
        ("auth user pass", &[1, 2]),
        ("HELLO 3 AUTH user pass SETNAME me", &[3, 4]),
        ("HELLO 3 SETNAME auth AUTH user pass", &[5, 6]),
        ("HELLO 3 AUTH auth pass AUTH a b", &[3, 4, 6, 7]),
        ("HELLO 3", &[]),
        ("MIGRATE h 1 k 0 9 COPY AUTH x auth2 y auth REPLACE", &[8, 10, 11]),
        ("MIGRATE h 1 k 0 9 AUTH", &[]),
        ("MIGRATE h 1 k 0 9 AUTH x AUTH y", &[7, 9]),
        ("MIGRATE h 1 auth 0 9 AUTH2 keys x KEYS AUTH k", &[7, 8]),
        ("CONFIG SET port 1 2 requirepass x", &[6]),
        ("CONFIG SET port 1 requirepass x MASTERAUTH y", &[5, 7]),
        ("CONFIG GET requirepass", &[]),
        ("ACL SETUSER alice on >secret", &[2, 3, 4]),
        ("SET auth x", &[]),
    ] {
        let mut spans = Vec::new();
        let mut start = 0;
        for word in line.split(' ') {
            spans.push(Span { start: start as u32, len: word.len() as u32 });
            start += word.len() + 1;
        }
        let args = Args::new(line.as_bytes(), &spans);
        let command = commands.find(args.at(0)).expect("a command");
        let subcommand = args.get(1).and_then(|name| commands.subcommand(command, name));
        assert_eq!(secrets(subcommand.unwrap_or(command), args), expect, "{line}");
    }
}
