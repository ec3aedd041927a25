//! What the log does while all is well: order of system calls, rewrites, turning it on, and Redis as a reader.

use crate::server::{Client, Server, arguments};
use std::path::Path;
use std::process::{Command, Stdio};

/// The names of the log's files, without what they have in common.
fn files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir.join("appendonlydir")).expect("a directory");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.expect("it can be read").file_name().to_string_lossy().into_owned();
        name.trim_start_matches("appendonly.aof.").to_owned()
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

/// Asks until the answer is right. The server works on it in the background.
fn until(mut is_so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed().as_secs() < 20, "it never comes");
        std::thread::yield_now();
    }
}

#[test]
fn the_disk_is_synced_before_the_reply_leaves() {
    check_order("always", true);
}

#[test]
fn the_log_is_written_before_the_reply_leaves() {
    check_order("no", false);
}

/// Looks at the system calls of ten writes.
fn check_order(fsync: &str, synced: bool) {
    let dir = tempfile::tempdir().expect("a directory");
    let trace = dir.path().join("trace");
    let mut command = Command::new("strace");
    command
        .args([
            "-D",
            "-f",
            "-s",
            "4096",
            "-e",
            "trace=write,writev,pwritev,sendto,sendmsg,fdatasync,fsync",
            "-o",
        ])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_dunlin"))
        .args(arguments(dir.path(), &["--appendfsync", fsync]));
    let server = Server::spawn(dir.path(), command).expect("strace runs it (scripts/test installs strace)");
    let mut client = server.connect();
    let values: Vec<String> = (0..10).map(|n| format!("value-{n}-of-its-own")).collect();
    for value in &values {
        // The old value comes back, so that each reply is known by its text.
        client.call(&["SET", "key", value, "GET"]);
    }
    client.send(&["SHUTDOWN"]).expect("it reads");
    server.wait();

    // strace ends a moment after the server.
    until(|| std::fs::read_to_string(&trace).is_ok_and(|text| text.contains("+++ exited with 0")));
    let trace = std::fs::read_to_string(trace).expect("strace wrote it");
    let calls: Vec<&str> = trace.lines().collect();
    let after = |from: usize, what: &dyn Fn(&str) -> bool, name: &str| {
        let found = calls[from..].iter().position(|call| what(call));
        from + found.unwrap_or_else(|| panic!("no {name} after call {from}:\n{}", calls[from..].join("\n")))
    };
    for pair in values.windows(2) {
        let written = after(0, &|call| call.contains("SET") && call.contains(&pair[1]), "write to the log");
        let is_sync = |call: &str| call.contains("fdatasync") && call.trim_end().ends_with("= 0");
        let done = if synced { after(written, &is_sync, "fdatasync") } else { written };
        let replied = after(0, &|call| call.contains(&pair[0]) && !call.contains("SET"), "reply");
        assert!(done < replied, "{}\n{}\n{}", calls[written], calls[done], calls[replied]);
    }
}

#[test]
fn a_log_that_is_turned_on_while_data_are_there_keeps_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &["--appendonly", "no"]).expect("it starts");
    let mut client = server.connect();
    assert_eq!(client.call(&["SET", "before", "1"]), "+OK");
    assert_eq!(client.call(&["SET", "volatile", "2", "EX", "10000"]), "+OK");
    assert_eq!(client.call(&["SELECT", "5"]), "+OK");
    assert_eq!(client.call(&["SET", "elsewhere", "3"]), "+OK");
    for setting in ["no", "yes", "no", "yes"] {
        assert_eq!(client.call(&["CONFIG", "SET", "appendfsync", "always", "appendonly", setting]), "+OK");
        assert_eq!(client.call(&["INCR", "elsewhere"]).as_bytes()[0], b':');
    }
    server.kill();
    let server = Server::start(dir.path(), &[]).expect("it starts again");
    let mut client = server.connect();
    assert_eq!(client.call(&["GET", "before"]), "1");
    assert_eq!(client.call(&["GET", "volatile"]), "2");
    let seconds: u32 = client.call(&["TTL", "volatile"])[1..].parse().expect("a number");
    assert!((9_900..=10_000).contains(&seconds), "{seconds}");
    client.call(&["SELECT", "5"]);
    assert_eq!(client.call(&["GET", "elsewhere"]), "7");
}

