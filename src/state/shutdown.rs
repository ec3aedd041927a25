//! How the server is asked to stop, by a signal or by SHUTDOWN, and how that is called off.

use super::clients::Client;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::Notify;

/// The request to stop. Whoever runs the server waits for it.
#[derive(Default)]
pub struct Shutdown {
    state: Mutex<State>,
    notify: Notify,
}

#[derive(Default)]
struct State {
    asked: bool,
    /// Whatever replicas lack.
    now: bool,
    /// Replicas are waited for.
    waits: bool,
    /// The clients who asked.
    askers: Vec<Arc<Client>>,
}

impl Shutdown {
    /// A client asks the server to stop: once its replicas have everything, or `now`.
    pub fn ask(&self, client: Arc<Client>, now: bool) {
        let mut state = self.state.lock();
        state.asked = true;
        state.now |= now;
        state.askers.push(client);
        drop(state);
        self.notify.notify_one();
    }

    pub fn is_asked(&self) -> bool {
        self.state.lock().asked
    }

    /// Returns once somebody has asked: whether it is to be now.
    pub async fn asked(&self) -> bool {
        loop {
            let (asked, now) = {
                let state = self.state.lock();
                (state.asked, state.now)
            };
            if asked {
                return now;
            }
            self.notify.notified().await;
        }
    }

    /// Replicas are waited for, from now on until [`Shutdown::end_wait`].
    pub fn begin_wait(&self) {
        self.state.lock().waits = true;
    }

    /// Whether replicas are still waited for: nobody has called it off, nor has it to be now.
    pub fn goes_on_waiting(&self) -> bool {
        let state = self.state.lock();
        state.waits && !state.now
    }

    /// Replicas are waited for no longer. Returns whether the server is to stop: not if that was called off.
    pub fn end_wait(&self) -> bool {
        std::mem::take(&mut self.state.lock().waits)
    }

    /// Calls a shutdown off that waits for replicas. Returns those who had asked for it; nothing if there is none.
    pub fn abort(&self) -> Option<Vec<Arc<Client>>> {
        let mut state = self.state.lock();
        if !state.waits {
            return None;
        }
        Some(std::mem::take(&mut *state).askers)
    }
}
