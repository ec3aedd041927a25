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
        sse2::runs(block, is_open)
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

/// Where in a block whose bytes count more than `offset` registers the one of that number stands: its byte, and the registers
/// that the bytes before it count. `is_open`: as for [`runs`].
#[inline(always)]
pub(super) fn spot(block: &[u8; BLOCK], is_open: bool, offset: u16) -> (usize, usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this architecture has SSE2.
    unsafe {
        sse2::spot(block, is_open, offset)
    }
    #[cfg(not(target_arch = "x86_64"))]
    spot_portable(block, is_open, offset)
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::{BLOCK, Runs, block_of, second_halves};
    use std::arch::x86_64::*;

    /// What the bytes of a block count.
    struct Counts {
        ones: __m128i,
        /// In 256 registers.
        pages: __m128i,
        /// The bytes that are second halves, and whether the one behind them is, a bit each.
        seconds: u32,
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn counts(block: &[u8; BLOCK], is_open: bool) -> Counts {
        let word = u128::from_le_bytes(*block);
        let (low, high) = (word as u64, (word >> 64) as u64);
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
        Counts { ones, pages: _mm_and_si128(is_wide, six), seconds }
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn runs(block: &[u8; BLOCK], is_open: bool) -> Runs {
        let Counts { ones, pages, seconds } = counts(block, is_open);
        let sum = |bytes| {
            let sums = _mm_sad_epu8(bytes, _mm_setzero_si128());
            (_mm_cvtsi128_si64(sums) + _mm_cvtsi128_si64(_mm_unpackhi_epi64(sums, sums))) as usize
        };
        block_of(sum(ones) + (sum(pages) << 8), seconds)
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn spot(block: &[u8; BLOCK], is_open: bool, offset: u16) -> (usize, usize) {
        let Counts { ones, pages, .. } = counts(block, is_open);
        // Sums up to and with each byte. Those of a broken sketch may be too large: they stay at the most, which is above any offset.
        let sums = |counts| {
            let pairs = _mm_adds_epu16(counts, _mm_slli_si128::<2>(counts));
            let fours = _mm_adds_epu16(pairs, _mm_slli_si128::<4>(pairs));
            _mm_adds_epu16(fours, _mm_slli_si128::<8>(fours))
        };
        let low = sums(_mm_unpacklo_epi8(ones, pages));
        let half = _mm_set1_epi16(_mm_extract_epi16::<7>(low) as i16);
        let high = _mm_adds_epu16(sums(_mm_unpackhi_epi8(ones, pages)), half);
        let wanted = _mm_set1_epi16(offset.cast_signed());
        let is_less = |sums| _mm_cmpeq_epi16(_mm_subs_epu16(sums, wanted), _mm_setzero_si128());
        let before = _mm_movemask_epi8(_mm_packs_epi16(is_less(low), is_less(high))).cast_unsigned();
        let byte = before.trailing_ones() as usize % BLOCK;
        // SAFETY: two vectors have the size of sixteen numbers, and any bits are numbers.
        let sums: [u16; BLOCK] = unsafe { std::mem::transmute([low, high]) };
        (byte, if byte == 0 { 0 } else { usize::from(sums[byte - 1]) })
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn runs_portable(block: &[u8; BLOCK], is_open: bool) -> Runs {
    let (counts, seconds) = counts_portable(block, is_open);
    block_of(counts.iter().sum(), seconds)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn spot_portable(block: &[u8; BLOCK], is_open: bool, offset: u16) -> (usize, usize) {
    let mut before = 0;
    for (byte, count) in counts_portable(block, is_open).0.into_iter().enumerate() {
        if before + count > usize::from(offset) {
            return (byte, before);
        }
        before += count;
    }
    (0, 0)
}

/// What each byte of a block counts, and the bytes that are second halves.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn counts_portable(block: &[u8; BLOCK], is_open: bool) -> ([usize; BLOCK], u32) {
    let looks = block.iter().rev().fold(0, |mask, byte| mask << 1 | u32::from(byte & 0xc0 == 0x40));
    let seconds = second_halves(looks, is_open);
    let count = |index: usize| match (block[index], block[index] >> 6) {
        (byte, _) if seconds >> index & 1 == 1 => usize::from(byte),
        (byte, 0) => usize::from(byte) + 1,
        (byte, 1) => first_half(byte),
        (byte, _) => usize::from(byte & 0x03) + 1,
    };
    (std::array::from_fn(count), seconds)
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Runs, first_half, runs, runs_portable, spot, spot_portable};
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
            offset in prop_oneof![0..200_u16, 0..16_384_u16],
        ) {
            for block in [mixed, wide, full] {
                let expected = one_by_one(&block, is_open);
                prop_assert_eq!(runs(&block, is_open), expected);
                prop_assert_eq!(runs_portable(&block, is_open), expected);
                if usize::from(offset) < expected.registers {
                    prop_assert_eq!(spot(&block, is_open, offset), spot_portable(&block, is_open, offset));
                }
            }
        }
    }
}
