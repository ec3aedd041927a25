//! The heaviest of very many items: HeavyKeeper, with a heap of the `k` that it found.
//!
//! Yang and others' (2018), as RedisBloom has it: `depth` rows of `width` buckets. A bucket keeps the fingerprint of one
//! item and its count. Another item that falls into it may take one from the count, the more seldom the higher that is
//! (`decay` to the power of the count), and owns the bucket once nothing is left. So the frequent keep their buckets. Those
//! with the highest counts stand in the heap, with their names.
//!
//! Chance is drawn from a state inside the value: equal values that get equal items stay equal.

mod draw;
mod heap;
#[cfg(test)]
mod tests;

pub use heap::Heavy;

use crate::entry::Payload;
use crate::sketch::{self, ARRAY_BYTES_MAX};
use crate::zeroed::zeroed;
use draw::{Draws, power};
use heap::Heap;

/// Items that are kept at most: each addition may look at all of them.
pub const K_MAX: u64 = 1 << 20;
/// Rows at most: an addition with a large increment may draw that often in each.
pub const DEPTH_MAX: u64 = 1 << 10;

/// The seed of fingerprints.
const FINGERPRINT: u32 = 1919;

/// What RedisBloom reserves when no dimensions are asked for.
pub const DEFAULT: Shape = Shape { k: 0, width: 8, depth: 7, decay: 0.9 };

/// What a sketch was made with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub k: u64,
    pub width: u64,
    pub depth: u64,
    /// Above 0, at most 1.
    pub decay: f64,
}

/// A sketch of the most frequent items.
#[derive(Clone, Debug, PartialEq)]
pub struct TopK {
    shape: Shape,
    draws: Draws,
    /// Row by row: [`Bucket`]s of 8 bytes.
    buckets: Box<[u8]>,
    heap: Heap,
}

/// Whose it is, and how often that was counted: four bytes each, the lowest first.
#[derive(Clone, Copy)]
struct Bucket {
    fingerprint: u32,
    count: u32,
}

impl Bucket {
    fn unpack(bytes: [u8; 8]) -> Self {
        let word = u64::from_le_bytes(bytes);
        Self { fingerprint: word as u32, count: (word >> 32) as u32 }
    }

    fn pack(self) -> [u8; 8] {
        (u64::from(self.count) << 32 | u64::from(self.fingerprint)).to_le_bytes()
    }
}

/// Bytes that the buckets take.
pub fn bytes(width: u64, depth: u64) -> Option<u64> {
    width.checked_mul(depth)?.checked_mul(8)
}

/// How sketches know an item.
pub fn fingerprint(item: &[u8]) -> u32 {
    sketch::hash(item, FINGERPRINT)
}

impl TopK {
    /// An empty sketch; nothing if it would be too large.
    pub fn new(shape: Shape) -> Option<Self> {
        let Shape { k, width, depth, decay } = shape;
        let bytes = bytes(width, depth).filter(|bytes| (1..=ARRAY_BYTES_MAX).contains(bytes))?;
        let is_sane = depth <= DEPTH_MAX && (1..=K_MAX).contains(&k) && decay > 0.0 && decay <= 1.0;
        let buckets = is_sane.then(|| zeroed(bytes as usize)).flatten()?;
        Some(Self { shape, draws: Draws::default(), buckets, heap: Heap::new(k as usize) })
    }

