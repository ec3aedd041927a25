//! The clockwork: a thread that acts when time has passed.
//!
//! It deletes what expires at the moment it does, ends pauses, and looks after slow figures ten times a second. It
//! sleeps until the next key is due; a unit that stores an earlier one wakes it
//! ([`Alarm`](crate::state::alarm::Alarm)).

mod idle;

use crate::command::evicting::make_room;
use crate::command::expiring::expire_due;
use crate::keyspace::compaction::Compaction;
use crate::keyspace::{EffectBuffer, SHARD_COUNT};
use crate::state::{Server, gates};
use dunlin_structures::cycles;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The longest sleep, in ms: other duties come round at least this often.
const REST_MS: i64 = 100;
/// Freed pages go back to the system after so long: kept, they would count as used for ten seconds.
const FREE_PAGES_KEPT_MS: usize = 250;

/// Runs until the alarm says stop. Called on a thread of its own.
pub fn run(server: Arc<Server>) {
    let mut effects = EffectBuffer::default();
    let mut rounds_at = 0;
    let mut second = 0;
    let mut compaction = Compaction::default();
    if !dunlin_structures::alloc::purge_in_background(FREE_PAGES_KEPT_MS) {
        tracing::debug!("freed memory is given back by the threads that free it");
    }
    if !dunlin_structures::alloc::give_back_large_at_once() {
        tracing::debug!("large blocks are kept for a while after they are freed");
    }
    while !server.alarm.is_stopped() {
        let now = server.now();
        server.gates.tick(now);
        let active = server.hot.active_expire.load(Relaxed)
            && !server.hot.cron_paused.load(Relaxed)
            && server.gates.closed() & gates::KEEPS_EXPIRED == 0;
        if active {
            let began = cycles::now();
            for shard in 0..SHARD_COUNT {
                while server.keyspace.next_expiry(shard) < now
                    && expire_due(&server, &mut effects, shard, now)
                {}
            }
            let took = Duration::from_nanos(cycles::to_ns(cycles::now().wrapping_sub(began)));
            server.note_latency("expire-cycle", took);
        }
        // What a command left: it has its time, and others theirs.
        if server.eviction.take_over() {
            make_room(&server, &server.shared.other_memory);
        }
        if now >= rounds_at || now + REST_MS < rounds_at {
            rounds_at = now + REST_MS;
            crate::state::stats::publish_memory(&server.shared.other_memory);
            crate::observe::tick(&server, now);
            // Without any command, too: the limit may have been lowered.
            make_room(&server, &server.shared.other_memory);
            compaction.step(&server.keyspace);
            server.persist.tick(&server, crate::state::unix_ms());
        }
        if now / 1000 != second {
            second = now / 1000;
            idle::look_after(&server, now);
            server.peers.tick(now);
            server.replication.tick(&server, now);
            server.count_clients();
            crate::hub::tracking::keep_to_limit(&server);
        }

        let next = |server: &Server| {
            let soonest = (0..SHARD_COUNT).map(|shard| server.keyspace.next_expiry(shard)).min();
            // A key is gone once its time is past, which is a millisecond later.
            let key = if active { soonest.unwrap_or(i64::MAX).saturating_add(1) } else { i64::MAX };
            let eviction = if server.eviction.is_behind() { now } else { i64::MAX };
            key.min(server.gates.next_pause_end()).min(eviction)
        };
        let until = next(&server).min(now + REST_MS);
        server.alarm.sleeps_until(until);
        // A unit that stored an earlier key, or a shorter pause, before it could see that we sleep is seen here.
        if next(&server) >= until {
            server.alarm.sleep(until - server.now());
        }
    }
}
