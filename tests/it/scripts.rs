//! Scripts that take long, over sockets and with one worker: who needs their keys waits, everybody else goes on.

use crate::common::network::{Peer, Served, eventually, request};
use std::net::Shutdown;
use std::time::{Duration, Instant};

fn eval(script: &str, keys: &[&str]) -> Vec<u8> {
    let count = keys.len().to_string();
    let words = ["EVAL", script, &count].into_iter().chain(keys.iter().copied());
    let mut request = format!("*{}\r\n", 3 + keys.len()).into_bytes();
    words.for_each(|word| request.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes()));
    request
}

#[test]
fn a_looping_script_stalls_only_who_needs_its_keys_until_it_is_busy() {
    let served = Served::start(&["--io-threads", "1", "--busy-reply-threshold", "60000"]);
    let (mut looping, mut other, mut waiting) = (served.tcp(), served.tcp(), served.tcp());
    looping.send(&eval("while true do end", &["owned"]));
    // Known to run when it can be killed, but for that.
    eventually("the script", || other.ask(&[b"FUNCTION", b"KILL"]).starts_with(b"-BUSY").then_some(()));
    waiting.send(b"GET owned\r\n");
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(other.ask(&[b"INCR", b"free"]).first(), Some(&b':'));
    }
    // A slice of the script before each of them.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(other.ask(&[b"CONFIG", b"SET", b"busy-reply-threshold", b"1"]), b"+OK\r\n");
    eventually("BUSY", || other.ask(&[b"PING"]).starts_with(b"-BUSY").then_some(()));
    waiting.expect(
        b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n",
    );
    assert_eq!(other.ask(&[b"SCRIPT", b"KILL"]), b"+OK\r\n");
    let reply = looping.reply().expect("it is answered");
    assert!(reply.starts_with(b"-ERR Script killed by user with SCRIPT KILL... script: "), "{reply:?}");
    assert_eq!(waiting.ask(&[b"GET", b"owned"]), b"$-1\r\n");
}

#[test]
fn a_busy_script_is_told_of_to_all_and_a_waiting_client_is_called() {
    let served = Served::start(&["--io-threads", "1", "--busy-reply-threshold", "50"]);
    let (mut looping, mut other) = (served.tcp(), served.tcp());
    looping.send(&eval("while true do end", &[]));
    eventually("BUSY", || other.ask(&[b"GET", b"any"]).starts_with(b"-BUSY").then_some(()));
    assert_eq!(other.ask(&[b"SCRIPT", b"KILL"]), b"+OK\r\n");
    assert!(looping.reply().is_some_and(|reply| reply.starts_with(b"-ERR Script killed")));
    assert_eq!(other.ask(&[b"GET", b"any"]), b"$-1\r\n");
    // A client that leaves takes its script along.
    let mut leaving = served.tcp();
    leaving.send(&eval("while true do end", &["k"]));
    eventually("the script", || other.ask(&[b"FUNCTION", b"KILL"]).starts_with(b"-BUSY").then_some(()));
    drop(leaving);
    eventually("its end", || (other.ask(&[b"GET", b"k"]) == b"$-1\r\n").then_some(()));
}

#[test]
fn scripts_with_undeclared_keys_conserve_sums_beside_everything_else() {
    const CLIENTS: usize = 8;
    let served = Served::start(&["--io-threads", "2"]);
    let mut first = served.tcp();
    for account in 0..16 {
        first.ask(&[b"SET", format!("a{account}").as_bytes(), b"100"]);
    }
    let script = "local r = tonumber(ARGV and KEYS[1]:sub(2)) \
        redis.call('decr', 'a' .. (r * 7 % 16)) redis.call('incr', 'a' .. (r * 5 % 16)) \
        local sum = 0 for i = 0, 15 do sum = sum + redis.call('get', 'a' .. i) end return sum";
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let served = &served;
            scope.spawn(move || {
                let mut peer = served.tcp();
                for round in 0..200 {
                    let key = format!("a{}", (client * 31 + round * 17) % 16);
                    match round % 4 {
                        0 => {
                            peer.send(b"MULTI\r\n");
                            peer.send(format!("DECR {key}\r\nINCR a3\r\nEXEC\r\n").as_bytes());
                            peer.expect(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n");
                            let _sums = peer.reply();
                        }
                        1 if round % 20 == 1 => {
                            peer.ask(&[b"SWAPDB", b"5", b"6"]);
                        }
                        _ => {
                            peer.send(&eval(script, &[&key]));
                            assert_eq!(peer.reply().as_deref(), Some(&b":1600\r\n"[..]));
                        }
                    }
                }
            });
        }
    });
}

