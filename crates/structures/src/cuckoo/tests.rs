use super::chunk::{self, HEADER_BYTES};
use super::{Cuckoo, Leave, Refusal, Wish};
use crate::entry::Payload;
use proptest::prelude::*;
use std::collections::HashMap;

const ROOM: u64 = 1 << 30;
const LEAVE: Leave = Leave { tables: 32, room: ROOM };

fn wish(capacity: u64, bucket: u16) -> Wish {
    Wish { capacity, bucket, iterations: 20, growth: 1 }
}

fn filter(wish: &Wish) -> Cuckoo {
    Cuckoo::new(wish, ROOM).expect("there is such a filter")
}

fn item(number: u64) -> [u8; 8] {
    number.to_le_bytes()
}

#[test]
fn tables_are_as_large_as_those_of_redisbloom() {
    let cuckoo = filter(&wish(1024, 2));
    assert_eq!((cuckoo.told_bytes(), cuckoo.figures().buckets), (1080, 512));
    assert_eq!(filter(&wish(1000, 2)).figures().buckets, 512);
    assert_eq!(filter(&Wish { growth: 3, ..wish(8, 4) }).figures().growth, 4);
    assert_eq!(filter(&Wish { growth: 0, ..wish(2, 4) }).figures().buckets, 1);
}

#[test]
fn the_rate_is_what_a_byte_promises() {
    for (bucket, items) in [(1, 400), (2, 900), (4, 950), (2, 4000)] {
        let mut cuckoo = filter(&wish(1024, bucket));
        (0..items).for_each(|number| cuckoo.add(&item(number), LEAVE).expect("there is room"));
        let slots: usize = cuckoo.tables.iter().map(|table| table.slots().len()).sum();
        let load = items as f64 / slots as f64;
        // Slots that are looked at, each of which is taken by a like fingerprint once in 255 times.
        let looks = 2.0 * f64::from(bucket) * cuckoo.tables.len() as f64 * load;
        let promised = 1.0 - (1.0 - 1.0 / 255.0_f64).powf(looks);
        let questions = 1_000_000;
        let found = (0..questions).filter(|number| cuckoo.contains(&item(1 << 40 | number))).count();
        let ratio = found as f64 / questions as f64 / promised;
        println!("{bucket} slots a bucket, {} tables: {ratio:.3} of {promised:.4}", cuckoo.tables.len());
        assert!((0.9..1.1).contains(&ratio), "{bucket} {items}: {ratio}");
    }
}

#[test]
fn a_filter_that_may_not_grow_is_full_and_unharmed() {
    let mut cuckoo = filter(&Wish { growth: 0, ..wish(64, 2) });
    let mut number = 0;
    while cuckoo.add(&item(number), LEAVE).is_ok() {
        number += 1;
    }
    assert!((40..=64).contains(&number), "{number}");
    let before = cuckoo.tables[0].slots().to_vec();
    assert_eq!(cuckoo.add(&item(1_000_000), LEAVE), Err(Refusal::Full));
    assert_eq!(cuckoo.tables[0].slots(), before);
    assert!((0..number).all(|number| cuckoo.contains(&item(number))));
}

#[test]
fn growth_ends_at_its_leave() {
    let mut cuckoo = filter(&wish(4, 1));
    let leave = Leave { tables: 3, room: ROOM };
    let refusal = (0..1000).find_map(|number| cuckoo.add(&item(number), leave).err());
    assert_eq!((refusal, cuckoo.tables.len()), (Some(Refusal::Full), 3));
    let leave = Leave { tables: 100, room: 3 };
    let refusal = (0..1000).find_map(|number| cuckoo.add(&item(number), leave).err());
    assert_eq!((refusal, cuckoo.tables.len()), (Some(Refusal::NoMemory), 3));
    assert_eq!(Cuckoo::new(&wish(1 << 30, 2), 1 << 20).err(), Some(Refusal::NoMemory));
    assert_eq!(Cuckoo::new(&wish(u64::MAX, 1), u64::MAX).err(), Some(Refusal::NoMemory));
    assert_eq!(Cuckoo::new(&wish(1 << 33, 1), u64::MAX).err(), Some(Refusal::NoMemory));
    let mut steep = filter(&Wish { growth: 32768, ..wish(4, 1) });
    let refusal =
        (0..1_000).find_map(|number| steep.add(&item(number), Leave { room: 1 << 17, ..leave }).err());
    assert_eq!(refusal, None);
}

