//! The arithmetic of INCRBYFLOAT and HINCRBYFLOAT: C's `long double` on x86, 80 bits wide, everywhere.
//!
//! Redis reads both numbers with strtold, adds them, and writes the sum with `%.17Lf`, cutting trailing zeros; with
//! doubles 0.1 + 0.2 would not print as 0.3. Numbers are kept as an integer times a power of two, so adding and
//! writing are exact until the one rounding that the hardware does too. Reading is exact for up to 38 digits and no
//! great exponent, by long division in 128 bits; the rest goes through `rustc_apfloat`, which is some hundred times
//! slower. The tests compare all of it with `rustc_apfloat`.

use super::IntegerBuffer;
use super::round::{Unrounded, drop_bits};
use super::scan::{self, Decimal, Text};
use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float, Round};

/// Longer texts are refused, as in Redis.
const TEXT_LENGTH_MAX: usize = 5 * 1024 - 1;

/// Bits of the significand.
const PRECISION: u32 = 64;

/// The smallest subnormal number is 2^-16445.
const LOWEST_EXPONENT: i64 = -16_445;

/// A number whose top bit stands at this power of two, or above it, is out of range.
const OVERFLOW_EXPONENT: i64 = 16_384;

/// Decimals written before trailing zeros are cut, and ten to that power.
const DECIMALS: usize = 17;
const DECIMALS_POWER: u128 = 10u128.pow(17);

/// Powers of ten up to this one leave room for at least 38 bits of quotient in each step of the long division.
const DIVISOR_POWER_MAX: i64 = 27;

/// Of that many digits before or after the point nothing is in range any more.
const DECIMAL_EXPONENT_MAX: i64 = 20_000;

/// A finite number or an infinity, with x87 precision and range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongDouble {
    negative: bool,
    magnitude: Magnitude,
}

/// `Finite` is `mantissa × 2^exponent`, the mantissa's top bit set unless it is zero (then the exponent is too).
#[derive(Debug, Clone, Copy, PartialEq)]
enum Magnitude {
    Finite { mantissa: u64, exponent: i64 },
    Infinite,
}

impl Magnitude {
    const ZERO: Self = Self::Finite { mantissa: 0, exponent: 0 };

    /// Rounds as the hardware does; too large becomes infinite.
    fn round(number: Unrounded) -> Self {
        let (mantissa, exponent) = number.round(PRECISION, LOWEST_EXPONENT);
        if mantissa == 0 {
            return Self::ZERO;
        }
        let length = i64::from(128 - mantissa.leading_zeros());
        if exponent + length > OVERFLOW_EXPONENT {
            return Self::Infinite;
        }
        // Rounding up may have made it 2^64, the only case of more than 64 bits.
        let shift = 64 - length;
        let mantissa = if shift < 0 { mantissa >> 1 } else { mantissa << shift };
        let mantissa = u64::try_from(mantissa).expect("a mantissa was shifted to 64 bits");
        Self::Finite { mantissa, exponent: exponent - shift }
    }
}

