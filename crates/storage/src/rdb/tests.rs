//! Every form that any version wrote, damage of each, and the way of random values out and back.

use super::entry::{Forms, build, dump, reload, restore};
use super::payload::{Refused, open_body, seal, unseal};
use super::{Damaged, Texts, Value, Writer, kind, listpack};
use dunlin_structures::Entry;
use dunlin_structures::list;
use dunlin_structures::packed::{Limits, PackedMut};
use dunlin_structures::set::SetLimits;
use dunlin_structures::stream::{Pending, Stream, StreamId};
use proptest::prelude::*;

const SMALL: Limits = Limits { entries: 8, bytes: 16 };
const FORMS: Forms = Forms {
    list: list::Limits { fill: 4, alone: 100 },
    set: SetLimits { ints: 6, packed: SMALL },
    zset: SMALL,
    hash: SMALL,
};

/// A value as text, whatever its form; what has no order is sorted.
fn shown(value: &Value) -> String {
    let text = |text: &[u8]| text.escape_ascii().to_string();
    match value {
        Value::String(string) => text(string),
        Value::List(texts) => texts.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Set(texts) => {
            let mut members: Vec<_> = texts.iter().map(text).collect();
            members.sort();
            members.join(" ")
        }
        Value::Zset(members, scores) => {
            let mut pairs: Vec<_> = members
                .iter()
                .zip(scores)
                .map(|(member, score)| format!("{}={score}", text(member)))
                .collect();
            pairs.sort();
            pairs.join(" ")
        }
        Value::Hash(fields, times) => {
            let mut all: Vec<_> = fields
                .pairs()
                .enumerate()
                .map(|(index, (name, value))| {
                    let time = times.get(index).copied().flatten();
                    format!(
                        "{}={}{}",
                        text(name),
                        text(value),
                        time.map_or(String::new(), |at| format!("@{at}"))
                    )
                })
                .collect();
            all.sort();
            all.join(" ")
        }
        Value::Module(payload) => format!("{payload:?}"),
        Value::Stream(stream) => {
            let entries: Vec<_> = stream
                .iter()
                .map(|entry| {
                    let fields: Vec<_> = entry
                        .fields()
                        .map(|(name, value)| format!("{}={}", text(&name.to_vec()), text(&value.to_vec())))
                        .collect();
                    format!("{}-{} {}", entry.id.ms, entry.id.seq, fields.join(","))
                })
                .collect();
            let groups: Vec<_> = stream
                .groups
                .iter()
                .map(|(name, group)| {
                    let name_of = |consumer| group.consumer(consumer).name.clone();
                    let consumers: Vec<_> = group.consumers().map(|(_, consumer)| consumer).collect();
                    let pending: Vec<_> = group
                        .pending()
                        .iter()
                        .map(|(id, one)| (id, name_of(one.consumer), one.delivered_at, one.deliveries))
                        .collect();
                    format!("{name:?} {:?} {:?} {consumers:?} {pending:?}", group.last_id, group.entries_read)
                })
                .collect();
            format!(
                "{entries:?} {:?} {:?} {:?} {} {groups:?}",
                stream.last_id, stream.first_id, stream.max_deleted_id, stream.entries_added
            )
        }
    }
}

/// What is in a body of that type.
fn read(kind: u8, version: u16, body: &[u8]) -> Result<String, Damaged> {
    open_body(&[&[kind], body].concat(), version).map(|value| shown(&value))
}

fn string(text: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(false);
    writer.string(text);
    writer.bytes
}

fn strings(texts: &[&[u8]]) -> Vec<u8> {
    let mut writer = Writer::new(false);
    texts.iter().for_each(|text| writer.string(text));
    writer.bytes
}

