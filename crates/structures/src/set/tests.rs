//! Sets against `BTreeSet`, and their encodings against the rules.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::entry::{Encoding, Entry, Kind, PACKED_LEN_MAX, Payload};
use crate::packed::{Item, Limits};

const LIMITS: SetLimits = SetLimits { ints: 512, packed: Limits { entries: 128, bytes: 64 } };
const TINY: SetLimits = SetLimits { ints: 6, packed: Limits { entries: 4, bytes: 5 } };

fn randoms(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state ^ state >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }
}

fn texts(items: impl IntoIterator<Item = impl std::borrow::Borrow<Vec<u8>>>) -> Vec<Vec<u8>> {
    items.into_iter().map(|text| text.borrow().clone()).collect()
}

fn encoding_of(entry: &Entry) -> &'static str {
    entry.payload().map_or(
        if entry.encoding() == Encoding::Intset { "intset" } else { "listpack" },
        Payload::encoding_name,
    )
}

fn set_of(members: &[&str], limits: &SetLimits) -> Entry {
    let first = Item::of(members[0].as_bytes());
    let mut entry = make(b"key", first, 1, limits);
    add_all(&mut entry, members.iter().map(|text| Item::of(text.as_bytes())), limits);
    entry
}

fn numbers(range: std::ops::Range<i64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn set_of_numbers(range: std::ops::Range<i64>, more: &[&str]) -> Entry {
    let numbers = numbers(range);
    let members: Vec<&str> = numbers.iter().map(String::as_str).chain(more.iter().copied()).collect();
    set_of(&members, &LIMITS)
}

#[test]
fn conversions_happen_at_the_thresholds() {
    let long = "x".repeat(65);
    for (range, more, encoding) in [
        (0..512, &[][..], "intset"),
        (0..513, &[], "hashtable"),
        (0..127, &["a"], "listpack"),
        (0..128, &["a"], "hashtable"),
        (0..3, &[&long[..64]], "listpack"),
        (0..3, &[&long], "hashtable"),
        (0..512, &["5"], "intset"),
    ] {
        let entry = set_of_numbers(range.clone(), more);
        assert_eq!(encoding_of(&entry), encoding, "{range:?} {more:?}");
    }
    let texts: Vec<String> = (0..129).map(|number| format!("m{number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(encoding_of(&set_of(&texts[..128], &LIMITS)), "listpack");
    assert_eq!(encoding_of(&set_of(&texts, &LIMITS)), "hashtable");
    assert_eq!(encoding_of(&set_of(&[&long], &LIMITS)), "hashtable");
    // Integers too long to be packed beside a text.
    assert_eq!(encoding_of(&set_of(&["123456", "a"], &TINY)), "hashtable");
    assert_eq!(encoding_of(&set_of(&["12345", "a"], &TINY)), "listpack");
    // What is announced counts as there.
    assert_eq!(encoding_of(&make(b"k", Item::Int(1), 513, &LIMITS)), "hashtable");
    assert_eq!(encoding_of(&make(b"k", Item::Int(1), 5, &SetLimits { ints: 4, ..LIMITS })), "listpack");
    assert_eq!(encoding_of(&make(b"k", Item::Text(b"a"), 129, &LIMITS)), "hashtable");
    let mut entry = set_of_numbers(0..3, &[]);
    announce_len(&mut entry, 512, &LIMITS);
    assert_eq!(encoding_of(&entry), "intset");
    announce_len(&mut entry, 513, &LIMITS);
    assert_eq!((encoding_of(&entry), Set::of(&entry).len()), ("hashtable", 3));
}

#[test]
fn what_an_entry_has_no_room_for_becomes_large() {
    let wide = SetLimits { ints: usize::MAX, packed: Limits { entries: usize::MAX, bytes: usize::MAX } };
    let mut entry = make(b"k", Item::Int(0), 1, &wide);
    let most = PACKED_LEN_MAX as i64 / 8;
    for number in 0..most {
        assert!(add(&mut entry, Item::Int(number << 40), &wide));
    }
    assert_eq!((encoding_of(&entry), Set::of(&entry).len()), ("intset", most as usize));
    assert!(add(&mut entry, Item::Int(most << 40), &wide));
    assert_eq!((encoding_of(&entry), Set::of(&entry).len()), ("hashtable", most as usize + 1));
    let mut entry = make(b"k", Item::Text(b"a"), 1, &wide);
    for number in 0..90 {
        assert!(add(&mut entry, Item::Text(&[b'a' + number; 100_000]), &wide));
    }
    assert_eq!((encoding_of(&entry), Set::of(&entry).len()), ("hashtable", 90));
    let mut entry = set_of(&["1", "2"], &wide);
    assert!(add(&mut entry, Item::Text(&[b'x'; PACKED_LEN_MAX]), &wide));
    assert_eq!(encoding_of(&entry), "hashtable");
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (-20_i64..60).prop_map(|number| number.to_string().into_bytes()),
        2 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        2 => any::<i32>().prop_map(|number| number.to_string().into_bytes()),
        4 => "[a-d]{0,2}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>),
    AddAll(Vec<Vec<u8>>),
    Remove(Vec<u8>),
    RemoveOneOf(prop::sample::Index),
    Pop(usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => text().prop_map(Step::Add),
        2 => prop::collection::vec(text(), 0..100).prop_map(Step::AddAll),
        2 => text().prop_map(Step::Remove),
        4 => any::<prop::sample::Index>().prop_map(Step::RemoveOneOf),
        1 => (0..20_usize, any::<u64>()).prop_map(|(count, seed)| Step::Pop(count, seed)),
    ]
}

/// The members in the order in which they came.
type Model = Vec<Vec<u8>>;

fn apply(step: &Step, model: &mut Model, entry: &mut Entry, limits: &SetLimits) {
    match step {
        Step::Add(text) => {
            let is_new = !model.contains(text);
            assert_eq!(add(entry, Item::of(text), limits), is_new);
            if is_new {
                model.push(text.clone());
            }
        }
        Step::AddAll(all) => {
            let before = model.len();
            for text in all {
                if !model.contains(text) {
                    model.push(text.clone());
                }
            }
            let added = add_all(entry, all.iter().map(|text| Item::of(text)), limits);
            assert_eq!(added, model.len() - before);
        }
        Step::Remove(text) => {
            let place = model.iter().position(|other| other == text);
            assert_eq!(remove(entry, Item::of(text)), place.is_some());
            place.map(|place| model.remove(place));
        }
        Step::RemoveOneOf(index) if !model.is_empty() => {
            let text = model.remove(index.index(model.len()));
            assert!(remove(entry, Item::of(&text)));
        }
        Step::RemoveOneOf(_) => {}
        Step::Pop(count, seed) => {
            let mut popped = 0;
            pop(entry, *count, limits, &mut randoms(*seed), |item| {
                let text = item.to_vec();
                let place = model.iter().position(|other| *other == text).expect("a member, once");
                model.remove(place);
                popped += 1;
            });
            assert!(popped == *count || model.is_empty());
        }
    }
}

fn agree(model: &Model, entry: &Entry) {
    let set = Set::of(entry);
    assert_eq!(
        (set.len(), set.is_empty(), entry.is_empty_collection()),
        (model.len(), model.is_empty(), model.is_empty())
    );
    let members: Vec<Vec<u8>> = set.iter().map(|item| item.to_vec()).collect();
    assert_eq!(members.iter().collect::<BTreeSet<_>>(), model.iter().collect::<BTreeSet<_>>());
    assert_eq!(members.len(), model.len());
    assert!(model.iter().all(|text| set.contains(Item::of(text))));
    assert!(!set.contains(Item::of(b"never")));
    match set {
        Set::Ints(ints) => {
            assert!(ints.iter().is_sorted_by(|one, other| one < other));
            let mut shown = Vec::new();
            ints.for_each(|number| shown.push(number));
            assert!(ints.iter().eq(shown));
        }
        Set::Packed(_) => {}
        Set::Large(large) => large.check_invariants(),
    }
}

proptest! {
    #[test]
    fn sets_do_what_the_model_does(
        steps in prop::collection::vec(step(), 0..40),
        limits in prop::sample::select(vec![LIMITS, TINY, SetLimits { ints: 0, ..TINY }, SetLimits { ints: 30, packed: Limits { entries: 20, bytes: 20 } }]),
        expire_at in any::<Option<i64>>(),
    ) {
        let mut model = Vec::new();
        let mut entry = make(b"some key", Item::Int(1), 1, &limits);
        entry.set_expire_at(expire_at);
        for step in &steps {
            apply(step, &mut model, &mut entry, &limits);
            agree(&model, &entry);
            prop_assert_eq!((entry.key(), entry.kind(), entry.expire_at()), (&b"some key"[..], Kind::Set, expire_at));
        }
        if let Some(payload) = entry.payload() {
            let copy = Entry::boxed(b"some key", Kind::Set, payload.duplicate(), None);
            agree(&model, &copy);
        }
        let order_kept = matches!(Set::of(&entry), Set::Packed(_)) && !model.iter().any(|text| matches!(Item::of(text), Item::Int(_)));
        if order_kept {
            prop_assert_eq!(texts(model), Set::of(&entry).iter().map(|item| item.to_vec()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_set_of_one_member_is_stored_as_if_that_was_added(
        member in text(),
        limits in prop::sample::select(vec![LIMITS, TINY, SetLimits { ints: 0, packed: Limits { entries: 0, bytes: 9 } }]),
    ) {
        let item = Item::of(&member);
        let mut added = make(b"k", item, 1, &limits);
        prop_assert!(add(&mut added, item, &limits));
        let made = single(b"k", item, &limits);
        agree(&vec![member.clone()], &made);
        prop_assert_eq!(encoding_of(&made), encoding_of(&added));
        prop_assert_eq!(made.packed_bytes(), added.packed_bytes());
    }

    #[test]
    fn built_sets_are_stored_as_if_members_came_one_by_one(
        members in prop::collection::vec(text(), 0..40),
        limits in prop::sample::select(vec![LIMITS, TINY, SetLimits { ints: 3, packed: Limits { entries: 10, bytes: 30 } }]),
        starts_as_ints in any::<bool>(),
    ) {
        let mut distinct: Model = Vec::new();
        members.iter().for_each(|text| if !distinct.contains(text) { distinct.push(text.clone()) });
        let items: Vec<Item<'_>> = distinct.iter().map(|text| Item::of(text)).collect();
        let built = build(b"k", &items, starts_as_ints, &limits);
        let encoding = if starts_as_ints { Encoding::Intset } else { Encoding::Packed };
        let mut added = Entry::packed(b"k", Kind::Set, encoding, &[], None);
        add_all(&mut added, items.iter().copied(), &limits);
        agree(&distinct, &built);
        prop_assert_eq!(encoding_of(&built), encoding_of(&added));
    }

    #[test]
    fn sets_of_sets_are_what_they_should_be(
        lists in prop::collection::vec((prop::collection::vec(text(), 0..90), prop::sample::select(vec![LIMITS, TINY])), 1..7),
        twice in any::<Option<prop::sample::Index>>(),
    ) {
        let entries: Vec<Entry> = lists.iter().map(|(members, limits)| {
            let mut entry = make(b"k", Item::Int(1), 1, limits);
            add_all(&mut entry, members.iter().map(|text| Item::of(text)), limits);
            entry
        }).collect();
        let mut models: Vec<BTreeSet<Vec<u8>>> = lists.into_iter().map(|(members, _)| members.into_iter().collect()).collect();
        let mut sets: Vec<Set<'_>> = entries.iter().map(Set::of).collect();
        if let Some(index) = twice {
            let index = index.index(sets.len());
            sets.push(sets[index]);
            models.push(models[index].clone());
        }
        let collect = |items: Vec<Item<'_>>| {
            let members: BTreeSet<Vec<u8>> = items.iter().map(Item::to_vec).collect();
            assert_eq!(members.len(), items.len(), "each once");
            members
        };
        let mut common = Vec::new();
        each_common(&sets, |run| { common.extend_from_slice(run); true });
        let (first, others) = models.split_first().expect("at least one");
        let in_all = first.iter().filter(|text| others.iter().all(|other| other.contains(*text)));
        prop_assert_eq!(collect(common), in_all.cloned().collect::<BTreeSet<_>>());
        let in_first = first.iter().filter(|text| !others.iter().any(|other| other.contains(*text)));
        prop_assert_eq!(collect(difference(&sets)), in_first.cloned().collect::<BTreeSet<_>>());
        prop_assert_eq!(collect(union(&sets)), models.iter().flatten().cloned().collect::<BTreeSet<_>>());
    }
}

#[test]
fn large_sets_keep_many_members_and_find_them() {
    let mut set = LargeSet::new();
    let texts: Vec<String> = (0..20_000).map(|number| format!("member:{number}")).collect();
    for (number, text) in (0_i64..).zip(&texts) {
        assert!(set.add(Item::Int(number * 7)) && set.add(Item::of(text.as_bytes())));
    }
    set.check_invariants();
    let copy = set.duplicate();
    assert_eq!((copy.len(), set.iter().count()), (40_000, 40_000));
    let (mut cursor, mut seen) = (0, 0);
    loop {
        cursor = set.scan(cursor, |_| seen += 1);
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen, 40_000);
    for (number, text) in (0_i64..).zip(&texts) {
        assert!(set.remove(Item::Int(number * 7)) && set.remove(Item::of(text.as_bytes())));
    }
    set.check_invariants();
    assert!(set.is_empty() && set.memory_bytes() == size_of::<LargeSet>());
}

#[test]
fn copies_in_hash_order_have_leaves_of_proper_size() {
    let mut set = LargeSet::new();
    (0..200_000).for_each(|number| assert!(set.add(Item::Int(number))));
    let copy = set.duplicate();
    assert!(copy.memory_bytes() <= set.memory_bytes() * 3 / 2);
    assert!(set.memory_bytes() <= 200_000 * 12, "{}", set.memory_bytes());
}

/// How often each of the members of a set was chosen, in 400 draws of `count` of them a member.
fn check_uniform(set: Set<'_>, count: usize) {
    let mut random = randoms(count as u64);
    let len = set.len();
    let mut counts = std::collections::HashMap::new();
    let draws = 400 * len / count;
    for _ in 0..draws {
        let chosen = sample_distinct(set, count, &mut random);
        assert_eq!(chosen.len(), count);
        let mut texts: Vec<Vec<u8>> = chosen.iter().map(Item::to_vec).collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), count);
        texts.into_iter().for_each(|text| *counts.entry(text).or_insert(0_u64) += 1);
    }
    let expected = (draws * count) as f64 / len as f64;
    let chi: f64 = counts.values().map(|&count| (count as f64 - expected).powi(2) / expected).sum::<f64>()
        + (len - counts.len()) as f64 * expected;
    // Draws without repetition spread less than independent ones.
    let freedom = (len - 1) as f64;
    assert!(chi <= freedom + 5.0 * (2.0 * freedom).sqrt(), "{chi} for {freedom}, {count} of {len}");
}

#[test]
fn choices_are_uniform_in_every_encoding() {
    for entry in [set_of_numbers(0..100, &[]), set_of_numbers(0..60, &["a"]), set_of_numbers(0..700, &[])] {
        let set = Set::of(&entry);
        for count in [1, 7, set.len() / 2, set.len() - 1, set.len()] {
            check_uniform(set, count);
        }
        let mut random = randoms(1);
        let single = sample(set, &mut random).expect("not empty");
        assert!(set.contains(single));
    }
    assert_eq!(sample(Set::EMPTY, &mut randoms(1)), None);
    assert!(sample_distinct(Set::EMPTY, 5, &mut randoms(1)).is_empty());
}

#[test]
fn what_is_left_of_a_large_set_is_packed_again() {
    for (popped, encoding) in [(999, "listpack"), (872, "listpack"), (871, "hashtable"), (500, "hashtable")] {
        let mut entry = set_of_numbers(0..1_000, &[]);
        let mut count = 0;
        pop(&mut entry, popped, &LIMITS, &mut randoms(7), |_| count += 1);
        assert_eq!((count, Set::of(&entry).len(), encoding_of(&entry)), (popped, 1_000 - popped, encoding));
    }
}
