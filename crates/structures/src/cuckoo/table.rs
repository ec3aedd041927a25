//! One table: buckets of fingerprints, and where among them an item stands.

use crate::zeroed::zeroed;

/// A slot that is free.
const FREE: u8 = 0;
/// What a fingerprint is multiplied with to find the other bucket.
const SPREAD: u64 = 0x5bd1_e995;

/// RedisBloom counts slots of a table in 32 bits.
const BYTES_MAX: u64 = u32::MAX as u64;

/// Buckets, one after the other, each of a number of slots of a byte.
#[derive(Clone, Debug)]
pub struct Table {
    slots: Box<[u8]>,
    /// Number of buckets less one; the number is a power of two.
    mask: u64,
    bucket: u16,
}

/// An item: its fingerprint, and hashes whose low bits are the numbers of its two buckets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    fingerprint: u8,
    hashes: [u64; 2],
}

impl Place {
    #[inline]
    pub(super) fn of(hash: u64) -> Self {
        let fingerprint = (hash % 255) as u8 + 1;
        Self { fingerprint, hashes: [hash, other(fingerprint, hash)] }
    }
}

/// The hash of the other bucket.
#[inline]
fn other(fingerprint: u8, hash: u64) -> u64 {
    hash ^ u64::from(fingerprint).wrapping_mul(SPREAD)
}

impl Table {
    /// Bytes that a table of so many buckets takes, if it can be.
    pub(super) fn bytes_of(buckets: u64, bucket: u16) -> Option<u64> {
        buckets.checked_mul(bucket.into()).filter(|bytes| *bytes <= BYTES_MAX)
    }

    /// An empty table of a power of two of buckets; nothing if there is no memory for it.
    pub(super) fn new(buckets: u64, bucket: u16) -> Option<Self> {
        let bytes = Self::bytes_of(buckets, bucket)?;
        Some(Self { slots: zeroed(usize::try_from(bytes).ok()?)?, mask: buckets - 1, bucket })
    }

    /// A table of these slots; nothing if that is not their number.
    pub(super) fn of(slots: Box<[u8]>, buckets: u64, bucket: u16) -> Option<Self> {
        let is_right = Self::bytes_of(buckets, bucket) == Some(slots.len() as u64);
        is_right.then(|| Self { slots, mask: buckets - 1, bucket })
    }

    pub fn slots(&self) -> &[u8] {
        &self.slots
    }

    pub(super) fn slots_mut(&mut self) -> &mut [u8] {
        &mut self.slots
    }

    pub fn buckets(&self) -> u64 {
        self.mask + 1
    }

    #[inline]
    fn bucket(&self, hash: u64) -> &[u8] {
        let start = (hash & self.mask) as usize * usize::from(self.bucket);
        &self.slots[start..start + usize::from(self.bucket)]
    }

    #[inline]
    fn bucket_mut(&mut self, hash: u64) -> &mut [u8] {
        let start = (hash & self.mask) as usize * usize::from(self.bucket);
        &mut self.slots[start..start + usize::from(self.bucket)]
    }

    #[inline]
    pub(super) fn contains(&self, place: Place) -> bool {
        place.hashes.iter().any(|hash| self.bucket(*hash).contains(&place.fingerprint))
    }

    /// Slots that look like the item. Both its buckets may be the same one: it is counted twice then, as RedisBloom does.
    pub(super) fn count(&self, place: Place) -> u64 {
        let slots = place.hashes.iter().flat_map(|hash| self.bucket(*hash));
        slots.filter(|slot| **slot == place.fingerprint).count() as u64
    }

    /// Writes into the first slot of the item's buckets that holds `old`; says whether there was one.
    fn replace(&mut self, place: Place, old: u8, new: u8) -> bool {
        for hash in place.hashes {
            if let Some(slot) = self.bucket_mut(hash).iter_mut().find(|slot| **slot == old) {
                *slot = new;
                return true;
            }
        }
        false
    }

    /// Puts the item into a free slot of its buckets, if there is one.
    pub(super) fn put(&mut self, place: Place) -> bool {
        self.replace(place, FREE, place.fingerprint)
    }

    pub(super) fn remove(&mut self, place: Place) -> bool {
        self.replace(place, place.fingerprint, FREE)
    }

    /// Puts the item into its first bucket, what it displaces into that one's other bucket, and so on, until somebody
    /// finds a free slot. After too many steps all go back.
    pub(super) fn make_room(&mut self, place: Place, iterations: u16) -> bool {
        let mut homeless = place.fingerprint;
        let mut hash = place.hashes[0] & self.mask;
        let slots = usize::from(self.bucket);
        for step in 0..usize::from(iterations) {
            std::mem::swap(&mut self.bucket_mut(hash)[step % slots], &mut homeless);
            hash = other(homeless, hash) & self.mask;
            if let Some(free) = self.bucket_mut(hash).iter_mut().find(|slot| **slot == FREE) {
                *free = homeless;
                return true;
            }
        }
        for step in (0..usize::from(iterations)).rev() {
            hash = other(homeless, hash) & self.mask;
            std::mem::swap(&mut self.bucket_mut(hash)[step % slots], &mut homeless);
        }
        false
    }

    /// Moves what there is room for to earlier tables, first ones first, and says whether nothing is left. None of them may
    /// have more buckets. O(slots * tables).
    pub(super) fn move_to(&mut self, earlier: &mut [Self]) -> bool {
        let mut is_empty = true;
        for (index, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| **slot != FREE) {
            // The low bits of the hash, which are enough where buckets are not more.
            let hash = (index / usize::from(self.bucket)) as u64;
            let place = Place { fingerprint: *slot, hashes: [hash, other(*slot, hash)] };
            if earlier.iter_mut().any(|table| table.put(place)) {
                *slot = FREE;
            } else {
                is_empty = false;
            }
        }
        is_empty
    }
}
