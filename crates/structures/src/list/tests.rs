use std::collections::VecDeque;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::entry::Entry;
use crate::packed::Item;

const DEFAULT: Limits = Limits { fill: -2, alone: Limits::ALONE_DEFAULT };

fn list(texts: &[&[u8]], limits: Limits) -> Entry {
    let mut entry = empty(b"key");
    push(&mut entry, End::Tail, texts.iter().copied(), limits);
    entry
}

fn texts(entry: &Entry) -> Vec<Vec<u8>> {
    items(entry, 0, End::Tail).map(|item| item.to_vec()).collect()
}

fn push_one(entry: &mut Entry, end: End, text: &[u8]) {
    push(entry, end, std::iter::once(text), DEFAULT);
}

fn counts(entry: &Entry) -> Vec<usize> {
    blocks(entry).map(|block| block.count).collect()
}

#[test]
fn a_list_is_large_when_its_block_would_be_too_large() {
    let mut entry = list(&[&[b'x'; 100]], DEFAULT);
    // A listpack of 7 + 80 * 103 bytes is not larger than 8 KiB before the text of 100 bytes is added.
    for count in 2..=79 {
        push_one(&mut entry, End::Tail, &[b'x'; 100]);
        assert_eq!((len(&entry), entry.encoding_name()), (count, "listpack"));
    }
    push_one(&mut entry, End::Tail, &[b'x'; 100]);
    assert_eq!(entry.encoding_name(), "quicklist");
    assert_eq!(counts(&entry), [79, 1]);
    // It is small again at half of the limit.
    pop(&mut entry, End::Head, 40, DEFAULT, |_| ());
    assert_eq!((len(&entry), entry.encoding_name()), (40, "quicklist"), "two blocks");
    pop(&mut entry, End::Tail, 1, DEFAULT, |_| ());
    assert_eq!((counts(&entry), entry.encoding_name()), (vec![39], "listpack"));
}

#[test]
fn what_is_cut_off_a_list_of_many_blocks_is_handed_over() {
    let limits = Limits { fill: 1, ..DEFAULT };
    let all: Vec<Vec<u8>> = (0..1000).map(|number| format!("element {number:030}").into_bytes()).collect();
    for kept in
        [0..1000, 0..1, 999..1000, 0..0, 100..101, 65..66, 64..1000, 66..936, 700..900, 1..1000, 0..900]
    {
        let mut entry = empty(b"key");
        push(&mut entry, End::Tail, all.iter().map(|text| &text[..]), limits);
        let cut_off = trim(&mut entry, &kept, limits);
        check_invariants(&entry);
        assert_eq!(texts(&entry), all[kept.clone()]);
        let cuts = [&all[..kept.start], &all[kept.end..]];
        let expected: Vec<_> = cuts.into_iter().filter(|cut| cut.len() > 64).map(<[_]>::to_vec).collect();
        cut_off.iter().for_each(check_invariants);
        let found: Vec<_> = cut_off.iter().map(texts).collect();
        // All that is left of a list is one of its two ends.
        if !kept.is_empty() {
            assert_eq!(found, expected, "{kept:?}");
        }
        push(&mut entry, End::Head, all.iter().map(|text| &text[..]), limits);
        check_invariants(&entry);
    }
}

#[test]
fn elements_are_counted_where_the_limit_says_so() {
    let limits = Limits { fill: 3, ..DEFAULT };
    let mut entry = list(&[b"a", b"b", b"c"], limits);
    assert_eq!(entry.encoding_name(), "listpack");
    push(&mut entry, End::Head, [&b"d"[..], b"e"].into_iter(), limits);
    assert_eq!((entry.encoding_name(), counts(&entry)), ("quicklist", vec![2, 3]));
    assert_eq!(pop(&mut entry, End::Tail, 3, limits, |_| ()), 3);
    assert_eq!((entry.encoding_name(), counts(&entry)), ("quicklist", vec![2]), "2 > 3 / 2");
    assert_eq!(remove(&mut entry, b"d", 9, End::Head, limits), 1);
    assert_eq!((entry.encoding_name(), texts(&entry)), ("listpack", vec![b"e".to_vec()]));
}

