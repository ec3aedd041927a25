//! Clients that wait for the disk or for replicas, and those that hold too much: over sockets, where a thread that waited
//! would hold up others.

use crate::common::network::{Peer, Served, bulk, eventually, request};

const ON_DISK: &[u8] = b"*2\r\n:1\r\n:0\r\n";
const NOT_ON_DISK: &[u8] = b"*2\r\n:0\r\n:0\r\n";

fn info(peer: &mut Peer, field: &str) -> u64 {
    let info = String::from_utf8_lossy(&peer.ask(&[b"INFO", b"everything"])).into_owned();
    let line = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':').map(str::to_owned));
    line.and_then(|value| value.parse().ok()).expect("INFO has the field")
}

#[test]
fn writes_are_waited_for_until_they_are_on_the_disk() {
    let served = Served::start(&["--io-threads", "1", "--appendonly", "yes", "--appendfsync", "everysec"]);
    let (mut writer, mut other) = (served.tcp(), served.unix());
    assert_eq!(writer.ask(&[b"WAITAOF", b"1", b"0", b"0"]), ON_DISK, "it has written nothing");
    for number in 0..3 {
        let value = format!("{number}").into_bytes();
        writer.send(&[request(&[b"SET", b"k", &value]), request(&[b"WAITAOF", b"1", b"0", b"0"])].concat());
        // The one worker serves others meanwhile.
        assert_eq!(other.ask(&[b"ECHO", &value]), bulk(&value));
        writer.expect(b"+OK\r\n");
        writer.expect(ON_DISK);
    }
    // Replicas never come; that it is on the disk is told when the time is up.
    assert_eq!(writer.ask(&[b"WAITAOF", b"1", b"1", b"20"]), ON_DISK);
    assert_eq!(other.ask(&[b"CONFIG", b"SET", b"appendfsync", b"always"]), b"+OK\r\n");
    assert_eq!(writer.ask(&[b"SET", b"k", b"v"]), b"+OK\r\n");
    assert_eq!(writer.ask(&[b"WAITAOF", b"1", b"0", b"0"]), ON_DISK);
}

#[test]
fn who_never_syncs_waits_in_vain() {
    let served = Served::start(&["--io-threads", "2", "--appendonly", "yes", "--appendfsync", "no"]);
    let (mut writer, mut other) = (served.tcp(), served.unix());
    assert_eq!(writer.ask(&[b"SET", b"k", b"v"]), b"+OK\r\n");
    assert_eq!(writer.ask(&[b"WAITAOF", b"1", b"0", b"20"]), NOT_ON_DISK);
    let id =
        String::from_utf8_lossy(&writer.ask(&[b"CLIENT", b"ID"])).trim_matches([':', '\r', '\n']).to_owned();
    for (wait, ended_as) in
        [(&[&b"WAITAOF"[..], b"1", b"0", b"0"][..], NOT_ON_DISK), (&[b"WAIT", b"1", b"0"], b":0\r\n")]
    {
        writer.send(&request(wait));
        eventually("the client waits", || {
            (other.ask(&[b"CLIENT", b"UNBLOCK", id.as_bytes()]) == b":1\r\n").then_some(())
        });
        writer.expect(ended_as);
    }
    writer.send(&request(&[b"WAITAOF", b"1", b"0", b"0"]));
    eventually("the client waits", || (info(&mut other, "blocked_clients") == 1).then_some(()));
    assert_eq!(other.ask(&[b"CONFIG", b"SET", b"appendonly", b"no"]), b"+OK\r\n");
    writer.expect(b"-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n");
}

