//! An entry of the keyspace: key, value, expiry and header in one allocation behind one thin pointer.
//!
//! ```text
//! header 8 │ expiry 8? │ length of a long key 8? │ key │ value
//!
//! header:  kind 4 bits │ encoding 4 │ flags 8 │ access clock 24 │ key length 8 │ inline value length 16
//! value:   integer      8 bytes
//!          inline       up to 512 bytes
//!          buffer       a refcounted buffer and its capacity, 8-aligned; for longer strings, so that a reply can hold
//!                       the bytes without a copy
//!          packed       up to 65,535 bytes of a small collection (see [`crate::packed`])
//!          boxed        an owned trait object, 8-aligned; for large collections
//! ```
//!
//! A 16-byte key with a 32-byte value takes 56 bytes, with an integer 32: the allocator has classes for both. Blocks are
//! always allocated at their full class, so a value may change in place as long as the class stays.
//!
//! The header's lengths are written by this module only and are all that it trusts. Knows nothing of time (clocks and
//! expiries are numbers that callers write and compare) and nothing of limits on sizes.

mod ahead;
mod collection;
mod header;
mod module;
mod object;
mod string;
#[cfg(test)]
mod tests;
mod value;

pub use ahead::More;
pub use collection::PACKED_LEN_MAX;
pub use header::{Encoding, Kind};
pub use object::Entry;
pub use string::IntText;
pub use value::{EMBSTR_LEN_MAX, INLINE_LEN_MAX, Payload, StringValue, ValueRef};
