//! Streams: entries in listpacks by their ids, and consumer groups.
//!
//! ```text
//! nodes │ (id of the first entry │ listpack).. │ entries │ last id │ first id, largest deleted id, entries ever added (2)
//! │ groups
//!
//! group:     name │ last id │ entries read (2) │ pending │ (id │ delivered at │ deliveries).. │ consumers
//! consumer:  name │ seen at │ active at (3) │ pending │ id..
//! ```
//!
//! What is marked 2 or 3 came with the second ([`Form::Second`]) or third form. A node's listpack begins with how many
//! entries it has and the fields of the first one, which others need not repeat:
//!
//! ```text
//! entries │ deleted │ fields │ field.. │ 0 │ entry..
//! entry:  flags │ ms and number beyond the node's id │ (fields │ (field │ value)..) or value.. │ elements of the entry
//! ```

//!
//! The structure's blocks are laid out so, too. Damaged blocks it finds itself.

use super::{Damaged, Read, Reader, Value, Writer, length, listpack, string};
use dunlin_structures::packed::Packed;
use dunlin_structures::stream::{COUNT_MAX, Group, Pending, Stream, StreamId};
use std::collections::BTreeMap;

/// How much is said of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    First,
    /// Redis 7.0.
    Second,
    /// Redis 7.2.
    Third,
}

/// What stands for a number of entries read that is not known.
const UNKNOWN: u64 = u64::MAX;

pub fn read(reader: &mut Reader<'_>, form: Form) -> Read<Value> {
    let mut nodes = Vec::new();
    for _ in 0..reader.count()? {
        let key = string::read(reader)?;
        let first = key[..].try_into().map_err(|_| Damaged("a stream's node whose key is no id"))?;
        nodes.push((StreamId::from_bytes(first), listpack::elements(&string::read(reader)?)?));
    }
    let stream = Stream::from_blocks(nodes).ok_or(Damaged("a stream whose nodes are broken"))?;
    let mut stream = Box::new(stream);
    let entries = length::read(reader)?;
    if entries != stream.len() as u64 {
        return Err(Damaged("a stream whose number of entries is wrong"));
    }
    stream.last_id = read_id(reader)?;
    if stream.contains(StreamId::ZERO) {
        return Err(Damaged("a stream's entry whose id is zero"));
    }
    if stream.last_entry_id().is_some_and(|newest| newest > stream.last_id) {
        return Err(Damaged("a stream whose last id is not the last"));
    }
    stream.entries_added = entries;
    if form >= Form::Second {
        // The first entry's id is where the first entry is.
        read_id(reader)?;
        stream.max_deleted_id = read_id(reader)?;
        // Some saved streams say fewer than there are. XSETID, which recreates them, does not.
        stream.entries_added = length::read(reader)?.clamp(entries, COUNT_MAX);
    }
    for _ in 0..reader.count()? {
        let name = string::read(reader)?;
        let group = read_group(reader, form, &stream)?;
        if stream.groups.insert(name[..].into(), group).is_some() {
            return Err(Damaged("a stream's group that is there twice"));
        }
    }
    Ok(Value::Stream(stream))
}

fn read_id(reader: &mut Reader<'_>) -> Read<StreamId> {
    Ok(StreamId::new(length::read(reader)?, length::read(reader)?))
}

fn raw_id(reader: &mut Reader<'_>) -> Read<StreamId> {
    reader.array().map(StreamId::from_bytes)
}

fn read_group(reader: &mut Reader<'_>, form: Form, stream: &Stream) -> Read<Group> {
    let last_id = read_id(reader)?;
    let entries_read = match form {
        Form::First => stream.count_up_to(last_id),
        Form::Second | Form::Third => Some(length::read(reader)?).filter(|read| *read <= COUNT_MAX),
    };
    let mut group = Group::new(last_id, entries_read);
    let mut pending = BTreeMap::new();
    for _ in 0..reader.count()? {
        let (id, delivered_at) = (raw_id(reader)?, reader.time()?);
        if id == StreamId::ZERO {
            return Err(Damaged("a pending entry whose id is zero"));
        }
        if pending.insert(id, (delivered_at, length::read(reader)?.min(COUNT_MAX))).is_some() {
            return Err(Damaged("an entry that is pending twice"));
        }
    }
    for _ in 0..reader.count()? {
        let name = string::read(reader)?;
        let seen_at = reader.time()?;
        let (consumer, is_new) = group.create(&name, seen_at);
        if !is_new {
            return Err(Damaged("Duplicate stream consumer detected"));
        }
        group.consumer_mut(consumer).active_at = if form == Form::Third { reader.time()? } else { seen_at };
        for _ in 0..reader.count()? {
            let id = raw_id(reader)?;
            let (delivered_at, deliveries) =
                pending.remove(&id).ok_or(Damaged("an entry that is pending with a consumer only"))?;
            group.assign(id, Pending { consumer, delivered_at, deliveries });
        }
    }
    if !pending.is_empty() {
        return Err(Damaged("an entry that is pending with nobody"));
    }
    Ok(group)
}

/// Writes a stream in its second form.
pub fn write(writer: &mut Writer, stream: &Stream) {
    let blocks = stream.block_bytes();
    writer.length(blocks.len() as u64);
    for (first, elements) in blocks {
        let first = first.to_bytes();
        writer.length(first.len() as u64);
        writer.raw(&first);
        listpack::write(writer, elements, Packed::new(elements).len());
    }
    writer.length(stream.len() as u64);
    write_id(writer, stream.last_id);
    write_id(writer, stream.first_id);
    write_id(writer, stream.max_deleted_id);
    writer.length(stream.entries_added);
    writer.length(stream.groups.len() as u64);
    for (name, group) in &stream.groups {
        writer.string(name);
        write_group(writer, group);
    }
}

fn write_id(writer: &mut Writer, id: StreamId) {
    writer.length(id.ms);
    writer.length(id.seq);
}

fn write_group(writer: &mut Writer, group: &Group) {
    write_id(writer, group.last_id);
    writer.length(group.entries_read.unwrap_or(UNKNOWN));
    writer.length(group.pending().len() as u64);
    for (id, pending) in group.pending() {
        writer.raw(&id.to_bytes());
        writer.time(pending.delivered_at);
        writer.length(pending.deliveries);
    }
    writer.length(group.consumers().len() as u64);
    for (_, consumer) in group.consumers() {
        writer.string(&consumer.name);
        writer.time(consumer.seen_at);
        writer.length(consumer.pending().len() as u64);
        consumer.pending().iter().for_each(|id| writer.raw(&id.to_bytes()));
    }
}
