use super::replica::{Introduction, Replica};
use super::*;
use crate::command::testing::TestClient;
use crate::state::clients::flag;
use std::sync::atomic::Ordering::Relaxed;

/// A client that follows another one's server.
struct Follower {
    client: TestClient,
    replica: Arc<Replica>,
}

impl Follower {
    /// One that has been admitted, and not been given a copy.
    fn admitted(leader: &TestClient) -> Self {
        let client = leader.beside();
        let of = Arc::clone(&client.session.client);
        of.set_flag(flag::REPLICA, true);
        let replica = Arc::new(Replica::new(of, Introduction::default(), true, leader.server.now()));
        leader.server.replication.admit(&leader.server, &replica);
        Self { client, replica }
    }

    /// One that is told of everything from now on.
    fn online(leader: &TestClient) -> Self {
        let follower = Self::admitted(leader);
        follower.cut(leader);
        leader.server.replication.go_online(&leader.server, &follower.replica);
        follower
    }

    fn cut(&self, leader: &TestClient) -> u64 {
        leader.server.replication.cut(&leader.server, &self.replica).expect("it is there").0
    }

    /// What it was sent since the last call, as words.
    fn told(&mut self) -> Vec<String> {
        let sent = self.client.pushes();
        let mut words = sent.split('|').filter(|word| !word.is_empty());
        let mut commands = Vec::new();
        while let Some(header) = words.next() {
            let count: usize = header.strip_prefix('*').expect("a command").parse().expect("a number");
            let args = (0..count).map(|_| {
                words.next();
                words.next().expect("an argument")
            });
            commands.push(args.collect::<Vec<_>>().join(" "));
        }
        commands
    }
}

fn say(client: &mut TestClient, lines: &[&str]) {
    for line in lines {
        let reply = client.say(line);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
    }
}

#[test]
fn units_are_told_whole_with_their_databases() {
    let mut client = TestClient::new();
    client.log(false);
    client.say("SET before 1");
    let mut follower = Follower::online(&client);
    say(
        &mut client,
        &[
            "SET a 1", "GET a", "SELECT 2", "MULTI", "SET b 1", "SET c 2", "EXEC", "MULTI", "SET d 1",
            "SELECT 0", "INCR e", "EXEC",
        ],
    );
    say(&mut client, &["MULTI", "GET a", "EXEC", "MULTI", "SET f 1", "EXEC", "DEL nothing"]);
    let expected = [
        "SELECT 0", "SET a 1", "SELECT 2", "MULTI", "SET b 1", "SET c 2", "EXEC", "MULTI", "SET d 1",
        "SELECT 0", "INCR e", "EXEC", "SET f 1",
    ];
    assert_eq!(follower.told(), expected);
    // Another one begins without a database; for all of them it is named anew.
    let mut other = Follower::online(&client);
    client.say("SET g 1");
    assert_eq!(other.told(), ["SELECT 0", "SET g 1"]);
    assert_eq!(follower.told(), ["SELECT 0", "SET g 1"]);
}

#[test]
fn nothing_leaves_before_the_log_lets_it_go() {
    let mut client = TestClient::new();
    let mut follower = Follower::online(&client);
    say(&mut client, &["SET a 1", "SET a 2"]);
    follower.told();
    assert_eq!(follower.client.session.told, crate::keyspace::Lsn(2));
}

#[test]
fn messages_are_told_in_their_turn_and_never_logged() {
    let mut client = TestClient::new();
    client.say("PUBLISH c nobody");
    let mut follower = Follower::online(&client);
    say(&mut client, &["PUBLISH c 1", "MULTI", "SET a 1", "PUBLISH c 2", "SPUBLISH d 3", "EXEC"]);
    assert_eq!(
        follower.told(),
        ["SELECT 0", "PUBLISH c 1", "MULTI", "SET a 1", "PUBLISH c 2", "SPUBLISH d 3", "EXEC"]
    );
    assert_eq!(client.effects(), ["0: SET a 1"]);
}

