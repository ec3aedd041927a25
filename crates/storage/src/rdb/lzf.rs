//! LZF, in liblzf's format: short runs of new bytes, and references to what stands up to 8 KiB before.
//!
//! ```text
//! 000lllll  bytes..          l + 1 new bytes
//! llloooooo o                l + 2 bytes (3 to 8) from o + 1 bytes before
//! 111ooooo n o               n + 9 bytes from o + 1 bytes before
//! ```

const LITERALS_MAX: usize = 32;
const OFFSET_MAX: usize = 1 << 13;
const MATCH_LEN_MIN: usize = 3;
const MATCH_LEN_MAX: usize = 264;
/// Below this length a reference takes two bytes.
const SHORT_MATCH: usize = 9;

/// The bytes, if there are exactly `len`. Memory grows with what comes out, not with what `len` says.
pub fn decompress(compressed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
    let mut rest = compressed;
    while let Some((&control, after)) = rest.split_first() {
        rest = after;
        let control = usize::from(control);
        if control < LITERALS_MAX {
            let (literals, after) = rest.split_at_checked(control + 1)?;
            out.extend_from_slice(literals);
            rest = after;
        } else {
            let mut count = (control >> 5) + 2;
            if count == SHORT_MATCH {
                let (&more, after) = rest.split_first()?;
                (count, rest) = (count + usize::from(more), after);
            }
            let (&low, after) = rest.split_first()?;
            rest = after;
            let offset = ((control & 0x1f) << 8 | usize::from(low)) + 1;
            let from = out.len().checked_sub(offset)?;
            if out.len() + count > len {
                return None;
            }
            copy_within(&mut out, from, count);
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}

/// Appends `count` bytes from `from` on, which may run into those that it appends.
fn copy_within(out: &mut Vec<u8>, from: usize, count: usize) {
    let period = out.len() - from;
    let mut left = count;
    let mut at = from;
    while left > 0 {
        let step = left.min(period);
        out.extend_from_within(at..at + step);
        (at, left) = (at + step, left - step);
    }
}

/// Shorter bytes that [`decompress`] to these; nothing if that would save less than four.
pub fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let budget = bytes.len().checked_sub(4)?;
    let hash_bits = bytes.len().ilog2().clamp(6, 15);
    // Where each hash of three bytes was met last, plus one.
    let mut last = vec![0_u32; 1 << hash_bits];
    let mut out = Vec::with_capacity(budget.min(1 << 16));
    let (mut at, mut literals_from) = (0, 0);
    while let Some(three) = bytes.get(at..at + MATCH_LEN_MIN) {
        let word = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        let slot = (word.wrapping_mul(0x9e37_79b1) >> (32 - hash_bits)) as usize;
        let before = (last[slot] as usize).checked_sub(1);
        last[slot] = u32::try_from(at + 1).ok()?;
        let found = before.filter(|before| at - before <= OFFSET_MAX && bytes[*before..].starts_with(three));
        let Some(before) = found else {
            at += 1;
            continue;
        };
        let limit = MATCH_LEN_MAX.min(bytes.len() - at);
        let same = bytes[before..].iter().zip(&bytes[at..at + limit]).take_while(|(a, b)| a == b).count();
        push_literals(&mut out, &bytes[literals_from..at]);
        push_reference(&mut out, at - before - 1, same);
        if out.len() > budget {
            return None;
        }
        at += same;
        literals_from = at;
    }
    push_literals(&mut out, &bytes[literals_from..]);
    (out.len() <= budget).then_some(out)
}

fn push_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(LITERALS_MAX) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

fn push_reference(out: &mut Vec<u8>, offset: usize, len: usize) {
    let high = (offset >> 8) as u8;
    if len < SHORT_MATCH {
        out.push(((len - 2) as u8) << 5 | high);
    } else {
        out.extend_from_slice(&[0xe0 | high, (len - SHORT_MATCH) as u8]);
    }
    out.push(offset as u8);
}

#[cfg(test)]
mod tests {
    use super::{compress, decompress};
    use proptest::prelude::*;

    #[test]
    fn what_repeats_gets_short() {
        let text = b"abcabcabcabc".repeat(1000);
        let short = compress(&text).expect("it repeats");
        assert!(short.len() < 200, "{}", short.len());
        assert_eq!(decompress(&short, text.len()).as_deref(), Some(&text[..]));
        assert_eq!(decompress(&short, text.len() - 1), None);
        assert_eq!(decompress(&short, text.len() + 1), None);
        assert_eq!(compress(b"abcdefghijklmnopqrstuvwxyz"), None);
        assert_eq!(compress(b"aaa"), None);
    }

    #[test]
    fn references_before_the_beginning_are_refused() {
        assert_eq!(decompress(&[0x20, 0], 3), None);
        assert_eq!(decompress(&[0, b'a', 0x20, 1], 4), None);
        assert_eq!(decompress(&[0, b'a', 0x20, 0], 4).as_deref(), Some(&b"aaaa"[..]));
        assert_eq!(decompress(&[0xe0], 4), None);
        assert_eq!(decompress(&[3, b'a'], 4), None);
    }

    proptest! {
        #[test]
        fn what_was_compressed_comes_back(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..30), 1..40_usize), 0..30)
        ) {
            let text: Vec<u8> = parts.iter().flat_map(|(part, times)| part.repeat(*times)).collect();
            if let Some(short) = compress(&text) {
                prop_assert!(short.len() + 4 <= text.len());
                prop_assert_eq!(decompress(&short, text.len()), Some(text));
            }
        }

        #[test]
        fn any_bytes_are_refused_or_give_what_was_asked(bytes in prop::collection::vec(any::<u8>(), 0..200), len in 0..3000_usize) {
            prop_assert!(decompress(&bytes, len).is_none_or(|text| text.len() == len));
        }
    }
}
