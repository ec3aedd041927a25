//! Quantiles of very many numbers: the merging t-digest.
//!
//! Dunning's (Computing Extremely Accurate Quantiles Using t-Digests, 2019), with the steps of the library that RedisBloom
//! uses, so that equal observations give equal results to the last digit. Numbers wait until there is no more room for
//! them; then all are sorted together with the centroids, and neighbours are merged as far as the scale function lets
//! them: the nearer to an end, the less.
//!
//! Reading never changes a digest: where numbers wait, it looks at what merging them would give, which is kept until the
//! next number comes. So a digest depends only on what was added, and not on who looked when.

mod compress;
mod merge;
mod quantile;
mod rank;
#[cfg(test)]
mod tests;

pub use merge::Merger;
pub use rank::Order;

use crate::entry::Payload;
use crate::sketch;
use std::sync::OnceLock;

/// What RedisBloom takes when none is asked for.
pub const COMPRESSION_DEFAULT: u64 = 100;
/// Centroids and waiting numbers at most, 128 MiB of them.
const CAPACITY_MAX: u64 = 1 << 23;
/// Observations at most. Far enough from the end of 64 bits for what rounding does to it.
const WEIGHT_MAX: i64 = 1 << 62;

/// Some observations, by their mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Centroid {
    pub mean: f64,
    /// How many.
    pub weight: i64,
}

/// A digest of numbers.
#[derive(Clone, Debug)]
pub struct TDigest {
    compression: u64,
    /// The highest number where there is none yet.
    min: f64,
    /// The lowest number where there is none yet.
    max: f64,
    /// In ascending order.
    merged: Vec<Centroid>,
    merged_weight: i64,
    /// Of weight 1 each, in the order in which they came.
    waiting: Vec<f64>,
    compressions: i64,
    /// What merging those that wait would give.
    ahead: OnceLock<Box<[Centroid]>>,
}

/// What is saved of a digest; see [`TDigest::from_parts`].
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    pub compression: f64,
    pub min: f64,
    pub max: f64,
    pub capacity: i64,
    pub compressions: i64,
    pub weight: f64,
    pub centroids: Vec<Centroid>,
}

/// All observations as centroids, and what else it takes to read them.
#[derive(Clone, Copy, Debug)]
struct View<'d> {
    centroids: &'d [Centroid],
    weight: f64,
    min: f64,
    max: f64,
}

/// The observations can't be counted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// Centroids and waiting numbers of a digest at most. Nothing for a compression that is too high.
pub fn capacity(compression: u64) -> Option<u64> {
    let capacity = compression.checked_mul(6)?.checked_add(10)?;
    (compression > 0 && capacity <= CAPACITY_MAX).then_some(capacity)
}

/// Takes a number in between the extremes.
fn widen(min: &mut f64, max: &mut f64, number: f64) {
    if number < *min {
        *min = number;
    }
    if number > *max {
        *max = number;
    }
}

impl TDigest {
    /// An empty digest; nothing if it might become too large.
    pub fn new(compression: u64) -> Option<Self> {
        capacity(compression)?;
        Some(Self {
            compression,
            min: f64::MAX,
            max: f64::MIN,
            merged: Vec::new(),
            merged_weight: 0,
            waiting: Vec::new(),
            compressions: 0,
            ahead: OnceLock::new(),
        })
    }

    /// A digest in which no number waits. Nothing if there is no such digest.
    pub fn from_parts(parts: Parts) -> Option<Self> {
        let Parts { compression, min, max, compressions, weight, centroids, .. } = parts;
        // Far beyond any capacity; what is below is a number of 64 bits.
        let is_whole = (1.0..1e9).contains(&compression) && compression.fract() == 0.0;
        let empty = Self::new(is_whole.then_some(compression as u64)?)?;
        let fits = i64::try_from(empty.capacity()) == Ok(parts.capacity)
            && centroids.len() as u64 <= empty.capacity()
            && compressions >= 0;
        if !fits {
            return None;
        }
        if centroids.is_empty() {
            let is_empty = weight == 0.0 && min == f64::MAX && max == f64::MIN;
            return is_empty.then_some(Self { compressions, ..empty });
        }
        let is_sane =
            min.is_finite() && max.is_finite() && min <= max && compress::is_sane(&centroids, weight);
        let merged_weight = weight as i64;
        is_sane.then_some(Self { min, max, merged: centroids, merged_weight, compressions, ..empty })
    }

