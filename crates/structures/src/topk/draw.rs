//! Chance from a state that anybody can write down, and powers that are the same on every machine.

/// Draws by SplitMix64 (Steele and others, 2014): its state only counts, so every state is a good one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Draws(pub u64);

/// A chance below this is none: the smallest draw but zero.
pub(super) const SMALLEST: f64 = 1.0 / (1u64 << 53) as f64;

impl Draws {
    /// A number from 0 on, below 1.
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) >> 11) as f64 * SMALLEST
    }
}

/// By multiplications alone, which round alike everywhere; a library's power need not. O(log exponent).
pub(super) fn power(base: f64, mut exponent: u32) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}