#[test]
fn what_happens_while_a_copy_is_sent_comes_behind_it() {
    let mut client = TestClient::new();
    let mut follower = Follower::admitted(&client);
    client.say("SET a 1");
    assert_eq!(follower.cut(&client), 0, "what was before is in the copy");
    client.say("SET a 2");
    let replication = &client.server.replication;
    assert!(replication.begin_sending(&follower.replica));
    assert_eq!(follower.told(), <[&str; 0]>::default());
    assert_eq!(replication.report().replicas[0].state, "send_bulk");
    replication.go_online(&client.server, &follower.replica);
    client.say("SET a 3");
    assert_eq!(follower.told(), ["SELECT 0", "SET a 2", "SET a 3"]);
}

#[test]
fn who_comes_back_gets_what_it_lacks_if_that_is_known() {
    let mut client = TestClient::configured("repl-backlog-size 100");
    let mut first = Follower::online(&client);
    client.say("SET a 1");
    let had = client.server.replication.offset();
    first.told();
    let server = Arc::clone(&client.server);
    server.replication.forget(&server, &first.client.session.client);
    say(&mut client, &["SET a 2", "SET a 3"]);
    let id = server.replication.id();
    let resume = |id: &str, from: u64| {
        let client = client.beside();
        let of = Arc::clone(&client.session.client);
        let replica = Arc::new(Replica::new(of, Introduction::default(), true, 0));
        let resumed = server.replication.resume(&server, &replica, id.as_bytes(), from);
        (resumed, Follower { client, replica }.told())
    };
    assert_eq!(resume(&id, had + 1), (true, vec!["SET a 2".to_owned(), "SET a 3".to_owned()]));
    assert_eq!(resume(&id, server.replication.offset() + 1), (true, Vec::new()));
    for (id, from) in [("another", had + 1), (&id, 1), (&id, 0), (&id, server.replication.offset() + 2)] {
        assert_eq!(resume(id, from), (false, Vec::new()), "{id} {from}");
    }
    server.replication.rename(new_id());
    assert!(!resume(&id, had + 1).0);
}

#[test]
fn wait_counts_those_who_say_that_they_have_it() {
    let mut client = TestClient::new();
    let mut replicas = [Follower::online(&client), Follower::online(&client)];
    client.say("SET a 1");
    let offset = client.server.replication.offset();
    assert_eq!(client.say("WAIT 0 0"), ":0\r\n");
    assert_eq!(client.say("WAIT 1 10"), "(parked)");
    assert!(replicas[0].told().ends_with(&["REPLCONF GETACK *".to_owned()]));
    let server = Arc::clone(&client.server);
    let acknowledge = |follower: &Follower, offset, on_disk| {
        server.replication.acknowledge(&server, &follower.client.session.client, offset, on_disk);
    };
    acknowledge(&replicas[0], offset - 1, None);
    assert_eq!(server.replication.count(offset, false), 0);
    acknowledge(&replicas[0], offset, Some(offset - 1));
    acknowledge(&replicas[1], offset + 37, Some(offset + 37));
    assert_eq!((server.replication.count(offset, false), server.replication.count(offset, true)), (2, 1));
    client.pass(10);
    assert_eq!(client.answer(), ":2", "where the stream was when it began to wait");
    assert_eq!(server.replication.good(server.now(), 0), 2);
    assert_eq!(server.replication.good(server.now() + 3000, 2), 0);
}

#[test]
fn writes_need_as_many_replicas_as_is_asked_for() {
    let mut client = TestClient::configured("min-replicas-to-write 1");
    const FEW: &str = "-NOREPLICAS Not enough good replicas to write.";
    client.check(&[("SET a 1", FEW), ("EVAL return{redis.pcall('set','k',1)} 1 k", &format!("*1|{FEW}"))]);
    let _follower = Follower::online(&client);
    client.check(&[("SET a 1", "+OK"), ("EVAL return{redis.pcall('set','k',1)} 1 k", "*1|+OK")]);
}

