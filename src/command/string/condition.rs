//! What must be true of a key for SET and DELEX to change it.

use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::entry::IntText;

/// Length of a digest's text, in hexadecimal digits.
const DIGEST_DIGITS: usize = 16;

/// A condition on a key. The comparing ones demand a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    Always,
    /// NX.
    Missing,
    /// XX.
    Present,
    /// IFEQ.
    Equal(&'a [u8]),
    /// IFNE.
    NotEqual(&'a [u8]),
    /// IFDEQ: the digest, in hexadecimal.
    DigestEqual(&'a [u8]),
    /// IFDNE.
    DigestNotEqual(&'a [u8]),
}

impl<'a> Condition<'a> {
    /// Takes NX or XX off the arguments, or nothing. A condition may be repeated but not joined with another.
    pub(super) fn accept_existence(&mut self, args: &mut Args<'a>) -> Result<bool, CommandError> {
        let said = match () {
            () if args.accept("NX") => Self::Missing,
            () if args.accept("XX") => Self::Present,
            () => return Ok(false),
        };
        if *self != Self::Always && *self != said {
            return Err(CommandError::Syntax);
        }
        *self = said;
        Ok(true)
    }

    /// Takes IFEQ, IFNE, IFDEQ or IFDNE and what it compares with off the arguments, or nothing.
    pub(super) fn accept_comparison(&mut self, args: &mut Args<'a>) -> Result<bool, CommandError> {
        let make: fn(&'a [u8]) -> Self = match () {
            () if args.accept("IFEQ") => Self::Equal,
            () if args.accept("IFNE") => Self::NotEqual,
            () if args.accept("IFDEQ") => Self::DigestEqual,
            () if args.accept("IFDNE") => Self::DigestNotEqual,
            () => return Ok(false),
        };
        if *self != Self::Always {
            return Err(CommandError::Syntax);
        }
        *self = make(args.required()?);
        Ok(true)
    }

    /// Whether the value has to be a string.
    pub(super) fn compares(self) -> bool {
        !matches!(self, Self::Always | Self::Missing | Self::Present)
    }

    /// Whether it holds for what is stored. The caller has made sure of a string if this compares.
    pub(super) fn holds(self, entry: Option<&Entry>) -> Result<bool, CommandError> {
        let Some(entry) = entry else {
            return Ok(!matches!(self, Self::Present | Self::Equal(_) | Self::DigestEqual(_)));
        };
        Ok(match self {
            Self::Always | Self::Present => true,
            Self::Missing => false,
            Self::Equal(wanted) => bytes_are(entry, wanted),
            Self::NotEqual(unwanted) => !bytes_are(entry, unwanted),
            Self::DigestEqual(wanted) => digest_is(entry, wanted)?,
            Self::DigestNotEqual(unwanted) => !digest_is(entry, unwanted)?,
        })
    }
}

fn bytes_are(entry: &Entry, text: &[u8]) -> bool {
    entry.string_bytes(&mut IntText::new()) == Some(text)
}

/// Only the length is checked: other characters than hexadecimal digits are in no digest.
fn digest_is(entry: &Entry, text: &[u8]) -> Result<bool, CommandError> {
    if text.len() != DIGEST_DIGITS {
        return Err(CommandError::text("digest must be exactly 16 hexadecimal characters"));
    }
    Ok(digest(entry).as_bytes().eq_ignore_ascii_case(text))
}

/// The digest of a string's value: XXH3 with 64 bits, in hexadecimal.
pub(super) fn digest(entry: &Entry) -> String {
    let mut text = IntText::new();
    let hash = xxhash_rust::xxh3::xxh3_64(entry.string_bytes(&mut text).unwrap_or_default());
    format!("{hash:016x}")
}
