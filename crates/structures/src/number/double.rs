//! Doubles: scores, RESP3 doubles, and every float argument.
//!
//! Redis 7.2 finds digits by Grisu2, which in about one number of a thousand isn't the shortest text, and lays them out
//! as its fpconv library does. The layout is the same here; the digits are always the shortest, the nearest, and where
//! two are equally near the even one.

use super::IntegerBuffer;
use super::scan::{self, Text};

/// Digits after the first that a whole number may be padded by before it is written with an exponent.
const PADDING_MAX: i32 = 7;

/// Up to this magnitude (2^62) a whole number is written as an integer.
const INTEGER_MAX: f64 = (1u64 << 62) as f64;

/// The longest text: a sign, 17 digits and the padding.
const LENGTH_MAX: usize = 25;

/// The longest text of the library that finds the digits.
const DIGITS_LENGTH_MAX: usize = 24;

/// Reads a double as strtod does: decimal or hexadecimal, `inf`, `infinity`; `None` if that isn't the whole of `text`,
/// or the value is NaN, too large, or so small that it would become zero. Correctly rounded.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (negative, text) = scan::classify(text)?;
    let magnitude = match text {
        Text::Infinity => f64::INFINITY,
        Text::Decimal(text) => {
            let value: f64 = fast_float2::parse(text).ok()?;
            if value.is_infinite() || (value == 0.0 && scan::has_nonzero_digit(text)) {
                return None;
            }
            value
        }
        Text::Hexadecimal(number) if number.mantissa == 0 => 0.0,
        Text::Hexadecimal(number) => {
            let (mantissa, exponent) = number.round(53, -1074);
            from_parts(mantissa, exponent).filter(|value| *value != 0.0)?
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// `mantissa × 2^exponent`, for a mantissa of up to 53 bits that needs no rounding; `None` on overflow.
fn from_parts(mantissa: u128, exponent: i64) -> Option<f64> {
    let mut mantissa = u64::try_from(mantissa).ok()?;
    let mut exponent = exponent;
    // A normal number has its top bit at 52; a subnormal one has the lowest exponent.
    while mantissa != 0 && mantissa >> 52 == 0 && exponent > -1074 {
        mantissa <<= 1;
        exponent -= 1;
    }
    let above_lowest = u64::try_from(exponent + 1074).ok().filter(|steps| *steps < 2046)?;
    // A mantissa of 2^52 carries into the exponent's field by itself, and so does one that rounding made 2^53.
    let value = f64::from_bits((above_lowest << 52) + mantissa);
    value.is_finite().then_some(value)
}

/// Appends the text of `value` to `out`, as [`DoubleBuffer::format`] writes it.
pub fn format_f64(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(DoubleBuffer::new().format(value));
}

/// Room on the stack for the text of one double.
pub struct DoubleBuffer {
    bytes: [u8; LENGTH_MAX],
    length: usize,
}

impl Default for DoubleBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl DoubleBuffer {
    /// A buffer, not yet written.
    pub fn new() -> Self {
        Self { bytes: [0; LENGTH_MAX], length: 0 }
    }

    /// The text of `value` in replies: whole numbers as integers, others in as few digits as read back the same, with
    /// an exponent only when very large or small: `3`, `0.1`, `1e-7`, `1e+20`, `-0`, `inf`, `-inf`, `nan`.
    pub fn format(&mut self, value: f64) -> &[u8] {
        self.length = 0;
        if value.is_nan() {
            self.push(b"nan");
        } else if value.is_infinite() {
            self.push(if value < 0.0 { b"-inf" } else { b"inf" });
        } else if value == 0.0 {
            self.push(if value.is_sign_negative() { b"-0" } else { b"0" });
        } else if value.abs() <= INTEGER_MAX && value.trunc() == value {
            self.push(IntegerBuffer::new().format(value as i64));
        } else {
            self.push_shortest(value);
        }
        &self.bytes[..self.length]
    }

    fn push(&mut self, text: &[u8]) {
        self.bytes[self.length..][..text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    fn push_shortest(&mut self, value: f64) {
        if value < 0.0 {
            self.push(b"-");
        }
        let mut buffer = zmij::Buffer::new();
        let (digits, power) = Digits::of(buffer.format_finite(value.abs()));
        let digits = digits.as_slice();
        let count = digits.len() as i32;
        let leading = power + count - 1;
        if power >= 0 && leading < count + PADDING_MAX {
            self.push(digits);
            self.push(&b"0000000"[..power as usize]);
        } else if power < 0 && (power > -7 || leading.abs() < 4) {
            self.push_with_point(digits, power);
        } else {
            self.push_with_exponent(digits, leading);
        }
    }

    /// `digits × 10^power` for a negative `power`, without an exponent.
    fn push_with_point(&mut self, digits: &[u8], power: i32) {
        let decimals = power.unsigned_abs() as usize;
        if let Some(whole) = digits.len().checked_sub(decimals).filter(|whole| *whole > 0) {
            self.push(&digits[..whole]);
            self.push(b".");
            self.push(&digits[whole..]);
        } else {
            self.push(b"0.");
            self.push(&b"0000000"[..decimals - digits.len()]);
            self.push(digits);
        }
    }

    /// `d.ddd × 10^leading`.
    fn push_with_exponent(&mut self, digits: &[u8], leading: i32) {
        self.push(&digits[..1]);
        if digits.len() > 1 {
            self.push(b".");
            self.push(&digits[1..]);
        }
        self.push(if leading < 0 { b"e-" } else { b"e+" });
        self.push(IntegerBuffer::new().format(i64::from(leading.abs())));
    }
}

/// The significant digits of a number, without the zeros at either end.
struct Digits {
    bytes: [u8; DIGITS_LENGTH_MAX],
    length: usize,
}

impl Digits {
    /// From a text like `12.5`, `3.0` or `1e-7`: the digits, and the power of ten of the last of them.
    fn of(text: &str) -> (Self, i32) {
        let mut digits = Self { bytes: [0; DIGITS_LENGTH_MAX], length: 0 };
        let (significand, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let mut power = exponent.parse::<i32>().unwrap_or(0);
        let mut after_point = false;
        for byte in significand.bytes() {
            if byte == b'.' {
                after_point = true;
                continue;
            }
            power -= i32::from(after_point);
            if digits.length > 0 || byte != b'0' {
                digits.bytes[digits.length] = byte;
                digits.length += 1;
            }
        }
        while digits.length > 1 && digits.bytes[digits.length - 1] == b'0' {
            digits.length -= 1;
            power += 1;
        }
        (digits, power)
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text_of(value: f64) -> String {
        String::from_utf8_lossy(DoubleBuffer::new().format(value)).into_owned()
    }

    #[test]
    fn layout() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-3.0, "-3"),
            (0.1, "0.1"),
            (-0.1, "-0.1"),
            (3.3, "3.3"),
            (1.0 / 3.0, "0.3333333333333333"),
            (17.0 + 1.0 / 3.0, "17.333333333333332"),
            (1e17, "100000000000000000"),
            (4611686018427387904.0, "4611686018427387904"),
            (4611686018427388928.0, "4611686018427389000"),
            (1e19, "1e+19"),
            (1e20, "1e+20"),
            (-1.5e20, "-1.5e+20"),
            (1.25e25, "1.25e+25"),
            (1.2345678901234e20, "123456789012340000000"),
            (-1.2345678901234e21, "-1.2345678901234e+21"),
            (0.000001, "0.000001"),
            (0.0000001, "1e-7"),
            (0.00000015, "1.5e-7"),
            (0.001234567890123, "0.001234567890123"),
            (0.0001234567890123, "1.234567890123e-4"),
            (0.00012, "0.00012"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (-2.2250738585072014e-308, "-2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text_of(value), text);
        }
    }

    // Each of these was also asked of redis-server 7.0.15 (ZADD, ZSCORE).
    #[test]
    fn what_strtod_accepts() {
        for (text, value) in [
            ("0", Some(0.0)),
            ("-0", Some(-0.0)),
            ("+5", Some(5.0)),
            ("5.", Some(5.0)),
            (".5", Some(0.5)),
            ("+.5e1", Some(5.0)),
            ("1e400", None),
            ("-1e400", None),
            ("1e-400", None),
            ("1e-324", None),
            ("1e-320", Some(1e-320)),
            ("0e500", Some(0.0)),
            ("0e-500", Some(0.0)),
            ("inf", Some(f64::INFINITY)),
            ("-INF", Some(f64::NEG_INFINITY)),
            ("+Infinity", Some(f64::INFINITY)),
            ("nan", None),
            ("nan(1)", None),
            ("0x10", Some(16.0)),
            ("0X1.8P-1", Some(0.75)),
            ("0x.8", Some(0.5)),
            ("0x8.", Some(8.0)),
            ("-0x1p4", Some(-16.0)),
            ("0x0", Some(0.0)),
            ("0x0p-9999", Some(0.0)),
            ("0x1.fffffffffffff8p0", Some(2.0)),
            ("0x1.fffffffffffff7p0", Some(1.9999999999999998)),
            ("0x1p1023", Some(8.98846567431158e307)),
            ("0x1.fffffffffffff8p1023", None),
            ("0x1p1024", None),
            ("0x1p-1074", Some(5e-324)),
            ("0x1p-1075", None),
            ("0x1.8p-1075", Some(5e-324)),
            ("0x10000000000000000000000000000000000000000p-160", Some(1.0)),
            ("0x1p99999999999999999999", None),
            ("0x", None),
            ("0x.", None),
            ("0x.p1", None),
            ("0x1p", None),
            ("0x1g", None),
            ("", None),
            ("-", None),
            ("+-1", None),
            (".", None),
            ("1e", None),
            ("1e+", None),
            (" 1", None),
            ("1 ", None),
            ("1_0", None),
            ("infinit", None),
            ("1\0", None),
        ] {
            let parsed = parse_f64(text.as_bytes());
            assert_eq!(parsed.map(f64::to_bits), value.map(f64::to_bits), "{text} {parsed:?}");
        }
    }

    proptest! {
        #[test]
        fn writes_as_few_digits_as_the_standard_library(fraction in 0u64..1 << 52, exponent in 1u64..2047) {
            let value = f64::from_bits((exponent << 52) | fraction);
            prop_assume!(value > INTEGER_MAX || value.fract() != 0.0);
            let digit_count = |text: &str| {
                let significand = text.split('e').next().unwrap_or("").replace('.', "");
                significand.trim_matches('0').len()
            };
            prop_assert_eq!(digit_count(&text_of(value)), digit_count(&format!("{value:e}")));
        }

        #[test]
        fn reads_what_it_writes(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            let read = parse_f64(DoubleBuffer::new().format(value)).map(f64::to_bits);
            // Subnormal numbers are fine, and only -0 and NaN have two texts; NaN is never read.
            prop_assert_eq!(read, Some(bits));
        }

        #[test]
        fn reads_decimals_as_the_standard_library(text in "[+-]?[0-9]{0,25}\\.?[0-9]{0,25}(e[+-]?[0-9]{0,3})?") {
            let expected = text.parse::<f64>().ok().filter(|value| {
                value.is_finite() && (*value != 0.0 || !scan::has_nonzero_digit(text.as_bytes()))
            });
            prop_assert_eq!(parse_f64(text.as_bytes()), expected);
        }

        #[test]
        fn reads_hexadecimals_exactly(mantissa in 1u64..1 << 53, exponent in -1074i32..970) {
            let text = format!("0x{mantissa:x}p{exponent}");
            let expected = mantissa as f64 * 2f64.powi(exponent.max(-1022)) * 2f64.powi(exponent - exponent.max(-1022));
            prop_assert_eq!(parse_f64(text.as_bytes()), Some(expected));
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            parse_f64(&bytes);
        }
    }
}