impl LongDouble {
    /// Reads a number as strtold does: decimal or hexadecimal, `inf`, `infinity`; `None` if that isn't the whole of
    /// `text`, or the value is NaN, too large, or so small that it would become zero.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_LENGTH_MAX {
            return None;
        }
        let (negative, text) = scan::classify(text)?;
        let in_range = |magnitude: Magnitude| !matches!(magnitude, Magnitude::Infinite | Magnitude::ZERO);
        let magnitude = match text {
            Text::Infinity => Magnitude::Infinite,
            Text::Hexadecimal(number) if number.mantissa == 0 => Magnitude::ZERO,
            Text::Hexadecimal(number) => Some(Magnitude::round(number)).filter(|it| in_range(*it))?,
            Text::Decimal(text) => match scan::scan_decimal(text)? {
                Decimal { digits: 0, .. } => Magnitude::ZERO,
                number => exactly(&number).or_else(|| arduously(text, &number)).filter(|it| in_range(*it))?,
            },
        };
        Some(Self { negative, magnitude })
    }

    /// About the same as a double: what is too large for that becomes infinite, what is too small the smallest there is.
    pub fn to_f64(self) -> f64 {
        let magnitude = match self.magnitude {
            Magnitude::Infinite => f64::INFINITY,
            Magnitude::Finite { mantissa: 0, .. } => 0.0,
            Magnitude::Finite { mantissa, exponent } => {
                // In two steps: the power alone may be out of range.
                let power = |exponent: i64| 2_f64.powi(exponent.clamp(-2000, 2000) as i32);
                let half = exponent / 2;
                (mantissa as f64 * power(half) * power(exponent - half)).max(f64::from_bits(1))
            }
        };
        if self.negative { -magnitude } else { magnitude }
    }

    /// The sum, rounded to nearest; `None` if it is infinite or not a number.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        use Magnitude::Finite;
        let (Finite { mantissa, exponent }, Finite { mantissa: other_mantissa, exponent: other_exponent }) =
            (self.magnitude, other.magnitude)
        else {
            return None;
        };
        if mantissa == 0 {
            return Some(other);
        }
        if other_mantissa == 0 {
            return Some(self);
        }
        if (exponent, mantissa) < (other_exponent, other_mantissa) {
            return other.checked_add(self);
        }
        // The larger one gets 63 bits of room below, into which the smaller one is shifted as far as it goes.
        let large = u128::from(mantissa) << 63;
        let small = u128::from(other_mantissa) << 63;
        let distance = u32::try_from(exponent - other_exponent).unwrap_or(u32::MAX);
        let shifted = small.checked_shr(distance).unwrap_or(0);
        let sticky = shifted.checked_shl(distance) != Some(small);
        let mantissa = if self.negative == other.negative {
            large + shifted
        } else {
            // A little more was to be taken away: take one, and be a little above what is left.
            large - shifted - u128::from(sticky)
        };
        let magnitude = Magnitude::round(Unrounded { mantissa, exponent: exponent - 63, sticky });
        (magnitude != Magnitude::Infinite).then_some(Self { negative: self.negative, magnitude })
    }

    /// The text that Redis stores and replies: at most 17 decimals, no trailing zeros, no exponent, never `-0`.
    /// Up to 4,934 bytes long.
    pub fn format(self) -> Vec<u8> {
        let mut text = Vec::with_capacity(40);
        match self.magnitude {
            Magnitude::Infinite => text.extend_from_slice(if self.negative { b"-inf" } else { b"inf" }),
            Magnitude::Finite { mantissa, exponent } if exponent < 0 => {
                let bits = u32::try_from(-exponent).unwrap_or(u32::MAX);
                push_decimal(
                    &mut text,
                    self.negative,
                    drop_bits(u128::from(mantissa) * DECIMALS_POWER, bits, false),
                );
            }
            Magnitude::Finite { mantissa, exponent } => {
                if self.negative && mantissa != 0 {
                    text.push(b'-');
                }
                push_shifted(&mut text, mantissa, exponent);
            }
        }
        text
    }
}

/// Reads a number of few digits by long division; `None` if it has too many, or too great an exponent.
fn exactly(number: &Decimal) -> Option<Magnitude> {
    if !number.exact || number.exponent < -DIVISOR_POWER_MAX {
        return None;
    }
    let Ok(power) = u32::try_from(number.exponent) else {
        let divisor = 10u128.pow(u32::try_from(-number.exponent).ok()?);
        return Some(Magnitude::round(divide(number.digits, divisor)));
    };
    let mantissa = number.digits.checked_mul(10u128.checked_pow(power)?)?;
    Some(Magnitude::round(Unrounded { mantissa, exponent: 0, sticky: false }))
}

/// The quotient to at least 66 bits. The divisor must be below 2^90, neither may be zero.
fn divide(dividend: u128, divisor: u128) -> Unrounded {
    let shift = dividend.leading_zeros();
    let dividend = dividend << shift;
    let (mut quotient, mut remainder) = (dividend / divisor, dividend % divisor);
    let mut exponent = -i64::from(shift);
    while remainder != 0 && quotient >> (PRECISION + 1) == 0 {
        let step = divisor.leading_zeros().min(quotient.leading_zeros());
        let shifted = remainder << step;
        quotient = (quotient << step) | (shifted / divisor);
        remainder = shifted % divisor;
        exponent -= i64::from(step);
    }
    Unrounded { mantissa: quotient, exponent, sticky: remainder != 0 }
}

