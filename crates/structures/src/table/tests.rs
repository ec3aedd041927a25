//! Tables against `BTreeMap`, with hashes that are random, and with hashes that somebody chose.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr::NonNull;

use proptest::prelude::*;

use super::*;

/// An element whose hash is part of it, so that tests choose hashes. Its address changes when it is renewed.
struct Item(Box<ItemContent>);

#[repr(align(8))]
#[derive(Clone)]
struct ItemContent {
    hash: u64,
    key: [u8; 8],
    value: u64,
}

impl Item {
    fn new(hash: u64, key: u64, value: u64) -> Self {
        Self(Box::new(ItemContent { hash, key: key.to_be_bytes(), value }))
    }

    fn number(&self) -> u64 {
        u64::from_be_bytes(self.0.key)
    }

    /// Moves the item to another address, as an entry that grows.
    fn renew(&mut self, value: u64) {
        *self = Self(Box::new(ItemContent { value, ..*self.0 }));
    }
}

#[expect(unsafe_code, reason = "an element for tests")]
// SAFETY: a box is a thin pointer aligned to 8, and its address is exposed.
unsafe impl Element for Item {
    fn into_raw(self) -> NonNull<u8> {
        let raw = Box::into_raw(self.0);
        raw.expose_provenance();
        NonNull::new(raw.cast()).expect("a box is not null")
    }

    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        // SAFETY: made by `into_raw`.
        Self(unsafe { Box::from_raw(raw.as_ptr().cast()) })
    }

    fn has_key(&self, key: &[u8]) -> bool {
        self.0.key == key
    }

    fn hash(&self) -> u64 {
        self.0.hash
    }
}

/// How the hash of a key comes about.
#[derive(Clone, Copy, Debug)]
enum Hashing {
    Mixed,
    AllEqual,
    EqualTopBits,
    Sequential,
    FewValues,
    LowBitsOnly,
}

const HASHINGS: [Hashing; 6] = [
    Hashing::Mixed,
    Hashing::AllEqual,
    Hashing::EqualTopBits,
    Hashing::Sequential,
    Hashing::FewValues,
    Hashing::LowBitsOnly,
];

impl Hashing {
    fn hash(self, key: u64) -> u64 {
        let mixed = {
            let product =
                u128::from(key ^ 0x1234_5678_9abc).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let folded = (product >> 64) as u64 ^ product as u64;
            folded.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ folded >> 32
        };
        match self {
            Self::Mixed => mixed,
            Self::AllEqual => 0xffff_ffff_ffff_ffff,
            Self::EqualTopBits => 0xabcd_ef00 << 32 | mixed >> 32,
            Self::Sequential => key << 48,
            Self::FewValues => mixed << 62,
            Self::LowBitsOnly => mixed >> 48,
        }
    }
}

struct Pair {
    hashing: Hashing,
    table: Table<Item>,
    model: BTreeMap<u64, u64>,
}

impl Pair {
    fn new(hashing: Hashing) -> Self {
        Self { hashing, table: Table::new(), model: BTreeMap::new() }
    }

    fn hash(&self, key: u64) -> u64 {
        self.hashing.hash(key)
    }

    fn insert(&mut self, key: u64, value: u64) {
        let hash = self.hash(key);
        match self.table.entry(hash, &key.to_be_bytes()) {
            Place::Occupied(place) if value.is_multiple_of(3) => {
                let (old, place) = place.vacate();
                assert_eq!((old.number(), old.0.value), (key, self.model[&key]));
                assert_eq!(place.insert(Item::new(hash, key, value)).number(), key);
            }
            Place::Occupied(mut place) => {
                assert_eq!(place.0.value, self.model[&key]);
                assert_eq!(place.replace(Item::new(hash, key, value)).number(), key);
            }
            Place::Vacant(place) => {
                assert!(!self.model.contains_key(&key));
                assert_eq!(place.insert(Item::new(hash, key, value)).number(), key);
            }
        }
        self.model.insert(key, value);
    }

    fn insert_new(&mut self, key: u64, value: u64) {
        if let std::collections::btree_map::Entry::Vacant(place) = self.model.entry(key) {
            let hash = self.hashing.hash(key);
            self.table.insert_new(hash, Item::new(hash, key, value));
            place.insert(value);
        }
    }

