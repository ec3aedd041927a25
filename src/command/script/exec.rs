//! A transaction with scripts in it, or with changes of the functions' libraries.
//!
//! EXEC holds the locks of what it touches while it runs; but none may be held while Lua runs. So such a transaction
//! owns its shards as a script does, with the token from the beginning, and locks them for each of its commands.

use crate::command::Context;
use crate::command::context::ParkedOn;
use crate::command::dispatch::{Owned, Unit, Whole, apply_reply_mode};
use crate::command::group::NOT_IN_A_GROUP;
use crate::command::listening;
use crate::command::permission;
use crate::command::script::eval::{self, Found};
use crate::command::script::function;
use crate::command::script::pool::{self, Runner};
use crate::command::script::run::{self, Executed, Hold, Script, Turn};
use crate::command::script::slow::{self, Slow, Work};
use crate::command::spec::Run;
use crate::command::table::Command;
use crate::command::transaction::{self, watch};
use crate::keyspace::EffectBuffer;
use crate::observe;
use crate::resp::{Args, CommandError, Output, Protocol, Reply};
use crate::script::owners::What;
use crate::session::transaction::Transaction;
use crate::session::{ReplyMode, Session, gate};
use crate::state::Server;
use crate::state::stats::WorkerStats;
use dunlin_structures::cycles;

/// How far a transaction is.
pub struct Exec {
    transaction: Box<Transaction>,
    next: usize,
    /// The client's, as its commands leave it.
    session: Session,
    output: Output,
    /// The script that runs, and the cycles that it took.
    script: Option<(Box<Runner>, Script)>,
    took: u64,
}

/// Whether a transaction runs scripts.
pub fn has_scripts(server: &Server, transaction: &Transaction) -> bool {
    let queue = &transaction.queue;
    let mut queued = (0..queue.len()).filter_map(|index| queue.get(index));
    queued.any(|queued| {
        server
            .commands
            .all()
            .get(queued.command)
            .is_some_and(|command| matches!(command.spec.run, Run::Whole(_)))
    })
}

/// EXEC for such a transaction, which was taken out of its session.
pub fn run(
    unit: &mut Unit<'_>,
    session: &mut Session,
    command: &Command,
    mut transaction: Box<Transaction>,
    out: &mut Output,
) -> Whole {
    let server = unit.server;
    if let Some(owner) = slow::too_many() {
        session.transaction = Some(transaction);
        return Whole::Owned(Owned::by_script(server, owner));
    }
    let declared = transaction.queue.shards | transaction.watched_shards();
    let mut hold = Hold::new(server, (unit.now, unit.access_clock), declared, EffectBuffer::default());
    if let Err(owned) = hold.begin(server, true) {
        session.transaction = Some(transaction);
        return Whole::Owned(owned);
    }
    let is_touched = watch::unwatch_held(&mut hold.lock(server), session, &mut transaction, unit.now);
    if is_touched {
        let mark = out.mark();
        Reply::new(out, session.protocol).null_array();
        let lsn = hold.end(server, unit.stats);
        session.transaction = Some(transaction);
        transaction::end(session);
        if session.gates & gate::REPLY_MODE != 0 {
            apply_reply_mode(session, || out.cut_back(mark));
        }
        return Whole::Done(lsn);
    }
    let mut exec = Box::new(Exec {
        transaction,
        next: 0,
        session: session.clone(),
        output: Output::default(),
        script: None,
        took: 0,
    });
    if !exec.is_silent() {
        let len = exec.transaction.queue.len();
        Reply::new(&mut exec.output, session.protocol).array(len);
    }
    match exec.turn(&mut hold, server, unit.stats) {
        Turn::Done => {}
        Turn::Slice | Turn::Waits | Turn::Restarts => {
            let request = vec![b"EXEC".to_vec()];
            let hold = (hold, unit.stopwatch.lap().cycles);
            let slow = Slow::begin(server, session, command, request, hold, Work::Exec(exec));
            return Whole::Parked(ParkedOn::Script(slow));
        }
    }
    let lsn = hold.end(server, unit.stats);
    let (mut output, after) = exec.take_output();
    out.append(&mut output);
    if let Some(after) = after {
        *session = *after;
    }
    if session.gates & gate::REPLY_MODE != 0 {
        apply_reply_mode(session, || {});
    }
    Whole::Done(lsn)
}

impl Exec {
    /// What others are told runs, and whether it has written.
    pub fn what(&self, request: Vec<Vec<u8>>) -> (What, bool) {
        match &self.script {
            Some((_, script)) => (script.what(self.request()), script.has_written()),
            None => (What { name: "exec".into(), is_function: false, request }, true),
        }
    }

    /// The request whose turn it is.
    fn request(&self) -> Vec<Vec<u8>> {
        let queue = &self.transaction.queue;
        let args = queue.get(self.next).map(|queued| queue.args(queued).from(0).map(<[u8]>::to_vec));
        args.map(Iterator::collect).unwrap_or_default()
    }

    fn is_silent(&self) -> bool {
        matches!(self.session.reply_mode, ReplyMode::Off | ReplyMode::Skip)
    }

    /// Ends the script that runs, unless it has written; the transaction goes on behind it.
    pub fn kill(&mut self, message: &'static str) {
        if let Some((runner, script)) = &mut self.script
            && !script.has_written()
        {
            runner.vm.kill(message);
        }
    }