#[test]
fn who_is_silent_or_takes_nothing_is_ended() {
    let mut client = TestClient::configured(
        "client-output-buffer-limit replica 10000 0 0\nrepl-backlog-size 16384\nrepl-timeout 5",
    );
    let (silent, copying, full) =
        (Follower::online(&client), Follower::admitted(&client), Follower::online(&client));
    copying.cut(&client);
    let server = Arc::clone(&client.server);
    let is_killed = |follower: &Follower| follower.replica.client.is_killed();
    server.replication.tick(&server, server.now() + 4000);
    assert!(!is_killed(&silent));
    full.replica.hear(server.now() + 6000);
    server.replication.tick(&server, server.now() + 6000);
    assert!(is_killed(&silent) && !is_killed(&full) && !is_killed(&copying));
    client.say(&format!("SET a {}", "x".repeat(17_000)));
    assert!(is_killed(&full) && is_killed(&copying));
    assert!(server.shared.output_buffer_disconnections.load(Relaxed) > 0);
}

#[test]
fn nothing_is_kept_for_long_when_nobody_follows() {
    let mut client = TestClient::configured("repl-backlog-ttl 10");
    client.log(false);
    assert!(!crate::keyspace::effect::EffectLog::wanted(&*client.server.commit));
    let follower = Follower::online(&client);
    let server = Arc::clone(&client.server);
    assert!(server.commit.is_streaming());
    server.replication.forget(&server, &follower.client.session.client);
    client.say("SET a 1");
    server.replication.tick(&server, server.now() + 9000);
    assert!(server.replication.report().history.is_some_and(|(_, len)| len > 0));
    let id = server.replication.id();
    server.replication.tick(&server, server.now() + 11_000);
    assert!(server.replication.report().history.is_none() && !server.commit.is_streaming());
    assert_ne!(server.replication.id(), id);
}

#[test]
fn replicas_are_told_that_somebody_is_there() {
    let client = TestClient::configured("repl-ping-replica-period 10");
    let (mut online, mut waiting) = (Follower::online(&client), Follower::admitted(&client));
    let server = Arc::clone(&client.server);
    let now = server.now();
    for (seconds, pings) in [(0, 0), (9, 0), (10, 1), (11, 0), (20, 1)] {
        online.replica.hear(now);
        server.replication.tick(&server, now + seconds * 1000);
        assert_eq!(online.told().len(), pings, "{seconds}");
    }
    assert_eq!(waiting.client.pushes(), "", "line ends only");
    assert!(!waiting.replica.client.is_killed());
}

#[test]
fn a_server_that_stops_waits_for_who_lags() {
    let mut client = TestClient::new();
    let mut other = client.beside();
    let follower = Follower::online(&client);
    let server = Arc::clone(&client.server);
    assert!(super::farewell::wait(&server), "nothing was written");
    client.say("SET a 1");
    assert_eq!(client.say("SHUTDOWN ABORT"), "-ERR No shutdown in progress.\r\n");
    let until_it_waits = || {
        while !server.shutdown.goes_on_waiting() {
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| super::farewell::wait(&server));
        until_it_waits();
        assert_eq!(client.say("SET a 2"), "(parked)");
        assert_eq!(other.say("CLIENT UNPAUSE"), "+OK\r\n");
        assert_eq!(client.say("SET a 2"), "(parked)");
        assert_eq!(other.say("SHUTDOWN ABORT"), "+OK\r\n");
        assert!(!waiting.join().expect("it ends"), "it was called off");
        assert_eq!(client.say("SET a 2"), "+OK\r\n");
        let waiting = scope.spawn(|| super::farewell::wait(&server));
        until_it_waits();
        server.replication.acknowledge(
            &server,
            &follower.client.session.client,
            server.replication.offset(),
            None,
        );
        assert!(waiting.join().expect("it ends"), "nobody lags any more");
    });
    assert!(server.gates.is_paused(), "nobody writes behind that");
}

#[test]
fn what_waits_for_those_who_are_gone_is_not_counted() {
    let mut client = TestClient::new();
    let server = Arc::clone(&client.server);
    let held = || server.replication.held_bytes();
    let (reader, leaver) = (Follower::online(&client), Follower::online(&client));
    client.say(&format!("SET a {}", "x".repeat(1000)));
    let both = held();
    assert!(both > 2000, "{both}");
    server.replication.forget(&server, &leaver.client.session.client);
    assert!((1000..=both / 2).contains(&held()), "{both} {}", held());
    drop(reader);
    server.replication.begin_anew(&server);
    assert_eq!(held(), 0);
}
