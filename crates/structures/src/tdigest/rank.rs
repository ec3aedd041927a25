//! From numbers to quantiles and ranks, and from ranks to numbers.

use super::{Centroid, TDigest, View};

/// Which end ranks are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

impl TDigest {
    /// The share of observations below a number and of half of those that are equal to it; not a number where there are
    /// none. O(capacity).
    pub fn cdf(&self, number: f64) -> f64 {
        self.view().cdf(number)
    }

    /// How many observations are below a number (above it, if descending), and half of those that are equal to it. -2
    /// where there are none; -1 in front of all of them, and their number behind.
    pub fn rank(&self, number: f64, order: Order) -> i64 {
        let view = self.view();
        let size = self.observations();
        if size == 0 {
            return -2;
        }
        if number < view.min || number > view.max {
            let is_in_front = (number < view.min) == (order == Order::Ascending);
            return if is_in_front { -1 } else { size };
        }
        let below = view.cdf(number) * size as f64;
        match order {
            Order::Ascending => half_down(below) as i64,
            Order::Descending => (size as f64 - below.round()).round() as i64,
        }
    }

    /// The number of that rank; not a number where there are no observations, infinite behind all of them.
    pub fn by_rank(&self, rank: u64, order: Order) -> f64 {
        let view = self.view();
        let (rank, size) = (rank as f64, self.observations() as f64);
        let is_ascending = order == Order::Ascending;
        if size == 0.0 {
            return f64::NAN;
        }
        if rank == 0.0 {
            return if is_ascending { view.min } else { view.max };
        }
        if rank >= size {
            return if is_ascending { f64::INFINITY } else { f64::NEG_INFINITY };
        }
        let rank = if is_ascending { rank } else { size - rank - 1.0 };
        match view.centroids {
            [only] => only.mean,
            _ => view.quantile(rank / size),
        }
    }
}

/// Rounds to the nearest whole number, halves toward zero.
fn half_down(number: f64) -> f64 {
    let whole = number.trunc();
    if (number - whole).abs() <= 0.5 { whole } else { whole + 1f64.copysign(number) }
}

impl View<'_> {
    fn cdf(&self, number: f64) -> f64 {
        let (Some(first), Some(last)) = (self.centroids.first(), self.centroids.last()) else {
            return f64::NAN;
        };
        if number < self.min {
            return 0.0;
        }
        if number > self.max {
            return 1.0;
        }
        if self.centroids.len() == 1 {
            let width = self.max - self.min;
            return if number - self.min <= width { 0.5 } else { (number - self.min) / width };
        }
        if number < first.mean {
            return tail(number - self.min, first.mean - self.min, first.weight) / self.weight;
        }
        if number > last.mean {
            return 1.0 - tail(self.max - number, self.max - last.mean, last.weight) / self.weight;
        }
        self.cdf_inside(number)
    }

    /// For a number between the first centroid and the last.
    fn cdf_inside(&self, number: f64) -> f64 {
        let mut passed = 0.0;
        for (index, pair) in self.centroids.windows(2).enumerate() {
            let [left, right] = [pair[0], pair[1]];
            if left.mean == number {
                let equal = self.centroids[index..].iter().take_while(|centroid| centroid.mean == number);
                let weight = equal.fold(0.0, |sum, centroid| sum + centroid.weight as f64);
                return (passed + weight / 2.0) / self.weight;
            }
            if left.mean <= number && number < right.mean {
                return weight_below(passed, left, right, number) / self.weight;
            }
            passed += left.weight as f64;
        }
        1.0 - 0.5 / self.weight
    }
}

/// Observations between an end and a number that is so far from it, inside the outermost centroid, whose mean is `width`
/// from the end: one of them is at the end itself.
fn tail(distance: f64, width: f64, weight: i64) -> f64 {
    if distance == 0.0 { 0.5 } else { 1.0 + distance / width * (weight as f64 / 2.0 - 1.0) }
}

/// Weight below a number that is not behind the next centroid's mean, of which `passed` is in front of this one. A single
/// observation has all of its weight at one place.
fn weight_below(passed: f64, left: Centroid, right: Centroid, number: f64) -> f64 {
    let (left_weight, right_weight) = (left.weight as f64, right.weight as f64);
    let (left_single, right_single) = match (left.weight == 1, right.weight == 1) {
        (true, true) => return passed + 1.0,
        (left, right) => (if left { 0.5 } else { 0.0 }, if right { 0.5 } else { 0.0 }),
    };
    let between = (left_weight + right_weight) / 2.0 - left_single - right_single;
    let share = between * (number - left.mean) / (right.mean - left.mean);
    passed + left_weight / 2.0 + left_single + share
}
