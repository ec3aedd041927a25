//! Starts with a log that is torn, damaged or somebody else's.

use crate::server::Server;
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
