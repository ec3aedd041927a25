//! Which of the 16,384 cluster slots a key belongs to: CRC16 (XMODEM) of the key, or of its hash tag.
//!
//! Every command pays for this, mostly on keys of 8 to 32 bytes, so the checksum uses no look-up table
//! (tables of 4 to 8 KiB compete with the data for the first-level cache). Instead it reduces eight bytes at a
//! time: the polynomial is sparse, P(x) = x^16 + x^12 + x^5 + 1, and over GF(2) its powers of two are just as sparse:
//!
//! ```text
//! P^2 gives x^32 = x^24 + x^10 + 1      P^4 gives x^64 = x^48 + x^20 + 1      (mod P)
//! ```
//!
//! A 64-bit word is thus carried over the next one by a handful of shifts. Measured (16-byte keys, all in cache):
//! 8.7 ns against 8.2 ns for eight tables and 21 ns for one; as a dependent chain 16.6, 20.4 and 44 ns.
//!
//! The last word's checksum takes more shifts, or one carry-less product where the processor has that (Barrett's
//! reduction; Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009): a
//! fifth less in all (9.3 ns against 11.6 in one run).
//!
//! Knows nothing of shards: how slots map to shards is the keyspace's business.

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "a vector instruction, where there is one"))]

/// Number of slots, as in Redis Cluster.
pub const SLOT_COUNT: u16 = 16_384;

/// CRC16 of `bytes` with the parameters of XMODEM: polynomial 0x1021, initial value 0, not reflected. O(n).
#[inline(always)]
pub fn crc16(bytes: &[u8]) -> u16 {
    finish(one_word(bytes))
}

/// A word with the checksum of `bytes`.
#[inline(always)]
fn one_word(bytes: &[u8]) -> u64 {
    // Leading zero bytes don't change a checksum that starts at 0, so the odd bytes go first, as a short word.
    let odd = bytes.len() % 8;
    let (mut rest, words) = match bytes.split_first_chunk::<8>() {
        Some((first, _)) if odd > 0 => (u64::from_be_bytes(*first) >> (64 - 8 * odd), &bytes[odd..]),
        Some((first, words)) => (u64::from_be_bytes(*first), words),
        None => return short_word(bytes),
    };
    for word in words.as_chunks::<8>().0 {
        rest = carry_over(rest, u64::from_be_bytes(*word));
    }
    rest
}

/// The part of `key` that decides its slot: what stands between the first `{` and the first `}` after it, or the
/// whole key when there is no such pair or nothing in it.
#[inline(always)]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    if !has_open_brace(key) {
        return key;
    }
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    let after = &key[open + 1..];
    match after.iter().position(|&byte| byte == b'}') {
        Some(length) if length > 0 => &after[..length],
        _ => key,
    }
}

/// The slot of `key`, below [`SLOT_COUNT`].
#[inline(never)]
pub fn slot_of(key: &[u8]) -> u16 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("pclmulqdq") {
        // SAFETY: this processor has the instruction.
        return unsafe { slot_by_product(key) };
    }
    crc16(hash_tag(key)) % SLOT_COUNT
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "pclmulqdq")]
fn slot_by_product(key: &[u8]) -> u16 {
    finish_by_product(one_word(hash_tag(key))) % SLOT_COUNT
}

/// Whether `{` occurs in `key`: eight bytes a step, since keys are short and most have none.
#[inline]
fn has_open_brace(key: &[u8]) -> bool {
    const EACH: u64 = u64::MAX / 255;
    let found_in = |word: u64| {
        let zero_where_brace = word ^ (EACH * b'{' as u64);
        zero_where_brace.wrapping_sub(EACH) & !zero_where_brace & (EACH << 7) != 0
    };
    let (words, tail) = key.as_chunks::<8>();
    words.iter().any(|word| found_in(u64::from_ne_bytes(*word)))
        || match key.last_chunk::<8>() {
            Some(last) => !tail.is_empty() && found_in(u64::from_ne_bytes(*last)),
            None => found_in(short_word(tail)),
        }
}

/// Up to seven bytes as one big-endian number, by reads that may overlap instead of a loop.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (first, last) = (u32::from_be_bytes(*first), u32::from_be_bytes(*last));
        return (u64::from(first) << (8 * (length - 4))) | u64::from(last);
    }
    if length == 0 {
        return 0;
    }
    let at = |index: usize| u64::from(bytes[index]) << (8 * (length - 1 - index));
    at(0) | at(length / 2) | at(length - 1)
}

