//! Sorted sets: members ordered by score, then by their bytes.
//!
//! A small one is a packed block of member and score by turns inside its entry. A large one, a [`SortedSet`], keeps each
//! member with its score in one allocation, owned by a [`crate::Table`] by member and ordered by a skip list with ranks:
//! 24 bytes for a member of 16, some ten in the table and twelve in the list.
//!
//! * Reading either form: [`Zset`]. Changing it: [`update`], [`remove`], [`remove_ranks`]. Making one: [`Builder`].
//! * Everything that is asked by rank, by score or by bytes is answered as ranks first, then walked: see [`ScoreRange`]
//!   and [`TextRange`].
//!
//! Scores are never NaN: callers see to that. Knows nothing of commands.

mod build;
mod edit;
mod large;
mod leaf;
mod list;
mod member;
mod range;
mod small;
#[cfg(test)]
mod tests;
mod view;

pub use build::Builder;
pub use edit::{empty, remove, remove_ranks, update};
pub use large::{Members, SortedSet, Update};
pub use range::{Bound, ScoreRange, TextRange};
pub use view::{Pairs, Zset};
