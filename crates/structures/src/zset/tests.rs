use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Bound, Builder, ScoreRange, SortedSet, TextRange, Zset, empty, remove, remove_ranks, update};
use crate::entry::{Entry, IntText};
use crate::packed::Limits;

/// The obvious sorted set.
#[derive(Clone, Default, Debug)]
struct Model(BTreeMap<Vec<u8>, f64>);

impl Model {
    fn sorted(&self) -> Vec<(Vec<u8>, f64)> {
        let mut pairs: Vec<_> = self.0.iter().map(|(member, score)| (member.clone(), *score)).collect();
        pairs.sort_by(|a, b| a.1.partial_cmp(&b.1).expect("no NaN").then_with(|| a.0.cmp(&b.0)));
        pairs
    }
}

/// All pairs of a walk, with members as bytes.
macro_rules! collected {
    ($pairs:expr) => {
        $pairs.map(|(member, score)| (member.to_vec(), score)).collect::<Vec<_>>()
    };
}

fn agree(model: &Model, entry: &Entry) {
    if let Some(set) = entry.payload_as::<SortedSet>() {
        set.check_invariants();
    }
    let (set, sorted) = (Zset::of(entry), model.sorted());
    assert_eq!(set.len(), sorted.len());
    assert_eq!(collected!(set.iter_all()), sorted);
    for (rank, (member, score)) in sorted.iter().enumerate() {
        assert_eq!(set.rank(member), Some((rank, *score)));
        assert_eq!(set.score(member), Some(*score));
    }
    let members: Vec<&[u8]> = sorted.iter().map(|(member, _)| &member[..]).chain([&b"nobody"[..]]).collect();
    members.chunks(50).for_each(|chunk| entry.prefetch_elements(chunk, true));
    let back: Vec<_> = sorted.iter().rev().cloned().collect();
    assert_eq!(collected!(set.iter_back(0..sorted.len())), back);
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-20_i32..20).prop_map(f64::from),
        2 => any::<f64>().prop_filter("scores are numbers", |score| !score.is_nan()),
        2 => 0.0_f64..1.0,
        1 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, 0.0, 1e17, -1e-7]),
    ]
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0_u32..200).prop_map(|number| number.to_string().into_bytes()),
        2 => (0_u32..200).prop_map(|number| format!("member:{number:09}").into_bytes()),
        1 => "[a-c]{0,3}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..90),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>, f64),
    /// Many at once, from a number on, in rising or falling order or with one score.
    Run(u32, u32, i32),
    Remove(prop::sample::Index),
    RemoveRanks(prop::sample::Index, usize),
    Scores(f64, f64, bool, bool),
    Texts(Vec<u8>, Vec<u8>, bool, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (member(), score()).prop_map(|(member, score)| Step::Add(member, score)),
        2 => (0_u32..1000, 0_u32..150, -1..=1).prop_map(|(from, count, slope)| Step::Run(from, count, slope)),
        6 => any::<prop::sample::Index>().prop_map(Step::Remove),
        2 => (any::<prop::sample::Index>(), 0_usize..150).prop_map(|(from, count)| Step::RemoveRanks(from, count)),
        2 => (score(), score(), any::<bool>(), any::<bool>())
            .prop_map(|(min, max, first, second)| Step::Scores(min, max, first, second)),
        2 => (member(), member(), any::<bool>(), any::<bool>())
            .prop_map(|(min, max, first, second)| Step::Texts(min, max, first, second)),
    ]
}

fn bound<T>(value: T, included: bool) -> Bound<T> {
    if included { Bound::Included(value) } else { Bound::Excluded(value) }
}

fn add(entry: &mut Entry, limits: Limits, model: &mut Model, member: &[u8], score: f64) {
    // -0 becomes 0 in a packed block; the two are equal.
    let score = score + 0.0;
    let seen = update(entry, limits, member, |old| {
        assert_eq!(old, model.0.get(member).copied());
        Some(score)
    });
    let old = model.0.insert(member.to_vec(), score);
    assert_eq!((seen.old, seen.new), (old, Some(score)));
}

