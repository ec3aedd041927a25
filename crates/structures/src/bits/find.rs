//! The first bit of a kind.

use std::ops::Range;

use super::mask;

const CHUNK_BYTES: usize = 32;

/// Where the first bit that is `wanted` stands in `range`, which must lie inside.
pub fn find_bit(bytes: &[u8], wanted: bool, range: Range<u64>) -> Option<u64> {
    if range.is_empty() {
        return None;
    }
    // Bits that are not wanted are zeros from here on.
    let flip = if wanted { 0 } else { 0xff };
    let (first, last) = ((range.start / 8) as usize, ((range.end - 1) / 8) as usize);
    let behind_start = mask(range.start) | (mask(range.start) - 1);
    let head = (bytes[first] ^ flip) & behind_start;
    let index = if head != 0 {
        first
    } else {
        first + 1 + skip(bytes.get(first + 1..=last).unwrap_or_default(), !flip)
    };
    let byte = if index == first { head } else { bytes.get(index).filter(|_| index <= last)? ^ flip };
    let at = index as u64 * 8 + u64::from(byte.leading_zeros());
    (at < range.end).then_some(at)
}

/// How many bytes at the beginning hold nothing of what is wanted, which a byte of `wanted` is full of.
fn skip(bytes: &[u8], wanted: u8) -> usize {
    let dull = !wanted;
    let (chunks, _) = bytes.as_chunks::<CHUNK_BYTES>();
    // Branches once a chunk only, so that the comparison is one of vectors.
    let is_dull = |chunk: &&[u8; CHUNK_BYTES]| chunk.iter().fold(0, |other, byte| other | (byte ^ dull)) == 0;
    let skipped = chunks.iter().take_while(is_dull).count() * CHUNK_BYTES;
    let rest = &bytes[skipped..];
    skipped + rest.iter().position(|byte| *byte != dull).unwrap_or(rest.len())
}
