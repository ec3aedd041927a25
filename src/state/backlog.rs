//! What waits for clients: replies that they do not read, and requests that may not run meanwhile.
//!
//! Many clients write a whole pipeline before they read, so that the server must take what they send; and it must not
//! take all that many such clients could send. They share a budget, and each may hold a multiple of what is left of it
//! (the dynamic thresholds by which a switch shares its memory among its queues): one alone gets most of it, many get
//! equal parts, and there is always something left for the next one. Who has had its part is not read from any more
//! until less waits; nobody is cut off for it.

use std::cmp::Ordering;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// The budget, unless the machine is a small one.
const BUDGET_MAX: u64 = 512 << 20;
/// ... which gives so much of its memory.
const PART_OF_MEMORY: u64 = 8;
/// One client alone gets four fifths of the budget, a hundred get 1/100.25 each.
const MULTIPLE: u64 = 4;
/// Each client may hold so much without being counted, whatever the others hold.
pub const FREE_BYTES: usize = 64 * 1024;

/// After so long without a request a client's empty buffer goes, as in Redis.
pub const IDLE_BUFFER_MS: i64 = 2000;

/// The budget and what is taken of it.
pub struct Backlog {
    budget: u64,
    held: AtomicU64,
    /// So much of that are empty buffers.
    kept: AtomicU64,
    /// Whether somebody stopped reading since it was last asked.
    held_back: AtomicBool,
}

impl Backlog {
    /// For a machine with so many bytes of memory.
    pub fn new(total_memory: u64) -> Self {
        let budget = BUDGET_MAX.min(total_memory / PART_OF_MEMORY);
        Self { budget, held: AtomicU64::new(0), kept: AtomicU64::new(0), held_back: AtomicBool::new(false) }
    }

    /// How many bytes one client may hold at present.
    pub fn share(&self) -> usize {
        let left = self.budget.saturating_sub(self.held.load(Relaxed));
        usize::try_from(left * MULTIPLE).unwrap_or(usize::MAX).max(FREE_BYTES)
    }

    /// What a client holds has changed. Returns what counts of it, to be given as `counted` the next time.
    pub fn change(&self, counted: usize, held: usize) -> usize {
        let counts = if held > FREE_BYTES { held } else { 0 };
        if counts > counted {
            self.held.fetch_add((counts - counted) as u64, Relaxed);
        } else if counts < counted {
            self.held.fetch_sub((counted - counts) as u64, Relaxed);
        }
        counts
    }

    /// Something that many clients share, and that is in none of their parts, begins to wait for them.
    pub fn hold(&self, bytes: usize) {
        self.held.fetch_add(bytes as u64, Relaxed);
    }

    /// ... and no longer does.
    pub fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes as u64, Relaxed);
    }

    /// A client that kept `before` bytes of empty buffers for what it may send next keeps so many now.
    pub fn keep(&self, before: usize, now: usize) {
        for total in [&self.held, &self.kept] {
            match now.cmp(&before) {
                Ordering::Greater => total.fetch_add((now - before) as u64, Relaxed),
                Ordering::Less => total.fetch_sub((before - now) as u64, Relaxed),
                Ordering::Equal => return,
            };
        }
    }

    /// Whether anybody keeps an empty buffer.
    pub fn is_anything_kept(&self) -> bool {
        self.kept.load(Relaxed) > 0
    }

    /// A client is not read from until less waits for it, or for others.
    pub fn hold_back(&self) {
        self.held_back.store(true, Relaxed);
    }

    /// Whether anybody was held back since this was asked last. They look again when they are woken.
    pub fn take_held_back(&self) -> bool {
        self.held_back.load(Relaxed) && self.held_back.swap(false, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// All take what they may, in turns of a read, until nobody may.
    fn fill(backlog: &Backlog, clients: usize) -> Vec<usize> {
        let mut held = vec![0; clients];
        loop {
            let mut grew = false;
            for client in &mut held {
                if *client < backlog.share() {
                    *client = backlog.change(*client, *client + 2 * FREE_BYTES);
                    grew = true;
                }
            }
            if !grew {
                return held;
            }
        }
    }

    #[test]
    fn the_budget_is_shared_evenly_and_never_spent() {
        for clients in [1, 2, 10, 100, 1000] {
            let backlog = Backlog::new(64 << 30);
            let held = fill(&backlog, clients);
            let (least, most) = (held.iter().min().copied(), held.iter().max().copied());
            assert!(
                most.unwrap_or(0) - least.unwrap_or(0) <= 2 * FREE_BYTES,
                "{clients}: {least:?} {most:?}"
            );
            let total = held.iter().sum::<usize>() as u64;
            assert!(
                total > 400 * MIB && total <= 512 * MIB + (clients * 2 * FREE_BYTES) as u64,
                "{clients}: {total}"
            );
            let counted = held.iter().fold(0, |sum, counted| sum + backlog.change(*counted, 0));
            assert_eq!((counted, backlog.held.load(Relaxed)), (0, 0));
        }
    }

    #[test]
    fn a_small_machine_gives_less() {
        assert_eq!(Backlog::new(512 * MIB).share() as u64, 64 * MIB * MULTIPLE);
        assert_eq!(Backlog::new(0).share(), FREE_BYTES);
    }

    #[test]
    fn kept_buffers_are_part_of_what_is_held() {
        let backlog = Backlog::new(64 << 30);
        let share = backlog.share();
        backlog.keep(0, 100);
        backlog.keep(100, 70);
        assert!(backlog.is_anything_kept());
        assert_eq!(backlog.share(), share - 70 * MULTIPLE as usize);
        backlog.keep(70, 0);
        assert!(!backlog.is_anything_kept());
        assert_eq!(backlog.share(), share);
    }

    #[test]
    fn little_is_not_counted() {
        let backlog = Backlog::new(64 << 30);
        let share = backlog.share();
        assert_eq!(backlog.change(0, FREE_BYTES), 0);
        assert_eq!(backlog.share(), share);
        let counted = backlog.change(0, FREE_BYTES + 1);
        assert!(backlog.share() < share);
        assert_eq!(backlog.change(counted, 10), 0);
        assert_eq!(backlog.share(), share);
    }
}