#[test]
fn a_rewrite_leaves_one_base_and_one_incr_and_redis_loads_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &["--appendfsync", "everysec"]).expect("it starts");
    let mut client = server.connect();
    for n in 0..2000 {
        client.send(&["SET", &format!("key:{}", n % 500), &n.to_string()]).expect("it reads");
    }
    (0..2000).for_each(|_| assert_eq!(client.reply().expect("it answers"), "+OK"));
    assert_eq!(client.call(&["BGREWRITEAOF"]), "+Background append only file rewriting started");
    until(|| files(dir.path()) == ["1.base.aof", "2.incr.aof", "manifest"]);
    assert_eq!(client.call(&["MSET", "key:1", "new", "key:2", "new"]), "+OK");
    let (status, said) = server.stop();
    assert!(status.success(), "{said}");
    assert!(said.contains("500 keys were written while all shards were held for"), "{said}");

    let socket = dir.path().join("redis");
    let mut redis = Command::new("redis-server");
    redis.args(["--port", "0", "--save", "", "--appendonly", "yes", "--dir"]).arg(dir.path());
    redis.arg("--unixsocket").arg(&socket).stdout(Stdio::null());
    let mut redis = redis.spawn().expect("redis-server starts (scripts/test installs it)");
    let mut client = None;
    until(|| {
        client = crate::server::Client::open(&socket).ok();
        client.as_mut().is_some_and(|client| client.try_call(&["PING"]).is_ok_and(|reply| reply == "+PONG"))
    });
    let mut client = client.expect("it answered");
    assert_eq!(client.call(&["DBSIZE"]), ":500");
    assert_eq!(client.call(&["GET", "key:1"]), "new");
    assert_eq!(client.call(&["GET", "key:499"]), "1999");
    assert_eq!(client.call(&["SET", "by", "redis"]), "+OK");
    client.send(&["SHUTDOWN"]).expect("it reads");
    redis.wait().expect("it ends");

    let server = Server::start(dir.path(), &[]).expect("it loads what redis added");
    let mut client = server.connect();
    assert_eq!(client.call(&["GET", "by"]), "redis");
    assert_eq!(client.call(&["DBSIZE"]), ":501");
}

/// What expired while the server was down had not expired when later writes met it.
#[test]
fn a_replay_meets_keys_as_they_were() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &["--appendfsync", "always"]).expect("it starts");
    let mut client = server.connect();
    assert_eq!(client.call(&["SET", "short", "10", "PX", "300"]), "+OK");
    assert_eq!(client.call(&["INCR", "short"]), ":11");
    assert_eq!(client.call(&["PERSIST", "short"]), ":1");
    assert_eq!(client.call(&["SET", "gone", "10", "PX", "300"]), "+OK");
    assert_eq!(client.call(&["INCR", "gone"]), ":11");
    server.kill();
    std::thread::park_timeout(std::time::Duration::from_millis(350));
    let server = Server::start(dir.path(), &[]).expect("it starts again");
    let mut client = server.connect();
    assert_eq!(client.call(&["GET", "short"]), "11");
    assert_eq!(client.call(&["GET", "gone"]), "$-1");
    until(|| client.call(&["DBSIZE"]) == ":1");
}

#[test]
fn a_log_that_has_grown_is_rewritten_by_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let growth = ["--auto-aof-rewrite-percentage", "100", "--auto-aof-rewrite-min-size", "20kb"];
    let server = Server::start(dir.path(), &growth).expect("it starts");
    let mut client = server.connect();
    for n in 0..1000 {
        assert_eq!(client.call(&["SET", "key", &n.to_string()]), "+OK");
    }
    server.until_said("Background AOF rewrite finished successfully");
    assert_eq!(files(dir.path()), ["1.base.aof", "2.incr.aof", "manifest"]);
    assert_eq!(client.call(&["INCR", "key"]), ":1000");
    let (status, said) = server.stop();
    assert!(status.success() && said.contains("automatic rewriting of AOF on 100% growth"), "{said}");
    let server = Server::start(dir.path(), &[]).expect("it starts again");
    assert_eq!(server.connect().call(&["GET", "key"]), "1000");
}

#[test]
fn debug_loadaof_gives_back_what_the_log_holds() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &["--enable-debug-command", "yes"]).expect("it starts");
    let mut client = server.connect();
    for n in 0..500 {
        assert_eq!(client.call(&["SET", &format!("key:{}", n % 100), &n.to_string()]), "+OK");
    }
    assert_eq!(client.call(&["SET", "volatile", "1", "EX", "1000"]), "+OK");
    let digest = client.call(&["DEBUG", "DIGEST"]);
    for _ in 0..2 {
        assert_eq!(client.call(&["DEBUG", "LOADAOF"]), "+OK");
        assert_eq!(client.call(&["DEBUG", "DIGEST"]), digest);
    }
    assert_eq!(client.call(&["INCR", "key:99"]), ":500");
    let (status, said) = server.stop();
    assert!(status.success(), "{said}");
    let server = Server::start(dir.path(), &[]).expect("it starts again");
    assert_eq!(server.connect().call(&["GET", "key:99"]), "500");
    assert_eq!(server.connect().call(&["DBSIZE"]), ":101");
}

