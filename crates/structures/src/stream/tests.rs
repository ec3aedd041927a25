use proptest::prelude::*;

use super::{Direction, Group, IdText, Pending, Precision, Stream, StreamId, TrimTo};
use crate::entry::Payload;
use crate::packed::Limits;

/// An entry of the model: its ID, and its names and values.
type Record = (StreamId, Vec<Vec<u8>>);

#[derive(Default)]
struct Model {
    entries: Vec<Record>,
    added: u64,
    max_deleted: StreamId,
}

fn add(stream: &mut Stream, id: StreamId, texts: &[Vec<u8>], limits: Limits) {
    stream.append(id, texts.iter().map(Vec::as_slice), limits);
}

fn records<'a>(entries: impl Iterator<Item = super::StreamEntry<'a>>) -> Vec<Record> {
    let texts = |entry: super::StreamEntry<'a>| {
        entry.fields().flat_map(|(name, value)| [name.to_vec(), value.to_vec()]).collect()
    };
    entries.map(|entry| (entry.id, texts(entry))).collect()
}

fn agree(model: &Model, stream: &Stream) {
    stream.check_invariants().expect("the stream is sound");
    assert_eq!(records(stream.iter()), model.entries);
    assert_eq!((Payload::len(stream), stream.entries_added), (model.entries.len(), model.added));
    assert_eq!(stream.max_deleted_id, model.max_deleted);
    assert_eq!(stream.last_entry_id(), model.entries.last().map(|(id, _)| *id));
}

#[derive(Clone, Debug)]
enum Step {
    Add { ms: u64, seq: u64, texts: Vec<Vec<u8>> },
    Delete(prop::sample::Index),
    Trim { to: prop::sample::Index, by_id: bool },
    TrimBlocks { to: prop::sample::Index, by_id: bool, limit: Option<usize> },
    Range(prop::sample::Index, prop::sample::Index),
    SetBack,
}

fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let value = prop_oneof!["[0-9]{1,6}", "[a-z]{0,10}"].prop_map(String::into_bytes);
    prop_oneof![
        4 => (value.clone(), value.clone()).prop_map(|(one, two)| vec![b"f".to_vec(), one, b"g".to_vec(), two]),
        2 => prop::collection::vec((value.clone(), value), 1..4)
            .prop_map(|pairs| pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        8 => (0..3u64, 0..3u64, texts()).prop_map(|(ms, seq, texts)| Step::Add { ms, seq, texts }),
        3 => index().prop_map(Step::Delete),
        1 => (index(), any::<bool>()).prop_map(|(to, by_id)| Step::Trim { to, by_id }),
        1 => (index(), any::<bool>(), prop::option::of(0..10usize))
            .prop_map(|(to, by_id, limit)| Step::TrimBlocks { to, by_id, limit }),
        2 => (index(), index()).prop_map(|(from, to)| Step::Range(from, to)),
        1 => Just(Step::SetBack),
    ]
}

/// An ID at, before or behind one of the model's.
fn some_id(model: &Model, index: prop::sample::Index) -> StreamId {
    let at = index.index(3 * model.entries.len() + 1);
    match (model.entries.get(at / 3), at % 3) {
        (Some((id, _)), 0) => id.previous().expect("no entry has the ID zero"),
        (Some((id, _)), 1) => *id,
        (Some((id, _)), _) => id.next().expect("IDs are small here"),
        (None, _) => StreamId::MAX,
    }
}

fn trim_target(model: &Model, to: prop::sample::Index, by_id: bool) -> (TrimTo, usize) {
    if by_id {
        let min = some_id(model, to);
        (TrimTo::MinId(min), model.entries.iter().filter(|(id, _)| *id < min).count())
    } else {
        let len = to.index(model.entries.len() + 2);
        (TrimTo::Len(len), model.entries.len().saturating_sub(len))
    }
}

fn apply(step: &Step, model: &mut Model, stream: &mut Stream, limits: Limits) {
    match step {
        Step::Add { ms, seq, texts } => {
            let last = stream.last_id;
            let id = StreamId::new(last.ms + ms, if *ms == 0 { last.seq + 1 + seq } else { *seq });
            add(stream, id, texts, limits);
            model.entries.push((id, texts.clone()));
            model.added += 1;
        }
        Step::Delete(index) => {
            let id = some_id(model, *index);
            let found = model.entries.iter().position(|(other, _)| *other == id);
            assert_eq!(stream.contains(id), found.is_some());
            assert_eq!(stream.delete(id), found.is_some());
            if let Some(found) = found {
                model.entries.remove(found);
                model.max_deleted = model.max_deleted.max(id);
            }
        }
        Step::Trim { to, by_id } => {
            let (target, count) = trim_target(model, *to, *by_id);
            assert_eq!(stream.trim(target, Precision::Exact, &mut None), count);
            model.entries.drain(..count);
        }
        Step::TrimBlocks { to, by_id, limit } => {
            let (target, count) = trim_target(model, *to, *by_id);
            let dropped = stream.trim(target, Precision::Blocks { limit: *limit }, &mut None);
            assert!(dropped <= count && limit.is_none_or(|limit| dropped <= limit));
            model.entries.drain(..dropped);
        }
        Step::SetBack => stream.last_id = stream.last_entry_id().unwrap_or(StreamId::new(1, 0)),
        Step::Range(from, to) => {
            let (start, end) = (some_id(model, *from), some_id(model, *to));
            let inside = |(id, _): &&Record| start <= *id && *id <= end;
            let expected: Vec<Record> = model.entries.iter().filter(inside).cloned().collect();
            assert_eq!(records(stream.range(start, end, Direction::Forward)), expected);
            let mut backward = records(stream.range(start, end, Direction::Backward));
            backward.reverse();
            assert_eq!(backward, expected);
        }
    }
}

