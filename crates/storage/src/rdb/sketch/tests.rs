//! Sketches out and back, in the layout of RedisBloom byte for byte, and damage of every byte.

use crate::rdb::entry::{Forms, dump, restore};
use crate::rdb::payload::unseal;
use crate::rdb::{Reader, Writer, decode, kind, payload};
use dunlin_structures::Entry;
use dunlin_structures::cms::CountMin;
use dunlin_structures::entry::Payload;
use dunlin_structures::list;
use dunlin_structures::packed::Limits;
use dunlin_structures::set::SetLimits;
use dunlin_structures::tdigest::{Order, TDigest};
use dunlin_structures::topk::{Shape, TopK};
use proptest::prelude::*;

const NONE: Limits = Limits { entries: 0, bytes: 0 };
const FORMS: Forms = Forms {
    list: list::Limits { fill: 1, alone: 1 },
    set: SetLimits { ints: 0, packed: NONE },
    zset: NONE,
    hash: NONE,
};

/// What DUMP says of a value, without seal and version.
fn body(entry: &Entry) -> Vec<u8> {
    let payload = dump(entry, false).expect("it has a form");
    unseal(&payload).expect("it is sealed").0.to_vec()
}

fn back(body: &[u8]) -> Result<Entry, payload::Refused> {
    let mut writer = Writer::new(false);
    writer.raw(body);
    restore(b"k", &payload::seal(writer, 10), None, &FORMS)
}

fn cms() -> Entry {
    let mut sketch = CountMin::new(3, 2).unwrap();
    sketch.increment(b"item", 5);
    sketch.increment(b"other", 1 << 31);
    Entry::module(b"k", sketch)
}

fn topk() -> Entry {
    let mut sketch = TopK::new(Shape { k: 3, width: 2, depth: 2, decay: 0.9 }).unwrap();
    for (item, by) in [("a", 5), ("bb", 7), ("", 3), ("a", 1), ("bb", 2), ("ccc", 40), ("n\0l", 50)] {
        sketch.add(item.as_bytes(), by);
    }
    assert!(sketch.draws() != 0, "there were collisions");
    Entry::module(b"k", sketch)
}

fn tdigest(numbers: i32) -> Entry {
    let mut digest = TDigest::new(10).unwrap();
    (0..numbers).for_each(|number| digest.add(f64::from(number) * 0.5));
    Entry::module(b"k", digest)
}

fn all() -> Vec<Entry> {
    let empty_topk = TopK::new(Shape { k: 2, width: 1, depth: 1, decay: 1.0 }).unwrap();
    let empty = [Entry::module(b"k", CountMin::new(1, 1).unwrap()), Entry::module(b"k", empty_topk)];
    [cms(), topk(), tdigest(0), tdigest(1), tdigest(2), tdigest(200)].into_iter().chain(empty).collect()
}

#[test]
fn what_was_written_comes_back() {
    for entry in all() {
        for compresses in [false, true] {
            let payload = dump(&entry, compresses).expect("it has a form");
            let restored = restore(b"k", &payload, None, &FORMS).expect("what was written is read");
            assert_eq!(dump(&restored, compresses), Some(payload));
            assert_eq!((restored.type_name(), restored.encoding_name()), (entry.type_name(), "raw"));
        }
    }
    let (one, other) = (topk(), back(&body(&topk())).unwrap());
    assert_eq!(one.module_value::<TopK>(), other.module_value::<TopK>());
    let (one, other) = (cms(), back(&body(&cms())).unwrap());
    assert_eq!(one.module_value::<CountMin>(), other.module_value::<CountMin>());
}

#[test]
fn the_layout_is_that_of_redisbloom() {
    let u32s = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    let mut sketch = CountMin::new(3, 1).unwrap();
    sketch.increment(b"item", 5);
    let counters = sketch.counters().to_vec();
    let expected =
        [&b"\x07\x81"[..], &body(&cms())[2..10], b"\x02\x03\x02\x01\x02\x05\x05\x0c", &counters, b"\0"];
    assert_eq!(body(&Entry::module(b"k", sketch)), expected.concat());

    let mut sketch = TopK::new(Shape { k: 2, width: 1, depth: 1, decay: 0.5 }).unwrap();
    sketch.add(b"it", 9);
    let print = dunlin_structures::topk::fingerprint(b"it");
    let expected = [
        // The number of its type, as in RedisBloom's own tests.
        &b"\x07\x81\x4e\x8a\x4a\xf9\x36\x0f\x10\x00\x02\x02\x02\x01\x02\x01\x04"[..],
        &0.5f64.to_le_bytes(),
        b"\x05\x08",
        &u32s(&[print, 9]),
        b"\x05\x30",
        &u32s(&[0; 6]),
        &u32s(&[print, 2, 0, 0, 9, 0]),
        b"\x05\x01\0\x05\x03it\0\0",
    ];
    assert_eq!(body(&Entry::module(b"k", sketch)), expected.concat());

    let mut digest = TDigest::new(10).unwrap();
    [4.0, -2.0].iter().for_each(|number| digest.add(*number));
    let double = |number: f64| [&[4][..], &number.to_le_bytes()].concat();
    let expected = [
        body(&tdigest(0))[..10].to_vec(),
        [double(10.0), double(-2.0), double(4.0)].concat(),
        b"\x01\x40\x46\x01\x02\x01\x00\x01\x01".to_vec(),
        [double(2.0), double(0.0), double(-2.0), double(4.0), double(1.0), double(1.0)].concat(),
        b"\0".to_vec(),
    ];
    assert_eq!(body(&Entry::module(b"k", digest)), expected.concat());
}

