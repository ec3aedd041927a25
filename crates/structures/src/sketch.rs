//! What the probabilistic sketches share: the hash of their items, and how large one may be.
//!
//! RedisBloom's sketches hash with 32 bits of MurmurHash2, a row's number being the seed. So do these, since a sketch
//! that was dumped there must count the same items here.

pub(crate) use crate::murmur::hash_32 as hash;

/// The most that the array of a sketch may take: what is dumped must fit into one argument of 512 MiB. A client asks for
/// an array with a few digits.
pub const ARRAY_BYTES_MAX: u64 = (1 << 29) - (1 << 16);

/// About how many blocks of memory freeing an array of that size costs: one for each 64 KiB.
pub(crate) fn blocks(bytes: usize) -> usize {
    1 + (bytes >> 16)
}
