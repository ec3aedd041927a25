//! The ends of ranges, as arguments say them.

use crate::resp::CommandError;
use dunlin_structures::number::parse_f64;
use dunlin_structures::zset::{Bound, ScoreRange, TextRange};
use std::ops::Range;

/// A range of scores: `1`, `(1`, `-inf`.
pub fn scores(min: &[u8], max: &[u8]) -> Result<ScoreRange, CommandError> {
    let wrong = CommandError::text("min or max is not a float");
    match (score(min), score(max)) {
        (Some(min), Some(max)) => Ok(ScoreRange { min, max }),
        _ => Err(wrong),
    }
}

fn score(text: &[u8]) -> Option<Bound<f64>> {
    match text.strip_prefix(b"(") {
        Some(text) => strtod(text).map(Bound::Excluded),
        None => strtod(text).map(Bound::Included),
    }
}

/// As C reads a number, which is laxer than what scores must be: nothing is 0, blanks may come before, and what is too
/// large is infinite.
fn strtod(text: &[u8]) -> Option<f64> {
    let text = memchr::memchr(0, text).map_or(text, |end| &text[..end]);
    if text.is_empty() {
        return Some(0.0);
    }
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let text = &text[text.iter().position(|byte| !blank(byte)).unwrap_or(text.len())..];
    let beyond = || {
        let may_be_decimal = text.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte));
        str::from_utf8(text).ok().filter(|_| may_be_decimal)?.parse().ok()
    };
    parse_f64(text).or_else(beyond)
}

/// A range of members: `-`, `+`, `[a`, `(a`.
pub fn texts<'a>(min: &'a [u8], max: &'a [u8]) -> Result<TextRange<'a>, CommandError> {
    match (text(min), text(max)) {
        (Some(min), Some(max)) => Ok(TextRange { min, max }),
        _ => Err(CommandError::text("min or max not valid string range item")),
    }
}

fn text(text: &[u8]) -> Option<Bound<&[u8]>> {
    match text {
        b"-" => Some(Bound::Lowest),
        b"+" => Some(Bound::Highest),
        [b'[', text @ ..] => Some(Bound::Included(text)),
        [b'(', text @ ..] => Some(Bound::Excluded(text)),
        _ => None,
    }
}

/// The ranks from `start` to `stop`, which is one of them, of `len`; negative ones count from the end.
pub fn ranks(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len_signed = len as i64;
    let absolute = |rank: i64| if rank < 0 { rank.saturating_add(len_signed) } else { rank };
    let (start, stop) = (absolute(start).max(0), absolute(stop).min(len_signed - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}

/// The part of `ranks` that LIMIT leaves, counted from the end if `backwards`.
pub fn limit(ranks: Range<usize>, offset: i64, count: i64, backwards: bool) -> Range<usize> {
    let len = ranks.len();
    let Some(skipped) = usize::try_from(offset).ok().filter(|skipped| *skipped < len) else { return 0..0 };
    let kept = usize::try_from(count).map_or(len - skipped, |count| count.min(len - skipped));
    if backwards {
        let end = ranks.end - skipped;
        end - kept..end
    } else {
        let start = ranks.start + skipped;
        start..start + kept
    }
}