    pub fn compression(&self) -> u64 {
        self.compression
    }

    /// Centroids and waiting numbers at most.
    pub fn capacity(&self) -> u64 {
        6 * self.compression + 10
    }

    /// The lowest number, if there is any.
    pub fn min(&self) -> Option<f64> {
        (self.observations() > 0).then_some(self.min)
    }

    /// The highest number, if there is any.
    pub fn max(&self) -> Option<f64> {
        (self.observations() > 0).then_some(self.max)
    }

    /// How many numbers were added.
    pub fn observations(&self) -> i64 {
        self.merged_weight + self.waiting.len() as i64
    }

    /// The centroids that don't wait for anything.
    pub fn merged(&self) -> &[Centroid] {
        &self.merged
    }

    /// How many observations the centroids stand for.
    pub fn merged_weight(&self) -> i64 {
        self.merged_weight
    }

    /// The numbers that wait to be merged.
    pub fn waiting(&self) -> &[f64] {
        &self.waiting
    }

    /// How often numbers were merged.
    pub fn compressions(&self) -> i64 {
        self.compressions
    }

    /// Forgets all numbers.
    pub fn reset(&mut self) {
        *self = Self::new(self.compression).expect("it was made with that");
    }

    /// Whether so many numbers can be added.
    pub fn has_room_for(&self, numbers: usize) -> bool {
        i64::try_from(numbers).is_ok_and(|numbers| numbers <= WEIGHT_MAX - self.observations())
    }

    /// Adds a finite number. O(1) mostly; every some hundred times O(capacity * log capacity).
    pub fn add(&mut self, number: f64) {
        debug_assert!(number.is_finite());
        if (self.merged.len() + self.waiting.len()) as u64 >= self.capacity() - 1 {
            self.settle();
        }
        widen(&mut self.min, &mut self.max, number);
        self.waiting.push(number);
        self.ahead.take();
    }

    /// Merges what waits.
    fn settle(&mut self) {
        let merged = self.ahead.take().unwrap_or_else(|| self.look_ahead());
        self.merged = merged.into_vec();
        self.merged_weight = self.weight() as i64;
        self.waiting.clear();
        self.compressions += 1;
    }

    /// All observations, as they are calculated with.
    fn weight(&self) -> f64 {
        self.merged_weight as f64 + self.waiting.len() as f64
    }

    fn look_ahead(&self) -> Box<[Centroid]> {
        let mut centroids = Vec::with_capacity(self.merged.len() + self.waiting.len());
        centroids.extend_from_slice(&self.merged);
        centroids.extend(self.waiting.iter().map(|number| Centroid { mean: *number, weight: 1 }));
        compress::compress(&mut centroids, self.weight(), self.compression);
        centroids.into_boxed_slice()
    }

    fn view(&self) -> View<'_> {
        let centroids = match self.waiting[..] {
            [] => &self.merged,
            _ => &self.ahead.get_or_init(|| self.look_ahead())[..],
        };
        View { centroids, weight: self.weight(), min: self.min, max: self.max }
    }

    /// What is saved: an equal digest in which no number waits.
    pub fn parts(&self) -> Parts {
        let view = self.view();
        Parts {
            compression: self.compression as f64,
            min: self.min,
            max: self.max,
            capacity: self.capacity() as i64,
            compressions: self.compressions + i64::from(!self.waiting.is_empty()),
            weight: view.weight,
            centroids: view.centroids.to_vec(),
        }
    }

    /// This digest without the numbers that wait, but with their extremes.
    pub fn without_waiting(&self) -> Self {
        Self { waiting: Vec::new(), ahead: OnceLock::new(), merged: self.merged.clone(), ..*self }
    }
}

impl Payload for TDigest {
    fn encoding_name(&self) -> &'static str {
        "raw"
    }

    fn type_name(&self) -> Option<&'static str> {
        Some("TDIS-TYPE")
    }

    fn len(&self) -> usize {
        self.merged.len() + self.waiting.len()
    }

    fn memory_bytes(&self) -> usize {
        let ahead = self.ahead.get().map_or(0, |ahead| size_of_val(&ahead[..]));
        let own = self.merged.capacity() * size_of::<Centroid>() + self.waiting.capacity() * size_of::<f64>();
        size_of::<Self>() + own + ahead
    }

    fn blocks(&self) -> usize {
        sketch::blocks(self.len() * size_of::<Centroid>())
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }
}