#[test]
fn deleting_compacts() {
    let mut cuckoo = filter(&wish(16, 2));
    (0..200).for_each(|number| cuckoo.add(&item(number), LEAVE).expect("there is room"));
    let tables = cuckoo.tables.len();
    assert!(tables > 5);
    assert!((0..150).all(|number| cuckoo.delete(&item(number))));
    assert!(cuckoo.tables.len() < tables);
    assert!((150..200).all(|number| cuckoo.contains(&item(number))));
    cuckoo.compact(true);
    assert_eq!((cuckoo.figures().items, cuckoo.figures().deleted), (50, 0));
    assert!((150..200).all(|number| cuckoo.delete(&item(number))) && !cuckoo.delete(b"other"));
}

#[test]
fn broken_headers_are_refused() {
    let mut cuckoo = filter(&wish(64, 2));
    (0..200).for_each(|number| cuckoo.add(&item(number), LEAVE).expect("there is room"));
    let header: [u8; HEADER_BYTES] = chunk::header(&cuckoo)[..].try_into().expect("its length");
    assert!(chunk::from_header(&header, ROOM).is_some() && chunk::from_header(&header, 100).is_none());
    let huge = u64::MAX.to_le_bytes();
    // Buckets, tables, slots, iterations, growth.
    for (at, bytes) in [
        (8, &huge[..]),
        (8, &[0; 8]),
        (8, &[33]),
        (8, &(1_u64 << 40).to_le_bytes()),
        (24, &huge),
        (24, &[0; 8]),
        (24, &2000_u64.to_le_bytes()),
        (32, &[0, 0]),
        (32, &[0, 1]),
        (34, &[0, 0]),
        (36, &[0, 0]),
        (36, &[3, 0]),
        (36, &[0, 128]),
    ] {
        let mut broken = header;
        broken[at..at + bytes.len()].copy_from_slice(bytes);
        assert!(chunk::from_header(&broken, ROOM).is_none(), "{at} {bytes:?}");
    }
}

#[test]
fn chunks_that_do_not_fit_are_refused() {
    let mut cuckoo = filter(&wish(64, 2));
    for (position, len) in
        [(0, 1), (1, 1), (-5, 1), (65, 65), (66, 2), (67, 1), (i64::MIN, 1), (i64::MAX, 1), (5, 0)]
    {
        assert!(!chunk::load(&mut cuckoo, position, &vec![1; len]), "{position} {len}");
    }
    assert!(chunk::load(&mut cuckoo, 65, &[7; 64]));
    assert!(chunk::chunk(&cuckoo, 65).is_none() && chunk::chunk(&cuckoo, i64::MIN).is_none());
}

fn moved(cuckoo: &Cuckoo) -> Cuckoo {
    let header = chunk::header(cuckoo)[..].try_into().expect("its length");
    let mut copy = chunk::from_header(&header, ROOM).expect("its header is one");
    let mut position = 1;
    while let Some((next, slots)) = chunk::chunk(cuckoo, position) {
        assert!(chunk::load(&mut copy, next, slots));
        position = next;
    }
    copy
}

proptest! {
    #[test]
    fn counts_are_never_too_low(
        capacity in 4_u64..64,
        bucket in 1_u16..5,
        growth in 1_u16..3,
        steps in proptest::collection::vec((0_u8..8, 0_u64..60), 0..400),
    ) {
        let mut cuckoo = filter(&Wish { growth, ..wish(capacity, bucket) });
        let mut model: HashMap<u64, u64> = HashMap::new();
        for (what, number) in steps {
            let count = model.entry(number).or_default();
            match what {
                // Only what was added may be deleted: else somebody else's fingerprint goes.
                0 | 1 if *count > 0 => {
                    prop_assert!(cuckoo.delete(&item(number)));
                    *count -= 1;
                }
                2 => cuckoo.compact(number % 2 == 0),
                3 => {
                    let was_there = cuckoo.contains(&item(number));
                    let is_added = cuckoo.add_new(&item(number), Leave { tables: 1024, room: ROOM });
                    prop_assert_eq!(is_added, Ok(!was_there));
                    *count += u64::from(!was_there);
                }
                _ => {
                    prop_assert_eq!(cuckoo.add(&item(number), Leave { tables: 1024, room: ROOM }), Ok(()));
                    *count += 1;
                }
            }
            prop_assert_eq!(cuckoo.figures().items, model.values().sum::<u64>());
        }
        let copy = moved(&cuckoo);
        prop_assert_eq!(copy.figures(), cuckoo.figures());
        prop_assert!(cuckoo.blocks() >= cuckoo.tables.len() && cuckoo.memory_bytes() > 0);
        for (number, count) in model {
            prop_assert!(cuckoo.count(&item(number)) >= count && copy.count(&item(number)) >= count);
        }
    }
}
