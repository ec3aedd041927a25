//! Entries against an obvious model: a struct with a key, a value and an expiry.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const KEY_LENS: [usize; 6] = [0, 1, 254, 255, 256, 70_000];

fn text_of(entry: &Entry) -> Vec<u8> {
    entry.string_bytes(&mut IntText::new()).expect("a string").to_vec()
}

#[test]
fn sizes_are_the_promised_ones() {
    let size =
        |value: StringValue<'_>, expire_at| Entry::string(&[b'k'; 16], value, expire_at).memory_bytes();
    assert_eq!(size(StringValue::Text(&[b'v'; 32]), None), 56);
    assert_eq!(size(StringValue::Int(i64::MIN), None), 32);
    assert_eq!(size(StringValue::Text(&[b'v'; 32]), Some(1)), 64);
    assert_eq!(size(StringValue::Int(1), Some(1)), 40);
    assert_eq!(size_of::<Option<Entry>>(), 8);
}

#[test]
fn encodings_have_redis_names() {
    let name = |value: StringValue<'_>| Entry::string(b"k", value, None).encoding_name();
    assert_eq!(name(StringValue::Int(5)), "int");
    assert_eq!(name(StringValue::Text(&[b'a'; 44])), "embstr");
    assert_eq!(name(StringValue::Text(&[b'a'; 45])), "raw");
    assert_eq!(name(StringValue::Raw(b"short")), "raw");
    assert_eq!(name(StringValue::Text(&[b'a'; 600])), "raw");
    assert_eq!(name(StringValue::Buffer(Bytes::from_static(b"short"))), "embstr");
}

#[test]
fn long_values_are_shared_and_copied_only_when_written_to() {
    let mut entry = Entry::string(b"k", StringValue::Buffer(Bytes::from(vec![7; 1000])), Some(9));
    let ValueRef::Buffer(held) = entry.value() else { panic!("a buffer") };
    let held = held.clone();
    assert_eq!(entry.append(b"tail"), Some(1004));
    assert_eq!(held, vec![7; 1000]);
    let place = |entry: &Entry| match entry.value() {
        ValueRef::Buffer(buffer) => buffer.as_ptr(),
        _ => std::ptr::null(),
    };
    let before = place(&entry);
    assert_eq!(entry.append(&[8; 500]), Some(1504), "there is slack");
    assert_eq!(place(&entry), before, "changed in place");
    assert!(entry.memory_bytes() >= 1504);
    assert_eq!(entry.expire_at(), Some(9));
}

#[test]
fn values_of_one_class_are_overwritten_in_place() {
    let mut entry = Entry::string(b"a key", StringValue::Text(&[b'a'; 20]), None);
    let place = |entry: &Entry| entry.key().as_ptr();
    let before = place(&entry);
    entry.set_string(StringValue::Text(&[b'b'; 22]));
    entry.set_string(StringValue::Text(&[b'c'; 21]));
    entry.set_clock(12);
    assert_eq!(place(&entry), before);
    assert_eq!((text_of(&entry), entry.clock()), (vec![b'c'; 21], 12));
    entry.set_string(StringValue::Int(1));
    let before = place(&entry);
    entry.set_string(StringValue::Int(-2));
    assert_eq!(place(&entry), before);
    assert_eq!(text_of(&entry), b"-2");
}

#[derive(Debug)]
struct Probe(std::sync::Arc<()>, u32);

impl Payload for Probe {
    fn encoding_name(&self) -> &'static str {
        "probe"
    }

    fn memory_bytes(&self) -> usize {
        100
    }

    fn len(&self) -> usize {
        1
    }

    fn blocks(&self) -> usize {
        1
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        Box::new(Self(self.0.clone(), self.1))
    }
}

