//! DEBUG DIGEST: whether two servers hold the same data.
//!
//! A digest of everything is the exclusive or of one per key, so it doesn't depend on the order of keys. For strings it
//! is Redis' own, byte for byte, so that the two servers can be compared: a key's digest mixes the key, its type and
//! its value, and whether (but not when) it expires.

use crate::command::Context;
use crate::resp::Args;
use crate::state::Server;
use dunlin_structures::Entry;
use dunlin_structures::entry::{Encoding, IntText, Kind};
use dunlin_structures::fields::Fields;
use sha1::{Digest, Sha1};

type Hash = [u8; 20];

fn sha1(bytes: &[u8]) -> Hash {
    Sha1::digest(bytes).into()
}

/// Adds data so that its order among other data doesn't matter.
fn add_unordered(hash: &mut Hash, data: &[u8]) {
    hash.iter_mut().zip(sha1(data)).for_each(|(byte, other)| *byte ^= other);
}

/// Adds data so that its order matters.
fn add_ordered(hash: &mut Hash, data: &[u8]) {
    add_unordered(hash, data);
    *hash = sha1(&hash[..]);
}

/// Adds a value: its type, its content, and whether it expires.
fn add_value(hash: &mut Hash, entry: &Entry) {
    add_ordered(hash, &(entry.kind() as u32).to_be_bytes());
    let mut text = IntText::default();
    if let Some(bytes) = entry.string_bytes(&mut text) {
        add_ordered(hash, bytes);
    }
    if entry.kind() == Kind::Hash {
        add_fields(hash, entry);
    }
    if entry.expire_at().is_some() {
        add_unordered(hash, b"!!expire!!");
    }
}

/// Adds the fields of a hash, whose order doesn't matter: each by name and value, and whether it expires.
fn add_fields(hash: &mut Hash, entry: &Entry) {
    let mut text = IntText::default();
    for field in Fields::all_of(entry).iter() {
        let mut one = Hash::default();
        add_ordered(&mut one, field.name.text(&mut text));
        add_ordered(&mut one, field.value.text(&mut text));
        if field.expire_at.is_some() {
            add_unordered(&mut one, b"!!hexpire!!");
        }
        add_unordered(hash, &one);
    }
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of all databases, at one moment: all shards are locked for as long as it takes.
pub(super) fn of_everything(server: &Server) -> String {
    let mut locked = server.keyspace.lock_all();
    let shards: Vec<_> = locked.iter_mut().map(|(_, shard)| &*shard).collect();
    let mut total = Hash::default();
    for index in 0..server.keyspace.databases() {
        if shards.iter().all(|shard| shard.db_ref(index).is_empty()) {
            continue;
        }
        add_ordered(&mut total, &u32::from(index).to_be_bytes());
        let tables = shards.iter().flat_map(|shard| shard.db_ref(index).tables());
        for entry in tables.flat_map(|table| table.iter()) {
            let mut hash = Hash::default();
            add_ordered(&mut hash, entry.key());
            add_value(&mut hash, &entry);
            add_unordered(&mut total, &hash);
        }
    }
    hex(&total)
}

/// The digests of some values without their keys; zeros for a key that isn't there.
pub(super) fn of_values(cx: &mut Context<'_>, args: &Args<'_>) {
    let db = cx.session.db;
    cx.reply.array(args.remaining());
    for key in args.rest() {
        let position = crate::keyspace::Position::of(key);
        let mut hash = Hash::default();
        let shard = cx.server.keyspace.lock(position.shard());
        let table = shard.db_ref(db).table(position);
        if let Some(entry) = table.and_then(|table| table.get(position.hash, key)) {
            add_value(&mut hash, &entry);
        }
        drop(shard);
        cx.reply.simple(&hex(&hash));
    }
}

/// Bytes of the value in an RDB file without compression; for other types than strings, those in memory.
pub(super) fn serialized_len(entry: &Entry) -> usize {
    let mut text = IntText::default();
    let (is_int, bytes) = (entry.encoding() == Encoding::Int, entry.string_bytes(&mut text));
    match (entry.kind(), bytes) {
        (Kind::String, Some(digits)) if is_int || digits.len() <= 11 => {
            match dunlin_structures::number::parse_i64(digits) {
                Some(-128..=127) => 2,
                Some(-32_768..=32_767) => 3,
                Some(-2_147_483_648..=2_147_483_647) => 5,
                _ => digits.len() + 1,
            }
        }
        (Kind::String, Some(bytes)) => {
            let header = match bytes.len() {
                ..64 => 1,
                64..16_384 => 2,
                len if u32::try_from(len).is_ok() => 5,
                _ => 9,
            };
            header + bytes.len()
        }
        _ => entry.memory_bytes(),
    }
}
