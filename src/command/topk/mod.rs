//! The TOPK family: sketches of the most frequent items, as RedisBloom has them.
//!
//! Chance is drawn from the value itself, so every change is logged as it came.

pub mod add;
pub mod look;
pub mod reserve;
#[cfg(test)]
mod tests;

use crate::resp::CommandError;

const MISSING: CommandError = CommandError::coded("TopK: key does not exist");
