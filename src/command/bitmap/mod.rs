//! The bitmap family: strings as strings of bits.
//!
//! * [`bit`] reads and writes one. [`search`] counts them and finds the first.
//! * [`combine`] makes a string of several. [`field`] has integers of any width at any bit.
//!
//! What a request did to its one key is said by the request itself, but for BITOP: other keys are its sources, so its
//! result is logged.

pub mod bit;
pub mod combine;
pub mod field;
pub mod search;
#[cfg(test)]
mod tests;

use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::CommandError;
use dunlin_structures::number::parse_i64;

const BAD_OFFSET: CommandError = CommandError::text("bit offset is not an integer or out of range");

/// The number of a bit that `limit_bytes` leave room for. With a `#` it counts fields of that width, where one is given.
fn bit_offset(text: &[u8], width: Option<u32>, limit_bytes: u64) -> Result<u64, CommandError> {
    let (digits, factor) = match (text.strip_prefix(b"#"), width) {
        (Some(digits), Some(width)) => (digits, i64::from(width)),
        _ => (text, 1),
    };
    // Redis lets the product wrap; what wraps to a good offset is taken.
    let offset = parse_i64(digits).ok_or(BAD_OFFSET)?.wrapping_mul(factor);
    u64::try_from(offset).ok().filter(|offset| offset / 8 < limit_bytes).ok_or(BAD_OFFSET)
}

/// The change of a command whose own bytes say which bits it set.
const SET_BITS: Change<'static> = Change::request(EventClass::String, "setbit");
