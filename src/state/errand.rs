//! Work that a request asks for and that takes longer than others may be held up: a thread of its own does it.
//!
//! The request is parked meanwhile. When the work is done it runs again and finds the outcome in its session.

use crate::resp::CommandError;
use parking_lot::Mutex;
use std::any::Any;
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
    /// What it found, for those that asked for more than the outcome.
    found: Option<Box<dyn Any + Send>>,
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
        std::thread::Builder::new().name(name.into()).spawn(move || done.finish(work(), None))?;
        Ok(errand)
    }

    /// As [`Errand::start`], for work that finds something: see [`Errand::take_found`].
    ///
    /// # Errors
    /// The same.
    pub fn start_for<T: Send + 'static>(
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> std::io::Result<Arc<Self>> {
        let errand = Arc::new(Self::default());
        let done = Arc::clone(&errand);
        let work = move || done.finish(Ok(()), Some(Box::new(work())));
        std::thread::Builder::new().name(name.into()).spawn(work)?;
        Ok(errand)
    }

    fn finish(&self, outcome: Outcome, found: Option<Box<dyn Any + Send>>) {
        let mut state = self.state.lock();
        state.outcome = Some(outcome);
        state.found = found;
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

    /// What it found, once.
    pub fn take_found<T: 'static>(&self) -> Option<T> {
        let found = self.state.lock().found.take()?;
        found.downcast().ok().map(|found| *found)
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
