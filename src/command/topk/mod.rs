//! The TOPK family: sketches of the most frequent items, as RedisBloom has them.
//!
//! Chance is drawn from the value itself, so every change is logged as it came.

pub mod add;
pub mod look;
pub mod reserve;
#[cfg(test)]
mod tests;

use crate::command::spec::*;
use crate::resp::CommandError;

/// What the commands that only look at a sketch have in common.
const READ: CommandSpec = CommandSpec {
    flags: READONLY.and(FAST),
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::TOPK,
    group: "module",
    since: "2.0.0",
    ..CommandSpec::BLANK
};

const MISSING: CommandError = CommandError::coded("TopK: key does not exist");