#[test]
fn who_has_sent_all_is_answered_however_long_a_script_takes() {
    let served = Served::start(&["--io-threads", "1"]);
    let script = "local n = 0 for i = 1, 3e7 do n = n + i end return redis.call('incr', KEYS[1])";
    let half_closing = || {
        let stream = served.tcp_stream();
        let half = stream.try_clone().expect("a descriptor");
        (Peer::new(stream), move || half.shutdown(Shutdown::Write).expect("it is open"))
    };
    let ((mut running, end_running), (mut waiting, end_waiting)) = (half_closing(), half_closing());
    running.send(&eval(script, &["k"]));
    running.send(b"PING\r\n");
    end_running();
    let mut other = served.tcp();
    eventually("the script", || other.ask(&[b"FUNCTION", b"KILL"]).starts_with(b"-BUSY").then_some(()));
    waiting.send(b"INCR k\r\n");
    end_waiting();
    running.expect(b":1\r\n+PONG\r\n");
    waiting.expect(b":2\r\n");
}

/// As in Redis, which looks neither for its end nor at what became of the connection before all that was read is done.
#[test]
fn what_was_sent_behind_a_script_is_done_though_its_client_has_gone() {
    let served = Served::start(&["--io-threads", "1", "--busy-reply-threshold", "20"]);
    let mut other = served.tcp();
    for script in ["redis.call('set', KEYS[1], 1)", "redis.call('get', KEYS[1])"] {
        let script = format!("{script} for i = 1, 2e7 do end return 1");
        let requests = [eval(&script, &["k"]), request(&[b"INCR", b"count"])].concat().repeat(3);
        let stream = served.tcp_stream();
        let half = stream.try_clone().expect("a descriptor");
        let mut half_closed = Peer::new(stream);
        half_closed.send(&requests);
        half.shutdown(Shutdown::Write).expect("it is open");
        half_closed.expect_end(b":1\r\n:1\r\n:1\r\n:2\r\n:1\r\n:3\r\n");
        let mut closed = served.tcp();
        closed.send(&requests);
        drop(closed);
        eventually("the rest of what was sent", || {
            (other.ask(&[b"GET", b"count"]) == b"$1\r\n6\r\n").then_some(())
        });
        assert_eq!(other.ask(&[b"DEL", b"count"]), b":1\r\n");
    }
}

#[test]
fn a_client_whose_script_runs_is_not_idle() {
    let served = Served::start(&["--io-threads", "1", "--timeout", "1", "--busy-reply-threshold", "0"]);
    let (mut running, mut other) = (served.tcp(), served.tcp());
    running.send(&eval("while true do end", &["k"]));
    eventually("the script", || other.ask(&[b"FUNCTION", b"KILL"]).starts_with(b"-BUSY").then_some(()));
    let until = Instant::now() + Duration::from_millis(2800);
    while Instant::now() < until {
        assert_eq!(other.ask(&[b"PING"]), b"+PONG\r\n");
    }
    assert_eq!(other.ask(&[b"SCRIPT", b"KILL"]), b"+OK\r\n");
    assert!(running.reply().is_some_and(|reply| reply.starts_with(b"-ERR Script killed")));
}

