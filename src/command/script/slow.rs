//! Scripts that take longer than a moment.
//!
//! Such a script stays on its thread, in its state, and runs on for a slice of time whenever the thread's other work
//! has had its turn ([`take_turns`]). Its connection waits for its answer, as for one of a command that waits for a key.

use crate::command::blocking::Answer;
use crate::command::script::eval::write_failure;
use crate::command::script::exec::Exec;
use crate::command::script::pool::{self, Runner};
use crate::command::script::run::{self, Hold, Script, Turn};
use crate::command::table::Command;
use crate::observe;
use crate::resp::decode::Span;
use crate::resp::{Args, Output};
use crate::script::owners::Owner;
use crate::session::Session;
use crate::state::clients::Client;
use crate::state::stats::WorkerStats;
use crate::state::{Server, gates};
use dunlin_structures::cycles;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::task::Waker;

/// A script that runs on by itself.
pub struct Slow {
    answer: Mutex<Option<Answer>>,
    /// Nobody waits for the answer any more.
    is_abandoned: AtomicBool,
    client: Arc<Client>,
}

/// So many run on in one thread, in turns; further ones wait until one has ended.
const SLOW_MAX: usize = 16;

/// What runs on.
pub enum Work {
    Script { runner: Box<Runner>, script: Script, keys: usize, resp3: bool },
    Exec(Box<Exec>),
}

/// The thread's part of it.
struct Running {
    server: Arc<Server>,
    slow: Arc<Slow>,
    owner: Arc<Owner>,
    command: usize,
    /// The cycles that it ran.
    took: u64,
    session: Session,
    hold: Hold,
    work: Work,
    /// It must begin again as soon as it can have what it needs.
    is_to_begin: bool,
}

#[derive(Default)]
struct Mine {
    running: Vec<Running>,
    /// Calls the task that gives turns.
    waker: Option<Waker>,
}

thread_local! {
    static MINE: RefCell<Mine> = RefCell::default();
}

/// What a round of turns came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// There are no such scripts: the waker is called when there is one.
    Idle,
    /// All of them wait for others. The number is what counted ends of owners before they were looked at.
    Waiting(u64),
    Busy,
}

impl Slow {
    /// Takes over what did not end at once.
    pub fn begin(
        server: &Server,
        session: &Session,
        command: &Command,
        request: Vec<Vec<u8>>,
        (mut hold, took): (Hold, u64),
        work: Work,
    ) -> Arc<Self> {
        let slow = Arc::new(Self {
            answer: Mutex::new(None),
            is_abandoned: AtomicBool::new(false),
            client: Arc::clone(&session.client),
        });
        let Some(server) = server.this.upgrade() else { unreachable!("the server that runs it is there") };
        let (what, wrote) = match &work {
            Work::Script { script, .. } => (script.what(request), hold.has_written),
            Work::Exec(exec) => exec.what(request),
        };
        let owner = Arc::new(Owner::new(hold.id, what, wrote));
        hold.owner = Some(Arc::clone(&owner));
        server.scripts.owners.add_slow(Arc::clone(&owner));
        let running = Running {
            server,
            slow: Arc::clone(&slow),
            owner,
            command: command.id,
            took,
            session: session.of_script(),
            hold,
            work,
            is_to_begin: false,
        };
        MINE.with_borrow_mut(|mine| {
            mine.running.push(running);
            if let Some(waker) = &mine.waker {
                waker.wake_by_ref();
            }
        });
        slow
    }

    /// The answer, if there is one.
    pub fn take_answer(&self) -> Option<Answer> {
        self.answer.lock().take()
    }

    /// The client was cut off. A script that has written goes on to its end all the same.
    pub fn abandon(&self) {
        self.is_abandoned.store(true, SeqCst);
    }
}

/// A script of this thread that ends before another one may begin, if there are too many: each has a state of its own.
pub fn too_many() -> Option<u64> {
    MINE.with_borrow(|mine| mine.running.get(SLOW_MAX - 1).map(|script| script.owner.id))
}

