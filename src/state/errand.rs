//! Work that a request asks for and that takes longer than others may be held up: a thread of its own does it.
//!
//! The request is parked meanwhile. When the work is done it runs again and finds the outcome in its session.

use crate::resp::CommandError;
use parking_lot::Mutex;
use std::sync::Arc;
use std::task::Waker;

/// What came of an errand.
pub type Outcome = Result<(), CommandError>;

/// See the module's text.
#[derive(Default)]
pub struct Errand {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    waiting: Option<Waker>,
}

impl Errand {
    /// Has a thread of that name do the work.
    ///
    /// # Errors
    /// The system's, when there can be no further thread; then nothing has been done.
    pub fn start(name: &str, work: impl FnOnce() -> Outcome + Send + 'static) -> std::io::Result<Arc<Self>> {
        let errand = Arc::new(Self::default());
        let done = Arc::clone(&errand);
        std::thread::Builder::new().name(name.into()).spawn(move || done.finish(work()))?;
        Ok(errand)
    }

    fn finish(&self, outcome: Outcome) {
        let mut state = self.state.lock();
        state.outcome = Some(outcome);
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// The outcome, once.
    pub fn take_outcome(&self) -> Option<Outcome> {
        self.state.lock().outcome.take()
    }

    /// Whether it is done; if not, the waker is called when it is.
    pub fn poll(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        if state.outcome.is_none() {
            state.waiting = Some(waker.clone());
        }
        state.outcome.is_some()
    }
}