    fn remove(&mut self, key: u64, by_place: bool) {
        let hash = self.hash(key);
        let removed = match by_place {
            true => match self.table.entry(hash, &key.to_be_bytes()) {
                Place::Occupied(place) if key.is_multiple_of(2) => Some(place.vacate().0),
                Place::Occupied(place) => Some(place.remove()),
                Place::Vacant(_) => None,
            },
            false => self.table.remove(hash, &key.to_be_bytes()),
        };
        assert_eq!(removed.map(|item| item.0.value), self.model.remove(&key));
    }

    fn renew(&mut self, key: u64, value: u64) {
        let found = self.table.get_mut(self.hashing.hash(key), &key.to_be_bytes());
        assert_eq!(found.is_some(), self.model.contains_key(&key));
        if let Some(mut item) = found {
            item.renew(value);
            self.model.insert(key, value);
        }
    }

    fn check(&self) {
        self.table.check_invariants();
        assert_eq!(self.table.len(), self.model.len());
        for (&key, &value) in &self.model {
            let found = self.table.get(self.hash(key), &key.to_be_bytes());
            assert_eq!(found.map(|item| item.0.value), Some(value));
        }
        let all: BTreeMap<u64, u64> = self.table.iter().map(|item| (item.number(), item.0.value)).collect();
        assert_eq!(all, self.model);
        assert_eq!(
            self.table.is_empty(),
            self.table.memory_bytes() == 0 || self.table.iter().next().is_none()
        );
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    InsertNew(u64),
    Remove(u64, bool),
    Renew(u64),
    Get(u64),
    Fill { from: u64, count: u64 },
    Drain { from: u64, count: u64 },
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..400_u64;
    prop_oneof![
        8 => key().prop_map(Step::Insert),
        4 => key().prop_map(Step::InsertNew),
        6 => (key(), any::<bool>()).prop_map(|(key, by_place)| Step::Remove(key, by_place)),
        4 => key().prop_map(Step::Renew),
        2 => key().prop_map(Step::Get),
        2 => (key(), 0..300_u64).prop_map(|(from, count)| Step::Fill { from, count }),
        2 => (key(), 0..300_u64).prop_map(|(from, count)| Step::Drain { from, count }),
        1 => Just(Step::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn small_tables_follow_the_model(
        hashing in proptest::sample::select(HASHINGS.to_vec()),
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut pair = Pair::new(hashing);
        for (value, step) in (0_u64..).zip(&steps) {
            match *step {
                Step::Insert(key) => pair.insert(key, value),
                Step::InsertNew(key) => pair.insert_new(key, value),
                Step::Remove(key, by_place) => pair.remove(key, by_place),
                Step::Renew(key) => pair.renew(key, value),
                Step::Get(key) => assert_eq!(
                    pair.table.get(pair.hash(key), &key.to_be_bytes()).is_some(),
                    pair.model.contains_key(&key)
                ),
                Step::Fill { from, count } => (from..from + count).for_each(|key| pair.insert(key, value)),
                Step::Drain { from, count } => (from..from + count).for_each(|key| pair.remove(key, false)),
                Step::Clear => {
                    pair.table.clear();
                    pair.model.clear();
                }
            }
            pair.check();
        }
    }
}

#[test]
fn large_tables_split_merge_and_come_back_to_nothing() {
    for hashing in HASHINGS {
        // Quadratic where all hashes are equal, so fewer.
        let count = match hashing {
            Hashing::AllEqual | Hashing::FewValues => 3_000,
            _ => 20_000,
        };
        let mut pair = Pair::new(hashing);
        for key in 0..count {
            pair.insert(key, key);
            if key % 1_999 == 0 {
                pair.check();
            }
        }
        pair.check();
        let full_bytes = pair.table.memory_bytes();
        if matches!(hashing, Hashing::Mixed) {
            let (len, estimate) = (pair.table.len(), pair.table.len_estimate());
            assert!((len..8 * len).contains(&estimate), "{estimate} for {len}");
        }
        for key in (0..count).filter(|key| key % 10 != 3) {
            pair.remove(key, key % 2 == 0);
            if key % 2_999 == 0 {
                pair.check();
            }
        }
        pair.check();
        assert!(pair.table.memory_bytes() < full_bytes / 3, "{hashing:?}");
        for key in 0..count {
            pair.remove(key, false);
        }
        pair.check();
        assert!(pair.table.is_empty() && pair.table.memory_bytes() == 0, "{hashing:?}");
        assert_eq!(pair.table.len_estimate(), 0);
    }
}

#[test]
fn tables_made_for_many_are_filled_in_hash_order() {
    for (hashing, counts) in
        [(Hashing::Mixed, &[0, 1, 10, 500, 1_300, 30_000][..]), (Hashing::EqualTopBits, &[10, 1_300])]
    {
        for &count in counts {
            let mut pair = Pair { table: Table::with_capacity(count), ..Pair::new(hashing) };
            let mut keys: Vec<u64> = (0..count as u64).collect();
            keys.sort_by_key(|key| pair.hash(*key));
            for key in keys {
                pair.insert(key, key);
            }
            pair.check();
            if let Hashing::Mixed = hashing {
                assert!(pair.table.memory_bytes() <= 12 * count + 256, "{count}");
            }
            for key in 0..count as u64 {
                pair.remove(key, false);
            }
            pair.check();
            assert_eq!(pair.table.memory_bytes(), 0);
        }
    }
}

#[test]
fn scans_return_what_is_there_throughout() {
    for hashing in HASHINGS {
        let (stays, comes) = match hashing {
            Hashing::AllEqual | Hashing::FewValues => (500, 1_500),
            _ => (3_000, 15_000),
        };
        for grows in [true, false] {
            let mut pair = Pair::new(hashing);
            (0..stays).for_each(|key| pair.insert(key, 0));
            if !grows {
                (stays..stays + comes).for_each(|key| pair.insert(key, 0));
            }
            let (mut seen, mut cursor, mut next) = (BTreeSet::new(), 0, stays);
            loop {
                cursor = pair.table.scan(cursor, |item| {
                    seen.insert(item.number());
                });
                assert!(cursor < 1 << 48);
                if cursor == 0 {
                    break;
                }
                for _ in 0..40.min(stays + comes - next) {
                    if grows {
                        pair.insert(next, 0)
                    } else {
                        pair.remove(next, false)
                    }
                    next += 1;
                }
            }
            assert!((0..stays).all(|key| seen.contains(&key)), "{hashing:?}, grows: {grows}");
            pair.table.check_invariants();
        }
    }
}

#[test]
fn scans_of_a_still_table_return_each_element_once_and_a_few_a_step() {
    let mut pair = Pair::new(Hashing::Mixed);
    (0..20_000).for_each(|key| pair.insert(key, 0));
    let (mut count, mut cursor) = (0, 0);
    loop {
        let before = count;
        cursor = pair.table.scan(cursor, |_| count += 1);
        assert!(count - before <= 16);
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(count, 20_000);
    assert_eq!(Table::<Item>::new().scan(0, |_| ()), 0);
    // Any number may come from a client.
    for cursor in [1, u64::MAX, 1 << 47, (1 << 48) - 1] {
        assert!(pair.table.scan(cursor, |_| ()) < 1 << 48);
    }
}

/// Draws `per_element` times as many samples as there are elements, and compares how often each came with chance.
fn check_samples(pair: &Pair, per_element: u64) {
    let mut counts: BTreeMap<u64, u64> = pair.model.keys().map(|&key| (key, 0)).collect();
    let draws = per_element * counts.len() as u64;
    for random in 0..draws {
        let sample = pair.table.sample(random).expect("not empty").number();
        *counts.get_mut(&sample).expect("an element of the table") += 1;
    }
    let expected = per_element as f64;
    let chi: f64 = counts.values().map(|&count| (count as f64 - expected).powi(2) / expected).sum();
    let freedom = (counts.len() - 1) as f64;
    // Five standard deviations of chi-square's distribution, which is nearly normal here.
    let spread = 5.0 * (2.0 * freedom).sqrt();
    assert!((chi - freedom).abs() <= spread, "chi-square {chi} for {freedom}, {:?}", pair.hashing);
}

#[test]
fn samples_are_uniform_whatever_the_shape() {
    assert!(Table::<Item>::new().sample(1).is_none());
    for hashing in HASHINGS {
        let lopsided = matches!(hashing, Hashing::AllEqual | Hashing::FewValues);
        let mut pair = Pair::new(hashing);
        (0..if lopsided { 1_000 } else { 7_000 }).for_each(|key| pair.insert(key, 0));
        check_samples(&pair, 20);
    }
    // Leaves of all densities and depths: what is left of each eighth of the hashes is less by half than of the one before.
    let mut pair = Pair::new(Hashing::Mixed);
    (0..20_000).for_each(|key| pair.insert(key, 0));
    for key in 0..20_000 {
        let eighth = pair.hash(key) >> 61;
        if key & ((1 << eighth) - 1) != 0 {
            pair.remove(key, false);
        }
    }
    check_samples(&pair, 20);
    // One deep corner that grew, all else sparse.
    for key in 20_000..60_000 {
        if pair.hash(key) >> 60 == 15 {
            pair.insert(key, 0);
        }
    }
    pair.check();
    check_samples(&pair, 20);
}

#[test]
fn a_sample_of_what_a_mass_removal_left_is_found() {
    let mut pair = Pair::new(Hashing::Mixed);
    (0..5_000).for_each(|key| pair.insert(key, 0));
    (0..4_999).for_each(|key| pair.remove(key, false));
    assert_eq!(pair.table.sample(7).expect("one left").number(), 4_999);
    assert_eq!(pair.table.sample_run(7, 5, |left| assert_eq!(left.number(), 4_999)), 1);
}

#[test]
fn a_run_is_of_different_elements_and_reaches_all() {
    assert_eq!(Table::<Item>::new().sample_run(1, 5, |_| unreachable!("there is none")), 0);
    for hashing in HASHINGS {
        let mut pair = Pair::new(hashing);
        (0..500).for_each(|key| pair.insert(key, 0));
        let mut seen = std::collections::BTreeSet::new();
        for random in 0..2_000 {
            let mut run = Vec::new();
            let count = pair.table.sample_run(random, 5, |element| run.push(element.number()));
            assert_eq!(count, run.len());
            assert!((1..=5).contains(&count), "{hashing:?}");
            run.sort_unstable();
            run.dedup();
            assert_eq!(count, run.len(), "{hashing:?}");
            seen.extend(run);
        }
        assert_eq!(seen.len(), 500, "{hashing:?}");
        assert_eq!(pair.table.sample_run(1, 0, |_| unreachable!("none was asked for")), 0);
    }
    let mut pair = Pair::new(Hashing::Mixed);
    (0..3).for_each(|key| pair.insert(key, 0));
    let mut all = Vec::new();
    assert_eq!(pair.table.sample_run(9, usize::MAX, |element| all.push(element.number())), 3);
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2]);
}

#[test]
#[expect(unsafe_code, reason = "the lost element is freed by hand, for the sake of the leak check")]
fn a_forgotten_guard_loses_its_element_and_nothing_else() {
    let mut pair = Pair::new(Hashing::Mixed);
    (0..10).for_each(|key| pair.insert(key, 0));
    let (hash, key) = (pair.hash(3), 3_u64.to_be_bytes());
    let mut guard = pair.table.get_mut(hash, &key).expect("there");
    guard.renew(5);
    let lost: *const ItemContent = &*guard.0;
    std::mem::forget(guard);
    // SAFETY: the guard would have been the owner, and the table no longer knows the address.
    drop(unsafe { Box::from_raw(lost.cast_mut()) });
    assert!(pair.table.get(hash, &key).is_none());
    assert_eq!(pair.table.iter().count(), 9);
    pair.table.check_invariants();
    (10..5_000).for_each(|key| pair.insert(key, 0));
    pair.table.check_invariants();
    assert_eq!(pair.table.iter().count(), 9 + 4_990);
}

#[test]
fn blocks_of_another_allocator_are_left_where_they_are() {
    let mut pair = Pair::new(Hashing::Mixed);
    (0..5_000).for_each(|key| pair.insert(key, 0));
    pair.table.defragment();
    pair.check();
}

#[test]
fn taken_tables_leave_an_empty_one() {
    let mut pair = Pair::new(Hashing::Mixed);
    (0..100).for_each(|key| pair.insert(key, 0));
    let taken = pair.table.take();
    assert_eq!((taken.len(), pair.table.len(), pair.table.root_word()), (100, 0, 0));
    assert_eq!(size_of::<Table<crate::Entry>>(), 8);
}

#[test]
fn prefetching_touches_nothing_it_should_not() {
    let mut pair = Pair::new(Hashing::Mixed);
    for key in 0..4_000 {
        let hash = pair.hash(key);
        pair.table.prefetch_cells(hash);
        pair.table.prefetch_entry(hash);
        Table::<Item>::prefetch_root(pair.table.root_word(), hash);
        pair.insert(key, 0);
    }
    Table::<Item>::prefetch_root(0x1234_0000_dead_bee8, 5);
}

#[test]
fn tables_and_guards_cross_threads() {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Table<crate::Entry>>();
    send_and_sync::<RefMut<'_, crate::Entry>>();
}
