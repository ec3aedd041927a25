//! Lua 5.1 as Redis' scripts know it.
//!
//! A [`Vm`] is one Lua state on a stack of its own. Its owner starts a script and lets it run until it asks for
//! something: a command ([`Event::Call`]), a moment for others ([`Event::Slice`]), or until it is over
//! ([`Event::Done`]). Between two events the script stands still, however deep in Lua's C code it is, so that a thread
//! with an event loop can look after its other work; nothing is called back from here.
//!
//! [`sandbox`] says what a script finds: Lua's own libraries as far as they are safe, `redis`, and `cjson`, `cmsgpack`,
//! `struct` and `bit`, which are written here ([`json`], [`msgpack`], [`pack`], [`bits`]), as are those functions of `string` that
//! match patterns ([`patterns`]): in C they recurse as deep and run as long as a pattern wants. [`convert`] turns
//! replies into values and values into replies.
//!
//! Knows nothing of servers, keys or clients. [`vm`], [`natives`] and [`frame`] are the only modules with unsafe code; everything
//! else sees Lua through a [`frame::Frame`], whose methods can't fail in Lua's own way (a jump over our frames): see
//! there.

mod bits;
mod convert;
mod error;
mod format;
pub mod frame;
mod json;
mod msgpack;
mod natives;
mod pack;
mod patterns;
mod redis;
pub mod sandbox;
mod strings;
pub mod vm;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use vm::{Call, Event, Finished, Kind, Reference, Registered, Request, Span, Vm};
