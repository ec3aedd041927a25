//! How the binary starts, refuses to start, and ends.

use crate::common::{QUIET, Server, command, connect, run};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn what_is_wrong_is_said_and_nothing_starts() {
    let directory = directory();
    fs::write(directory.path().join("bad.conf"), "port 0\n\nprot 1\n").expect("a file can be written");
    fs::write(directory.path().join("tls.conf"), "port 0\ntls-port 1\ntls-cert-file x\n").expect("as well");
    for (name, lines) in [
        ("dir.conf", "port 0\ndir /nonexistent\n"),
        ("acl.conf", "port 1\naclfile /nonexistent\n"),
        ("certificate.conf", "port 0\ntls-port 1\ntls-cert-file /nonexistent\ntls-key-file x\n"),
    ] {
        fs::write(directory.path().join(name), lines).expect("as well");
    }
    for (arguments, expect) in [
        (
            &["bad.conf"][..],
            "bad.conf', at line 3\n>>> 'prot 1'\nBad directive or wrong number of arguments\nThere is no 'prot': did you mean 'port'?\n",
        ),
        (
            &["--port", "x"],
            "Reading the command line\n>>> 'port \"x\"'\nargument couldn't be parsed into an integer\n'port' takes a whole number from 0 to 65535.\n",
        ),
        (&["missing.conf"], "missing.conf': No such file or directory\n"),
        (
            &["--cluster-enabled", "yes"],
            "cluster mode is not supported\nTake the line away, or leave 'cluster-enabled' at its default, no.\n",
        ),
        (&["--user", "alice", "on", "x"], "Error in user declaration 'x': Syntax error"),
        (&["--rename-command", "nothing", "x"], "No such command in rename-command\nThere is no 'nothing'"),
        (&["a.conf", "b.conf"], "'b.conf': one configuration file can be given, and that is 'a.conf'."),
        (&["-", "b.conf"], "'b.conf': the configuration is read from standard input"),
        (
            &["--dir", "/nonexistent"],
            "Reading the command line\n>>> 'dir \"/nonexistent\"'\nThe data directory 'dir' is '/nonexistent': No such file or directory\nMake the directory",
        ),
        (
            &["dir.conf"],
            "dir.conf', at line 2\n>>> 'dir /nonexistent'\nThe data directory 'dir' is '/nonexistent': No such file or directory\nMake the directory",
        ),
        (
            &["acl.conf"],
            "acl.conf', at line 2\n>>> 'aclfile /nonexistent'\nAborting Redis startup because of ACL errors: ",
        ),
        (&["acl.conf"], "\n'aclfile' takes the path of a file that is there"),
        (
            &["certificate.conf"],
            "certificate.conf', at line 3\n>>> 'tls-cert-file /nonexistent'\ntls-cert-file /nonexistent: ",
        ),
        (&["certificate.conf"], "\n'tls-cert-file' takes the path of a file in PEM format"),
        (&["--logfile", "no/such/log"], "Can't open the log file: No such file or directory\n"),
        (&["--port", "0", "--unixsocket", "no/such/s"], "Failed opening Unix socket"),
        (&["--port", "0"], "Configured to not listen anywhere, exiting."),
        (
            &["tls.conf"],
            "tls.conf', at line 2\n>>> 'tls-port 1'\ntls-key-file is not set, and tls-port needs it\n'tls-key-file' takes the path of a file in PEM format",
        ),
        (
            &["--port", "0", "--tls-port", "1"],
            "Reading the command line\n>>> 'tls-port \"1\"'\ntls-cert-file is not set, and tls-port needs it\n",
        ),
        (&["--bind", "no..host"], "Could not resolve the bind address no..host"),
        (&["--test-memory", "1"], "--test-memory is not supported"),
    ] {
        for check in [&[][..], &["--check-config"]] {
            if check.len() == 1 && arguments[0] == "--test-memory" {
                continue;
            }
            let ended = run(&directory, &[arguments, check].concat());
            // What is met when the log is open already is said there, in one line.
            let said = [&ended.stderr[..], &ended.stdout].concat();
            let said = String::from_utf8_lossy(&said).replace('\n', " ");
            let expect = expect.replace('\n', " ");
            assert_eq!(ended.status.code(), Some(1), "{arguments:?} {said}");
            assert!(said.contains(&expect), "{arguments:?} {said}");
        }
    }
}

#[test]
fn questions_are_answered_without_starting() {
    let directory = directory();
    for (arguments, expect) in [
        (&["--help"][..], "Usage: dunlin "),
        (&["-h"], "Usage: dunlin "),
        (&["--version"], "Dunlin v="),
        (&["-v"], "Dunlin v="),
        (&["--port", "1", "--check-config"], "ok\n"),
    ] {
        let ended = run(&directory, arguments);
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success() && said.starts_with(expect), "{arguments:?} {said}");
    }
}

#[test]
fn the_log_says_what_suites_wait_for() {
    let directory = directory();
    let server = Server::start(&directory, &["--hz", "50", "--rdbchecksum", "no"]);
    for expect in [
        format!(" PID: {}", server.process()),
        "Server initialized".into(),
        "Ready to accept connections unix".into(),
        "Accepted, but without effect in Dunlin: hz, rdbchecksum\n".into(),
        "nothing is kept when the server stops".into(),
    ] {
        assert!(server.start.contains(&expect), "{expect}: {}", server.start);
    }
    let prefix = format!("{}:M ", server.process());
    assert!(server.start.lines().all(|line| line.starts_with(&prefix)), "{}", server.start);
}