/// What RedisBloom writes and we don't: an address in each place, an item that was cut off at a NUL, and the one
/// observation that an older version counts and leaves out.
#[test]
fn what_only_redisbloom_writes_is_read() {
    let mut sketch = TopK::new(Shape { k: 1, width: 1, depth: 1, decay: 0.5 }).unwrap();
    sketch.add(b"n\0l", 9);
    let whole = body(&Entry::module(b"k", sketch));
    let end = whole.len() - 6;
    assert_eq!(&whole[end..], b"\x05\x04n\0l\0\0"[1..].as_ref());
    let mut cut = [&whole[..end - 1], b"\x05\x02n\0\0"].concat();
    let at = cut.len() - 5 - 24;
    cut[at + 8..at + 16].copy_from_slice(&0x7f00_dead_beefu64.to_le_bytes());
    let restored = back(&cut).unwrap();
    let sketch: &TopK = restored.module_value();
    assert_eq!(sketch.list(), [(b"n".as_slice(), 9)]);
    assert!(sketch.contains(b"n") && sketch.draws() == 0x7f00_dead_beef);

    let one = body(&tdigest(1));
    let double = |number: f64| [&[4][..], &number.to_le_bytes()].concat();
    let left_out = [
        &one[..10],
        &double(10.0),
        &double(3.5),
        &double(3.5),
        b"\x01\x40\x46\x01\x00\x01\x01\x01\x00",
        &double(0.0),
        &double(1.0),
        b"\0",
    ];
    let restored = back(&left_out.concat()).unwrap();
    let digest: &TDigest = restored.module_value();
    assert_eq!((digest.observations(), digest.quantiles(&[0.5])), (1, vec![3.5]));
}

/// Every command's work on a value, whatever came in.
fn work_on(object: &mut dyn Payload) {
    let object: &mut dyn std::any::Any = object;
    if let Some(sketch) = object.downcast_mut::<CountMin>() {
        sketch.increment(b"x", u64::MAX);
        let mut sum = dunlin_structures::cms::Sum::like(sketch).unwrap();
        let _ = sum.add(sketch, 3).and_then(|()| sum.finish());
        sketch.count(b"x");
    } else if let Some(sketch) = object.downcast_mut::<TopK>() {
        for item in 0..20u8 {
            sketch.add(&[item], 100);
            sketch.count(&[item]);
        }
        sketch.list();
    } else if let Some(digest) = object.downcast_mut::<TDigest>() {
        let mut merger = dunlin_structures::tdigest::Merger::new(20).unwrap();
        let _ = merger.add(digest).and_then(|()| merger.finish());
        for number in 0..300 {
            digest.quantiles(&[0.0, 0.5, 0.9, 1.0]);
            digest.rank(f64::from(number), Order::Ascending);
            digest.by_rank(number as u64, Order::Descending);
            digest.trimmed_mean(0.1, 0.7);
            digest.add(f64::from(number));
        }
    }
}

/// Reads a value, works on it, and returns how many bytes are left.
fn read(body: &[u8]) -> Result<usize, crate::rdb::Damaged> {
    let mut reader = Reader::new(body);
    let value = decode(kind::MODULE_2, &mut reader, 10)?;
    let crate::rdb::Value::Module(mut object) = value else { unreachable!("that was its type") };
    work_on(&mut *object);
    Ok(reader.rest().len())
}

#[test]
fn damage_is_found_or_harmless() {
    for entry in all() {
        let body = body(&entry)[1..].to_vec();
        assert_eq!(read(&body), Ok(0));
        for cut in 0..body.len() {
            assert!(read(&body[..cut]).is_err(), "{} cut at {cut}", entry.type_name());
        }
        for at in 0..body.len() {
            for spoiled in [0, 1, 0x7f, 0x80, 0xc3, 0xf0, 0xff] {
                let mut body = body.clone();
                body[at] = spoiled;
                let _ = read(&body);
                body[at] ^= 0x55;
                let _ = read(&body);
            }
        }
    }
}

#[test]
fn shapes_that_no_memory_has_are_refused() {
    // From RedisBloom's tests: a product of width and depth that overflows 32 bits.
    let overflow = b"\x07\x81N\x8aJ\xf96\x0f\x10\x00\x02\x00\x02\x80\x80\x00\x00\x00\x02\x80@\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x05\x00\x00";
    assert!(back(overflow).is_err());
    let width = |width: &[u8]| [&body(&cms())[..11], width, &body(&cms())[12..]].concat();
    assert!(back(&width(b"\x03")).is_ok());
    for claimed in [&b"\x00"[..], b"\x04", b"\x80\xff\xff\xff\xff", b"\x81\x80\x00\x00\x00\x00\x00\x00\x03"] {
        assert!(back(&width(claimed)).is_err());
    }
}

proptest! {
    #[test]
    fn much_damage_is_found_or_harmless(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        more in prop::collection::vec(any::<u8>(), 0..9),
    ) {
        let entries = all();
        let mut body = body(which.get(&entries))[1..].to_vec();
        for (at, byte) in &damage {
            // Behind the number of the type, mostly.
            let at = 9 + at.index(body.len() - 9);
            body[at] = *byte;
        }
        let _ = read(&body);
        let at = cut.index(body.len());
        body.splice(at..at, more);
        let _ = read(&body);
    }
}