    /// A sketch with these buckets and this heap, in their order. Nothing if they don't fit.
    pub fn from_parts(shape: Shape, draws: u64, buckets: &[u8], heap: Vec<Heavy>) -> Option<Self> {
        let fits =
            bytes(shape.width, shape.depth) == Some(buckets.len() as u64) && shape.k == heap.len() as u64;
        let mut sketch = fits.then(|| Self::new(shape)).flatten()?;
        sketch.buckets.copy_from_slice(buckets);
        Some(Self { draws: Draws(draws), heap: Heap::from_parts(heap), ..sketch })
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The state that chance is drawn from.
    pub fn draws(&self) -> u64 {
        self.draws.0
    }

    /// The buckets, row by row: fingerprint and count of each, of 32 bits.
    pub fn buckets(&self) -> &[u8] {
        &self.buckets
    }

    fn words(&self) -> &[[u8; 8]] {
        self.buckets.as_chunks().0
    }

    /// The heap in its order, with places that are free.
    pub fn heap(&self) -> &[Heavy] {
        self.heap.places()
    }

    fn place(&self, item: &[u8], row: usize) -> usize {
        let width = self.shape.width as usize;
        row * width + sketch::hash(item, row as u32) as usize % width
    }

    /// Counts an item so often, and returns the one that it expelled. O(depth + k), and a draw for each of the
    /// increment where another item owns a bucket.
    pub fn add(&mut self, item: &[u8], increment: u32) -> Option<Box<[u8]>> {
        let fingerprint = fingerprint(item);
        let mut highest = 0;
        for row in 0..self.shape.depth as usize {
            let place = self.place(item, row);
            let mut bucket = Bucket::unpack(self.words()[place]);
            if bucket.count == 0 {
                bucket = Bucket { fingerprint, count: increment };
            } else if bucket.fingerprint == fingerprint {
                bucket.count = bucket.count.saturating_add(increment);
            } else {
                bucket = self.contend(bucket, fingerprint, increment);
            }
            if bucket.fingerprint == fingerprint {
                highest = highest.max(bucket.count);
            }
            self.buckets.as_chunks_mut().0[place] = bucket.pack();
        }
        if highest < self.heap.lowest() {
            return None;
        }
        match self.heap.find(item, fingerprint) {
            Some(place) => {
                self.heap.recount(place, highest);
                None
            }
            None => self.heap.replace(Heavy { fingerprint, count: highest, item: Some(item.into()) }),
        }
    }

    /// What becomes of another item's bucket, for so many tries to take one from its count.
    fn contend(&mut self, mut bucket: Bucket, fingerprint: u32, increment: u32) -> Bucket {
        let mut chance = power(self.shape.decay, bucket.count);
        for left in (1..=increment).rev() {
            if chance < draw::SMALLEST {
                break;
            }
            if self.draws.next() < chance {
                bucket.count -= 1;
                if bucket.count == 0 {
                    return Bucket { fingerprint, count: left };
                }
                chance = power(self.shape.decay, bucket.count);
            }
        }
        bucket
    }

    /// Whether the item is among the heaviest. O(k).
    pub fn contains(&self, item: &[u8]) -> bool {
        self.heap.find(item, fingerprint(item)).is_some()
    }

    /// About how often an item was counted, or less, or nothing. O(depth + k).
    pub fn count(&self, item: &[u8]) -> u32 {
        let fingerprint = fingerprint(item);
        let least = if self.heap.find(item, fingerprint).is_some() { self.heap.lowest() } else { 0 };
        let buckets = (0..self.shape.depth as usize).map(|row| self.words()[self.place(item, row)]);
        let own = buckets.map(Bucket::unpack).filter(|bucket| bucket.fingerprint == fingerprint);
        own.map(|bucket| bucket.count).filter(|count| *count >= least).max().unwrap_or_default()
    }

    /// The heaviest items with their counts, the heaviest first. O(k log k).
    pub fn list(&self) -> Vec<(&[u8], u32)> {
        let counted = self.heap().iter().filter(|heavy| heavy.count > 0);
        let mut found: Vec<_> =
            counted.filter_map(|heavy| Some((heavy.item.as_deref()?, heavy.count))).collect();
        found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        found
    }
}

impl Payload for TopK {
    fn encoding_name(&self) -> &'static str {
        "raw"
    }

    fn type_name(&self) -> Option<&'static str> {
        Some("TopK-TYPE")
    }

    fn len(&self) -> usize {
        self.words().len()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.buckets.len() + self.heap.memory_bytes()
    }

    fn blocks(&self) -> usize {
        sketch::blocks(self.buckets.len()) + self.heap().len()
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }
}
