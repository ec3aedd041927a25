//! Keeps the data on disk: drives `dunlin_storage`'s log with threads, clocks and the keyspace.
//!
//! * [`settings`]: what the operator asked for.
//! * [`control`]: turns the log on and off, starts, stops, rewrites and reloads it.
//! * [`active`]: the log that is on; workers append to it through the commit gate.
//! * [`writing`]: the log's thread, which writes, syncs and tells the gate what is durable.
//! * [`mending`]: tries again when a write was refused.
//! * [`replay`]: runs a log's commands through dispatch.
//! * [`snapshot`]: every entry, encoded by several threads. [`base`]: the keyspace as commands.
//! * [`figures`]: what INFO and the metrics say of all this.
//!
//! Lock order: the switch, then the log's writer and shards. Only who has the switch takes both. The log's thread holds
//! the writer while it waits for the disk, so who is to hold shards while the server runs takes the writer first.

mod active;
mod base;
pub mod control;
pub mod figures;
mod gather;
mod latency;
mod mending;
mod replay;
pub mod settings;
pub mod snapshot;
mod writing;

pub use control::{Persistence, StartError};
pub use settings::LogSettings;
