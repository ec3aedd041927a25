//! A disk that refuses: writes stop being acknowledged, reads go on, and the operator can mend it.

use crate::server::{Server, arguments};
use std::process::Command;

/// A server whose files may not grow beyond 32 KiB, which takes the part of a full disk.
fn start(dir: &std::path::Path, fsync: &str) -> Server {
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -S -f 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_dunlin")])
        .args(arguments(dir, &["--appendfsync", fsync]));
    Server::spawn(dir, command).expect("it starts")
}

/// Gives the disk its room back.
fn lift_limit(server: &Server) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let pid = Pid::from_raw(server.pid().cast_signed()).expect("a process");
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: None, maximum: None }).expect("it is our child");
}

#[test]
fn a_full_disk_stops_writes_and_not_reads_until_it_is_mended() {
    for fsync in ["everysec", "always"] {
        let dir = tempfile::tempdir().expect("a directory");
        let server = start(dir.path(), fsync);
        let mut client = server.connect();
        let mut other = server.connect();
        assert_eq!(other.call(&["SET", "known", "1"]), "+OK");
        let value = "v".repeat(4000);
        let mut acknowledged = 0;
        // With always the reply to the write that fails is held, so another client asks meanwhile.
        let refused = loop {
            client.send(&["SET", &format!("key:{acknowledged}"), &value]).expect("it reads");
            if fsync == "always" && acknowledged == 7 {
                break loop {
                    let reply = other.call(&["SET", "other", "1"]);
                    if reply != "+OK" {
                        break reply;
                    }
                };
            }
            match client.reply().expect("it answers") {
                reply if reply == "+OK" => acknowledged += 1,
                reply => break reply,
            }
        };
        assert_eq!(refused, "-MISCONF Errors writing to the AOF file: File too large", "{fsync}");
        assert_eq!(other.call(&["GET", "known"]), "1");
        // The line is on its way through a pipe.
        while !server.said().contains("The log has failed") {
            std::thread::yield_now();
        }

        lift_limit(&server);
        assert_eq!(other.call(&["SET", "known", "2"]), refused, "nothing is tried again by itself");
        assert_eq!(other.call(&["BGREWRITEAOF"]), "+Background append only file rewriting started");
        while other.call(&["SET", "known", "2"]) != "+OK" {}
        if fsync == "always" {
            assert_eq!(client.reply().expect("the held reply leaves"), "+OK");
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
