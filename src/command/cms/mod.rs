//! The CMS family: count-min sketches, as RedisBloom has them.
//!
//! Counting is deterministic and logged as it came. A merge reads other keys: its result is logged.

pub mod count;
pub mod init;
pub mod look;
pub mod merge;
#[cfg(test)]
mod tests;

use crate::resp::CommandError;

const MISSING: CommandError = CommandError::coded("CMS: key does not exist");
const NO_MEMORY: CommandError = CommandError::coded("CMS: Insufficient memory to create the key");
