//! Who of a worker's clients is to be sent something. Whoever queues messages calls the worker once, and the worker goes
//! from client to client: calling each from another thread would cost a system call a client.

use crate::state::clients::Client;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// How many are served at least before the worker looks for other work.
const TURN_MIN: usize = 32;
/// ... or this part of those who wait.
const TURN_PART: usize = 4;

/// One worker's part.
#[derive(Default)]
pub struct Lane {
    /// Each is here once at most, from its first message until it is served.
    due: Mutex<VecDeque<Arc<Client>>>,
    called: Notify,
}

impl Lane {
    /// These have something waiting now, and had nothing before.
    pub fn add(&self, clients: impl Iterator<Item = Arc<Client>>) {
        let mut due = self.due.lock();
        let was_empty = due.is_empty();
        due.extend(clients);
        let is_new = was_empty && !due.is_empty();
        drop(due);
        if is_new {
            self.called.notify_one();
        }
    }

    /// Takes those who are served next. Returns whether others still wait.
    fn take_turn(&self, turn: &mut Vec<Arc<Client>>) -> bool {
        let mut due = self.due.lock();
        let count = due.len().min(TURN_MIN.max(due.len() / TURN_PART));
        turn.extend(due.drain(..count));
        !due.is_empty()
    }

    /// Has `serve` called for each who is due, for ever. Between two turns the worker's other work has its own: what is
    /// published meanwhile leaves with what still waits, in one write a client.
    pub async fn run(&self, mut serve: impl FnMut(&Arc<Client>)) {
        let mut turn = Vec::new();
        loop {
            self.called.notified().await;
            loop {
                let goes_on = self.take_turn(&mut turn);
                turn.drain(..).for_each(|client| serve(&client));
                if !goes_on {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }
}
