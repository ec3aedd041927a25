//! What the commands on fields with a time to live are given: `FIELDS count field ..`, and times.

use crate::resp::{Args, CommandError};
use dunlin_structures::number::parse_i64;

/// The latest time of a field, in ms since 1970: Redis' limit.
const TIME_MAX: i64 = 0x0000_FFFF_FFFF_FFFE >> 2;

/// What is said of a count of fields that is none.
pub(super) const NOT_POSITIVE: CommandError =
    CommandError::text("Number of fields must be a positive integer");

/// The fields of `FIELDS count field ..`, which begins at `index` and is the last of the arguments.
pub(super) fn fields<'a>(
    args: &Args<'a>,
    index: usize,
    bad_count: CommandError,
) -> Result<impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a>, CommandError> {
    if !args.is(index, "FIELDS") {
        return Err(CommandError::text("Mandatory argument FIELDS is missing or not at the right position"));
    }
    let count = parse_i64(args.at(index + 1)).filter(|count| *count > 0).ok_or(bad_count)?;
    let fields = args.from(index + 2);
    if usize::try_from(count) != Ok(fields.len()) {
        return Err(CommandError::text("The `numfields` parameter must match the number of arguments"));
    }
    Ok(fields)
}

/// How a time is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    ms: i64,
    is_relative: bool,
}

impl Unit {
    pub(super) const SECONDS: Self = Self { ms: 1000, is_relative: true };
    pub(super) const MILLISECONDS: Self = Self { ms: 1, is_relative: true };
    pub(super) const UNIX_SECONDS: Self = Self { ms: 1000, is_relative: false };
    pub(super) const UNIX_MILLISECONDS: Self = Self { ms: 1, is_relative: false };

    /// Takes the word of a unit off the arguments, if one stands there.
    pub(super) fn accept(args: &mut Args<'_>) -> Option<Self> {
        let words = [
            ("EX", Self::SECONDS),
            ("PX", Self::MILLISECONDS),
            ("EXAT", Self::UNIX_SECONDS),
            ("PXAT", Self::UNIX_MILLISECONDS),
        ];
        words.into_iter().find(|(word, _)| args.accept(word)).map(|(_, unit)| unit)
    }

    /// The time that `amount` means, in ms since 1970; `command` is named in the complaint.
    pub(super) fn deadline(
        self,
        amount: &[u8],
        now: i64,
        command: &'static str,
    ) -> Result<i64, CommandError> {
        let amount = parse_i64(amount).ok_or(CommandError::NotAnInteger)?;
        if amount < 0 {
            return Err(CommandError::text("invalid expire time, must be >= 0"));
        }
        let from = if self.is_relative { now } else { 0 };
        let deadline = amount.checked_mul(self.ms).and_then(|ms| ms.checked_add(from));
        deadline.filter(|at| *at <= TIME_MAX).ok_or(CommandError::InvalidExpire(command))
    }
}