/// Reads any number, slowly. `text` is what `number` was scanned from.
fn arduously(text: &[u8], number: &Decimal) -> Option<Magnitude> {
    if number.exponent.abs() > DECIMAL_EXPONENT_MAX {
        return None;
    }
    let text = str::from_utf8(text).ok()?;
    let bits = X87DoubleExtended::from_str_r(text, Round::NearestTiesToEven).ok()?.value.to_bits();
    // Its layout: 64 bits of mantissa with the top bit explicit, 15 of exponent, the sign.
    let biased_exponent = i64::try_from((bits >> 64) & 0x7fff).ok()?;
    if biased_exponent == 0x7fff {
        return None;
    }
    // Zero stands for subnormal numbers, which have the same exponent as the next.
    let exponent = biased_exponent.max(1) - 16_383 - 63;
    Some(Magnitude::round(Unrounded { mantissa: bits & u128::from(u64::MAX), exponent, sticky: false }))
}

/// Writes `scaled / 10^17` without trailing zeros.
fn push_decimal(text: &mut Vec<u8>, negative: bool, scaled: u128) {
    if negative && scaled != 0 {
        text.push(b'-');
    }
    push_shifted(text, narrow(scaled / DECIMALS_POWER), 0);
    let mut decimals = narrow(scaled % DECIMALS_POWER);
    if decimals == 0 {
        return;
    }
    let mut digits = [b'0'; DECIMALS];
    for digit in digits.iter_mut().rev() {
        *digit += (decimals % 10) as u8;
        decimals /= 10;
    }
    let length = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
    text.push(b'.');
    text.extend_from_slice(&digits[..length]);
}

/// Both parts of a number below 2^64 with 17 decimals fit in 64 bits.
fn narrow(part: u128) -> u64 {
    u64::try_from(part).expect("a part of a number below 2^64 x 10^17, split at 10^17")
}

