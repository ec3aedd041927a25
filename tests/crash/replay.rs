//! The main property: replaying the effects gives the state that made them.

use crate::server::{Client, Server};
use crate::{random, setting};
use std::collections::BTreeMap;

const KEYS: u64 = 40;
const DATABASES: usize = 3;

/// Everything in the first databases: key, value and time to live.
fn dump(client: &mut Client) -> BTreeMap<(usize, String), (String, String)> {
    let mut found = BTreeMap::new();
    for db in 0..DATABASES {
        client.call(&["SELECT", &db.to_string()]);
        for key in (0..KEYS).map(|n| format!("key:{n}")) {
            let value = client.call(&["GET", &key]);
            if value != "$-1" {
                let expires = client.call(&["PEXPIRETIME", &key]);
                found.insert((db, key), (value, expires));
            }
        }
    }
    found
}

/// A random write; errors are as welcome as changes.
fn command(state: &mut u64) -> Vec<String> {
    let mut pick = |count: u64| random(state) % count;
    let (one, other) = (format!("key:{}", pick(KEYS)), format!("key:{}", pick(KEYS)));
    let number = (pick(2000) as i64 - 1000).to_string();
    let (offset, db, seconds) =
        (pick(40).to_string(), pick(DATABASES as u64).to_string(), (1000 + pick(9000)).to_string());
    let past = "1000000";
    let template = [
        "SET one number",
        "SET one number EX seconds",
        "SET one number KEEPTTL",
        "SET one number NX",
        "SET one number XX GET",
        "SET one number PXAT past",
        "SETEX one seconds number",
        "PSETEX one seconds number",
        "SETNX one number",
        "GETSET one number",
        "GETDEL one",
        "GETEX one EX seconds",
        "GETEX one PERSIST",
        "APPEND one number",
        "SETRANGE one offset number",
        "INCR one",
        "DECR one",
        "INCRBY one number",
        "DECRBY one number",
        "INCRBYFLOAT one 1.25",
        "MSET one number other number",
        "MSETNX one number other number",
        "DEL one",
        "UNLINK one other",
        "EXPIRE one seconds",
        "EXPIRE one -1",
        "PEXPIRE one seconds GT",
        "EXPIREAT one past",
        "PEXPIREAT one past",
        "PERSIST one",
        "RENAME one other",
        "RENAMENX one other",
        "COPY one other",
        "COPY one other DB db REPLACE",
        "MOVE one db",
        "SELECT db",
        "SELECT db",
        "SWAPDB db 1",
        "FLUSHDB",
    ];
    // What empties or swaps whole databases is rare, or there would be nothing to look at.
    let rare = 2;
    let index = match pick(100) {
        0 => template.len() as u64 - 1 - pick(rare),
        _ => pick(template.len() as u64 - rare),
    };
    let words = template[usize::try_from(index).expect("it is small")].split(' ');
    let fill = |word: &str| match word {
        "one" => one.clone(),
        "other" => other.clone(),
        "number" => number.clone(),
        "offset" => offset.clone(),
        "db" => db.clone(),
        "seconds" => seconds.clone(),
        "past" => past.to_owned(),
        word => word.to_owned(),
    };
    words.map(fill).collect()
}

#[test]
fn replaying_the_effects_gives_the_same_state() {
    let mut seed = setting("CRASH_SEED", 11);
    println!("CRASH_SEED={seed}");
    let dir = tempfile::tempdir().expect("a directory");
    for round in 0..setting("CRASH_ROUNDS", 6).div_ceil(2) {
        let server = Server::start(dir.path(), &["--appendfsync", "everysec"]).expect("it starts");
        let mut client = server.connect();
        let mut changed = 0;
        for n in 0..3000 {
            let command = command(&mut seed);
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            let reply = client.call(&words);
            assert!(!reply.starts_with("-ERR unknown command"), "{command:?}: {reply}");
            changed += u32::from(!reply.starts_with('-'));
            if n == 1000 && round == 1 {
                assert!(client.call(&["BGREWRITEAOF"]).starts_with('+'));
            }
        }
        assert!(changed > 1000, "{changed} of 3000 commands did something");
        let before = dump(&mut client);
        assert!(before.len() > 10, "{before:?}");
        let (status, said) = server.stop();
        assert!(status.success(), "{said}");
        let server = Server::start(dir.path(), &[]).expect("it starts again");
        let after = dump(&mut server.connect());
        assert_eq!(before, after, "round {round}");
        server.kill();
    }
}

