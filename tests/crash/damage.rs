//! Starts with a log that is torn, damaged or somebody else's.

use crate::server::{Server, encode};
use std::path::PathBuf;
use tempfile::TempDir;

/// A directory whose log holds `SET key:<n> <n>` for 20 numbers, each synced by itself; its last file and bytes.
fn written(stopped: bool) -> (TempDir, PathBuf, Vec<u8>) {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &["--appendfsync", "always"]).expect("it starts");
    let mut client = server.connect();
    for n in 0..20 {
        assert_eq!(client.call(&["SET", &format!("key:{n}"), &n.to_string()]), "+OK");
    }
    if stopped {
        let (status, said) = server.stop();
        assert!(status.success(), "{said}");
    } else {
        server.kill();
    }
    let file = dir.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let bytes = std::fs::read(&file).expect("the log");
    (dir, file, bytes)
}

#[test]
fn a_log_cut_anywhere_in_its_last_records_starts_with_those_before() {
    let (dir, file, bytes) = written(false);
    let blocks: Vec<usize> =
        bytes.windows(9).enumerate().filter(|(_, bytes)| bytes == b"#DL block").map(|(at, _)| at).collect();
    assert_eq!(blocks.len(), 20);
    // Where each block ends.
    let ends: Vec<usize> = blocks[1..].iter().copied().chain([bytes.len()]).collect();
    for cut in blocks[18] - 3..bytes.len() {
        let _emptied = std::fs::remove_dir_all(dir.path().join("appendonlydir"));
        std::fs::create_dir(dir.path().join("appendonlydir")).expect("a directory");
        std::fs::write(&file, &bytes[..cut]).expect("written");
        let manifest = "file appendonly.aof.1.incr.aof seq 1 type i\n";
        std::fs::write(dir.path().join("appendonlydir/appendonly.aof.manifest"), manifest).expect("written");
        let whole = ends.contains(&cut);
        // A start takes its time, and this one isn't about where exactly the cut is.
        if whole || cut % 16 == 0 {
            let refused = Server::start(dir.path(), &["--aof-load-truncated", "no"]).err();
            assert_eq!(refused.is_none(), whole, "cut at {cut}: {refused:?}");
        }
        let server = Server::start(dir.path(), &[]).expect("a torn end is cut");
        assert_eq!(server.said().contains("The log ended torn"), !whole, "cut at {cut}: {}", server.said());
        let expected = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(server.connect().call(&["DBSIZE"]), format!(":{expected}"), "cut at {cut}");
    }
}

/// Also in a log that Redis wrote, whose transactions stand there without anything around them.
#[test]
fn a_transaction_is_there_whole_or_not_at_all() {
    for is_redis in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("appendonlydir/appendonly.aof.1.incr.aof");
        let lines = [
            &["SET", "before", "1"][..],
            &["MULTI"],
            &["SET", "one", "1"],
            &["RPUSH", "two", "a", "b"],
            &["INCR", "three"],
            &["EXEC"],
        ];
        let begins = if is_redis {
            let mut bytes = encode(&["SELECT", "0"]);
            bytes.extend(encode(lines[0]));
            let begins = bytes.len();
            lines[1..].iter().for_each(|line| bytes.extend(encode(line)));
            std::fs::create_dir(dir.path().join("appendonlydir")).expect("a directory");
            std::fs::write(&file, bytes).expect("written");
            begins
        } else {
            let server = Server::start(dir.path(), &["--appendfsync", "always"]).expect("it starts");
            let mut client = server.connect();
            lines.iter().for_each(|line| drop(client.call(line)));
            server.kill();
            let bytes = std::fs::read(&file).expect("the log");
            bytes.windows(9).rposition(|bytes| bytes == b"#DL block").expect("there are blocks")
        };
        let bytes = std::fs::read(&file).expect("the log");
        for cut in begins..=bytes.len() {
            let _emptied = std::fs::remove_dir_all(dir.path().join("appendonlydir"));
            std::fs::create_dir(dir.path().join("appendonlydir")).expect("a directory");
            std::fs::write(&file, &bytes[..cut]).expect("written");
            let manifest = "file appendonly.aof.1.incr.aof seq 1 type i\n";
            std::fs::write(dir.path().join("appendonlydir/appendonly.aof.manifest"), manifest)
                .expect("written");
            let server = Server::start(dir.path(), &[]).expect("a torn end is cut");
            let expected = if cut == bytes.len() { ":4" } else { ":1" };
            assert_eq!(server.connect().call(&["DBSIZE"]), expected, "cut at {cut} of {}", bytes.len());
        }
    }
}