proptest! {
    #[test]
    fn streams_do_what_a_vec_does(
        steps in prop::collection::vec(step(), 0..120),
        entries in 0..6usize,
        bytes in prop_oneof![Just(0), Just(1), 40..200usize],
    ) {
        let limits = Limits { entries, bytes };
        let (mut model, mut stream) = (Model::default(), Stream::new());
        for step in &steps {
            apply(step, &mut model, &mut stream, limits);
            agree(&model, &stream);
        }
        let blocks = stream.block_bytes().map(|(first, bytes)| (first, bytes.to_vec()));
        let copy = Stream::from_blocks(blocks).expect("what was made here is whole");
        prop_assert_eq!(records(copy.iter()), model.entries);
        prop_assert_eq!(copy.first_id, stream.first_id);
    }

    #[test]
    fn any_bytes_as_a_block_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..60), first in any::<u64>()) {
        if let Some(stream) = Stream::from_blocks([(StreamId::new(first, 0), bytes)]) {
            prop_assert_eq!(stream.iter().count(), stream.len());
        }
    }
}

const PLAIN: Limits = Limits { entries: 100, bytes: 4096 };

#[test]
fn blocks_have_the_layout_of_redis_nodes() {
    let mut stream = Stream::new();
    let texts = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    add(&mut stream, StreamId::new(5, 1), &texts(&["a", "1"]), PLAIN);
    add(&mut stream, StreamId::new(6, 0), &texts(&["a", "x"]), PLAIN);
    add(&mut stream, StreamId::new(6, 1), &texts(&["b", "2"]), PLAIN);
    stream.delete(StreamId::new(6, 0));
    let (first, bytes) = stream.block_bytes().next().expect("a block");
    assert_eq!(first, StreamId::new(5, 1));
    let numbers = |numbers: &[i64]| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
    let shown: Vec<_> = crate::packed::Packed::new(bytes).items().map(|item| item.to_vec()).collect();
    let shown: Vec<_> = shown.iter().map(|text| String::from_utf8_lossy(text)).collect();
    let expected = [
        "2 1 1 a 0".to_owned(),
        numbers(&[2, 0, 0, 1, 4]),
        "3 1 -1 x 4".to_owned(),
        "0 1 0 1 b 2 6".to_owned(),
    ];
    assert_eq!(shown.join(" "), expected.join(" "));
}

#[test]
fn blocks_end_where_redis_ends_its_nodes() {
    let mut stream = Stream::new();
    for ms in 1..=250 {
        add(&mut stream, StreamId::new(ms, 0), &[b"f".to_vec(), b"v".to_vec()], PLAIN);
    }
    assert_eq!(stream.block_bytes().map(|(first, _)| first.ms).collect::<Vec<_>>(), [1, 101, 201]);
    assert_eq!(stream.trim(TrimTo::Len(120), Precision::Blocks { limit: None }, &mut None), 100);
    assert_eq!(stream.trim(TrimTo::Len(10), Precision::Blocks { limit: Some(50) }, &mut None), 0);
    assert_eq!(stream.trim(TrimTo::MinId(StreamId::new(201, 0)), Precision::Exact, &mut None), 100);
    assert_eq!((stream.len(), stream.first_id.ms), (50, 201));
}

#[test]
fn a_small_entry_takes_little_memory() {
    let mut stream = Stream::new();
    for ms in 1..=10_000 {
        let texts = [b"temperature", &b"21"[..], b"humidity", b"50"].map(<[u8]>::to_vec);
        add(&mut stream, StreamId::new(1_700_000_000_000 + ms, 0), &texts, PLAIN);
    }
    assert!(stream.memory_bytes() < 10_000 * 22, "{} bytes", stream.memory_bytes());
    assert!(!Payload::is_empty(&Stream::new()));
}

