//! What the operator asked for: redis.conf, environment, flags, and CONFIG GET/SET/REWRITE over one table.
//!
//! Data flows one way: [`quote`] splits a line into arguments, [`file`](mod@file) turns files into directives, [`load`]
//! applies directives to a [`Config`], whose rows are described by the one table in [`settings`]. [`rewrite`] goes
//! the other way: from a `Config` back to the text of a file.
//!
//! Absent on purpose: no sockets, no tokio, no globals, no clock. A `Config` is a value; whoever runs the server
//! holds it, swaps it whole, and copies what is hot to where it is read. Only `load` and `rewrite::save` touch files.

mod events;
pub mod file;
mod glob;
pub mod load;
pub mod quote;
pub mod rewrite;
pub mod setting;
pub mod settings;
pub mod snapshot;
mod typed;
pub mod value;

pub use file::{Origin, Source};
pub use load::{LoadError, Loader, Renaming, UserLine};
pub use setting::{Class, Runtime, Setting};
pub use snapshot::{Config, ConfigError, Machine};
pub use typed::{
    AppendFsync, LocalAccess, LogFormat, LogLevel, OomScore, ShutdownOnSignal, Supervision, TlsClientAuth,
};
pub use value::{BufferLimit, BufferLimits, MemoryLimit, SavePoint};
