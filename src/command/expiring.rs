//! Deleting what has expired, a shard at a time: the unit that the clockwork and SCAN run.

use crate::command::dispatch::append_effects;
use crate::keyspace::door::Access;
use crate::keyspace::{EffectBuffer, EffectLog, Keys};
use crate::resp::Args;
use crate::state::Server;

/// Keys deleted under one lock: short enough that nobody notices.
pub const KEYS_PER_VISIT: usize = 64;

/// Deletes some of what is due in a shard, as a unit of its own. Returns whether there may be more.
pub fn expire_due(server: &Server, effects: &mut EffectBuffer, shard: usize, now: i64) -> bool {
    effects.clear();
    effects.wanted = server.commit.wanted();
    let locked = server.keyspace.lock_one(shard);
    let access = Access { clock: Server::access_clock(now), no_touch: true };
    let request = Args::new(&[], &[]);
    let mut keys =
        Keys::new(&server.keyspace, locked, &[], 0, now, access, request, effects, &*server.listener);
    let count = keys.expire_due(shard, KEYS_PER_VISIT);
    let finished = keys.finish();
    for (index, shard) in finished.locked.iter_mut() {
        server.keyspace.set_next_expiry(index, shard.next_expiry());
    }
    append_effects(server, finished);
    count == KEYS_PER_VISIT
}
