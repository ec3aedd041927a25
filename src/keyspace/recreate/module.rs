//! Values of module types as commands: what DUMP says of them, restored. What may grow beyond what one argument can hold
//! is told in pieces.

use super::Pieces;
use dunlin_storage::rdb;
use dunlin_structures::Entry;
use dunlin_structures::number::DoubleBuffer;
use dunlin_structures::tdigest::TDigest;

pub(super) fn commands(entry: &Entry, emit: &mut dyn FnMut(&[&[u8]])) {
    if let Some(digest) = entry.payload_as::<TDigest>() {
        return tdigest(entry.key(), digest, emit);
    }
    restore(entry, emit);
}

fn restore(entry: &Entry, emit: &mut dyn FnMut(&[&[u8]])) {
    let payload = rdb::entry::dump(entry, false).expect("every module type has a written form");
    emit(&[b"RESTORE", entry.key(), b"0", &payload]);
}

/// DUMP merges the numbers that wait. They would be merged with others later on, which is not the same to the last digit.
fn tdigest(key: &[u8], digest: &TDigest, emit: &mut dyn FnMut(&[&[u8]])) {
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
