//! Durable storage of Dunlin: what was acknowledged is never lost.
//!
//! Suggested reading order:
//!
//! - [`disk`]: the few things we ask of a file system, the real one and one that fails on request.
//! - [`log`]: the append-only log in Redis 7's multi-part format. Effects go into a [`log::LogBuffer`] (many
//!   threads), a [`log::LogWriter`] (one thread) brings them to disk, a [`log::Loader`] reads them back.
//! - [`rdb`]: single values in Redis' RDB format.
//!
//! Knows nothing of commands beyond SELECT, MULTI and EXEC, nothing of keys, sockets, threads or clocks. The caller
//! owns the threads and decides when to write and when to sync.

pub mod disk;
pub mod log;
pub mod rdb;
