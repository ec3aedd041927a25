//! Numbers and names as Lua and C print them.

use dunlin_structures::number::{DoubleBuffer, IntegerBuffer};

/// Prints a number as C's `%.{precision}g` does.
pub(crate) fn number(value: f64, precision: usize, out: &mut Vec<u8>) {
    // Most are small integers.
    if value.fract() == 0.0
        && value.abs() < 1e9
        && (value != 0.0 || value.is_sign_positive())
        && precision >= 9
    {
        out.extend_from_slice(IntegerBuffer::new().format(value as i64));
        return;
    }
    if value.is_nan() {
        out.extend_from_slice(if value.is_sign_negative() { b"-nan" } else { b"nan" });
        return;
    }
    if value.is_infinite() {
        out.extend_from_slice(if value < 0.0 { b"-inf" } else { b"inf" });
        return;
    }
    let precision = precision.max(1);
    let text = format!("{:.*e}", precision - 1, value);
    let Some((mantissa, exponent)) = text.split_once('e') else { return };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_end_matches('0');
    let significant = if significant.is_empty() { "0" } else { significant };
    out.extend_from_slice(sign.as_bytes());
    if exponent < -4 || exponent >= precision as i32 {
        out.extend_from_slice(&significant.as_bytes()[..1]);
        if significant.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&significant.as_bytes()[1..]);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        out.extend_from_slice(significant.as_bytes());
    } else {
        let whole = exponent as usize + 1;
        if significant.len() <= whole {
            out.extend_from_slice(significant.as_bytes());
            out.extend(std::iter::repeat_n(b'0', whole - significant.len()));
        } else {
            out.extend_from_slice(&significant.as_bytes()[..whole]);
            out.push(b'.');
            out.extend_from_slice(&significant.as_bytes()[whole..]);
        }
    }
}

/// Prints a number as an argument of a command: exactly, and without an exponent if it is an integer.
pub(crate) fn argument(value: f64, out: &mut Vec<u8>) {
    if value.fract() == 0.0 && value.abs() <= 2f64.powi(62) {
        out.extend_from_slice(IntegerBuffer::new().format(value as i64));
    } else {
        out.extend_from_slice(DoubleBuffer::new().format(value));
    }
}

/// How messages call a chunk of that name.
pub(crate) fn chunk_id(name: &[u8], out: &mut Vec<u8>) {
    if let Some((b'@' | b'=', rest)) = name.split_first() {
        out.extend_from_slice(rest);
        return;
    }
    let line = name.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let shown = &line[..line.len().min(40)];
    out.extend_from_slice(b"[string \"");
    out.extend_from_slice(shown);
    if shown.len() < name.len() {
        out.extend_from_slice(b"...");
    }
    out.extend_from_slice(b"\"]");
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_printed_as_c_prints_them() {
        for (value, precision, expect) in [
            (0.0, 14, "0"),
            (-0.0, 14, "-0"),
            (1.0, 14, "1"),
            (-15.0, 17, "-15"),
            (0.1, 14, "0.1"),
            (0.1, 17, "0.10000000000000001"),
            (3.15, 17, "3.1499999999999999"),
            (1e14, 14, "1e+14"),
            (123_456_789_012_345.0, 14, "1.2345678901234e+14"),
            (1e15, 17, "1000000000000000"),
            (1e17, 17, "1e+17"),
            (1e16, 17, "10000000000000000"),
            (0.0001, 14, "0.0001"),
            (0.00001, 14, "1e-05"),
            (1e300, 14, "1e+300"),
            (-2.5e-7, 14, "-2.5e-07"),
            (1.0 / 3.0, 14, "0.33333333333333"),
            (1.0 / 3.0, 3, "0.333"),
            (1234.5, 3, "1.23e+03"),
            (f64::INFINITY, 14, "inf"),
        ] {
            let mut out = Vec::new();
            super::number(value, precision, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expect, "{value} {precision}");
        }
    }
}
