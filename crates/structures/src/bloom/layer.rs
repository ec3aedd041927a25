//! One layer: bits, and where in them an item stands.

use super::plan::{self, Plan};
use crate::murmur::{hash_32, hash_64};
use crate::zeroed::zeroed;

const SEED_64: u64 = 0xc6a4_a793_5bd1_e995;
const SEED_32: u32 = 0x9747_b28c;

/// A plain Bloom filter. Its fields are those that RedisBloom writes.
#[derive(Clone, Debug)]
pub struct Layer {
    pub bytes: Box<[u8]>,
    /// Bits that are used, if their number is no power of two.
    pub bits: u64,
    /// The power of two that is the number of bits; 0 if it is none.
    pub bits_log2: u8,
    pub hashes: u32,
    /// Bits an item, from which the number of hashes follows.
    pub bits_per_item: f64,
    pub error: f64,
    /// Items that it is made for.
    pub capacity: u64,
    /// Items that were added.
    pub items: u64,
}

/// An item's hashes: the first place, and the step to each further one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pattern {
    first: u64,
    step: u64,
}

impl Pattern {
    pub(super) fn wide(item: &[u8]) -> Self {
        let first = hash_64(item, SEED_64);
        Self { first, step: hash_64(item, first) }
    }

    /// As filters of RedisBloom 1 have it.
    pub(super) fn narrow(item: &[u8]) -> Self {
        let first = hash_32(item, SEED_32);
        Self { first: first.into(), step: hash_32(item, first).into() }
    }

    fn place(self, index: u64, layer: &Layer) -> u64 {
        let place = self.first.wrapping_add(index.wrapping_mul(self.step));
        match layer.bits_log2 {
            0 => place % layer.bits,
            // Narrow hashes wrap around at 32 bits, of which the low ones stay the same.
            log2 => place & ((1 << log2) - 1),
        }
    }
}

impl Layer {
    /// An empty layer; nothing if there is no memory for it.
    pub(super) fn new(plan: &Plan, error: f64) -> Option<Self> {
        Some(Self {
            bytes: zeroed(usize::try_from(plan.bytes()).ok()?)?,
            bits: plan.bits(),
            bits_log2: plan.bits_log2,
            hashes: plan.hashes,
            bits_per_item: plan.bits_per_item,
            error,
            capacity: plan.capacity,
            items: 0,
        })
    }

    /// Whether no item stands outside of the bytes, and each is looked for in a bearable time.
    pub(super) fn is_sound(&self) -> bool {
        let bits_there = self.bytes.len() as u64 * 8;
        let bits_used = match self.bits_log2 {
            0 => self.bits,
            log2 @ 1..64 => 1 << log2,
            _ => return false,
        };
        (1..=bits_there).contains(&bits_used)
            && self.bits <= bits_there
            && self.capacity > 0
            && self.error > 0.0
            && self.error < 1.0
            && (1..=plan::HASHES_MAX).contains(&self.hashes)
            && plan::hashes_of(self.bits_per_item) == self.hashes
    }

    pub(super) fn contains(&self, pattern: Pattern) -> bool {
        (0..u64::from(self.hashes)).all(|index| {
            let place = pattern.place(index, self);
            self.bytes[(place / 8) as usize] & 1 << (place % 8) != 0
        })
    }

    pub(super) fn insert(&mut self, pattern: Pattern) {
        for index in 0..u64::from(self.hashes) {
            let place = pattern.place(index, self);
            self.bytes[(place / 8) as usize] |= 1 << (place % 8);
        }
        self.items += 1;
    }
}
