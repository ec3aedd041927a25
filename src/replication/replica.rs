//! One who follows.

use crate::state::clients::{Address, Client};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// What a replica has said of itself before it asks to follow (REPLCONF).
#[derive(Clone, Debug, Default)]
pub struct Introduction {
    pub port: u16,
    /// Where it can be reached, if not where it comes from.
    pub address: Option<String>,
    /// It understands that a stream goes on under another name.
    pub psync2: bool,
    /// It wants a copy and nothing behind it.
    pub only_copy: bool,
    pub without_data: bool,
    pub without_functions: bool,
}

/// A replica.
pub struct Replica {
    pub client: Arc<Client>,
    pub introduction: Introduction,
    /// It says how far it has got. (Who said SYNC doesn't.)
    pub answers: bool,
    acked: AtomicU64,
    acked_on_disk: AtomicU64,
    /// When it was heard of last, in ms since 1970.
    heard_at: AtomicI64,
}

impl Replica {
    pub fn new(client: Arc<Client>, introduction: Introduction, answers: bool, now: i64) -> Self {
        Self {
            client,
            introduction,
            answers,
            acked: AtomicU64::new(0),
            acked_on_disk: AtomicU64::new(0),
            heard_at: AtomicI64::new(now),
        }
    }

    /// Its host, as it or its connection says.
    pub fn host(&self) -> String {
        match (&self.introduction.address, &self.client.address) {
            (Some(address), _) => address.clone(),
            (None, Address::Tcp(address)) => address.ip().to_canonical().to_string(),
            (None, _) => String::new(),
        }
    }

    pub(super) fn acknowledge(&self, offset: u64, on_disk: Option<u64>, now: i64) {
        self.acked.fetch_max(offset, Relaxed);
        self.acked_on_disk.fetch_max(on_disk.unwrap_or(0), Relaxed);
        self.hear(now);
    }

    pub(super) fn hear(&self, now: i64) {
        self.heard_at.store(now, Relaxed);
    }

    /// How far it is.
    pub fn acked(&self) -> u64 {
        self.acked.load(Relaxed)
    }

    pub(super) fn has(&self, offset: u64, on_disk: bool) -> bool {
        let acked = if on_disk { &self.acked_on_disk } else { &self.acked };
        self.answers && acked.load(Relaxed) >= offset
    }

    pub fn lag_seconds(&self, now: i64) -> u64 {
        u64::try_from(now - self.heard_at.load(Relaxed)).unwrap_or(0) / 1000
    }
}
