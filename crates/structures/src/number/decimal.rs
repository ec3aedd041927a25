//! The decimal digits of an integer, eight at a time and without a branch for each.
//!
//! What is written ends at a fixed place, so that all stores have fixed lengths: who wants the text cuts it off where it
//! starts.

/// Room for the longest number: three groups of eight digits, the first with a sign.
pub const DECIMAL_BYTES: usize = 24;
/// The number of values that a group of eight digits has.
const GROUP: u64 = 100_000_000;

/// Writes the text of a number, right-aligned, and says where it starts. What is before that is of no meaning.
#[inline]
pub fn put_decimal(text: &mut [u8; DECIMAL_BYTES], number: i64) -> usize {
    let rest = number.unsigned_abs();
    let mut start = if rest < GROUP {
        16 + put_group(text, 16, rest)
    } else if rest < GROUP * GROUP {
        put_group(text, 16, rest % GROUP);
        8 + put_group(text, 8, rest / GROUP)
    } else {
        put_group(text, 16, rest % GROUP);
        put_group(text, 8, rest / GROUP % GROUP);
        put_group(text, 0, rest / (GROUP * GROUP))
    };
    if number < 0 {
        start -= 1;
        text[start] = b'-';
    }
    start
}

/// Writes the digits of a number below [`GROUP`], and says with how many zeros they begin: at most seven.
#[inline(always)]
fn put_group(text: &mut [u8; DECIMAL_BYTES], at: usize, number: u64) -> usize {
    let digits = eight_digits(number);
    text[at..at + 8].copy_from_slice(&(digits | 0x3030_3030_3030_3030).to_le_bytes());
    (digits | 1 << 56).trailing_zeros() as usize / 8
}

/// The eight digits of a number below [`GROUP`], a byte each, the first in the lowest. A number is halved three times:
/// into lanes of four digits, of two, of one. In each lane a division is a multiplication that does not reach the next one.
#[inline(always)]
const fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - 10 * tens) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(number: i64) {
        let mut text = [0; DECIMAL_BYTES];
        let start = put_decimal(&mut text, number);
        assert_eq!(std::str::from_utf8(&text[start..]), Ok(&*number.to_string()));
    }

    #[test]
    fn numbers_of_every_length_and_all_four_digits_of_a_lane() {
        for power in 0..19 {
            let bound = 10_i64.pow(power);
            for number in [bound - 1, bound, bound + 1, bound.saturating_mul(9)] {
                check(number);
                check(-number);
            }
        }
        check(i64::MIN);
        check(i64::MAX);
        (0..=10_000).for_each(|number| {
            check(number);
            check(number * 10_000);
        });
    }

    proptest! {
        #[test]
        fn digits_are_those_of_the_standard_library(number in any::<i64>(), shift in 0_u32..64) {
            check(number >> shift);
        }
    }
}