#[test]
fn debug_loadaof_reads_a_log_that_is_off() {
    let dir = tempfile::tempdir().expect("a directory");
    let options =
        ["--appendonly", "no", "--enable-debug-command", "yes", "--enable-protected-configs", "yes"];
    let server = Server::start(dir.path(), &options).expect("it starts");
    let mut client = server.connect();
    assert_eq!(client.call(&["MSET", "a", "1", "b", "2"]), "+OK");
    let refused = client.call(&["DEBUG", "LOADAOF"]);
    assert_eq!(
        refused,
        "-ERR the log can't be loaded, the data are as before: there is none in the data directory"
    );
    assert_eq!(client.call(&["DBSIZE"]), ":2");
    assert_eq!(client.call(&["BGREWRITEAOF"]), "+Background append only file rewriting started");
    server.until_said("Background AOF rewrite finished successfully");
    let digest = client.call(&["DEBUG", "DIGEST"]);
    assert_eq!(client.call(&["MSET", "a", "3", "c", "4"]), "+OK");
    assert_eq!(client.call(&["DEBUG", "LOADAOF"]), "+OK");
    assert_eq!(client.call(&["DEBUG", "DIGEST"]), digest);
    assert_eq!(client.call(&["INCR", "a"]), ":2");
    // The log of somebody else's is left alone.
    let elsewhere = tempfile::tempdir().expect("a directory");
    let other = Server::start(elsewhere.path(), &[]).expect("it starts");
    assert_eq!(client.call(&["CONFIG", "SET", "dir", &elsewhere.path().display().to_string()]), "+OK");
    let refused = client.call(&["DEBUG", "LOADAOF"]);
    assert!(refused.starts_with("-ERR ") && refused.contains("dunlin.lock"), "{refused}");
    assert_eq!(client.call(&["DBSIZE"]), ":2");
    assert_eq!(other.connect().call(&["DBSIZE"]), ":0");
}

#[test]
fn who_waits_is_not_served_from_the_past_while_a_log_is_loaded() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = ["--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes"];
    let server = Server::start(dir.path(), &options).expect("it starts");
    let mut client = server.connect();
    let mut waiting =
        [["BLMOVE", "src", "dst", "LEFT", "LEFT", "0"], ["BLMOVE", "k", "dst", "LEFT", "LEFT", "0"]]
            .map(|request| (request, server.connect()));
    for command in
        [&["RPUSH", "src", "x"][..], &["DEL", "src"], &["RPUSH", "k", "v"], &["LSET", "k", "0", "w"]]
    {
        client.call(command);
    }
    client.call(&["DEL", "k"]);
    for (request, waiter) in &mut waiting {
        waiter.send(request).expect("it is sent");
    }
    while !client.call(&["INFO", "clients"]).contains("blocked_clients:2") {}
    assert_eq!(client.call(&["DEBUG", "LOADAOF"]), "+OK");
    assert_eq!(client.call(&["EXISTS", "dst"]), ":0");
    assert!(client.call(&["INFO", "clients"]).contains("blocked_clients:2"));
    // They are served by what comes now.
    assert_eq!(client.call(&["RPUSH", "k", "new"]), ":1");
    assert_eq!(waiting[1].1.reply().expect("it is answered"), "new");
    assert_eq!(client.call(&["LLEN", "dst"]), ":1");
    assert_eq!(client.call(&["DEBUG", "LOADAOF"]), "+OK");
    assert_eq!(client.call(&["LLEN", "dst"]), ":1");
}

#[test]
fn debug_loadaof_waits_for_a_script_that_can_still_be_ended() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = ["--appendonly", "yes", "--enable-debug-command", "yes", "--busy-reply-threshold", "1"];
    let server = Server::start(dir.path(), &options).expect("it starts");
    let mut client = server.connect();
    client.call(&["SET", "x", "1"]);
    let mut looping = server.connect();
    let script = "redis.call('get', KEYS[1]) while true do end";
    looping.send(&["EVAL", script, "1", "x"]).expect("it is sent");
    let mut loading = server.connect();
    while client.call(&["PING"]) == "+PONG" {}
    loading.send(&["DEBUG", "LOADAOF"]).expect("it is sent");
    assert_eq!(client.call(&["SCRIPT", "KILL"]), "+OK");
    assert!(looping.reply().expect("it is answered").contains("Script killed"));
    // Where it came while the script ran it was told so.
    let loaded = loading.reply().expect("it is answered");
    assert!(loaded == "+OK" || loaded.starts_with("-BUSY"), "{loaded}");
    assert_eq!(client.call(&["GET", "x"]), "1");
}

/// A server with one worker, a log and so many keys that to write or read them all takes a while.
fn busy_server(dir: &std::path::Path, appendonly: &str) -> Server {
    let options = ["--enable-debug-command", "yes", "--io-threads", "1", "--appendonly", appendonly];
    let server = Server::start(dir, &options).expect("it starts");
    assert_eq!(server.connect().call(&["DEBUG", "POPULATE", "200000"]), "+OK");
    server
}

