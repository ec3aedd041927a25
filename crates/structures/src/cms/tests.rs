//! Against exact counts, and against a sketch with a counter for every pair of row and hash.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The definition, without an array.
#[derive(Default)]
struct Naive(BTreeMap<(u32, u32), u64>);

impl Naive {
    fn cell(item: &[u8], row: u32, width: u32) -> (u32, u32) {
        (row, sketch::hash(item, row) % width)
    }

    fn add(&mut self, item: &[u8], by: u64, (width, depth): (u32, u32)) {
        for row in 0..depth {
            *self.0.entry(Self::cell(item, row, width)).or_default() += by;
        }
    }

    fn count(&self, item: &[u8], (width, depth): (u32, u32)) -> u64 {
        let counts =
            (0..depth).map(|row| self.0.get(&Self::cell(item, row, width)).copied().unwrap_or_default());
        counts.min().unwrap_or_default().min(u64::from(u32::MAX))
    }
}

proptest! {
    #[test]
    fn counts_are_those_of_the_definition(
        size in (1..20u32, 1..6u32),
        steps in vec((0..40u8, prop_oneof![9 => 0..5u64, 1 => 0..u64::from(u32::MAX), 1 => Just(u64::MAX / 4)]), 0..200),
    ) {
        let (mut sketch, mut naive) = (CountMin::new(size.0.into(), size.1.into()).unwrap(), Naive::default());
        let mut total = 0u64;
        for (item, by) in steps {
            naive.add(&[item], by.min(u64::from(u32::MAX)), size);
            total = total.saturating_add(by).min(i64::MAX as u64);
            let expected = u32::try_from(naive.count(&[item], size)).ok().filter(|count| *count < u32::MAX);
            prop_assert_eq!(sketch.increment(&[item], by), expected);
            prop_assert_eq!(sketch.total(), total);
        }
        for item in 0..40 {
            prop_assert_eq!(u64::from(sketch.count(&[item])), naive.count(&[item], size));
        }
    }

    #[test]
    fn a_sum_is_what_one_sketch_would_have_counted(
        size in (1..20u64, 1..6u64),
        first in vec((0..40u8, 0..9u64), 0..50),
        second in vec((0..40u8, 0..9u64), 0..50),
        weights in (0..4i64, 0..4i64),
    ) {
        let make = || CountMin::new(size.0, size.1).unwrap();
        let (mut one, mut other, mut both) = (make(), make(), make());
        for (steps, sketch, weight) in [(&first, &mut one, weights.0), (&second, &mut other, weights.1)] {
            for (item, by) in steps {
                sketch.increment(&[*item], *by);
                both.increment(&[*item], by * weight as u64);
            }
        }
        let mut sum = Sum::like(&one).unwrap();
        sum.add(&one, weights.0).unwrap();
        sum.add(&other, weights.1).unwrap();
        prop_assert_eq!(sum.finish().unwrap(), both.clone());
        // What was added can be taken away, in any order; and no more than that.
        let mut rest = Sum::like(&both).unwrap();
        rest.add(&other, -weights.1).unwrap();
        rest.add(&both, 1).unwrap();
        rest.add(&one, -weights.0).unwrap();
        prop_assert_eq!(rest.finish().unwrap(), make());
    }
}

#[test]
fn a_sum_beyond_a_counter_is_none() {
    let mut sketch = CountMin::new(2, 2).unwrap();
    sketch.increment(b"x", 5);
    let sum = |weight| {
        let mut sum = Sum::like(&sketch).unwrap();
        sum.add(&sketch, weight)?;
        sum.finish()
    };
    assert!(sum(1 << 29).is_some());
    for weight in [-1, 1 << 30, i64::MAX / 4, i64::MAX, i64::MIN] {
        assert_eq!(sum(weight), None, "{weight}");
    }
}

#[test]
fn dimensions_keep_what_they_promise() {
    assert_eq!(dimensions(0.001, 0.01), Some((2000, 7)));
    assert_eq!(dimensions(0.01, 0.5), Some((200, 1)));
    // Rounded to no row at all, to a width that is no number, to a depth that is none.
    for (error, probability) in [(0.9, 0.999_999_999_999_999_9), (1e-19, 0.9), (0.1, 1e-60)] {
        assert_eq!(dimensions(error, probability), None);
    }
}

#[test]
fn size_is_bounded() {
    for (width, depth) in
        [(0, 1), (1, 0), (1 << 27, 1), (1, DEPTH_MAX + 1), (u64::MAX, 2), (u64::MAX, u64::MAX)]
    {
        assert_eq!(CountMin::new(width, depth), None, "{width} {depth}");
    }
    assert!(CountMin::new(1, DEPTH_MAX).is_some());
    let parts =
        |width, depth, total, len: usize| CountMin::from_parts(width, depth, total, &vec![1; 4 * len]);
    assert!(parts(2, 3, 1, 6).is_some());
    for sketch in [parts(2, 3, 1, 5), parts(0, 0, 0, 0), parts(2, 3, u64::MAX, 6), parts(1 << 63, 2, 0, 0)] {
        assert_eq!(sketch, None);
    }
}

/// The promise: off by more than `error * total` for at most that share of the items. Half a million things of which few
/// are frequent, in a sketch that is much too small to tell all of them apart.
#[test]
fn errors_stay_within_the_asked_bound_with_the_asked_probability() {
    for (error, probability) in [(0.001, 0.01), (0.002, 0.1), (0.0005, 0.001)] {
        let (width, depth) = dimensions(error, probability).unwrap();
        let mut sketch = CountMin::new(width, depth).unwrap();
        let items = 50_000u64;
        let truth = |item: u64| 1 + 20_000 / (item + 1);
        for item in 0..items {
            sketch.increment(format!("item:{item}").as_bytes(), truth(item));
        }
        let bound = error * sketch.total() as f64;
        let mut beyond = 0;
        for item in 0..items {
            let count = u64::from(sketch.count(format!("item:{item}").as_bytes()));
            assert!(count >= truth(item), "never too low");
            beyond += u64::from((count - truth(item)) as f64 > bound);
        }
        assert!(beyond as f64 <= probability * items as f64, "{beyond} of {items} beyond the bound");
    }
}