/// Has `waker` called when the thread has a script to give turns to.
pub fn set_waker(waker: &Waker) {
    MINE.with_borrow_mut(|mine| mine.waker = Some(waker.clone()));
}

/// Lets the slow script of this thread run for a slice whose turn it is: everything else goes on after each.
pub fn take_turns() -> Round {
    let mut running = MINE.with_borrow_mut(|mine| std::mem::take(&mut mine.running)).into_iter();
    let Some(first) = running.as_slice().first() else { return Round::Idle };
    let opened = first.server.gates.opened();
    let (mut is_busy, mut had_turn) = (false, Vec::new());
    for mut script in running.by_ref() {
        let turn = script.turn();
        match turn {
            Turn::Done => script.leave(),
            _ => had_turn.push(script),
        }
        if turn != Turn::Waits {
            is_busy = true;
            break;
        }
    }
    MINE.with_borrow_mut(|mine| {
        // One that a script's end has let in may have joined meanwhile.
        mine.running = running.chain(mine.running.drain(..)).chain(had_turn).collect();
        match mine.running.is_empty() {
            true => Round::Idle,
            false if is_busy => Round::Busy,
            false => Round::Waiting(opened),
        }
    })
}

/// Where those who wait for shards or the token are called from.
pub fn wait(waker: &Waker, opened: u64) -> bool {
    MINE.with_borrow(|mine| match mine.running.first() {
        Some(script) => {
            let gates = &script.server.gates;
            gates.wait(waker);
            script.server.scripts.owners.wait();
            gates.opened() == opened
        }
        None => false,
    })
}

impl Running {
    fn turn(&mut self) -> Turn {
        self.look_around();
        if self.is_to_begin && !self.begin_again() {
            if self.owner.killed.load(SeqCst) {
                self.fail_killed();
                return Turn::Done;
            }
            return Turn::Waits;
        }
        let server = Arc::clone(&self.server);
        let stats = stats_of(&server, &self.slow.client);
        // Before it is looked at who owns what, so that no end is missed.
        server.scripts.owners.wait();
        let from = cycles::now();
        let turn = match &mut self.work {
            Work::Script { runner, script, .. } => {
                let turn = script.turn(&mut self.hold, runner, &server, stats);
                runner.show_memory(&server);
                turn
            }
            Work::Exec(exec) => exec.turn(&mut self.hold, &server, stats),
        };
        self.took += cycles::now().wrapping_sub(from);
        match turn {
            Turn::Done => self.finish(),
            Turn::Restarts => {
                self.stop();
                self.hold.give_up(&server, stats);
                self.is_to_begin = true;
                return Turn::Slice;
            }
            Turn::Waits if self.is_killable() && self.owner.killed.load(SeqCst) => {
                self.stop();
                self.hold.end(&server, stats);
                self.fail_killed();
                return Turn::Done;
            }
            Turn::Slice | Turn::Waits => {}
        }
        turn
    }

    /// What has written goes on to its end, and a transaction is not given up either.
    fn is_killable(&self) -> bool {
        !self.hold.has_written && matches!(self.work, Work::Script { .. })
    }

    fn stop(&mut self) {
        if let Work::Script { runner, .. } = &mut self.work {
            run::abandon(runner);
        }
    }

    /// It was ended, and owns nothing.
    fn fail_killed(&mut self) {
        // It leaves its place to another one.
        run::tell_end(&self.server);
        let line = format!("ERR {KILLED}");
        let mut output = Output::default();
        write_failure(&self.server, &self.session, line.as_bytes(), false, &mut output);
        self.answer(
            Answer {
                before: Output::default(),
                output,
                lsn: Default::default(),
                served: false,
                session: None,
            },
            true,
        );
    }