/// Effects are composed with the commands' own names: a log must load whatever clients call them.
#[test]
fn a_log_loads_with_commands_renamed() {
    let dir = tempfile::tempdir().expect("a directory");
    let options =
        ["--appendfsync", "always", "--rename-command", "DEL", "", "--rename-command", "SET", "put"];
    let server = Server::start(dir.path(), &options).expect("it starts");
    let mut client = server.connect();
    assert_eq!(client.call(&["put", "kept", "1"]), "+OK");
    assert_eq!(client.call(&["put", "old", "2"]), "+OK");
    assert_eq!(client.call(&["RENAME", "old", "new"]), "+OK");
    server.kill();
    let server = Server::start(dir.path(), &options).expect("it starts again");
    let mut client = server.connect();
    assert_eq!((client.call(&["GET", "kept"]), client.call(&["GET", "new"])), ("1".into(), "2".into()));
    assert_eq!(client.call(&["GET", "old"]), "$-1");
}

/// Relative times in a log that was made by hand count from its load; given times that have passed meet later writes
/// before they count.
#[test]
fn relative_times_in_a_foreign_log_count_from_now() {
    let dir = tempfile::tempdir().expect("a directory");
    let commands: [&[&str]; 7] = [
        &["SETEX", "a", "1000", "v"],
        &["SET", "b", "v", "PX", "1000000"],
        &["SET", "c", "v"],
        &["EXPIRE", "c", "1000"],
        &["SET", "d", "5", "PXAT", "1000000"],
        &["INCR", "d"],
        &["PERSIST", "d"],
    ];
    let log: Vec<u8> = commands.iter().flat_map(|command| crate::server::encode(command)).collect();
    std::fs::write(dir.path().join("appendonly.aof"), log).expect("written");
    let server = Server::start(dir.path(), &[]).expect("it loads");
    let mut client = server.connect();
    for key in ["a", "b", "c"] {
        let left: i64 = client.call(&["TTL", key])[1..].parse().expect("a number");
        assert!((900..=1000).contains(&left), "{key}: {left}");
    }
    assert_eq!(client.call(&["GET", "d"]), "6");
}

/// As in Redis: who then starts with appendonly yes has what there was, and the log may be turned on at any time.
#[test]
fn a_rewrite_while_the_log_is_off_leaves_a_log_of_what_there_is() {
    let dir = tempfile::tempdir().expect("a directory");
    for round in 1..3 {
        let server = Server::start(dir.path(), &["--appendonly", "no"]).expect("it starts");
        let mut client = server.connect();
        assert_eq!(client.call(&["SET", "a", &round.to_string()]), "+OK");
        assert_eq!(client.call(&["BGREWRITEAOF"]), "+Background append only file rewriting started");
        server.until_said("Background AOF rewrite finished successfully");
        assert_eq!(client.call(&["SET", "b", "1"]), "+OK");
        assert!(server.stop().0.success());
        let server = Server::start(dir.path(), &[]).expect("it starts");
        let mut client = server.connect();
        assert_eq!(client.call(&["GET", "a"]), round.to_string());
        assert_eq!(client.call(&["DBSIZE"]), ":1");
        assert_eq!(client.call(&["SET", "c", "1"]), "+OK");
        assert!(server.stop().0.success());
    }
    let server = Server::start(dir.path(), &["--appendonly", "no"]).expect("it starts");
    let mut client = server.connect();
    assert_eq!(client.call(&["BGREWRITEAOF"]), "+Background append only file rewriting started");
    assert_eq!(client.call(&["CONFIG", "SET", "appendonly", "yes"]), "+OK");
    assert_eq!(client.call(&["SET", "d", "1"]), "+OK");
    assert!(server.stop().0.success());
    let server = Server::start(dir.path(), &[]).expect("it starts");
    assert_eq!(server.connect().call(&["GET", "d"]), "1");
}
