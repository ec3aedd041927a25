//! The hash of keys: one function for the whole process, seeded at random when it is first used.
//!
//! Tables split by the full hash of the keys they hold, so whoever looks a key up must hash it with this very function.
//! Hashes are never persisted, sent or shown: they differ from process to process, which keeps a client from choosing
//! keys that collide.

use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

static STATE: OnceLock<ahash::RandomState> = OnceLock::new();

/// The hash of `key` in this process. All 64 bits are well mixed. O(length of the key).
#[inline]
pub fn hash_key(key: &[u8]) -> u64 {
    let mut hasher = STATE.get_or_init(random_state).build_hasher();
    hasher.write(key);
    hasher.finish()
}

/// The same secret for maps by key that aren't tables: far cheaper than the standard library's own, and as safe from
/// clients who choose their keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHashing;

impl BuildHasher for KeyHashing {
    type Hasher = ahash::AHasher;

    #[inline]
    fn build_hasher(&self) -> ahash::AHasher {
        STATE.get_or_init(random_state).build_hasher()
    }
}

/// Seeds ahash from the operating system's randomness by way of the standard library's own random state, because ahash
/// without its `runtime-rng` feature starts from constants.
#[cold]
fn random_state() -> ahash::RandomState {
    let random = || std::hash::RandomState::new().hash_one(0x64756e6c696e_u64);
    ahash::RandomState::with_seeds(random(), random(), random(), random())
}

#[cfg(test)]
mod tests {
    use super::hash_key;

    #[test]
    fn equal_keys_have_equal_hashes_and_others_differ() {
        assert_eq!(hash_key(b"key:1"), hash_key(b"key:1"));
        assert_ne!(hash_key(b"key:1"), hash_key(b"key:2"));
        assert_ne!(hash_key(b""), hash_key(b"\0"));
    }

    #[test]
    fn every_bit_is_used() {
        let (mut ones, mut zeros) = (0_u64, 0_u64);
        for number in 0..1000_u32 {
            let hash = hash_key(&number.to_le_bytes());
            ones |= hash;
            zeros |= !hash;
        }
        assert_eq!((ones, zeros), (u64::MAX, u64::MAX));
    }
}
