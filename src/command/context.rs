//! What a handler is given.

use crate::command::blocking::{Blocked, Blocking};
use crate::command::group::NOT_IN_A_GROUP;
use crate::command::script::slow::Slow;
use crate::command::table::Command;
use crate::keyspace::{Keys, Keyspace};
use crate::resp::{CommandError, Reply};
use crate::session::{Session, gate};
use crate::state::Server;
use crate::state::errand::{self, Errand};
use crate::state::stats::WorkerStats;
use dunlin_structures::number::parse_i64;
use std::sync::Arc;

/// One running command.
///
/// Its parts are separate fields, so that a handler may hold a value through `keys` while it writes to `reply`.
pub struct Context<'a> {
    pub server: &'a Server,
    pub session: &'a mut Session,
    /// The doors to the keys that dispatch locked.
    pub keys: Keys<'a>,
    pub reply: Reply<'a>,
    /// The command that runs; for a subcommand, that one.
    pub command: &'a Command,
    pub stats: &'a WorkerStats,
    /// Set by a handler that can't go on now: it has changed and replied nothing, and will be run again.
    pub parked: Option<ParkedOn>,
    /// Whether the client may be kept waiting for a key.
    pub blocking: Blocking,
}

/// What a parked request waits for. Its connection waits, never its thread.
#[derive(Clone)]
pub enum ParkedOn {
    /// A gate that is closed: a pause, a full log. Tried again when any gate opens, which `Gates::opened` counts.
    Gate { opened: u64 },
    /// A script that owns what it needs; its end is counted in the same way. `may_hold`: it is no script itself, and may
    /// keep others from beginning.
    Owner { opened: u64, may_hold: bool },
    /// Keys: the request is kept there, and is over for its connection.
    Keys(Arc<Blocked>),
    /// A script that runs on by itself, now and then: the request is over for its connection.
    Script(Arc<Slow>),
    /// Run again for a client who waits, a command found nothing again.
    StillNothing,
    /// The session's errand.
    Errand,
}

impl Context<'_> {
    /// The time of this unit in ms since 1970.
    pub fn now(&self) -> i64 {
        self.keys.now
    }

    /// What a relative time is added to: the time of the unit. A log of somebody else's may hold relative times, too, which
    /// count from when it is loaded, as in Redis; the unit's own time is zero then, since nothing may expire meanwhile.
    pub fn counted_from(&self) -> i64 {
        if self.session.gates & gate::RECOVERY == 0 { self.keys.now } else { self.server.now() }
    }

    /// How long a string may become, in bytes: `proto-max-bulk-len`. What a log holds was allowed when it was written.
    pub fn string_len_max(&self) -> u64 {
        let limit = self.server.hot.proto_max_bulk_len.load(std::sync::atomic::Ordering::Relaxed);
        if self.session.gates & gate::RECOVERY == 0 { limit } else { u64::MAX }
    }

    pub fn db(&self) -> u16 {
        self.session.db
    }

    /// Has a thread of its own do what would hold up this worker's other clients for long, while this request is
    /// parked; it runs again when that is done, and gets the outcome. The handler must have done nothing before.
    /// Within a larger unit, whose shards the work might wait for, nothing is done.
    pub fn aside(
        &mut self,
        name: &str,
        work: impl FnOnce() -> errand::Outcome + Send + 'static,
    ) -> Option<errand::Outcome> {
        if self.blocking == Blocking::Denied {
            // An errand that stays behind would let the client's next request pass the gates.
            return Some(Err(NOT_IN_A_GROUP));
        }
        if let Some(outcome) = self.session.errand.as_ref().and_then(|errand| errand.take_outcome()) {
            self.session.errand = None;
            return Some(outcome);
        }
        if self.session.errand.is_none() {
            match Errand::start(name, work) {
                Ok(errand) => self.session.errand = Some(errand),
                Err(error) => {
                    return Some(Err(CommandError::formatted(format!("Can't start a thread: {error}"))));
                }
            }
        }
        self.parked = Some(ParkedOn::Errand);
        None
    }

    /// As [`Context::aside`], for work that finds something; when the request runs again, [`Context::found`] has it. Where
    /// nobody may be parked it is done at once.
    ///
    /// # Errors
    /// There can be no further thread.
    pub fn aside_for<T: Send + 'static>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, CommandError> {
        if self.blocking == Blocking::Denied {
            return Ok(Some(work()));
        }
        let errand = Errand::start_for(name, work);
        let errand =
            errand.map_err(|error| CommandError::formatted(format!("Can't start a thread: {error}")))?;
        self.session.errand = Some(errand);
        self.parked = Some(ParkedOn::Errand);
        Ok(None)
    }

    /// What the session's errand found, if that is why the request runs again.
    pub fn found<T: 'static>(&mut self) -> Option<T> {
        let found = self.session.errand.as_ref()?.take_found()?;
        self.session.errand = None;
        Some(found)
    }

    /// The number of a database, given as an argument.
    pub fn database(&self, text: &[u8]) -> Result<u16, CommandError> {
        database(self.keys.keyspace, text)
    }
}

/// See [`Context::database`].
pub fn database(keyspace: &Keyspace, text: &[u8]) -> Result<u16, CommandError> {
    let number = parse_i64(text).ok_or(CommandError::NotAnInteger)?;
    if i32::try_from(number).is_err() {
        return Err(CommandError::text(
            "value is out of range, value must between -2147483648 and 2147483647",
        ));
    }
    let number = u16::try_from(number).ok().filter(|number| *number < keyspace.databases());
    number.ok_or(CommandError::DbIndexOutOfRange)
}
