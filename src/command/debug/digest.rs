//! DEBUG DIGEST: whether two servers hold the same data.
//!
//! A digest of everything is the exclusive or of one per key, so it doesn't depend on the order of keys. It is
//! Redis' own, byte for byte, so that the two servers can be compared: a key's digest mixes the key, its type and its
//! value, and whether (but not when) it expires. Redis leaves it to modules what of their values counts, and those
//! that we know of leave all out; here it is the value as DUMP writes it.

use crate::command::Context;
use crate::command::debug::wait_for;
use crate::command::dispatch::Owned;
use crate::keyspace::{Locked, SHARD_COUNT};
use crate::resp::Args;
use crate::state::Server;
use dunlin_storage::rdb::entry;
use dunlin_structures::Entry;
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::fields::Fields;
use dunlin_structures::list::{self, End};
use dunlin_structures::set::Set;
use dunlin_structures::stream::Stream;
use dunlin_structures::zset::Zset;
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
    match entry.kind() {
        Kind::List => {
            for item in list::items(entry, 0, End::Tail) {
                add_ordered(hash, item.text(&mut IntText::new()));
            }
        }
        Kind::Zset => add_zset(hash, entry),
        Kind::Set => Set::of(entry).iter().for_each(|member| add_unordered(hash, member.text(&mut text))),
        Kind::Stream => add_stream(hash, Stream::of(entry)),
        Kind::Hash => add_fields(hash, entry),
        Kind::Module => add_ordered(hash, &entry::dump(entry, false).unwrap_or_default()),
        Kind::String => {}
    }
    if entry.expire_at().is_some() {
        add_unordered(hash, b"!!expire!!");
    }
}

fn add_zset(hash: &mut Hash, entry: &Entry) {
    for (member, score) in Zset::of(entry).iter_all() {
        let mut element = Hash::default();
        add_ordered(&mut element, member.text(&mut IntText::new()));
        add_ordered(&mut element, seventeen_digits(score).as_bytes());
        add_unordered(hash, &element);
    }
}

/// A number as C prints it with `%.17g`.
fn seventeen_digits(number: f64) -> String {
    if !number.is_finite() {
        return if number > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{number:.16e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let without_zeros = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..17).contains(&exponent) {
        let decimals = usize::try_from(16 - exponent).unwrap_or(0);
        without_zeros(&format!("{number:.decimals$}"))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", without_zeros(digits), exponent.abs())
    }
}

/// Entries only: their IDs, with a dot, and their fields.
fn add_stream(hash: &mut Hash, stream: &Stream) {
    let mut digits = IntText::default();
    for entry in stream.iter() {
        add_ordered(hash, format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
        for (name, value) in entry.fields() {
            add_ordered(hash, name.text(&mut digits));
            add_ordered(hash, value.text(&mut digits));
        }
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

/// The digest of all databases, at one moment: all shards are locked for as long as it takes. None: a script owns some.
pub(super) fn of_everything(cx: &mut Context<'_>) -> Option<String> {
    if let Some(locked) = cx.keys.lent() {
        return Some(of_shards(cx.server, locked));
    }
    let locked = cx.server.keyspace.lock_all();
    if let Some(owner) = locked.owner() {
        wait_for(cx, Owned::new(cx.server, owner));
        return None;
    }
    Some(of_shards(cx.server, &locked))
}

fn of_shards(server: &Server, locked: &Locked<'_>) -> String {
    let shards: Vec<_> = (0..SHARD_COUNT).filter_map(|index| locked.peek(index)).collect();
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
        cx.keys.visit_shard(position.shard(), |shard| {
            let table = shard.db_ref(db).table(position);
            if let Some(entry) = table.and_then(|table| table.get(position.hash, key)) {
                add_value(&mut hash, &entry);
            }
        });
        cx.reply.simple(&hex(&hash));
    }
}

#[cfg(test)]
mod tests {
    use super::seventeen_digits;

    #[test]
    fn numbers_are_printed_as_c_does() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (0.1, "0.10000000000000001"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (-1.5e300, "-1.5000000000000001e+300"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(seventeen_digits(number), text);
        }
    }
}