/// `high * x^64 + low`, reduced to 64 bits. What the shifts push out at the top is folded in again: 48 bits the first
/// time, then 32, then 16.
#[inline]
fn carry_over(high: u64, low: u64) -> u64 {
    let out = (high >> 16) ^ (high >> 44);
    let out_again = (out >> 16) ^ (out >> 44);
    let sum = high ^ out ^ out_again ^ (out_again >> 16);
    low ^ sum ^ (sum << 20) ^ (sum << 48)
}

/// `word * x^16` modulo P, which is the checksum: 64 bits to 32 by P^2, then 48 to 32, then 32 to 16 by P.
#[inline]
fn finish(word: u64) -> u16 {
    let high = word >> 32;
    let out = (high >> 8) ^ (high >> 22);
    let out_again = (out >> 8) ^ (out >> 22);
    let sum = high ^ out ^ out_again ^ (out_again >> 8);
    let folded = (word ^ sum ^ (sum << 10) ^ (sum << 24)) as u32;

    let high = folded >> 16;
    let sum = high ^ (high >> 8);
    let shifted = (folded << 16) ^ sum ^ (sum << 10) ^ (sum << 24);

    let high = shifted >> 16;
    let out = (high >> 4) ^ (high >> 11);
    let out_again = (out >> 4) ^ (out >> 11);
    let sum = high ^ out ^ out_again ^ (out_again >> 4);
    (shifted ^ sum ^ (sum << 5) ^ (sum << 12)) as u16
}

/// x^80 / P without its highest bit, x^64: with it a word's quotient by P is found by one product.
#[cfg(target_arch = "x86_64")]
const QUOTIENT: u64 = {
    const P: u128 = 0x1_1021;
    let (mut rest, mut quotient) = (1_u128 << 80, 0_u128);
    let mut bit = 80;
    while bit >= 16 {
        if rest >> bit & 1 == 1 {
            rest ^= P << (bit - 16);
            quotient |= 1 << (bit - 16);
        }
        bit -= 1;
    }
    quotient as u64
};

/// The same as [`finish`]: `word * x^16` less its multiple of P, of which only the lowest 16 bits count.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "pclmulqdq")]
#[inline]
fn finish_by_product(word: u64) -> u16 {
    use std::arch::x86_64::*;
    let factors = (_mm_cvtsi64_si128(word.cast_signed()), _mm_cvtsi64_si128(QUOTIENT.cast_signed()));
    let product = _mm_clmulepi64_si128::<0>(factors.0, factors.1);
    let quotient = word ^ _mm_cvtsi128_si64(_mm_unpackhi_epi64(product, product)).cast_unsigned();
    (quotient ^ (quotient << 5) ^ (quotient << 12)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, bit by bit.
    fn crc16_by_bits(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0, |crc, &byte| {
            (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            })
        })
    }

    #[test]
    fn the_check_value_of_xmodem() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b""), 0);
    }

    #[test]
    fn tags_follow_the_cluster_rules() {
        for (key, tag) in [
            ("user1000", "user1000"),
            ("{user1000}.following", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("}{a}", "a"),
            ("{", "{"),
            ("{}", "{}"),
            ("a{b", "a{b"),
            ("a-long-prefix-before-the{tag}", "tag"),
            ("", ""),
        ] {
            assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "{key}");
        }
    }

    #[test]
    fn slots_as_redis_says() {
        // Answers of CLUSTER KEYSLOT.
        for (key, slot) in [("foo", 12182), ("bar", 5061), ("{foo}bar", 12182), ("", 0), ("123456789", 12739)]
        {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
    }

    proptest! {
        #[test]
        fn crc_equals_its_definition(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(crc16(&bytes), crc16_by_bits(&bytes));
            // Whichever way this processor takes.
            prop_assert_eq!(slot_of(&bytes), crc16_by_bits(hash_tag(&bytes)) % SLOT_COUNT);
        }

        #[test]
        fn a_word_ends_either_way_the_same(word: u64, low in 0..70_000_u64) {
            for word in [word, low, word << 48, !0] {
                prop_assert_eq!(finish(word), crc16_by_bits(&word.to_be_bytes()));
                #[cfg(target_arch = "x86_64")]
                if std::arch::is_x86_feature_detected!("pclmulqdq") {
                    // SAFETY: this processor has the instruction.
                    prop_assert_eq!(unsafe { finish_by_product(word) }, finish(word));
                }
            }
        }

        #[test]
        fn braces_are_found_wherever_they_are(bytes in prop::collection::vec(0x78u8..0x80, 0..40)) {
            prop_assert_eq!(has_open_brace(&bytes), bytes.contains(&b'{'));
        }
    }
}
