use crate::command::testing::{TestClient, check};
use crate::state::clients::{Address, Client};
use std::sync::Arc;

/// A second client of the same server, as others see it.
fn add(client: &TestClient, address: &str) -> Arc<Client> {
    let address = Address::Tcp(address.parse().expect("a socket address"));
    let id = client.server.clients.next_id();
    let user = client.server.users.default_user();
    client.server.welcome(Client::new(id, 0, 9, address, Address::Unknown, client.now, 0, user))
}

#[test]
fn errors() {
    check(&[
        ("CLIENT", "-ERR wrong number of arguments for 'client' command"),
        ("CLIENT nosuch", "-ERR unknown subcommand 'nosuch'. Try CLIENT HELP."),
        ("CLIENT KILL", "-ERR wrong number of arguments for 'client|kill' command"),
        ("CLIENT KILL 1:1", "-ERR No such client"),
        ("CLIENT KILL ID 10 wrong", "-ERR syntax error"),
        ("CLIENT KILL ID str", "-ERR client-id should be greater than 0"),
        ("CLIENT KILL ID 0", "-ERR client-id should be greater than 0"),
        ("CLIENT KILL TYPE x", "-ERR Unknown client type 'x'"),
        ("CLIENT KILL USER x", "-ERR No such user 'x'"),
        ("CLIENT KILL SKIPME x", "-ERR syntax error"),
        ("CLIENT LIST x", "-ERR syntax error"),
        ("CLIENT LIST TYPE x", "-ERR Unknown client type 'x'"),
        ("CLIENT LIST TYPE replica", "$0"),
        ("CLIENT LIST ID x", "-ERR Invalid client ID"),
        ("CLIENT LIST ID 99", "$0"),
        ("CLIENT PAUSE x", "-ERR timeout is not an integer or out of range"),
        ("CLIENT PAUSE -1", "-ERR timeout is negative"),
        ("CLIENT PAUSE 9223372036854775807", "-ERR timeout is out of range"),
        (
            "CLIENT PAUSE 1 ALL x",
            "-ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.",
        ),
        ("CLIENT PAUSE 1 x", "-ERR CLIENT PAUSE mode must be WRITE or ALL"),
        ("CLIENT REPLY x", "-ERR syntax error"),
        ("CLIENT NO-EVICT x", "-ERR syntax error"),
        ("CLIENT NO-TOUCH x", "-ERR syntax error"),
        ("CLIENT SETINFO x y", "-ERR Unrecognized option 'x'"),
        (
            "CLIENT SETINFO lib-name \u{e9}",
            "-ERR lib-name cannot contain spaces, newlines or special characters.",
        ),
        ("CLIENT SETNAME \u{e9}", "-ERR Client names cannot contain spaces, newlines or special characters."),
    ]);
}

#[test]
fn names_and_lines() {
    let mut client = TestClient::new();
    assert_eq!(client.say("CLIENT GETNAME"), "$-1\r\n");
    assert_eq!(client.say("CLIENT SETNAME me"), "+OK\r\n");
    assert_eq!(client.say("CLIENT SETINFO LIB-NAME lib"), "+OK\r\n");
    assert_eq!(client.say("CLIENT SETINFO lib-ver 1.2"), "+OK\r\n");
    assert_eq!(client.say("CLIENT GETNAME"), "$2\r\nme\r\n");
    assert_eq!(client.say("CLIENT NO-TOUCH ON"), "+OK\r\n");
    client.pass(2500);
    let line = client.say("CLIENT INFO");
    let expect = "id=1 addr=?:0 laddr=?:0 fd=8 name=me age=2 idle=0 flags=T db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=26 \
                  qbuf-free=0 argv-mem=10 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=";
    assert!(line.contains(expect), "{line}");
    let end = " events=r cmd=client|info user=default redir=-1 resp=2 lib-name=lib lib-ver=1.2\n\r\n";
    assert!(line.ends_with(end), "{line}");
    add(&client, "1.2.3.4:5");
    let list = client.say("CLIENT LIST");
    assert_eq!(list.matches("\nid=").count(), 2, "{list}");
    assert!(list.contains("\nid=2 addr=1.2.3.4:5 ") && list.contains(" cmd=NULL "), "{list}");
    let list = client.say("CLIENT LIST ID 2 7");
    assert_eq!(list.matches("\nid=").count(), 1, "{list}");
}

