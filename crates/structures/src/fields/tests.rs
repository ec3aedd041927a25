use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Field, FieldExpiry, FieldTable, Fields, TimedPack};
use super::{
    all_due, empty, from_pairs, has_hidden, make_room, remove, remove_due, set, set_expiry, take_met,
};
use crate::entry::{Entry, PACKED_LEN_MAX, Payload};
use crate::packed::{Limits, Packed};
use crate::table::Element;

const LIMITS: Limits = Limits { entries: 8, bytes: 16 };

/// A hash as anyone would write it down: names in order of insertion, value and time by name.
#[derive(Clone, Debug, Default)]
struct Model {
    order: Vec<Vec<u8>>,
    fields: BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>,
}

impl Model {
    fn set(&mut self, name: &[u8], value: &[u8], expiry: FieldExpiry) -> bool {
        let before = self.fields.get(name).and_then(|(_, at)| *at);
        let is_new = self.fields.insert(name.to_vec(), (value.to_vec(), expiry.after(before))).is_none();
        if is_new {
            self.order.push(name.to_vec());
        }
        is_new
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        self.order.retain(|other| other != name);
        self.fields.remove(name).is_some()
    }

    fn due(&self, now: i64) -> Vec<Vec<u8>> {
        let due = self.fields.iter().filter(|(_, (_, at))| at.is_some_and(|at| at < now));
        due.map(|(name, _)| name.clone()).collect()
    }

    fn soonest(&self) -> Option<i64> {
        self.fields.values().filter_map(|(_, at)| *at).min()
    }
}

fn check(entry: &Entry, model: &Model, now: i64) {
    if let Some(table) = entry.payload_as::<FieldTable>() {
        table.check_invariants();
    } else if let Some(pack) = entry.payload_as::<TimedPack>() {
        pack.check_invariants();
    } else {
        let bytes = entry.packed_bytes().expect("a packed hash");
        assert_eq!(Packed::check(bytes), Some(model.fields.len() * 2));
    }
    assert_eq!(entry.is_empty_collection(), model.fields.is_empty());
    assert!(has_hidden(entry) || entry.next_due() == model.soonest());
    let is_live = |at: &Option<i64>| at.is_none_or(|at| at >= now);
    let nothing_lives = !model.fields.is_empty() && !model.fields.values().any(|(_, at)| is_live(at));
    assert!(has_hidden(entry) || all_due(entry, now) == nothing_lives);
    let fields = Fields::of(entry, now);
    let found: Vec<_> =
        fields.iter().map(|field| (field.name.to_vec(), field.value.to_vec(), field.expire_at)).collect();
    let mut expected: Vec<_> = model
        .order
        .iter()
        .map(|name| (name.clone(), model.fields[name].clone()))
        .filter(|(_, (_, at))| is_live(at))
        .map(|(name, (value, at))| (name, value, at))
        .collect();
    assert_eq!(fields.len(), expected.len());
    assert_eq!(fields.is_empty(), expected.is_empty());
    for (name, value, at) in &expected {
        let field = fields.find(name).expect("the model has it");
        assert_eq!((field.value.to_vec(), field.expire_at), (value.clone(), *at));
    }
    for (name, (_, at)) in &model.fields {
        assert_eq!(fields.get(name).is_some(), is_live(at));
    }
    let mut scanned = Vec::new();
    let mut cursor = 0;
    loop {
        (cursor, _) = fields.scan(cursor, |field| scanned.push(field.name.to_vec()));
        if cursor == 0 {
            break;
        }
    }
    scanned.sort();
    scanned.dedup();
    let mut names: Vec<_> = expected.iter().map(|(name, ..)| name.clone()).collect();
    names.sort();
    assert_eq!(scanned, names);
    let mut state = 7_u64;
    let sampled = fields.sample(&mut || {
        state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        state
    });
    assert_eq!(sampled.is_some(), !expected.is_empty());
    assert!(sampled.is_none_or(|field| fields.get(&field.name.to_vec()).is_some()));
    let mut found = found;
    if entry.payload_as::<FieldTable>().is_some() {
        found.sort();
        expected.sort();
    }
    assert_eq!(found, expected);
}

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<u8>, Vec<u8>, FieldExpiry),
    Remove(Vec<u8>),
    SetExpiry(Vec<u8>, Option<i64>),
    RemoveDue(i64, usize),
    MakeRoom(usize),
    Copy,
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        30 => (0..12_i64).prop_map(|number| number.to_string().into_bytes()),
        10 => "[a-c]{0,2}".prop_map(String::into_bytes),
        1 => "[a-z]{17,300}".prop_map(String::into_bytes),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => any::<i64>().prop_map(|number| number.to_string().into_bytes().into_iter().take(16).collect()),
        20 => prop::collection::vec(any::<u8>(), 0..16),
        1 => prop::collection::vec(any::<u8>(), 17..300),
    ]
}

