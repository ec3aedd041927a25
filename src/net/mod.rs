//! Sockets: accepting them, reading requests in batches, writing replies.
//!
//! * [`listener`] accepts and hands a new socket to the least loaded [`worker`].
//! * A worker is a thread with a runtime of its own; it owns its connections for life.
//! * [`connection`] is the loop of one client: fill, decode a batch, dispatch, flush.
//! * [`batch`] decodes and prefetches; [`stream`] hides which kind of socket it is.

pub mod batch;
pub mod connection;
pub mod listener;
pub mod stream;
#[cfg(feature = "tls")]
pub mod tls;
pub mod worker;
