//! Sketches as RedisBloom saves them: [`cms`], [`topk`] and [`tdigest`].

pub mod cms;
pub mod tdigest;
#[cfg(test)]
mod tests;
pub mod topk;

use super::module::{ModuleType, PartWriter, Parts};
use super::{Damaged, Read};
