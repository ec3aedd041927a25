//! Transactions and watched keys, over clients without sockets.

use crate::command::testing::{TestClient, check};
use crate::keyspace::Position;
use crate::state::gates;

fn check_with(client: &mut TestClient, exchanges: &[(&str, &str)]) {
    client.check(exchanges);
}

/// What EXEC answers after the lines.
fn exec(client: &mut TestClient, lines: &[&str]) -> String {
    client.say("MULTI");
    for line in lines {
        assert_eq!(client.say(line), "+QUEUED\r\n", "{line}");
    }
    client.say("EXEC").trim_end().replace("\r\n", "|")
}

#[test]
fn commands_wait_for_exec_and_then_run_together() {
    check(&[
        ("EXEC", "-ERR EXEC without MULTI"),
        ("DISCARD", "-ERR DISCARD without MULTI"),
        ("MULTI", "+OK"),
        ("MULTI", "-ERR MULTI calls can not be nested"),
        ("WATCH k", "-ERR WATCH inside MULTI is not allowed"),
        ("SET k 1", "+QUEUED"),
        ("INCR k", "+QUEUED"),
        ("LPUSH k a", "+QUEUED"),
        ("GET k", "+QUEUED"),
        ("UNWATCH", "+QUEUED"),
        ("EXEC", "*5|+OK|:2|-WRONGTYPE Operation against a key holding the wrong kind of value|$1|2|+OK"),
        ("EXEC", "-ERR EXEC without MULTI"),
        ("MULTI", "+OK"),
        ("EXEC", "*0"),
        ("MULTI", "+OK"),
        ("SET k 9", "+QUEUED"),
        ("DISCARD", "+OK"),
        ("GET k", "$1|2"),
    ]);
}

#[test]
fn what_was_refused_aborts_the_rest() {
    const ABORTED: &str = "-EXECABORT Transaction discarded because of previous errors.";
    check(&[
        ("MULTI", "+OK"),
        ("nosuch a", "-ERR unknown command 'nosuch', with args beginning with: 'a'"),
        ("SET k 1", "+QUEUED"),
        ("EXEC", ABORTED),
        ("MULTI", "+OK"),
        ("GET", "-ERR wrong number of arguments for 'get' command"),
        ("EXEC", ABORTED),
        ("MULTI", "+OK"),
        ("OBJECT nosuch k", "-ERR unknown subcommand 'nosuch'. Try OBJECT HELP."),
        ("EXEC", ABORTED),
        ("MULTI", "+OK"),
        ("SHUTDOWN", "-ERR Command not allowed inside a transaction"),
        ("EXEC", ABORTED),
        ("MULTI", "+OK"),
        ("SET k 1", "+QUEUED"),
        (
            "EXEC now",
            "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
        ),
        ("EXEC", "-ERR EXEC without MULTI"),
        ("MULTI", "+OK"),
        ("EXEC", "*0"),
        ("GET k", "$-1"),
    ]);
    let mut client = TestClient::new();
    for protected in ["MODULE LOAD x", "DEBUG DIGEST"] {
        client.check(&[("MULTI", "+OK")]);
        let refused = client.say(protected);
        assert!(refused.contains(" command not allowed. If the enable-"), "{refused}");
        client.check(&[("EXEC", ABORTED)]);
    }
}

#[test]
fn a_connection_goes_on_as_its_transaction_left_it() {
    let mut client = TestClient::new();
    check_with(
        &mut client,
        &[
            ("MULTI", "+OK"),
            ("SELECT 3", "+QUEUED"),
            ("SET k 1", "+QUEUED"),
            ("HELLO 3 SETNAME me", "+QUEUED"),
            ("CLIENT GETNAME", "+QUEUED"),
        ],
    );
    let reply = client.say("EXEC");
    assert!(reply.starts_with("*4\r\n+OK\r\n+OK\r\n%7\r\n") && reply.ends_with("$2\r\nme\r\n"), "{reply}");
    check_with(&mut client, &[("GET k", "$1|1"), ("GET nosuch", "_")]);
    assert_eq!(client.effects(), ["3: SET k 1"]);
    // RESET and QUIT don't wait.
    check_with(
        &mut client,
        &[("MULTI", "+OK"), ("SET k 2", "+QUEUED"), ("RESET", "+RESET"), ("EXEC", "-ERR EXEC without MULTI")],
    );
    check_with(&mut client, &[("MULTI", "+OK"), ("QUIT", "+OK")]);
    assert!(client.session.closing);
}