#[test]
fn payloads_are_owned_moved_and_dropped_once() {
    let count = std::sync::Arc::new(());
    let mut entry = Entry::boxed(b"list", Kind::List, Box::new(Probe(count.clone(), 1)), None);
    assert_eq!((entry.kind().name(), entry.encoding_name()), ("list", "probe"));
    entry.set_expire_at(Some(77));
    let payload: &mut dyn std::any::Any = entry.payload_mut().expect("a payload");
    payload.downcast_mut::<Probe>().expect("the probe").1 = 5;
    entry.set_expire_at(None);
    assert!(matches!(entry.value(), ValueRef::Boxed(payload) if format!("{payload:?}") == "Probe((), 5)"));
    assert_eq!((entry.key(), entry.memory_bytes()), (&b"list"[..], 32 + 100));
    assert_eq!(entry.append(b"x"), None);
    assert_eq!(std::sync::Arc::strong_count(&count), 2);
    entry.set_string(StringValue::Text(b"now a string"));
    assert_eq!(std::sync::Arc::strong_count(&count), 1);
    assert_eq!((entry.kind(), text_of(&entry)), (Kind::String, b"now a string".to_vec()));
    drop(Entry::boxed(b"", Kind::Hash, Box::new(Probe(count.clone(), 1)), Some(1)));
    assert_eq!(std::sync::Arc::strong_count(&count), 1);
}

#[test]
fn values_go_under_other_keys() {
    let same = |left: &Entry, right: &Entry| {
        assert_eq!(text_of(left), text_of(right));
        assert_eq!((left.encoding(), left.expire_at()), (right.encoding(), right.expire_at()));
        assert_eq!((left.kind(), left.clock()), (right.kind(), right.clock()));
    };
    for (value, expire_at) in [
        (StringValue::Int(-7), None),
        (StringValue::Text(b"short"), Some(9)),
        (StringValue::Raw(b"short"), None),
        (StringValue::Buffer(Bytes::from(vec![7; 1000])), Some(i64::MAX)),
    ] {
        let mut entry = Entry::string(b"old", value.clone(), expire_at);
        entry.set_clock(77);
        let mut copy = entry.copy_under_key(&[b'k'; 300]);
        same(&copy, &entry);
        assert_eq!((entry.key(), copy.key()), (&b"old"[..], &[b'k'; 300][..]));
        let moved = entry.copy_under_key(b"old").under_key(b"");
        same(&moved, &entry);
        assert_eq!(moved.key(), b"");
        copy.append(b"!");
        assert_ne!(text_of(&copy), text_of(&entry), "changing a copy leaves the other alone");
    }

    let count = std::sync::Arc::new(());
    let entry = Entry::boxed(b"list", Kind::List, Box::new(Probe(count.clone(), 3)), Some(5));
    let copy = entry.copy_under_key(b"copy").under_key(b"moved");
    assert_eq!(std::sync::Arc::strong_count(&count), 3);
    assert!(matches!(copy.value(), ValueRef::Boxed(payload) if format!("{payload:?}") == "Probe((), 3)"));
    assert_eq!((copy.kind(), copy.expire_at(), copy.key()), (Kind::List, Some(5), &b"moved"[..]));
}

/// What an entry should say of itself.
#[derive(Clone, Debug)]
struct Model {
    key: Vec<u8>,
    text: Vec<u8>,
    name: &'static str,
    expire_at: Option<i64>,
    clock: u32,
}

#[derive(Clone, Debug)]
enum Change {
    Set(Value),
    Overwrite(Value, Option<i64>),
    Expire(Option<i64>),
    Clock(u32),
    Append(Vec<u8>),
    Write {
        offset: usize,
        data: Vec<u8>,
    },
    /// The places are taken modulo the length.
    Splice {
        from: usize,
        to: usize,
        data: Vec<u8>,
    },
}

#[derive(Clone, Debug)]
enum Value {
    Int(i64),
    Text(Vec<u8>),
    Raw(Vec<u8>),
    Buffer(Vec<u8>),
}

impl Value {
    fn as_string(&self) -> StringValue<'_> {
        match self {
            Self::Int(number) => StringValue::Int(*number),
            Self::Text(text) => StringValue::Text(text),
            Self::Raw(text) => StringValue::Raw(text),
            Self::Buffer(text) => StringValue::Buffer(Bytes::copy_from_slice(text)),
        }
    }

    fn set_in(&self, model: &mut Model) {
        (model.text, model.name) = match self {
            Self::Int(number) => (number.to_string().into_bytes(), "int"),
            Self::Text(text) | Self::Buffer(text) if text.len() <= 44 => (text.clone(), "embstr"),
            Self::Text(text) | Self::Buffer(text) | Self::Raw(text) => (text.clone(), "raw"),
        };
    }
}

