//! Signed 64-bit integers.
//!
//! A string value is stored as an integer only if writing the integer gives back the same bytes, so the reader accepts
//! exactly what the writer produces: no `+`, no leading zeros, no `-0`, no spaces.

/// So many digits fit in a `u64` whatever they are, and no `i64` has more.
const DIGITS_MAX: usize = 19;

/// Reads an integer; `None` if `text` isn't exactly one, or it is out of range. O(1), as long texts are refused.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match *text {
        [b'0'] => return Some(0),
        [b'-', ref digits @ ..] => (true, digits),
        ref digits => (false, digits),
    };
    if !matches!(digits.first(), Some(b'1'..=b'9')) || digits.len() > DIGITS_MAX {
        return None;
    }
    let mut magnitude = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Room on the stack for the text of one integer; made for nothing, so make one where it is needed.
#[derive(Default, Clone)]
pub struct IntegerBuffer(itoa::Buffer);

impl IntegerBuffer {
    /// A buffer, not yet written.
    #[inline]
    pub fn new() -> Self {
        Self(itoa::Buffer::new())
    }

    /// The decimal text of `value`, 1 to 20 bytes.
    #[inline]
    pub fn format(&mut self, value: i64) -> &[u8] {
        self.0.format(value).as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strictness() {
        for (text, value) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("99", Some(99)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("9999999999999999999", None),
            ("10000000000000000000", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("+1", None),
            ("00", None),
            ("01", None),
            (" 1", None),
            ("1 ", None),
            ("1a", None),
            ("1.0", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(value: i64) {
            let mut buffer = IntegerBuffer::new();
            prop_assert_eq!(parse_i64(buffer.format(value)), Some(value));
        }

        #[test]
        fn reads_nothing_it_would_not_write(text in "-?[0-9]{0,21}") {
            let canonical = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
            prop_assert_eq!(parse_i64(text.as_bytes()), canonical);
        }
    }
}
