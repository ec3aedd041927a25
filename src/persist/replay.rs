//! Runs a log's commands through dispatch, as if a client had sent them, to make the state that they describe.
//!
//! Time stands still at zero meanwhile: what had not expired when it was written must not expire now, or a later
//! effect would meet another state than it met then. What is past its time goes once the clockwork runs again. Relative
//! times, which our own logs never hold, count from the time of the load (`Context::counted_from`).

use crate::command::dispatch::{Outcome, Unit};
use crate::keyspace::{AccessClock, EffectBuffer};
use crate::resp::decode::Span;
use crate::resp::{Args, Output};
use crate::session::{Session, gate};
use crate::state::Server;
use crate::state::clients::{Address, Client};
use crate::state::stats::WorkerStats;
use dunlin_storage::disk::RealDisk;
use dunlin_storage::log::{self, Loader, LogError, Record};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Why a log could not be replayed. The state is that of no time then, and must not be served.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("{}, before offset {offset}: {complaint} (in '{command}')", path.display())]
    Command { path: PathBuf, offset: u64, command: String, complaint: String },
}

/// How often progress is published, in commands.
const PROGRESS_COMMANDS: u64 = 1024;

/// Runs everything that the loader has. Returns how many commands there were.
///
/// # Errors
/// Damage, or a command that dispatch refuses: an unknown one, or one that doesn't fit the state.
pub(super) fn run(server: &Server, loader: &mut Loader<RealDisk>) -> Result<u64, ReplayError> {
    let (_, total) = loader.progress_bytes();
    server.persist.figures.loading_started(total);
    let count = run_all(server, loader);
    server.persist.figures.loading_ended();
    count
}

fn run_all(server: &Server, loader: &mut Loader<RealDisk>) -> Result<u64, ReplayError> {
    let mut replay = Replay::new(server);
    let mut count = 0;
    loop {
        let complaint = match loader.next()? {
            None => break,
            // The groups are whole, and nobody looks at the state before the end.
            Some(Record::GroupBegin | Record::GroupEnd) => None,
            Some(Record::Command { db, args }) => {
                count += 1;
                replay.execute(db, args).err().map(|complaint| (complaint, name_of(args)))
            }
        };
        if let Some((complaint, command)) = complaint {
            let (path, offset) =
                loader.place().map_or_else(Default::default, |(path, at)| (path.to_owned(), at));
            return Err(ReplayError::Command { path, offset, command, complaint });
        }
        if count % PROGRESS_COMMANDS == 0 {
            server.persist.figures.loaded_bytes.store(loader.progress_bytes().0, Ordering::Relaxed);
        }
    }
    Ok(count)
}

fn name_of(args: log::Args<'_>) -> String {
    let words: Vec<_> =
        args.iter().take(2).map(|arg| arg[..arg.len().min(64)].escape_ascii().to_string()).collect();
    words.join(" ")
}

/// The client without a socket that sends the log's commands.
struct Replay<'a> {
    server: &'a Server,
    session: Session,
    access_clock: AccessClock,
    /// Loading isn't work that clients asked for: it is counted apart, and forgotten.
    stats: WorkerStats,
    effects: EffectBuffer,
    output: Output,
    spans: Vec<Span>,
}

impl<'a> Replay<'a> {
    fn new(server: &'a Server) -> Self {
        let id = server.clients.next_id();
        let user = server.users.default_user();
        let client = Client::new(id, 0, -1, Address::Unknown, Address::Unknown, server.now(), 0, user);
        let mut session = Session::new(Arc::new(client), false);
        session.gates |= gate::RECOVERY;
        Self {
            server,
            session,
            access_clock: server.access_clock(server.now()),
            stats: WorkerStats::new(server.commands.all().len()),
            effects: EffectBuffer::default(),
            output: Output::default(),
            spans: Vec::new(),
        }
    }

    /// Runs one command; on an error the line that a client would have got.
    fn execute(&mut self, db: u16, args: log::Args<'_>) -> Result<(), String> {
        if db >= self.server.keyspace.databases() {
            return Err("the database is out of range".to_owned());
        }
        let (bytes, places) = args.parts();
        self.spans.clear();
        for place in places {
            let part = |at: usize| u32::try_from(at).map_err(|_| "the command is too long".to_owned());
            self.spans.push(Span { start: part(place.start)?, len: part(place.len())? });
        }
        self.session.db = db;
        let args = Args::new(bytes, &self.spans);
        let mut unit = Unit {
            server: self.server,
            stats: &self.stats,
            effects: &mut self.effects,
            now: 0,
            access_clock: self.access_clock,
            stopwatch: dunlin_structures::cycles::Stopwatch::start(),
        };
        let command = self.server.commands.find_logged(args.at(0));
        let outcome = unit.execute(&mut self.session, command, args, &[], &mut self.output);
        let failed = self.output.bytes.first() == Some(&b'-');
        let line = String::from_utf8_lossy(&self.output.bytes).trim_start_matches('-').trim_end().to_owned();
        self.output.clear();
        match outcome {
            Outcome::Done(_) if !failed => Ok(()),
            Outcome::Done(_) => Err(line),
            Outcome::Parked(_) => Err("the command would wait".to_owned()),
        }
    }
}
