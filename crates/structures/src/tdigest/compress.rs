//! Merging neighbours.

use super::{Centroid, WEIGHT_MAX};
use std::f64::consts::PI;

/// Sorts centroids and merges as many as the compression asks for. `weight` is what they weigh together.
/// O(number * log number), or little more than O(number) where most of them are in order.
pub(super) fn compress(centroids: &mut Vec<Centroid>, weight: f64, compression: u64) {
    // Stable, so that equal means are merged in an order that no library chooses.
    centroids.sort_by(|one, other| one.mean.total_cmp(&other.mean));
    if weight <= 1.0 {
        return;
    }
    // The scale function k2 of the paper, by its slope: a centroid of weight w may stand around a quantile q where
    // w * scale <= q * (1 - q), at both of its ends.
    let scale = compression as f64 / (2.0 * PI * weight * weight.ln());
    let (mut last, mut before) = (0, 0.0);
    for index in 1..centroids.len() {
        let next = centroids[index];
        let together = centroids[last].weight as f64 + next.weight as f64;
        let (low, high) = (before / weight, (before + together) / weight);
        let needed = together * scale;
        if needed <= low * (1.0 - low) && needed <= high * (1.0 - high) {
            centroids[last].absorb(next);
        } else {
            before += centroids[last].weight as f64;
            last += 1;
            centroids[last] = next;
        }
    }
    centroids.truncate(last + 1);
}

impl Centroid {
    fn absorb(&mut self, other: Self) {
        self.weight += other.weight;
        let (share, weight) = (other.weight as f64, self.weight as f64);
        let step = (other.mean - self.mean) * share / weight;
        self.mean = if step.is_finite() {
            self.mean + step
        } else {
            // Two numbers that are further apart than numbers go.
            self.mean * (1.0 - share / weight) + other.mean * (share / weight)
        };
    }
}

/// Whether these can be the centroids of a digest: in order but for what rounding does to a mean, and of that weight.
pub(super) fn is_sane(centroids: &[Centroid], weight: f64) -> bool {
    const ROUNDING: f64 = 1e-9;
    let in_order = |pair: &[Centroid]| {
        let (low, high) = (pair[0].mean, pair[1].mean);
        low <= high || low - high <= ROUNDING * low.abs().max(high.abs())
    };
    let sum = centroids.iter().try_fold(0i64, |sum, centroid| sum.checked_add(centroid.weight));
    let weighs = |sum: i64| (sum as f64 - weight).abs() <= ROUNDING * weight;
    centroids.iter().all(|centroid| centroid.mean.is_finite() && centroid.weight > 0)
        && centroids.windows(2).all(in_order)
        && weight <= WEIGHT_MAX as f64
        && sum.is_some_and(weighs)
}
