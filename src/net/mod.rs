//! Sockets: accepting them, reading requests in batches, writing replies.
//!
//! * [`listener`] accepts and hands a new socket to the least loaded [`worker`].
//! * A worker is a thread with a runtime of its own; it owns its connections for life.
//! * [`connection`] is the loop of one client: fill, decode a batch, dispatch, flush.
//! * [`idle`] ends those that `timeout` is meant for, and has those looked at that do not read.
//! * [`batch`] decodes and prefetches; [`stream`] hides which kind of socket it is.

pub mod batch;
pub mod connection;
pub mod idle;
pub mod listener;
pub mod stream;
#[cfg(feature = "tls")]
pub mod tls;
pub mod worker;