/// A ziplist as Redis would make it of these elements' heads and texts.
fn ziplist(elements: &[&[u8]]) -> Vec<u8> {
    let (mut bytes, mut before, mut last) = (vec![0; 10], 0_usize, 10);
    for element in elements {
        last = bytes.len();
        match before {
            0..254 => bytes.push(before as u8),
            _ => {
                bytes.push(254);
                bytes.extend_from_slice(&(before as u32).to_le_bytes());
            }
        }
        bytes.extend_from_slice(element);
        before = bytes.len() - last;
    }
    bytes.push(0xff);
    let len = bytes.len() as u32;
    bytes[..4].copy_from_slice(&len.to_le_bytes());
    bytes[4..8].copy_from_slice(&(last as u32).to_le_bytes());
    bytes[8..10].copy_from_slice(&(elements.len() as u16).to_le_bytes());
    bytes
}

fn packed(texts: &[&[u8]]) -> Vec<u8> {
    let mut elements = Vec::new();
    texts.iter().for_each(|text| PackedMut::push(&mut elements, text));
    listpack::framed(&elements, texts.len())
}

/// One body of each form, with what is in it.
fn forms() -> Vec<(u8, u16, Vec<u8>, &'static str)> {
    let long = [b"\x41\x00".as_slice(), &[b'x'; 256]].concat();
    let long_text: &'static str = Box::leak("x".repeat(256).into_boxed_str());
    let ints = ziplist(&[
        &long,
        b"\xf1",
        b"\xfd",
        b"\xfe\xff",
        b"\xc0\x00\x80",
        b"\xf0\xff\xff\x7f",
        b"\xd0\x00\x00\x00\x80",
        b"\xe0\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x80\x00\x00\x00\x01y",
    ]);
    let int_texts = "0 12 -1 -32768 8388607 -2147483648 9223372036854775807 y";
    let all: &'static str = Box::leak(format!("{long_text} {int_texts}").into_boxed_str());
    let pairs = ziplist(&[b"\x01a", b"\xf2", b"\x01b", b"\x03abc"]);
    let mut timed = 1000_i64.to_le_bytes().to_vec();
    timed.extend_from_slice(b"\x02\x00\x01a\x01x\x06\x01b\x01y");
    let packed_timed = string(&packed(&[b"b", b"y", b"1005", b"a", b"x", b"0"]));
    vec![
        (kind::STRING, 1, string(b"hello"), "hello"),
        (kind::STRING, 1, b"\xc0\x85".to_vec(), "-123"),
        (kind::STRING, 1, b"\xc1\x39\x30".to_vec(), "12345"),
        (kind::STRING, 1, b"\xc2\x15\xcd\x5b\x07".to_vec(), "123456789"),
        (kind::STRING, 1, b"\xc3\x04\x04\x00a\x20\x00".to_vec(), "aaaa"),
        (kind::STRING, 1, b"\x80\x00\x00\x00\x02hi".to_vec(), "hi"),
        (kind::STRING, 1, b"\x81\x00\x00\x00\x00\x00\x00\x00\x02hi".to_vec(), "hi"),
        (kind::LIST, 1, [&b"\x02"[..], &strings(&[b"b", b"a"])].concat(), "b a"),
        (kind::LIST_ZIPLIST, 6, string(&ints), all),
        (
            kind::LIST_QUICKLIST,
            7,
            [b"\x02".to_vec(), string(&ziplist(&[b"\x01a"])), string(&ziplist(&[b"\xf3"]))].concat(),
            "a 2",
        ),
        (
            kind::LIST_QUICKLIST_2,
            10,
            [b"\x02\x01\x03big\x02".to_vec(), string(&packed(&[b"a", b"-5000"]))].concat(),
            "big a -5000",
        ),
        (kind::SET, 1, [&b"\x02"[..], &strings(&[b"b", b"7"])].concat(), "7 b"),
        (kind::SET_INTSET, 2, string(b"\x02\0\0\0\x02\0\0\0\xff\xff\x05\0"), "-1 5"),
        (kind::SET_LISTPACK, 11, string(&packed(&[b"b", b"7"])), "7 b"),
        (kind::ZSET, 1, b"\x03\x01a\x031.5\x01b\xff\x01c\xfe".to_vec(), "a=1.5 b=-inf c=inf"),
        (kind::ZSET_BINARY, 8, [&b"\x01\x01a"[..], &1.5_f64.to_le_bytes()].concat(), "a=1.5"),
        (kind::ZSET_ZIPLIST, 2, string(&ziplist(&[b"\x01a", b"\x031.5"])), "a=1.5"),
        (kind::ZSET_LISTPACK, 10, string(&packed(&[b"a", b"-3", b"b", b"1e3"])), "a=-3 b=1000"),
        (kind::HASH, 1, [&b"\x01"[..], &strings(&[b"a", b"1"])].concat(), "a=1"),
        (kind::HASH_ZIPMAP, 1, string(b"\x02\x01a\x01\x02x..\x01b\x00\x00\xff"), "a=x b="),
        (kind::HASH_ZIPLIST, 4, string(&pairs), "a=1 b=abc"),
        (kind::HASH_LISTPACK, 10, string(&packed(&[b"a", b"1"])), "a=1"),
        (kind::HASH_TIMES_EARLY, 12, b"\x02\x00\x01a\x01x\x43\xe9\x01b\x01y".to_vec(), "a=x b=y@1001"),
        (kind::HASH_LISTPACK_TIMES_EARLY, 12, packed_timed.clone(), "a=x b=y@1005"),
        (kind::HASH_TIMES, 12, timed, "a=x b=y@1005"),
        (
            kind::HASH_LISTPACK_TIMES,
            12,
            [&1005_i64.to_le_bytes()[..], &packed_timed].concat(),
            "a=x b=y@1005",
        ),
        (
            kind::HASH_VALKEY,
            80,
            [
                b"\x02\x01a\x01x".to_vec(),
                (-1_i64).to_le_bytes().to_vec(),
                b"\x01b\x01y".to_vec(),
                7_i64.to_le_bytes().to_vec(),
            ]
            .concat(),
            "a=x b=y@7",
        ),
    ]
}