#[test]
fn replies_are_left_out_as_asked_for() {
    let mut client = TestClient::new();
    assert_eq!(exec(&mut client, &["SET k 1", "CLIENT REPLY OFF", "GET k", "CLIENT REPLY ON"]), "*4|+OK|+OK");
    assert_eq!(exec(&mut client, &["CLIENT REPLY SKIP", "GET k"]), "*2|$1|1");
    assert_eq!(client.say("GET k"), "");
    assert_eq!(client.say("GET k"), "$1\r\n1\r\n");
    client.say("CLIENT REPLY OFF");
    for line in ["MULTI", "GET k", "EXEC"] {
        assert_eq!(client.say(line), "");
    }
}

#[test]
fn nobody_waits_within_a_transaction() {
    let mut client = TestClient::new();
    client.say("XADD s 1-1 a b");
    let lines = [
        "BLPOP l 0",
        "BLMOVE l m LEFT LEFT 0",
        "BLMPOP 0 1 l LEFT",
        "BZPOPMIN z 0",
        "XREAD BLOCK 0 STREAMS s $",
    ];
    assert_eq!(exec(&mut client, &lines), "*5|*-1|$-1|*-1|*-1|*-1");
    assert_eq!(exec(&mut client, &["RPUSH l a", "BLPOP l 0"]), "*2|:1|*2|$1|l|$1|a");
}

#[test]
fn those_who_wait_see_the_end_only() {
    let mut client = TestClient::new();
    let (mut first, mut second) = (client.beside(), client.beside());
    first.say("BLPOP l 0");
    assert_eq!(exec(&mut client, &["RPUSH l a", "DEL l"]), "*2|:1|:1");
    assert_eq!(first.answer(), "(waiting)");
    // One whose service reaches another shard.
    second.say("BLMOVE l other LEFT RIGHT 0");
    assert_eq!(exec(&mut client, &["RPUSH l a", "RPUSH l b", "SET k 1"]), "*3|:1|:2|+OK");
    assert_eq!((first.answer().as_str(), second.answer().as_str()), ("*2|$1|l|$1|a", "$1|b"));
    client.check(&[("LRANGE other 0 -1", "*1|$1|b"), ("EXISTS l", ":0")]);
}

#[test]
fn a_queue_holds_little_more_than_what_is_in_it() {
    let mut client = TestClient::new();
    let mut other = client.beside();
    client.say("MULTI");
    let value = vec![b'x'; 100_000];
    let mut held = |client: &mut TestClient| -> u64 {
        let list = other.say(&format!("CLIENT LIST ID {}", client.session.client.id));
        let at = list.find("multi-mem=").expect("a field") + "multi-mem=".len();
        list[at..].split(' ').next().expect("a number").parse().expect("a number")
    };
    for _ in 0..10 {
        client.run(&[b"SET", b"k", &value]);
    }
    let large = held(&mut client);
    assert!((1_000_000..1_003_000).contains(&large), "{large}");
    for _ in 0..10_000 {
        client.say("SET k 0123456789012345678901234567890123456789");
    }
    let small = held(&mut client) - large;
    // Of each: what was sent, and numbers that say where it is.
    assert!((440_000..2_200_000).contains(&small), "{small}");
    client.say("DISCARD");
    assert_eq!(held(&mut client), 0);
}

/// What EXEC answers to a client that watches `k`, after another one has said the line; and what a client is told that has
/// the key cached.
fn watched_and_cached(setup: &[&str], line: &str) -> (String, String) {
    let mut client = TestClient::new();
    let (mut other, mut cache) = (client.beside(), client.beside());
    setup.iter().for_each(|line| drop(other.say(line)));
    cache.say("HELLO 3");
    cache.say("CLIENT TRACKING on");
    cache.say("EXISTS k");
    client.say("WATCH k");
    let answer = other.say(line);
    assert!(!answer.starts_with('-'), "{line}: {answer}");
    (exec(&mut client, &[]), cache.pushes())
}

