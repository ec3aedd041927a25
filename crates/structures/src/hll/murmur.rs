//! The hash of elements: MurmurHash64A, with Redis' seed.

use super::{RANK_BITS, REGISTER_BITS, REGISTERS};

const SEED: u64 = 0xadc8_3b19;
const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
const SHIFT: u32 = 47;

/// What an element's hash shows: its register, and how many zeros stand behind the bits that chose it, plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub index: usize,
    pub rank: u8,
}

impl Pattern {
    #[inline]
    pub fn of(element: &[u8]) -> Self {
        let hash = hash(element);
        let zeros = (hash >> REGISTER_BITS | 1 << RANK_BITS).trailing_zeros();
        Self { index: hash as usize % REGISTERS, rank: zeros as u8 + 1 }
    }
}

#[inline]
fn hash(element: &[u8]) -> u64 {
    let mut hash = SEED ^ (element.len() as u64).wrapping_mul(FACTOR);
    let (words, tail) = element.as_chunks::<8>();
    for word in words {
        let mixed = u64::from_le_bytes(*word).wrapping_mul(FACTOR);
        let mixed = (mixed ^ mixed >> SHIFT).wrapping_mul(FACTOR);
        hash = (hash ^ mixed).wrapping_mul(FACTOR);
    }
    if !tail.is_empty() {
        let mut word = [0; 8];
        word[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(FACTOR);
    hash ^ hash >> SHIFT
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
