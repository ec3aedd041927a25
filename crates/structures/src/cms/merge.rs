//! Sums of sketches that have the same dimensions, each with a weight of its own.

use super::CountMin;

/// A sum that sketches are added to. Weights may be negative, and so may a sum be on its way.
pub struct Sum {
    width: usize,
    depth: usize,
    total: i64,
    counters: Vec<i64>,
}

impl Sum {
    /// Nothing yet, in the dimensions of that sketch.
    pub fn like(sketch: &CountMin) -> Self {
        let counters = vec![0; sketch.counters.len()];
        Self { width: sketch.width, depth: sketch.depth, total: 0, counters }
    }

    /// Adds a sketch so often. Nothing if a sum overflows.
    pub fn add(&mut self, sketch: &CountMin, weight: i64) -> Option<()> {
        assert!((self.width, self.depth) == (sketch.width, sketch.depth), "their dimensions were compared");
        for (sum, count) in self.counters.iter_mut().zip(&sketch.counters) {
            *sum = sum.checked_add(i64::from(*count).checked_mul(weight)?)?;
        }
        self.total = self.total.checked_add(i64::try_from(sketch.total).ok()?.checked_mul(weight)?)?;
        Some(())
    }

    /// The sketch that it is. Nothing if a sum is no counter's value.
    pub fn finish(self) -> Option<CountMin> {
        let total = u64::try_from(self.total).ok()?;
        let counters = self.counters.into_iter().map(|sum| u32::try_from(sum).ok()).collect::<Option<_>>()?;
        Some(CountMin { width: self.width, depth: self.depth, total, counters })
    }
}
