//! Strings of bytes as strings of bits: counting, finding, combining, and integers of any width at any bit.
//!
//! Bit 0 is the highest bit of the first byte, as in Redis. Behind its end a string goes on with zeros. Pure: slices
//! in, numbers and bytes out, and nothing here knows how long a string may be.

mod combine;
mod count;
mod field;
mod find;
#[cfg(test)]
mod tests;

pub use combine::{Operation, combine};
pub use count::count_ones;
pub use field::{Field, Overflow};
pub use find::find_bit;

/// The bit at `offset`.
#[inline]
pub fn bit(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset / 8).ok().and_then(|index| bytes.get(index));
    byte.is_some_and(|byte| byte & mask(offset) != 0)
}

/// Sets the bit at `offset`, which must lie inside. Returns what it was.
#[inline]
pub fn set_bit(bytes: &mut [u8], offset: u64, on: bool) -> bool {
    let byte = &mut bytes[(offset / 8) as usize];
    let before = *byte & mask(offset) != 0;
    if on {
        *byte |= mask(offset);
    } else {
        *byte &= !mask(offset);
    }
    before
}

#[inline]
fn mask(offset: u64) -> u8 {
    0x80 >> (offset % 8)
}