#[test]
fn long_texts_stand_alone() {
    let limits = Limits { fill: 4, alone: 10 };
    let (long, other) = (&[b'l'; 10][..], &[b'm'; 12][..]);
    let mut entry = list(&[b"a", b"b", long, b"c", b"d"], limits);
    assert_eq!(counts(&entry), [2, 1, 2]);
    assert!(insert(&mut entry, b"b", Side::Before, other, limits));
    assert_eq!(counts(&entry), [1, 1, 1, 1, 2]);
    assert!(set(&mut entry, 1, long, limits));
    assert!(set(&mut entry, 0, other, limits));
    assert!(set(&mut entry, 3, b"x", limits));
    assert_eq!(counts(&entry), [1, 1, 1, 3]);
    assert_eq!(blocks(&entry).map(|block| block.alone).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(texts(&entry), [other, long, b"b", b"x", b"c", b"d"]);
    check_invariants(&entry);
}

#[test]
fn the_only_element_of_a_small_list_is_not_alone_after_it_has_moved() {
    let mut entry = list(&[&[b'l'; 600]], DEFAULT);
    let limits = Limits { alone: 20, ..DEFAULT };
    assert!(rotate(&mut entry, End::Head, End::Tail, limits).is_some());
    push(&mut entry, End::Tail, std::iter::once(&b"x"[..]), limits);
    assert_eq!((counts(&entry), entry.encoding_name()), (vec![2], "listpack"));
    check_invariants(&entry);
}

#[test]
fn inserting_splits_a_full_block_and_merges_what_fits() {
    let limits = Limits { fill: 4, ..DEFAULT };
    let mut entry = list(&[b"1", b"2", b"3", b"4", b"5", b"6"], limits);
    assert_eq!(counts(&entry), [4, 2]);
    assert!(insert(&mut entry, b"2", Side::After, b"x", limits));
    assert_eq!(counts(&entry), [2, 3, 2]);
    assert!(insert(&mut entry, b"4", Side::After, b"y", limits));
    assert!(!insert(&mut entry, b"nowhere", Side::After, b"y", limits));
    assert_eq!(texts(&entry).concat(), b"12x34y56");
    assert_eq!(counts(&entry), [2, 4, 2]);
}

#[test]
fn a_million_elements_take_little_more_than_their_bytes() {
    for end in [End::Head, End::Tail] {
        let mut entry = empty(b"key");
        for number in 0..1_000_000 {
            push_one(&mut entry, end, format!("element:{number:08}").as_bytes());
        }
        assert_eq!(len(&entry), 1_000_000);
        let bytes = entry.memory_bytes();
        assert!(bytes < 18_500_000, "{bytes}");
        let blocks = blocks(&entry).count();
        assert!(entry.blocks() > blocks && entry.blocks() < blocks + 10);
        assert_eq!(get(&entry, 700_000).map(|item| item.text_len()), Some(16));
    }
}

#[test]
fn a_queue_stays_as_small_as_what_is_in_it() {
    let mut entry = empty(b"key");
    for number in 0..200_000_u32 {
        push_one(&mut entry, End::Tail, format!("element:{number}").as_bytes());
        if number >= 300 {
            let mut first = Vec::new();
            pop(&mut entry, End::Head, 1, DEFAULT, |item| first = item.to_vec());
            assert_eq!(first, format!("element:{}", number - 300).as_bytes());
        }
    }
    assert_eq!(len(&entry), 300);
    let bytes = entry.memory_bytes();
    assert!(bytes < 11_000, "{bytes}");
    check_invariants(&entry);
}

#[test]
fn a_list_with_few_bytes_left_stands_in_its_entry_again() {
    let mut entry = list(&[&[b'x'; 200][..]; 4], DEFAULT);
    assert!(entry.payload_as::<List>().is_some());
    trim(&mut entry, &(1..2), DEFAULT);
    assert!(entry.packed_bytes().is_some());
    trim(&mut entry, &(1..1), DEFAULT);
    assert!(entry.is_empty_collection());
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..10_i32).prop_map(|number| number.to_string().into_bytes()),
        2 => "[a-c]{0,2}".prop_map(String::into_bytes),
        2 => (0..60_usize).prop_map(|len| vec![b'l'; len]),
        1 => (0..1500_usize).prop_map(|len| vec![b'm'; len]),
        1 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    let fill = prop_oneof![Just(-1), Just(-2), Just(0), Just(2), Just(5), Just(100)];
    let alone = prop_oneof![3 => Just(Limits::ALONE_DEFAULT), 1 => Just(1000_usize), 1 => Just(20_usize)];
    (fill, alone).prop_map(|(fill, alone)| Limits { fill, alone })
}