#[test]
fn every_form_is_read() {
    for (kind, version, body, expected) in forms() {
        assert_eq!(read(kind, version, &body).as_deref(), Ok(expected), "type {kind}");
    }
}

#[test]
fn damage_is_found_or_harmless() {
    for (kind, version, body, _) in forms() {
        for cut in 0..body.len() {
            assert!(read(kind, version, &body[..cut]).is_err(), "type {kind} cut at {cut}");
        }
        assert!(read(kind, version, &[&body[..], b"\0"].concat()).is_err(), "type {kind} with more behind");
        for at in 0..body.len() {
            for spoiled in [0, 1, 0x7f, 0x80, 0xc3, 0xfe, 0xff] {
                let mut body = body.clone();
                body[at] = spoiled;
                let _ = read(kind, version, &body);
            }
        }
    }
}

#[test]
fn what_no_value_can_be_is_refused() {
    let empty: [u8; 0] = [];
    for (kind, body) in [
        (kind::LIST, b"\0".to_vec()),
        (kind::SET, b"\0".to_vec()),
        (kind::HASH, b"\0".to_vec()),
        (kind::ZSET_BINARY, b"\0".to_vec()),
        (kind::LIST_QUICKLIST_2, b"\0".to_vec()),
        (kind::HASH_LISTPACK, string(&packed(&[]))),
        // Redis writes neither of these, and takes them for attacks.
        (kind::LIST_QUICKLIST_2, b"\x01\x01\0".to_vec()),
        (kind::HASH_ZIPMAP, string(b"\x01\xfe\x01\0\0\0b\x00\x00\xff")),
        (kind::HASH_ZIPMAP, string(b"\x01\x01b\xfe\x01\0\0\0\0x\xff")),
        (kind::SET, [&b"\x02"[..], &strings(&[b"a", b"a"])].concat()),
        (kind::SET, [&b"\x02"[..], b"\x011\xc0\x01"].concat()),
        (kind::SET_INTSET, string(b"\x02\0\0\0\x02\0\0\0\x05\0\x05\0")),
        (kind::SET_INTSET, string(b"\x02\0\0\0\x02\0\0\0\x05\0\x04\0")),
        (kind::SET_INTSET, string(b"\x03\0\0\0\x01\0\0\0\x05\0\0")),
        (kind::ZSET, b"\x01\x01a\xfd".to_vec()),
        (kind::ZSET_BINARY, [&b"\x01\x01a"[..], &f64::NAN.to_le_bytes()].concat()),
        (kind::ZSET_LISTPACK, string(&packed(&[b"a", b"word"]))),
        (kind::ZSET_LISTPACK, string(&packed(&[b"a", b"1", b"b"]))),
        (kind::HASH_LISTPACK, string(&packed(&[b"a", b"1", b"a", b"2"]))),
        (kind::HASH_LISTPACK, string(&packed(&[b"a"]))),
        (kind::HASH_LISTPACK_TIMES, [&empty[..], &[0; 8], &string(&packed(&[b"a", b"1", b"word"]))].concat()),
        (8, string(b"a")),
        (200, string(b"a")),
    ] {
        assert!(read(kind, 10, &body).is_err(), "type {kind}");
    }
    // A time that has no place in what we write.
    for time in [0, 1 << 46, i64::MAX, -2] {
        assert!(
            read(kind::HASH_VALKEY, 80, &[&b"\x01\x01a\x01x"[..], &time.to_le_bytes()].concat()).is_err()
        );
    }
    // Lengths that are only claimed.
    assert!(read(kind::STRING, 10, b"\x81\xff\xff\xff\xff\xff\xff\xff\xf7").is_err());
    assert!(read(kind::LIST, 10, b"\x81\xff\xff\xff\xff\xff\xff\xff\xf7\0").is_err());
    assert!(read(kind::STRING, 10, b"\xc3\x03\x81\xff\xff\xff\xff\xff\xff\xff\xf7\0aa").is_err());
}