#[test]
fn killing() {
    let mut client = TestClient::new();
    let other = add(&client, "1.2.3.4:5");
    assert_eq!(client.say("CLIENT KILL ADDR 1.2.3.4:6"), ":0\r\n");
    assert_eq!(client.say("CLIENT KILL ADDR 1.2.3.4:5 TYPE normal USER default ID 2"), ":1\r\n");
    assert!(other.is_killed() && client.server.clients.len() == 1);
    assert!(!client.say("CLIENT LIST").contains("addr=1.2.3.4:5 "));
    let other = add(&client, "1.2.3.4:7");
    assert_eq!(client.say("CLIENT KILL 1.2.3.4:7"), "+OK\r\n");
    assert!(other.is_killed() && !client.session.closing);
    assert_eq!(client.say("CLIENT KILL SKIPME yes"), ":0\r\n");
    assert_eq!(client.say("CLIENT KILL SKIPME no"), ":1\r\n");
    assert!(client.session.closing);
}

#[test]
fn replies_are_left_out() {
    check(&[
        ("CLIENT REPLY SKIP", ""),
        ("PING", ""),
        ("PING", "+PONG"),
        ("CLIENT REPLY SKIP", ""),
        ("CLIENT REPLY ON", "+OK"),
        ("CLIENT REPLY OFF", ""),
        ("CLIENT REPLY SKIP", ""),
        ("PING", ""),
        ("nosuch", ""),
        ("CLIENT REPLY ON", "+OK"),
    ]);
}

#[test]
fn a_pause_parks() {
    let mut client = TestClient::new();
    assert_eq!(client.say("CLIENT PAUSE 1000 WRITE"), "+OK\r\n");
    assert_eq!((client.say("GET a"), client.say("SET a b")), ("$-1\r\n".into(), "(parked)".into()));
    client.pass(999);
    assert_eq!(client.say("SET a b"), "(parked)");
    client.pass(1);
    assert_eq!(client.say("SET a b"), "+OK\r\n");
    assert_eq!(client.say("CLIENT UNPAUSE"), "+OK\r\n");
    assert_eq!(client.say("CLIENT PAUSE 1000"), "+OK\r\n");
    assert_eq!(client.say("GET a"), "(parked)");
    client.server.gates.unpause();
    assert_eq!(client.say("GET a"), "$1\r\nb\r\n");
}

#[test]
fn nothing_is_deleted_by_time_while_clients_are_paused() {
    for pause in ["CLIENT PAUSE 100000 WRITE", "CLIENT PAUSE 100000 ALL"] {
        let mut client = TestClient::new();
        client.say("SET k v PX 10");
        client.say("SET other v PX 10");
        client.effects();
        client.pass(20);
        assert_eq!(client.say(pause), "+OK\r\n");
        let (server, now) = (std::sync::Arc::clone(&client.server), client.now);
        let shard = crate::keyspace::Position::of(b"k").shard();
        assert!(!crate::command::expiring::expire_due(&server, &mut Default::default(), shard, now));
        if pause.ends_with("WRITE") {
            for (line, expect) in [
                ("GET k", "$-1\r\n"),
                ("TTL k", ":-2\r\n"),
                ("OBJECT ENCODING k", "$-1\r\n"),
                ("EXISTS k other", ":0\r\n"),
                ("SCAN 0", "*2\r\n$1\r\n0\r\n*0\r\n"),
                ("KEYS *", "*0\r\n"),
                ("RANDOMKEY", "$-1\r\n"),
                ("DBSIZE", ":2\r\n"),
            ] {
                assert_eq!(client.say(line), expect, "{line}");
            }
        }
        assert_eq!((client.effects(), client.events().pop()), (vec![], Some("0: expire other".into())));
        client.server.gates.unpause();
        assert_eq!((client.say("GET k"), client.say("DBSIZE")), ("$-1\r\n".into(), ":1\r\n".into()));
        assert_eq!(client.effects(), ["0: DEL k"]);
    }
}
