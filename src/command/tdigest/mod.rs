//! The TDIGEST family: quantiles of very many numbers, as RedisBloom has them.
//!
//! Adding is deterministic and logged as it came, and no read changes a digest. A merge reads other keys: its result is
//! logged.

pub mod add;
pub mod create;
pub mod info;
pub mod merge;
pub mod quantile;
pub mod rank;
#[cfg(test)]
mod tests;

use crate::command::spec::*;
use crate::keyspace::door::{Keys, Module};
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::number::{parse_f64, parse_i64};
use dunlin_structures::tdigest::TDigest;

/// What the commands that only look at a t-digest have in common.
const READ: CommandSpec = CommandSpec {
    flags: READONLY.and(FAST),
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::TDIGEST,
    group: "module",
    since: "2.4.0",
    ..CommandSpec::BLANK
};

const MISSING: CommandError = CommandError::text("T-Digest: key does not exist");

/// The digest that is read.
fn read<'k>(keys: &'k mut Keys<'_>, key: &[u8]) -> Result<Module<'k, TDigest>, CommandError> {
    keys.read_module(key)?.ok_or(MISSING)
}

/// The arguments from the third on as numbers.
fn numbers(args: &Args<'_>, refusal: &'static str) -> Result<Vec<f64>, CommandError> {
    args.from(2).map(|arg| parse_f64(arg).ok_or(CommandError::text(refusal))).collect()
}

fn compression(arg: &[u8]) -> Result<u64, CommandError> {
    let number = parse_i64(arg).ok_or(CommandError::text("T-Digest: error parsing compression parameter"))?;
    let number = u64::try_from(number).ok().filter(|number| *number > 0);
    number.ok_or(CommandError::text("T-Digest: compression parameter needs to be a positive integer"))
}

fn reply_doubles(reply: &mut Reply<'_>, numbers: &[f64]) {
    reply.array(numbers.len());
    for number in numbers {
        reply.double(*number);
    }
}
