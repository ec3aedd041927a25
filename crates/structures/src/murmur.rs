//! MurmurHash2 in its 64-bit form for 64-bit machines (MurmurHash64A), and in its 32-bit form.
//!
//! HyperLogLogs, Bloom filters and cuckoo filters of Redis are made with them, so that values can be moved only if the
//! hashes are the same. They are no protection against keys that were chosen to collide.

const FACTOR_64: u64 = 0xc6a4_a793_5bd1_e995;
const SHIFT_64: u32 = 47;
const FACTOR_32: u32 = 0x5bd1_e995;
const SHIFT_32: u32 = 24;

/// MurmurHash64A. O(length).
#[inline]
pub(crate) fn hash_64(text: &[u8], seed: u64) -> u64 {
    let mut hash = seed ^ (text.len() as u64).wrapping_mul(FACTOR_64);
    let (words, tail) = text.as_chunks::<8>();
    for word in words {
        let mixed = u64::from_le_bytes(*word).wrapping_mul(FACTOR_64);
        let mixed = (mixed ^ mixed >> SHIFT_64).wrapping_mul(FACTOR_64);
        hash = (hash ^ mixed).wrapping_mul(FACTOR_64);
    }
    if !tail.is_empty() {
        hash = (hash ^ last_word(text, tail.len())).wrapping_mul(FACTOR_64);
    }
    hash = (hash ^ hash >> SHIFT_64).wrapping_mul(FACTOR_64);
    hash ^ hash >> SHIFT_64
}

/// The last one to seven bytes of `text`, so many, as a number. By reads that may overlap: bytes that are copied together are
/// waited for when they are read as a word.
#[inline]
fn last_word(text: &[u8], count: usize) -> u64 {
    if let Some(last) = text.last_chunk::<8>() {
        return u64::from_le_bytes(*last) >> (64 - 8 * count);
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << (8 * (count - 4));
    }
    let at = |index: usize| u64::from(text[index]) << (8 * index);
    at(0) | at(count / 2) | at(count - 1)
}

/// MurmurHash2. O(length).
pub(crate) fn hash_32(text: &[u8], seed: u32) -> u32 {
    let mut hash = seed ^ text.len() as u32;
    let (words, tail) = text.as_chunks::<4>();
    for word in words {
        let mixed = u32::from_le_bytes(*word).wrapping_mul(FACTOR_32);
        let mixed = (mixed ^ mixed >> SHIFT_32).wrapping_mul(FACTOR_32);
        hash = hash.wrapping_mul(FACTOR_32) ^ mixed;
    }
    if !tail.is_empty() {
        let mut word = [0; 4];
        word[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u32::from_le_bytes(word)).wrapping_mul(FACTOR_32);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(FACTOR_32);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::{hash_32, hash_64, last_word};

    /// As the public reference implementation answers.
    #[test]
    fn hashes_are_the_published_ones() {
        assert_eq!(hash_64(b"", 0), 0);
        assert_eq!(hash_32(b"", 0), 0);
        assert_eq!(hash_64(b"hello", 0), 0x1e68_d17c_457b_f117);
        assert_eq!(hash_32(b"hello", 0), 0xe561_29cb);
    }

    #[test]
    fn last_words_are_the_bytes_left_over() {
        let text: Vec<u8> = (0..40_u8).map(|number| number.wrapping_mul(37) ^ 0xa5).collect();
        for len in 1..=text.len() {
            let (_, tail) = text[..len].as_chunks::<8>();
            if !tail.is_empty() {
                let mut word = [0; 8];
                word[..tail.len()].copy_from_slice(tail);
                assert_eq!(last_word(&text[..len], tail.len()), u64::from_le_bytes(word), "{len}");
            }
        }
    }
}
