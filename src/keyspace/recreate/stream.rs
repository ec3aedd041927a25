//! Streams as commands: the entries, then the groups with what their consumers have not acknowledged, then the stream's
//! own IDs and counts.

use dunlin_structures::Entry;
use dunlin_structures::packed::Item;
use dunlin_structures::stream::{Consumer, Group, IdText, Stream, StreamId};
use std::collections::BTreeSet;

use super::PIECE_LEN;

type Emit<'e> = dyn FnMut(&[&[u8]]) + 'e;

pub(super) fn commands(entry: &Entry, emit: &mut Emit<'_>) {
    let (key, stream) = (entry.key(), Stream::of(entry));
    let gone = gone(stream);
    entries(key, stream, &gone, emit);
    for (name, group) in &stream.groups {
        self::group(key, name, group, emit);
    }
    remove(key, stream, &gone, emit);
    ids(key, stream, emit);
}

fn ids(key: &[u8], stream: &Stream, emit: &mut Emit<'_>) {
    let (last, max_deleted) = (IdText::of(stream.last_id), IdText::of(stream.max_deleted_id));
    // XSETID refuses a last ID below the other, but doesn't mind if it comes to be so in two steps.
    let high = if stream.last_id < stream.max_deleted_id { &max_deleted } else { &last };
    emit(&[
        b"XSETID",
        key,
        high.as_bytes(),
        b"ENTRIESADDED",
        itoa::Buffer::new().format(stream.entries_added).as_bytes(),
        b"MAXDELETEDID",
        max_deleted.as_bytes(),
    ]);
    if stream.last_id < stream.max_deleted_id {
        emit(&[b"XSETID", key, last.as_bytes()]);
    }
}

/// The entries that somebody has yet to acknowledge, though they are not in the stream any more. XCLAIM knows only
/// entries that are, so they are added for a while.
fn gone(stream: &Stream) -> BTreeSet<StreamId> {
    let pending = stream.groups.values().flat_map(|group| group.pending().keys().copied());
    pending.filter(|id| !stream.contains(*id)).collect()
}

fn entries(key: &[u8], stream: &Stream, gone: &BTreeSet<StreamId>, emit: &mut Emit<'_>) {
    let stand_in = |id: &StreamId, emit: &mut Emit<'_>| {
        emit(&[b"XADD", key, IdText::of(*id).as_bytes(), b"x", b"y"]);
    };
    if stream.len() == 0 && gone.is_empty() {
        // Nothing else makes a stream without entries and groups.
        emit(&[b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
    }
    let mut gone = gone.iter().peekable();
    for entry in stream.iter() {
        while let Some(id) = gone.next_if(|id| **id < entry.id) {
            stand_in(id, emit);
        }
        let id = IdText::of(entry.id);
        let texts: Vec<_> = entry.fields().flat_map(|(name, value)| [text(name), text(value)]).collect();
        let mut args: Vec<&[u8]> = vec![b"XADD", key, id.as_bytes()];
        args.extend(texts.iter().map(|text| &**text));
        emit(&args);
    }
    gone.for_each(|id| stand_in(id, emit));
}

fn text(item: Item<'_>) -> std::borrow::Cow<'_, [u8]> {
    match item {
        Item::Text(text) => text.into(),
        Item::Int(_) => item.to_vec().into(),
    }
}

/// Takes the stand-ins out again: by trimming what was trimmed, since only deletion leaves a trace in the stream.
fn remove(key: &[u8], stream: &Stream, gone: &BTreeSet<StreamId>, emit: &mut Emit<'_>) {
    let is_trimmed = |id: &StreamId| stream.len() == 0 || *id < stream.first_id;
    if gone.first().is_some_and(is_trimmed) {
        emit(&[
            b"XTRIM",
            key,
            b"MAXLEN",
            b"=",
            itoa::Buffer::new().format(stream.len() + deleted(gone, is_trimmed)).as_bytes(),
        ]);
    }
    for id in gone.iter().filter(|id| !is_trimmed(id)) {
        emit(&[b"XDEL", key, IdText::of(*id).as_bytes()]);
    }
}

/// How many stand-ins are not before all entries.
fn deleted(gone: &BTreeSet<StreamId>, is_trimmed: impl Fn(&StreamId) -> bool) -> usize {
    gone.iter().filter(|id| !is_trimmed(id)).count()
}

fn group(key: &[u8], name: &[u8], group: &Group, emit: &mut Emit<'_>) {
    let read = group.entries_read.map_or(-1, |count| count as i64);
    emit(&[
        b"XGROUP",
        b"CREATE",
        key,
        name,
        IdText::of(group.last_id).as_bytes(),
        b"ENTRIESREAD",
        itoa::Buffer::new().format(read).as_bytes(),
    ]);
    for (_, consumer) in group.consumers() {
        if consumer.pending().is_empty() {
            emit(&[b"XGROUP", b"CREATECONSUMER", key, name, &consumer.name]);
        }
        pending(key, name, group, consumer, emit);
    }
}

/// Entries that were delivered at the same time, as often, are told together.
fn pending(key: &[u8], name: &[u8], group: &Group, consumer: &Consumer, emit: &mut Emit<'_>) {
    let delivery = |id: &StreamId| group.pending().get(id).map(|p| (p.delivered_at, p.deliveries));
    let ids: Vec<_> = consumer.pending().iter().copied().collect();
    for same in ids.chunk_by(|one, other| delivery(one) == delivery(other)) {
        let Some((at, count)) = same.first().and_then(delivery) else { continue };
        for piece in same.chunks(PIECE_LEN) {
            let texts: Vec<_> = piece.iter().map(|id| IdText::of(*id)).collect();
            let (mut time, mut retries) = (itoa::Buffer::new(), itoa::Buffer::new());
            let mut args: Vec<&[u8]> = vec![b"XCLAIM", key, name, &consumer.name, b"0"];
            args.extend(texts.iter().map(IdText::as_bytes));
            args.extend([
                b"TIME",
                time.format(at).as_bytes(),
                b"RETRYCOUNT",
                retries.format(count).as_bytes(),
            ]);
            args.extend([&b"JUSTID"[..], b"FORCE"]);
            emit(&args);
        }
    }
}