fn bytes(lens: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<u8>> {
    (lens, any::<u8>())
        .prop_map(|(len, first)| (0..len).map(|index| first.wrapping_add(index as u8)).collect())
}

fn value() -> impl Strategy<Value = Value> {
    let lens = || prop_oneof![4 => 0..70_usize, 2 => 440..530_usize, 1 => 500..3000_usize, 1 => Just(70_000), 1 => Just(512)];
    prop_oneof![
        any::<i64>().prop_map(Value::Int),
        (-100..100_i64).prop_map(Value::Int),
        bytes(lens()).prop_map(Value::Text),
        bytes(lens()).prop_map(Value::Raw),
        bytes(lens()).prop_map(Value::Buffer),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let expiry = || proptest::option::of(any::<i64>());
    prop_oneof![
        value().prop_map(Change::Set),
        (value(), expiry()).prop_map(|(value, at)| Change::Overwrite(value, at)),
        expiry().prop_map(Change::Expire),
        any::<u32>().prop_map(Change::Clock),
        bytes(prop_oneof![0..30_usize, 300..600_usize, 0..2000_usize]).prop_map(Change::Append),
        (0..1500_usize, bytes(0..40_usize)).prop_map(|(offset, data)| Change::Write { offset, data }),
        (any::<usize>(), any::<usize>(), bytes(0..40_usize)).prop_map(|(from, to, data)| Change::Splice {
            from,
            to,
            data
        }),
    ]
}

fn apply(change: &Change, entry: &mut Entry, model: &mut Model) {
    match change {
        Change::Set(value) => {
            entry.set_string(value.as_string());
            value.set_in(model);
        }
        Change::Overwrite(value, at) => {
            entry.overwrite(value.as_string(), *at);
            value.set_in(model);
            model.expire_at = *at;
        }
        Change::Expire(at) => {
            entry.set_expire_at(*at);
            model.expire_at = *at;
        }
        Change::Clock(clock) => {
            entry.set_clock(*clock);
            model.clock = clock & 0xff_ffff;
        }
        Change::Append(tail) => {
            model.text.extend_from_slice(tail);
            model.name = "raw";
            assert_eq!(entry.append(tail), Some(model.text.len()));
        }
        Change::Write { offset, data } => {
            let end = offset + data.len();
            model.text.resize(model.text.len().max(end), 0);
            model.text[*offset..end].copy_from_slice(data);
            model.name = "raw";
            let written = entry.with_bytes_mut(end, |bytes| {
                bytes[*offset..end].copy_from_slice(data);
                bytes.len()
            });
            assert_eq!(written, Some(model.text.len()));
        }
        Change::Splice { from, to, data } => {
            let places = model.text.len() + 1;
            let range = (from % places).min(to % places)..(from % places).max(to % places);
            assert_eq!(entry.splice_string(range.clone(), data), Some(()));
            model.text.splice(range, data.iter().copied());
            model.name = "raw";
        }
    }
}

fn check(entry: &Entry, model: &Model) {
    assert_eq!(entry.key(), model.key);
    assert_eq!(text_of(entry), model.text);
    assert_eq!(entry.encoding_name(), model.name);
    assert_eq!(entry.expire_at(), model.expire_at);
    assert_eq!(entry.clock(), model.clock);
    assert_eq!(entry.kind(), Kind::String);
    let inline = if matches!(entry.encoding(), Encoding::Buffer) { 0 } else { model.text.len().min(8) };
    assert!(entry.memory_bytes() >= 8 + model.key.len() + inline);
}

proptest! {
    #[test]
    fn entries_follow_the_model(
        key_len in proptest::sample::select(KEY_LENS.to_vec()),
        first in value(),
        expire_at in proptest::option::of(any::<i64>()),
        changes in proptest::collection::vec(change(), 0..25),
    ) {
        let key: Vec<u8> = (0..key_len).map(|index| index as u8).collect();
        let mut model = Model { key: key.clone(), text: Vec::new(), name: "", expire_at, clock: 0 };
        first.set_in(&mut model);
        let mut entry = Entry::string(&key, first.as_string(), expire_at);
        check(&entry, &model);
        for change in &changes {
            apply(change, &mut entry, &mut model);
            check(&entry, &model);
        }
    }
}
