//! Random requests to a whole server: it never crashes, hangs or leaks.
//!
//! Short by default. `DUNLIN_FUZZ_SECONDS` makes it longer and `DUNLIN_FUZZ_SEED` another run; what was random is the
//! same again with the same seed.

use crate::common::network::{Peer, Served, bulk, request};
use std::net::Shutdown;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// xorshift64*: all that is asked of it is to be the same again.
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let seed = setting("DUNLIN_FUZZ_SEED").unwrap_or(20_261_122);
        println!("DUNLIN_FUZZ_SEED={seed}");
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 11) as usize % end
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn time_is_up(start: Instant) -> bool {
    start.elapsed() > Duration::from_secs(setting("DUNLIN_FUZZ_SECONDS").unwrap_or(8))
}

/// Words that commands know, so that more than their error replies is reached. Not among them is what stops the server,
/// or makes it wait or fill up as asked: SLEEP, PAUSE, POPULATE.
const WORDS: &[&str] = &[
    "EX",
    "PX",
    "EXAT",
    "PXAT",
    "NX",
    "XX",
    "GT",
    "LT",
    "KEEPTTL",
    "PERSIST",
    "GET",
    "IFEQ",
    "IFNE",
    "MATCH",
    "COUNT",
    "TYPE",
    "string",
    "DB",
    "REPLACE",
    "LEN",
    "IDX",
    "MINMATCHLEN",
    "WITHMATCHLEN",
    "ASYNC",
    "SYNC",
    "ID",
    "INFO",
    "LIST",
    "KILL",
    "SETNAME",
    "GETNAME",
    "SETINFO",
    "lib-name",
    "lib-ver",
    "REPLY",
    "ON",
    "OFF",
    "SKIP",
    "NO-EVICT",
    "NO-TOUCH",
    "HELP",
    "SKIPME",
    "yes",
    "no",
    "normal",
    "ADDR",
    "DOCS",
    "GETKEYS",
    "GETKEYSANDFLAGS",
    "FILTERBY",
    "ACLCAT",
    "PATTERN",
    "RESET",
    "RESETSTAT",
    "SET",
    "ENCODING",
    "FREQ",
    "IDLETIME",
    "REFCOUNT",
    "HISTOGRAM",
    "HISTORY",
    "LATEST",
    "GRAPH",
    "DOCTOR",
    "USAGE",
    "SAMPLES",
    "STATS",
    "PURGE",
    "MALLOC-STATS",
    "VERSION",
    "AUTH",
    "default",
    "OBJECT",
    "DIGEST",
    "DIGEST-VALUE",
    "STRINGMATCH-LEN",
    "PROTOCOL",
    "LOG",
    "ERROR",
    "FLUSH",
    "everything",
    "commandstats",
    "maxmemory",
    "*max*",
    "get",
    "set",
    "bitcount",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "10",
    "15",
    "16",
    "100",
    "1023",
    "65536",
    "1048575",
    "1048576",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "536870911",
    "536870912",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "00",
    "+1",
    "-0",
    " 1",
    "1 ",
    "0x10",
    "1.5",
    "-1e308",
    "1e309",
    "inf",
    "-inf",
    "nan",
    "1e-400",
    "0.1",
    "1e17",
    "3.0e3",
    "179769313486231570000000000",
    "1e4932",
    "1e-4950",
    "5e-324",
];

const PATTERNS: &[&str] =
    &["*", "k?", "[a-z]*", "[^k]*", "*a*b*c*d*e*f*", "\\", "[", "[z-a", "k[0-", "****?"];

fn argument(random: &mut Random) -> Vec<u8> {
    match random.below(20) {
        0..=6 => format!("k{}", random.below(12)).into_bytes(),
        7 => format!("{{tag}}{}", random.below(4)).into_bytes(),
        8..=11 => random.pick(NUMBERS).into(),
        12 => (random.next() as i64 >> random.below(64)).to_string().into_bytes(),
        13..=15 => random.pick(WORDS).into(),
        16 => random.pick(PATTERNS).into(),
        17 => {
            let len = random.below(40);
            random.bytes(len)
        }
        18 => {
            let byte = random.next() as u8;
            vec![byte; random.below(30_000)]
        }
        _ => Vec::new(),
    }
}

/// A request for a command that there is, mostly with a number of arguments that it may have.
fn command(random: &mut Random, names: &[Vec<u8>]) -> Vec<u8> {
    let mut words = vec![names[random.below(names.len())].clone()];
    let count = if random.one_in(50) { random.below(300) } else { random.below(7) };
    let is_container =
        [&b"client"[..], b"config", b"command", b"object", b"memory", b"latency", b"slowlog", b"debug"];
    if is_container.contains(&words[0].as_slice()) && !random.one_in(10) {
        words.push(random.pick(WORDS).into());
    }
    words.extend((0..count).map(|_| argument(random)));
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    request(&words)
}

/// The names of all commands but those that would end the run.
fn command_names(served: &Served) -> Vec<Vec<u8>> {
    let reply = served.unix().ask(&[b"COMMAND", b"LIST"]);
    let lines = reply.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let names =
        lines.filter(|line| line.first().is_some_and(u8::is_ascii_lowercase) && !line.contains(&b'|'));
    let names: Vec<Vec<u8>> = names.filter(|name| *name != b"shutdown").map(<[u8]>::to_vec).collect();
    assert!(names.len() > 50, "{}", String::from_utf8_lossy(&reply));
    names
}

