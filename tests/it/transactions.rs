//! Transactions beside everything else that locks several shards: nothing hangs, and nothing is seen by halves.

use crate::common::Server;
use redis::{Connection, Value, cmd, pipe};
use std::sync::atomic::{AtomicUsize, Ordering};

const ACCOUNTS: usize = 16;
const MONEY: i64 = 100;
const QUEUES: usize = 4;
const TOKENS: usize = 10;
const WRITERS: usize = 8;
const ROUNDS: usize = 1000;

fn account(index: usize) -> String {
    format!("account:{index}")
}

fn queue(index: usize) -> String {
    format!("queue:{index}")
}

/// SplitMix64: a number below `bound`.
fn draw(state: &mut u64, bound: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) % bound as u64) as usize
}

fn connect(server: &Server) -> Connection {
    let address = format!("unix://{}", server.socket.display());
    redis::Client::open(address).and_then(|client| client.get_connection()).expect("it listens")
}

/// Everything anew, in one transaction.
fn begin_again(connection: &mut Connection) {
    let mut all = pipe();
    all.atomic().cmd("FLUSHALL");
    for index in 0..ACCOUNTS {
        all.set(account(index), MONEY);
    }
    for token in 0..TOKENS {
        all.rpush(queue(token % QUEUES), token);
    }
    all.query::<Value>(connection).expect("it runs");
}

fn transfer(connection: &mut Connection, state: &mut u64) {
    let mut all = pipe();
    all.atomic();
    for _ in 0..=draw(state, 3) {
        let amount = draw(state, 50) as i64;
        all.decr(account(draw(state, ACCOUNTS)), amount).incr(account(draw(state, ACCOUNTS)), amount);
    }
    all.query::<Value>(connection).expect("it runs");
}

/// Takes from one account what it puts on another, unless one of them changed meanwhile.
fn transfer_if_unchanged(connection: &mut Connection, state: &mut u64) {
    let (from, to) = (draw(state, ACCOUNTS), draw(state, ACCOUNTS));
    if from == to {
        return;
    }
    let keys = [account(from), account(to)];
    cmd("WATCH").arg(&keys).query::<()>(connection).expect("it watches");
    let before: Vec<i64> = cmd("MGET").arg(&keys).query(connection).expect("they are there");
    let mut all = pipe();
    all.atomic().set(&keys[0], before[0] - 1).set(&keys[1], before[1] + 1);
    all.query::<Option<Value>>(connection).expect("it runs or does not");
}

fn move_token(connection: &mut Connection, state: &mut u64) {
    let (from, to) = (queue(draw(state, QUEUES)), queue(draw(state, QUEUES)));
    let moved = match draw(state, 3) {
        0 => cmd("LMOVE").arg(from).arg(to).arg("LEFT").arg("RIGHT").query::<Value>(connection),
        1 => cmd("BLMOVE").arg(from).arg(to).arg("LEFT").arg("RIGHT").arg("0.01").query(connection),
        _ => {
            let mut all = pipe();
            all.atomic().cmd("RPOPLPUSH").arg(&from).arg(&to).cmd("BLMOVE").arg(to).arg(from);
            all.arg("LEFT").arg("RIGHT").arg("0").query(connection)
        }
    };
    moved.expect("it moves or does not");
}

fn write(connection: &mut Connection, state: &mut u64) {
    match draw(state, 20) {
        0 => begin_again(connection),
        1 => drop(cmd("SWAPDB").arg(8).arg(9).query::<Value>(connection).expect("it swaps")),
        2 => {
            let mut all = pipe();
            all.atomic().cmd("SWAPDB").arg(0).arg(1).cmd("DBSIZE").cmd("SWAPDB").arg(0).arg(1);
            all.query::<Value>(connection).expect("it runs");
        }
        3 => drop(cmd("KEYS").arg("*").query::<Value>(connection).expect("it looks")),
        4..9 => transfer_if_unchanged(connection, state),
        9..14 => move_token(connection, state),
        _ => transfer(connection, state),
    }
}

/// The sums that never change, in one look: with a transaction or a command.
fn check(connection: &mut Connection, state: &mut u64) {
    let accounts: Vec<String> = (0..ACCOUNTS).map(account).collect();
    let money: Vec<i64> = if draw(state, 2) == 0 {
        cmd("MGET").arg(&accounts).query(connection).expect("all are there")
    } else {
        let mut all = pipe();
        all.atomic();
        for account in accounts.iter().rev() {
            all.get(account);
        }
        all.query(connection).expect("all are there")
    };
    assert_eq!(money.iter().sum::<i64>(), ACCOUNTS as i64 * MONEY, "{money:?}");
    let mut all = pipe();
    all.atomic();
    for index in 0..QUEUES {
        all.llen(queue(index));
    }
    let tokens: Vec<usize> = all.query(connection).expect("it looks");
    assert_eq!(tokens.iter().sum::<usize>(), TOKENS, "{tokens:?}");
}

/// A writer is done, or has failed.
struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn whatever_locks_several_shards_neither_hangs_nor_is_seen_by_halves() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start_with_workers(&directory, 4);
    begin_again(&mut connect(&server));
    let left = AtomicUsize::new(WRITERS);
    std::thread::scope(|scope| {
        for seed in 0..WRITERS as u64 {
            let (server, left) = (&server, &left);
            scope.spawn(move || {
                let (mut connection, mut state) = (connect(server), seed);
                let _one_less = Leaving(left);
                (0..ROUNDS).for_each(|_| write(&mut connection, &mut state));
            });
        }
        for seed in 100..102 {
            let (server, left) = (&server, &left);
            scope.spawn(move || {
                let (mut connection, mut state) = (connect(server), seed);
                while left.load(Ordering::Relaxed) > 0 {
                    check(&mut connection, &mut state);
                }
            });
        }
    });
    check(&mut connect(&server), &mut 0);
}
