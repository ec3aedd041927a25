//! Scripts own shards: see `docs/decisions/0008-scripts.md`.
//!
//! A shard that a script owns is marked with the script's id, under the shard's lock; nobody else touches what is in it
//! until the mark is gone. A script owns the shards of its declared keys from its beginning; the holder of the one *token* may
//! mark further ones, and is the only one that may write. Only the holder waits for others while it owns anything, and
//! those don't: so there is no cycle.

use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

/// A script that did not end within its first slice of time.
pub struct Owner {
    pub id: u64,
    what: Mutex<Arc<What>>,
    pub began: Instant,
    pub wrote: AtomicBool,
    pub killed: AtomicBool,
    /// It runs for longer than busy-reply-threshold.
    pub is_busy: AtomicBool,
}

/// What runs; in a transaction one after the other.
pub struct What {
    pub name: Arc<str>,
    pub is_function: bool,
    /// What its client asked for.
    pub request: Vec<Vec<u8>>,
}

impl Owner {
    pub fn new(id: u64, what: What, wrote: bool) -> Self {
        Self {
            id,
            what: Mutex::new(Arc::new(what)),
            began: Instant::now(),
            wrote: AtomicBool::new(wrote),
            killed: AtomicBool::new(false),
            is_busy: AtomicBool::new(false),
        }
    }

    pub fn what(&self) -> Arc<What> {
        Arc::clone(&self.what.lock())
    }

    pub fn is_function(&self) -> bool {
        self.what.lock().is_function
    }

    /// A transaction has come to its next script, which has neither written nor been killed.
    pub fn goes_on_with(&self, what: What) {
        *self.what.lock() = Arc::new(what);
        self.wrote.store(false, SeqCst);
        self.killed.store(false, SeqCst);
    }
}

/// All that own shards, or wait to.
#[derive(Default)]
pub struct Owners {
    last_id: AtomicU64,
    /// The id of the script that holds the token; zero: none.
    token: AtomicU64,
    /// Somebody has met a mark, or the token, and waits for an owner to end.
    is_awaited: AtomicBool,
    /// So many threads wait for all scripts to end: none begins meanwhile.
    holds: AtomicU32,
    ended: Condvar,
    slow: Mutex<Vec<Arc<Owner>>>,
}

/// What SCRIPT KILL and FUNCTION KILL come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    Yes,
    /// No such script runs.
    None,
    /// It has written.
    Unkillable,
    /// The other command is for that one.
    IsFunction,
    IsScript,
}

impl Owners {
    pub fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Relaxed) + 1
    }

    /// Takes the token, if it is free.
    pub fn take_token(&self, id: u64) -> bool {
        if self.is_held() || self.token.compare_exchange(0, id, SeqCst, SeqCst).is_err() {
            return false;
        }
        // Who began to hold meanwhile may have found it free.
        if self.is_held() {
            self.give_token(id);
            return false;
        }
        true
    }

    pub fn give_token(&self, id: u64) {
        let _ = self.token.compare_exchange(id, 0, SeqCst, SeqCst);
    }

    pub fn token_holder(&self) -> u64 {
        self.token.load(Acquire)
    }

    /// To be said before looking again at what is owned, and then waiting.
    pub fn wait(&self) {
        self.is_awaited.store(true, SeqCst);
    }

    /// An owner's marks are gone. Returns whether somebody waits who is to be woken.
    pub fn end(&self) -> bool {
        if self.holds.load(SeqCst) > 0 {
            let _slow = self.slow.lock();
            self.ended.notify_all();
        }
        self.is_awaited.load(SeqCst) && self.is_awaited.swap(false, SeqCst)
    }

    /// Whether no script may begin now.
    pub fn is_held(&self) -> bool {
        self.holds.load(SeqCst) > 0
    }

    /// Lets no script begin until [`Owners::release`].
    pub fn hold(&self) {
        self.holds.fetch_add(1, SeqCst);
    }

    /// Waits for an owner to end, or a moment.
    pub fn wait_for_end(&self) {
        let mut slow = self.slow.lock();
        self.ended.wait_for(&mut slow, Duration::from_millis(5));
    }

    pub fn release(&self) {
        self.holds.fetch_sub(1, SeqCst);
    }

    pub fn add_slow(&self, owner: Arc<Owner>) {
        self.slow.lock().push(owner);
    }

    /// Returns whether somebody is still busy.
    pub fn remove_slow(&self, id: u64) -> bool {
        let mut slow = self.slow.lock();
        slow.retain(|owner| owner.id != id);
        slow.iter().any(|owner| owner.is_busy.load(Relaxed))
    }

    pub fn slow(&self) -> Vec<Arc<Owner>> {
        self.slow.lock().clone()
    }

    /// The owner with this id, if it runs for too long.
    pub fn busy(&self, id: u64) -> Option<Arc<Owner>> {
        let slow = self.slow.lock();
        slow.iter().find(|owner| owner.id == id && owner.is_busy.load(Relaxed)).cloned()
    }

    /// Anybody who runs for too long.
    pub fn any_busy(&self) -> Option<Arc<Owner>> {
        let slow = self.slow.lock();
        slow.iter().find(|owner| owner.is_busy.load(Relaxed)).cloned()
    }

    /// Ends every script, or every function, that runs for longer than a moment and has not written.
    pub fn kill(&self, functions: bool) -> Killed {
        let slow = self.slow.lock();
        let mut result = Killed::None;
        for owner in slow.iter() {
            let outcome = if owner.wrote.load(SeqCst) {
                Killed::Unkillable
            } else if owner.is_function() && !functions {
                Killed::IsFunction
            } else if !owner.is_function() && functions {
                Killed::IsScript
            } else {
                owner.killed.store(true, SeqCst);
                Killed::Yes
            };
            if result != Killed::Yes {
                result = outcome;
            }
        }
        result
    }
}
