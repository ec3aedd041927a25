//! Dropping bits, to nearest and ties to even, as floating-point hardware does.

/// `value / 2^bits`, rounded to nearest, ties to even. `sticky` says that the true value is a little above `value`.
pub(super) fn drop_bits(value: u128, bits: u32, sticky: bool) -> u128 {
    match bits {
        0 => value,
        1..=127 => {
            let kept = value >> bits;
            let dropped = value & ((1 << bits) - 1);
            let half = 1 << (bits - 1);
            let up = dropped > half || (dropped == half && (sticky || kept & 1 == 1));
            kept + u128::from(up)
        }
        // All bits go: only more than a half of 2^128 rounds up.
        128 => u128::from(value > 1 << 127 || (value == 1 << 127 && sticky)),
        _ => 0,
    }
}

/// An exact `mantissa × 2^exponent`, or with `sticky` a little more. Where sticky is set the mantissa has at least 66
/// significant bits, so that no rounding to 64 bits or fewer depends on how much more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unrounded {
    pub(super) mantissa: u128,
    pub(super) exponent: i64,
    pub(super) sticky: bool,
}

impl Unrounded {
    /// Rounds to `precision` bits (at most 64), but to no bit below `2^lowest_exponent`: `mantissa × 2^exponent`.
    pub(super) fn round(self, precision: u32, lowest_exponent: i64) -> (u128, i64) {
        let length = 128 - self.mantissa.leading_zeros();
        let lowest = (self.exponent + i64::from(length) - i64::from(precision)).max(lowest_exponent);
        match u32::try_from(lowest - self.exponent) {
            Ok(bits) => (drop_bits(self.mantissa, bits, self.sticky), lowest),
            // Fewer bits than asked for, or too large an exponent for u32: nothing to drop, or nothing left.
            Err(_) if lowest < self.exponent => (self.mantissa, self.exponent),
            Err(_) => (0, lowest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::drop_bits;

    #[test]
    fn ties_go_to_even() {
        for (value, bits, sticky, expected) in [
            (0b101, 1, false, 0b10),
            (0b111, 1, false, 0b100),
            (0b101, 1, true, 0b11),
            (0b1011, 2, false, 0b11),
            (0b1001, 2, true, 0b10),
            (7, 0, true, 7),
            (1 << 127, 128, false, 0),
            (1 << 127, 128, true, 1),
            (u128::MAX, 128, false, 1),
            (u128::MAX, 127, false, 2),
            (u128::MAX, 129, true, 0),
        ] {
            assert_eq!(drop_bits(value, bits, sticky), expected, "{value:b} {bits} {sticky}");
        }
    }
}