#[derive(Clone, Debug)]
enum Step {
    Push(bool, Vec<Vec<u8>>),
    Pop(bool, usize),
    Rotate(bool, bool),
    Set(Index, Vec<u8>),
    Insert(Index, bool, Vec<u8>),
    Remove(Vec<u8>, usize, bool),
    Trim(Index, Index),
    Limit(Limits),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), prop::collection::vec(text(), 1..20)).prop_map(|(end, texts)| Step::Push(end, texts)),
        3 => (any::<bool>(), 1..30_usize).prop_map(|(end, count)| Step::Pop(end, count)),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(from, to)| Step::Rotate(from, to)),
        4 => (any::<Index>(), text()).prop_map(|(at, text)| Step::Set(at, text)),
        4 => (any::<Index>(), any::<bool>(), text()).prop_map(|(at, side, text)| Step::Insert(at, side, text)),
        2 => (text(), 0..9_usize, any::<bool>()).prop_map(|(text, most, end)| Step::Remove(text, most, end)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Step::Trim(from, to)),
        1 => limits().prop_map(Step::Limit),
    ]
}

fn end_of(is_head: bool) -> End {
    if is_head { End::Head } else { End::Tail }
}

fn take_from(model: &mut VecDeque<Vec<u8>>, end: End) -> Option<Vec<u8>> {
    if end == End::Head { model.pop_front() } else { model.pop_back() }
}

fn add_to(model: &mut VecDeque<Vec<u8>>, end: End, text: Vec<u8>) {
    if end == End::Head { model.push_front(text) } else { model.push_back(text) }
}

fn apply(step: &Step, model: &mut VecDeque<Vec<u8>>, entry: &mut Entry, limits: &mut Limits) {
    match step {
        Step::Push(is_head, texts) => {
            push(entry, end_of(*is_head), texts.iter().map(Vec::as_slice), *limits);
            texts.iter().for_each(|text| add_to(model, end_of(*is_head), text.clone()));
        }
        Step::Pop(is_head, count) => {
            let end = end_of(*is_head);
            let expected: Vec<_> = (0..*count).map_while(|_| take_from(model, end)).collect();
            let mut popped = Vec::new();
            assert_eq!(pop(entry, end, *count, *limits, |item| popped.push(item.to_vec())), expected.len());
            assert_eq!(popped, expected);
        }
        Step::Rotate(from, to) => {
            let expected = take_from(model, end_of(*from));
            assert_eq!(rotate(entry, end_of(*from), end_of(*to), *limits), expected);
            expected.into_iter().for_each(|text| add_to(model, end_of(*to), text));
        }
        Step::Set(at, text) => {
            let index = at.index(model.len() + 1);
            assert_eq!(set(entry, index, text, *limits), index < model.len());
            model.get_mut(index).into_iter().for_each(|place| place.clone_from(text));
        }
        Step::Insert(at, is_before, text) => {
            let pivot = model.get(at.index(model.len() + 1)).cloned().unwrap_or_else(|| b"nowhere".to_vec());
            let place = model.iter().position(|other| *other == pivot);
            let side = if *is_before { Side::Before } else { Side::After };
            assert_eq!(insert(entry, &pivot, side, text, *limits), place.is_some());
            place.into_iter().for_each(|at| model.insert(at + usize::from(!is_before), text.clone()));
        }
        Step::Remove(text, most, is_head) => {
            let mut left = *most;
            let mut keeps = |other: &Vec<u8>| {
                let goes = other == text && left > 0;
                left -= usize::from(goes);
                !goes
            };
            if *is_head {
                model.retain(&mut keeps);
            } else {
                *model = model.drain(..).rev().filter(|text| keeps(text)).collect();
                model.make_contiguous().reverse();
            }
            assert_eq!(remove(entry, text, *most, end_of(*is_head), *limits), most - left);
        }
        Step::Trim(from, to) => {
            let (from, to) = (from.index(model.len() + 1), to.index(model.len() + 1));
            let kept = from.min(to)..from.max(to);
            trim(entry, &kept, *limits);
            *model = model.drain(kept).collect();
        }
        Step::Limit(new) => *limits = *new,
    }
}

