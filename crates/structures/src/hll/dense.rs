//! Registers of 6 bits each, the lowest bits first: eight registers are 48 bits of a little-endian number.

use super::{DENSE_BYTES, HEADER_BYTES, Histogram, Layout, Pattern, header};

const VALUE_MAX: u64 = 0x3f;
/// Bytes that eight registers take.
const GROUP_BYTES: usize = 6;

/// A dense sketch of nothing whose header says what another's says beside the layout.
pub(super) fn empty_like(other: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; DENSE_BYTES];
    bytes[..HEADER_BYTES].copy_from_slice(&other[..HEADER_BYTES]);
    let layout = header(Layout::Dense)[4];
    bytes[4] = layout;
    bytes
}

/// The value of a register of a dense sketch.
#[inline]
pub fn register(bytes: &[u8], index: usize) -> u8 {
    let (at, shift) = place(index);
    let low = u16::from(bytes[at]);
    // The last register ends with the last byte.
    let high = u16::from(bytes.get(at + 1).copied().unwrap_or(0));
    ((low | high << 8) >> shift) as u8 & VALUE_MAX as u8
}

/// Raises a register of a dense sketch; says whether it was lower.
#[inline]
pub fn raise(bytes: &mut [u8], pattern: Pattern) -> bool {
    let lower = register(bytes, pattern.index) < pattern.rank;
    if lower {
        set(bytes, pattern);
    }
    lower
}

fn set(bytes: &mut [u8], Pattern { index, rank }: Pattern) {
    let (at, shift) = place(index);
    let (mask, value) = ((VALUE_MAX as u16) << shift, u16::from(rank) << shift);
    bytes[at] = bytes[at] & !(mask as u8) | value as u8;
    if let Some(high) = bytes.get_mut(at + 1) {
        *high = *high & !((mask >> 8) as u8) | (value >> 8) as u8;
    }
}

/// The byte of a dense sketch in which a register begins, and the bit in it.
#[inline]
fn place(index: usize) -> (usize, usize) {
    let bit = index * 6;
    (HEADER_BYTES + bit / 8, bit % 8)
}

pub(super) fn histogram(registers: &[u8]) -> Histogram {
    // Several tables: many registers are equal, and each would wait for the one before it to be counted.
    let mut tables = [[0; 64]; 4];
    let (groups, _) = registers.as_chunks::<GROUP_BYTES>();
    for group in groups {
        let word = word(group);
        for (table, counts) in tables.iter_mut().enumerate() {
            counts[(word >> (6 * table) & VALUE_MAX) as usize] += 1;
            counts[(word >> (6 * table + 24) & VALUE_MAX) as usize] += 1;
        }
    }
    std::array::from_fn(|value| tables.iter().map(|counts| counts[value]).sum())
}

/// Hands out eight registers at a time, a byte each.
pub(super) fn unpack(registers: &[u8], into: &mut [[u8; 8]]) {
    let (groups, _) = registers.as_chunks::<GROUP_BYTES>();
    for (group, into) in groups.iter().zip(into) {
        let word = word(group);
        let word = (word & 0xff_ffff) | (word & 0xffff_ff00_0000) << 8;
        let word = (word & 0x0fff_0000_0fff) | (word & 0xff_f000_00ff_f000) << 4;
        let word = (word & 0x003f_003f_003f_003f) | (word & 0x0fc0_0fc0_0fc0_0fc0) << 2;
        *into = word.to_le_bytes();
    }
}

/// The way back from [`unpack`].
pub(super) fn pack(from: &[[u8; 8]], registers: &mut [u8]) {
    let (groups, _) = registers.as_chunks_mut::<GROUP_BYTES>();
    for (group, from) in groups.iter_mut().zip(from) {
        let word = u64::from_le_bytes(*from);
        let word = (word & 0x003f_003f_003f_003f) | (word & 0x3f00_3f00_3f00_3f00) >> 2;
        let word = (word & 0x0fff_0000_0fff) | (word & 0x0fff_0000_0fff_0000) >> 4;
        let word = (word & 0xff_ffff) | (word & 0x00ff_ffff_0000_0000) >> 8;
        group.copy_from_slice(&word.to_le_bytes()[..GROUP_BYTES]);
    }
}

#[inline(always)]
fn word(group: &[u8; GROUP_BYTES]) -> u64 {
    let mut word = [0; 8];
    word[..GROUP_BYTES].copy_from_slice(group);
    u64::from_le_bytes(word)
}
