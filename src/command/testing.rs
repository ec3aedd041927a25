//! A client without a socket, for tests of handlers: requests as words, replies as the bytes that would be sent.

use crate::command::context::ParkedOn;
use crate::command::dispatch::{Outcome, Unit};
use crate::command::script::slow::{self, Slow};
use crate::commit::LogSink;
use crate::config::{Loader, Machine, Source};
use crate::keyspace::event::{EventClass, EventListener};
use crate::keyspace::{EffectBuffer, Lsn};
use crate::resp::decode::Span;
use crate::resp::{Args, Output};
use crate::server::build_with;
use crate::session::{Session, gate};
use crate::state::Server;
use crate::state::clients::{Address, Client};
use parking_lot::Mutex;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::Thread;

/// One client of a server of its own. The clock stands still until [`TestClient::pass`] moves it.
pub struct TestClient {
    pub server: Arc<Server>,
    pub session: Session,
    pub now: i64,
    effects: EffectBuffer,
    log: Arc<Mutex<Vec<String>>>,
    /// The same effects as they were logged.
    logged: Arc<Mutex<Vec<Vec<u8>>>>,
    events: Arc<Mutex<Vec<String>>>,
    /// Something that takes long is begun, and not waited for; and that.
    starts: bool,
    script: Option<Arc<Slow>>,
}

/// Lets a thread that waits go on.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

struct RecordingLog {
    shown: Arc<Mutex<Vec<String>>>,
    logged: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl LogSink for RecordingLog {
    fn append(&self, unit: &EffectBuffer) -> Lsn {
        let mut log = self.shown.lock();
        for (db, effect) in unit.parts() {
            self.logged.lock().push(effect.to_vec());
            log.push(format!("{db}: {}", words(effect)));
        }
        Lsn(log.len() as u64)
    }

    fn flush(&self) {}
}

/// Listens to everything but misses.
struct RecordingListener(Arc<Mutex<Vec<String>>>);

impl EventListener for RecordingListener {
    fn wanted(&self) -> u32 {
        !(EventClass::KeyMiss as u32)
    }

    fn heard(&self, event: &'static str, db: u16, key: &[u8]) {
        self.0.lock().push(format!("{db}: {event} {}", String::from_utf8_lossy(key)));
    }
}

/// Runs the effects of these commands on a server of their own: the data must be the same.
pub fn check_replay(configuration: &str, commands: &[String]) {
    let mut client = TestClient::configured(configuration);
    for command in commands {
        client.say(command);
    }
    let mut replica = TestClient::configured(configuration);
    for effect in client.effects() {
        let (_, effect) = effect.split_once(": ").expect("a database");
        let reply = replica.say(effect);
        assert!(!reply.starts_with('-'), "{effect} answered {reply}");
    }
    assert_eq!(client.say("DEBUG DIGEST"), replica.say("DEBUG DIGEST"));
}

/// A command's RESP array as words.
fn words(command: &[u8]) -> String {
    let text = String::from_utf8_lossy(command).into_owned();
    text.split("\r\n").skip(2).step_by(2).collect::<Vec<_>>().join(" ")
}

impl Default for TestClient {
    fn default() -> Self {
        Self::new()
    }
}

impl TestClient {
    pub fn new() -> Self {
        Self::configured("")
    }

    /// A client of a server with this configuration file.
    pub fn configured(text: &str) -> Self {
        let mut loader = Loader::new(&Machine { cores: 1, directory: "/".into() });
        loader.text(Source::StandardInput, text.as_bytes()).expect("the test's configuration is right");
        let config = loader.finish();
        let events = Arc::new(Mutex::new(Vec::new()));
        let listener = Box::new(RecordingListener(Arc::clone(&events)));
        let server = build_with(config, Some(listener)).expect("nothing is renamed");
        let log = Arc::new(Mutex::new(Vec::new()));
        let logged = Arc::new(Mutex::new(Vec::new()));
        let recording = RecordingLog { shown: Arc::clone(&log), logged: Arc::clone(&logged) };
        server.commit.set_log(Some(Box::new(recording)));
        let now = 1_700_000_000_000;
        let id = server.clients.next_id();
        let user = server.users.default_user();
        let client = Client::new(id, 0, 8, Address::Unknown, Address::Unknown, now, 0, user);
        let session = Session::new(server.welcome(client), false);
        let effects = EffectBuffer::default();
        Self { server, session, now, effects, log, logged, events, starts: false, script: None }
    }

