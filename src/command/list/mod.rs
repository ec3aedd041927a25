//! The list family: elements in the order in which they were pushed.
//!
//! * [`push`] and [`pop`] work on the ends; [`transfer`] moves an element from one list to another.
//! * [`range`] reads elements by index, [`position`] finds indexes by element.
//! * [`edit`] changes lists anywhere.
//! * [`end`] reads and writes the words that name a list's ends, [`element`] replies elements.
//!
//! Effects are commands on one list: LMOVE is a push on one and a pop on the other, LMPOP the pop that it came to.

pub mod block;
pub mod edit;
mod element;
mod end;
pub mod pop;
pub mod position;
pub mod push;
pub mod range;
#[cfg(test)]
mod tests;
pub mod transfer;

use crate::command::Context;
use dunlin_structures::list::Limits;

/// How large the blocks of lists get.
fn limits(cx: &Context<'_>) -> Limits {
    cx.server.thresholds.list()
}