fn agree(model: &VecDeque<Vec<u8>>, entry: &Entry) {
    check_invariants(entry);
    assert_eq!(len(entry), model.len());
    assert_eq!(entry.is_empty_collection(), model.is_empty());
    assert!(items(entry, 0, End::Tail).map(|item| item.to_vec()).eq(model.iter().cloned()));
    let last = model.len().saturating_sub(1);
    assert!(items(entry, last, End::Head).map(|item| item.to_vec()).eq(model.iter().rev().cloned()));
    for index in [0, 1, last / 2, last, last + 1] {
        assert_eq!(get(entry, index), model.get(index).map(|text| Item::of(text)));
        let (forward, back) = (items(entry, index, End::Tail), items(entry, index, End::Head));
        assert_eq!(forward.len(), model.len().saturating_sub(index));
        assert!(forward.map(|item| item.to_vec()).eq(model.iter().skip(index).cloned()));
        let upto = if index < model.len() { index + 1 } else { 0 };
        assert_eq!(back.len(), upto);
        assert!(back.map(|item| item.to_vec()).eq(model.iter().take(upto).rev().cloned()));
    }
}

proptest! {
    #[test]
    fn a_list_that_is_made_with_its_elements_is_as_if_they_were_pushed(
        texts in prop::collection::vec(text(), 1..8),
        is_head in any::<bool>(),
        limits in limits(),
    ) {
        for texts in [&texts[..1], &texts] {
            let texts = texts.iter().map(Vec::as_slice);
            let mut list = empty(b"key");
            prop_assert_eq!(push(&mut list, end_of(is_head), texts.clone(), limits), texts.len());
            let (made, len) = pushed(b"key", end_of(is_head), texts.clone(), limits);
            prop_assert_eq!(len, texts.len());
            check_invariants(&made);
            prop_assert_eq!(made.encoding_name(), list.encoding_name());
            prop_assert_eq!(made.packed_bytes(), list.packed_bytes());
            prop_assert!(items(&made, 0, End::Tail).eq(items(&list, 0, End::Tail)));
        }
    }

    #[test]
    fn lists_do_what_a_deque_does(
        filled in prop::collection::vec(text(), 0..200),
        steps in prop::collection::vec(step(), 0..50),
        first in limits(),
    ) {
        let mut limits = first;
        let mut entry = build(b"key", filled.iter().map(Vec::as_slice), limits);
        let mut model: VecDeque<_> = filled.into();
        agree(&model, &entry);
        for step in &steps {
            apply(step, &mut model, &mut entry, &mut limits);
            agree(&model, &entry);
        }
        let copy = entry.copy_under_key(b"other");
        agree(&model, &copy);
    }
}