    /// Turns the log off, or on again.
    pub fn log(&mut self, on: bool) {
        let recording = RecordingLog { shown: Arc::clone(&self.log), logged: Arc::clone(&self.logged) };
        self.server.commit.set_log(on.then(|| Box::new(recording) as Box<dyn LogSink>));
    }

    /// Lets time pass.
    pub fn pass(&mut self, ms: i64) {
        self.now += ms;
    }

    /// Runs a request given as arguments and returns the reply's bytes; `None` if it was parked. An errand is waited
    /// for.
    pub fn run(&mut self, words: &[&[u8]]) -> Option<Vec<u8>> {
        let mut buffer = Vec::new();
        let mut spans = Vec::new();
        for arg in words {
            spans.push(Span { start: buffer.len() as u32, len: arg.len() as u32 });
            buffer.extend_from_slice(arg);
        }
        let server = Arc::clone(&self.server);
        let args = Args::new(&buffer, &spans);
        self.session.follow_user();
        let mut unit = Unit {
            server: &server,
            stats: &server.workers[0],
            effects: &mut self.effects,
            now: self.now,
            access_clock: server.access_clock(self.now),
            stopwatch: dunlin_structures::cycles::Stopwatch::start(),
        };
        let mut output = Output::default();
        let command = server.commands.find(args.at(0));
        match unit.execute(&mut self.session, command, args, &[], &mut output) {
            Outcome::Done(_) => Some(bytes_of(&output)),
            Outcome::Parked(ParkedOn::Errand) => {
                let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
                while self.session.errand.as_ref().is_some_and(|errand| !errand.poll(&waker)) {
                    std::thread::park();
                }
                self.run(words)
            }
            Outcome::Parked(ParkedOn::Script(script)) if self.starts => {
                self.script = Some(script);
                None
            }
            Outcome::Parked(ParkedOn::Script(script)) => loop {
                if let Some(answer) = script.take_answer() {
                    if let Some(session) = answer.session {
                        self.session = *session;
                    }
                    return Some(bytes_of(&answer.output));
                }
                slow::take_turns();
            },
            Outcome::Parked(
                ParkedOn::Gate { .. } | ParkedOn::Owner { .. } | ParkedOn::Keys(_) | ParkedOn::StillNothing,
            ) => None,
        }
    }

    /// Begins a request that takes long (a script).
    pub fn start(&mut self, words: &[&[u8]]) {
        self.starts = true;
        assert_eq!(self.run(words), None, "it is over already");
        self.starts = false;
    }

    /// Lets it run for a moment.
    pub fn give_turn(&mut self) {
        slow::take_turns();
    }

    /// What it is answered in the end.
    pub fn finish(&mut self) -> String {
        let script = self.script.take().expect("something was started");
        let answer = loop {
            if let Some(answer) = script.take_answer() {
                break answer;
            }
            slow::take_turns();
        };
        String::from_utf8_lossy(&bytes_of(&answer.output)).trim_end().replace("\r\n", "|")
    }

    /// Runs a line of words (no quoting; `""` is an empty argument) and returns the reply as text.
    pub fn say(&mut self, line: &str) -> String {
        let words = line.split_ascii_whitespace().map(|word| if word == "\"\"" { "" } else { word });
        let args: Vec<&[u8]> = words.map(str::as_bytes).collect();
        self.run(&args).map_or("(parked)".into(), |reply| String::from_utf8_lossy(&reply).into_owned())
    }

    /// Another client of the same server, with the same log and listener.
    pub fn beside(&self) -> Self {
        let id = self.server.clients.next_id();
        let user = self.server.users.default_user();
        let client = Client::new(id, 0, 8, Address::Unknown, Address::Unknown, self.now, 0, user);
        let client = self.server.welcome(client);
        Self {
            server: Arc::clone(&self.server),
            session: Session::new(client, false),
            now: self.now,
            effects: EffectBuffer::default(),
            log: Arc::clone(&self.log),
            logged: Arc::clone(&self.logged),
            events: Arc::clone(&self.events),
            starts: false,
            script: None,
        }
    }