    /// Runs on, until it is over or others are to have their turn.
    pub fn turn(&mut self, hold: &mut Hold, server: &Server, stats: &WorkerStats) -> Turn {
        loop {
            if let Some((runner, script)) = &mut self.script {
                let from = cycles::now();
                let turn = script.turn(hold, runner, server, stats);
                self.took += cycles::now().wrapping_sub(from);
                match turn {
                    Turn::Done => self.end_script(server, stats),
                    turn => return turn,
                }
            }
            let Some(queued) = self.transaction.queue.get(self.next) else { return Turn::Done };
            let Some(command) = server.commands.all().get(queued.command) else { return Turn::Done };
            let queue = &self.transaction.queue;
            let (args, known) = (queue.args(queued), queue.known(queued));
            let mark = self.output.mark();
            let may = permission::check_again(server, &self.session, command, args, hold.now());
            if let Err(error) = may {
                self.answer(server, Err(error));
                self.next += 1;
                continue;
            }
            if function::changes(command) {
                if !hold.claim_all(server) {
                    return Turn::Waits;
                }
                let result = match function::prepare(server, &self.session, command, args) {
                    Ok(change) => {
                        let Self { session, output, .. } = self;
                        let change = |cx: &mut Context<'_>, args: &mut Args<'_>| change.make(cx, *args);
                        hold.execute_as(change, server, stats, session, (command, args), output)
                    }
                    Err(error) => {
                        listening::monitor(server, &self.session, command, args);
                        self.count(server, stats, true);
                        Err(error)
                    }
                };
                self.answer(server, result);
                if self.is_silent() {
                    self.output.cut_back(mark);
                }
                self.next += 1;
                continue;
            }
            if matches!(command.spec.run, Run::Whole(_)) {
                let found = match eval::runs(command) {
                    true => eval::find(server, &self.session, command, args),
                    false => Err(NOT_IN_A_GROUP),
                };
                match found {
                    Ok(Found { mut runner, script, keys }) => {
                        listening::monitor_script(server, &self.session, args);
                        let resp3 = self.session.protocol == Protocol::Resp3;
                        run::prepare(
                            &mut runner,
                            &script,
                            resp3,
                            args.from(3).take(keys),
                            args.from(3 + keys),
                        );
                        if let Some(owner) = &hold.owner {
                            owner.goes_on_with(script.what(self.request()));
                        }
                        self.script = Some((runner, script));
                    }
                    Err(error) => {
                        listening::monitor_script(server, &self.session, args);
                        self.count(server, stats, true);
                        self.answer(server, Err(error));
                        self.next += 1;
                    }
                }
                continue;
            }
            let mode = self.session.reply_mode;
            let Self { session, output, .. } = self;
            match hold.execute(server, stats, session, (command, args, known), output) {
                Executed::Ran(result) => self.answer(server, result),
                Executed::Waits | Executed::NeedsToken => return Turn::Waits,
            }
            // CLIENT REPLY works at once, as in Redis, though the array's length was said.
            let is_now_silent = mode != self.session.reply_mode && self.session.reply_mode != ReplyMode::On;
            if self.is_silent() || is_now_silent {
                self.output.cut_back(mark);
            }
            self.next += 1;
        }
    }

    fn end_script(&mut self, server: &Server, stats: &WorkerStats) {
        let Some((mut runner, _)) = self.script.take() else { return };
        let mark = self.output.mark();
        let (failed, failure) = run::result(server, &mut runner, &mut self.output.bytes);
        self.count(server, stats, failed);
        if let Some((line, counted)) = failure {
            eval::write_failure(server, &self.session, &line, counted, &mut self.output);
        }
        if self.is_silent() {
            self.output.cut_back(mark);
        }
        pool::put(server, runner);
        self.next += 1;
    }

    /// Counts the script's request like any other command of a transaction.
    fn count(&mut self, server: &Server, stats: &WorkerStats, failed: bool) {
        let took = std::mem::take(&mut self.took);
        let queue = &self.transaction.queue;
        let Some(queued) = queue.get(self.next) else { return };
        let Some(command) = server.commands.all().get(queued.command) else { return };
        let ns = cycles::to_ns(took);
        let of_command = &stats.commands[command.id];
        of_command.calls.add(1);
        of_command.cycles.add(took);
        of_command.record_latency(ns);
        of_command.failed.add(u64::from(failed));
        if ns >= observe::attention_ns(server) {
            observe::slow_command(server, &self.session, command, queue.args(queued), ns, server.now());
        }
    }

    fn answer(&mut self, server: &Server, result: Result<(), CommandError>) {
        if let Err(error) = result
            && !self.is_silent()
        {
            let line = error.line();
            server.shared.count_error(&line);
            Reply::new(&mut self.output, self.session.protocol).error_line(&line);
        }
    }

    /// All replies, and the session as it is to go on.
    pub fn take_output(&mut self) -> (Output, Option<Box<Session>>) {
        self.session.transaction = Some(std::mem::take(&mut self.transaction));
        transaction::end(&mut self.session);
        (std::mem::take(&mut self.output), Some(Box::new(self.session.clone())))
    }
}
