//! Sets: a few integers or a packed block inside the entry, or a table of members.
//!
//! ```text
//! ints       width 1 │ integers of that width (2, 4 or 8 bytes), rising           named intset
//! packed     elements in the order in which they were added                       named listpack
//! large      a table in which an integer of up to 47 bits stands in its cell,     named hashtable
//!            and any other member in a block of its own
//! ```
//!
//! [`Set`] reads whichever it is, [`edit`](add) changes it and moves it on to the next when [`SetLimits`] say so, as Redis
//! does; there is no way back but [`build`]. Members are [`Item`]s: a text that is the shortest decimal form of a 64-bit
//! integer is that integer, so members are compared, hashed and stored without formatting.
//!
//! Large sets are walked and searched in runs: what a run touches is prefetched before any of it is looked at. All tables
//! of a process have one hash order, so of two sets that are compared both are walked nearly in order.
//!
//! Knows nothing of keys, replies or effects.
//!
//! [`Item`]: crate::packed::Item

mod choose;
mod combine;
mod edit;
mod ints;
mod large;
mod member;
#[cfg(test)]
mod tests;
mod view;

pub use choose::{pop, sample, sample_distinct};
pub use combine::{difference, each_common, union};
pub use edit::{SetLimits, add, add_all, announce_len, build, make, remove, single};
pub use ints::Ints;
pub use large::LargeSet;
pub use view::{Iter, Set};
