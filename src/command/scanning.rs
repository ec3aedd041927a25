//! What the commands share that walk through a collection with a cursor: HSCAN, SSCAN, ZSCAN.

use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::glob;

/// COUNT if none is given.
const COUNT_DEFAULT: usize = 10;

/// `[MATCH pattern] [COUNT count]`.
pub struct ScanOptions<'a> {
    pattern: &'a [u8],
    /// Elements that a call looks at, about.
    pub count: usize,
}

impl<'a> ScanOptions<'a> {
    /// Reads what is unread.
    pub fn parse(args: &mut Args<'a>) -> Result<Self, CommandError> {
        Self::parse_with(args, |_| false)
    }

    /// As [`ScanOptions::parse`]; `accept` takes words that only one command knows.
    pub fn parse_with(
        args: &mut Args<'a>,
        mut accept: impl FnMut(&mut Args<'a>) -> bool,
    ) -> Result<Self, CommandError> {
        let mut options = Self { pattern: b"*", count: COUNT_DEFAULT };
        while args.remaining() > 0 {
            if accept(args) {
                continue;
            } else if args.remaining() == 1 {
                return Err(CommandError::Syntax);
            } else if args.accept("count") {
                let count = args.integer()?;
                options.count =
                    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(CommandError::Syntax)?;
            } else if args.accept("match") {
                options.pattern = args.required()?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }

    /// Whether an element is wanted.
    #[inline]
    pub fn includes(&self, element: &[u8]) -> bool {
        self.pattern == b"*" || glob::matches(self.pattern, element, false)
    }
}

/// A cursor as `strtoul` reads it: with a sign, with leading zeros, and nothing for zero; but no white space.
pub fn parse_cursor(text: &[u8]) -> Result<u64, CommandError> {
    let (negative, digits) = match text {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let digits =
        str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number: Option<u64> = digits.and_then(|digits| digits.parse().ok());
    let number = number.ok_or(CommandError::text("invalid cursor"))?;
    Ok(if negative { number.wrapping_neg() } else { number })
}

/// The reply where there is nothing to walk through.
pub fn reply_empty(reply: &mut Reply<'_>) {
    reply.array(2);
    reply.bulk(b"0");
    reply.array(0);
}

#[cfg(test)]
mod tests {
    use crate::command::testing::TestClient;
    use std::collections::BTreeSet;

    #[test]
    fn what_stays_is_met_whatever_comes_and_goes() {
        let families = [("HSCAN", "HSET", "HDEL"), ("SSCAN", "SADD", "SREM"), ("ZSCAN", "ZADD", "ZREM")];
        for (scan, add, remove) in families {
            let request = |name: &str, prefix: &str, numbers: std::ops::Range<usize>| {
                let words = numbers.map(|number| match name {
                    "HSET" => format!("{prefix}:{number} x"),
                    "ZADD" => format!("{number} {prefix}:{number}"),
                    _ => format!("{prefix}:{number}"),
                });
                format!("{name} k {}", words.collect::<Vec<_>>().join(" "))
            };
            for grows_first in [true, false] {
                let mut client = TestClient::new();
                client.say(&request(add, "stays", 0..400));
                if !grows_first {
                    client.say(&request(add, "other", 0..20_000));
                }
                let (mut cursor, mut met) = ("0".to_owned(), BTreeSet::new());
                for step in 0.. {
                    let reply = client.say(&format!("{scan} k {cursor} COUNT 20"));
                    let mut lines = reply.split("\r\n").filter(|line| !line.starts_with(['$', '*']));
                    cursor = lines.next().expect("a cursor").to_owned();
                    met.extend(lines.filter(|line| line.starts_with("stays:")).map(str::to_owned));
                    if cursor == "0" {
                        break;
                    }
                    // From a few hundred to twenty thousand and back, or the other way round.
                    let others = step % 10 * 2_000..(step % 10 + 1) * 2_000;
                    let is_growing = (step / 10 % 2 == 0) == grows_first;
                    client.say(&request(if is_growing { add } else { remove }, "other", others));
                }
                assert_eq!(met.len(), 400, "{scan}");
            }
        }
    }
}
