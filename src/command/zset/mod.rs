//! The sorted set family: members in the order of their scores.
//!
//! * [`add`] gives scores, [`look`] asks for them, for ranks and for counts, [`range`] lists and stores parts.
//! * [`remove`] takes members out by name or by part, [`pop`] those at the ends.
//! * [`combine`] makes sets of sets, which `source` reads. [`random`] chooses members, [`scan`] walks through all.
//! * [`bounds`] reads the ends of ranges.
//!
//! Effects name members and their final scores: ZINCRBY is logged as ZADD, what was popped as ZPOPMIN or ZPOPMAX with a count.

pub mod add;
pub mod block;
pub mod bounds;
pub mod combine;
pub mod look;
pub mod pop;
pub mod random;
pub mod range;
pub mod remove;
pub mod scan;
mod source;
#[cfg(test)]
mod tests;

use crate::resp::{CommandError, Reply};
use dunlin_structures::number::parse_i64;
use dunlin_structures::packed::Item;

/// Replies a member.
#[inline]
fn reply_member(reply: &mut Reply<'_>, member: Item<'_>) {
    match member {
        Item::Text(text) => reply.bulk(text),
        Item::Int(number) => reply.bulk_integer(number),
    }
}

/// Begins the reply of `count` members, with their scores or without.
fn reply_len(reply: &mut Reply<'_>, count: usize, with_scores: bool) {
    let flat = with_scores && !reply.is_resp3();
    reply.array(if flat { 2 * count } else { count });
}

/// Replies a member, and its score if that is asked for: in RESP3 as a pair.
#[inline]
fn reply_pair(reply: &mut Reply<'_>, member: Item<'_>, score: f64, with_scores: bool) {
    if with_scores && reply.is_resp3() {
        reply.array(2);
    }
    reply_member(reply, member);
    if with_scores {
        reply.double(score);
    }
}

/// A number of at least `min`; whatever is wrong has the one text.
fn at_least(text: &[u8], min: i64, otherwise: &'static str) -> Result<usize, CommandError> {
    let number = parse_i64(text).filter(|number| *number >= min);
    number.and_then(|number| usize::try_from(number).ok()).ok_or(CommandError::text(otherwise))
}
