//! Sixteen bytes of runs at once: how many registers they cover.
//!
//! Whether a byte begins a run can't be told from itself, since the second byte of a run of two may be any. It is the
//! question that a JSON parser has about backslashes, and has the same answer: in a row of bytes that could each begin a
//! run of two, every other one does, and one bit says to the next block how this one ended (Langdale and Lemire,
//! "Parsing gigabytes of JSON per second", 2019, section 3.1.1). So nothing but that bit keeps a processor from looking at
//! several blocks at a time.

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "vector instructions of the base set"))]

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 16;

/// What stands in a block of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Runs {
    /// Registers that its bytes count: of a run over its end, what the first byte says (see [`first_half`]).
    pub(super) registers: usize,
    /// The bytes that begin a run, a bit each.
    pub(super) begins: u32,
    /// Whether the next block begins with the second byte of a run.
    pub(super) is_open: bool,
}

/// What the first byte of a run of two says of its length: all but what the second byte adds.
pub(super) fn first_half(byte: u8) -> usize {
    (usize::from(byte & 0x3f) << 8) + 1
}

/// The runs of a block. `is_open`: as the block before it says.
#[inline(always)]
pub(super) fn runs(block: &[u8; BLOCK], is_open: bool) -> Runs {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this architecture has SSE2.
    unsafe {
        runs_sse2(block, is_open)
    }
    #[cfg(not(target_arch = "x86_64"))]
    runs_portable(block, is_open)
}

/// From which bytes look like the first half of a run of two to which ones are second halves: the one behind the block, too.
#[inline(always)]
fn second_halves(look_like_first: u32, is_open: bool) -> u32 {
    const ODD: u32 = 0xaaaa_aaaa;
    let open = u32::from(is_open);
    let could_begin = look_like_first & !open;
    // Within a row of candidates the first one begins a run: a subtraction carries that through the row.
    let series = ((could_begin << 1 | ODD).wrapping_sub(could_begin)) ^ ODD;
    (series ^ could_begin) | open
}

#[inline(always)]
fn block_of(registers: usize, seconds: u32) -> Runs {
    Runs { registers, begins: !seconds & 0xffff, is_open: seconds >> BLOCK & 1 == 1 }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn runs_sse2(block: &[u8; BLOCK], is_open: bool) -> Runs {
    use std::arch::x86_64::*;
    let halves = |block: &[u8; BLOCK]| {
        let word = u128::from_le_bytes(*block);
        (word as u64, (word >> 64) as u64)
    };
    let (low, high) = halves(block);
    let bytes = _mm_set_epi64x(high.cast_signed(), low.cast_signed());
    let all = |byte: u8| _mm_set1_epi8(byte.cast_signed());
    let is_candidate = _mm_cmpeq_epi8(_mm_and_si128(bytes, all(0xc0)), all(0x40));
    let seconds = second_halves(_mm_movemask_epi8(is_candidate).cast_unsigned(), is_open);
    // Its bits, a byte each.
    const EACH: u64 = 0x0101_0101_0101_0101;
    const BIT_OF_BYTE: i64 = 0x8040_2010_0804_0201_u64.cast_signed();
    let spread = _mm_set_epi64x(
        (u64::from(seconds >> 8 & 0xff) * EACH).cast_signed(),
        (u64::from(seconds & 0xff) * EACH).cast_signed(),
    );
    let bit = _mm_set_epi64x(BIT_OF_BYTE, BIT_OF_BYTE);
    let is_second = _mm_cmpeq_epi8(_mm_and_si128(spread, bit), bit);
    let is_wide = _mm_andnot_si128(is_second, is_candidate);
    // In a run of values the lowest two bits are the length less one, in one of zeros the lowest six.
    let is_value = _mm_cmpgt_epi8(_mm_setzero_si128(), bytes);
    let six = _mm_and_si128(bytes, all(0x3f));
    let narrow = _mm_and_si128(six, _mm_or_si128(_mm_andnot_si128(is_value, all(0x3f)), all(0x03)));
    let counted = _mm_add_epi8(_mm_andnot_si128(is_wide, narrow), all(1));
    let ones = _mm_or_si128(_mm_and_si128(is_second, bytes), _mm_andnot_si128(is_second, counted));
    let pages = _mm_and_si128(is_wide, six);
    let sum = |bytes| {
        let sums = _mm_sad_epu8(bytes, _mm_setzero_si128());
        (_mm_cvtsi128_si64(sums) + _mm_cvtsi128_si64(_mm_unpackhi_epi64(sums, sums))) as usize
    };
    block_of(sum(ones) + (sum(pages) << 8), seconds)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn runs_portable(block: &[u8; BLOCK], is_open: bool) -> Runs {
    let looks = block.iter().rev().fold(0, |mask, byte| mask << 1 | u32::from(byte & 0xc0 == 0x40));
    let seconds = second_halves(looks, is_open);
    let registers = |(index, &byte): (usize, &u8)| match byte >> 6 {
        _ if seconds >> index & 1 == 1 => usize::from(byte),
        0 => usize::from(byte) + 1,
        1 => first_half(byte),
        _ => usize::from(byte & 0x03) + 1,
    };
    block_of(block.iter().enumerate().map(registers).sum(), seconds)
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Runs, first_half, runs, runs_portable};
    use proptest::prelude::*;

    /// Byte by byte.
    fn one_by_one(block: &[u8; BLOCK], mut is_open: bool) -> Runs {
        let (mut registers, mut begins) = (0, 0);
        for (index, &byte) in block.iter().enumerate() {
            if is_open {
                registers += usize::from(byte);
                is_open = false;
                continue;
            }
            begins |= 1 << index;
            is_open = byte >> 6 == 1;
            registers += match byte >> 6 {
                0 => usize::from(byte) + 1,
                1 => first_half(byte),
                _ => usize::from(byte & 0x03) + 1,
            };
        }
        Runs { registers, begins, is_open }
    }

    proptest! {
        #[test]
        fn blocks_are_what_their_runs_are(
            mixed in any::<[u8; BLOCK]>(),
            wide in prop::array::uniform16(0x3eu8..0x82),
            full in prop::array::uniform16(prop::sample::select(vec![0x40u8, 0x7f, 0xff, 0x3f, 0])),
            is_open: bool,
        ) {
            for block in [mixed, wide, full] {
                let expected = one_by_one(&block, is_open);
                prop_assert_eq!(runs(&block, is_open), expected);
                prop_assert_eq!(runs_portable(&block, is_open), expected);
            }
        }
    }
}
