//! Against exact counts where nothing collides, against a naive heap, and on streams with few heavy items.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn make(k: u64, width: u64, depth: u64, decay: f64) -> TopK {
    TopK::new(Shape { k, width, depth, decay }).expect("its size is allowed")
}

proptest! {
    #[test]
    fn counts_are_exact_where_nothing_collides(steps in vec((0..20u8, 0..50u32), 0..200)) {
        // With a decay of 1 the slightest collision would show; these few items have none in some row.
        let mut sketch = make(20, 4096, 5, 0.9);
        let mut counts = BTreeMap::<u8, u32>::new();
        for (item, by) in steps {
            sketch.add(&[item], by);
            *counts.entry(item).or_default() += by;
        }
        for (item, count) in &counts {
            prop_assert_eq!(sketch.count(&[*item]), *count);
        }
        let listed: BTreeMap<u8, u32> = sketch.list().iter().map(|(item, count)| (item[0], *count)).collect();
        counts.retain(|_, count| *count > 0);
        prop_assert_eq!(listed, counts);
    }

    #[test]
    fn equal_sketches_stay_equal(
        shape in (1..5u64, 1..4u64, 1..4u64, prop_oneof![Just(1.0), Just(0.9), 0.01..1.0]),
        steps in vec((0..20u8, prop_oneof![9 => 0..5u32, 1 => 0..2000u32]), 0..200),
        cut in 0..200usize,
    ) {
        let mut sketch = make(shape.0, shape.1, shape.2, shape.3);
        let mut copy = sketch.clone();
        for (index, (item, by)) in steps.into_iter().enumerate() {
            if index == cut {
                let parts = (sketch.buckets().to_vec(), sketch.heap().to_vec());
                copy = TopK::from_parts(sketch.shape(), sketch.draws(), &parts.0, parts.1).unwrap();
            }
            prop_assert_eq!(sketch.add(&[item], by), copy.add(&[item], by));
            prop_assert_eq!(&sketch, &copy);
            check_invariants(&sketch);
        }
    }
}

fn check_invariants(sketch: &TopK) {
    let mut seen = std::collections::BTreeSet::new();
    for place in sketch.heap() {
        match &place.item {
            Some(item) => {
                assert_eq!(place.fingerprint, fingerprint(item));
                assert!(seen.insert(item.clone()) && sketch.contains(item));
            }
            None => assert_eq!(*place, Heavy::default()),
        }
    }
    let bytes: usize = seen.iter().map(|item| item.len()).sum();
    assert_eq!(sketch.heap, Heap::from_parts(sketch.heap().to_vec()));
    assert_eq!(sketch.heap.memory_bytes(), size_of_val(sketch.heap()) + bytes);
}

/// What RedisBloom's tests and its documentation expect of it.
#[test]
fn known_streams_have_known_results() {
    let mut sketch = make(3, 10, 3, 1.0);
    let mut expelled = Vec::new();
    for (item, by) in [("bar", 3), ("baz", 6), ("42", 2), ("42", 8), ("xyzzy", 4)] {
        expelled.push(sketch.add(item.as_bytes(), by));
    }
    assert_eq!(expelled, [None, None, None, None, Some(Box::from(*b"bar"))]);
    let counts = ["bar", "baz", "42", "xyzzy", "4"].map(|item| sketch.count(item.as_bytes()));
    assert_eq!(counts, [3, 6, 10, 4, 0]);

    // Among equals it is the order of the heap that decides.
    let mut sketch = make(2, 50, 5, 0.9);
    let stream = "foo bar baz 42 foo bar baz foo baz 42 foo baz foo bar baz foo baz";
    stream.split(' ').for_each(|item| _ = sketch.add(item.as_bytes(), 1));
    let names = |sketch: &TopK| sketch.list().iter().map(|(item, _)| item.to_vec()).collect::<Vec<_>>();
    assert_eq!(names(&sketch), [b"foo".to_vec(), b"baz".to_vec()]);
    let expelled: Vec<_> = (0..5).map(|_| sketch.add(b"bar", 1)).collect();
    assert_eq!(expelled, [None, None, Some(Box::from(*b"foo")), None, None]);
    assert_eq!(names(&sketch), [b"bar".to_vec(), b"baz".to_vec()]);

    let mut sketch = TopK::new(Shape { k: 3, ..DEFAULT }).unwrap();
    let stream = "foo bar baz 42 foo bar baz foo baz 42 foo foo bar baz foo";
    stream.split(' ').for_each(|item| _ = sketch.add(item.as_bytes(), 1));
    let listed: Vec<_> = sketch.list();
    assert_eq!(listed, [(b"foo".as_slice(), 6), (b"baz".as_slice(), 4), (b"bar".as_slice(), 3)]);
}