#[test]
fn seals_are_checked() {
    let entry = build(b"k", Value::String(b"hello".to_vec()), None, &FORMS);
    let payload = dump(&entry, true).expect("a string has a form");
    assert_eq!(unseal(&payload), Some((&b"\0\x05hello"[..], 10)));
    for at in 0..payload.len() {
        let mut spoiled = payload.clone();
        spoiled[at] ^= 1;
        assert_eq!(restore(b"k", &spoiled, None, &FORMS).err(), Some(Refused::Unsealed));
        assert_eq!(restore(b"k", &payload[..at], None, &FORMS).err(), Some(Refused::Unsealed));
    }
    for (version, is_known) in [(1, true), (10, true), (13, true), (14, false), (79, false), (80, true)] {
        let mut writer = Writer::new(false);
        writer.raw(b"\0\x01a");
        assert_eq!(unseal(&seal(writer, version)).is_some(), is_known, "version {version}");
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (-200_000_i64..200_000).prop_map(|number| number.to_string().into_bytes()),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..24),
        ("[ab]{1,3}", 1..200_usize).prop_map(|(part, times)| part.repeat(times).into_bytes()),
    ]
}

fn texts(most: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(text(), 1..most)
}

fn members(most: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let ints = prop::collection::btree_set(any::<i32>().prop_map(|n| n.to_string().into_bytes()), 1..most);
    prop_oneof![
        prop::collection::btree_set(text(), 1..most).prop_map(|members| members.into_iter().collect()),
        ints.prop_map(|members| members.into_iter().collect()),
    ]
}

fn stream() -> impl Strategy<Value = Value> {
    let entry = (0..3_u64, 1..3_u64, prop::collection::vec((text(), text()), 1..4));
    (prop::collection::vec(entry, 0..40), prop::collection::vec((0..4_usize, any::<u32>()), 0..20)).prop_map(
        |(entries, pending)| {
            let mut stream = Stream::new();
            let limits = Limits { entries: 5, bytes: 200 };
            for (ms, seq, pairs) in &entries {
                let last = stream.last_id;
                let id = StreamId::new(last.ms + ms, if *ms == 0 { last.seq + seq } else { *seq });
                let words: Vec<&[u8]> =
                    pairs.iter().flat_map(|(name, value)| [&name[..], &value[..]]).collect();
                stream.append(id, words.iter().copied(), limits);
            }
            let ids: Vec<_> = stream.iter().map(|entry| entry.id).collect();
            ids.iter().step_by(3).for_each(|id| assert!(stream.delete(*id)));
            let group = stream.groups.entry(b"g"[..].into()).or_default();
            for (consumer, at) in pending {
                let (consumer, _) = group.create(&[b'c', consumer as u8], at.into());
                group.consumer_mut(consumer).active_at = group.consumer(consumer).seen_at;
                let delivered_at = at.into();
                let pending = Pending { consumer, delivered_at, deliveries: u64::from(at % 7) };
                group.assign(StreamId::new(u64::from(at % 9), 1), pending);
            }
            stream.groups.entry(b"empty"[..].into()).or_default().entries_read = Some(3);
            Value::Stream(Box::new(stream))
        },
    )
}

