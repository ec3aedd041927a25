//! Against sorted arrays, against the documented results of RedisBloom and its library, and for the promised errors.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn digest(compression: u64, numbers: impl IntoIterator<Item = f64>) -> TDigest {
    let mut digest = TDigest::new(compression).unwrap();
    numbers.into_iter().for_each(|number| digest.add(number));
    digest
}

fn whole(numbers: std::ops::RangeInclusive<i32>) -> impl Iterator<Item = f64> {
    numbers.map(f64::from)
}

/// One 1, two 2s, and so on.
fn triangle() -> TDigest {
    digest(1000, (1..=5).flat_map(|number| vec![f64::from(number); number as usize]))
}

#[test]
fn merging_takes_the_known_steps() {
    let digest = digest(100, whole(1..=10_000));
    let state =
        (digest.merged().len(), digest.waiting().len(), digest.merged_weight(), digest.compressions());
    assert_eq!(state, (51, 422, 9578, 17));
    assert_eq!((digest.capacity(), digest.observations()), (610, 10_000));
}

#[test]
fn quantiles_are_the_known_ones() {
    let one = digest(100, whole(1..=1000));
    assert_eq!(one.quantiles(&[0.0, 0.01, 1.0]), [1.0, 10.5, 1000.0]);
    assert!((one.quantiles(&[0.99])[0] - 990.25).abs() < 0.5);
    let two = digest(10, [0.0, 10.0]);
    assert_eq!(two.quantiles(&[0.0, 0.1, 0.99, 1.0]), [0.0, 0.0, 10.0, 10.0]);
    // Not in order: as if each were asked for alone.
    assert_eq!(one.quantiles(&[1.0, 0.01, 0.0, 0.01]), [1000.0, 10.5, 1.0, 10.5]);
    assert_eq!(digest(10, [5.0]).quantiles(&[0.0, 0.5, 1.0]), [5.0; 3]);
    assert!(TDigest::new(10).unwrap().quantiles(&[0.0, 1.0]).iter().all(|number| number.is_nan()));
}