fn expiry() -> impl Strategy<Value = FieldExpiry> {
    prop_oneof![
        6 => Just(FieldExpiry::Clear),
        1 => Just(FieldExpiry::Keep),
        1 => (1..100_i64).prop_map(FieldExpiry::At),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (name(), value(), expiry()).prop_map(|(name, value, expiry)| Step::Set(name, value, expiry)),
        4 => name().prop_map(Step::Remove),
        2 => (name(), prop::option::of(1..100_i64)).prop_map(|(name, at)| Step::SetExpiry(name, at)),
        1 => (0..100_i64, 1..5_usize).prop_map(|(now, limit)| Step::RemoveDue(now, limit)),
        1 => (0..10_usize).prop_map(Step::MakeRoom),
        1 => Just(Step::Copy),
    ]
}

/// How far down the list of forms a hash is.
fn rank(entry: &Entry) -> usize {
    ["listpack", "listpackex", "hashtable"]
        .iter()
        .position(|name| *name == entry.encoding_name())
        .expect("a form of hashes")
}

proptest! {
    #[test]
    fn hashes_do_what_a_map_does(steps in prop::collection::vec(step(), 0..60), now in 0..100_i64) {
        let mut model = Model::default();
        let mut entry = empty(b"key");
        let (mut hidden, mut latest) = (BTreeSet::new(), 0);
        for mut step in steps {
            // Nobody sets a time that is past.
            match &mut step {
                Step::Set(_, _, FieldExpiry::At(at)) | Step::SetExpiry(_, Some(at)) => *at = latest.max(*at),
                Step::RemoveDue(now, _) => latest = latest.max(*now),
                _ => {}
            }
            let before = rank(&entry);
            if matches!(step, Step::Copy) {
                hidden.clear();
            }
            let met: BTreeSet<_> = match &step {
                Step::Set(name, ..) | Step::Remove(name) => hidden.take(name).into_iter().collect(),
                _ => BTreeSet::new(),
            };
            match step {
                Step::Set(name, value, expiry) => {
                    let is_new = set(&mut entry, &name, &value, expiry, LIMITS);
                    prop_assert_eq!(is_new, model.set(&name, &value, expiry));
                    let is_large = before == 2
                        || name.len() > LIMITS.bytes
                        || value.len() > LIMITS.bytes
                        || model.fields.len() > LIMITS.entries;
                    prop_assert_eq!(rank(&entry) == 2, is_large);
                }
                Step::Remove(name) => prop_assert_eq!(remove(&mut entry, &name), model.remove(&name)),
                Step::SetExpiry(name, at) => {
                    let there = model.fields.get_mut(&name).map(|field| field.1 = at).is_some();
                    prop_assert_eq!(set_expiry(&mut entry, &name, at), there);
                }
                Step::RemoveDue(now, limit) => {
                    let due = model.due(now);
                    let mut removed = Vec::new();
                    let count = remove_due(&mut entry, now, limit, |name| removed.push(name.to_vec()));
                    prop_assert_eq!(count, removed.len());
                    prop_assert!(count <= limit || before < 2);
                    // What is not removed counts as gone, and a change that meets it says so.
                    prop_assert!(due.iter().all(|name| removed.contains(name)) || has_hidden(&entry));
                    for name in due {
                        model.remove(&name);
                        if !removed.contains(&name) {
                            hidden.insert(name);
                        }
                    }
                    hidden.retain(|name| !removed.contains(name));
                }
                Step::MakeRoom(pairs) => {
                    make_room(&mut entry, pairs, [], LIMITS);
                    prop_assert!(pairs <= LIMITS.entries || rank(&entry) == 2);
                }
                Step::Copy => entry = entry.copy_under_key(b"another"),
            }
            prop_assert!(rank(&entry) >= before);
            prop_assert_eq!(take_met(&mut entry).into_iter().collect::<BTreeSet<_>>(), met);
            prop_assert_eq!(has_hidden(&entry), !hidden.is_empty());
            check(&entry, &model, now);
        }
    }

    #[test]
    fn a_hash_of_pairs_is_what_setting_them_gives(pairs in prop::collection::vec((name(), value()), 1..12)) {
        let texts: Vec<&[u8]> = pairs.iter().flat_map(|(name, value)| [&name[..], &value[..]]).collect();
        let (made, count) = from_pairs(b"key", texts.iter().copied(), LIMITS);
        let (mut model, mut entry) = (Model::default(), empty(b"key"));
        make_room(&mut entry, pairs.len(), texts.iter().copied(), LIMITS);
        for (name, value) in &pairs {
            model.set(name, value, FieldExpiry::Clear);
            set(&mut entry, name, value, FieldExpiry::Clear, LIMITS);
        }
        prop_assert_eq!(count, model.fields.len());
        prop_assert_eq!(made.encoding_name(), entry.encoding_name());
        check(&made, &model, 0);
        check(&entry, &model, 0);
    }
}

