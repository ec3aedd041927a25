//! What one client is to the server: its database, protocol, rights and modes.
//!
//! Owned by its connection. Knows nothing of sockets or commands.

pub mod transaction;

use crate::acl::User;
use crate::keyspace::Lsn;
use crate::replication::replica::Introduction;
use crate::resp::{Output, Protocol};
use crate::state::backlog::Backlog;
use crate::state::clients::Client;
use crate::state::errand::Errand;
use std::sync::Arc;
use transaction::Transaction;

/// Why this client's requests are looked at more closely; zero for nearly every client.
pub mod gate {
    /// It must authenticate first.
    pub const NEEDS_AUTH: u32 = 1 << 0;
    /// CLIENT REPLY OFF or SKIP is in force.
    pub const REPLY_MODE: u32 = 1 << 1;
    /// It isn't a client but the log, which is being replayed: nothing holds it up.
    pub const RECOVERY: u32 = 1 << 2;
    /// After MULTI: what it sends is queued.
    pub const IN_MULTI: u32 = 1 << 3;
    /// Its user may not do everything: each request is checked.
    pub const RESTRICTED: u32 = 1 << 4;
    /// It has subscribed to something.
    pub const SUBSCRIBED: u32 = 1 << 5;
    /// It keeps what it reads, and wants to hear when that changes.
    pub const TRACKING: u32 = 1 << 6;
    /// It sees all requests.
    pub const MONITORS: u32 = 1 << 10;
    /// It is a replica.
    pub const FOLLOWS: u32 = 1 << 11;
    /// It may be told of what its own requests do, beside their replies.
    pub const LISTENS: u32 = SUBSCRIBED | TRACKING | MONITORS | FOLLOWS;
    /// It isn't a client but a script of one.
    pub const IN_SCRIPT: u32 = 1 << 8;
}

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReplyMode {
    #[default]
    On,
    Off,
    /// The next command's reply is left out.
    SkipNext,
    /// This command's reply is left out.
    Skip,
}

/// One client's state.
#[derive(Clone)]
pub struct Session {
    pub client: Arc<Client>,
    /// Who it is, as far as the session has noticed.
    pub user: Arc<User>,
    pub db: u16,
    pub protocol: Protocol,
    /// Bits of [`gate`].
    pub gates: u32,
    pub reply_mode: ReplyMode,
    pub no_touch: bool,
    /// It has said CLIENT CACHING, which is about the request that follows.
    pub caching: bool,
    /// What the parked request waits for, if it is an errand.
    pub errand: Option<Arc<Errand>>,
    /// What was queued since MULTI, and is watched; none if there never was anything.
    pub transaction: Option<Box<Transaction>>,
    /// What it said of itself as a replica (REPLCONF).
    pub introduction: Option<Box<Introduction>>,
    /// Close once everything has been sent (QUIT).
    pub closing: bool,
    /// What it has been told of, in replies or otherwise: nothing may leave before this is durable.
    pub told: Lsn,
}

impl Session {
    pub fn new(client: Arc<Client>, needs_auth: bool) -> Self {
        let user = client.user();
        let mut session = Self {
            client,
            user: Arc::clone(&user),
            db: 0,
            protocol: Protocol::Resp2,
            gates: if needs_auth { gate::NEEDS_AUTH } else { 0 },
            reply_mode: ReplyMode::On,
            no_touch: false,
            caching: false,
            errand: None,
            transaction: None,
            introduction: None,
            closing: false,
            told: Lsn::default(),
        };
        session.become_user(user);
        session
    }

    fn become_user(&mut self, user: Arc<User>) {
        self.gates &= !gate::RESTRICTED;
        if !user.may_everything() {
            self.gates |= gate::RESTRICTED;
        }
        self.user = user;
    }

    /// Follows a change of its user.
    #[inline]
    pub fn follow_user(&mut self) {
        if let Some(user) = self.client.take_changed_user() {
            self.become_user(user);
        }
    }

    /// What a script's commands run as: its client and its rights, in a database and a protocol of their own.
    pub fn of_script(&self) -> Self {
        let mut script = Self::new(Arc::clone(&self.client), false);
        // What it reads, its client has read.
        script.gates = gate::IN_SCRIPT | self.gates & (gate::RESTRICTED | gate::TRACKING);
        script.caching = self.caching;
        script.user = Arc::clone(&self.user);
        (script.db, script.no_touch) = (self.db, self.no_touch);
        script
    }

    pub fn needs_auth(&self) -> bool {
        self.gates & gate::NEEDS_AUTH != 0
    }

    /// Moves what waits in the client's outbox behind what is in `out`.
    #[cold]
    pub fn take_pushes(&mut self, backlog: &Backlog, out: &mut Output) {
        self.client.forget_pushes();
        let (mut pushes, lsn) = self.client.outbox.take(backlog);
        if out.is_empty() && out.bytes.capacity() < pushes.bytes.capacity() {
            *out = pushes;
        } else {
            out.append(&mut pushes);
        }
        self.told = self.told.max(lsn);
    }

    pub fn set_reply_mode(&mut self, mode: ReplyMode) {
        self.reply_mode = mode;
        self.gates &= !gate::REPLY_MODE;
        if mode != ReplyMode::On {
            self.gates |= gate::REPLY_MODE;
        }
    }
}
