//! How many bits are set.
//!
//! Baseline x86-64 has no instruction for this, and the arithmetic that stands in for it takes a dozen operations a
//! word. Most words are therefore only added up, bit position by bit position, with carry-save adders (five operations
//! for three inputs), and one in sixteen is counted: Harley and Seal's method (Warren, "Hacker's Delight", 2nd edition,
//! 5-1). Four words side by side, so that the compiler uses vectors.

use std::ops::Range;

use super::mask;

const WIDTH: usize = 4;
const ROW_BYTES: usize = 8 * WIDTH;
const BLOCK_BYTES: usize = 16 * ROW_BYTES;

type Row = [u64; WIDTH];

/// How many of the bits in `range` are set. The range must lie inside.
pub fn count_ones(bytes: &[u8], range: Range<u64>) -> u64 {
    if range.is_empty() {
        return 0;
    }
    // Whole bytes are counted, then what is outside of the range at both ends is taken off.
    let last = range.end - 1;
    let whole = &bytes[(range.start / 8) as usize..=(last / 8) as usize];
    let before = whole[0] & !(mask(range.start) | (mask(range.start) - 1));
    let behind = whole[whole.len() - 1] & (mask(last) - 1);
    in_bytes(whole) - u64::from(before.count_ones()) - u64::from(behind.count_ones())
}

fn in_bytes(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    let (words, tail) = rest.as_chunks::<8>();
    let in_rest: u32 = words.iter().map(|word| u64::from_le_bytes(*word).count_ones()).sum::<u32>()
        + tail.iter().map(|byte| byte.count_ones()).sum::<u32>();
    in_blocks(blocks) + u64::from(in_rest)
}

fn in_blocks(blocks: &[[u8; BLOCK_BYTES]]) -> u64 {
    let [mut ones, mut twos, mut fours, mut eights] = [[0; WIDTH]; 4];
    let mut sixteens_count = 0;
    for block in blocks {
        let (rows, _) = block.as_chunks::<ROW_BYTES>();
        let row = |index: usize| load(&rows[index]);
        let mut eights_in = [[0; WIDTH]; 2];
        for (half, eights_in) in eights_in.iter_mut().enumerate() {
            let mut fours_in = [[0; WIDTH]; 2];
            for (quarter, fours_in) in fours_in.iter_mut().enumerate() {
                let at = half * 8 + quarter * 4;
                let twos_low = add(&mut ones, row(at), row(at + 1));
                let twos_high = add(&mut ones, row(at + 2), row(at + 3));
                *fours_in = add(&mut twos, twos_low, twos_high);
            }
            *eights_in = add(&mut fours, fours_in[0], fours_in[1]);
        }
        sixteens_count += ones_of(add(&mut eights, eights_in[0], eights_in[1]));
    }
    16 * sixteens_count + 8 * ones_of(eights) + 4 * ones_of(fours) + 2 * ones_of(twos) + ones_of(ones)
}

#[inline(always)]
fn load(bytes: &[u8; ROW_BYTES]) -> Row {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|lane| u64::from_le_bytes(words[lane]))
}

/// Adds two bits to `sum` at each position, and returns the carries.
#[inline(always)]
fn add(sum: &mut Row, left: Row, right: Row) -> Row {
    let mut carry = [0; WIDTH];
    for lane in 0..WIDTH {
        let half = sum[lane] ^ left[lane];
        carry[lane] = (sum[lane] & left[lane]) | (half & right[lane]);
        sum[lane] = half ^ right[lane];
    }
    carry
}

#[inline(always)]
fn ones_of(row: Row) -> u64 {
    row.iter().map(|word| u64::from(word.count_ones())).sum()
}
