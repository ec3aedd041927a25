//! Whether histories of concurrent clients are strictly serializable: there is an order of all operations, in keeping with
//! real time, in which one client alone would have got the same answers.
//!
//! Finding such an order is hard in general and easy where every operation tells which version of its keys it met. So it
//! is here: a counter's value, a list's length, the number of the token that a move took. Versions say which operation of
//! a key comes before which; real time says that what had ended before another began comes first. If these orders
//! contradict each other there is a cycle, and no order for all. (The method is that of Kingsbury and Alvaro's Elle, 2020,
//! for versions that can be read off.)
//!
//! HISTORY_OPERATIONS and HISTORY_SEED make the runs longer and repeatable; `scripts/soak` sets them.

use crate::common::Server;
use redis::{Connection, Value, cmd, pipe};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const CLIENTS: usize = 8;
const COUNTERS: usize = 3;
const LISTS: usize = 3;

/// What an operation met: of a key, the version that it made or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Met {
    key: usize,
    version: u64,
    wrote: bool,
}

/// One operation as its client saw it.
#[derive(Clone, Debug)]
struct Operation {
    began: Duration,
    ended: Duration,
    met: Vec<Met>,
}

/// Why a history isn't strictly serializable; `None`: it is.
fn complaint(history: &[Operation]) -> Option<String> {
    let mut writers: HashMap<(usize, u64), usize> = HashMap::new();
    let mut last: HashMap<usize, u64> = HashMap::new();
    for (index, operation) in history.iter().enumerate() {
        for met in operation.met.iter().filter(|met| met.wrote) {
            if let Some(other) = writers.insert((met.key, met.version), index) {
                return Some(format!("two wrote {met:?}: {:?} and {operation:?}", history[other]));
            }
            let last = last.entry(met.key).or_default();
            *last = met.version.max(*last);
        }
    }
    if let Some((key, last)) =
        last.iter().find(|(key, last)| (1..=**last).any(|v| !writers.contains_key(&(**key, v))))
    {
        return Some(format!("nobody wrote a version of key {key} before {last}"));
    }
    // Behind the operations stand moments: all that had ended by then comes before, all that began later behind.
    let mut ends: Vec<(Duration, usize)> =
        history.iter().enumerate().map(|(at, one)| (one.ended, at)).collect();
    ends.sort_unstable();
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); 2 * history.len()];
    for (rank, (_, index)) in ends.iter().enumerate() {
        after[*index].push(history.len() + rank);
        if rank > 0 {
            after[history.len() + rank - 1].push(history.len() + rank);
        }
    }
    for (index, operation) in history.iter().enumerate() {
        let before = ends.partition_point(|(ended, _)| *ended < operation.began);
        if before > 0 {
            after[history.len() + before - 1].push(index);
        }
        for met in &operation.met {
            let earlier = if met.wrote { met.version.wrapping_sub(1) } else { met.version };
            if let Some(writer) = writers.get(&(met.key, earlier)).filter(|writer| **writer != index) {
                after[*writer].push(index);
            } else if earlier > 0 && !writers.contains_key(&(met.key, earlier)) {
                return Some(format!("nobody wrote what {operation:?} met"));
            }
            if let Some(next) = writers.get(&(met.key, met.version + 1)).filter(|next| **next != index) {
                after[index].push(*next);
            }
        }
    }
    let in_cycles = left_of_a_sort(&after);
    let operations: Vec<_> = in_cycles.iter().filter_map(|index| history.get(*index)).take(6).collect();
    (!in_cycles.is_empty()).then(|| format!("no order is right for: {operations:#?}"))
}

/// What can't be put into an order where each stands before those after it: what is in a cycle, or behind one.
fn left_of_a_sort(after: &[Vec<usize>]) -> Vec<usize> {
    let mut missing = vec![0usize; after.len()];
    after.iter().flatten().for_each(|next| missing[*next] += 1);
    let mut ready: Vec<usize> = (0..after.len()).filter(|index| missing[*index] == 0).collect();
    while let Some(index) = ready.pop() {
        for next in &after[index] {
            missing[*next] -= 1;
            if missing[*next] == 0 {
                ready.push(*next);
            }
        }
    }
    (0..after.len()).filter(|index| missing[*index] > 0).collect()
}

/// The keys: counters, lists that grow, and the place where a token from the one list of a pair to the other counts.
fn counter(index: usize) -> (usize, String) {
    (index, format!("counter:{index}"))
}

fn list(index: usize) -> (usize, String) {
    (COUNTERS + index, format!("list:{index}"))
}

const MOVES: usize = COUNTERS + LISTS;

struct Client {
    connection: Connection,
    state: u64,
    /// Tokens that there are to be moved.
    tokens: u64,
}

