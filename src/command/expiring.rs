//! Deleting what has expired, a shard at a time: the unit that the clockwork and SCAN run.

use crate::command::blocking;
use crate::command::dispatch::append_effects;
use crate::keyspace::door::Access;
use crate::keyspace::{EffectBuffer, EffectLog, Keys};
use crate::resp::Args;
use crate::state::{Server, gates};

/// Keys deleted under one lock: short enough that nobody notices.
pub const KEYS_PER_VISIT: usize = 64;
/// A shard that a script owns is looked at again after so long.
const OWNED_MS: i64 = 10;

/// Deletes some of what is due in a shard, as a unit of its own. Returns whether there may be more.
pub fn expire_due(server: &Server, effects: &mut EffectBuffer, shard: usize, now: i64) -> bool {
    effects.clear();
    effects.wanted = server.commit.wanted();
    let locked = server.keyspace.lock_one(shard);
    // Looked at under the lock: who closes such a gate and then takes the lock finds nobody at it.
    if server.gates.closed() & gates::KEEPS_EXPIRED != 0 {
        return false;
    }
    if locked.owner().is_some() {
        // What expires in the middle of a script does so behind it.
        server.keyspace.set_next_expiry(shard, now + OWNED_MS);
        server.alarm.due_at(now + OWNED_MS);
        return false;
    }
    let access = Access { clock: server.access_clock(now), no_touch: true, keeps_expired: false };
    let request = Args::new(&[], &[]);
    let mut keys =
        Keys::new(&server.keyspace, locked, &[], 0, now, access, request, effects, server.hub.wanted());
    let count = keys.expire_due(shard, KEYS_PER_VISIT);
    let finished = keys.finish();
    finished.locked.for_each(|index, shard| server.keyspace.set_next_expiry(index, shard.next_expiry()));
    append_effects(server, finished);
    if keys.has_ready() {
        // Some wait for a key to go, too.
        let (locked, ready) = keys.into_ready();
        blocking::serve(server, &server.workers[0], now, access, locked, ready);
    }
    count >= KEYS_PER_VISIT
}
