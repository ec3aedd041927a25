//! The cuckoo filter family, as RedisBloom has it: whether an item was added and not deleted, with few false "yes".
//!
//! * [`reserve`] makes a filter, [`add`] adds items and makes one if need be, [`delete`] deletes them, [`look`] asks.
//! * [`chunk`] moves a filter piece by piece.
//!
//! Effects name the items that were added, and what a filter is made of where it was made, so that neither settings nor
//! memory decide what a replay gives. Errors are RedisBloom's: most have no code before their text.

pub mod add;
pub mod chunk;
pub mod delete;
pub mod look;
pub mod reserve;
#[cfg(test)]
mod tests;

use crate::command::spec::*;
use crate::keyspace::effect::EffectWriter;
use crate::resp::CommandError;
use dunlin_structures::cuckoo::Wish;

/// What the commands that only look at a filter have in common.
const READ: CommandSpec = CommandSpec {
    flags: READONLY.and(FAST),
    keys: &[KeySpec::one(1, key::RO)],
    acl: acl::CUCKOO,
    group: "module",
    since: "1.0.0",
    ..CommandSpec::BLANK
};

/// What a filter is that nobody has reserved.
const UNRESERVED: Wish = Wish { capacity: 1024, bucket: 2, iterations: 20, growth: 1 };

/// Tables from which on a filter takes no further items.
const TABLES_MAX: usize = 32;
const CAPACITY_MAX: i64 = 1 << 30;

const NOT_FOUND: CommandError = CommandError::text("not found");

/// Writes the command that makes such a filter again.
fn write_reserve(key: &[u8], wish: &Wish, effect: &mut EffectWriter) {
    effect.arg(b"CF.RESERVE").arg(key).integer(wish.capacity.cast_signed());
    effect.arg(b"BUCKETSIZE").integer(wish.bucket.into());
    effect.arg(b"MAXITERATIONS").integer(wish.iterations.into());
    effect.arg(b"EXPANSION").integer(wish.growth.into());
}