#[test]
fn damage_stops_the_start_and_says_where() {
    for stopped in [false, true] {
        let (dir, file, mut bytes) = written(stopped);
        let place = bytes.windows(5).position(|bytes| bytes == b"key:7").expect("it is there");
        bytes[place] ^= 4;
        std::fs::write(&file, &bytes).expect("written");
        let said = Server::start(dir.path(), &[]).err().expect("it must not start");
        let line = "appendonlydir/appendonly.aof.1.incr.aof is damaged at offset ";
        assert!(said.contains(line) && said.contains("the checksum does not match"), "{said}");
        assert_eq!(std::fs::read(&file).expect("the log"), bytes, "the evidence is left alone");
    }
}

#[test]
fn a_second_server_in_the_directory_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]).expect("it starts");
    let other = dir.path().join("other");
    let said = Server::start(dir.path(), &["--unixsocket", &other.display().to_string()]).err();
    let said = said.expect("it must not start");
    let expected = format!("another server (process {}) has its log in this directory", server.pid());
    assert!(said.contains(&expected), "{said}");
    assert_eq!(server.connect().call(&["SET", "a", "1"]), "+OK");
}

/// The same configuration once more: the socket and the files of the one that runs stay.
#[test]
fn a_second_start_takes_nothing_from_the_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let pid_file = dir.path().join("pid");
    let options = ["--pidfile", &pid_file.display().to_string()];
    let server = Server::start(dir.path(), &options).expect("it starts");
    let said = Server::start(dir.path(), &options).err().expect("it must not start");
    assert!(said.contains("has its log in this directory"), "{said}");
    let said = Server::start(dir.path(), &["--appendonly", "no"]).err().expect("it must not start either");
    assert!(said.contains("Failed opening Unix socket") && said.contains("another server listens"), "{said}");
    assert_eq!(server.connect().call(&["PING"]), "+PONG");
    let pid = std::fs::read_to_string(&pid_file).expect("it is there");
    assert_eq!(pid, format!("{}\n", server.pid()));
    // One that was killed leaves its socket behind.
    server.kill();
    let server = Server::start(dir.path(), &options).expect("it starts");
    assert_eq!(server.connect().call(&["PING"]), "+PONG");
}

#[test]
fn a_socket_takes_the_place_of_no_other_file() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("socket"), "precious").expect("written");
    let said = Server::start(dir.path(), &[]).err().expect("it must not start");
    assert!(said.contains("Failed opening Unix socket") && said.contains("no socket"), "{said}");
    let kept = std::fs::read_to_string(dir.path().join("socket")).expect("it is there");
    assert_eq!(kept, "precious");
}

#[test]
fn a_bit_that_flips_in_an_idle_log_stops_the_start() {
    for fsync in ["everysec", "no"] {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(dir.path(), &["--appendfsync", fsync]).expect("it starts");
        let mut client = server.connect();
        assert_eq!(client.call(&["SET", "key", "value"]), "+OK");
        let file = dir.path().join("appendonlydir/appendonly.aof.1.incr.aof");
        let began = std::time::Instant::now();
        let mut bytes = loop {
            let bytes = std::fs::read(&file).expect("the log");
            // One that follows the value.
            let place = bytes.windows(5).position(|bytes| bytes == b"value").unwrap_or(bytes.len());
            if bytes[place..].windows(7).any(|bytes| bytes == b" len=0 ") && bytes.ends_with(b"\r\n") {
                break bytes;
            }
            assert!(began.elapsed().as_secs() < 30, "{fsync}: it never says that all is durable");
            std::thread::yield_now();
        };
        server.kill();
        let place = bytes.windows(5).position(|bytes| bytes == b"value").expect("it is there");
        bytes[place] ^= 1;
        std::fs::write(&file, &bytes).expect("written");
        let said = Server::start(dir.path(), &[]).err().expect("it must not start");
        assert!(said.contains("is damaged at offset"), "{said}");
    }
}

#[test]
fn what_no_command_explains_stops_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("appendonly.aof"), "*1\r\n$7\r\nNOSUCHY\r\n").expect("written");
    let said = Server::start(dir.path(), &[]).err().expect("it must not start");
    assert!(
        said.contains("appendonlydir/appendonly.aof, before offset 17: ERR unknown command 'NOSUCHY'"),
        "{said}"
    );
}
