//! What of an element's hash goes into a sketch.

use crate::murmur::hash_64;

use super::{RANK_BITS, REGISTER_BITS, REGISTERS};

const SEED: u64 = 0xadc8_3b19;

/// What an element's hash shows: its register, and how many zeros stand behind the bits that chose it, plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub index: usize,
    pub rank: u8,
}

impl Pattern {
    #[inline]
    pub fn of(element: &[u8]) -> Self {
        let hash = hash_64(element, SEED);
        let zeros = (hash >> REGISTER_BITS | 1 << RANK_BITS).trailing_zeros();
        Self { index: hash as usize % REGISTERS, rank: zeros as u8 + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_in_range() {
        for number in 0..100_000u64 {
            let pattern = Pattern::of(&number.to_le_bytes());
            assert!(pattern.index < REGISTERS && (1..=51).contains(&pattern.rank));
        }
    }
}
