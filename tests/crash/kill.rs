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

/// Asks for a rewrite once, as soon as it is told to.
struct Rewriter(std::sync::Mutex<Option<Client>>);

impl Rewriter {
    /// One that acts in half of the rounds.
    fn sometimes(server: &Server, seed: &mut u64) -> Self {
        Self(std::sync::Mutex::new(random(seed).is_multiple_of(2).then(|| server.connect())))
    }

    fn rewrite(&self) {
        if let Some(mut client) = self.0.lock().expect("one thread asks").take() {
            let reply = client.call(&["BGREWRITEAOF"]);
            assert!(reply.starts_with("+Background"), "{reply}");
        }
    }
}

/// Ends the server that was looked at. Half of the starts are after a clean stop.
fn stop_or_kill(server: Server, seed: &mut u64) {
    if random(seed).is_multiple_of(2) {
        let (status, said) = server.stop();
        assert!(status.success(), "{said}");
    } else {
        server.kill();
    }
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
    let rounds = setting("CRASH_ROUNDS", 5);
    for round in 0..rounds {
        let server = Server::start(dir.path(), &options).expect("it starts");
        let writes = 20 + random(&mut seed) % 1500;
        let rewriter = Rewriter::sometimes(&server, &mut seed);
        let rewrites_at = random(&mut seed) % writes;
        let (accounts, _) = run_and_kill(server, &from, false, |total| {
            if total >= rewrites_at {
                rewriter.rewrite();
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
        stop_or_kill(server, &mut seed);
    }
    println!("{rounds} times killed, {} writes there", from.iter().sum::<u64>());
}

#[test]
fn with_everysec_nothing_older_than_two_seconds_is_lost() {
    let mut seed = setting("CRASH_SEED", 7);
    println!("CRASH_SEED={seed}");
    let dir = tempfile::tempdir().expect("a directory");
    let options = ["--appendfsync", "everysec"];
    let mut from = [0u64; CLIENTS];
    let (mut lost, mut oldest) = (0, Duration::ZERO);
    let rounds = setting("CRASH_ROUNDS", 1); // A round takes seconds.
    for round in 0..rounds {
        let server = Server::start(dir.path(), &options).expect("it starts");
        let milliseconds = 2500 + random(&mut seed) % 1500;
        let rewriter = Rewriter::sometimes(&server, &mut seed);
        let rewrites_at = Duration::from_millis(random(&mut seed) % milliseconds);
        let began = Instant::now();
        let (accounts, killed_at) = run_and_kill(server, &from, true, |_| {
            if began.elapsed() >= rewrites_at {
                rewriter.rewrite();
            }
            began.elapsed() >= Duration::from_millis(milliseconds)
        });
        let server = Server::start(dir.path(), &options).expect("it starts again");
        let mut client = server.connect();
        for (index, account) in accounts.iter().enumerate() {
            let stored = stored(&mut client, index);
            let old = account.times.iter().rev().find(|(at, _)| *at + Duration::from_secs(2) <= killed_at);
            let must_be_there = old.map_or(from[index], |(_, number)| *number);
            assert!(must_be_there > from[index], "client {index} wrote nothing in half a second");
            assert!(
                stored >= must_be_there,
                "round {round}, client {index}: {must_be_there} was two seconds old, {stored} is there"
            );
            assert!(stored <= account.sent);
            lost += account.acknowledged.saturating_sub(stored);
            if let Some((at, _)) = account.times.iter().find(|(_, number)| *number > stored) {
                oldest = oldest.max(killed_at.saturating_duration_since(*at));
            }
            from[index] = stored;
        }
        stop_or_kill(server, &mut seed);
    }
    let there: u64 = from.iter().sum();
    println!("{rounds} times killed, {there} writes there, {lost} lost, the oldest of them after {oldest:?}");
}