    /// Sees whether it is to end, and whether it has taken too long.
    fn look_around(&mut self) {
        if self.slow.is_abandoned.load(SeqCst) && self.is_killable() {
            self.owner.killed.store(true, SeqCst);
        }
        if self.owner.killed.load(SeqCst) {
            match &mut self.work {
                Work::Script { runner, .. } if !self.hold.has_written => runner.vm.kill(KILLED),
                Work::Script { .. } => {}
                Work::Exec(exec) => exec.kill(KILLED),
            }
        }
        let server = &self.server;
        let threshold = server.hot.busy_reply_threshold.load(Relaxed);
        // One that only waits for its turn keeps nobody from anything.
        if threshold == 0 || self.is_to_begin || self.owner.is_busy.load(Relaxed) {
            return;
        }
        let ms = self.owner.began.elapsed().as_millis();
        if ms < u128::from(threshold) {
            return;
        }
        let what = self.owner.what();
        tracing::warn!(
            "Slow script detected: still in execution after {ms} milliseconds. You can try killing the script using the {} command. Script name is: {}.",
            if what.is_function { "FUNCTION KILL" } else { "SCRIPT KILL" },
            what.name
        );
        self.owner.is_busy.store(true, SeqCst);
        server.gates.close(gates::SCRIPT_BUSY);
        // Those who wait are told so.
        server.gates.retry();
    }

    fn begin_again(&mut self) -> bool {
        let Work::Script { runner, script, keys, resp3 } = &mut self.work else { return true };
        let now = self.server.now();
        self.hold.set_time((now, self.server.access_clock(now)));
        script.begin_again();
        if self.hold.begin(&self.server, script.needs_token()).is_err() {
            return false;
        }
        self.is_to_begin = false;
        let what = self.owner.what();
        let (keys, args) = what.request[3..].split_at(*keys);
        let (keys, args) = (keys.iter().map(Vec::as_slice), args.iter().map(Vec::as_slice));
        run::prepare(runner, script, *resp3, keys, args);
        true
    }

    fn finish(&mut self) {
        let server = Arc::clone(&self.server);
        let lsn = self.hold.end(&server, stats_of(&server, &self.slow.client));
        let mut output = Output::default();
        let (mut failed, mut session) = (false, None);
        match &mut self.work {
            Work::Script { runner, .. } => {
                let failure;
                (failed, failure) = run::result(&server, runner, &mut output.bytes);
                if let Some((line, counted)) = failure {
                    write_failure(&server, &self.session, &line, counted, &mut output);
                }
            }
            Work::Exec(exec) => (output, session) = exec.take_output(),
        }
        self.answer(Answer { before: Output::default(), output, lsn, served: false, session }, failed);
    }

    fn answer(&mut self, answer: Answer, failed: bool) {
        let server = &self.server;
        if !server.scripts.owners.remove_slow(self.owner.id) {
            server.gates.open(gates::SCRIPT_BUSY);
        }
        let ns = cycles::to_ns(self.took);
        let of_command = &stats_of(server, &self.slow.client).commands[self.command];
        of_command.calls.add(1);
        of_command.cycles.add(self.took);
        of_command.record_latency(ns);
        of_command.failed.add(u64::from(failed));
        if ns >= observe::attention_ns(server) {
            self.note_slow(ns);
        }
        *self.slow.answer.lock() = Some(answer);
        self.slow.client.wake();
    }

    /// The slow log hears of it as of any command.
    fn note_slow(&self, ns: u64) {
        let Some(command) = self.server.commands.all().get(self.command) else { return };
        let what = self.owner.what();
        let spans: Vec<Span> = what
            .request
            .iter()
            .scan(0, |start, arg| {
                let span = Span { start: *start, len: arg.len() as u32 };
                *start += span.len;
                Some(span)
            })
            .collect();
        let request = what.request.concat();
        let args = Args::new(&request, &spans);
        observe::slow_command(&self.server, &self.session, command, args, ns, self.server.now());
    }

    /// Gives its state back to the thread.
    fn leave(self) {
        if let Work::Script { mut runner, .. } = self.work {
            runner.effects = self.hold.effects;
            pool::put(&self.server, runner);
        }
    }
}

const KILLED: &str = "Script killed by user with SCRIPT KILL...";

fn stats_of<'s>(server: &'s Server, client: &Client) -> &'s WorkerStats {
    &server.workers[client.worker.min(server.workers.len() - 1)]
}
