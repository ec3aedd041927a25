//! Clients that ask for too much: memory stays bounded and the others are served.
//!
//! What is judged is memory, and whether somebody is answered at all; never how fast, but for bounds of seconds.

use crate::common::network::{PATIENCE, Peer, Served, bulk, eventually, request};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Lets this process open so many descriptors; the server does so for itself.
fn allow_descriptors(wanted: u64) -> bool {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return true;
    }
    let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
    limit.maximum.is_none_or(|maximum| maximum >= wanted) && setrlimit(Resource::Nofile, raised).is_ok()
}

/// Asks until memory is at most so many bytes: freed pages go back to the system after a while.
fn expect_memory_falls(served: &Served, bytes: u64) {
    let end = Instant::now() + PATIENCE;
    while served.resident_bytes() > bytes && Instant::now() < end {
        served.unix().ping(); // An allocator that nobody calls gives nothing back.
    }
    let now = served.resident_bytes();
    assert!(now <= bytes, "{} MiB are held, {} MiB would be right", now / MIB, bytes / MIB);
}

/// Others are answered while something goes on: both workers have such a client.
fn expect_others_served(others: &mut [Peer]) {
    let start = Instant::now();
    for round in 0..20 {
        for (index, peer) in others.iter_mut().enumerate() {
            let value = format!("{round} {index}").into_bytes();
            assert_eq!(peer.ask(&[b"SET", b"other", &value]), b"+OK\r\n");
            assert_eq!(peer.ask(&[b"GET", b"other"]), bulk(&value));
        }
    }
    assert!(start.elapsed().as_secs() < 20, "others waited for {:?}", start.elapsed());
}

#[test]
fn ten_thousand_idle_connections_cost_little() {
    let count = 10_000;
    if !allow_descriptors(count + 200) {
        eprintln!("SKIPPED: this process may not open {count} sockets (ulimit -Hn)");
        return;
    }
    let served = Served::start(&["--io-threads", "2", "--maxclients", "10100", "--tcp-backlog", "4096"]);
    let mut others: Vec<Peer> = (0..4).map(|_| served.tcp()).collect();
    expect_others_served(&mut others);
    let before = served.resident_bytes();
    let mut idle: Vec<TcpStream> = Vec::new();
    while (idle.len() as u64) < count {
        let mut stream = served.tcp_stream();
        // Half of them have been served before they became idle.
        if idle.len().is_multiple_of(2) {
            stream.write_all(&request(&[b"SET", b"idle", &[b'v'; 1000]])).expect("it is open");
        }
        idle.push(stream);
    }
    for (index, stream) in idle.iter().enumerate() {
        if index % 2 == 0 {
            let mut peer = Peer::new(stream.try_clone().expect("descriptors suffice"));
            peer.expect(b"+OK\r\n");
        }
    }
    for stream in idle.last().into_iter().chain(idle.first()) {
        let mut peer = Peer::new(stream.try_clone().expect("descriptors suffice"));
        peer.ping();
    }
    expect_others_served(&mut others);
    let each = served.resident_bytes().saturating_sub(before) / count;
    println!("an idle connection costs {each} bytes");
    assert!(each < 2048, "an idle connection costs {each} bytes");
}

/// Sends the same over many connections, on each until all is sent or the server takes no more. Returns how much went
/// out, and the most that the server held meanwhile.
fn flood(served: &Served, streams: &[TcpStream], requests: &[u8], times: usize) -> (u64, u64) {
    let mut at = vec![0; streams.len()];
    let (mut sent, mut peak) = (0, 0);
    for stream in streams {
        stream.set_nonblocking(true).expect("it is a socket");
    }
    let (mut last, mut answers) = (Instant::now(), 0);
    let mut witness = served.unix();
    // Nothing taken for so long, in which it did so much else: the server will not take more. On a busy machine it may merely
    // not have come to it.
    while (last.elapsed().as_secs() < 2 || answers < 1000) && at.iter().any(|at| *at < requests.len() * times)
    {
        let mut quiet = true;
        for (stream, at) in streams.iter().zip(&mut at) {
            let mut stream = stream;
            while *at < requests.len() * times
                && let Ok(count) = stream.write(&requests[*at % requests.len()..])
            {
                *at += count;
                sent += count as u64;
                quiet = false;
            }
        }
        if quiet {
            witness.ping();
            answers += 1;
        } else {
            (last, answers) = (Instant::now(), 0);
        }
        peak = peak.max(served.resident_bytes());
    }
    (sent, peak)
}

