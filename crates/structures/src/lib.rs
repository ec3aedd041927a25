//! Data structures of Dunlin.
//!
//! Everything that the keyspace is built of: the table, its entries, the allocator beneath them. Nothing here knows of
//! sockets, tasks, configuration or commands: bytes and numbers come in as arguments. Beside `uring` it is the only crate in
//! which `unsafe` may appear, and each module that needs it opts in.
//!
//! Suggested reading order: [`entry`] (what is stored), [`table`] (where it is found), [`hash`], [`alloc`], [`packed`]
//! (small collections), [`list`], [`fields`] (hashes), [`set`], [`zset`] (sorted sets), [`stream`], [`geo`]; what strings can be besides,
//! [`bits`] and [`hll`]; the filters [`bloom`] and [`cuckoo`] and the sketches [`cms`], [`topk`] and [`tdigest`]; then the small ones:
//! [`slot`], [`number`], [`glob`], [`lcs`], [`cycles`].

pub mod alloc;
pub mod bits;
pub mod bloom;
pub mod cms;
pub mod cuckoo;
pub mod cycles;
pub mod entry;
pub mod fields;
pub mod geo;
pub mod glob;
pub mod hash;
pub mod hll;
pub mod lcs;
pub mod list;
mod murmur;
pub mod number;
pub mod packed;
mod prefetch;
pub mod set;
pub mod sketch;
pub mod slot;
pub mod stream;
pub mod table;
pub mod tdigest;
pub mod texts;
pub mod topk;
mod zeroed;
pub mod zset;

pub use entry::Entry;
pub use hash::hash_key;
pub use table::Table;
