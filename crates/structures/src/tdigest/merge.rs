//! Digests of several digests.

use super::{Centroid, Overflow, Parts, TDigest, WEIGHT_MAX, capacity, compress, widen};

/// A digest that others are added to, centroid by centroid.
pub struct Merger {
    compression: u64,
    capacity: usize,
    min: f64,
    max: f64,
    centroids: Vec<Centroid>,
    /// Of the centroids in front, which were merged.
    merged_weight: i64,
    waiting: usize,
    waiting_weight: i64,
    compressions: i64,
}

impl Merger {
    /// Nothing yet. Nothing at all if it might become too large.
    pub fn new(compression: u64) -> Option<Self> {
        Some(Self {
            compression,
            capacity: usize::try_from(capacity(compression)?).ok()?,
            min: f64::MAX,
            max: f64::MIN,
            centroids: Vec::new(),
            merged_weight: 0,
            waiting: 0,
            waiting_weight: 0,
            compressions: 0,
        })
    }

    /// Adds all of a digest.
    pub fn add(&mut self, digest: &TDigest) -> Result<(), Overflow> {
        self.settle();
        digest.view().centroids.iter().try_for_each(|centroid| self.add_one(*centroid))
    }

    fn add_one(&mut self, centroid: Centroid) -> Result<(), Overflow> {
        if self.centroids.len() >= self.capacity - 1 {
            self.settle();
        }
        let waiting_weight = self.waiting_weight.checked_add(centroid.weight).ok_or(Overflow)?;
        self.merged_weight.checked_add(waiting_weight).filter(|sum| *sum <= WEIGHT_MAX).ok_or(Overflow)?;
        self.waiting_weight = waiting_weight;
        self.waiting += 1;
        widen(&mut self.min, &mut self.max, centroid.mean);
        self.centroids.push(centroid);
        Ok(())
    }

    fn settle(&mut self) {
        if self.waiting == 0 {
            return;
        }
        let weight = self.merged_weight as f64 + self.waiting_weight as f64;
        compress::compress(&mut self.centroids, weight, self.compression);
        (self.merged_weight, self.waiting_weight, self.waiting) = (weight as i64, 0, 0);
        self.compressions += 1;
    }

    /// The digest of all that was added; nothing waits in it.
    pub fn finish(mut self) -> Result<TDigest, Overflow> {
        self.settle();
        let parts = Parts {
            compression: self.compression as f64,
            min: self.min,
            max: self.max,
            capacity: self.capacity as i64,
            compressions: self.compressions,
            weight: self.merged_weight as f64,
            centroids: self.centroids,
        };
        TDigest::from_parts(parts).ok_or(Overflow)
    }
}
