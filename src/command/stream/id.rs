//! IDs as clients write them.

use crate::resp::CommandError;
use dunlin_structures::number::parse_i64;
use dunlin_structures::stream::StreamId;

const INVALID: CommandError = CommandError::text("Invalid stream ID specified as stream command argument");
/// Nothing longer is an ID.
const TEXT_LEN_MAX: usize = 127;

/// The ID that XADD gives an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// `*`
    Any,
    /// `ms-*`
    At(u64),
    Given(StreamId),
}

/// An ID; without a sequence number it has `missing`.
pub fn parse(text: &[u8], missing: u64) -> Result<StreamId, CommandError> {
    split(text)
        .and_then(|(ms, seq)| Some(StreamId::new(ms, seq.map_or(Some(missing), number)?)))
        .ok_or(INVALID)
}

/// As [`parse`], or `-` for the smallest and `+` for the greatest.
pub fn parse_bound(text: &[u8], missing: u64) -> Result<StreamId, CommandError> {
    match text {
        b"-" => Ok(StreamId::ZERO),
        b"+" => Ok(StreamId::MAX),
        _ => parse(text, missing),
    }
}

/// Where a range begins: a bound, or behind an ID that follows a `(`.
pub fn parse_start(text: &[u8]) -> Result<StreamId, CommandError> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => {
            parse(id, 0)?.next().ok_or(CommandError::text("invalid start ID for the interval"))
        }
        _ => parse_bound(text, 0),
    }
}

/// Where a range ends: a bound, or before an ID that follows a `(`.
pub fn parse_end(text: &[u8]) -> Result<StreamId, CommandError> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => {
            parse(id, u64::MAX)?.previous().ok_or(CommandError::text("invalid end ID for the interval"))
        }
        _ => parse_bound(text, u64::MAX),
    }
}

/// What XADD is told.
pub fn parse_new(text: &[u8]) -> Result<NewId, CommandError> {
    match split(text).ok_or(INVALID)? {
        (ms, Some(b"*")) => Ok(NewId::At(ms)),
        _ => parse(text, 0).map(NewId::Given),
    }
}

/// The time, and what is behind the dash.
fn split(text: &[u8]) -> Option<(u64, Option<&[u8]>)> {
    if text.len() > TEXT_LEN_MAX {
        return None;
    }
    match memchr::memchr(b'-', text) {
        Some(dash) => Some((number(&text[..dash])?, Some(&text[dash + 1..]))),
        None => Some((number(text)?, None)),
    }
}

/// An unsigned number: the shortest form of one, or else what C's strtoull takes whole.
fn number(text: &[u8]) -> Option<u64> {
    if let Some(number) = parse_i64(text) {
        return u64::try_from(number).ok();
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let (negative, digits) = match &text[blanks..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let digit = |number: u64, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    let number = digits.iter().try_fold(0, digit)?;
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        let id = |text: &str| parse(text.as_bytes(), 7).ok().map(|id| (id.ms, id.seq));
        assert_eq!(id("5"), Some((5, 7)));
        assert_eq!(id("5-0"), Some((5, 0)));
        assert_eq!(id("18446744073709551615-18446744073709551615"), Some((u64::MAX, u64::MAX)));
        assert_eq!((id("05-01"), id(" 5-+1")), (Some((5, 1)), Some((5, 1))));
        for wrong in ["", "-", "+", "-1", "5-", "5-x", "5-1-2", "18446744073709551616", "1.5", "*", "5-*"] {
            assert_eq!(id(wrong), None, "{wrong}");
        }
        assert_eq!(parse(&[b'0'; 128], 0), Err(INVALID));
        assert_eq!(parse_new(b"5-*"), Ok(NewId::At(5)));
        assert_eq!(parse_start(b"(5"), Ok(StreamId::new(5, 1)));
        assert_eq!(parse_end(b"(5-0"), Ok(StreamId::new(4, u64::MAX)));
        assert_eq!(parse_end(b"(0-0"), Err(CommandError::text("invalid end ID for the interval")));
        assert_eq!(parse_start(b"("), Err(INVALID));
    }
}