/// Reads replies up to the marker. `false`: the connection ended before.
fn read_to(peer: &mut Peer, marker: &[u8]) -> bool {
    let marker = bulk(marker);
    while let Some(reply) = peer.reply() {
        if reply == marker {
            return true;
        }
    }
    false
}

/// The server answers, and an empty one holds little.
fn expect_health(served: &Served, before: u64) {
    let mut peer = served.unix();
    peer.ping();
    assert_eq!(peer.ask(&[b"FLUSHALL"]), b"+OK\r\n");
    let end = Instant::now() + Duration::from_secs(20);
    while served.resident_bytes() > before + (48 << 20) && Instant::now() < end {
        served.unix().ping();
    }
    let after = served.resident_bytes();
    assert!(after <= before + (48 << 20), "{before} bytes became {after}: something is never freed");
}

const OPTIONS: &[&str] = &[
    "--io-threads",
    "2",
    "--proto-max-bulk-len",
    "1mb",
    "--enable-debug-command",
    "yes",
    "--databases",
    "4",
];

/// Some of the commands wait for ever: ends the waits of all who do, until it is told to stop.
fn free_the_waiting(served: &Served, stop: &AtomicBool) {
    let mut peer = served.unix();
    while !stop.load(Ordering::Relaxed) {
        peer.try_send(&request(&[b"CLIENT", b"LIST"]));
        let Some(list) = peer.reply() else {
            // Another client has had it killed.
            peer = served.unix();
            continue;
        };
        let list = String::from_utf8_lossy(&list).into_owned();
        for line in list
            .lines()
            .filter(|line| line.split(' ').any(|word| word.starts_with("flags=") && word.contains('b')))
        {
            let id = line.split([' ', '=']).nth(1).unwrap_or_default();
            peer.try_send(&request(&[b"CLIENT", b"UNBLOCK", id.as_bytes()]));
            let _ = peer.reply();
        }
    }
}

#[test]
fn random_commands() {
    let served = Served::start(OPTIONS);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| free_the_waiting(&served, &stop));
        let finished = std::panic::catch_unwind(AssertUnwindSafe(|| run_random_commands(&served)));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = finished {
            std::panic::resume_unwind(panic);
        }
    });
}

fn run_random_commands(served: &Served) {
    let names = command_names(served);
    let before = served.resident_bytes();
    let mut random = Random::seeded();
    let connect = |index: usize| if index.is_multiple_of(2) { served.tcp() } else { served.unix() };
    let mut peers: Vec<Peer> = (0..6).map(connect).collect();
    let (start, mut requests) = (Instant::now(), 0);
    while !time_is_up(start) {
        let marker = format!("the end {:x}", random.next()).into_bytes();
        for peer in &mut peers {
            let mut batch = Vec::new();
            for _ in 0..random.below(60) {
                batch.extend(command(&mut random, &names));
                requests += 1;
            }
            // In a transaction these would only be queued.
            batch.extend(request(&[b"DISCARD"]));
            batch.extend(request(&[b"CLIENT", b"REPLY", b"ON"]));
            batch.extend(request(&[b"ECHO", &marker]));
            peer.try_send(&batch); // QUIT or CLIENT KILL may have come first.
        }
        for (index, peer) in peers.iter_mut().enumerate() {
            if !read_to(peer, &marker) {
                *peer = connect(index);
            }
        }
        served.unix().ping();
    }
    println!("{requests} random requests");
    drop(peers);
    expect_health(served, before);
}

/// Spoils valid bytes in one of many ways.
fn spoil(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len() + 1);
    match random.below(7) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(..at)),
        2 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        3 => {
            let len = random.below(20);
            bytes.splice(at..at, random.bytes(len));
        }
        4 => {
            let piece: &[u8] =
                random.pick(&[&b"\r\n"[..], b"*", b"$", b"\"", b"'", b"*3\r\n", b"$-1\r\n", b"\0", b"\\x4"]);
            bytes.splice(at..at, piece.iter().copied());
        }
        5 => {
            let number = random.pick(NUMBERS);
            let header = format!("{}{number}\r\n", random.pick(&["*", "$"]));
            bytes.splice(at..at, header.into_bytes());
        }
        _ => {}
    }
}

#[test]
fn random_bytes() {
    let served = Served::start(OPTIONS);
    let names = command_names(&served);
    let before = served.resident_bytes();
    let mut random = Random::seeded();
    let (start, mut connections) = (Instant::now(), 0);
    while !time_is_up(start) {
        let mut bytes = Vec::new();
        if random.one_in(4) {
            let len = random.below(3000);
            bytes = random.bytes(len);
        } else {
            for _ in 0..1 + random.below(10) {
                bytes.extend(command(&mut random, &names));
            }
            for _ in 0..random.below(4) {
                spoil(&mut random, &mut bytes);
            }
        }
        let stream = served.tcp_stream();
        let mut peer = Peer::new(stream.try_clone().expect("descriptors suffice"));
        let cut = random.below(bytes.len() + 1);
        let _ = peer.try_send(&bytes[..cut]) && peer.try_send(&bytes[cut..]);
        connections += 1;
        // Half of them just go; the others wait for the end, which must come.
        if random.one_in(2) {
            let _ = stream.shutdown(Shutdown::Write); // It may be closed already.
            peer.read_to_end();
        }
        if connections % 50 == 0 {
            served.unix().ping();
        }
    }
    println!("{connections} connections with random bytes");
    expect_health(&served, before);
}