#[test]
fn ranks_are_the_known_ones() {
    use Order::{Ascending, Descending};
    let triangle = triangle();
    let ranks = |order| (0..=6).map(|number| triangle.rank(f64::from(number), order)).collect::<Vec<_>>();
    assert_eq!(ranks(Ascending), [-1, 0, 2, 4, 8, 12, 15]);
    assert_eq!(ranks(Descending), [15, 14, 13, 10, 7, 2, -1]);
    let numbers = |order| (0..=15).map(|rank| triangle.by_rank(rank, order)).collect::<Vec<_>>();
    let all = [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5].map(f64::from);
    assert_eq!(numbers(Ascending), [&all[..], &[f64::INFINITY]].concat());
    let reversed: Vec<_> = all.into_iter().rev().chain([f64::NEG_INFINITY]).collect();
    assert_eq!(numbers(Descending), reversed);
    let cdf: Vec<_> = (0..=6).map(|number| triangle.cdf(f64::from(number)) * 30.0).collect();
    assert_eq!(cdf, [0.0, 1.0, 4.0, 9.0, 16.0, 25.0, 30.0]);

    let twenty = digest(500, whole(0..=19));
    let rank = |number: i32, order| twenty.rank(number.into(), order);
    assert_eq!(
        [-20, -1, 0, 1, 9, 10, 18, 19, 20].map(|number| rank(number, Ascending)),
        [-1, -1, 0, 1, 9, 10, 18, 19, 20]
    );
    assert_eq!([21, 20, 19, 18, 10, 1, 0].map(|number| rank(number, Descending)), [-1, -1, 0, 1, 9, 18, 19]);
    let tens = digest(1000, whole(1..=6).map(|number| 10.0 * number));
    let ranks = |order| (0..=7).map(|number| tens.rank(f64::from(10 * number), order)).collect::<Vec<_>>();
    assert_eq!(ranks(Ascending), [-1, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(ranks(Descending), [6, 5, 4, 3, 2, 1, 0, -1]);
    let empty = TDigest::new(1).unwrap();
    assert_eq!((empty.rank(1.0, Ascending), empty.rank(1.0, Descending)), (-2, -2));
    assert!(empty.by_rank(0, Ascending).is_nan() && empty.cdf(0.0).is_nan());
    assert_eq!((empty.min(), empty.max()), (None, None));
}

#[test]
fn trimmed_means_are_the_known_ones() {
    let twenty = digest(500, whole(0..=19));
    for (low, high) in [(0.1, 0.9), (0.0, 1.0), (0.2, 0.8)] {
        assert_eq!(twenty.trimmed_mean(low, high), 9.5);
    }
    let outlier = digest(500, std::iter::repeat_n(1.0, 9).chain([5.0]));
    assert_eq!(outlier.trimmed_mean(0.1, 0.9), 1.0);
    for (low, high) in [(0.095, 0.905), (0.05, 0.95), (0.01, 0.99)] {
        assert!((outlier.trimmed_mean(low, high) - 1.4).abs() < 1e-12);
    }
    assert!(TDigest::new(500).unwrap().trimmed_mean(0.2, 0.8).is_nan());
    assert_eq!(digest(500, [3.0]).trimmed_mean(0.2, 0.8), 3.0);
}

#[test]
fn digests_add_up() {
    let halves = [digest(100, whole(1..=5000)), digest(50, whole(5001..=10_000))];
    let mut merger = Merger::new(200).unwrap();
    halves.iter().for_each(|half| merger.add(half).unwrap());
    let both = merger.finish().unwrap();
    assert_eq!((both.observations(), both.compression(), both.waiting().len()), (10_000, 200, 0));
    assert_eq!((both.min(), both.max()), (Some(1.0), Some(10_000.0)));
    for (index, number) in both.quantiles(&[0.001, 0.25, 0.5, 0.75, 0.999]).into_iter().enumerate() {
        let expected = [10.0, 2500.0, 5000.0, 7500.0, 9990.0][index];
        assert!((number - expected).abs() < 60.0, "{number} for {expected}");
    }
    let nothing = Merger::new(200).unwrap().finish().unwrap();
    assert_eq!(nothing.parts(), TDigest::new(200).unwrap().parts());
}

#[test]
fn observations_that_cannot_be_counted_are_refused() {
    let mut doubled = digest(100, whole(1..=20));
    for doublings in 0.. {
        let mut merger = Merger::new(100).unwrap();
        merger.add(&doubled).unwrap();
        match merger.add(&doubled).and_then(|()| merger.finish()) {
            Ok(sum) => doubled = sum,
            Err(Overflow) => {
                assert_eq!(doublings, 57);
                break;
            }
        }
        assert!(TDigest::from_parts(doubled.parts()).is_some(), "what is written can be read");
        assert!(doubled.has_room_for(1));
    }
    assert!(!doubled.has_room_for(usize::MAX));
}

#[test]
fn numbers_at_the_ends_of_the_range_stay_numbers() {
    let mut digest =
        digest(1, [f64::MAX, f64::MIN, 0.0, -0.0, f64::MIN_POSITIVE].into_iter().cycle().take(1000));
    digest.settle();
    assert!(digest.merged().iter().all(|centroid| centroid.mean.is_finite()));
    assert!(TDigest::from_parts(digest.parts()).is_some());
    for number in [f64::MIN, -1.0, 0.0, f64::MAX, f64::INFINITY, f64::NEG_INFINITY] {
        digest.cdf(number);
        digest.rank(number, Order::Ascending);
    }
    digest.quantiles(&[0.0, 0.3, 0.7, 1.0]);
}

#[test]
fn size_is_bounded() {
    for compression in [0, 1_400_000, u64::MAX, u64::MAX / 6] {
        assert!(TDigest::new(compression).is_none() && Merger::new(compression).is_none(), "{compression}");
    }
    assert!(TDigest::new(1_000_000).is_some());
}

#[test]
fn parts_that_are_no_digest_are_refused() {
    let parts = digest(100, whole(1..=10_000)).parts();
    assert!(TDigest::from_parts(parts.clone()).is_some());
    let mut changed = [const { Vec::new() }; 2].concat();
    let mut change = |edit: &dyn Fn(&mut Parts)| {
        let mut parts = parts.clone();
        edit(&mut parts);
        changed.push(parts);
    };
    for number in [0.0, -1.0, 1.5, 99.0, 1e300, f64::NAN, f64::INFINITY] {
        change(&|parts| parts.compression = number);
        change(&|parts| parts.weight = number);
    }
    for number in [f64::NAN, f64::INFINITY, 1e300] {
        change(&|parts| parts.min = number);
        change(&|parts| parts.max = -number);
        change(&|parts| parts.centroids[3].mean = number);
    }
    for number in [0, -1, i64::MIN, i64::MAX] {
        change(&|parts| parts.centroids[3].weight = number);
        change(&|parts| parts.capacity = number);
    }
    change(&|parts| parts.compressions = -1);
    change(&|parts| parts.centroids.clear());
    change(&|parts| parts.centroids.truncate(3));
    change(&|parts| parts.centroids = vec![parts.centroids[0]; 611]);
    for parts in changed {
        assert!(TDigest::from_parts(parts.clone()).is_none(), "{parts:?}");
    }
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![8 => (-50..50i32).prop_map(f64::from), 4 => -1e3..1e3, 1 => any::<f64>().prop_filter("finite", |n| n.is_finite())]
}

proptest! {
    #[test]
    fn reading_changes_nothing(
        compression in 1..40u64,
        numbers in vec(number(), 1..600),
        reads in vec((0..600usize, 0.0..=1.0), 0..10),
    ) {
        let (mut read, mut unread) = (TDigest::new(compression).unwrap(), TDigest::new(compression).unwrap());
        for (index, number) in numbers.iter().enumerate() {
            for (at, quantile) in &reads {
                if *at == index {
                    read.quantiles(&[*quantile]);
                    read.rank(*number, Order::Descending);
                    read.trimmed_mean(0.0, *quantile);
                }
            }
            read.add(*number);
            unread.add(*number);
            prop_assert_eq!(read.merged(), unread.merged());
            prop_assert!(((read.merged().len() + read.waiting().len()) as u64) < read.capacity());
        }
        prop_assert_eq!(read.parts(), unread.parts());
        prop_assert_eq!(read.observations(), numbers.len() as i64);
        // What was saved gives the same answers, and is saved so again.
        let again = TDigest::from_parts(read.parts()).unwrap();
        prop_assert_eq!(again.parts(), read.parts());
        for quantile in [0.0, 0.1, 0.5, 1.0] {
            prop_assert_eq!(again.quantiles(&[quantile])[0].to_bits(), read.quantiles(&[quantile])[0].to_bits());
        }
        // So does what is made of its two halves.
        let mut halves = read.clone();
        if !halves.merged.is_empty() {
            halves = TDigest::from_parts(read.without_waiting().parts()).unwrap();
            read.waiting().iter().for_each(|number| halves.add(*number));
            prop_assert_eq!(&halves.waiting, &read.waiting);
        }
        prop_assert_eq!(halves.parts(), read.parts());
    }

    #[test]
    fn extremes_are_exact_and_the_rest_is_between(numbers in vec(-1e6..1e6, 2..500), quantile in 0.0..=1.0) {
        let digest = digest(20, numbers.iter().copied());
        let (min, max) = numbers.iter().fold((f64::MAX, f64::MIN), |(min, max), n| (min.min(*n), max.max(*n)));
        prop_assert_eq!((digest.min(), digest.max()), (Some(min), Some(max)));
        prop_assert_eq!(digest.quantiles(&[0.0, 1.0]), [min, max]);
        let number = digest.quantiles(&[quantile])[0];
        prop_assert!((min..=max).contains(&number));
        prop_assert!((0.0..=1.0).contains(&digest.cdf(number)));
    }

    #[test]
    fn few_numbers_are_all_kept(numbers in vec(-1000..1000i32, 1..12), rank in 0..12u64) {
        let mut sorted: Vec<f64> = numbers.iter().copied().map(f64::from).collect();
        let digest = digest(1000, sorted.iter().copied());
        sorted.sort_by(f64::total_cmp);
        let expected = sorted.get(rank as usize).copied();
        prop_assert_eq!(digest.by_rank(rank, Order::Ascending), expected.unwrap_or(f64::INFINITY));
        sorted.reverse();
        let expected = sorted.get(rank as usize).copied();
        prop_assert_eq!(digest.by_rank(rank, Order::Descending), expected.unwrap_or(f64::NEG_INFINITY));
    }
}

/// Numbers that look like chance, the same ones every time.
fn noise(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// The promise: the rank of an answer is off by no more than a few parts in the compression in the middle, and by far
/// less at the ends: in proportion to q * (1 - q).
#[test]
fn errors_are_small_and_smallest_at_the_ends() {
    let count = 200_000;
    let shapes: [fn(f64) -> f64; 3] = [|n| n, |n| -(1.0 - n).ln(), |n| (n * 20.0).powi(5)];
    for (seed, shape) in shapes.into_iter().enumerate() {
        let mut sorted: Vec<f64> = noise(seed as u64 + 1, count).into_iter().map(shape).collect();
        for compression in [100, 500] {
            let digest = digest(compression, sorted.iter().copied());
            sorted.sort_by(f64::total_cmp);
            for q in [0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999] {
                let rank = sorted.partition_point(|n| *n < digest.quantiles(&[q])[0]) as f64 / count as f64;
                let allowed = 40.0 * q * (1.0 - q) / compression as f64 + 2.0 / count as f64;
                assert!((rank - q).abs() <= allowed, "{q} is {rank} with {compression}");
                let share = digest.cdf(sorted[(q * count as f64) as usize]);
                assert!((share - q).abs() <= allowed, "{q} is {share} with {compression}");
            }
        }
    }
}
