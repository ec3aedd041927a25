//! Count-min sketches: how often each item was counted, never too low, and seldom much too high.
//!
//! Cormode and Muthukrishnan's: `depth` rows of `width` counters. An item raises one counter of each row, which its hash
//! with the row's number as the seed chooses; its count is the lowest of them. Of `n` counted things other items add on
//! average `n / width` to a counter, so that twice as much is exceeded in a row in less than half of the cases.

mod merge;
#[cfg(test)]
mod tests;

pub use merge::Sum;

use crate::entry::Payload;
use crate::sketch::{self, ARRAY_BYTES_MAX};
use crate::zeroed::zeroed;

/// Rows at most. Each costs a hash of every item; 150 are enough for the smallest probability.
pub const DEPTH_MAX: u64 = 1 << 16;

/// A count-min sketch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountMin {
    width: usize,
    depth: usize,
    /// All that was counted; at most `i64::MAX`.
    total: u64,
    /// Row by row, of 32 bits each, the lowest first. A counter that would go beyond its highest value stays there.
    counters: Box<[u8]>,
}

/// Width and depth with which a count exceeds the truth by more than `error` times all that was counted only with that
/// probability. Nothing where they would not be numbers.
pub fn dimensions(error: f64, probability: f64) -> Option<(u64, u64)> {
    // Single precision where RedisBloom has it, so that the depth is the same.
    let depth = ((probability as f32).log10() / 0.5f32.log10()).ceil();
    Some((whole((2.0 / error).ceil())?, whole(f64::from(depth))?))
}

/// A number from one on that is an `i64`, too.
fn whole(number: f64) -> Option<u64> {
    (1.0..9.2e18).contains(&number).then_some(number as u64)
}

/// Bytes that the counters take.
pub fn bytes(width: u64, depth: u64) -> Option<u64> {
    width.checked_mul(depth)?.checked_mul(4)
}

impl CountMin {
    /// An empty sketch; nothing if it would be too large.
    pub fn new(width: u64, depth: u64) -> Option<Self> {
        let bytes = bytes(width, depth).filter(|bytes| (1..=ARRAY_BYTES_MAX).contains(bytes))?;
        let counters = (depth <= DEPTH_MAX).then(|| zeroed(bytes as usize)).flatten()?;
        Some(Self { width: width as usize, depth: depth as usize, total: 0, counters })
    }

    /// A sketch with these counters. Nothing if they don't fit.
    pub fn from_parts(width: u64, depth: u64, total: u64, counters: &[u8]) -> Option<Self> {
        let fits = bytes(width, depth) == Some(counters.len() as u64) && i64::try_from(total).is_ok();
        let mut sketch = fits.then(|| Self::new(width, depth)).flatten()?;
        sketch.counters.copy_from_slice(counters);
        Some(Self { total, ..sketch })
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn depth(&self) -> usize {
        self.depth
    }

    /// All that was counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The counters, row by row, of 32 bits each.
    pub fn counters(&self) -> &[u8] {
        &self.counters
    }

    fn words(&self) -> &[[u8; 4]] {
        self.counters.as_chunks().0
    }

    fn words_mut(&mut self) -> &mut [[u8; 4]] {
        self.counters.as_chunks_mut().0
    }

    fn place(&self, item: &[u8], row: usize) -> usize {
        row * self.width + sketch::hash(item, row as u32) as usize % self.width
    }

    /// Counts an item so often, and returns its count then. Nothing if all of its counters have reached the highest
    /// value. O(depth).
    pub fn increment(&mut self, item: &[u8], by: u64) -> Option<u32> {
        let step = u32::try_from(by).unwrap_or(u32::MAX);
        let mut lowest = u32::MAX;
        for row in 0..self.depth {
            let place = self.place(item, row);
            let counter = &mut self.words_mut()[place];
            let count = u32::from_le_bytes(*counter).saturating_add(step);
            *counter = count.to_le_bytes();
            lowest = lowest.min(count);
        }
        self.total = self.total.saturating_add(by).min(i64::MAX as u64);
        (lowest < u32::MAX).then_some(lowest)
    }

    /// About how often an item was counted; not less. O(depth).
    pub fn count(&self, item: &[u8]) -> u32 {
        let counters = (0..self.depth).map(|row| u32::from_le_bytes(self.words()[self.place(item, row)]));
        counters.min().unwrap_or_default()
    }
}

impl Payload for CountMin {
    fn encoding_name(&self) -> &'static str {
        "raw"
    }

    fn type_name(&self) -> Option<&'static str> {
        Some("CMSk-TYPE")
    }

    fn len(&self) -> usize {
        self.words().len()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.counters.len()
    }

    fn blocks(&self) -> usize {
        sketch::blocks(self.counters.len())
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }
}
