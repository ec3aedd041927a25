//! Making room at `maxmemory`: before a command, and by the clockwork.
//!
//! Each key that goes is a unit of its own, with its own effect and event, under its own shard's lock. A command waits for
//! as much as `maxmemory-eviction-tenacity` allows; the clockwork does the rest.

use crate::command::blocking;
use crate::command::dispatch::append_effects;
use crate::keyspace::door::Access;
use crate::keyspace::eviction::{Candidate, Evictor, Found, Goal};
use crate::keyspace::policy::Policy;
use crate::keyspace::{EffectBuffer, EffectLog, Keys};
use crate::observe::memory;
use crate::resp::Args;
use crate::state::stats::publish_memory;
use crate::state::{Server, gates};
use dunlin_structures::cycles;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

/// While one of these is closed nothing is evicted: what is deleted would not be logged, or must stay as it is.
const KEEPS_ALL: u32 = gates::KEEPS_EXPIRED | gates::LOG_FAILED | gates::LOG_FULL | gates::SHUTTING_DOWN;
/// It is looked at the time after so many keys.
const KEYS_PER_LOOK: u64 = 16;
/// Keys that were found and then were not there, one after the other: others evict faster.
const MISSES_MAX: u32 = 64;

/// Whether there is room at `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Enough,
    /// Not yet, but the clockwork goes on.
    Coming,
    /// Not yet, and nothing can be evicted while things are as they are: a pause, a load, a script that owns the keys.
    Held,
    /// There is nothing to evict.
    None,
}

/// Makes room if `maxmemory` is exceeded: evicts until it is not, or for as long as one command may take.
/// `held` is where this thread publishes what it holds. No shard may be locked by this thread.
pub fn make_room(server: &Server, held: &AtomicI64) -> Room {
    publish_memory(held);
    match memory::excess(server) {
        0 => {
            server.eviction.note(false, || server.now());
            server.eviction.set_stuck(false);
            Room::Enough
        }
        excess => evict(server, held, excess),
    }
}

/// Whether commands that may need memory are refused now, as far as the last one found that made room: a script is judged by
/// what its own request met at the gates. Evicts nothing.
pub fn is_out_of_memory(server: &Server) -> bool {
    server.eviction.is_stuck() && memory::is_over_limit(server)
}

#[cold]
fn evict(server: &Server, held: &AtomicI64, excess: u64) -> Room {
    let now = server.now();
    let Some(policy) = server.hot.policy() else {
        if server.gates.closed() & gates::KEEPS_EXPIRED != 0 {
            // As in Redis nobody is refused for memory during a pause, whatever the policy.
            return Room::Held;
        }
        server.eviction.note(true, || now);
        server.eviction.set_stuck(true);
        return Room::None;
    };
    let told = server.eviction.told(excess, now);
    let to_free = excess - told;
    let Some(claim) = server.eviction.claim(to_free) else {
        // Others are at it; but perhaps there is nothing that they could evict.
        return if server.eviction.is_stuck() { Room::None } else { Room::Enough };
    };
    let began = cycles::now();
    let of_others = to_free - claim.bytes;
    let room = evict_by(server, held, claim.bytes, of_others, policy);
    let took = Duration::from_nanos(cycles::to_ns(cycles::now().wrapping_sub(began)));
    server.note_latency("eviction-cycle", took);
    server.eviction.note(room != Room::Enough, || server.now());
    server.eviction.set_stuck(room == Room::None);
    if room == Room::Coming && server.eviction.leave() {
        server.alarm.due_at(now);
    }
    room
}

/// Frees so many bytes; `of_others` are what others had taken on when it began.
fn evict_by(server: &Server, held: &AtomicI64, excess: u64, of_others: u64, policy: Policy) -> Room {
    if server.gates.closed() & KEEPS_ALL != 0 {
        return Room::Held;
    }
    let began = cycles::now();
    let Some(mut evictor) = server.eviction.evictor() else { return Room::Coming };
    let limit_ns = server.hot.eviction_ns.load(Relaxed);
    let samples = server.hot.maxmemory_samples.load(Relaxed) as usize;
    let goal_at = |now| Goal { policy, clock: server.access_clock(now), now, samples };
    let mut goal = goal_at(server.now());
    let mut effects = EffectBuffer::default();
    let mut freed = 0;
    for evicted in 1u64.. {
        match evict_one(server, &mut evictor, &mut effects, &goal) {
            Ok(bytes) => freed += bytes,
            Err(room) => return room,
        }
        server.eviction.evicted_keys.fetch_add(1, Relaxed);
        // There is something to evict: nobody is refused meanwhile.
        server.eviction.set_stuck(false);
        publish_memory(held);
        // Not more than was too much at first: see `Eviction::told`.
        let remains = memory::excess(server);
        if freed >= excess || remains == 0 {
            // What others had taken on is theirs, whether or not they are at it still.
            server.eviction.note_told(remains.saturating_sub(of_others), goal.now);
            break;
        }
        if evicted % KEYS_PER_LOOK == 0 {
            if cycles::to_ns(cycles::now().wrapping_sub(began)) > limit_ns {
                return Room::Coming;
            }
            // Others go on using keys: what is used after this reading would seem to be of the distant past.
            goal = goal_at(server.now());
        }
    }
    Room::Enough
}

/// Evicts the key that should go next. Returns about how many bytes that frees.
fn evict_one(
    server: &Server,
    evictor: &mut Evictor,
    effects: &mut EffectBuffer,
    goal: &Goal,
) -> Result<u64, Room> {
    for _ in 0..MISSES_MAX {
        match evictor.next(&server.keyspace, goal) {
            Found::Candidate(candidate) => {
                if let Some(bytes) = delete(server, effects, &candidate, goal)? {
                    return Ok(bytes);
                }
            }
            Found::Nothing => return Err(Room::None),
            Found::NotNow => return Err(Room::Held),
        }
    }
    Err(Room::Coming)
}

/// Deletes a key, as a unit of its own, if it is still what it was when it was found.
fn delete(
    server: &Server,
    effects: &mut EffectBuffer,
    candidate: &Candidate,
    goal: &Goal,
) -> Result<Option<u64>, Room> {
    let began = cycles::now();
    effects.clear();
    effects.wanted = server.commit.wanted();
    let locked = server.keyspace.lock_one(candidate.position.shard());
    // Looked at under the lock: who closes such a gate and then takes the lock finds nobody at it.
    if server.gates.closed() & KEEPS_ALL != 0 || locked.owner().is_some() {
        return Err(Room::Held);
    }
    let access = Access { clock: goal.clock, no_touch: true, keeps_expired: false };
    let request = Args::new(&[], &[]);
    let wanted = server.hub.wanted();
    let mut keys =
        Keys::new(&server.keyspace, locked, &[], candidate.db, goal.now, access, request, effects, wanted);
    let freed = keys.evict(candidate, goal.policy);
    append_effects(server, keys.finish());
    if keys.has_ready() {
        // Some wait for a key to go, too.
        let (locked, ready) = keys.into_ready();
        blocking::serve(server, &server.workers[0], goal.now, access, locked, ready);
    }
    let took = Duration::from_nanos(cycles::to_ns(cycles::now().wrapping_sub(began)));
    server.note_latency("eviction-del", took);
    Ok(freed)
}

#[cfg(test)]
mod tests;
