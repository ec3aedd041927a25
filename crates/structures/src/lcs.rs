//! The longest common subsequence of two strings, and which ranges of one match which of the other.
//!
//! Where several answers are equally long, Redis' is given: it fills the whole table of lengths and walks back from
//! its end, stepping down the first string only if that leaves a strictly longer subsequence than stepping down the
//! second. Filling that table takes 4 bytes and a dependent comparison a cell. Here each row is a string of bits, one
//! wherever a prefix of the second string adds nothing to the prefix before it, and 64 cells cost four operations
//! (Crochemore et al., "A fast and practical bit-vector algorithm for the longest common subsequence problem", 2001;
//! Hyyrö 2004). At a mismatch the better step is known from that one bit: where the prefix adds something, leaving it
//! out costs one, and so the other step must be the better.
//!
//! The second string is cut into columns of 64 bytes, so that a column's match masks stay in the cache. The memory is
//! never more than Redis' own table would take, which [`Table::new`] bounds; mostly it is a thirty-second of that.

/// Why no subsequence was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LcsError {
    /// A string has `u32::MAX - 1` bytes or more.
    TooLong,
    /// Redis' table of lengths would be larger than the limit given.
    LimitExceeded,
    /// The allocator refused.
    OutOfMemory,
}

/// Equal parts of both strings: `first[first_start..first_start + length]` and the same of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    pub first_start: usize,
    pub second_start: usize,
    pub length: usize,
}

impl Match {
    /// Where the match ends in the first string, inclusively.
    pub fn first_end(&self) -> usize {
        self.first_start + self.length - 1
    }

    /// Where the match ends in the second string, inclusively.
    pub fn second_end(&self) -> usize {
        self.second_start + self.length - 1
    }
}

/// Bits of a row that are worked on at once.
const COLUMN_WIDTH: usize = 64;

/// Length of the longest common subsequence. Time O(n × m / 64), memory O(n).
///
/// # Errors
/// As for [`Table::new`], though nothing near `limit_bytes` is used: the same inputs fail with and without LEN.
pub fn length(first: &[u8], second: &[u8], limit_bytes: u64) -> Result<usize, LcsError> {
    check_limit(first, second, limit_bytes)?;
    sweep(first, second, |_| ())
}

/// All that is needed to walk through the longest common subsequence.
pub struct Table<'a> {
    first: &'a [u8],
    second: &'a [u8],
    length: usize,
    /// Rows of column 0, then rows of column 1, and so on; a clear bit is where the length grows.
    bits: Vec<u64>,
}

impl<'a> Table<'a> {
    /// Compares the two strings. Time O(n × m / 64), memory n × m / 8 bytes and at most `limit_bytes`.
    ///
    /// # Errors
    /// If a string is too long, or four bytes for each pair of prefixes would exceed `limit_bytes`.
    pub fn new(first: &'a [u8], second: &'a [u8], limit_bytes: u64) -> Result<Self, LcsError> {
        check_limit(first, second, limit_bytes)?;
        let mut bits = Vec::new();
        bits.try_reserve_exact(first.len() * second.len().div_ceil(COLUMN_WIDTH))
            .map_err(|_| LcsError::OutOfMemory)?;
        let length = sweep(first, second, |row| bits.push(row))?;
        Ok(Self { first, second, length, bits })
    }

    /// Length of the longest common subsequence.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The subsequence itself.
    pub fn subsequence(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.length);
        for found in self.matches() {
            text.extend(self.first[found.first_start..][..found.length].iter().rev());
        }
        text.reverse();
        text
    }

    /// The ranges that make up the subsequence, from the last to the first.
    pub fn matches(&self) -> impl Iterator<Item = Match> + '_ {
        let (mut row, mut column) = (self.first.len(), self.second.len());
        std::iter::from_fn(move || {
            let mut length = 0;
            while row > 0 && column > 0 {
                if self.first[row - 1] == self.second[column - 1] {
                    length += 1;
                    (row, column) = (row - 1, column - 1);
                } else if length > 0 {
                    break;
                } else if self.grows_at(row, column) {
                    row -= 1;
                } else {
                    column -= 1;
                }
            }
            (length > 0).then_some(Match { first_start: row, second_start: column, length })
        })
    }

    /// Whether the first `row` bytes have more in common with the first `column` bytes than with one byte fewer.
    fn grows_at(&self, row: usize, column: usize) -> bool {
        let column = column - 1;
        let bits = self.bits[column / COLUMN_WIDTH * self.first.len() + row - 1];
        bits >> (column % COLUMN_WIDTH) & 1 == 0
    }
}

fn check_limit(first: &[u8], second: &[u8], limit_bytes: u64) -> Result<(), LcsError> {
    const LENGTH_MAX: usize = u32::MAX as usize - 2;
    if first.len() > LENGTH_MAX || second.len() > LENGTH_MAX {
        return Err(LcsError::TooLong);
    }
    let cells = (first.len() as u128 + 1) * (second.len() as u128 + 1);
    if cells * 4 > u128::from(limit_bytes) { Err(LcsError::LimitExceeded) } else { Ok(()) }
}