    /// What this client got that waits for a key; `(waiting)` if it still waits, `(not waiting)` if it does not.
    pub fn answer(&mut self) -> String {
        let Some(blocked) = self.session.client.blocked.lock().clone() else {
            return "(not waiting)".into();
        };
        if blocked.deadline().is_some_and(|deadline| deadline <= self.now) {
            blocked.give_up(&self.server, &self.server.workers[0], None);
        }
        let Some(answer) = blocked.take_answer() else { return "(waiting)".into() };
        blocked.leave(&self.server, false);
        String::from_utf8_lossy(&bytes_of(&answer.output)).trim_end().replace("\r\n", "|")
    }

    /// What this client was sent beside replies since the last call, with `|` for CRLF.
    pub fn pushes(&mut self) -> String {
        let mut output = Output::default();
        self.session.take_pushes(&self.server.backlog, &mut output);
        String::from_utf8_lossy(&bytes_of(&output)).trim_end().replace("\r\n", "|")
    }

    /// The events since the last call, as `db: event key`.
    pub fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events.lock())
    }

    /// Has another server do what was logged here since the last call, byte for byte. No effect may fail.
    pub fn replay_into(&self, other: &mut TestClient) {
        for effect in std::mem::take(&mut *self.logged.lock()) {
            let args = arguments(&effect);
            let reply = other.run(&args).unwrap_or_default();
            assert!(!reply.starts_with(b"-"), "{} failed", words(&effect));
        }
    }

    /// A client of a server with this configuration that has run those commands, and one of a server of its own that
    /// has run their effects.
    pub fn with_replica(configuration: &str, commands: &[String]) -> (Self, Self) {
        let mut client = Self::configured(configuration);
        for command in commands {
            client.say(command);
        }
        let mut replica = Self::configured(configuration);
        client.replay_into(&mut replica);
        (client, replica)
    }

    /// Each line must be answered by its reply, in which `|` stands for CRLF.
    pub fn check(&mut self, exchanges: &[(&str, &str)]) {
        for (line, expect) in exchanges {
            let reply = self.say(line);
            assert_eq!(reply.trim_end().replace("\r\n", "|"), *expect, "{line}");
        }
    }

    /// A server of this configuration that has loaded what was logged here since the last call, as a start does: at a time
    /// that stands still.
    pub fn restarted(&self, configuration: &str) -> Self {
        let mut other = Self::configured(configuration);
        let gates = other.session.gates;
        other.session.gates |= gate::RECOVERY;
        other.now = 0;
        self.replay_into(&mut other);
        other.session.gates = gates;
        other.now = self.now;
        other
    }

    /// The effects since the last call, as `db: words`.
    pub fn effects(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log.lock())
    }
}

/// A command's RESP array as its arguments.
fn arguments(command: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut args) = (command, Vec::new());
    let line = |rest: &mut &[u8]| -> usize {
        let end = memchr::memchr(b'\r', rest).expect("a length ends with CRLF");
        let number = std::str::from_utf8(&rest[1..end]).ok().and_then(|digits| digits.parse().ok());
        *rest = &rest[end + 2..];
        number.expect("a length is a number")
    };
    let count = line(&mut rest);
    for _ in 0..count {
        let length = line(&mut rest);
        args.push(&rest[..length]);
        rest = &rest[length + 2..];
    }
    args
}

fn bytes_of(output: &Output) -> Vec<u8> {
    let mut pieces = vec![std::io::IoSlice::new(&[]); 1024];
    let filled = output.pieces(&mut pieces);
    pieces[..filled].iter().flat_map(|piece| piece.to_vec()).collect()
}

/// Runs exchanges on one new client: each line must be answered by its reply. In replies `|` stands for CRLF.
pub fn check(exchanges: &[(&str, &str)]) {
    TestClient::new().check(exchanges);
}

/// Like [`check`], with the effects that each line must log instead of its reply, separated by `; `.
pub fn check_effects(exchanges: &[(&str, &str)]) {
    let mut client = TestClient::new();
    for (line, expect) in exchanges {
        let reply = client.say(line);
        let effects = client.effects().join("; ");
        assert_eq!(effects, *expect, "{line} answered {reply}");
    }
}
