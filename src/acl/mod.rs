//! Who may do what: users, their rules, and the checks of requests against them.
//!
//! A [`User`] is a value that never changes: a change makes a new one. What the commands are is known from a
//! [`Catalogue`] only, so that nothing here depends on the table of commands, on clients or on sockets.

mod catalogue;
mod channels;
mod check;
pub mod file;
pub mod log;
mod password;
mod rule;
mod selector;
mod user;

pub use catalogue::{Catalogue, Entry};
pub use channels::{Kept, may_listen};
pub use check::{ChannelUse, Denied, KeyUse, Request, check, may_read_all_keys};
pub use log::{Context, Log, Reason};
pub use password::{Hash, random_hex};
pub use rule::{RuleError, SetError, has_spaces, merged};
pub use selector::Selector;
pub use user::{DEFAULT_USER, User};

#[cfg(test)]
mod tests;
