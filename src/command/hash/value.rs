//! How fields and values are shown, and what changes of hashes have in common.

use crate::command::spec::*;
use crate::keyspace::Change;
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::resp::Reply;
use crate::resp::reply::push_header;
use dunlin_structures::packed::Item;

/// What all commands on one hash have in common.
pub(super) const BLANK: CommandSpec =
    CommandSpec { acl: acl::HASH, group: "hash", since: "2.0.0", ..CommandSpec::BLANK };

/// Replies a field's name or value as a bulk.
#[inline]
pub(super) fn reply_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Text(text) => reply.bulk(text),
        Item::Int(number) => reply.bulk_integer(number),
    }
}

/// Replies a value as a bulk, or that there is none.
#[inline]
pub(super) fn reply_found(reply: &mut Reply<'_>, item: Option<Item<'_>>) {
    match item {
        Some(item) => reply_item(reply, item),
        None => reply.null(),
    }
}

/// Begins the answer of one reply a field. Where there is no hash, that is all: each field is answered by `missing`.
/// Returns whether to go on.
pub(super) fn begin_answers<'a>(
    reply: &mut Reply<'_>,
    fields: impl ExactSizeIterator<Item = &'a [u8]>,
    exists: bool,
    missing: fn(&mut Reply<'_>),
) -> bool {
    reply.array(fields.len());
    if !exists {
        fields.for_each(|_| missing(reply));
    }
    exists
}

/// Adds a bulk to bytes that will be sent.
pub(super) fn push_item(bulks: &mut Vec<u8>, item: Item<'_>) {
    let mut digits = itoa::Buffer::new();
    let text = match item {
        Item::Text(text) => text,
        Item::Int(number) => digits.format(number).as_bytes(),
    };
    push_header(bulks, b'$', text.len() as i64);
    bulks.extend_from_slice(text);
    bulks.extend_from_slice(b"\r\n");
}

/// The change of a command whose own bytes say what it did.
#[inline]
pub(super) const fn as_requested(event: &'static str) -> Change<'static> {
    Change::request(EventClass::Hash, event)
}

/// A change with an effect of its own.
#[inline]
pub(super) const fn composed<'e>(event: &'static str, effect: &'e dyn Fn(&mut EffectWriter)) -> Change<'e> {
    Change::composed(EventClass::Hash, event, effect)
}

/// Writes `HDEL key field ..`.
pub(super) fn write_deletion(effect: &mut EffectWriter, key: &[u8], fields: &[&[u8]]) {
    effect.arg(b"HDEL").arg(key);
    for field in fields {
        effect.arg(field);
    }
}

/// Writes `name key .. FIELDS count field ..`, with what `middle` says in between.
pub(super) fn write_fields(
    effect: &mut EffectWriter,
    name: &[u8],
    key: &[u8],
    middle: &[&[u8]],
    fields: &[&[u8]],
) {
    effect.arg(name).arg(key);
    for arg in middle {
        effect.arg(arg);
    }
    effect.arg(b"FIELDS").integer(fields.len() as i64);
    for field in fields {
        effect.arg(field);
    }
}
