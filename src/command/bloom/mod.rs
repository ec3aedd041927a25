//! The Bloom filter family, as RedisBloom has it: whether an item was added, with few false "yes".
//!
//! * [`reserve`] makes a filter, [`add`] adds items and makes one if need be, [`look`] asks.
//! * [`chunk`] moves a filter piece by piece.
//!
//! Effects name the items that were new, with all that a filter is made of where it was made, so that neither settings nor
//! memory decide what a replay gives. Errors are RedisBloom's: some have no code before their text.

pub mod add;
pub mod chunk;
pub mod look;
pub mod reserve;
#[cfg(test)]
mod tests;

use crate::command::spec::*;
use crate::keyspace::effect::EffectWriter;
use crate::resp::CommandError;
use dunlin_structures::bloom::{Refusal, Wish};
use dunlin_structures::number::DoubleBuffer;

/// What the commands that only look at a filter have in common.
const READ: CommandSpec = CommandSpec {
    flags: READONLY.and(FAST),
    keys: &[KeySpec::one(1, key::RO)],
    acl: acl::BLOOM,
    group: "module",
    since: "1.0.0",
    ..CommandSpec::BLANK
};

/// What a filter is that nobody has reserved.
const UNRESERVED: Wish = Wish { capacity: 100, error: 0.01, growth: GROWTH, scales: true };

/// How many times as large each further layer is, if nothing else is said.
const GROWTH: u32 = 2;
const GROWTH_MAX: i64 = 32768;
const CAPACITY_MAX: i64 = 1 << 30;

const NOT_FOUND: CommandError = CommandError::text("not found");

fn not_made(refusal: Refusal) -> CommandError {
    CommandError::text(match refusal {
        Refusal::NoMemory => "insufficient memory to create filter",
        Refusal::Impossible | Refusal::Full => "could not create filter",
    })
}

/// Writes the options that make such a filter again.
fn write_growth(wish: &Wish, effect: &mut EffectWriter) {
    if wish.scales {
        effect.arg(b"EXPANSION").integer(wish.growth.into());
    } else {
        effect.arg(b"NONSCALING");
    }
}

fn write_error(wish: &Wish, effect: &mut EffectWriter) {
    effect.arg(DoubleBuffer::new().format(wish.error));
}