/// What is held for a client that does not read has a bound, and so has what is held for many of them.
#[test]
fn clients_that_never_read_hold_a_bounded_amount() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut others = [served.tcp(), served.unix()];
    assert_eq!(others[0].ask(&[b"SET", b"large", &vec![b'v'; 300_000]]), b"+OK\r\n");
    assert_eq!(others[0].ask(&[b"SET", b"small", &[b'v'; 10_000]]), b"+OK\r\n");
    let before = served.resident_bytes();
    let deaf: Vec<TcpStream> = (0..30).map(|_| served.tcp_stream()).collect();
    let padding = vec![b'p'; 1000];
    let gets = [
        request(&[b"GET", b"large"]),
        request(&[b"EXISTS", b"small", &padding]),
        request(&[b"GET", b"small"]),
    ];
    let (sent, peak) = flood(&served, &deaf, &gets.concat().repeat(30), 1200);
    let held = peak.saturating_sub(before);
    println!("{} MiB were sent by those who never read, {} MiB held", sent / MIB, held / MIB);
    assert!(sent > 400 * MIB, "only {} MiB were taken", sent / MIB);
    assert!(held < 700 * MIB, "{} MiB are held", held / MIB);
    expect_others_served(&mut others);
    // Nobody is cut off, and a newcomer may write a long pipeline before it reads.
    assert_eq!(others[0].ask(&[b"CLIENT", b"LIST"]).windows(6).filter(|word| word == b"laddr=").count(), 32);
    let mut newcomer = served.tcp();
    newcomer.send(&request(&[b"GET", b"small"]).repeat(20_000));
    for _ in 0..20_000 {
        newcomer.expect(&bulk(&[b'v'; 10_000]));
    }
    drop(deaf);
    expect_memory_falls(&served, before + 24 * MIB);
}

/// And what is held for those whose requests may not run; they run all the same, later.
#[test]
fn clients_that_are_paused_hold_a_bounded_amount() {
    let served = Served::start(&["--io-threads", "1", "--client-query-buffer-limit", "1mb"]);
    let mut other = served.tcp();
    let before = served.resident_bytes();
    assert_eq!(other.ask(&[b"CLIENT", b"PAUSE", b"1000000", b"WRITE"]), b"+OK\r\n");
    let paused: Vec<TcpStream> = (0..30).map(|_| served.tcp_stream()).collect();
    let requests = request(&[b"SET", b"key", &[b'v'; 10_000]]);
    let (sent, peak) = flood(&served, &paused, &requests, 3000);
    let held = peak.saturating_sub(before);
    println!("{} MiB were sent by those who are paused, {} MiB held", sent / MIB, held / MIB);
    assert!(sent > 400 * MIB, "only {} MiB were taken", sent / MIB);
    assert!(held < 700 * MIB, "{} MiB are held", held / MIB);
    other.ping();
    // Who breaks its connection takes what it sent with it, although nothing is read. (One that is merely closed ends
    // behind what is unread: that is found by tcp-keepalive.) The others' requests run.
    let mut rest = paused;
    for stream in rest.split_off(1) {
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("it is a socket");
    }
    expect_memory_falls(&served, before + 100 * MIB);
    assert_eq!(other.ask(&[b"CLIENT", b"UNPAUSE"]), b"+OK\r\n");
    let first = rest.remove(0);
    first.set_nonblocking(false).expect("it is a socket");
    Peer::new(first).expect(&b"+OK\r\n".repeat(100));
}

/// One client alone may write very much before it reads: it is neither cut off nor left to wait for ever.
#[test]
fn a_huge_pipeline_may_be_written_before_anything_is_read() {
    let served = Served::start(&["--io-threads", "1", "--client-query-buffer-limit", "1mb"]);
    let message: Vec<u8> = (0..10_000u32).map(|number| (number % 251) as u8).collect();
    let count = 20_000;
    let mut peer = served.tcp();
    let echoes = request(&[b"ECHO", &message]);
    for _ in 0..count {
        peer.send(&echoes);
    }
    let answer = bulk(&message);
    for _ in 0..count {
        peer.expect(&answer);
    }
    // Replies that are shorter than their requests may be as many as they like: they are what is kept.
    let sets = request(&[b"SET", b"key", &[b'v'; 100]]).repeat(1000);
    let before = served.resident_bytes();
    for _ in 0..5000 {
        peer.send(&sets);
    }
    // Once the server has caught up with what was sent.
    expect_memory_falls(&served, before + 40 * MIB);
    for _ in 0..5000 {
        peer.expect(&b"+OK\r\n".repeat(1000));
    }
}

