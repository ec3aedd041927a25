//! A disk that refuses: writes stop being acknowledged, reads go on, and it mends itself or the operator does.

use crate::server::{Client, Server, arguments, encode};
use std::process::Command;
use std::time::{Duration, Instant};

/// A server whose files may not grow beyond 32 KiB, which takes the part of a full disk.
fn start(dir: &std::path::Path, fsync: &str) -> Server {
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -S -f 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_dunlin")])
        .args(arguments(dir, &["--appendfsync", fsync]));
    Server::spawn(dir, command).expect("it starts")
}

/// How many values of 4,000 bytes fit into 32 KiB.
const WRITES_THAT_FIT: u32 = 7;

/// Gives the disk its room back.
fn lift_limit(server: &Server) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let pid = Pid::from_raw(server.pid().cast_signed()).expect("a process");
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: None, maximum: None }).expect("it is our child");
}

#[test]
fn a_full_disk_stops_writes_and_not_reads_until_there_is_room() {
    for (fsync, asks) in [("everysec", false), ("always", false), ("no", false), ("everysec", true)] {
        let dir = tempfile::tempdir().expect("a directory");
        let server = start(dir.path(), fsync);
        let mut client = server.connect();
        let mut other = server.connect();
        assert_eq!(other.call(&["SET", "known", "1"]), "+OK");
        let value = "v".repeat(4000);
        let mut acknowledged = 0;
        let refused = loop {
            client.send(&["SET", &format!("key:{acknowledged}"), &value]).expect("it reads");
            match client.reply() {
                Ok(reply) if reply == "+OK" => acknowledged += 1,
                Ok(reply) => break reply,
                Err(cut_off) => {
                    // Whether a write that failed will last is unknown: who waits for it is cut off, with neither an
                    // answer nor a wait without end. Who comes after is refused.
                    assert_eq!(cut_off.kind(), std::io::ErrorKind::UnexpectedEof);
                    server.until_said("The log has failed");
                    break other.call(&["SET", "other", "1"]);
                }
            }
        };
        assert!(acknowledged <= WRITES_THAT_FIT, "{fsync}: {acknowledged}");
        server.until_said("The log has failed");
        assert_eq!(refused, "-MISCONF Errors writing to the AOF file: File too large", "{fsync}");
        assert_eq!(other.call(&["GET", "known"]), "1");
        assert_eq!(other.call(&["PING"]), refused);
        let status = |client: &mut Client| client.call(&["INFO", "persistence"]);
        assert!(status(&mut other).contains("aof_last_write_status:err"));

        server.until_said("still can't be written");
        lift_limit(&server);
        if asks {
            assert_eq!(other.call(&["BGREWRITEAOF"]), "+Background append only file rewriting started");
        }
        let began = Instant::now();
        while other.call(&["SET", "known", "2"]) != "+OK" {
            assert!(began.elapsed() < Duration::from_secs(30), "{fsync}: {}", server.said());
        }
        server.until_said("The log takes writes again");
        assert!(status(&mut other).contains("aof_last_write_status:ok"));
        if fsync != "no" {
            server.kill();
        } else {
            let (status, said) = server.stop();
            assert!(status.success(), "{said}");
        }
        let server = Server::start(dir.path(), &[]).expect("it starts again");
        let mut client = server.connect();
        assert_eq!(client.call(&["GET", "known"]), "2");
        for n in 0..acknowledged {
            assert_eq!(client.call(&["GET", &format!("key:{n}")]), value, "{fsync}: key {n}");
        }
    }
}

/// What is not on the disk is lost only when that was said twice.
#[test]
fn a_server_whose_log_failed_ends_only_by_force() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = start(dir.path(), "everysec");
    let mut client = server.connect();
    let value = "v".repeat(4000);
    assert_eq!(client.call(&["SET", "known", "1"]), "+OK");
    let sent = (0..20).map(|n| encode(&["SET", &format!("key:{n}"), &value])).collect::<Vec<_>>().concat();
    // Whether these are answered is not what is tested.
    let _replies = server.connect().send_bytes(&sent, 20);
    server.until_said("The log has failed");
    let keys = client.call(&["DBSIZE"]);
    for words in [&["SHUTDOWN"][..], &["SHUTDOWN", "NOSAVE"], &["SHUTDOWN", "NOW"]] {
        assert_eq!(client.call(words), "-ERR Errors trying to SHUTDOWN. Check logs.", "{words:?}");
    }
    server.signal(rustix::process::Signal::TERM);
    server.until_said("Errors trying to shut down the server");
    assert_eq!(client.call(&["GET", "known"]), "1");
    assert!(!server.said().contains("The log takes writes again"), "{}", server.said());
    // There is room again when it has to end.
    lift_limit(&server);
    let (status, said) = server.stop();
    assert!(status.success(), "{said}");
    let server = Server::start(dir.path(), &[]).expect("it starts again");
    assert_eq!(server.connect().call(&["DBSIZE"]), keys);
}

