//! Frees large values where nobody waits for it.
//!
//! A value of a million elements is a million blocks: freeing them takes many milliseconds. What leaves the keyspace is
//! handed over with [`Reclaimer::discard`]; what is large goes to a thread of its own, which starts with the first.

use dunlin_structures::Entry;
use dunlin_structures::alloc::thread_held_bytes;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};

/// An entry of more blocks than this is freed elsewhere: some microseconds' work, as Redis' threshold.
const BLOCKS_HERE_MAX: usize = 64;
/// Blocks looked at to say about how large an entry is.
pub const BYTES_SAMPLES: usize = 5;

/// Where entries go that are no longer stored.
#[derive(Default)]
pub struct Reclaimer {
    queue: OnceLock<Option<Sender<Waiting>>>,
    figures: Arc<Figures>,
}

#[derive(Default)]
struct Figures {
    pending: AtomicU64,
    freed: AtomicU64,
    pending_bytes: AtomicI64,
    memory: AtomicI64,
}

/// An entry, and about how many bytes it takes.
struct Waiting(Entry, i64);

impl Reclaimer {
    /// Frees an entry, elsewhere if it is large. O(1).
    #[inline]
    pub fn discard(&self, entry: Entry) {
        if entry.blocks() > BLOCKS_HERE_MAX {
            self.hand_over(entry);
        }
    }

    #[cold]
    fn hand_over(&self, entry: Entry) {
        let bytes = entry.sampled_bytes(BYTES_SAMPLES) as i64;
        self.figures.pending.fetch_add(1, Relaxed);
        self.figures.pending_bytes.fetch_add(bytes, Relaxed);
        let queue = self.queue.get_or_init(|| start(Arc::clone(&self.figures)));
        // Without a thread the entry is freed here, by being dropped with the refusal.
        if queue.as_ref().is_none_or(|queue| queue.send(Waiting(entry, bytes)).is_err()) {
            self.figures.done(bytes);
        }
    }

    /// Bytes that wait to be freed, about.
    pub fn pending_bytes(&self) -> i64 {
        self.figures.pending_bytes.load(Relaxed)
    }

    /// Bytes that the thread of its own has allocated less those it freed: a negative number.
    pub fn memory(&self) -> i64 {
        self.figures.memory.load(Relaxed)
    }

    /// Values that wait to be freed.
    pub fn pending(&self) -> u64 {
        self.figures.pending.load(Relaxed)
    }

    /// Values that were freed in the background.
    pub fn freed(&self) -> u64 {
        self.figures.freed.load(Relaxed)
    }

    /// CONFIG RESETSTAT.
    pub fn reset_freed(&self) {
        self.figures.freed.store(0, Relaxed);
    }
}

impl Figures {
    fn done(&self, bytes: i64) {
        self.pending_bytes.fetch_sub(bytes, Relaxed);
        self.freed.fetch_add(1, Relaxed);
        self.pending.fetch_sub(1, Relaxed);
    }
}

/// The thread ends when the keyspace, which holds the sender, is gone.
fn start(figures: Arc<Figures>) -> Option<Sender<Waiting>> {
    let (sender, receiver) = channel::<Waiting>();
    let free = move || {
        for Waiting(entry, bytes) in receiver {
            drop(entry);
            figures.memory.store(thread_held_bytes(), Relaxed);
            figures.done(bytes);
        }
    };
    let thread = std::thread::Builder::new().name("reclaim".into()).spawn(free);
    thread.is_ok().then_some(sender)
}

#[cfg(test)]
mod tests {
    use super::Reclaimer;
    use dunlin_structures::Entry;
    use dunlin_structures::entry::{Kind, Payload};
    use std::sync::mpsc::{Sender, channel};
    use std::thread::{ThreadId, current};
    use std::time::Duration;

    /// Tells which thread it is freed on.
    #[derive(Debug)]
    struct Probe(usize, Sender<ThreadId>);

    impl Payload for Probe {
        fn encoding_name(&self) -> &'static str {
            "probe"
        }

        fn len(&self) -> usize {
            1
        }

        fn memory_bytes(&self) -> usize {
            0
        }

        fn blocks(&self) -> usize {
            self.0
        }

        fn duplicate(&self) -> Box<dyn Payload> {
            Box::new(Self(self.0, self.1.clone()))
        }
    }

    impl Drop for Probe {
        fn drop(&mut self) {
            let _ = self.1.send(current().id());
        }
    }

    #[test]
    fn only_what_is_large_is_freed_elsewhere() {
        let reclaimer = Reclaimer::default();
        let (sender, receiver) = channel();
        let freed_on = |blocks: usize| {
            reclaimer.discard(Entry::boxed(b"k", Kind::List, Box::new(Probe(blocks, sender.clone())), None));
            receiver.recv_timeout(Duration::from_secs(60)).expect("it is freed")
        };
        assert_eq!(freed_on(10), current().id());
        let other = freed_on(1_000_000);
        assert_ne!(other, current().id());
        assert_eq!(freed_on(1_000_000), other);
    }
}