#[test]
fn a_client_that_never_reads_is_cut_off_at_the_hard_limit() {
    let limits = ["--client-output-buffer-limit", "normal 4mb 0 0"];
    let served = Served::start(&["--io-threads", "1", limits[0], limits[1]]);
    let mut others = [served.tcp()];
    assert_eq!(others[0].ask(&[b"SET", b"key", &[b'v'; 10_000]]), b"+OK\r\n");
    let mut deaf = served.tcp();
    // More than the sockets' own buffers take, by far.
    deaf.try_send(&request(&[b"GET", b"key"]).repeat(10_000));
    eventually("it is gone", || {
        let list = others[0].ask(&[b"CLIENT", b"LIST"]);
        (String::from_utf8_lossy(&list).matches("laddr=").count() == 1).then_some(())
    });
    expect_others_served(&mut others);
    // Who reads is served, however much it asks for.
    let mut reader = served.tcp();
    for _ in 0..200 {
        reader.send(&request(&[b"GET", b"key"]).repeat(100));
        reader.expect(&bulk(&[b'v'; 10_000]).repeat(100));
    }
}

/// Nothing happens on its connection any more, and still its time runs out.
#[test]
fn a_client_that_never_reads_is_cut_off_at_the_soft_limit() {
    let served = Served::start(&["--io-threads", "1", "--client-output-buffer-limit", "normal 0 1mb 1"]);
    let mut other = served.tcp();
    assert_eq!(other.ask(&[b"SET", b"key", &vec![b'v'; 20_000_000]]), b"+OK\r\n");
    let mut deaf = served.tcp();
    deaf.send(&request(&[b"GET", b"key"]));
    eventually("it is gone", || {
        let list = other.ask(&[b"CLIENT", b"LIST"]);
        (String::from_utf8_lossy(&list).matches("laddr=").count() == 1).then_some(())
    });
}

#[test]
fn announcements_cost_nothing() {
    let served = Served::start(&["--io-threads", "2"]);
    let mut others = [served.tcp(), served.tcp()];
    expect_others_served(&mut others);
    let before = served.resident_bytes();
    let starts: [&[u8]; 5] = [
        b"*1000000\r\n",
        b"*2147483647\r\n$3\r\nSET\r\n",
        b"*2\r\n$3\r\nGET\r\n$536870912\r\nabc",
        b"*1\r\n$536870912\r\n",
        b"SET half 'a li",
    ];
    let mut half = Vec::new();
    for index in 0..1000 {
        let mut peer = served.tcp();
        peer.send(starts[index % starts.len()]);
        half.push(peer);
    }
    expect_others_served(&mut others);
    let each = served.resident_bytes().saturating_sub(before) / half.len() as u64;
    println!("half a request costs {each} bytes");
    assert!(each < 8 * KIB, "half a request costs {each} bytes");
}

/// A request of very many arguments that comes byte by byte must not cost its length each time.
#[test]
fn a_request_of_many_arguments_may_come_in_small_pieces() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut others = [served.tcp()];
    let mut slow = served.tcp();
    let count = 1_000_000;
    slow.send(format!("*{}\r\n$6\r\nEXISTS\r\n", count + 1).as_bytes());
    slow.send(&b"$1\r\nk\r\n".repeat(count - 300));
    for _ in 0..300 {
        for piece in [&b"$"[..], b"1\r", b"\nk\r\n"] {
            slow.send(piece);
        }
        others[0].ping();
    }
    slow.expect(b":0\r\n");
    expect_others_served(&mut others);
}

/// An argument of a byte arrives as seven: what is noted of it while the request is not whole must be nothing.
#[test]
fn tiny_arguments_take_what_they_are() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut others = [served.tcp()];
    others[0].ping();
    let before = served.resident_bytes();
    let count = 3_000_000;
    let arguments = b"$1\r\nk\r\n".repeat(count);
    let mut half: Vec<Peer> = (0..4).map(|_| served.tcp()).collect();
    for peer in &mut half {
        peer.send(format!("*{}\r\n$6\r\nEXISTS\r\n", count + 1).as_bytes());
    }
    let mut arrived = 0;
    for piece in arguments.chunks(arguments.len() / 10).take(9) {
        for peer in &mut half {
            peer.send(piece);
            arrived += piece.len() as u64;
        }
        others[0].ping();
        // What a buffer was before it grew is given back a moment later.
        expect_memory_falls(&served, before + arrived * 3 / 2 + 24 * MIB);
    }
    // While they are executed, one after the other, eight bytes an argument come on top.
    for peer in &mut half {
        peer.send(&arguments[arguments.len() / 10 * 9..]);
        peer.expect(b":0\r\n");
    }
    let peak = served.peak_bytes().saturating_sub(before);
    let bound = (half.len() as u64 * 3 / 2 + 2) * arguments.len() as u64 + 24 * MIB;
    assert!(peak < bound, "{} MiB at the most", peak / MIB);
    expect_memory_falls(&served, before + 24 * MIB);
}

