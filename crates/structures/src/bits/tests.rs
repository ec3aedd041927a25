//! Against models that look at one bit at a time.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn bits_of(bytes: &[u8]) -> Vec<bool> {
    (0..bytes.len() as u64 * 8).map(|offset| bit(bytes, offset)).collect()
}

/// Long ones among them, some of them dull: found bits are then far away.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..40),
        vec(any::<u8>(), 0..2000),
        (0..2000usize, 0..2000usize, any::<bool>(), any::<u8>()).prop_map(|(length, at, ones, odd)| {
            let mut bytes = vec![if ones { 0xff } else { 0 }; length];
            if let Some(byte) = bytes.get_mut(at) {
                *byte = odd;
            }
            bytes
        }),
    ]
}

proptest! {
    #[test]
    fn counts_and_finds_in_every_range(bytes in bytes(), from: prop::sample::Index, len: prop::sample::Index) {
        let bits = bits_of(&bytes);
        let from = if bits.is_empty() { 0 } else { from.index(bits.len()) };
        let to = if bits.is_empty() { 0 } else { from + len.index(bits.len() - from + 1) };
        let range = from as u64..to as u64;
        let counted = bits[from..to].iter().filter(|bit| **bit).count();
        prop_assert_eq!(count_ones(&bytes, range.clone()), counted as u64);
        for wanted in [false, true] {
            let found = bits[from..to].iter().position(|bit| *bit == wanted).map(|at| (from + at) as u64);
            prop_assert_eq!(find_bit(&bytes, wanted, range.clone()), found);
        }
        prop_assert_eq!(count_ones(&bytes, 0..bits.len() as u64), bits.iter().filter(|bit| **bit).count() as u64);
    }

    #[test]
    fn combines(sources in vec(bytes(), 1..5), which in 0..8usize) {
        use Operation::*;
        let operation = [And, Or, Xor, Not, Diff, Diff1, AndOr, One][which];
        let sources = if operation == Not { &sources[..1] } else { &sources };
        let slices: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
        let length = slices.iter().map(|source| source.len()).max().unwrap_or(0);
        let result = combine(operation, &slices);
        prop_assert_eq!(result.len(), length);
        for offset in 0..length as u64 * 8 {
            let first = bit(slices[0], offset);
            let others = slices[1..].iter().filter(|other| bit(other, offset)).count();
            let expect = match operation {
                And => first && others == slices.len() - 1,
                Or => first || others > 0,
                Xor => (usize::from(first) + others) % 2 == 1,
                Not => !first,
                Diff => first && others == 0,
                Diff1 => !first && others > 0,
                AndOr => first && others > 0,
                One => usize::from(first) + others == 1,
            };
            prop_assert_eq!(bit(&result, offset), expect, "{:?} {}", operation, offset);
        }
    }

    #[test]
    fn fields_hold_what_they_are_given(mut bytes in vec(any::<u8>(), 20), offset in 0..96u64, bits in 1..=64u32, signed: bool, number: i64) {
        let field = Field { signed, bits: if signed { bits } else { bits.min(63) } };
        let before = bytes.clone();
        let held = field.fit(field.given(number), Overflow::Wrap).unwrap();
        field.set(&mut bytes, offset, held);
        prop_assert_eq!(field.get(&bytes, offset), held);
        let inside = offset..offset + u64::from(field.bits);
        for at in (0..160).filter(|at| !inside.contains(at)) {
            prop_assert_eq!(bit(&bytes, at), bit(&before, at));
        }
        let raw = inside.fold(0u64, |raw, at| raw << 1 | u64::from(bit(&bytes, at)));
        let mask = u64::MAX >> (64 - field.bits);
        prop_assert_eq!(raw, number as u64 & mask);
    }
}

#[test]
fn numbers_that_do_not_fit() {
    let byte = Field { signed: true, bits: 8 };
    for (number, wrapped, saturated) in
        [(128, -128, 127), (-129, 127, -128), (300, 44, 127), (-300, -44, -128)]
    {
        assert_eq!(byte.fit(number, Overflow::Wrap), Some(wrapped));
        assert_eq!(byte.fit(number, Overflow::Saturate), Some(saturated));
        assert_eq!(byte.fit(number, Overflow::Fail), None);
    }
    assert_eq!(byte.fit(byte.given(i64::MIN + 127), Overflow::Saturate), Some(127));
    assert_eq!(byte.fit(byte.given(i64::MIN + 128), Overflow::Saturate), Some(-128));
    let unsigned = Field { signed: false, bits: 2 };
    assert_eq!(unsigned.fit(unsigned.given(-1), Overflow::Saturate), Some(3));
    assert_eq!(unsigned.fit(-1, Overflow::Saturate), Some(0));
    assert_eq!(unsigned.fit(-1, Overflow::Wrap), Some(3));
    let widest = Field { signed: true, bits: 64 };
    assert_eq!(widest.fit(i128::from(i64::MAX) + 1, Overflow::Wrap), Some(i64::MIN));
    assert_eq!(widest.fit(i128::from(i64::MIN) - 1, Overflow::Saturate), Some(i64::MIN));
}

#[test]
fn fields_behind_the_end_are_zero() {
    let field = Field { signed: false, bits: 16 };
    assert_eq!(field.get(b"\xff", 4), 0xf000);
    assert_eq!(field.get(b"\xff", u64::MAX - 70), 0);
}
