//! Logic on whole strings: BITOP.
//!
//! Works in pieces that stay in the nearest cache: each source is read once and each piece of the result written to
//! memory once, however many sources there are.

/// As long as the result and what is kept beside it fit the first cache.
const PIECE_BYTES: usize = 8 * 1024;

/// What becomes of several strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    And,
    Or,
    Xor,
    /// Of one string.
    Not,
    /// In the first, and in no other.
    Diff,
    /// In another, and not in the first.
    Diff1,
    /// In the first, and in another.
    AndOr,
    /// In exactly one.
    One,
}

/// The result is as long as the longest source; shorter ones go on with zeros.
pub fn combine(operation: Operation, sources: &[&[u8]]) -> Vec<u8> {
    let length = sources.iter().map(|source| source.len()).max().unwrap_or(0);
    let mut result = Vec::with_capacity(length);
    let (Some(first), others) = (sources.first(), sources.get(1..).unwrap_or_default()) else {
        return result;
    };
    let mut beside = [0; PIECE_BYTES];
    for from in (0..length).step_by(PIECE_BYTES) {
        let to = length.min(from + PIECE_BYTES);
        result.extend_from_slice(piece(first, from, to));
        result.resize(to, 0);
        let into = &mut result[from..];
        let others = others.iter().map(|other| piece(other, from, to));
        match operation {
            Operation::Not => into.iter_mut().for_each(|byte| *byte = !*byte),
            Operation::Or => others.for_each(|other| apply(into, other, |a, b| a | b)),
            Operation::Xor => others.for_each(|other| apply(into, other, |a, b| a ^ b)),
            Operation::And => others.for_each(|other| {
                apply(into, other, |a, b| a & b);
                into[other.len()..].fill(0);
            }),
            Operation::Diff | Operation::Diff1 | Operation::AndOr => {
                let any = &mut beside[..to - from];
                any.fill(0);
                others.for_each(|other| apply(any, other, |a, b| a | b));
                match operation {
                    Operation::Diff => apply(into, any, |first, any| first & !any),
                    Operation::Diff1 => apply(into, any, |first, any| !first & any),
                    _ => apply(into, any, |first, any| first & any),
                }
            }
            Operation::One => {
                let several = &mut beside[..to - from];
                several.fill(0);
                for other in others {
                    for ((one, several), other) in into.iter_mut().zip(&mut *several).zip(other) {
                        *several |= *one & other;
                        *one ^= other;
                    }
                }
                // Seen three times, a bit would count as one again.
                apply(into, several, |one, several| one & !several);
            }
        }
    }
    result
}

fn piece(source: &[u8], from: usize, to: usize) -> &[u8] {
    let to = to.min(source.len());
    source.get(from..to).unwrap_or_default()
}

#[inline(always)]
fn apply(into: &mut [u8], other: &[u8], change: impl Fn(u8, u8) -> u8) {
    into.iter_mut().zip(other).for_each(|(byte, other)| *byte = change(*byte, *other));
}
