//! Bells: how a worker hears which sockets have something to read.
//!
//! A client that sends one request at a time would have its task woken, queued and polled for each, only to find that its
//! socket belongs to those that the wave reads. So a socket that the wave has read calls a bell the next time, in the place of the
//! task: bells that ring are noted down, and the wave's runner collects them. Whatever else there is to do for a client
//! is its task's business.

use super::{SharedConnection, Wave};
use crate::net::connection::Connection;
use crate::net::worker::Worker;
use crate::state::backlog::FREE_BYTES;
use dunlin_uring::SOCKETS_MAX;
use parking_lot::Mutex;
use slab::Slab;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};

/// The bells of a worker's connections.
#[derive(Default)]
pub struct Bells {
    heard: Arc<Heard>,
    seats: RefCell<Slab<SharedConnection>>,
    /// What is left of the list that was worked off last, for its room.
    emptied: RefCell<Vec<usize>>,
}

/// Which bells rang, by seat, and who is called when the first one did.
#[derive(Default)]
struct Heard {
    rung: Mutex<Vec<usize>>,
    runner: OnceLock<Waker>,
}

/// What the event loop calls when the socket of the connection on this seat has something to read.
struct Bell {
    heard: Arc<Heard>,
    seat: usize,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut rung = self.heard.rung.lock();
        rung.push(self.seat);
        let is_first = rung.len() == 1;
        drop(rung);
        if is_first && let Some(runner) = self.heard.runner.get() {
            runner.wake_by_ref();
        }
    }
}

impl Bells {
    /// Gives a connection its seat, and the bell of that seat to the one that makes it.
    pub fn seat(&self, make: impl FnOnce(usize, Waker) -> Connection) -> SharedConnection {
        let mut seats = self.seats.borrow_mut();
        let entry = seats.vacant_entry();
        let seat = entry.key();
        let bell = Bell { heard: Arc::clone(&self.heard), seat };
        let connection = Rc::new(RefCell::new(make(seat, Arc::new(bell).into())));
        Rc::clone(entry.insert(connection))
    }

    /// The connection is over. A bell that rings for its seat later on has the next one there looked at for nothing.
    pub(in crate::net::connection) fn leave(&self, seat: usize) {
        self.seats.borrow_mut().remove(seat);
    }

    pub(super) fn set_runner(&self, runner: &Waker) {
        let _ = self.heard.runner.set(runner.clone());
    }

    /// Has the sockets whose bells rang read with the next wave; where something else is to be done, wakes the task that does it.
    /// No connection is borrowed meanwhile.
    pub(super) fn collect(&self, worker: &Worker) {
        let mut rung = std::mem::take(&mut *self.emptied.borrow_mut());
        std::mem::swap(&mut rung, &mut *self.heard.rung.lock());
        for seat in rung.drain(..) {
            let Some(connection) = self.seats.borrow().get(seat).map(Rc::clone) else { continue };
            let is_full = worker.scratch.borrow_mut().wave.gather(worker, connection);
            if is_full {
                super::run(worker);
            }
        }
        *self.emptied.borrow_mut() = rung;
    }
}

impl Wave {
    /// Has a socket read with the wave, or wakes its connection's task. Returns whether as many are to be read as one call can.
    fn gather(&mut self, worker: &Worker, connection: SharedConnection) -> bool {
        let mut it = connection.borrow_mut();
        if it.in_wave {
            // Its task has seen to it.
            return false;
        }
        if !self.has_ring(worker) || !it.waits_for_requests_only() {
            it.session.client.wake();
            return false;
        }
        it.in_wave = true;
        drop(it);
        self.unread.push(connection);
        self.unread.len() >= SOCKETS_MAX
    }
}

impl Connection {
    /// Whether its task would do nothing but have its socket read with the wave.
    fn waits_for_requests_only(&self) -> bool {
        let is_undisturbed = !self.session.client.is_signalled() && !self.broken;
        let is_at_rest =
            self.parked.is_none() && !self.finishing && !self.input_ended && self.counted <= FREE_BYTES;
        is_undisturbed && is_at_rest && !self.reads_long && !self.has_input() && self.may_join()
    }
}
