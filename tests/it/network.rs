//! Who may come in, from where, and how connections end.

use crate::common::network::{Peer, Served, eventually, free_port};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

/// All that a connection to the address is sent, if it can be made.
fn greeting(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).ok()?;
    let _ = stream.write_all(b"PING\r\n"); // A refused connection may be closed already.
    let mut bytes = [0; 7];
    let mut got = Vec::new();
    while got.len() < 7 {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(count) => got.extend_from_slice(&bytes[..count]),
        }
    }
    Some(String::from_utf8_lossy(&got).into_owned())
}

#[test]
fn more_than_maxclients_are_refused() {
    let served = Served::start(&["--io-threads", "2", "--maxclients", "3"]);
    // The clients that waited for the start are gone when there is room for three.
    let mut inside: Vec<Peer> = eventually("room for three", || {
        let mut peers: Vec<Peer> = (0..3).map(|_| served.tcp()).collect();
        let welcome = peers.iter_mut().all(|peer| {
            peer.try_send(b"PING\r\n") && peer.reply().is_some_and(|reply| reply == b"+PONG\r\n")
        });
        welcome.then_some(peers)
    });
    for mut peer in [served.tcp(), served.unix()] {
        peer.expect_end(b"-ERR max number of clients reached\r\n");
    }
    inside.iter_mut().for_each(Peer::ping);
    assert_eq!(inside[0].ask(&[b"CONFIG", b"SET", b"maxclients", b"10"]), b"+OK\r\n");
    served.tcp().ping();
}

#[test]
fn idle_clients_are_closed_after_timeout() {
    let served = Served::start(&["--io-threads", "1", "--timeout", "1"]);
    let mut idle = served.tcp();
    idle.ping();
    idle.expect_end(b"");
}

#[test]
fn killed_clients_are_closed() {
    let served = Served::start(&["--io-threads", "2"]);
    let mut victim = served.tcp();
    let id =
        String::from_utf8_lossy(&victim.ask(&[b"CLIENT", b"ID"])).trim_matches([':', '\r', '\n']).to_owned();
    let mut killer = served.tcp();
    assert_eq!(killer.ask(&[b"CLIENT", b"KILL", b"ID", id.as_bytes()]), b":1\r\n");
    victim.expect_end(b"");
    // One that doesn't read and one that is in the middle of a request end as well.
    let mut deaf = served.tcp();
    assert_eq!(deaf.ask(&[b"SET", b"k", &vec![b'v'; 1 << 20]]), b"+OK\r\n");
    deaf.send(&b"GET k\r\n".repeat(100));
    let mut half = served.tcp();
    half.send(b"*2\r\n$3\r\nGET\r\n$100\r\nab");
    let clients = |peer: &mut Peer| {
        let list = peer.ask(&[b"CLIENT", b"LIST"]);
        String::from_utf8_lossy(&list).matches("laddr=").count()
    };
    eventually("both are there", || (clients(&mut killer) >= 3).then_some(()));
    assert_eq!(killer.ask(&[b"CLIENT", b"KILL", b"TYPE", b"normal", b"SKIPME", b"yes"])[0], b':');
    half.expect_end(b"");
    eventually("both are gone", || (clients(&mut killer) == 1).then_some(()));
}

#[test]
fn several_addresses_at_once() {
    let served = Served::start(&["--io-threads", "1", "--bind", "127.0.0.1", "127.0.0.2", "-192.0.2.1"]);
    for ip in ["127.0.0.1", "127.0.0.2"] {
        let ip: IpAddr = ip.parse().expect("it is an address");
        assert_eq!(greeting((ip, served.port).into()).as_deref(), Some("+PONG\r\n"), "{ip}");
    }
    let ip: IpAddr = "127.0.0.3".parse().expect("it is an address");
    assert_eq!(greeting((ip, served.port).into()), None);
}

#[test]
fn ipv6_beside_ipv4() {
    let served = Served::start(&["--io-threads", "1", "--bind", "127.0.0.1", "-::1"]);
    let ip: IpAddr = "::1".parse().expect("it is an address");
    if std::net::TcpListener::bind((ip, 0)).is_err() {
        eprintln!("this machine has no IPv6: only IPv4 was tried");
    } else {
        assert_eq!(greeting((ip, served.port).into()).as_deref(), Some("+PONG\r\n"));
    }
    served.tcp().ping();
}

#[test]
fn the_port_can_be_closed_and_moved() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut unix = served.unix();
    assert_eq!(unix.ask(&[b"CONFIG", b"SET", b"port", b"0"]), b"+OK\r\n");
    assert_eq!(greeting(served.address()), None);
    let port = eventually("another port", || {
        let port = free_port();
        (unix.ask(&[b"CONFIG", b"SET", b"port", port.to_string().as_bytes()]) == b"+OK\r\n").then_some(port)
    });
    let address = SocketAddr::new(served.address().ip(), port);
    assert_eq!(greeting(address).as_deref(), Some("+PONG\r\n"));
}