fn value() -> impl Strategy<Value = Value> {
    let all = |texts: Vec<Vec<u8>>| texts.iter().collect::<Texts>();
    let score = prop_oneof![any::<f64>(), (-50..50).prop_map(f64::from)];
    let score = score.prop_map(|score| if score.is_nan() || score == 0.0 { 0.0 } else { score });
    prop_oneof![
        text().prop_map(Value::String),
        texts(30).prop_map(move |texts| Value::List(all(texts))),
        members(20).prop_map(move |members| Value::Set(all(members))),
        (members(20), prop::collection::vec(score, 20)).prop_map(move |(members, mut scores)| {
            scores.truncate(members.len());
            Value::Zset(all(members), scores)
        }),
        (members(20), texts(20), prop::collection::vec(prop::option::of(1..1_i64 << 45), 20), any::<bool>())
            .prop_map(move |(names, values, mut times, has_times)| {
                let pairs = names.iter().zip(values.iter().cycle()).flat_map(|(name, value)| [name, value]);
                times.truncate(if has_times { names.len() } else { 0 });
                Value::Hash(pairs.collect(), times)
            }),
        stream(),
    ]
}

fn shown_entry(entry: &Entry) -> String {
    let payload = dump(entry, false).expect("it has a form");
    let (body, version) = unseal(&payload).expect("it is sealed");
    shown(&open_body(body, version).expect("what was written is read"))
}

#[test]
fn what_was_packed_stays_packed_unless_it_has_too_many_elements() {
    let hash = Value::Hash(Texts::from_iter([&b"a field"[..], b"1"]), Vec::new());
    let zset = Value::Zset(Texts::from_iter([b"a member"]), vec![1.0]);
    for value in [hash, zset] {
        let entry = build(b"key", value, None, &FORMS);
        for (limits, stays) in
            [(Limits { entries: 1, bytes: 4 }, true), (Limits { entries: 0, bytes: 64 }, false)]
        {
            let forms = Forms { hash: limits, zset: limits, ..FORMS };
            let payload = dump(&entry, true).expect("it has a form");
            for again in [
                reload(&entry, &forms, true).expect("what was written is read"),
                restore(b"key", &payload, None, &forms).expect("what was written is read"),
            ] {
                assert_eq!(again.encoding_name() == "listpack", stays, "{limits:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn what_was_written_comes_back(value in value(), compresses in any::<bool>(), expire_at in any::<Option<i64>>()) {
        let expected = shown(&value);
        let entry = build(b"key", value, expire_at, &FORMS);
        prop_assert_eq!(shown_entry(&entry), &*expected);
        let payload = dump(&entry, compresses).expect("it has a form");
        let restored = restore(b"key", &payload, expire_at, &FORMS).expect("what was written is read");
        prop_assert_eq!(shown_entry(&restored), &*expected);
        prop_assert_eq!(restored.expire_at(), expire_at);
        prop_assert_eq!(restored.encoding_name(), entry.encoding_name());
        let reloaded = reload(&entry, &FORMS, compresses).expect("what was written is read");
        prop_assert_eq!(shown_entry(&reloaded), expected);
    }

    #[test]
    fn any_bytes_are_refused_or_a_value(kind in 0..27_u8, version in prop_oneof![Just(10_u16), Just(12), Just(80)], body in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = read(kind, version, &body);
    }
}