#[test]
fn a_stream_of_scripts_keeps_nobody_waiting_for_ever() {
    const STREAMS: usize = 6;
    const SCRIPTS: usize = 100;
    let served = Served::start(&["--io-threads", "1"]);
    let mut streams: Vec<Peer> = (0..STREAMS).map(|_| served.tcp()).collect();
    for (index, stream) in streams.iter_mut().enumerate() {
        let script = "local n = 0 for i = 1, 1e6 do n = n + i end return redis.call('get', KEYS[1])";
        stream.send(&eval(script, &[&format!("k{index}")]).repeat(SCRIPTS));
    }
    let mut other = served.tcp();
    eventually("the scripts", || other.ask(&[b"FUNCTION", b"KILL"]).starts_with(b"-BUSY").then_some(()));
    assert_eq!(other.ask(&[b"FLUSHALL"]), b"+OK\r\n");
    other.send(b"MULTI\r\nFLUSHALL\r\nEXEC\r\n");
    other.expect(b"+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
    let info = String::from_utf8(other.ask(&[b"INFO", b"commandstats"])).expect("text");
    let calls = info.split("cmdstat_eval:calls=").nth(1).and_then(|rest| rest.split(',').next());
    let calls: usize = calls.and_then(|calls| calls.parse().ok()).unwrap_or(0);
    assert!(calls < STREAMS * SCRIPTS * 3 / 4, "it waited for all of them: {calls}");
    streams.iter_mut().for_each(|stream| stream.expect(&b"$-1\r\n".repeat(SCRIPTS)));
}

/// As Redis: before they are known to run, and what changes libraries as any command.
#[test]
fn who_monitors_sees_scripts_that_fail_and_libraries_that_change() {
    let served = Served::start(&["--io-threads", "1"]);
    let (mut monitor, mut peer) = (served.tcp(), served.tcp());
    monitor.send(b"MONITOR\r\n");
    monitor.expect(b"+OK\r\n");
    let failing: [&[&[u8]]; 5] = [
        &[b"EVALSHA", b"ffff", b"0"],
        &[b"FCALL", b"nothing", b"0"],
        &[b"EVAL", b"no lua", b"0"],
        &[b"FUNCTION", b"LOAD", b"no library"],
        &[b"FUNCTION", b"DELETE", b"nothing"],
    ];
    let line = |request: &[&[u8]]| {
        let words: Vec<String> =
            request.iter().map(|word| format!("\"{}\"", String::from_utf8_lossy(word))).collect();
        words.join(" ")
    };
    let mut expect_line = |expected: &str| {
        let shown = monitor.reply().expect("it is shown");
        let shown = String::from_utf8_lossy(&shown).into_owned();
        assert!(shown.contains(&format!("] {expected}\r\n")), "{shown}");
    };
    for request in failing {
        assert!(peer.ask(request).starts_with(b"-"), "{}", line(request));
        expect_line(&line(request));
    }
    assert_eq!(peer.ask(&[b"FUNCTION", b"FLUSH"]), b"+OK\r\n");
    expect_line("\"FUNCTION\" \"FLUSH\"");
    assert_eq!(peer.ask(&[b"CONFIG", b"RESETSTAT"]), b"+OK\r\n");
    peer.ask(&[b"MULTI"]);
    expect_line("\"MULTI\"");
    failing.iter().for_each(|request| assert_eq!(peer.ask(request), b"+QUEUED\r\n"));
    peer.send(b"EXEC\r\n");
    assert!(peer.reply().is_some_and(|replies| replies.starts_with(b"*5\r\n-NOSCRIPT")));
    failing.iter().for_each(|request| expect_line(&line(request)));
    expect_line("\"EXEC\"");
    let stats = String::from_utf8(peer.ask(&[b"INFO", b"commandstats"])).expect("text");
    for name in ["evalsha", "fcall", "eval", "function|load", "function|delete"] {
        let line = stats.lines().find(|line| line.starts_with(&format!("cmdstat_{name}:")));
        assert!(
            line.is_some_and(|line| line.contains("calls=1,") && line.contains("failed_calls=1")),
            "{name}: {stats}"
        );
    }
}