/// Sends a request that takes a while, until another client sees that it runs; again if that one came too late, as it may on
/// a busy machine.
fn while_it_runs(first: &mut Client, request: &[&str], mut is_seen: impl FnMut() -> bool) {
    for _ in 0..30 {
        first.send(request).expect("it reads");
        loop {
            if is_seen() {
                return;
            }
            if first.poll_reply().is_some() {
                break;
            }
        }
    }
    panic!("nobody else was served meanwhile");
}

#[test]
fn turning_the_log_on_holds_up_no_other_client_of_the_worker() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = busy_server(dir.path(), "no");
    let (mut first, mut second, mut other) = (server.connect(), server.connect(), server.connect());
    let on = ["CONFIG", "SET", "appendonly", "yes"];
    let sees_it = |other: &mut Client| {
        let info = other.call(&["INFO", "persistence"]);
        let is_seen = info.contains("aof_rewrite_in_progress:1");
        if !is_seen && info.contains("aof_enabled:1") {
            // Over before this client had a look.
            assert_eq!(other.call(&["CONFIG", "SET", "appendonly", "no"]), "+OK");
        }
        is_seen
    };
    while_it_runs(&mut first, &on, || sees_it(&mut other));
    // Changes are made one after the other, and who waits for another's holds nobody up either.
    second.send(&["CONFIG", "SET", "timeout", "77"]).expect("it reads");
    assert_eq!(other.call(&["PING"]), "+PONG");
    assert_eq!(first.reply().expect("it answers"), "+OK");
    assert_eq!(second.reply().expect("it answers"), "+OK");
    assert!(other.call(&["INFO", "persistence"]).contains("aof_enabled:1"));
    assert_eq!(other.call(&["CONFIG", "SET", "appendonly", "no"]), "+OK");
    assert_eq!(other.call(&["DBSIZE"]), ":200000");
}

/// Whoever comes first is served: there is nothing to load, or hardly anything.
#[test]
fn nobody_hears_of_loading_a_short_log() {
    let dir = tempfile::tempdir().expect("a directory");
    for n in 0..3 {
        let _gone = std::fs::remove_file(dir.path().join("socket"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
        command.args(arguments(dir.path(), &[])).stdout(Stdio::null());
        let mut process = command.spawn().expect("it starts");
        let mut client = loop {
            match Client::open(&dir.path().join("socket")) {
                Ok(client) => break client,
                Err(_) => std::thread::yield_now(),
            }
        };
        let replies = [client.call(&["INCR", "n"]), client.call(&["PING"])];
        let _killed = process.kill();
        let _ended = process.wait();
        assert_eq!(replies, [format!(":{}", n + 1), "+PONG".to_owned()]);
    }
}

#[test]
fn while_the_log_is_read_anew_clients_are_told_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = busy_server(dir.path(), "yes");
    let (mut first, mut other) = (server.connect(), server.connect());
    let loading = "-LOADING Redis is loading the dataset in memory";
    while_it_runs(&mut first, &["DEBUG", "LOADAOF"], || other.call(&["GET", "key:1"]) == loading);
    // DEBUG itself answers while data are loaded, but not about the data.
    let digest = other.call(&["DEBUG", "DIGEST"]);
    assert!(digest == loading || first.reply().is_ok_and(|reply| reply == "+OK"), "{digest}");
}

#[test]
fn a_log_that_cannot_be_read_anew_leaves_the_data_as_they_are() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &["--enable-debug-command", "yes"]).expect("it starts");
    let mut client = server.connect();
    for n in 0..500 {
        assert_eq!(client.call(&["SET", &format!("key:{n}"), "value"]), "+OK");
    }
    assert_eq!(client.call(&["SET", "volatile", "1", "PX", "200"]), "+OK");
    let file = std::fs::read_dir(dir.path().join("appendonlydir"))
        .expect("the log is there")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.display().to_string().ends_with("incr.aof"))
        .expect("it has a file");
    let mut bytes = std::fs::read(&file).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    // In place: the server has the file open.
    let mut damaged = std::fs::OpenOptions::new().write(true).open(&file).expect("it can be written");
    std::io::Write::write_all(&mut damaged, &bytes).expect("it can be written");
    let refused = client.call(&["DEBUG", "LOADAOF"]);
    assert!(refused.starts_with("-ERR the log can't be loaded, the data are as before: "), "{refused}");
    assert_eq!(client.call(&["GET", "key:499"]), "value");
    assert!(client.call(&["INFO", "persistence"]).contains("loading:0"));
    while client.call(&["DBSIZE"]) != ":500" {}
}
