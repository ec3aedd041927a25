//! kill -9 at random moments under load.

use crate::server::{Client, Server};
use crate::{random, setting};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 6;

/// What one client knows when the server is gone.
struct Account {
    /// The last number that was acknowledged, and the last that was sent.
    acknowledged: u64,
    sent: u64,
    /// Each acknowledged number with its time, where that matters.
    times: Vec<(Instant, u64)>,
}

/// Counts up in ways that a lost, doubled or halved write shows, until the server is gone.
fn count(client: &mut Client, index: usize, from: u64, total: &AtomicU64, timed: bool) -> Account {
    let mut account = Account { acknowledged: from, sent: from, times: Vec::new() };
    let depth = if index % 3 == 2 { 8 } else { 1 };
    let (one, other) = (format!("pair:{index}:one"), format!("pair:{index}:other"));
    let counter = format!("counter:{index}");
    loop {
        for _ in 0..depth {
            let number = (account.sent + 1).to_string();
            let sent = match index % 2 {
                0 => client.send(&["INCR", &counter]),
                // Two keys of different slots, and one value beside it: all or nothing.
                _ => client.send(&["MSET", &counter, &number, &one, &number, &other, &number]),
            };
            if sent.is_err() {
                return account;
            }
            account.sent += 1;
        }
        for _ in 0..depth {
            match client.reply() {
                Ok(reply) => assert!(!reply.starts_with('-'), "{reply}"),
                Err(_) => return account,
            }
            account.acknowledged += 1;
            total.fetch_add(1, Ordering::Relaxed);
            if timed {
                account.times.push((Instant::now(), account.acknowledged));
            }
        }
    }
}

/// Lets all clients count until `enough` says so, then kills the server.
fn run_and_kill(
    server: Server,
    from: &[u64],
    timed: bool,
    enough: impl Fn(u64) -> bool,
) -> (Vec<Account>, Instant) {
    let total = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|index| {
            let (mut client, total, from) = (server.connect(), Arc::clone(&total), from[index]);
            std::thread::spawn(move || count(&mut client, index, from, &total, timed))
        })
        .collect();
    while !enough(total.load(Ordering::Relaxed)) {
        std::thread::yield_now();
    }
    let killed_at = Instant::now();
    server.kill();
    (
        clients.into_iter().map(|client| client.join().expect("a client checks its replies")).collect(),
        killed_at,
    )
}

/// What the server holds for a client, which must be whole.
fn stored(client: &mut Client, index: usize) -> u64 {
    let number = client.number(&format!("counter:{index}"));
    if index % 2 == 1 {
        let pair = ["one", "other"].map(|name| client.number(&format!("pair:{index}:{name}")));
        assert_eq!(pair, [number, number], "client {index}: a write was applied in part");
    }
    number
}

#[test]
fn with_always_every_acknowledged_write_survives_kill_9() {
    check_nothing_is_lost("always");
}

/// Nothing is synced while it runs, so every reply waits for its write.
#[test]
fn with_no_sync_every_acknowledged_write_survives_kill_9() {
    check_nothing_is_lost("no");
}

fn check_nothing_is_lost(fsync: &str) {
    let mut seed = setting("CRASH_SEED", 7);
    println!("CRASH_SEED={seed}");
    let dir = tempfile::tempdir().expect("a directory");
    let options = ["--appendfsync", fsync];
    let mut from = [0u64; CLIENTS];
    for round in 0..setting("CRASH_ROUNDS", 5) {
        let server = Server::start(dir.path(), &options).expect("it starts");
        let writes = 20 + random(&mut seed) % 1500;
        let rewrites_at = random(&mut seed).is_multiple_of(2).then(|| random(&mut seed) % writes);
        let rewriter = Arc::new(AtomicU64::new(0));
        let mut admin = server.connect();
        let begun = Arc::clone(&rewriter);
        let admin = std::sync::Mutex::new(&mut admin);
        let (accounts, _) = run_and_kill(server, &from, false, |total| {
            if rewrites_at.is_some_and(|at| total >= at) && begun.swap(1, Ordering::Relaxed) == 0 {
                let reply = admin.lock().expect("one thread asks").call(&["BGREWRITEAOF"]);
                assert!(reply.starts_with("+Background"), "{reply}");
            }
            total >= writes
        });
        let server = Server::start(dir.path(), &options).expect("it starts again");
        let mut client = server.connect();
        for (index, account) in accounts.iter().enumerate() {
            let stored = stored(&mut client, index);
            let Account { acknowledged, sent, .. } = account;
            assert!(
                stored >= *acknowledged,
                "round {round}, client {index}: {acknowledged} acknowledged, {stored} there"
            );
            assert!(stored <= *sent, "round {round}, client {index}: {sent} sent, {stored} there");
            from[index] = stored;
        }
        // Half of the starts are after a clean stop.
        if random(&mut seed).is_multiple_of(2) {
            let (status, said) = server.stop();
            assert!(status.success(), "{said}");
        } else {
            server.kill();
        }
    }
}

#[test]
fn with_everysec_nothing_older_than_two_seconds_is_lost() {
    for _ in 0..setting("CRASH_ROUNDS", 5).div_ceil(5) {
        let dir = tempfile::tempdir().expect("a directory");
        let options = ["--appendfsync", "everysec"];
        let server = Server::start(dir.path(), &options).expect("it starts");
        let began = Instant::now();
        let from = [0u64; CLIENTS];
        let (accounts, killed_at) =
            run_and_kill(server, &from, true, |_| began.elapsed() > Duration::from_millis(2500));
        let server = Server::start(dir.path(), &options).expect("it starts again");
        let mut client = server.connect();
        for (index, account) in accounts.iter().enumerate() {
            let stored = stored(&mut client, index);
            let old = account.times.iter().rev().find(|(at, _)| *at + Duration::from_secs(2) <= killed_at);
            let must_be_there = old.map_or(0, |(_, number)| *number);
            assert!(must_be_there > 0, "client {index} wrote nothing in half a second");
            assert!(
                stored >= must_be_there,
                "client {index}: {must_be_there} was two seconds old, {stored} is there"
            );
            assert!(stored <= account.sent);
        }
    }
}