impl Client {
    /// SplitMix64: a number below `bound`.
    fn draw(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn run(&mut self) -> Vec<Met> {
        match self.draw(8) {
            0 => self.increment(),
            1 => self.read_several(),
            2 => self.append(),
            3 | 4 => self.move_token(),
            5 => self.increment_if_unchanged(),
            _ => self.transaction(),
        }
    }

    fn increment(&mut self) -> Vec<Met> {
        let (key, name) = counter(self.draw(COUNTERS));
        let version = cmd("INCR").arg(name).query(&mut self.connection).expect("a number");
        vec![Met { key, version, wrote: true }]
    }

    fn read_several(&mut self) -> Vec<Met> {
        let names: Vec<String> = (0..COUNTERS).map(|index| counter(index).1).collect();
        let values: Vec<Option<u64>> = cmd("MGET").arg(names).query(&mut self.connection).expect("numbers");
        let met =
            |(key, value): (usize, &Option<u64>)| Met { key, version: value.unwrap_or(0), wrote: false };
        values.iter().enumerate().map(met).collect()
    }

    fn append(&mut self) -> Vec<Met> {
        let (key, name) = list(self.draw(LISTS));
        let version = cmd("RPUSH").arg(name).arg("x").query(&mut self.connection).expect("a length");
        vec![Met { key, version, wrote: true }]
    }

    fn move_token(&mut self) -> Vec<Met> {
        let may_wait = self.draw(2) == 0;
        let mut command = cmd(if may_wait { "BLMOVE" } else { "LMOVE" });
        command.arg("from").arg("to").arg("LEFT").arg("RIGHT");
        if may_wait {
            command.arg("0.01");
        }
        let moved: Option<u64> = command.query(&mut self.connection).expect("a token");
        moved.map(|version| Met { key: MOVES, version, wrote: true }).into_iter().collect()
    }

    fn increment_if_unchanged(&mut self) -> Vec<Met> {
        let (key, name) = counter(self.draw(COUNTERS));
        cmd("WATCH").arg(&name).query::<()>(&mut self.connection).expect("it watches");
        let before: Option<u64> = cmd("GET").arg(&name).query(&mut self.connection).expect("a number");
        let version = before.unwrap_or(0) + 1;
        let mut all = pipe();
        all.atomic().set(name, version);
        let done: Option<Value> = all.query(&mut self.connection).expect("it runs or does not");
        done.map(|_| Met { key, version, wrote: true }).into_iter().collect()
    }

    /// Reads and writes of several keys, each at most once.
    fn transaction(&mut self) -> Vec<Met> {
        let mut all = pipe();
        all.atomic();
        // How each reply says the version: key, and whether it was made.
        let mut asked = Vec::new();
        for index in 0..COUNTERS {
            let (key, name) = counter(index);
            let what = self.draw(3);
            match what {
                0 => all.incr(name, 1),
                1 => all.get(name),
                _ => continue,
            };
            asked.push((key, what == 0));
        }
        for index in 0..LISTS {
            let (key, name) = list(index);
            let what = self.draw(3);
            match what {
                0 => all.rpush(name, "x"),
                1 => all.llen(name),
                _ => continue,
            };
            asked.push((key, what == 0));
        }
        all.llen("from").llen("to");
        let replies: Vec<Option<u64>> = all.query(&mut self.connection).expect("it runs");
        let mut met: Vec<Met> = asked
            .iter()
            .zip(&replies)
            .map(|(&(key, wrote), reply)| Met { key, version: reply.unwrap_or(0), wrote })
            .collect();
        let (from, to) = (replies[asked.len()].unwrap_or(0), replies[asked.len() + 1].unwrap_or(0));
        assert_eq!(from + to, self.tokens, "a token is in no list, or in both");
        met.push(Met { key: MOVES, version: to, wrote: false });
        met
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn what_eight_clients_see_has_an_order() {
    let (operations, seed) = (setting("HISTORY_OPERATIONS", 10_000), setting("HISTORY_SEED", 1));
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start_with_workers(&directory, 4);
    let connect = || {
        let address = format!("unix://{}", server.socket.display());
        redis::Client::open(address).and_then(|client| client.get_connection()).expect("it listens")
    };
    let mut first = connect();
    for tokens in (1..=operations).collect::<Vec<_>>().chunks(1000) {
        cmd("RPUSH").arg("from").arg(tokens).query::<()>(&mut first).expect("it fills");
    }
    let start = Instant::now();
    let histories: Vec<Vec<Operation>> = std::thread::scope(|scope| {
        let run = |index: u64| {
            let mut client = Client { connection: connect(), state: seed << 8 | index, tokens: operations };
            let one = move |_| {
                let began = start.elapsed();
                let met = client.run();
                Operation { began, ended: start.elapsed(), met }
            };
            scope.spawn(move || (0..operations / CLIENTS as u64).map(one).collect())
        };
        let clients: Vec<_> = (0..CLIENTS as u64).map(run).collect();
        clients.into_iter().map(|client| client.join().expect("it got its answers")).collect()
    });
    let history = histories.concat();
    if let Some(complaint) = complaint(&history) {
        panic!("seed {seed}: {complaint}");
    }
}

#[test]
fn histories_that_have_no_order_are_found_out() {
    let operation = |began: u64, ended: u64, met: &[(usize, u64, bool)]| Operation {
        began: Duration::from_micros(began),
        ended: Duration::from_micros(ended),
        met: met.iter().map(|&(key, version, wrote)| Met { key, version, wrote }).collect(),
    };
    let two = operation(0, 10, &[(0, 1, true), (1, 1, true)]);
    assert_eq!(complaint(&[two.clone(), operation(2, 5, &[(0, 0, false), (1, 0, false)])]), None);
    let cases = [
        ("a half is seen", vec![two.clone(), operation(2, 5, &[(0, 1, false), (1, 0, false)])]),
        ("an old value is read", vec![two.clone(), operation(11, 12, &[(0, 0, false)])]),
        ("an update is lost", vec![two.clone(), operation(0, 10, &[(0, 1, true)])]),
        ("a value comes from nowhere", vec![two, operation(2, 5, &[(0, 3, false)])]),
        (
            "each read what the other wrote later",
            vec![
                operation(0, 10, &[(0, 1, true), (1, 0, false)]),
                operation(0, 10, &[(1, 1, true), (0, 0, false)]),
            ],
        ),
    ];
    for (what, history) in cases {
        assert!(complaint(&history).is_some(), "{what}");
    }
}
