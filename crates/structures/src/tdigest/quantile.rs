//! From quantiles to numbers: between centroids, along straight lines. A single observation stands where it was made, and
//! so do the lowest and the highest.

use super::{Centroid, TDigest, View};

/// Where the look for an index has come to: it goes on from there for every higher one.
struct Cursor {
    /// Weight in front of the middle of the centroid there.
    passed: f64,
    at: usize,
}

impl TDigest {
    /// The number below which that share of all observations is, for each of these quantiles in [0, 1]; not a number
    /// where there are no observations. O(capacity), and that much again for each quantile below its predecessor.
    pub fn quantiles(&self, quantiles: &[f64]) -> Vec<f64> {
        let view = self.view();
        let [first, others @ ..] = view.centroids else { return vec![f64::NAN; quantiles.len()] };
        if others.is_empty() {
            return vec![first.mean; quantiles.len()];
        }
        let mut cursor = Cursor::first(first);
        let mut previous = 0.0;
        let of = |quantile: &f64| {
            if *quantile < previous {
                cursor = Cursor::first(first);
            }
            previous = *quantile;
            view.number_at(quantile * view.weight, &mut cursor)
        };
        quantiles.iter().map(of).collect()
    }

    /// The mean of all observations between two quantiles in [0, 1]; not a number where there are none.
    pub fn trimmed_mean(&self, low: f64, high: f64) -> f64 {
        let view = self.view();
        match view.centroids {
            [] => f64::NAN,
            [only] => only.mean,
            centroids => mean_between(centroids, (view.weight * low).floor(), (view.weight * high).ceil()),
        }
    }
}

impl Cursor {
    fn first(centroid: &Centroid) -> Self {
        Self { passed: centroid.weight as f64 / 2.0, at: 0 }
    }
}

impl View<'_> {
    /// The number below which so many observations are, of at least two centroids.
    pub(super) fn quantile(&self, quantile: f64) -> f64 {
        let index = quantile * self.weight;
        if index < 1.0 {
            return self.min;
        }
        self.number_at(index, &mut Cursor::first(&self.centroids[0]))
    }

    fn number_at(&self, index: f64, cursor: &mut Cursor) -> f64 {
        let (Some(first), Some(last)) = (self.centroids.first(), self.centroids.last()) else {
            return f64::NAN;
        };
        let half = first.weight as f64 / 2.0;
        if first.weight > 1 && index < half {
            // One observation of the first centroid is the lowest.
            let inside = self.min + (index - 1.0) / (half - 1.0) * (first.mean - self.min);
            return if half > 1.0 { inside } else { self.min };
        }
        if index > self.weight - 1.0 {
            return self.max;
        }
        let half = last.weight as f64 / 2.0;
        if last.weight > 1 && self.weight - index <= half {
            // One observation of the last centroid is the highest.
            let inside = self.max - (self.weight - index - 1.0) / (half - 1.0) * (self.max - last.mean);
            return if half > 1.0 { inside } else { self.max };
        }
        while let Some([left, right]) = self.centroids.get(cursor.at..cursor.at + 2) {
            let between = (left.weight as f64 + right.weight as f64) / 2.0;
            if cursor.passed + between > index {
                return number_between(*left, *right, index - cursor.passed, cursor.passed + between - index);
            }
            cursor.passed += between;
            cursor.at += 1;
        }
        let behind = index - self.weight - half;
        weighted(last.mean, behind, self.max, half - behind)
    }
}

/// The number so much weight behind the middle of one centroid, and so much in front of the middle of the next.
fn number_between(left: Centroid, right: Centroid, behind: f64, ahead: f64) -> f64 {
    let (mut behind_single, mut ahead_single) = (0.0, 0.0);
    if left.weight == 1 {
        if behind < 0.5 {
            return left.mean;
        }
        behind_single = 0.5;
    }
    if right.weight == 1 {
        if ahead <= 0.5 {
            return right.mean;
        }
        ahead_single = 0.5;
    }
    weighted(left.mean, ahead - ahead_single, right.mean, behind - behind_single)
}

/// The mean of two numbers with weights, between them whatever the weights.
fn weighted(one: f64, one_weight: f64, other: f64, other_weight: f64) -> f64 {
    let ((low, low_weight), (high, high_weight)) = if one <= other {
        ((one, one_weight), (other, other_weight))
    } else {
        ((other, other_weight), (one, one_weight))
    };
    let mean = (low * low_weight + high * high_weight) / (low_weight + high_weight);
    if mean < high { if low > mean { low } else { mean } } else { high }
}

fn mean_between(centroids: &[Centroid], low: f64, high: f64) -> f64 {
    let (mut passed, mut sum, mut count) = (0.0, 0.0, 0.0);
    for centroid in centroids {
        let weight = centroid.weight as f64;
        let above = weight - (low - passed).max(0.0).min(weight);
        let inside = (high - passed).max(0.0).min(above);
        passed += weight;
        sum += centroid.mean * inside;
        count += inside;
        if passed >= high {
            break;
        }
    }
    sum / count
}