#[test]
fn ids_are_next_to_each_other_and_shown() {
    let id = StreamId::new(3, u64::MAX);
    assert_eq!(id.next(), Some(StreamId::new(4, 0)));
    assert_eq!(StreamId::new(4, 0).previous(), Some(id));
    assert_eq!((StreamId::MAX.next(), StreamId::ZERO.previous()), (None, None));
    assert_eq!(IdText::of(StreamId::MAX).as_bytes(), b"18446744073709551615-18446744073709551615");
    assert_eq!(StreamId::from_bytes(id.to_bytes()), id);
}

#[test]
fn radix_nodes_are_counted_as_redis_has_them() {
    let nodes = |ids: &[(u64, u64)]| {
        let mut stream = Stream::new();
        for &(ms, seq) in ids {
            add(
                &mut stream,
                StreamId::new(ms, seq),
                &[b"f".to_vec(), b"v".to_vec()],
                Limits { entries: 1, bytes: 0 },
            );
        }
        stream.radix_nodes()
    };
    assert_eq!(nodes(&[]), 1);
    assert_eq!(nodes(&[(1, 0)]), 2);
    // Seven zeros, a fork of two, and for each key seven bytes more and its end.
    assert_eq!(nodes(&[(1, 0), (2, 0)]), 6);
    // Fifteen shared bytes, the fork, and the two ends.
    assert_eq!(nodes(&[(1, 0), (1, 1)]), 4);
    assert_eq!(nodes(&[(1, 0), (1, 1), (2, 0)]), 8);
}

#[test]
fn pending_entries_have_one_owner() {
    let mut group = Group::new(StreamId::ZERO, None);
    let ((one, _), (two, _)) = (group.create(b"one", 5), group.create(b"two", 6));
    assert_eq!(group.create(b"one", 7), (one, false));
    let pending = |consumer| Pending { consumer, delivered_at: 9, deliveries: 1 };
    for ms in 1..10 {
        group.assign(StreamId::new(ms, 0), pending(if ms % 2 == 0 { one } else { two }));
    }
    group.assign(StreamId::new(3, 0), pending(one));
    assert!(group.acknowledge(StreamId::new(5, 0)) && !group.acknowledge(StreamId::new(5, 0)));
    group.check_invariants().expect("both lists agree");
    assert_eq!((group.consumer(one).pending().len(), group.consumer(two).pending().len()), (5, 3));
    assert_eq!((group.remove(b"two"), group.remove(b"two")), (Some(3), None));
    assert_eq!(group.pending().len(), 5);
    let (three, _) = group.create(b"three", 1);
    assert_eq!(three, two, "gaps are used again");
    assert_eq!(
        group.consumers().map(|(_, consumer)| &*consumer.name).collect::<Vec<_>>(),
        [&b"one"[..], b"three"]
    );
    group.check_invariants().expect("both lists agree");
}

#[test]
fn a_copy_shares_nothing() {
    let mut stream = Stream::new();
    add(&mut stream, StreamId::new(1, 0), &[b"f".to_vec(), b"v".to_vec()], PLAIN);
    stream.groups.insert((*b"g").into(), Group::new(StreamId::ZERO, Some(0)));
    let copy = stream.clone();
    stream.delete(StreamId::new(1, 0));
    stream.groups.clear();
    assert_eq!((copy.len(), copy.groups.len()), (1, 1));
}

#[test]
fn blocks_that_are_trimmed_by_the_hundred_are_handed_over() {
    let filled = || {
        let mut stream = Stream::new();
        for number in 1..=1000 {
            stream.append(
                StreamId::new(number, 0),
                [&b"f"[..], b"v"].into_iter(),
                Limits { entries: 5, bytes: 0 },
            );
        }
        stream
    };
    let exact =
        [TrimTo::Len(3), TrimTo::Len(0), TrimTo::MinId(StreamId::new(998, 0)), TrimTo::MinId(StreamId::MAX)];
    for (to, left) in exact.into_iter().zip([3, 0, 3, 0]) {
        let (mut stream, mut cut_off) = (filled(), None);
        assert_eq!(stream.trim(to, Precision::Exact, &mut cut_off), 1000 - left);
        stream.check_invariants().expect("it is as it must be");
        assert_eq!(stream.len(), left);
        assert!(cut_off.is_some_and(|garbage| garbage.blocks().len() >= 199));
    }
    let (mut stream, mut cut_off) = (filled(), None);
    let precision = Precision::Blocks { limit: Some(400) };
    assert_eq!(stream.trim(TrimTo::Len(0), precision, &mut cut_off), 400);
    stream.check_invariants().expect("it is as it must be");
    assert!(cut_off.is_some_and(|garbage| garbage.blocks().len() >= 80));
    let (mut stream, mut cut_off) = (filled(), None);
    assert_eq!(stream.trim(TrimTo::Len(900), Precision::Exact, &mut cut_off), 100);
    assert!(cut_off.is_none(), "few blocks are freed at once");
}