fn apply(step: &Step, entry: &mut Entry, limits: Limits, model: &mut Model) {
    match step {
        Step::Add(member, score) => add(entry, limits, model, member, *score),
        Step::Run(from, count, slope) => {
            for number in 0..*count {
                let score = f64::from(*from) + f64::from(*slope) * f64::from(number);
                add(entry, limits, model, format!("run:{:05}", from + number).as_bytes(), score);
            }
        }
        Step::Remove(index) if !model.0.is_empty() => {
            let (member, score) = model.0.iter().nth(index.index(model.0.len())).expect("it is in range");
            let (member, score) = (member.clone(), *score);
            model.0.remove(&member);
            assert_eq!(remove(entry, &member), Some(score));
            assert_eq!(remove(entry, &member), None);
        }
        Step::RemoveRanks(from, count) => {
            let sorted = model.sorted();
            let from = from.index(sorted.len() + 1);
            let mut shown = Vec::new();
            remove_ranks(entry, from, *count, |member, score| shown.push((member.to_vec(), score)));
            let gone: Vec<_> = sorted.into_iter().skip(from).take(*count).collect();
            gone.iter().for_each(|(member, _)| assert!(model.0.remove(member).is_some()));
            assert_eq!(shown, gone);
        }
        Step::Scores(min, max, first, second) => {
            let range = ScoreRange { min: bound(*min, *first), max: bound(*max, *second) };
            let set = Zset::of(entry);
            let sorted = model.sorted().into_iter();
            let expect: Vec<_> = sorted
                .filter(|(_, score)| {
                    (score > min || (*first && score == min)) && (score < max || (*second && score == max))
                })
                .collect();
            let ranks = set.ranks_of_scores(&range);
            assert_eq!(ranks.len(), expect.len());
            assert_eq!(collected!(set.iter(ranks)), expect);
        }
        Step::Texts(min, max, first, second) => {
            let range = TextRange { min: bound(&min[..], *first), max: bound(&max[..], *second) };
            let mut builder = Builder::new();
            for member in model.0.keys() {
                builder.merge(member, |_| 1.5);
            }
            let same = builder.finish(b"k", limits, None);
            let keys = model.0.keys().cloned();
            let expect: Vec<_> = keys
                .filter(|key| (key > min || (*first && key == min)) && (key < max || (*second && key == max)))
                .collect();
            let set = Zset::of(&same);
            let found = collected!(set.iter(set.ranks_of_texts(&range)));
            assert!(found.into_iter().map(|(member, _)| member).eq(expect));
        }
        Step::Remove(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn both_forms_do_what_a_map_does(
        steps in prop::collection::vec(step(), 0..60),
        entries in prop::sample::select(vec![0, 10, 128, 100_000]),
    ) {
        let limits = Limits { entries, bytes: 64 };
        let mut model = Model::default();
        let mut entry = empty(b"key");
        for step in &steps {
            apply(step, &mut entry, limits, &mut model);
            agree(&model, &entry);
        }
        if let Some(set) = entry.payload_as::<SortedSet>() {
            let copy = crate::entry::Payload::duplicate(set);
            let copy: Box<dyn std::any::Any> = copy;
            let copy = copy.downcast::<SortedSet>().expect("a copy is of the same type");
            copy.check_invariants();
            let pairs = copy.iter(0, usize::MAX, false).map(|(member, score)| (member.to_vec(), score));
            prop_assert_eq!(pairs.collect::<Vec<_>>(), model.sorted());
        }
    }
}

/// Numbers that look random and are the same in every run.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 27
}

#[test]
fn a_large_set_keeps_its_order_while_it_grows_and_shrinks() {
    const LIMITS: Limits = Limits { entries: 128, bytes: 64 };
    for order in 0..5_u64 {
        let (mut entry, mut model) = (empty(b"key"), Model::default());
        for number in 0..20_000_u64 {
            let score = match order {
                0 => number as f64,
                1 => -(number as f64),
                2 => (mixed(number) % 1_000_000) as f64,
                3 => 1.0,
                _ => f64::from_bits(mixed(number) >> 2),
            };
            add(
                &mut entry,
                LIMITS,
                &mut model,
                format!("member:{:09}", mixed(number) % 30_000).as_bytes(),
                score,
            );
        }
        agree(&model, &entry);
        let members: Vec<_> = model.0.keys().cloned().collect();
        for (index, member) in members.iter().enumerate().filter(|(index, _)| index % 50 != 7) {
            assert_eq!(remove(&mut entry, member), model.0.remove(member));
            if index % 4000 == 0 {
                agree(&model, &entry);
            }
        }
        agree(&model, &entry);
        let set = entry.payload_as::<SortedSet>().expect("it is large");
        let bytes = crate::entry::Payload::memory_bytes(set);
        assert!(bytes < 60 * 1024, "leaves that are nearly empty are merged: {bytes}");
    }
}

#[test]
fn members_of_16_bytes_take_less_than_50_each() {
    let mut set = SortedSet::new();
    for number in 0..200_000_u64 {
        let member = format!("member:{number:09}");
        set.update(member.as_bytes(), |_| Some((mixed(number) % 200_000) as f64));
    }
    let each = crate::entry::Payload::memory_bytes(&set) as f64 / 2e5;
    assert!(each < 50.0, "{each}");
    let ranks = Zset::Large(&set)
        .ranks_of_scores(&ScoreRange { min: Bound::Included(50_000.0), max: Bound::Excluded(50_100.0) });
    assert!((50..200).contains(&ranks.len()));
}

#[test]
fn a_scan_meets_every_member() {
    let mut set = SortedSet::new();
    for number in 0..3000 {
        set.update(format!("m{number}").as_bytes(), |_| Some(f64::from(number)));
    }
    let (mut cursor, mut seen) = (0, BTreeMap::new());
    loop {
        cursor = set.scan(cursor, |member, score| {
            seen.insert(member.to_vec(), score);
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), 3000);
    assert_eq!(seen[&b"m17"[..]], 17.0);
}

#[test]
fn scores_stand_in_blocks_as_their_texts() {
    let mut entry = empty(b"k");
    let limits = Limits { entries: 128, bytes: 64 };
    for (member, score) in [("a", -0.0), ("b", 0.5), ("c", 3.0), ("d", f64::INFINITY), ("e", 1e300)] {
        update(&mut entry, limits, member.as_bytes(), |_| Some(score));
    }
    let block = crate::packed::PackedMut::block(&entry);
    let texts: Vec<_> =
        block.items().map(|item| String::from_utf8_lossy(&item.to_vec()).into_owned()).collect();
    assert_eq!(texts, ["a", "0", "b", "0.5", "c", "3", "e", "1e+300", "d", "inf"]);
    let mut digits = IntText::new();
    let first =
        Zset::of(&entry).iter(0..1).next().map(|(member, score)| (member.text(&mut digits).to_vec(), score));
    assert_eq!(first, Some((b"a".to_vec(), 0.0)));
}
