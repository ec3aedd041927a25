//! Lets a thread wait until every worker has been between two units.
//!
//! A gate stops a unit before it begins. Who has closed one and then waits here knows that no unit which met it open is
//! still running: a worker takes part in a round only when none of its units runs. That costs units nothing.

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

/// See the module's text.
pub struct Rounds {
    /// Calls a worker.
    calls: Box<[Notify]>,
    state: Mutex<State>,
    answered: Condvar,
}

struct State {
    last: u64,
    /// The last round that each worker took part in; `None`: it does not run.
    seen: Vec<Option<u64>>,
}

impl Rounds {
    pub fn new(workers: usize) -> Self {
        Self {
            calls: std::iter::repeat_with(Notify::new).take(workers).collect(),
            state: Mutex::new(State { last: 0, seen: vec![None; workers] }),
            answered: Condvar::new(),
        }
    }

    /// Answers for a worker, as a task among its others, for ever.
    pub async fn take_part(&self, worker: usize) {
        loop {
            {
                let mut state = self.state.lock();
                state.seen[worker] = Some(state.last);
            }
            self.answered.notify_all();
            self.calls[worker].notified().await;
        }
    }

    /// Returns when every worker has been between two units since the call. Not for workers: they would wait for
    /// themselves.
    pub fn wait(&self) {
        let mut state = self.state.lock();
        state.last += 1;
        let round = state.last;
        self.calls.iter().for_each(Notify::notify_one);
        while state.seen.iter().flatten().any(|seen| *seen < round) {
            self.answered.wait(&mut state);
        }
    }
}