#[test]
fn what_groups_of_a_stream_go_through_is_no_change_of_its_key() {
    const ADD: &str = "XADD k 1-1 a b";
    const GROUP: &str = "XGROUP CREATE k g 0";
    const READ: &str = "XREADGROUP GROUP g c STREAMS k >";
    let check = |setup: &[&str], line: &str, answer: &str| {
        let (watched, cached) = watched_and_cached(setup, line);
        assert_eq!(watched, answer, "{line}");
        assert_eq!(cached.is_empty(), answer == "*0", "{line}: {cached}");
    };
    for line in ["XSETID k 5-1", GROUP, "XGROUP CREATE k g 0 MKSTREAM"] {
        check(&[ADD], line, "*0");
    }
    check(&[], "XGROUP CREATE k g 0 MKSTREAM", "*-1");
    for line in [
        READ,
        "XGROUP SETID k g 1-1",
        "XGROUP CREATECONSUMER k g c",
        "XGROUP DESTROY k g",
        "XCLAIM k g c 0 1-1",
    ] {
        check(&[ADD, GROUP], line, "*0");
    }
    for line in [
        "XREADGROUP GROUP g c STREAMS k 0",
        "XREADGROUP GROUP g d STREAMS k 0",
        "XACK k g 1-1",
        "XCLAIM k g d 0 1-1",
        "XAUTOCLAIM k g d 0 0",
        "XGROUP DELCONSUMER k g c",
    ] {
        check(&[ADD, GROUP, READ], line, "*0");
    }
    for line in ["XDEL k 1-1", "XTRIM k MAXLEN 0", "XADD k 2-1 a b"] {
        check(&[ADD, GROUP, READ], line, "*-1");
    }
}

#[test]
fn a_key_counts_as_changed_where_a_trim_leaves_all_of_it() {
    let (watched, cached) = watched_and_cached(&["RPUSH k a b"], "LTRIM k 0 -1");
    assert_eq!((watched.as_str(), cached.as_str()), ("*-1", ">2|$10|invalidate|*1|$1|k"));
    let (watched, cached) = watched_and_cached(&[], "LTRIM k 0 -1");
    assert_eq!((watched.as_str(), cached.as_str()), ("*0", ""));
}

#[test]
fn a_watched_key_that_changed_ends_it() {
    let mut client = TestClient::new();
    let mut other = client.beside();
    client.say("SET k 1");
    let mut run = |before: &[&str], between: &[&str]| {
        for line in before {
            client.say(line);
        }
        for line in between {
            other.say(line);
        }
        client.say("MULTI");
        client.say("PING");
        client.say("EXEC").trim_end().replace("\r\n", "|")
    };
    const RAN: &str = "*1|+PONG";
    const ENDED: &str = "*-1";
    assert_eq!(run(&["WATCH k"], &["GET k"]), RAN);
    assert_eq!(run(&["WATCH k"], &["SET k 1"]), ENDED);
    assert_eq!(run(&[], &["SET k 1"]), RAN, "it was let go");
    assert_eq!(run(&["WATCH k", "UNWATCH"], &["SET k 1"]), RAN);
    assert_eq!(run(&["WATCH k", "MULTI", "DISCARD"], &["SET k 1"]), RAN);
    assert_eq!(run(&["WATCH k"], &["SELECT 1", "SET k 1", "SELECT 0"]), RAN);
    assert_eq!(run(&["WATCH nosuch k nosuch"], &["DEL nosuch"]), RAN);
    assert_eq!(run(&["WATCH nosuch k"], &["SET nosuch 1"]), ENDED);
    assert_eq!(run(&["WATCH k", "SET k 2"], &[]), ENDED, "by itself");
    for change in ["EXPIRE k 100", "PERSIST k", "RENAME k l", "RENAME l k", "COPY k c", "MOVE c 9", "DEL k"] {
        let key =
            if change.starts_with("COPY") || change.starts_with("MOVE") { "WATCH c" } else { "WATCH k" };
        assert_eq!(run(&[key], &[change]), ENDED, "{change}");
    }
    assert_eq!(run(&["WATCH k"], &["MULTI", "SET k 1", "EXEC"]), ENDED);
    assert_eq!(run(&["WATCH k"], &["MULTI", "SET k 1", "DISCARD"]), RAN);
    assert_eq!(run(&["WATCH x"], &["FLUSHALL"]), RAN);
    other.say("SET k 1");
    assert_eq!(run_flush(&mut client, &mut other, "k", "FLUSHALL"), ENDED);
    other.say("SET k 1");
    assert_eq!(run_flush(&mut client, &mut other, "k", "FLUSHDB"), ENDED);
    other.say("SET k 1");
    assert_eq!(run_flush(&mut client, &mut other, "k", "SWAPDB 0 5"), ENDED);
    assert_eq!(run_flush(&mut client, &mut other, "k", "SWAPDB 0 5"), ENDED);
    assert_eq!(run_flush(&mut client, &mut other, "x", "SWAPDB 0 5"), RAN);
    assert_eq!(run_flush(&mut client, &mut other, "x", "DEBUG RELOAD"), RAN);
}

