//! The reader of values that RESTORE is given: it refuses them or makes an entry, which is written and read again as the
//! same.

use crate::harness::{Decoder, magnitude, within_memory};
use crate::random::Random;
use dunlin_storage::rdb::entry::{Forms, build, dump, restore};
use dunlin_storage::rdb::payload::seal;
use dunlin_storage::rdb::{Texts, Value, Writer, crc64, listpack};
use dunlin_structures::packed::{Limits, PackedMut};
use dunlin_structures::set::SetLimits;
use dunlin_structures::stream::{Pending, Stream, StreamId};
use dunlin_structures::{bloom, cms, cuckoo, list, tdigest, topk};

const SMALL: Limits = Limits { entries: 16, bytes: 32 };
const FORMS: Forms = Forms {
    list: list::Limits { fill: 16, alone: 1000 },
    set: SetLimits { ints: 16, packed: SMALL },
    zset: SMALL,
    hash: SMALL,
};

/// Version and sum of a payload.
const SEAL_BYTES: usize = 10;

fn check(input: &[u8]) -> String {
    // Three bytes of a compressed string stand for up to 264, each of which may be an element of its own.
    let entry = match within_memory(input.len(), 64 * 264, || restore(b"key", input, Some(7), &FORMS)) {
        Err(refused) => return refused.to_string(),
        Ok(entry) => entry,
    };
    let written = dump(&entry, false).expect("what was read has a form");
    let again = restore(b"key", &written, Some(7), &FORMS);
    let again = again.unwrap_or_else(|refused| panic!("what we wrote is refused: {refused}"));
    assert_eq!(dump(&again, false).expect("it has a form").len(), written.len());
    assert_eq!((again.kind(), again.encoding_name()), (entry.kind(), entry.encoding_name()));
    format!("{} {} {}", input[0], entry.encoding_name(), magnitude(written.len()))
}

/// Seals the value again, in a version that reads it.
fn mend(random: &mut Random, input: &mut Vec<u8>) {
    let Some(body) = input.len().checked_sub(SEAL_BYTES) else { return };
    input.truncate(body);
    let version = *random.pick(&[10_u16, 12, 80]);
    input.extend_from_slice(&version.to_le_bytes());
    let sum = crc64::sum(input);
    input.extend_from_slice(&sum.to_le_bytes());
}

fn sealed(kind: u8, version: u16, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new(false);
    writer.byte(kind);
    write(&mut writer);
    seal(writer, version)
}

fn packed(texts: &[&[u8]]) -> Vec<u8> {
    let mut elements = Vec::new();
    texts.iter().for_each(|text| PackedMut::push(&mut elements, text));
    listpack::framed(&elements, texts.len())
}

/// A filter of each type with that many items.
fn filters(count: u64) -> [Value; 2] {
    let wish = bloom::Wish { capacity: 4, error: 0.01, growth: 2, scales: true };
    let mut bloom = bloom::Bloom::new(&wish, u64::MAX).expect("there is memory");
    let wish = cuckoo::Wish { capacity: 8, bucket: 2, iterations: 20, growth: 2 };
    let mut cuckoo = cuckoo::Cuckoo::new(&wish, u64::MAX).expect("there is memory");
    for number in 0..count {
        bloom.add(&number.to_le_bytes(), u64::MAX).expect("there is memory");
        let leave = cuckoo::Leave { tables: 32, room: u64::MAX };
        cuckoo.add(&number.to_le_bytes(), leave).expect("there is memory");
    }
    [Value::Module(Box::new(bloom)), Value::Module(Box::new(cuckoo))]
}

/// A sketch of each type in which so many items were counted.
fn sketches(count: u32) -> [Value; 3] {
    let mut cms = cms::CountMin::new(7, 2).expect("there is memory");
    let mut topk = topk::TopK::new(topk::Shape { k: 3, width: 4, ..topk::DEFAULT }).expect("there is memory");
    let mut digest = tdigest::TDigest::new(3).expect("it is small");
    for number in 0..count {
        cms.increment(&number.to_le_bytes(), 5);
        topk.add(&(number % 9).to_le_bytes(), 1);
        digest.add(f64::from(number));
    }
    [Value::Module(Box::new(cms)), Value::Module(Box::new(topk)), Value::Module(Box::new(digest))]
}