#[test]
fn signals_and_shutdown_end_it_and_tidy_up() {
    for (how, said) in [
        ("SHUTDOWN", "User requested shutdown..."),
        ("SHUTDOWN NOSAVE NOW FORCE", "User requested shutdown..."),
        ("TERM", "Received SIGTERM scheduling shutdown..."),
        ("INT", "Received SIGINT scheduling shutdown..."),
    ] {
        let directory = directory();
        let server = Server::start(&directory, &["--pidfile", "pid", "--unixsocketperm", "700"]);
        let pid = fs::read_to_string(directory.path().join("pid")).expect("there is a pid file");
        assert_eq!(pid, format!("{}\n", server.process()));
        let mode = fs::metadata(&server.socket).expect("there is a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let mut client = server.connect();
        // A terminal that closes does not end it.
        server.signal(rustix::process::Signal::HUP);
        assert_eq!(client.say("PING"), "PONG");
        match how {
            "TERM" => server.signal(rustix::process::Signal::TERM),
            "INT" => server.signal(rustix::process::Signal::INT),
            // There is no answer: the connection just ends.
            request => assert!(client.say(request).starts_with('-'), "{request}"),
        }
        let (status, log) = server.wait();
        assert!(status.success() && log.contains(said) && log.contains("bye bye"), "{how} {status} {log}");
        assert!(fs::read_dir(directory.path()).expect("it is there").next().is_none(), "{how}");
    }
}

#[test]
fn signals_do_what_their_settings_say() {
    use rustix::process::Signal;
    let directory = directory();
    let mut server = Server::start(&directory, &["--shutdown-on-sigint", "save now"]);
    let mut client = server.connect();
    // What can't be saved is a reason to stay, as with SHUTDOWN SAVE.
    server.signal(Signal::INT);
    server.until_said("SIGINT received but the server does not stop: SHUTDOWN SAVE");
    assert_eq!(client.say("CONFIG SET shutdown-on-sigterm save"), "OK");
    server.signal(Signal::TERM);
    server.until_said("SIGTERM received but the server does not stop");
    assert_eq!(client.say("PING"), "PONG");
    assert_eq!(client.send(&["CONFIG", "SET", "shutdown-on-sigterm", "save force"]), "OK");
    server.signal(Signal::TERM);
    let (status, log) = server.wait();
    assert!(status.success() && log.contains("bye bye"), "{status} {log}");
}

#[test]
fn the_log_has_the_time_of_the_zone() {
    let directory = directory();
    let mut command = command(&directory);
    // A zone that needs no file: east of Greenwich by five hours and a half.
    command.args(QUIET).env("TZ", "TEST-05:30");
    let server = Server::launch(&directory, command);
    let time = server.connect().say("TIME");
    let utc_s: i64 = time.split(' ').next().and_then(|s| s.parse().ok()).expect("it is a time");
    let line = server.start.lines().last().expect("it said something");
    let clock = line.split(' ').nth(4).expect("the time stands fifth");
    let parts: Vec<i64> = clock[..8].split(':').map(|part| part.parse().expect("a number")).collect();
    let said_s = parts[0] * 3600 + parts[1] * 60 + parts[2];
    let behind_s = (utc_s + 5 * 3600 + 30 * 60 - said_s).rem_euclid(86_400);
    assert!(behind_s < 600, "{line} at {time}");
}

#[test]
fn it_goes_into_the_background_when_it_is_ready() {
    let directory = directory();
    let daemon = [QUIET, &["--daemonize", "yes", "--pidfile", "pid", "--logfile", "log", "-"]].concat();
    let mut starter = command(&directory).args(&daemon).stdin(Stdio::piped()).spawn().expect("it starts");
    starter
        .stdin
        .take()
        .expect("it is a pipe")
        .write_all(b"databases 3\n")
        .expect("it reads what it is given");
    assert!(starter.wait().expect("it ends").success());

    let mut client = connect(&directory.path().join("socket"));
    assert_eq!(client.say("CONFIG GET databases"), "databases 3");
    let pid = fs::read_to_string(directory.path().join("pid")).expect("there is a pid file");
    assert_ne!(pid.trim(), starter.id().to_string());
    client.say("SHUTDOWN");
    let log = fs::read_to_string(directory.path().join("log")).expect("there is a log");
    assert!(log.contains("Ready to accept connections unix"), "{log}");

    // What goes wrong is told to who started it.
    let ended = run(&directory, &["--port", "0", "--metrics-bind", "", "--daemonize", "yes"]);
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("Configured to not listen anywhere, exiting."), "{said}");
}

#[test]
fn systemd_is_told_when_it_is_ready_and_when_it_stops() {
    let directory = directory();
    let path = directory.path().join("notify");
    let systemd = UnixDatagram::bind(&path).expect("a socket can be bound");
    systemd.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out can be set");
    let mut command = command(&directory);
    // With a supervisor it stays in the foreground.
    command.args(["--supervised", "systemd", "--daemonize", "yes"]).args(QUIET).env("NOTIFY_SOCKET", &path);
    let server = Server::launch(&directory, command);
    let mut told = [0; 200];
    let length = systemd.recv(&mut told).expect("it is told");
    assert!(String::from_utf8_lossy(&told[..length]).contains("READY=1"));
    server.signal(rustix::process::Signal::TERM);
    let length = systemd.recv(&mut told).expect("it is told");
    assert_eq!(&told[..length], b"STOPPING=1\n");
    assert!(server.wait().0.success());
}

#[test]
fn an_rdb_file_that_is_not_read_is_mentioned() {
    let directory = directory();
    assert!(!Server::start(&directory, &[]).start.contains("NOT read"));
    fs::write(directory.path().join("dump.rdb"), "REDIS0011").expect("a file can be written");
    fs::remove_file(directory.path().join("socket")).expect("it was killed");
    let start = Server::start(&directory, &[]).start.clone();
    assert!(start.contains("dump.rdb is there and is NOT read"), "{start}");
}
