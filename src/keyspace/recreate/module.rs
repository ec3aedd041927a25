//! Values of module types as commands: what DUMP says of them, restored. Filters, which may be larger than an argument,
//! are told in pieces; pieces of zeros need not be told.

use super::Pieces;
use dunlin_storage::rdb;
use dunlin_structures::Entry;
use dunlin_structures::bloom::{self, Bloom};
use dunlin_structures::cuckoo::{self, Cuckoo};
use dunlin_structures::number::DoubleBuffer;
use dunlin_structures::tdigest::TDigest;

type Emit<'e> = dyn FnMut(&[&[u8]]) + 'e;

pub(super) fn commands(entry: &Entry, emit: &mut Emit<'_>) {
    if let Some(filter) = entry.payload_as::<Bloom>().filter(|filter| bloom::chunk::is_told(filter)) {
        let header = bloom::chunk::header(filter);
        pieces(b"BF.LOADCHUNK", entry.key(), &header, emit, |position| bloom::chunk::chunk(filter, position));
    } else if let Some(filter) = entry.payload_as::<Cuckoo>() {
        let header = cuckoo::chunk::header(filter);
        pieces(b"CF.LOADCHUNK", entry.key(), &header, emit, |position| {
            cuckoo::chunk::chunk(filter, position)
        });
    } else if let Some(digest) = entry.payload_as::<TDigest>() {
        tdigest(entry.key(), digest, emit);
    } else {
        restore(entry, emit);
    }
}

fn restore(entry: &Entry, emit: &mut Emit<'_>) {
    let payload = rdb::entry::dump(entry, false).expect("every module type has a written form");
    emit(&[b"RESTORE", entry.key(), b"0", &payload]);
}

/// Loads the header, and then the chunks, which follow one another from the first position on.
fn pieces<'f>(
    name: &[u8],
    key: &[u8],
    header: &[u8],
    emit: &mut Emit<'_>,
    chunk: impl Fn(i64) -> Option<(i64, &'f [u8])>,
) {
    emit(&[name, key, b"1", header]);
    let mut position = 1;
    while let Some((next, bytes)) = chunk(position) {
        if bytes.iter().any(|byte| *byte != 0) {
            emit(&[name, key, itoa::Buffer::new().format(next).as_bytes(), bytes]);
        }
        position = next;
    }
}

/// DUMP merges the numbers that wait. They would be merged with others later on, which is not the same to the last digit.
fn tdigest(key: &[u8], digest: &TDigest, emit: &mut Emit<'_>) {
    if digest.merged().is_empty() {
        let compression = digest.compression().to_string();
        emit(&[b"TDIGEST.CREATE", key, b"COMPRESSION", compression.as_bytes()]);
    } else {
        restore(&Entry::module(key, digest.without_waiting()), emit);
    }
    let mut pieces = Pieces::new(b"TDIGEST.ADD", key, 1);
    for number in digest.waiting() {
        pieces.arg(DoubleBuffer::new().format(*number), emit);
    }
    pieces.end(emit);
}
