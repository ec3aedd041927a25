//! The sharded maps of everything that is stored.
//!
//! * [`router`] finds a key's slot and shard, and locks shards in order.
//! * [`shard`] is what one lock covers: a part of every logical database.
//! * [`door`] is the only way in: the read door and the write door that command handlers use.
//! * [`effect`] is what a write did, for the log and, later, replicas.
//! * [`wait`] is who waits for which key.
//! * [`watch`] is who watches which key.
//! * [`walk`] goes through a database piece by piece.
//! * [`compaction`] gives memory back that tables leave behind as they grow.
//! * [`expiry`] is the index of what expires when.
//! * [`recreate`] says which commands make a value anew.
//! * [`reclaim`] frees large values where nobody waits.
//!
//! Knows nothing of sockets, sessions or commands. Nothing here awaits.

pub mod compaction;
pub mod door;
pub mod effect;
pub mod event;
pub mod eviction;
pub mod expiry;
pub mod policy;
pub mod reclaim;
pub mod recreate;
pub mod router;
pub mod shard;
pub mod wait;
pub mod walk;
pub mod watch;

pub use door::{KeySlot, Keys};
pub use effect::{Change, EffectBuffer, EffectLog, Lsn};
pub use policy::AccessClock;
pub use router::{Keyspace, Locked, Position, SHARD_COUNT};
pub use shard::{Shard, ShardDb};
