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

/// Rows at most. Each costs a hash of every item; 150 are enough for the smallest probability.
pub const DEPTH_MAX: u64 = 1 << 16;

/// A count-min sketch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountMin {
    width: usize,
    depth: usize,
    /// All that was counted; at most `i64::MAX`.
    total: u64,
    /// Row by row. A counter that would go beyond its highest value stays there.
    counters: Vec<u32>,
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

impl CountMin {
    /// An empty sketch; nothing if it would be too large.
    pub fn new(width: u64, depth: u64) -> Option<Self> {
        let counters = width.checked_mul(depth).filter(|counters| *counters <= ARRAY_BYTES_MAX / 4)?;
        if counters == 0 || depth > DEPTH_MAX {
            return None;
        }
        // Zeros from the system: pages that nothing was counted in take no memory.
        let counters = vec![0; counters as usize];
        Some(Self { width: width as usize, depth: depth as usize, total: 0, counters })
    }

    /// A sketch with these counters. Nothing if they don't fit.
    pub fn from_parts(
        width: u64,
        depth: u64,
        total: u64,
        counters: impl ExactSizeIterator<Item = u32>,
    ) -> Option<Self> {
        let fits = width.checked_mul(depth) == Some(counters.len() as u64) && i64::try_from(total).is_ok();
        let mut sketch = fits.then(|| Self::new(width, depth)).flatten()?;
        sketch.counters.iter_mut().zip(counters).for_each(|(counter, count)| *counter = count);
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

    /// The counters, row by row.
    pub fn counters(&self) -> &[u32] {
        &self.counters
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
            let counter = &mut self.counters[place];
            *counter = counter.saturating_add(step);
            lowest = lowest.min(*counter);
        }
        self.total = self.total.saturating_add(by).min(i64::MAX as u64);
        (lowest < u32::MAX).then_some(lowest)
    }

    /// About how often an item was counted; not less. O(depth).
    pub fn count(&self, item: &[u8]) -> u32 {
        let counters = (0..self.depth).map(|row| self.counters[self.place(item, row)]);
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
        self.counters.len()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&self.counters[..])
    }

    fn blocks(&self) -> usize {
        sketch::blocks(size_of_val(&self.counters[..]))
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }
}