/// What EXEC answers if that was done to a watched key.
fn run_flush(client: &mut TestClient, other: &mut TestClient, key: &str, change: &str) -> String {
    client.say(&format!("WATCH {key}"));
    other.say(change);
    exec(client, &["PING"])
}

#[test]
fn a_watched_key_that_expires_ends_it_but_none_that_had() {
    let mut client = TestClient::new();
    let mut other = client.beside();
    client.say("SET k 1 PX 10");
    client.say("WATCH k");
    client.pass(11);
    assert_eq!(exec(&mut client, &["PING"]), "*-1", "it expired meanwhile");
    // It is still stored, and is deleted later.
    client.server.hot.active_expire.store(false, std::sync::atomic::Ordering::Relaxed);
    client.say("WATCH k");
    assert_eq!(exec(&mut client, &["PING"]), "*1|+PONG");
    client.say("WATCH k");
    other.now = client.now;
    other.say("GET k");
    assert_eq!(exec(&mut client, &["PING"]), "*1|+PONG");
    client.say("SET k 1 PX 10");
    client.pass(11);
    client.say("WATCH k");
    other.now = client.now;
    other.say("SET k 2");
    assert_eq!(exec(&mut client, &["PING"]), "*-1");
    // Deleted by the clock.
    client.say("SET k 1 PX 10");
    client.say("WATCH k");
    let now = client.now + 11;
    let shard = Position::of(b"k").shard();
    crate::command::expiring::expire_due(&client.server, &mut Default::default(), shard, now);
    assert_eq!(exec(&mut client, &["PING"]), "*-1");
    // What had expired stays missing when databases are exchanged or emptied.
    for change in ["FLUSHALL", "SWAPDB 0 1"] {
        client.say("SET k 1 PX 10");
        client.pass(11);
        client.say("WATCH k");
        other.now = client.now;
        assert_eq!(other.say(change), "+OK\r\n");
        assert_eq!(exec(&mut client, &["PING"]), "*1|+PONG", "{change}");
    }
}

#[test]
fn others_see_how_far_it_is() {
    let mut client = TestClient::new();
    let mut other = client.beside();
    let id = client.session.client.id;
    let mut field = |name: &str| {
        let line = other.say(&format!("CLIENT LIST ID {id}"));
        let start = format!(" {name}=");
        let rest = line.split(&start).nth(1).unwrap_or_default().to_owned();
        rest.split(' ').next().unwrap_or_default().to_owned()
    };
    assert_eq!((field("flags"), field("multi"), field("multi-mem")), ("N".into(), "-1".into(), "0".into()));
    client.say("WATCH k");
    client.say("MULTI");
    assert_eq!((field("flags"), field("multi")), ("x".into(), "0".into()));
    client.say("SET k 1");
    assert_eq!(field("multi"), "1");
    assert!(field("multi-mem").parse::<u64>().expect("a number") > 10);
    let mut third = client.beside();
    third.say("SET k 1");
    assert_eq!(field("flags"), "xd");
    client.say("EXEC");
    assert_eq!((field("flags"), field("multi")), ("N".into(), "-1".into()));
}

#[test]
fn a_queue_is_bounded() {
    let mut client = TestClient::configured("client-query-buffer-limit 1mb\n");
    client.say("MULTI");
    let value = "x".repeat(300_000);
    for _ in 0..3 {
        assert_eq!(client.say(&format!("SET k {value}")), "+QUEUED\r\n");
    }
    client.say(&format!("SET k {value}"));
    assert!(client.session.client.is_killed());
}

