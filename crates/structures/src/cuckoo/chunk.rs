//! A filter in pieces, as CF.SCANDUMP gives and CF.LOADCHUNK takes them.
//!
//! ```text
//! header:  items 8 │ buckets 8 │ deleted 8 │ tables 8 │ slots of a bucket 2 │ iterations 2 │ growth 2
//! ```
//!
//! All little-endian, without gaps. Behind it come the slots of all tables, one after the other, in chunks that don't go
//! across tables. A position is the number of bytes before it, plus one.

use super::{Cuckoo, Figures, TABLES_MAX, Table};
use crate::zeroed::zeroed;

/// Bytes of slots in one chunk at most.
pub const CHUNK_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 38;

/// What stands before a filter's slots.
pub fn header(filter: &Cuckoo) -> Vec<u8> {
    let figures = filter.figures();
    let mut out = Vec::with_capacity(HEADER_BYTES);
    for number in [figures.items, figures.buckets, figures.deleted, figures.tables as u64] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for number in [figures.bucket, figures.iterations, figures.growth] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out
}

/// A filter of that header, all of whose slots are free still. Nothing if no filter has such a header, or if its slots
/// would take more than `room` bytes.
pub fn from_header(header: &[u8; HEADER_BYTES], room: u64) -> Option<Cuckoo> {
    let (longs, rest) = header.as_chunks::<8>();
    let &[items, buckets, deleted, tables] = longs else { return None };
    let &[bucket, iterations, growth] = rest.as_chunks::<2>().0 else { return None };
    let figures = Figures {
        tables: usize::try_from(u64::from_le_bytes(tables)).ok().filter(|tables| *tables <= TABLES_MAX)?,
        buckets: u64::from_le_bytes(buckets),
        items: u64::from_le_bytes(items),
        deleted: u64::from_le_bytes(deleted),
        bucket: u16::from_le_bytes(bucket),
        iterations: u16::from_le_bytes(iterations),
        growth: u16::from_le_bytes(growth),
    };
    if !figures.are_sound() {
        return None;
    }
    let sizes = (0..figures.tables).map(|index| Table::bytes_of(figures.buckets_of(index)?, figures.bucket));
    let sizes = sizes.collect::<Option<Vec<u64>>>()?;
    if sizes.iter().try_fold(0, |sum: u64, size| sum.checked_add(*size)).is_none_or(|sum| sum > room) {
        return None;
    }
    let slots = sizes.into_iter().map(|size| zeroed(usize::try_from(size).ok()?));
    Cuckoo::assemble(&figures, slots.collect::<Option<_>>()?)
}

/// The chunk at that position, and the position behind it; nothing at the end.
pub fn chunk(filter: &Cuckoo, position: i64) -> Option<(i64, &[u8])> {
    let (index, offset) = find(filter, position)?;
    let rest = &filter.tables[index].slots()[offset..];
    let chunk = &rest[..rest.len().min(CHUNK_BYTES)];
    Some((position + chunk.len() as i64, chunk))
}

/// Writes a chunk of slots that ends before that position, and says whether it is one. All or nothing.
pub fn load(filter: &mut Cuckoo, position: i64, chunk: &[u8]) -> bool {
    let start = position.checked_sub_unsigned(chunk.len() as u64).filter(|_| !chunk.is_empty());
    let Some((index, offset)) = start.and_then(|start| find(filter, start)) else { return false };
    let into = filter.tables[index].slots_mut()[offset..].get_mut(..chunk.len());
    into.map(|into| into.copy_from_slice(chunk)).is_some()
}

/// The table at a position, and the offset in it.
fn find(filter: &Cuckoo, position: i64) -> Option<(usize, usize)> {
    let mut offset = usize::try_from(position.checked_sub(1)?).ok()?;
    for (index, table) in filter.tables.iter().enumerate() {
        if offset < table.slots().len() {
            return Some((index, offset));
        }
        offset -= table.slots().len();
    }
    None
}
