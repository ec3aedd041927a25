//! Lists: elements in the order in which they were pushed, in packed blocks.
//!
//! ```text
//! up to 512 bytes    entry: count 1 │ packed elements
//! larger             entry ─► List: block ─ block ─ .. ─ block
//!                    block: free room │ packed elements │ free room
//! ```
//!
//! Where blocks begin and end is decided as in Redis' quicklist, by [`Limits`], since it shows: a list is told as
//! `listpack` while it is one block below the limit, then as `quicklist` until it has shrunk to one block of half of
//! that. Room at both ends lets either end grow and shrink without moving what is between.
//!
//! The functions of [`stored`] work on an entry whatever form the list has in it; everything outside goes through them.
//! A list that has no elements any more is an empty collection, which its owner deletes.
//!
//! Knows nothing of commands; indexes are resolved, and options understood, by the caller.

mod block;
mod blocks;
mod edit;
mod items;
mod large;
mod limits;
pub mod stored;
#[cfg(test)]
mod tests;

pub use items::{BlockView, Items};
pub use large::List;
pub use limits::Limits;
pub use stored::*;

/// One of a list's two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Head,
    Tail,
}

impl End {
    pub const fn opposite(self) -> Self {
        match self {
            Self::Head => Self::Tail,
            Self::Tail => Self::Head,
        }
    }
}

/// On which side of an element another one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}
