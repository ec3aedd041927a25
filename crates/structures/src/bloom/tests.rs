use super::chunk::{self, Misfit};
use super::plan::{self, Plan};
use super::{Bloom, Layer, Refusal, Wish, option};
use crate::entry::Payload;
use proptest::prelude::*;
use std::collections::HashSet;

const ROOM: u64 = 1 << 30;

fn wish(capacity: u64, error: f64) -> Wish {
    Wish { capacity, error, growth: 2, scales: true }
}

fn filter(wish: &Wish) -> Bloom {
    Bloom::new(wish, ROOM).expect("there is such a filter")
}

/// Items that were added, told apart from others by their first byte.
fn item(seed: u64, number: u64) -> [u8; 17] {
    let mut item = [b'i'; 17];
    item[1..9].copy_from_slice(&seed.to_le_bytes());
    item[9..].copy_from_slice(&number.to_le_bytes());
    item
}

fn stranger(number: u64) -> [u8; 9] {
    let mut item = [b's'; 9];
    item[1..].copy_from_slice(&number.to_le_bytes());
    item
}

fn false_answers(bloom: &Bloom, questions: u64) -> u64 {
    (0..questions).filter(|number| bloom.contains(&stranger(*number))).count() as u64
}

#[test]
fn layers_are_as_large_as_those_of_redisbloom() {
    // What RedisBloom's documentation shows: 100 items, 0.01, 240 bytes in all.
    assert_eq!(filter(&wish(100, 0.01)).told_bytes(), 240);
    for (capacity, error, bytes, hashes) in [(1000, 0.01, 1384, 8), (1_000_000, 0.001, 1_977_536, 11)] {
        let bloom = filter(&wish(capacity, error));
        assert_eq!((bloom.layers[0].bytes.len(), bloom.layers[0].hashes), (bytes, hashes));
    }
    let alone = filter(&Wish { scales: false, ..wish(10_000, 0.01) });
    assert_eq!((alone.layers[0].bytes.len(), alone.layers[0].hashes), (11_984, 7));
    assert_eq!(Plan::rounded(100, 0.005).expect("a plan").bits(), 2048);
}