#[test]
fn a_flood_of_tiny_requests_does_not_starve_others() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut others = [served.tcp(), served.unix()];
    std::thread::scope(|scope| {
        let floods: Vec<TcpStream> = (0..4).map(|_| served.tcp_stream()).collect();
        for stream in &floods {
            let mut stream = stream.try_clone().expect("descriptors suffice");
            let mut answers = stream.try_clone().expect("descriptors suffice");
            scope.spawn(move || {
                let pings = b"PING\r\n".repeat(20_000);
                while stream.write_all(&pings).is_ok() {}
            });
            scope.spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
        }
        for _ in 0..5 {
            expect_others_served(&mut others);
        }
        for stream in &floods {
            // It ends both threads of a flood.
            stream.shutdown(std::net::Shutdown::Both).expect("it is open");
        }
    });
    expect_others_served(&mut others);
}

/// What piled up while nothing could run is worked off in turns.
#[test]
fn a_pile_of_requests_does_not_starve_others() {
    let served = Served::start(&["--io-threads", "1"]);
    let mut other = served.tcp();
    assert_eq!(other.ask(&[b"CLIENT", b"PAUSE", b"100000", b"WRITE"]), b"+OK\r\n");
    let mut flood = served.tcp();
    flood.send(b"CLIENT REPLY OFF\r\n");
    for _ in 0..100 {
        flood.send(&b"INCR count\r\n".repeat(10_000));
    }
    // It waits like the pile, and looks as soon as it can how much of that has run.
    let mut others = [served.tcp(), served.unix()];
    others[0].send(b"PING\r\nSET mark 1\r\nGET count\r\n");
    others[0].expect(b"+PONG\r\n");
    assert_eq!(other.ask(&[b"CLIENT", b"UNPAUSE"]), b"+OK\r\n");
    others[0].expect(b"+OK\r\n");
    let count = others[0].reply().expect("the server answers");
    assert_ne!(count, bulk(b"1000000"), "the whole pile ran in one go");
    expect_others_served(&mut others);
    eventually("all of the pile runs", || (other.ask(&[b"GET", b"count"]) == bulk(b"1000000")).then_some(()));
}

#[test]
fn floods_of_large_requests_are_bounded_and_given_back() {
    let served = Served::start(&["--io-threads", "2"]);
    let mut others = [served.tcp(), served.unix()];
    expect_others_served(&mut others);
    let before = served.resident_bytes();
    let size = 100 * MIB as usize;
    let value = vec![b'v'; size];
    let clients = 4;
    let mut large: Vec<Peer> = (0..clients).map(|_| served.tcp()).collect();
    for peer in &mut large {
        peer.send(format!("*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n${size}\r\n").as_bytes());
    }
    // All are within their request at once; only what has arrived may cost anything.
    let mut arrived = 0;
    for piece in value.chunks(size / 10) {
        for peer in &mut large {
            peer.send(piece);
            arrived += piece.len() as u64;
            let held = served.resident_bytes().saturating_sub(before);
            // A buffer that grows is in two places for an instant.
            let bound = arrived * 9 / 8 + size as u64 + 32 * MIB;
            assert!(held < bound, "{} MiB for {} MiB", held / MIB, arrived / MIB);
        }
        expect_others_served(&mut others);
    }
    for peer in &mut large {
        peer.send(b"\r\n");
        peer.expect(b"+OK\r\n");
    }
    // One value is left, and no client's buffer.
    expect_memory_falls(&served, before + size as u64 * 5 / 4 + 16 * MIB);
    assert_eq!(others[0].ask(&[b"FLUSHALL"]), b"+OK\r\n");
    expect_memory_falls(&served, before + 24 * MIB);
    // And the same from clients that leave in the middle.
    for peer in &mut large {
        peer.send(format!("*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n${size}\r\n").as_bytes());
        peer.send(&value[..size / 2]);
    }
    drop(large);
    expect_memory_falls(&served, before + 24 * MIB);
    expect_others_served(&mut others);
}

/// A request with millions of arguments leaves nothing behind in its worker.
#[test]
fn what_many_arguments_took_is_given_back() {
    let served = Served::start(&["--io-threads", "1", "--appendonly", "yes", "--appendfsync", "no"]);
    let mut other = served.tcp();
    other.ping();
    let before = served.resident_bytes();
    let mut peer = served.tcp();
    let count = 3_000_000;
    peer.send(format!("*{}\r\n$6\r\nEXISTS\r\n", count + 1).as_bytes());
    peer.send(&b"$1\r\nk\r\n".repeat(count));
    peer.expect(b":0\r\n");
    let value = vec![b'v'; 50 * MIB as usize];
    assert_eq!(peer.ask(&[b"SET", b"large", &value]), b"+OK\r\n");
    assert_eq!(peer.ask(&[b"DEL", b"large"]), b":1\r\n");
    expect_memory_falls(&served, before + 24 * MIB);
}