/// Writes `mantissa × 2^exponent` in full, for an exponent of at least zero: O(exponent²) beyond 64 bits.
fn push_shifted(text: &mut Vec<u8>, mantissa: u64, exponent: i64) {
    const LIMB: u64 = 1_000_000_000;
    if exponent == 0
        && let Ok(value) = i64::try_from(mantissa)
    {
        text.extend_from_slice(IntegerBuffer::new().format(value));
        return;
    }
    // Nine digits each, least significant first.
    let mut limbs = Vec::new();
    let mut carry = mantissa;
    let mut left = exponent;
    loop {
        while carry > 0 {
            limbs.push(carry % LIMB);
            carry /= LIMB;
        }
        if left <= 0 {
            break;
        }
        let step = left.min(32);
        for limb in &mut limbs {
            let shifted = (*limb << step) + carry;
            (*limb, carry) = (shifted % LIMB, shifted / LIMB);
        }
        left -= step;
    }
    let digits: String = limbs
        .iter()
        .rev()
        .enumerate()
        .map(|(index, limb)| if index == 0 { limb.to_string() } else { format!("{limb:09}") })
        .collect();
    text.extend_from_slice(if digits.is_empty() { b"0" } else { digits.as_bytes() });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum_of(one: &str, other: &str) -> Option<String> {
        let sum = LongDouble::parse(one.as_bytes())?.checked_add(LongDouble::parse(other.as_bytes())?)?;
        Some(String::from_utf8_lossy(&sum.format()).into_owned())
    }

    // Each answer was also asked of redis-server 7.0.15 on x86-64 (SET, INCRBYFLOAT).
    #[test]
    fn as_a_double() {
        for (text, double) in [
            ("1.5", 1.5),
            ("-0.1", -0.1),
            ("0", 0.0),
            ("1e400", f64::INFINITY),
            ("-1e400", f64::NEG_INFINITY),
            ("inf", f64::INFINITY),
            ("1e-400", 5e-324),
            ("-1e-4900", -5e-324),
            ("1.7e308", 1.7e308),
            ("2.3e-308", 2.3e-308),
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()).map(LongDouble::to_f64), Some(double), "{text}");
        }
    }

    #[test]
    fn sums_as_redis_prints_them() {
        for (one, other, sum) in [
            ("0.1", "0.2", Some("0.3")),
            ("3", "1.123456789012345678901", Some("4.12345678901234568")),
            ("5.0e3", "2.0e2", Some("5200")),
            ("10.5", "0.1", Some("10.6")),
            ("1", "-1", Some("0")),
            ("-0", "-0", Some("0")),
            ("-1e-20", "0", Some("0")),
            ("1e20", "1", Some("100000000000000000000")),
            ("123456789012345678901234567890", "0.5", Some("123456789012345678899921813504")),
            ("1e-4940", "0", Some("0")),
            ("1e-4960", "0", None),
            ("1e5000", "0", None),
            ("1e99999999999", "0", None),
            ("0e99999999999", "1", Some("1")),
            ("inf", "1", None),
            ("inf", "-inf", None),
            ("nan", "1", None),
            ("0x10", "0x.8", Some("16.5")),
            ("1e4932", "1e4932", None),
            (" 1", "1", None),
            ("1 ", "1", None),
        ] {
            assert_eq!(sum_of(one, other).as_deref(), sum, "{one} + {other}");
        }
    }

    #[test]
    fn the_largest_number_has_4933_digits() {
        let text = LongDouble::parse(b"0x1.fffffffffffffffep16383").expect("in range").format();
        assert_eq!(text.len(), 4933);
        assert!(text.starts_with(b"118973149535723176502126385303"));
        assert!(text.ends_with(b"44156604419552086811989770240"));
        assert_eq!(LongDouble::parse(b"0x1.ffffffffffffffffp16383"), None);
    }

    #[test]
    fn long_texts_are_refused() {
        assert!(LongDouble::parse(&b"1".repeat(5119)).is_none(), "in length, but out of range");
        assert!(LongDouble::parse(&[&b"0".repeat(5118)[..], b"1"].concat()).is_some());
        assert!(LongDouble::parse(&[&b"0".repeat(5119)[..], b"1"].concat()).is_none());
    }

    /// The reference's number as ours.
    fn from_reference(value: X87DoubleExtended) -> Option<Magnitude> {
        if value.is_infinite() {
            return Some(Magnitude::Infinite);
        }
        let bits = value.to_bits();
        let exponent = i64::try_from((bits >> 64) & 0x7fff).ok()?.max(1) - 16_446;
        Some(Magnitude::round(Unrounded { mantissa: bits & u128::from(u64::MAX), exponent, sticky: false }))
    }

    fn reference(text: &str) -> X87DoubleExtended {
        X87DoubleExtended::from_str_r(text, Round::NearestTiesToEven).expect("a number").value
    }

    proptest! {
        #[test]
        fn reads_decimals_as_the_reference(text in "[0-9]{1,24}(\\.[0-9]{1,24})?(e-?[0-9]{1,2})?") {
            prop_assert_eq!(
                LongDouble::parse(text.as_bytes()).map(|number| number.magnitude),
                from_reference(reference(&text))
            );
        }

        #[test]
        fn adds_as_the_reference(
            one in "-?[0-9]{1,20}\\.[0-9]{1,20}(e-?[0-9]{1,2})?",
            other in "-?[0-9]{1,20}\\.[0-9]{1,20}(e-?[0-9]{1,2})?",
        ) {
            let parse = |text: &str| LongDouble::parse(text.as_bytes()).expect("a number");
            let sum = parse(&one).checked_add(parse(&other)).expect("in range");
            let expected = (reference(&one) + reference(&other)).value;
            prop_assert_eq!(Some(sum.magnitude), from_reference(expected));
            prop_assert!(sum.negative == expected.is_negative() || sum.magnitude == Magnitude::ZERO);
        }

        #[test]
        fn writes_whole_numbers_in_full(value: u128) {
            let rounded = Unrounded { mantissa: value, exponent: 0, sticky: false }.round(64, LOWEST_EXPONENT);
            let expected = rounded.0.checked_shl(u32::try_from(rounded.1.max(0)).expect("small"));
            let text = LongDouble::parse(value.to_string().as_bytes()).expect("a number").format();
            if let Some(expected) = expected.filter(|it| it.leading_zeros() > 0) {
                prop_assert_eq!(String::from_utf8_lossy(&text), expected.to_string());
            }
        }

        #[test]
        fn short_decimals_come_back_as_they_were(whole in 0u32..100, decimals in "[0-9]{0,15}[1-9]") {
            let text = format!("{whole}.{decimals}");
            let number = LongDouble::parse(text.as_bytes()).expect("a number");
            prop_assert_eq!(number.format(), text.as_bytes());
        }

        #[test]
        fn never_panics(text in "[+-]?(0x)?[0-9a-f]{0,60}\\.?[0-9a-f]{0,60}([ep]-?[0-9]{0,6})?") {
            if let Some(number) = LongDouble::parse(text.as_bytes()) {
                number.format();
            }
        }
    }
}