#[test]
fn a_start_on_a_full_disk_serves_reads() {
    for fsync in ["everysec", "always"] {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(dir.path(), &[]).expect("it starts");
        let mut client = server.connect();
        let value = "v".repeat(4000);
        for n in 0..20 {
            assert_eq!(client.call(&["SET", &format!("key:{n}"), &value]), "+OK");
        }
        let (status, said) = server.stop();
        assert!(status.success(), "{said}");
        let server = start(dir.path(), fsync);
        let mut client = server.connect();
        assert_eq!(client.call(&["GET", "key:7"]), value);
        assert_eq!(
            client.call(&["SET", "a", "1"]),
            "-MISCONF Errors writing to the AOF file: File too large"
        );
        lift_limit(&server);
        // Nobody asks for it: there is no log to go on with but a new one, and room for that.
        while client.call(&["SET", "a", fsync]) != "+OK" {}
        let (status, said) = server.stop();
        assert!(status.success(), "{said}");
        let server = Server::start(dir.path(), &[]).expect("it starts again");
        assert_eq!(server.connect().call(&["GET", "a"]), fsync);
        assert_eq!(server.connect().call(&["DBSIZE"]), ":21");
    }
}

/// strace lets every fdatasync from the fifth on fail: the start needs fewer.
#[test]
fn a_failed_sync_is_never_taken_for_a_success() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("strace");
    command
        .args([
            "-D",
            "-f",
            "-o",
            "/dev/null",
            "-e",
            "trace=fdatasync",
            "-e",
            "inject=fdatasync:error=EIO:when=5+",
        ])
        .arg(env!("CARGO_BIN_EXE_dunlin"))
        .args(arguments(dir.path(), &["--appendfsync", "always"]));
    let server = Server::spawn(dir.path(), command).expect("strace runs it (scripts/test installs strace)");
    let mut writers: Vec<Client> = Vec::new();
    let mut acknowledged = 0;
    // Each client waits for its reply until the log fails; then the next one is told.
    let refused = loop {
        let mut client = server.connect();
        client.send(&["SET", &format!("key:{acknowledged}"), "1"]).expect("it reads");
        let reply = loop {
            match client.poll_reply() {
                None if server.said().contains("The log has failed") => break None,
                None => std::thread::yield_now(),
                reply => break reply,
            }
        };
        match reply {
            Some(reply) if reply == "+OK" => acknowledged += 1,
            Some(reply) => break reply,
            // Its reply is held: it is neither acknowledged nor refused.
            None => break server.connect().call(&["SET", "other", "1"]),
        }
        writers.push(client);
    };
    assert_eq!(refused, "-MISCONF Errors writing to the AOF file: Input/output error");
    assert_eq!(server.connect().call(&["GET", "other"]), "$-1");
    server.kill();
    let server = Server::start(dir.path(), &[]).expect("it starts again");
    let mut client = server.connect();
    for n in 0..acknowledged {
        assert_eq!(client.call(&["GET", &format!("key:{n}")]), "1");
    }
}

/// strace makes every fdatasync from the third on take four seconds: the start needs two.
#[test]
fn with_everysec_replies_are_held_back_while_the_disk_is_late() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "-o", "/dev/null", "-e", "trace=fdatasync"])
        .args(["-e", "inject=fdatasync:delay_enter=4000000:when=3+"])
        .arg(env!("CARGO_BIN_EXE_dunlin"))
        .args(arguments(dir.path(), &["--appendfsync", "everysec"]));
    let server = Server::spawn(dir.path(), command).expect("strace runs it (scripts/test installs strace)");
    let (mut client, mut reader) = (server.connect(), server.connect());
    assert_eq!(reader.call(&["SET", "other", "1"]), "+OK");
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    while began.elapsed() < Duration::from_millis(4500) {
        let sent = Instant::now();
        assert_eq!(client.call(&["INCR", "key"])[..1], *":");
        longest = longest.max(sent.elapsed());
    }
    assert!(longest > Duration::from_millis(700), "no reply waited longer than {longest:?}");
    server.until_said("more than two seconds behind");
    let info = reader.call(&["INFO", "persistence"]);
    assert!(!info.contains("aof_delayed_fsync:0"), "{info}");
    server.kill();
}

/// strace makes every fdatasync from the third on take over a second: the start needs two.
#[test]
fn a_rewrite_waits_for_a_slow_disk_without_holding_up_clients() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "-o", "/dev/null", "-e", "trace=fdatasync"])
        .args(["-e", "inject=fdatasync:delay_enter=1200000:when=3+"])
        .arg(env!("CARGO_BIN_EXE_dunlin"))
        .args(arguments(dir.path(), &["--appendfsync", "everysec"]));
    let server = Server::spawn(dir.path(), command).expect("strace runs it (scripts/test installs strace)");
    let (mut client, mut asker) = (server.connect(), server.connect());
    assert_eq!(asker.call(&["SET", "known", "1"]), "+OK");
    // Asked for as soon as the log's thread waits for the disk, which it does again right after.
    server.until_said("Ready to accept connections");
    assert_eq!(asker.call(&["BGREWRITEAOF"]), "+Background append only file rewriting started");
    let mut longest = Duration::ZERO;
    let mut n = 0;
    while !server.said().contains("AOF rewrite:") {
        n += 1;
        assert_eq!(client.call(&["SET", "key", &n.to_string()]), "+OK");
        let sent = Instant::now();
        assert_eq!(client.call(&["GET", "known"]), "1");
        longest = longest.max(sent.elapsed());
    }
    assert!(longest < Duration::from_millis(900), "a read took {longest:?}");
    server.kill();
}
