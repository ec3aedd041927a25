//! The append-only log, in Redis 7's multi-part format with annotations of our own.
//!
//! ```text
//! workers ─append─► LogBuffer ─take─► LogWriter ─► appendonlydir/appendonly.aof.N.incr.aof
//!                                                                               │
//! replay  ◄──────────────────────── Loader ◄─────────── base file, incr files ◄─┘
//! ```
//!
//! The byte layout, and which damage is forgiven when, stand in `docs/decisions/0002-log-format.md`.
//! One buffer, one writer and one order of effects per node; [`Lsn`] is a position in that order.

mod ahead;
pub mod annotation;
mod base;
mod buffer;
mod directory;
mod error;
mod input;
mod load;
mod lsn;
pub mod manifest;
pub mod resp;
mod rewrite;
mod room;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

pub use base::{BaseBlock, BaseWriter, SealedBase};
pub use buffer::{Appended, LogBuffer, Taken};
pub use directory::{LogDirectory, LogNames};
pub use error::{Damage, LogError};
pub use load::{LoadOptions, Loader, Record, TornTail};
pub use lsn::Lsn;
pub use resp::Args;
pub use writer::{LogPositions, LogWriter};