#[test]
fn a_field_is_one_block_and_changes_in_place_within_its_class() {
    for (name_len, value_len) in [(0, 0), (16, 16), (255, 65_535), (256, 1), (1, 65_536)] {
        let (name, value) = (vec![b'n'; name_len], vec![b'v'; value_len]);
        let mut field = Field::new(&name, &value, None);
        field.set_expire_at(Some(i64::MAX));
        field.set_expire_at(Some(5));
        assert_eq!((field.name(), field.value(), field.expire_at()), (&name[..], &value[..], Some(5)));
        assert_eq!(field.hash(), crate::hash_key(&name));
        field.set_expire_at(None);
        for len in [0, 1, 100, 65_535, 65_536, 70_000, 3] {
            let value = vec![b'x'; len];
            field.set_value(&value);
            assert_eq!((field.name(), field.value(), field.expire_at()), (&name[..], &value[..], None));
        }
    }
    let mut field = Field::new(b"0123456789abcdef", b"0123456789abcdef", None);
    assert_eq!(field.memory_bytes(), 40, "16 + 16 bytes with their header");
    let before = field.name().as_ptr();
    field.set_value(b"fedcba9876543210");
    assert_eq!(field.name().as_ptr(), before);
}

#[test]
fn a_copy_takes_no_more_room_than_what_it_is_a_copy_of() {
    let mut table = FieldTable::default();
    for number in 0..100_000 {
        table.set(format!("field:{number}").as_bytes(), b"value", FieldExpiry::Clear);
    }
    let copy = table.duplicate();
    assert!(
        copy.memory_bytes() <= table.memory_bytes() * 21 / 20,
        "{} of {}",
        copy.memory_bytes(),
        table.memory_bytes()
    );
}

#[test]
fn a_block_that_no_entry_can_hold_becomes_a_table() {
    let limits = Limits { entries: 1 << 20, bytes: 1 << 20 };
    let mut entry = empty(b"key");
    let value = vec![b'v'; 100_000];
    let mut fields = 0_u32;
    while entry.packed_bytes().is_some() {
        fields += 1;
        assert!(set(&mut entry, fields.to_string().as_bytes(), &value, FieldExpiry::Clear, limits));
    }
    assert!(fields as usize * value.len() > PACKED_LEN_MAX - 2 * value.len());
    assert_eq!(Fields::of(&entry, 0).len(), fields as usize);
}
