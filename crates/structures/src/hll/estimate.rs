//! From a histogram of register values to a cardinality: Ertl's improved estimator, as Redis uses it.
//!
//! Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", arXiv:1702.01284, algorithm 6. It has
//! no bias at small or large cardinalities and needs no tables. The order of operations is Redis', so that the results
//! are equal to the last bit.

use super::{Histogram, RANK_BITS, REGISTERS};

/// 1 / (2 ln 2).
const ALPHA: f64 = 0.721_347_520_444_481_7;

pub(super) fn cardinality(histogram: &Histogram) -> u64 {
    let registers = REGISTERS as f64;
    let highest = RANK_BITS as usize + 1;
    let full = f64::from(histogram[highest]);
    let mut sum = registers * tau((registers - full) / registers);
    for count in histogram[1..highest].iter().rev() {
        sum += f64::from(*count);
        sum *= 0.5;
    }
    sum += registers * sigma(f64::from(histogram[0]) / registers);
    let estimate = (ALPHA * registers * registers / sum).round();
    // Registers that no hash can fill give infinity, which Redis converts to the lowest integer.
    if estimate.is_finite() { estimate as u64 } else { 1 << 63 }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * y;
        y += y;
        if sum == before {
            return sum;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        y *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * y;
        if sum == before {
            return sum / 3.0;
        }
    }
}
