//! Streams: entries with growing IDs, and groups of consumers that read them.
//!
//! ```text
//! entry ─► Stream: first ID ─► block: master entry │ entry │ entry │ ..
//!                  first ID ─► block
//!                  name ─► Group: ID ─► pending entry ─► consumer
//! ```
//!
//! Blocks are laid out as the nodes of Redis' streams ([`block`]), so that a dump copies them, and end where those end.
//! An entry that is deleted is flagged, and its block goes with the last live one. A stream that has no entries any more
//! is kept.
//!
//! Suggested reading order: [`StreamId`], [`block`], [`Stream`], [`Range`], [`Group`]. Knows nothing of commands, and of
//! the time only what it is told.

pub mod block;
mod entry;
mod group;
mod id;
mod large;
mod progress;
mod range;
#[cfg(test)]
mod tests;
mod trim;

pub use entry::{Fields, StreamEntry};
pub use group::{COUNT_MAX, Consumer, ConsumerId, Group, Pending};
pub use id::{IdText, StreamId};
pub use large::{BLOCK_LEN_MAX, Stream};
pub use range::{Direction, Range};
pub use trim::{Precision, TrimTo};
