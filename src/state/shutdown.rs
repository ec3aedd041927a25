//! How the server is asked to stop, by a signal or by SHUTDOWN.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// The request to stop. Whoever runs the server waits for it.
#[derive(Default)]
pub struct Shutdown {
    asked: AtomicBool,
    notify: Notify,
}

impl Shutdown {
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    pub async fn asked(&self) {
        while !self.is_asked() {
            self.notify.notified().await;
        }
    }
}
