//! The texts of floating-point numbers, as strtod accepts them in the C locale, taken apart but not yet rounded.
//!
//! Unlike strtod, the whole text must be the number, and it must not start with a space; NaN is refused everywhere.

use super::round::Unrounded;

/// Hexadecimal digits that are read exactly: 124 bits, enough below any rounding.
const HEXADECIMAL_DIGITS_MAX: u32 = 31;

/// Decimal digits that are read exactly: 10^38 is less than 2^127.
const DECIMAL_DIGITS_MAX: u32 = 38;

pub(super) enum Text<'a> {
    Infinity,
    /// Begins with a digit or a point; not yet checked any further.
    Decimal(&'a [u8]),
    Hexadecimal(Unrounded),
}

/// `digits × 10^exponent`; only the first of very many digits unless `exact`.
#[derive(Debug, PartialEq)]
pub(super) struct Decimal {
    pub(super) digits: u128,
    pub(super) exponent: i64,
    pub(super) exact: bool,
}

/// Splits off the sign (`true` if negative) and tells the kinds apart.
pub(super) fn classify(text: &[u8]) -> Option<(bool, Text<'_>)> {
    let (negative, unsigned) = match *text {
        [b'-', ref rest @ ..] => (true, rest),
        [b'+', ref rest @ ..] => (false, rest),
        ref rest => (false, rest),
    };
    let text = match *unsigned {
        [b'0', b'x' | b'X', ref rest @ ..] => Text::Hexadecimal(scan_hexadecimal(rest)?),
        [b'0'..=b'9' | b'.', ..] => Text::Decimal(unsigned),
        _ if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") => {
            Text::Infinity
        }
        _ => return None,
    };
    Some((negative, text))
}

/// Whether a digit before the exponent is not zero: what tells an underflow from a zero.
pub(super) fn has_nonzero_digit(decimal: &[u8]) -> bool {
    decimal.iter().take_while(|byte| !matches!(byte, b'e' | b'E')).any(|byte| matches!(byte, b'1'..=b'9'))
}

/// Reads `digits[.digits][e[sign]digits]`, with at least one digit before the exponent.
pub(super) fn scan_decimal(text: &[u8]) -> Option<Decimal> {
    let mut number = Decimal { digits: 0, exponent: 0, exact: true };
    let mut kept = 0;
    let significand = scan_significand(text, 10, |digit, after_point| {
        if kept < DECIMAL_DIGITS_MAX {
            number.digits = number.digits * 10 + u128::from(digit);
            kept += u32::from(number.digits != 0);
            number.exponent -= i64::from(after_point);
        } else {
            number.exact &= digit == 0;
            number.exponent += i64::from(!after_point);
        }
    })?;
    number.exponent = number.exponent.saturating_add(scan_exponent(significand, b'e')?);
    Some(number)
}

/// Reads what follows `0x`: `digits[.digits][p[sign]digits]`, the exponent being decimal and of two.
fn scan_hexadecimal(text: &[u8]) -> Option<Unrounded> {
    let mut number = Unrounded { mantissa: 0, exponent: 0, sticky: false };
    let mut kept = 0;
    let significand = scan_significand(text, 16, |digit, after_point| {
        if kept < HEXADECIMAL_DIGITS_MAX {
            number.mantissa = number.mantissa * 16 + u128::from(digit);
            kept += u32::from(number.mantissa != 0);
            number.exponent -= 4 * i64::from(after_point);
        } else {
            number.sticky |= digit != 0;
            number.exponent += 4 * i64::from(!after_point);
        }
    })?;
    number.exponent = number.exponent.saturating_add(scan_exponent(significand, b'p')?);
    Some(number)
}

/// Hands each digit to `take` with whether it stands after the point; returns what follows the last of them.
fn scan_significand(text: &[u8], radix: u32, mut take: impl FnMut(u32, bool)) -> Option<&[u8]> {
    let (mut after_point, mut some_digit) = (false, false);
    for (index, &byte) in text.iter().enumerate() {
        if let Some(digit) = char::from(byte).to_digit(radix) {
            some_digit = true;
            take(digit, after_point);
        } else if byte == b'.' && !after_point {
            after_point = true;
        } else {
            return some_digit.then_some(&text[index..]);
        }
    }
    some_digit.then_some(&[])
}

/// Reads the exponent part, which may be absent. Saturates far outside of any range that makes a difference.
fn scan_exponent(text: &[u8], letter: u8) -> Option<i64> {
    const FAR: i64 = 1 << 40;
    let Some((first, rest)) = text.split_first() else { return Some(0) };
    if first.to_ascii_lowercase() != letter {
        return None;
    }
    let (sign, digits) = match *rest {
        [b'-', ref digits @ ..] => (-1, digits),
        [b'+', ref digits @ ..] => (1, digits),
        ref digits => (1, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(sign * digits.iter().fold(0, |sum, byte| (sum * 10 + i64::from(byte - b'0')).min(FAR)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        let number = |digits, exponent, exact| Some(Decimal { digits, exponent, exact });
        for (text, expected) in [
            ("0", number(0, 0, true)),
            ("12.50", number(1250, -2, true)),
            ("5.", number(5, 0, true)),
            (".5e1", number(5, 0, true)),
            ("000123", number(123, 0, true)),
            ("1E+10", number(1, 10, true)),
            ("1e99999999999999999999", number(1, 1 << 40, true)),
            ("1000000000000000000000000000000000000000", number(10u128.pow(37), 2, true)),
            ("1000000000000000000000000000000000000001", number(10u128.pow(37), 2, false)),
            ("1.000000000000000000000000000000000000000", number(10u128.pow(37), -37, true)),
            (".", None),
            ("1e", None),
            ("1e+", None),
            ("1e1.5", None),
            ("1.2.3", None),
            ("1 ", None),
            ("1_0", None),
        ] {
            assert_eq!(scan_decimal(text.as_bytes()), expected, "{text}");
        }
    }
}