/// Values of all types, small and large, as we write them; and forms that others write.
fn corpus() -> Vec<Vec<u8>> {
    let mut values = vec![
        Value::String(b"hello".to_vec()),
        Value::String(b"-12345".to_vec()),
        Value::String(b"abc".repeat(100)),
    ];
    for count in [1, 5, 40] {
        let numbers: Texts = (0..count).map(|n: i32| (n * 1000).to_string()).collect();
        let words: Texts = (0..count).map(|n| format!("word {n}")).collect();
        let scores: Vec<f64> = (0..count).map(|n| f64::from(n) / 4.0).collect();
        let pairs: Texts = (0..count).flat_map(|n| [format!("name {n}"), n.to_string()]).collect();
        let times = (0..count).map(|n| (n % 2 == 0).then_some(1_700_000_000_000 + i64::from(n)));
        values.push(Value::List(words.clone()));
        values.push(Value::Set(numbers));
        values.push(Value::Set(words.clone()));
        values.push(Value::Zset(words, scores));
        values.push(Value::Hash(pairs.clone(), Vec::new()));
        values.push(Value::Hash(pairs, times.collect()));
        let mut stream = Stream::new();
        for n in 1..=count {
            let name = if n % 5 == 0 { "other" } else { "name" };
            let fields = [name.as_bytes(), b"value"];
            stream.append(StreamId::new(1_700_000_000_000, n as u64), fields.into_iter(), SMALL);
        }
        stream.delete(StreamId::new(1_700_000_000_000, 2));
        let group = stream.groups.entry(b"group"[..].into()).or_default();
        let (consumer, _) = group.create(b"consumer", 1);
        group.assign(StreamId::new(1, 1), Pending { consumer, delivered_at: 5, deliveries: 1 });
        values.push(Value::Stream(Box::new(stream)));
        values.extend(filters(count as u64));
        values.extend(sketches(count as u32));
    }
    let mut corpus = Vec::new();
    for value in values {
        let entry = build(b"key", value, None, &FORMS);
        corpus.extend([true, false].map(|compresses| dump(&entry, compresses).expect("it has a form")));
    }
    corpus.push(sealed(1, 1, |writer| writer.raw(b"\x02\x01a\x01b")));
    corpus.push(sealed(3, 1, |writer| writer.raw(b"\x02\x01a\x031.5\x01b\xff")));
    corpus.push(sealed(9, 1, |writer| writer.string(b"\x01\x01a\x01\x02x..\xff")));
    corpus.push(sealed(10, 6, |writer| {
        writer.string(b"\x10\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xf3\xff");
    }));
    corpus.push(sealed(20, 11, |writer| writer.string(&packed(&[b"a", b"7", b"-5000"]))));
    corpus.push(sealed(22, 80, |writer| {
        writer.raw(b"\x01\x01a\x01x");
        writer.time(-1);
    }));
    corpus.push(sealed(25, 12, |writer| {
        writer.time(1000);
        writer.string(&packed(&[b"a", b"x", b"1000", b"b", b"y", b"0"]));
    }));
    corpus
}

#[test]
fn rdb() {
    let words: &[&[u8]] = &[
        b"\0",
        b"\x01",
        b"\xff",
        b"\x80\xff\xff\xff\xff",
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xc0\x7f",
        b"\xc1\xff\x7f",
        b"\xc2\xff\xff\xff\x7f",
        b"\xc3\x04\x04\x00a\x20\x00",
        b"\xc3\x04\x44\x00\x00a\xe0\xff\x00",
        b"\x02\0\0\0\x02\0\0\0\xff\xff\x05\0",
        b"\x07\0\0\0\0\0\xff",
        b"\x0b\0\0\0\x0a\0\0\0\0\0\xff",
        b"\xf1\xff\x7f\x03",
        b"\0\0\0\0\0\0\xf8\x7f",
    ];
    Decoder { name: "rdb", corpus: corpus(), words, mend, check: &check }.run();
}
