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
    /// Nothing yet, in the dimensions of that sketch. Nothing at all if there is no memory for it.
    pub fn like(sketch: &CountMin) -> Option<Self> {
        let mut counters = Vec::new();
        counters.try_reserve_exact(sketch.words().len()).ok()?;
        counters.resize(sketch.words().len(), 0);
        Some(Self { width: sketch.width, depth: sketch.depth, total: 0, counters })
    }

    /// Adds a sketch so often. Nothing if a sum overflows.
    pub fn add(&mut self, sketch: &CountMin, weight: i64) -> Option<()> {
        assert!((self.width, self.depth) == (sketch.width, sketch.depth), "their dimensions were compared");
        for (sum, counter) in self.counters.iter_mut().zip(sketch.words()) {
            let count = i64::from(u32::from_le_bytes(*counter));
            *sum = sum.checked_add(count.checked_mul(weight)?)?;
        }
        self.total = self.total.checked_add(i64::try_from(sketch.total).ok()?.checked_mul(weight)?)?;
        Some(())
    }

    /// The sketch that it is. Nothing if a sum is no counter's value.
    pub fn finish(self) -> Option<CountMin> {
        let mut sketch = CountMin::new(self.width as u64, self.depth as u64)?;
        sketch.total = u64::try_from(self.total).ok()?;
        for (counter, sum) in sketch.words_mut().iter_mut().zip(&self.counters) {
            *counter = u32::try_from(*sum).ok()?.to_le_bytes();
        }
        Some(sketch)
    }
}
