//! Between values and entries of the keyspace.
//!
//! One arm a type: what the server's structures are made of, and the form that each is written in.

use super::payload::{self, Refused};
use super::{Damaged, Read, Texts, VERSION, VERSION_TIMES, Value, Writer, intset, kind, listpack, module};
use super::{hash as rdb_hash, list as rdb_list, stream as rdb_stream, zset as rdb_zset};
use dunlin_structures::Entry;
use dunlin_structures::entry::{IntText, Kind, StringValue};
use dunlin_structures::fields::{self, FieldExpiry, Fields};
use dunlin_structures::list;
use dunlin_structures::number::parse_i64;
use dunlin_structures::packed::{Item, Limits, Packed};
use dunlin_structures::set::{self, Set, SetLimits};
use dunlin_structures::stream::Stream;
use dunlin_structures::zset::{Builder, Zset};

/// What decides in which form a value is stored.
#[derive(Clone, Copy, Debug)]
pub struct Forms {
    pub list: list::Limits,
    pub set: SetLimits,
    pub zset: Limits,
    pub hash: Limits,
}

impl Forms {
    /// What decides for a value that was read as this type: of what is packed there only the number of elements does.
    fn of_kind(&self, kind: u8) -> Self {
        let any_length = |limits: Limits| Limits { bytes: usize::MAX, ..limits };
        let mut forms = *self;
        match kind {
            kind::HASH_ZIPLIST
            | kind::HASH_LISTPACK
            | kind::HASH_LISTPACK_TIMES
            | kind::HASH_LISTPACK_TIMES_EARLY => forms.hash = any_length(forms.hash),
            kind::ZSET_ZIPLIST | kind::ZSET_LISTPACK => forms.zset = any_length(forms.zset),
            kind::SET_LISTPACK => forms.set.packed = any_length(forms.set.packed),
            _ => {}
        }
        forms
    }
}

/// What a value is written as.
pub(super) type Written = (u8, u16);

/// An entry of that value.
pub fn build(key: &[u8], value: Value, expire_at: Option<i64>, forms: &Forms) -> Entry {
    let mut entry = match value {
        Value::String(text) => string(key, &text),
        Value::List(texts) => list::build(key, texts.iter(), forms.list),
        Value::Set(members) => {
            let items: Vec<_> = members.iter().map(Item::of).collect();
            set::build(key, &items, true, &forms.set)
        }
        Value::Zset(members, scores) => {
            let mut builder = Builder::with_capacity(members.len());
            members.iter().zip(scores).for_each(|(member, score)| builder.merge(member, |_| score));
            builder.finish(key, forms.zset, None)
        }
        Value::Hash(pairs, times) => hash(key, &pairs, &times, forms.hash),
        Value::Stream(stream) => Entry::boxed(key, Kind::Stream, stream, None),
        Value::Module(payload) => Entry::boxed(key, Kind::Module, payload, None),
    };
    if expire_at.is_some() {
        entry.set_expire_at(expire_at);
    }
    entry
}

fn string(key: &[u8], text: &[u8]) -> Entry {
    let value = parse_i64(text).map_or(StringValue::Text(text), StringValue::Int);
    Entry::string(key, value, None)
}

fn hash(key: &[u8], pairs: &Texts, times: &[Option<i64>], limits: Limits) -> Entry {
    let mut entry = fields::empty(key);
    fields::make_room(&mut entry, pairs.len() / 2, pairs.iter(), limits);
    for (index, (name, value)) in pairs.pairs().enumerate() {
        let time = times.get(index).copied().flatten();
        let expiry = time.map_or(FieldExpiry::Clear, FieldExpiry::At);
        fields::set(&mut entry, name, value, expiry, limits);
    }
    entry
}

/// Writes an entry's value, and says of which type and version it is. Nothing for a type that has no form.
pub(super) fn write(writer: &mut Writer, entry: &Entry) -> Option<Written> {
    let kind = match entry.kind() {
        Kind::String => {
            writer.string(entry.string_bytes(&mut IntText::default())?);
            kind::STRING
        }
        Kind::List => write_list(writer, entry),
        Kind::Set => write_set(writer, entry),
        Kind::Zset => write_zset(writer, entry),
        Kind::Hash => return Some(write_hash(writer, entry)),
        Kind::Stream => {
            rdb_stream::write(writer, entry.payload_as::<Stream>()?);
            kind::STREAM_2
        }
        Kind::Module => {
            module::write(writer, entry.payload()?)?;
            kind::MODULE_2
        }
    };
    Some((kind, VERSION))
}