#[test]
fn size_is_bounded() {
    let shape = |k, width, depth, decay| Shape { k, width, depth, decay };
    for shape in [
        shape(0, 1, 1, 0.9),
        shape(1, 0, 1, 0.9),
        shape(1, 1, 0, 0.9),
        shape(1, 1, 1, 0.0),
        shape(1, 1, 1, 1.1),
        shape(1, 1, 1, f64::NAN),
        shape(K_MAX + 1, 1, 1, 0.9),
        shape(1, 1, DEPTH_MAX + 1, 0.9),
        shape(1, 1 << 26, 1, 0.9),
        shape(1, u64::MAX, u64::MAX, 0.9),
    ] {
        assert_eq!(TopK::new(shape), None, "{shape:?}");
        assert_eq!(TopK::from_parts(shape, 0, &[], Vec::new()), None);
    }
    assert_eq!(TopK::from_parts(shape(1, 2, 1, 0.9), 0, &[0; 8], vec![Heavy::default()]), None);
    assert_eq!(TopK::from_parts(shape(1, 2, 1, 0.9), 0, &[0; 16], Vec::new()), None);
}

#[test]
fn counts_stop_at_the_highest() {
    let mut sketch = make(1, 1, 1, 0.9);
    for _ in 0..3 {
        sketch.add(b"x", u32::MAX / 2);
    }
    assert_eq!(sketch.count(b"x"), u32::MAX);
    // Nobody can take the bucket of such an item, and trying so costs nothing.
    assert_eq!(sketch.add(b"y", u32::MAX), None);
    assert_eq!((sketch.count(b"x"), sketch.count(b"y")), (u32::MAX, 0));
}

#[test]
fn draws_are_even() {
    let mut draws = Draws::default();
    let mut tenths = [0u32; 10];
    for _ in 0..100_000 {
        tenths[(draws.next() * 10.0) as usize] += 1;
    }
    // The standard deviation is 95.
    assert!(tenths.iter().all(|count| count.abs_diff(10_000) < 400), "{tenths:?}");
    assert!((power(0.9, 300) / 0.9f64.powi(300) - 1.0).abs() < 1e-12);
    assert_eq!((power(0.5, 0), power(0.5, 3), power(1.0, u32::MAX)), (1.0, 0.125, 1.0));
}

/// Items by Zipf's law, in an order that chance chose: the heaviest are found, and counted well.
#[test]
fn the_heavy_are_found_in_a_zipf_stream() {
    for (seed, exponent) in [(1, 1.0), (2, 1.1), (3, 1.3)] {
        let (k, items) = (50usize, 20_000u32);
        let mut cumulative = Vec::new();
        let mut sum = 0.0;
        for rank in 1..=items {
            sum += 1.0 / f64::from(rank).powf(exponent);
            cumulative.push(sum);
        }
        let mut sketch = make(k as u64, 1000, 5, 0.9);
        let mut counts = vec![0u32; items as usize];
        let mut draws = Draws(seed);
        for _ in 0..300_000 {
            let drawn = draws.next() * sum;
            let rank = cumulative.partition_point(|reached| *reached < drawn);
            counts[rank] += 1;
            sketch.add(format!("item:{rank}").as_bytes(), 1);
        }
        let found = (0..k).filter(|rank| sketch.contains(format!("item:{rank}").as_bytes())).count();
        assert!(found >= k * 9 / 10, "{found} of {k} for {exponent}");
        for (rank, truth) in counts.iter().enumerate().take(20) {
            let count = sketch.count(format!("item:{rank}").as_bytes());
            assert!(count <= *truth && f64::from(count) >= 0.95 * f64::from(*truth), "{count} of {truth}");
        }
    }
}