#[test]
fn the_largest_client_is_ended_when_all_hold_too_much() {
    let served = Served::start(&["--io-threads", "2"]);
    let mut control = served.unix();
    assert_eq!(control.ask(&[b"CLIENT", b"NO-EVICT", b"ON"]), b"+OK\r\n");
    let half = |bytes: usize| [b"*2\r\n$100000000\r\n".to_vec(), vec![b'x'; bytes]].concat();
    let mut clients: Vec<Peer> = (0..3).map(|_| served.tcp()).collect();
    // A buffer has up to twice the room of what has come, and the order is that of powers of two: these can't be of the same.
    for (client, kib) in clients.iter_mut().zip([20, 5000, 1000]) {
        client.send(&half(kib << 10));
    }
    eventually("all is read", || {
        let list = String::from_utf8_lossy(&control.ask(&[b"CLIENT", b"LIST"])).into_owned();
        let total: usize = list
            .split(" qbuf=")
            .skip(1)
            .filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok())
            .sum();
        (total >= 6020 << 10).then_some(())
    });
    assert_eq!(control.ask(&[b"CONFIG", b"SET", b"maxmemory-clients", b"4mb"]), b"+OK\r\n");
    clients[1].expect_end(b"");
    assert_eq!(info(&mut control, "evicted_clients"), 1);
    assert_eq!(control.ask(&[b"CONFIG", b"SET", b"maxmemory-clients", b"700kb"]), b"+OK\r\n");
    clients[2].expect_end(b"");
    assert_eq!((info(&mut control, "evicted_clients"), info(&mut control, "connected_clients")), (2, 2));
    // Whoever comes to hold too much goes as well.
    let mut another = served.tcp();
    another.try_send(&half(1 << 20));
    another.read_to_end();
    control.ping();
}

/// `qbuf` and `qbuf-free` of the client of that name.
fn buffer_of(control: &mut Peer, name: &str) -> usize {
    let list = String::from_utf8_lossy(&control.ask(&[b"CLIENT", b"LIST"])).into_owned();
    let line = list.lines().find(|line| line.contains(&format!(" name={name} "))).expect("it is listed");
    let field = |name: &str| {
        let (_, rest) = line.split_once(name).expect("the field is there");
        rest.split(' ').next().and_then(|number| number.parse::<usize>().ok()).expect("it is a number")
    };
    field(" qbuf=") + field(" qbuf-free=")
}

#[test]
fn a_long_buffer_is_kept_for_what_comes_next_and_goes_with_time() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut control = served.unix();
    let mut client = served.tcp();
    assert_eq!(client.ask(&[b"CLIENT", b"SETNAME", b"writer"]), b"+OK\r\n");
    assert_eq!(buffer_of(&mut control, "writer"), 0);
    assert_eq!(client.ask(&[b"SET", b"long", &vec![b'x'; 400_000]]), b"+OK\r\n");
    let first = buffer_of(&mut control, "writer");
    assert!(first >= 400_000, "{first}");
    client.ping();
    let second = buffer_of(&mut control, "writer");
    assert!(second > 0 && second <= first / 2, "{second}");
    assert_eq!(client.ask(&[b"SET", b"long", &vec![b'y'; 400_000]]), b"+OK\r\n");
    eventually("it goes when nothing is sent", || (buffer_of(&mut control, "writer") == 0).then_some(()));
    assert_eq!(client.ask(&[b"SET", b"long", &vec![b'z'; 400_000]]), b"+OK\r\n");
    for _ in 0..10 {
        client.ping();
    }
    assert_eq!(buffer_of(&mut control, "writer"), 0, "it goes when it isn't needed");
    // What is very long isn't kept.
    assert_eq!(client.ask(&[b"SET", b"long", &vec![b'x'; 9 << 20]]), b"+OK\r\n");
    assert_eq!(buffer_of(&mut control, "writer"), 0);
}

#[test]
fn replies_beyond_the_limit_are_not_sent() {
    let served = Served::start(&["--io-threads", "1", "--client-output-buffer-limit", "normal 100000 0 0"]);
    let mut client = served.tcp();
    for _ in 0..150 {
        client.ask(&[b"RPUSH", b"l", &[b'x'; 1000]]);
    }
    assert_eq!(client.ask(&[b"LRANGE", b"l", b"0", b"2"]).len(), 4 + 3 * 1009);
    client.send(&request(&[b"LRANGE", b"l", b"0", b"-1"]));
    client.expect_end(b"");
    assert_eq!(info(&mut served.unix(), "client_output_buffer_limit_disconnections"), 1);
}

#[test]
fn who_is_not_known_may_not_leave_much_unread() {
    let served = Served::start(&["--io-threads", "1", "--requirepass", "secret"]);
    let mut client = served.tcp();
    let requests = request(&[b"GET", b"k"]).repeat(1000);
    // Until the socket takes no more: then what is left is too much.
    while client.try_send(&requests) {}
    let mut known = served.tcp();
    assert_eq!(known.ask(&[b"AUTH", b"secret"]), b"+OK\r\n");
    known.ping();
}
