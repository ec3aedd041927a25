//! Data structures of Dunlin.
//!
//! Everything that the keyspace is built of: the table, its entries, the allocator beneath them. Nothing here knows of
//! sockets, tasks, configuration or commands: bytes and numbers come in as arguments. It is the only crate in
//! which `unsafe` may appear, and each module that needs it opts in.
//!
//! Suggested reading order: [`entry`] (what is stored), [`table`] (where it is found), [`hash`], [`alloc`], [`packed`]
//! (small collections), [`fields`] (hashes); then the small ones: [`slot`], [`number`], [`glob`], [`lcs`], [`cycles`].

pub mod alloc;
pub mod cycles;
pub mod entry;
pub mod fields;
pub mod glob;
pub mod hash;
pub mod lcs;
pub mod number;
pub mod packed;
mod prefetch;
pub mod slot;
pub mod table;

pub use entry::Entry;
pub use hash::hash_key;
pub use table::Table;
