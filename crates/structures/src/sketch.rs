//! What the probabilistic sketches share: the hash of their items, and how large one may be.
//!
//! RedisBloom's sketches hash with 32 bits of MurmurHash2, a row's number being the seed. So do these, since a sketch
//! that was dumped there must count the same items here.

/// The most that the array of a sketch may take: what is dumped must fit into one argument of 512 MiB. A client asks for
/// an array with a few digits.
pub const ARRAY_BYTES_MAX: u64 = (1 << 29) - (1 << 16);

const FACTOR: u32 = 0x5bd1_e995;

/// MurmurHash2 of 32 bits. O(length of the item).
#[inline]
pub fn hash(item: &[u8], seed: u32) -> u32 {
    let mut hash = seed ^ item.len() as u32;
    let (words, tail) = item.as_chunks::<4>();
    for word in words {
        let mixed = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        let mixed = (mixed ^ mixed >> 24).wrapping_mul(FACTOR);
        hash = hash.wrapping_mul(FACTOR) ^ mixed;
    }
    if !tail.is_empty() {
        let mut word = [0; 4];
        word[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u32::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(FACTOR);
    hash ^ hash >> 15
}

/// About how many blocks of memory freeing an array of that size costs: one for each 64 KiB.
pub(crate) fn blocks(bytes: usize) -> usize {
    1 + (bytes >> 16)
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn items_of_every_length_hash_as_elsewhere() {
        // From an implementation in another language that follows the published algorithm.
        for (item, seed, expected) in HASHES {
            assert_eq!(hash(item.as_bytes(), *seed), *expected, "{item} {seed}");
        }
    }

    const HASHES: &[(&str, u32, u32)] = &[
        ("", 0, 0x0000_0000),
        ("", 1919, 0x4a85_66e0),
        ("a", 0, 0x9268_5f5e),
        ("ab", 1, 0x64e1_50ee),
        ("abc", 2, 0xe70a_2fe6),
        ("abcd", 3, 0x67d1_0269),
        ("hello", 1919, 0x234d_ad03),
        ("the quick brown fox", 7, 0xb099_99cf),
    ];
}