#[test]
fn everything_can_be_done_within_one() {
    let mut client = TestClient::configured("enable-debug-command yes\n");
    client.say("SET k 1");
    let lines = [
        "RPUSH l 3 1 2",
        "SORT l BY w_* GET #",
        "SORT l STORE m",
        "KEYS k",
        "SCAN 0",
        "DBSIZE",
        "RANDOMKEY",
        "INFO",
        "INFO everything",
        "MEMORY STATS",
        "MEMORY DOCTOR",
        "MEMORY USAGE k",
        "CONFIG RESETSTAT",
        "CONFIG SET hz 20",
        "CONFIG SET appendfsync always",
        "CONFIG GET hz",
        "DEBUG DIGEST",
        "DEBUG DIGEST-VALUE k",
        "DEBUG OBJECT k",
        "DEBUG HTSTATS 0",
        "DEBUG POPULATE 10",
        "DEBUG RELOAD",
        "DEBUG LOADAOF",
        "OBJECT ENCODING k",
        "COPY k c",
        "COPY k c DB 3 REPLACE",
        "MOVE c 4",
        "SWAPDB 0 1",
        "SWAPDB 1 0",
        "CLIENT LIST",
        "CLIENT PAUSE 0",
        "SLOWLOG GET",
        "LATENCY LATEST",
        "COMMAND COUNT",
        "FUNCTION LIST",
        "BGREWRITEAOF",
        "FLUSHDB",
        "FLUSHALL ASYNC",
        "DBSIZE",
    ];
    let reply = exec(&mut client, &lines);
    let errors: Vec<_> = reply.split('|').filter(|line| line.starts_with('-')).collect();
    assert_eq!(errors, ["-ERR This command is not allowed in a transaction or script"], "DEBUG LOADAOF");
    assert!(reply.starts_with(&format!("*{}|:3|*3|", lines.len())) && reply.ends_with("|+OK|+OK|:0"));
}

#[test]
fn each_command_counts_and_exec_too() {
    let mut client = TestClient::new();
    exec(&mut client, &["SET k 1", "INCR k", "LPUSH k 1"]);
    let stats = client.say("INFO commandstats");
    for (command, calls, failed) in
        [("set", 1, 0), ("incr", 1, 0), ("lpush", 1, 1), ("exec", 1, 0), ("multi", 1, 0)]
    {
        let line =
            stats.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:"))).expect("a line");
        assert!(
            line.contains(&format!(":calls={calls},")) && line.ends_with(&format!("failed_calls={failed}")),
            "{line}"
        );
    }
}

#[test]
fn each_can_be_done_alone() {
    let mut client = TestClient::configured("enable-debug-command yes\n");
    client.say("SET k 1");
    for line in [
        "PING",
        "KEYS *",
        "SCAN 0",
        "DBSIZE",
        "RANDOMKEY",
        "INFO",
        "MEMORY STATS",
        "MEMORY DOCTOR",
        "CONFIG RESETSTAT",
        "CONFIG GET hz",
        "CONFIG SET hz 20",
        "DEBUG DIGEST",
        "DEBUG OBJECT k",
        "DEBUG RELOAD",
        "CLIENT LIST",
        "CLIENT ID",
        "COMMAND COUNT",
        "SLOWLOG GET",
        "LATENCY DOCTOR",
        "LASTSAVE",
        "TIME",
        "LOLWUT",
        "FUNCTION LIST",
        "FUNCTION FLUSH",
        "SORT nosuch BY nosuch",
        "GET k",
        "SWAPDB 0 1",
        "FLUSHALL",
        "AUTH x",
        "HELLO 3",
        "SELECT 1",
    ] {
        let reply = exec(&mut client, &[line]);
        assert!(reply.starts_with("*1|"), "{line}: {reply}");
    }
}