/// The rate that was asked for, over filters of many sizes and over growth. Many small filters stand for one of each.
#[test]
fn the_measured_rate_is_at_most_a_tenth_above_the_asked_one() {
    let cases: &[(f64, u64, u64, bool)] = &[
        // Rate, capacity, items, whether it scales.
        (0.5, 1000, 1000, false),
        (0.48, 1000, 1000, false),
        (0.9, 1000, 1000, false),
        (0.1, 100, 100, false),
        (0.01, 10, 10, false),
        (0.01, 100, 100, false),
        (0.01, 10_000, 10_000, false),
        (0.001, 100, 100, false),
        (0.001, 20_000, 20_000, false),
        (0.0001, 100, 100, false),
        (0.0001, 50_000, 50_000, false),
        (0.1, 100, 6300, true),
        (0.01, 10, 5110, true),
        (0.01, 100, 12_700, true),
        (0.01, 1000, 1000, true),
        (0.001, 100, 25_500, true),
        (0.001, 10_000, 70_000, true),
    ];
    let mut wrong = Vec::new();
    for &(error, capacity, items, scales) in cases {
        let expected = 2_000.0;
        let filters = (60_000 / items).clamp(4, 40);
        let questions = (expected / error / filters as f64) as u64;
        let (mut found, mut layers) = (0, 0);
        for seed in 0..filters {
            let mut bloom = filter(&Wish { scales, ..wish(capacity, error) });
            // Of high rates many items look as if they were there.
            let mut number = 0;
            while if scales { bloom.items < items } else { number < items } {
                bloom.add(&item(seed, number), ROOM).expect("there is room");
                number += 1;
            }
            layers = bloom.layers.len();
            let strangers = seed * questions..(seed + 1) * questions;
            found += strangers.filter(|number| bloom.contains(&stranger(*number))).count();
        }
        let rate = found as f64 / (questions * filters) as f64;
        let ratio = rate / error;
        // A chain's first layers have less than what is asked, and a word more is much for a small layer.
        let is_right = ratio <= 1.1 && (scales || capacity < 100 || ratio >= 0.5);
        println!("asked {error}, for {items} of {capacity}, {layers} layers: {ratio:.3} of it");
        if !is_right {
            wrong.push(format!("{error} {capacity} {items}: {ratio:.3}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn small_filters_of_low_rates_are_larger_than_those_of_redisbloom() {
    let size = |capacity, error| {
        let plan = Plan::exact(capacity, error).expect("a plan");
        let kept = plan.kept_to(plan::allowance(error, error, 0));
        assert_eq!(plan::hashes_of(kept.bits_per_item), kept.hashes);
        kept.bytes() as f64 / plan.bytes() as f64
    };
    assert_eq!(size(1_000_000, 0.001), 1.0);
    assert!((1.0..1.1).contains(&size(1000, 0.001)), "{}", size(1000, 0.001));
    assert!((1.1..2.0).contains(&size(100, 0.0001)), "{}", size(100, 0.0001));
    assert!((2.0..20.0).contains(&size(100, 1e-6)), "{}", size(100, 1e-6));
    assert!(size(100, 1e-300) < 100.0, "{}", size(100, 1e-300));
}

#[test]
fn a_filter_that_may_not_grow_is_full() {
    let mut bloom = filter(&Wish { scales: false, ..wish(10, 0.01) });
    let mut added = 0;
    let refusal = (0..).find_map(|number| match bloom.add(&item(0, number), ROOM) {
        Ok(is_new) => {
            added += u64::from(is_new);
            None
        }
        Err(refusal) => Some(refusal),
    });
    assert_eq!((refusal, added, bloom.items()), (Some(Refusal::Full), 10, 10));
}

#[test]
fn nothing_is_taken_beyond_the_room() {
    assert_eq!(Bloom::new(&wish(1 << 30, 0.001), 1 << 20).err(), Some(Refusal::NoMemory));
    for impossible in [wish(0, 0.1), wish(1, 0.0), wish(1, 1.0), wish(u64::MAX, 1e-300), wish(1, f64::NAN)] {
        assert!(Bloom::new(&impossible, u64::MAX).is_err(), "{impossible:?}");
    }
    let mut bloom = filter(&wish(10, 0.01));
    let refusal = (0..1000).find_map(|number| bloom.add(&item(0, number), 10).err());
    assert_eq!((refusal, bloom.items(), bloom.layers.len()), (Some(Refusal::NoMemory), 10, 1));
    let huge = Wish { growth: u32::MAX, ..wish(1 << 40, 0.01) };
    assert!(Bloom::new(&huge, ROOM).is_err());
}

#[test]
fn layers_end_where_rates_do() {
    let mut bloom = filter(&Wish { growth: 1, ..wish(1, 0.5) });
    let mut number = 0;
    let refusal = loop {
        match bloom.add(&item(0, number), ROOM) {
            Ok(_) => number += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal, Refusal::Impossible);
    assert!((900..super::LAYERS_MAX).contains(&bloom.layers.len()), "{}", bloom.layers.len());
    assert!(chunk::from_header(&chunk::header(&bloom), ROOM).is_some());
}

/// The chunks of a filter, loaded into another one.
fn moved(bloom: &Bloom) -> Bloom {
    let mut copy = chunk::from_header(&chunk::header(bloom), ROOM).expect("its header is one");
    let mut position = 1;
    while let Some((next, bits)) = chunk::chunk(bloom, position) {
        chunk::load(&mut copy, next, bits).expect("its chunk is one");
        position = next;
    }
    copy
}

#[test]
fn narrow_filters_of_old_are_read_and_grow() {
    let plan = Plan::rounded(100, 0.005).expect("a plan");
    let layer = Layer::new(&plan, 0.005).expect("there is memory");
    assert_eq!((layer.bits, layer.bits_log2, layer.capacity), (2048, 11, 185));
    let mut bloom = Bloom::assemble(vec![layer], 0, 0, 2).expect("it is one");
    for number in 0..1000 {
        bloom.add(&item(0, number), ROOM).expect("there is room");
    }
    assert_eq!(bloom.layers.len(), 3);
    let copy = moved(&bloom);
    assert!((0..1000).all(|number| copy.contains(&item(0, number))));
    assert!(false_answers(&copy, 10_000) < 110);
}

#[test]
fn broken_headers_are_refused() {
    let mut bloom = filter(&wish(100, 0.01));
    (0..150).for_each(|number| _ = bloom.add(&item(0, number), ROOM));
    let header = chunk::header(&bloom);
    assert!(chunk::from_header(&header, ROOM).is_some() && chunk::from_header(&header, 100).is_none());
    assert!(chunk::from_header(&header[1..], ROOM).is_none() && chunk::from_header(b"", ROOM).is_none());
    let with = |at: usize, bytes: &[u8]| {
        let mut header = header.clone();
        header[at..at + bytes.len()].copy_from_slice(bytes);
        chunk::from_header(&header, ROOM)
    };
    let huge = u64::MAX.to_le_bytes();
    // Items, layers, options, bytes, bits, the layer's items, error, bits an item, hashes, capacity, log2 of bits.
    for (at, bytes) in [
        (0, &huge[..]),
        (8, &huge[..4]),
        (8, &[0; 4]),
        (12, &[16]),
        (20, &huge),
        (20, &[0; 8]),
        (28, &[0; 8]),
        (36, &huge),
        (44, &2.0_f64.to_le_bytes()),
        (52, &f64::NAN.to_le_bytes()),
        (60, &huge[..4]),
        (60, &[0; 4]),
        (64, &[0; 8]),
        (72, &[20]),
        (72, &[200]),
    ] {
        assert!(with(at, bytes).is_none(), "{at}");
    }
    // Consistent, but each item would be looked for in a billion places.
    let mut slow = header.clone();
    slow[52..60].copy_from_slice(&1.442e9_f64.to_le_bytes());
    slow[60..64].copy_from_slice(&plan::hashes_of(1.442e9).to_le_bytes());
    assert!(chunk::from_header(&slow, ROOM).is_none());
}

#[test]
fn chunks_that_do_not_fit_are_refused() {
    let mut bloom = filter(&wish(100, 0.01));
    assert_eq!(bloom.layers[0].bytes.len(), 144);
    for (position, len, misfit) in [
        (0, 0, Misfit::Position),
        (-1, 0, Misfit::Position),
        (i64::MIN, 1, Misfit::Position),
        (10, 11, Misfit::Position),
        (10, 10, Misfit::Beyond),
        (146, 1, Misfit::Beyond),
        (i64::MAX, 1, Misfit::Beyond),
        (146, 2, Misfit::TooLong),
    ] {
        assert_eq!(chunk::load(&mut bloom, position, &vec![255; len]), Err(misfit), "{position} {len}");
    }
    assert_eq!(bloom.layers[0].bytes.iter().max(), Some(&0));
    assert_eq!(chunk::load(&mut bloom, 145, &[255]), Ok(()));
    assert_eq!(chunk::chunk(&bloom, 144).map(|(next, bits)| (next, bits.to_vec())), Some((145, vec![255])));
    assert!(chunk::chunk(&bloom, 145).is_none() && chunk::chunk(&bloom, i64::MIN).is_none());
}

#[test]
fn large_filters_are_freed_elsewhere() {
    let large = filter(&Wish { scales: false, ..wish(10_000_000, 0.01) });
    assert!(large.blocks() > 64 && filter(&wish(1000, 0.01)).blocks() < 10);
    assert!(large.memory_bytes() >= large.layers[0].bytes.len());
    assert_eq!(large.options, option::EXACT_SIZE | option::WIDE | option::NO_SCALING);
}

proptest! {
    #[test]
    fn nothing_that_was_added_is_denied(
        capacity in 1_u64..50,
        error in 0.0001_f64..0.9,
        growth in 1_u32..4,
        scales: bool,
        numbers in proptest::collection::vec(0_u64..400, 0..300),
    ) {
        let mut bloom = filter(&Wish { capacity, error, growth, scales });
        let (mut added, mut new) = (HashSet::new(), 0);
        for number in numbers {
            let was_there = bloom.contains(&item(0, number));
            match bloom.add(&item(0, number), ROOM) {
                Ok(is_new) => {
                    prop_assert!(is_new != was_there && !(is_new && added.contains(&number)));
                    new += u64::from(is_new);
                    added.insert(number);
                }
                Err(refusal) => prop_assert!(refusal == Refusal::Full && !scales && new == capacity),
            }
            prop_assert_eq!(bloom.items(), new);
        }
        prop_assert!(bloom.capacity() >= new);
        let (copy, again) = (moved(&bloom), bloom.duplicate());
        prop_assert_eq!(chunk::header(&copy), chunk::header(&bloom));
        prop_assert_eq!(again.memory_bytes() <= bloom.memory_bytes(), true);
        for number in added {
            prop_assert!(bloom.contains(&item(0, number)) && copy.contains(&item(0, number)));
        }
    }
}
