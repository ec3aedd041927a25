//! Entries in replies.

use crate::resp::Reply;
use dunlin_structures::packed::Item;
use dunlin_structures::stream::{IdText, StreamEntry, StreamId};

pub fn id(reply: &mut Reply<'_>, id: StreamId) {
    reply.bulk(IdText::of(id).as_bytes());
}

fn text(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Int(number) => reply.bulk_integer(number),
        Item::Text(text) => reply.bulk(text),
    }
}

/// An ID with its fields.
pub fn entry(reply: &mut Reply<'_>, entry: &StreamEntry<'_>) {
    reply.array(2);
    id(reply, entry.id);
    reply.array(2 * entry.len());
    for (name, value) in entry.fields() {
        text(reply, name);
        text(reply, value);
    }
}

/// An array of entries. Returns how many there were.
pub fn entries<'a>(reply: &mut Reply<'_>, entries: impl Iterator<Item = StreamEntry<'a>>) -> usize {
    let array = reply.begin_array();
    let mut count = 0;
    for one in entries {
        entry(reply, &one);
        count += 1;
    }
    reply.end_array(array, count);
    count
}