#[test]
fn a_gate_that_closed_refuses_what_was_queued_before() {
    let mut client = TestClient::configured("maxmemory 1gb\n");
    let server = std::sync::Arc::clone(&client.server);
    let memory = |bytes: i64| server.shared.other_memory.store(bytes, std::sync::atomic::Ordering::Relaxed);
    const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.";
    const ABORTED: &str = "-EXECABORT Transaction discarded because of previous errors.";
    const REFUSED: &str = "-EXECABORT Transaction discarded because of: ";
    // Memory: whatever is queued takes some.
    client.check(&[("MULTI", "+OK"), ("SET k 1", "+QUEUED")]);
    memory(2 << 30);
    client.check(&[("EXEC", &format!("{REFUSED}{}", &OOM[1..])), ("MULTI", "+OK"), ("GET k", OOM)]);
    client.check(&[("EXEC", ABORTED), ("MULTI", "+OK"), ("DISCARD", "+OK")]);
    memory(0);
    client.check(&[("MULTI", "+OK"), ("GET k", "+QUEUED")]);
    memory(2 << 30);
    client.check(&[("EXEC", "*1|$-1")]);
    memory(0);
    // Loading.
    client.check(&[("MULTI", "+OK"), ("GET k", "+QUEUED")]);
    server.gates.close(gates::LOADING);
    client.check(&[
        ("EXEC", &format!("{REFUSED}LOADING Redis is loading the dataset in memory")),
        ("MULTI", "+OK"),
        ("GET k", "-LOADING Redis is loading the dataset in memory"),
        ("EXEC", ABORTED),
        ("MULTI", "+OK"),
        ("TIME", "+QUEUED"),
    ]);
    assert!(client.say("EXEC").starts_with("*1\r\n*2\r\n"));
    server.gates.open(gates::LOADING);
    // The log.
    client.check(&[("MULTI", "+OK"), ("SET k 1", "+QUEUED")]);
    server.commit.set_failure("no space".to_owned());
    server.gates.close(gates::LOG_FAILED);
    client.check(&[
        ("EXEC", &format!("{REFUSED}MISCONF Errors writing to the AOF file: no space")),
        ("MULTI", "+OK"),
        ("GET k", "+QUEUED"),
        ("EXEC", "*1|$-1"),
        ("MULTI", "+OK"),
        ("SET k 1", "-MISCONF Errors writing to the AOF file: no space"),
        ("EXEC", ABORTED),
    ]);
    server.gates.open(gates::LOG_FAILED);
    // Replicas, of which there are none.
    server.hot.replicas_min.store(1, std::sync::atomic::Ordering::Relaxed);
    const FEW: &str = "-NOREPLICAS Not enough good replicas to write.";
    client.check(&[("MULTI", "+OK"), ("SET k 1", "+QUEUED")]);
    server.gates.close(gates::REPLICAS_NEEDED);
    client.check(&[
        ("EXEC", &format!("{REFUSED}{}", &FEW[1..])),
        ("SET k 1", FEW),
        ("GET k", "$-1"),
        ("EVAL_RO return{redis.call('get','k')} 1 k", "*1|$-1"),
        ("EVAL return{redis.pcall('set','k',1)} 1 k", "*1|-NOREPLICAS Not enough good replicas to write."),
    ]);
    server.gates.open(gates::REPLICAS_NEEDED);
    // Waiting: EXEC runs when it may.
    client.check(&[("MULTI", "+OK"), ("SET k 1", "+QUEUED")]);
    server.gates.close(gates::LOG_FULL);
    client.check(&[("SET k 2", "+QUEUED"), ("EXEC", "(parked)")]);
    server.gates.open(gates::LOG_FULL);
    client.check(&[("EXEC", "*2|+OK|+OK"), ("MULTI", "+OK"), ("GET k", "+QUEUED")]);
    server.gates.pause(i64::MAX, false);
    client.check(&[("EXEC", "*1|$1|2"), ("MULTI", "+OK"), ("SET k 3", "(parked)")]);
    server.gates.unpause();
    client.check(&[("SET k 3", "+QUEUED")]);
    server.gates.pause(i64::MAX, false);
    client.check(&[("EXEC", "(parked)")]);
    server.gates.unpause();
    client.check(&[("EXEC", "*1|+OK")]);
}

#[test]
fn others_see_what_is_queued_and_watched() {
    let mut client = TestClient::new();
    let field = |client: &mut TestClient, name: &str| {
        let line = client.say("CLIENT LIST");
        let value = line.split(' ').find_map(|field| field.strip_prefix(name)).expect("the field");
        value.to_owned()
    };
    assert_eq!(field(&mut client, "multi-mem="), "0");
    client.say("WATCH k other");
    assert_eq!(field(&mut client, "multi-mem="), format!("{}", 2 * 24 + "kother".len()));
    client.say("UNWATCH");
    assert_eq!(field(&mut client, "multi-mem="), "0");
    assert!(exec(&mut client, &["CLIENT INFO"]).contains(" multi=1 ") && client.server.gates.closed() == 0);
    assert!(exec(&mut client, &["CLIENT INFO"]).contains(" cmd=exec "));
}

#[test]
fn confirmations_are_sent_whatever_replies_are_wanted() {
    let mut client = TestClient::new();
    client.say("CLIENT REPLY OFF");
    for line in ["MULTI", "SUBSCRIBE c", "GET k", "UNSUBSCRIBE c"] {
        assert_eq!(client.say(line), "", "{line}");
    }
    assert_eq!(
        client.say("EXEC").replace("\r\n", "|"),
        "*3|$9|subscribe|$1|c|:1|*3|$11|unsubscribe|$1|c|:0|"
    );
}
