//! What a client is sent that is no reply: from its outbox to its socket.
//!
//! It is taken between requests only, behind the replies of those before and before the replies of those that follow. While
//! replies wait to be sent it stays in the outbox, where it is counted, until they have left or more are made.

use super::{Connection, SharedConnection, wave};
use crate::command::context::ParkedOn;
use crate::net::worker::Worker;
use crate::resp::Output;
use crate::state::clients::Client;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Sends a worker's clients what others have queued for them, for ever.
pub async fn send_pushes(worker: Rc<Worker>) {
    let Some(lane) = worker.server.hub.lanes.get(worker.index) else { return };
    lane.run(|client| serve(&worker, client)).await;
}

fn serve(worker: &Worker, client: &Arc<Client>) {
    let listener = worker.listeners.borrow().get(&client.id).map(Rc::clone);
    match listener {
        Some(connection) => {
            connection.borrow_mut().push_out(worker, &connection);
            wave::let_many_go(worker);
        }
        // Its task makes it known here.
        None => client.wake(),
    }
}

impl Connection {
    /// Has what waits in the outbox sent next, unless replies do not leave.
    #[cold]
    pub(super) fn fetch_pushes(&mut self, worker: &Worker, me: &SharedConnection) {
        let id = self.session.client.id;
        worker.listeners.borrow_mut().entry(id).or_insert_with(|| Rc::clone(me));
        if self.output.is_empty() && !self.finishing && !self.is_answered() {
            self.session.take_pushes(&worker.server.backlog, &mut self.output);
            self.publish_output();
        }
    }

    /// Sends what waits in the outbox, as far as the socket takes it at once. The rest is left to the connection's task.
    fn push_out(&mut self, worker: &Worker, me: &SharedConnection) {
        // What it sent waits to be executed: what is in the outbox goes before the replies. Or replies wait already.
        if self.in_wave || self.finishing || !self.output.is_empty() || self.session.client.is_killed() {
            return;
        }
        if self.is_answered() {
            self.session.client.wake();
            return;
        }
        let mut pushes = Output::default();
        self.session.take_pushes(&worker.server.backlog, &mut pushes);
        self.sociable = true;
        std::mem::swap(&mut self.output, &mut pushes);
        if self.leaves_with_others(worker, me) {
            return;
        }
        std::mem::swap(&mut self.output, &mut pushes);
        if worker.server.commit.may_leave(self.session.told)
            && let Some(bytes) = pushes.plain_bytes()
        {
            let sent = self.stream.try_write(bytes);
            if sent > 0 {
                self.count_output(worker, sent);
                pushes.consume(sent);
            }
        }
        if !pushes.is_empty() {
            self.output = pushes;
            self.publish_output();
            self.session.client.wake();
        }
    }

    /// Whether the answer of a command that waited is to be sent first.
    fn is_answered(&self) -> bool {
        matches!(&self.parked, Some(ParkedOn::Keys(blocked)) if blocked.is_answered())
    }

    pub(super) fn publish_output(&self) {
        self.session.client.output_bytes.store(self.output.len() as u64, Relaxed);
    }
}
