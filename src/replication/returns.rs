//! Replicas that come back for a copy as soon as they have had one: those that can't use it (an older server that meets a value
//! it does not know). Each copy holds all shards, so they wait, twice as long each time.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;

/// Who asks again within this time has not used the last copy, in ms.
const AT_ONCE_MS: i64 = 100;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(5);
/// So many peers are remembered.
const PEERS_MAX: usize = 1000;

/// Where a replica says that it can be reached.
pub(super) type Peer = (String, u16);

/// When each peer was last sent a copy, in ms since 1970, and how often it came back at once before that.
#[derive(Default)]
pub(super) struct Returns {
    last: Mutex<HashMap<Peer, (i64, u32)>>,
}

impl Returns {
    /// How long a peer that asks now is to wait for its copy.
    pub(super) fn delay_of(&self, peer: &Peer, now: i64) -> Duration {
        let mut last = self.last.lock();
        let Some((at, times)) = last.get_mut(peer) else { return Duration::ZERO };
        if now - *at > AT_ONCE_MS {
            last.remove(peer);
            return Duration::ZERO;
        }
        let wait = FIRST_WAIT.saturating_mul(1 << (*times).min(10)).min(LAST_WAIT);
        *times += 1;
        wait
    }

    /// A peer was sent a copy, or could not be.
    pub(super) fn note(&self, peer: Peer, now: i64) {
        // Who names no port is a tool.
        if peer.1 == 0 {
            return;
        }
        let mut last = self.last.lock();
        if last.len() >= PEERS_MAX {
            last.retain(|_, (at, _)| now - *at <= AT_ONCE_MS);
        }
        last.entry(peer).or_default().0 = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_at_once_waits_longer_and_longer() {
        let returns = Returns::default();
        let peer = ("host".to_owned(), 6379);
        let mut now = 1_000_000;
        let mut waited = Vec::new();
        for _ in 0..8 {
            let wait = returns.delay_of(&peer, now).as_millis();
            waited.push(wait);
            now += wait as i64;
            returns.note(peer.clone(), now);
            now += 3;
        }
        assert_eq!(waited, [0, 100, 200, 400, 800, 1600, 3200, 5000]);
        assert!(returns.delay_of(&("host".to_owned(), 6380), now).is_zero());
        now += AT_ONCE_MS + 1;
        assert!(returns.delay_of(&peer, now).is_zero());
        returns.note(peer.clone(), now);
        assert_eq!(returns.delay_of(&peer, now), FIRST_WAIT);
        returns.note(("tool".to_owned(), 0), now);
        assert!(returns.delay_of(&("tool".to_owned(), 0), now).is_zero());
    }
}