fn write_list(writer: &mut Writer, entry: &Entry) -> u8 {
    writer.length(list::blocks(entry).count() as u64);
    for block in list::blocks(entry) {
        let only = block.packed.at(0).filter(|_| block.alone);
        match only {
            Some(spot) => rdb_list::write_plain(writer, spot.item.text(&mut IntText::new())),
            None => rdb_list::write_packed(writer, block.packed.bytes(), block.count),
        }
    }
    kind::LIST_QUICKLIST_2
}

/// Small sets of texts are written one by one, too: Redis 7.0 knows no listpacks of them.
fn write_set(writer: &mut Writer, entry: &Entry) -> u8 {
    let set = Set::of(entry);
    if let Set::Ints(ints) = set {
        let integers: Vec<i64> = ints.iter().collect();
        intset::write(writer, &integers);
        return kind::SET_INTSET;
    }
    writer.length(set.len() as u64);
    let mut digits = IntText::new();
    set.iter().for_each(|member| writer.string(member.text(&mut digits)));
    kind::SET
}

fn write_zset(writer: &mut Writer, entry: &Entry) -> u8 {
    let set = Zset::of(entry);
    if let Zset::Small(block) = set {
        listpack::write(writer, block.bytes(), block.len());
        return kind::ZSET_LISTPACK;
    }
    writer.length(set.len() as u64);
    // Who reads it adds each member before all that it has, where that is found quickest.
    let mut digits = IntText::new();
    for (member, score) in set.iter_back(0..set.len()) {
        rdb_zset::write(writer, member.text(&mut digits), score);
    }
    kind::ZSET_BINARY
}

fn write_hash(writer: &mut Writer, entry: &Entry) -> Written {
    if let Some(bytes) = entry.packed_bytes() {
        listpack::write(writer, bytes, Packed::new(bytes).len());
        return (kind::HASH_LISTPACK, VERSION);
    }
    let fields = Fields::all_of(entry);
    let (mut name_digits, mut value_digits) = (IntText::new(), IntText::new());
    let soonest = fields.iter().filter_map(|field| field.expire_at).min();
    if let Some(soonest) = soonest {
        writer.time(soonest);
    }
    writer.length(fields.iter().count() as u64);
    for field in fields.iter() {
        let (name, value) = (field.name.text(&mut name_digits), field.value.text(&mut value_digits));
        match soonest {
            Some(soonest) => rdb_hash::write_timed(writer, name, value, field.expire_at, soonest),
            None => rdb_hash::write(writer, name, value),
        }
    }
    if soonest.is_some() { (kind::HASH_TIMES, VERSION_TIMES) } else { (kind::HASH, VERSION) }
}

/// The payload that DUMP answers. Nothing for a type that has no form.
pub fn dump(entry: &Entry, compresses: bool) -> Option<Vec<u8>> {
    let mut writer = Writer::new(compresses);
    writer.byte(0);
    let (kind, version) = write(&mut writer, entry)?;
    writer.bytes[0] = kind;
    Some(payload::seal(writer, version))
}

/// Bytes of an entry's value as it is written, without its type. Nothing for a type that has no form.
pub fn len(entry: &Entry, compresses: bool) -> Option<usize> {
    let mut writer = Writer::new(compresses);
    write(&mut writer, entry)?;
    Some(writer.bytes.len())
}

/// The entry in a payload.
pub fn restore(key: &[u8], payload: &[u8], expire_at: Option<i64>, forms: &Forms) -> Result<Entry, Refused> {
    let kind = payload.first().copied().unwrap_or_default();
    Ok(build(key, payload::open(payload)?, expire_at, &forms.of_kind(kind)))
}

/// The entry after a way through its written form.
pub fn reload(entry: &Entry, forms: &Forms, compresses: bool) -> Read<Entry> {
    let mut writer = Writer::new(compresses);
    let (kind, version) = write(&mut writer, entry).ok_or(Damaged("a type that has no written form"))?;
    let mut reader = super::Reader::new(&writer.bytes);
    let value = super::decode(kind, &mut reader, version)?;
    let mut again = build(entry.key(), value, entry.expire_at(), &forms.of_kind(kind));
    again.set_clock(entry.clock());
    Ok(again)
}
