//! Scripts and functions over a crash: all of a script's writes or none, and libraries that are still there.

use crate::server::Server;
use std::path::Path;

const LIBRARY: &str =
    "#!lua name=lib\nredis.register_function('f', function(keys) return redis.call('incr', keys[1]) end)";
/// Three writes in three places, one of them to a key that it did not declare.
const SCRIPT: &str =
    "redis.call('set', KEYS[1], 1) redis.call('rpush', KEYS[2], 'x') return redis.call('incr', 'other')";

fn begin_again(dir: &Path, bytes: &[u8]) {
    let logs = dir.join("appendonlydir");
    let _emptied = std::fs::remove_dir_all(&logs);
    std::fs::create_dir(&logs).expect("a directory");
    std::fs::write(logs.join("appendonly.aof.1.incr.aof"), bytes).expect("written");
    let manifest = "file appendonly.aof.1.incr.aof seq 1 type i\n";
    std::fs::write(logs.join("appendonly.aof.manifest"), manifest).expect("written");
}

#[test]
fn of_a_script_a_cut_log_has_all_or_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &["--appendfsync", "always"]).expect("it starts");
    let mut client = server.connect();
    assert_eq!(client.call(&["SET", "before", "1"]), "+OK");
    assert_eq!(client.call(&["EVAL", SCRIPT, "2", "a", "b"]), ":1");
    server.kill();
    let file = dir.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let bytes = std::fs::read(&file).expect("the log");
    let blocks: Vec<usize> =
        bytes.windows(9).enumerate().filter(|(_, bytes)| bytes == b"#DL block").map(|(at, _)| at).collect();
    let begin = *blocks.last().expect("two writes, two blocks");
    for cut in (begin..bytes.len()).step_by(7).chain([bytes.len()]) {
        begin_again(dir.path(), &bytes[..cut]);
        let server = Server::start(dir.path(), &[]).expect("a torn end is cut");
        let mut client = server.connect();
        let expect = if cut == bytes.len() { ":3" } else { ":0" };
        assert_eq!(client.call(&["EXISTS", "a", "b", "other"]), expect, "cut at {cut}");
        assert_eq!(client.call(&["EXISTS", "before"]), ":1");
    }
}

#[test]
fn functions_are_there_after_a_crash_and_after_a_rewrite() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &["--appendfsync", "always"]).expect("it starts");
    let mut client = server.connect();
    assert_eq!(
        client.call(&["FUNCTION", "LOAD", "#!lua name=gone\nredis.register_function('g', function() end)"]),
        "gone"
    );
    assert_eq!(client.call(&["FUNCTION", "LOAD", LIBRARY]), "lib");
    assert_eq!(client.call(&["FUNCTION", "DELETE", "gone"]), "+OK");
    server.kill();
    let server = Server::start(dir.path(), &["--appendfsync", "always"]).expect("it starts");
    let mut client = server.connect();
    assert_eq!(client.call(&["FCALL", "f", "1", "n"]), ":1");
    assert_eq!(client.call(&["FCALL", "g", "0"]), "-ERR Function not found");
    assert!(client.call(&["BGREWRITEAOF"]).starts_with("+Background"));
    server.until_said("Background AOF rewrite finished successfully");
    server.kill();
    let server = Server::start(dir.path(), &[]).expect("it starts");
    let mut client = server.connect();
    assert_eq!(client.call(&["FCALL", "f", "1", "n"]), ":2");
}
