//! The wire protocol: requests in, replies out.
//!
//! A leaf: everybody may use it, and it knows nothing of commands, keys or sockets.
//! * [`decode`] finds complete requests in a buffer and borrows their arguments.
//! * [`args`] is a command's view of its arguments.
//! * [`reply`] writes RESP2 or RESP3 replies straight into an output buffer.
//! * [`error`] holds every error text that a client can see; [`text`] puts into them what the client gave.

pub mod args;
pub mod decode;
pub mod error;
pub mod output;
pub mod reply;
pub mod text;

pub use args::Args;
pub use error::CommandError;
pub use output::Output;
pub use reply::{Protocol, Reply};
