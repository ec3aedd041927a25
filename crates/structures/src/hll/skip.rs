//! Sixteen bytes of runs at once: how many registers they cover.
//!
//! Whether a byte begins a run can't be told from itself, since the second byte of a run of two may be any. It is the
//! question that a JSON parser has about backslashes, and has the same answer: in a row of bytes that could each begin a
//! run of two, every other one does (Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019, section 3.1.1).

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "vector instructions of the base set"))]

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 16;

/// The runs that end in a block of bytes whose first one begins a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Runs {
    /// Bytes that they take: all, or all but the last one, where that is the first half of a run.
    pub(super) bytes: usize,
    /// Registers that they cover.
    pub(super) registers: usize,
    /// Where the last one begins.
    pub(super) last: usize,
}

/// The runs of a block.
#[inline(always)]
pub(super) fn runs(block: &[u8; BLOCK]) -> Runs {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this architecture has SSE2.
    unsafe {
        runs_sse2(block)
    }
    #[cfg(not(target_arch = "x86_64"))]
    runs_portable(block)
}

/// From which bytes look like the first half of a run of two to which ones are second halves.
#[inline(always)]
fn second_halves(could_begin: u32) -> u32 {
    const ODD: u32 = 0xaaaa_aaaa;
    // Within a row of candidates the first one begins a run: a subtraction carries that through the row.
    let series = ((could_begin << 1 | ODD).wrapping_sub(could_begin)) ^ ODD;
    series ^ could_begin
}

/// What is left of the counts when the last byte is the first half of a run.
#[inline(always)]
fn ending(could_begin: u32, seconds: u32, registers: usize, last_byte: u8) -> Runs {
    const LAST: u32 = 1 << (BLOCK - 1);
    let begins = !seconds & (LAST | (LAST - 1));
    if begins & could_begin & LAST == 0 {
        let last = begins.ilog2() as usize;
        return Runs { bytes: BLOCK, registers, last };
    }
    let less = 1 + (usize::from(last_byte & 0x3f) << 8);
    let last = (begins & !LAST).ilog2() as usize;
    Runs { bytes: BLOCK - 1, registers: registers - less, last }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn runs_sse2(block: &[u8; BLOCK]) -> Runs {
    use std::arch::x86_64::*;
    let halves = |block: &[u8; BLOCK]| {
        let word = u128::from_le_bytes(*block);
        (word as u64, (word >> 64) as u64)
    };
    let (low, high) = halves(block);
    let bytes = _mm_set_epi64x(high.cast_signed(), low.cast_signed());
    let all = |byte: u8| _mm_set1_epi8(byte.cast_signed());
    let is_candidate = _mm_cmpeq_epi8(_mm_and_si128(bytes, all(0xc0)), all(0x40));
    let could_begin = _mm_movemask_epi8(is_candidate).cast_unsigned();
    let seconds = second_halves(could_begin) & 0xffff;
    // Its bits, a byte each.
    const EACH: u64 = 0x0101_0101_0101_0101;
    const BIT_OF_BYTE: i64 = 0x8040_2010_0804_0201_u64.cast_signed();
    let spread = _mm_set_epi64x(
        (u64::from(seconds >> 8) * EACH).cast_signed(),
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
    ending(could_begin, seconds, sum(ones) + (sum(pages) << 8), block[BLOCK - 1])
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn runs_portable(block: &[u8; BLOCK]) -> Runs {
    let could_begin = block.iter().rev().fold(0, |mask, byte| mask << 1 | u32::from(byte & 0xc0 == 0x40));
    let seconds = second_halves(could_begin) & 0xffff;
    let registers = |(index, &byte): (usize, &u8)| match byte >> 6 {
        _ if seconds >> index & 1 == 1 => usize::from(byte),
        0 => usize::from(byte) + 1,
        1 => (usize::from(byte & 0x3f) << 8) + 1,
        _ => usize::from(byte & 0x03) + 1,
    };
    let registers = block.iter().enumerate().map(registers).sum();
    ending(could_begin, seconds, registers, block[BLOCK - 1])
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Runs, runs, runs_portable};
    use proptest::prelude::*;

    /// Run by run.
    fn one_by_one(block: &[u8; BLOCK]) -> Runs {
        let mut found = Runs { bytes: 0, registers: 0, last: 0 };
        while let Some(&first) = block.get(found.bytes) {
            let (length, width) = match first >> 6 {
                0 => (usize::from(first) + 1, 1),
                1 => match block.get(found.bytes + 1) {
                    Some(&second) => ((usize::from(first & 0x3f) << 8 | usize::from(second)) + 1, 2),
                    None => break,
                },
                _ => (usize::from(first & 0x03) + 1, 1),
            };
            found.last = found.bytes;
            found.bytes += width;
            found.registers += length;
        }
        found
    }

    proptest! {
        #[test]
        fn blocks_are_what_their_runs_are(
            mixed in any::<[u8; BLOCK]>(),
            wide in prop::array::uniform16(0x3eu8..0x82),
            full in prop::array::uniform16(prop::sample::select(vec![0x40u8, 0x7f, 0xff, 0x3f, 0])),
        ) {
            for block in [mixed, wide, full] {
                prop_assert_eq!(runs(&block), one_by_one(&block));
                prop_assert_eq!(runs_portable(&block), one_by_one(&block));
            }
        }
    }
}
