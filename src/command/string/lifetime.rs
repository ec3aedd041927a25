//! When a key goes: EX, PX, EXAT and PXAT of SET and GETEX, and the times of SETEX and PSETEX.

use crate::keyspace::door::Expiry;
use crate::resp::{Args, CommandError};
use dunlin_structures::number::parse_i64;

/// How a time is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    UnixSeconds,
    UnixMilliseconds,
}

impl Unit {
    const WORDS: [(&'static str, Self); 4] = [
        ("EX", Self::Seconds),
        ("PX", Self::Milliseconds),
        ("EXAT", Self::UnixSeconds),
        ("PXAT", Self::UnixMilliseconds),
    ];

    pub(super) fn is_relative(self) -> bool {
        matches!(self, Self::Seconds | Self::Milliseconds)
    }

    /// The time that `amount` means, in ms since 1970; `command` is named in the complaint.
    pub(super) fn deadline(
        self,
        amount: &[u8],
        now: i64,
        command: &'static str,
    ) -> Result<i64, CommandError> {
        let amount = parse_i64(amount).ok_or(CommandError::NotAnInteger)?;
        let in_ms = match self {
            Self::Seconds | Self::UnixSeconds => amount.checked_mul(1000),
            Self::Milliseconds | Self::UnixMilliseconds => Some(amount),
        };
        let in_ms = in_ms.filter(|ms| *ms > 0);
        let deadline = if self.is_relative() { in_ms.and_then(|ms| ms.checked_add(now)) } else { in_ms };
        deadline.ok_or(CommandError::InvalidExpire(command))
    }
}

/// What was asked for, its amount not yet looked at: Redis complains of the grammar first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime<'a> {
    Unsaid,
    /// KEEPTTL.
    Keep,
    /// PERSIST.
    Forever,
    For(Unit, &'a [u8]),
}

impl<'a> Lifetime<'a> {
    /// Takes a time off the arguments, if one stands there. The same word may be repeated, and then the last counts.
    pub(super) fn accept(&mut self, args: &mut Args<'a>) -> Result<bool, CommandError> {
        let Some((_, unit)) = Unit::WORDS.into_iter().find(|(word, _)| args.accept(word)) else {
            return Ok(false);
        };
        match *self {
            Self::Unsaid => {}
            Self::For(before, _) if before == unit => {}
            Self::For(..) | Self::Keep | Self::Forever => return Err(CommandError::Syntax),
        }
        *self = Self::For(unit, args.required()?);
        Ok(true)
    }

    /// Takes KEEPTTL or PERSIST off the arguments.
    pub(super) fn accept_word(
        &mut self,
        args: &mut Args<'a>,
        word: &str,
        meaning: Self,
    ) -> Result<bool, CommandError> {
        if !args.accept(word) {
            return Ok(false);
        }
        if *self != Self::Unsaid && *self != meaning {
            return Err(CommandError::Syntax);
        }
        *self = meaning;
        Ok(true)
    }

    /// What becomes of the key's time to live.
    pub(super) fn expiry(self, now: i64, command: &'static str) -> Result<Expiry, CommandError> {
        match self {
            Self::Unsaid | Self::Forever => Ok(Expiry::Clear),
            Self::Keep => Ok(Expiry::Keep),
            Self::For(unit, amount) => unit.deadline(amount, now, command).map(Expiry::At),
        }
    }
}