/// An address of this machine that is not of the loopback interface.
fn outside_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: it only asks which way packets would go.
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[test]
fn protected_mode_keeps_others_out() {
    let Some(ip) = outside_address() else {
        eprintln!("this machine has the loopback interface only: protected mode was not tried");
        return;
    };
    let served = Served::start(&["--io-threads", "1", "--bind", "*"]);
    let refused = {
        let stream = TcpStream::connect((ip, served.port)).expect("the server listens");
        let mut peer = Peer::new(stream);
        let reply = peer.reply().expect("it is told why");
        peer.expect_end(b"");
        String::from_utf8_lossy(&reply).into_owned()
    };
    assert!(refused.starts_with("-DENIED "), "{refused}");
    assert!(refused.contains("is running in protected mode because protected mode is enabled and no password is set for the default user."), "{refused}");
    served.tcp().ping();
    assert_eq!(served.tcp().ask(&[b"CONFIG", b"SET", b"protected-mode", b"no"]), b"+OK\r\n");
    assert_eq!(greeting((ip, served.port).into()).as_deref(), Some("+PONG\r\n"));
    let arguments: [&[u8]; 6] = [b"CONFIG", b"SET", b"protected-mode", b"yes", b"requirepass", b"secret"];
    assert_eq!(served.tcp().ask(&arguments), b"+OK\r\n");
    assert_eq!(greeting((ip, served.port).into()).as_deref(), Some("-NOAUTH"), "a password lets others in");
}

/// AUTH and a request that only the authenticated may send, in one packet.
#[test]
fn what_follows_auth_in_one_packet_has_the_limits_of_the_authenticated() {
    let served = Served::start(&["--requirepass", "secret"]);
    let mut peer = served.tcp();
    let value = "x".repeat(20_000);
    let mut request = b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n".to_vec();
    request.extend(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000\r\n{value}\r\n").bytes());
    peer.send(&request);
    peer.expect(b"+OK\r\n+OK\r\n");
}

#[test]
fn bind_can_change_to_addresses_that_overlap() {
    let served = Served::start(&["--bind", "127.0.0.1"]);
    let mut peer = served.unix();
    for bind in ["0.0.0.0", "127.0.0.1", "* -::*", "127.0.0.1 -::1"] {
        assert_eq!(peer.ask(&[b"CONFIG", b"SET", b"bind", bind.as_bytes()]), b"+OK\r\n", "{bind}");
        assert_eq!(served.tcp().ask(&[b"PING"]), b"+PONG\r\n", "{bind}");
    }
    // No host has the last address: everything is as it was.
    assert_eq!(peer.ask(&[b"CONFIG", b"SET", b"bind", b"0.0.0.0 192.0.2.1"])[0], b'-');
    served.tcp().ping();
    assert_eq!(peer.ask(&[b"CONFIG", b"GET", b"bind"]), b"*2\r\n$4\r\nbind\r\n$14\r\n127.0.0.1 -::1\r\n");
}

#[test]
fn maxclients_follows_what_the_system_allows() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = std::process::Command::new("sh");
    command.current_dir(directory.path()).env_clear().stdin(std::process::Stdio::null());
    command.args(["-c", "ulimit -n 100; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_dunlin")]);
    command.args(crate::common::QUIET);
    let server = crate::common::Server::launch(&directory, command);
    let maxclients = server.connect().say("CONFIG GET maxclients");
    let limit: usize = maxclients.rsplit(' ').next().and_then(|text| text.parse().ok()).expect("a number");
    assert!((20..=80).contains(&limit), "{maxclients}");
    let mut peers: Vec<Peer> = Vec::new();
    for _ in 0..150 {
        peers.push(Peer::new(std::os::unix::net::UnixStream::connect(&server.socket).expect("it listens")));
    }
    let told = |reply: &Option<Vec<u8>>, text: &str| reply.as_deref() == Some(text.as_bytes());
    let mut replies = peers.iter_mut().map(|peer| {
        peer.try_send(b"PING\r\n");
        peer.reply()
    });
    let (mut served, mut refused) = (0, 0);
    replies.by_ref().for_each(|reply| {
        served += usize::from(told(&reply, "+PONG\r\n"));
        refused += usize::from(told(&reply, "-ERR max number of clients reached\r\n"));
    });
    assert!(served >= limit - 1 && served + refused == 150, "{limit}: {served} served, {refused} refused");
}

/// INFO's figure of what clients take is close to what they are seen to take.
#[test]
fn the_memory_of_clients_is_known() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut asking = served.unix();
    let mut figures = || {
        let info = String::from_utf8_lossy(&asking.ask(&[b"INFO", b"memory"])).into_owned();
        ["used_memory:", "mem_clients_normal:"].map(|name| {
            let at = info.find(name).expect("the field exists") + name.len();
            let digits: String = info[at..].chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<i64>().expect("it is a number")
        })
    };
    // The clients that waited for the start are gone, and what is allocated once is.
    let before = eventually("rest", || {
        let first = figures();
        (first == figures()).then_some(first)
    });
    let mut peers: Vec<Peer> = (0..400).map(|_| served.unix()).collect();
    peers.iter_mut().for_each(Peer::ping);
    let after = figures();
    let (used, said) = (after[0] - before[0], after[1] - before[1]);
    assert!(said * 10 > used * 7 && said * 7 < used * 10, "400 clients take {used}, said are {said}");
}

/// As Redis: what doesn't exist was the last command, too.
#[test]
fn the_list_of_clients_names_the_last_command_if_there_is_one() {
    let served = Served::start(&[]);
    let (mut peer, mut other) = (served.tcp(), served.tcp());
    for (request, cmd) in [
        (&[&b"GET"[..], b"k"][..], "get"),
        (&[b"nothing", b"k"], "NULL"),
        (&[b"GET"], "get"),
        (&[b"CONFIG", b"GET", b"port"], "config|get"),
        (&[b"CONFIG", b"NOTHING"], "NULL"),
        (&[b"CONFIG"], "config"),
    ] {
        peer.ask(request);
        let list = other.ask(&[b"CLIENT", b"LIST"]);
        let list = String::from_utf8_lossy(&list);
        let line = list.lines().find(|line| line.contains("id=") && !line.contains("cmd=client|list"));
        assert!(line.is_some_and(|line| line.contains(&format!(" cmd={cmd} "))), "{request:?}: {list}");
    }
}