/// Goes through all columns and in each through all rows, handing out each row's bits; returns the length.
fn sweep(first: &[u8], second: &[u8], mut take_row: impl FnMut(u64)) -> Result<usize, LcsError> {
    // What the addition in a row carries into the next column.
    let mut carries = Vec::new();
    if second.len() > COLUMN_WIDTH {
        carries.try_reserve_exact(first.len()).map_err(|_| LcsError::OutOfMemory)?;
        carries.resize(first.len(), false);
    }
    let mut length = 0;
    for part in second.chunks(COLUMN_WIDTH) {
        let mut masks = [0u64; 256];
        for (index, &byte) in part.iter().enumerate() {
            masks[usize::from(byte)] |= 1 << index;
        }
        let mut bits = u64::MAX;
        for (index, &byte) in first.iter().enumerate() {
            let mask = masks[usize::from(byte)];
            let carry_in = carries.get(index).copied().unwrap_or(false);
            let (sum, carry) = add_with_carry(bits, bits & mask, carry_in);
            if let Some(slot) = carries.get_mut(index) {
                *slot = carry;
            }
            bits = sum | (bits & !mask);
            take_row(bits);
        }
        length += bits.count_zeros() as usize;
    }
    Ok(length)
}

/// Addition with a carry in and out.
#[inline]
fn add_with_carry(one: u64, other: u64, carry: bool) -> (u64, bool) {
    let (sum, over) = one.overflowing_add(other);
    let (sum, over_again) = sum.overflowing_add(u64::from(carry));
    (sum, over | over_again)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The textbook table and walk, cell by cell.
    fn by_cells(first: &[u8], second: &[u8]) -> (usize, Vec<Match>) {
        let mut table = vec![vec![0; second.len() + 1]; first.len() + 1];
        for row in 1..=first.len() {
            for column in 1..=second.len() {
                table[row][column] = if first[row - 1] == second[column - 1] {
                    table[row - 1][column - 1] + 1
                } else {
                    table[row - 1][column].max(table[row][column - 1])
                };
            }
        }
        let (mut row, mut column) = (first.len(), second.len());
        let mut matches: Vec<Match> = Vec::new();
        let mut extends = false;
        while row > 0 && column > 0 {
            if first[row - 1] == second[column - 1] {
                (row, column) = (row - 1, column - 1);
                match matches.last_mut().filter(|_| extends) {
                    Some(last) => {
                        *last = Match { first_start: row, second_start: column, length: last.length + 1 }
                    }
                    None => matches.push(Match { first_start: row, second_start: column, length: 1 }),
                }
                extends = true;
            } else {
                extends = false;
                if table[row - 1][column] > table[row][column - 1] { row -= 1 } else { column -= 1 }
            }
        }
        (table[first.len()][second.len()], matches)
    }

    fn check(first: &[u8], second: &[u8]) {
        let (expected_length, expected_matches) = by_cells(first, second);
        let table = Table::new(first, second, u64::MAX).expect("small");
        assert_eq!(table.length(), expected_length);
        assert_eq!(length(first, second, u64::MAX), Ok(expected_length));
        assert_eq!(table.matches().collect::<Vec<_>>(), expected_matches);
        let subsequence = table.subsequence();
        assert_eq!(subsequence.len(), expected_length);
        for text in [first, second] {
            let mut rest = text.iter();
            assert!(subsequence.iter().all(|byte| rest.any(|other| other == byte)));
        }
    }

    #[test]
    fn the_example_of_the_documentation() {
        let table = Table::new(b"ohmytext", b"mynewtext", 1 << 20).expect("small");
        assert_eq!(table.subsequence(), b"mytext");
        let matches: Vec<Match> = table.matches().collect();
        assert_eq!(matches.len(), 2);
        assert_eq!((matches[0].first_start, matches[0].first_end()), (4, 7));
        assert_eq!((matches[0].second_start, matches[0].second_end()), (5, 8));
        assert_eq!(matches[1], Match { first_start: 2, second_start: 0, length: 2 });
    }

    #[test]
    fn nothing_in_common() {
        for (first, second) in [(&b""[..], &b""[..]), (b"", b"abc"), (b"abc", b""), (b"abc", b"xyz")] {
            check(first, second);
        }
    }

    #[test]
    fn the_limit_counts_four_bytes_for_each_pair_of_prefixes() {
        assert_eq!(length(b"abc", b"abc", 64), Ok(3));
        assert_eq!(length(b"abc", b"abc", 63), Err(LcsError::LimitExceeded));
        assert_eq!(Table::new(b"abc", b"abc", 63).err(), Some(LcsError::LimitExceeded));
        assert_eq!(length(b"", b"", 0), Err(LcsError::LimitExceeded));
    }

    proptest! {
        #[test]
        fn equals_the_table_of_lengths(first in "[ab]{0,40}", second in "[abc]{0,150}") {
            check(first.as_bytes(), second.as_bytes());
            check(second.as_bytes(), first.as_bytes());
        }

        #[test]
        fn equals_it_for_longer_strings(
            first in prop::collection::vec(0u8..6, 60..200),
            second in prop::collection::vec(0u8..6, 60..200),
        ) {
            check(&first, &second);
        }
    }
}
