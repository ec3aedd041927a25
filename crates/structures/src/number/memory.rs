//! Amounts of memory, as configuration directives and MEMORY commands take them.

/// Reads digits and an optional unit in any case: `b`, `k` and `kb` (1000 and 1024 bytes), `m`, `mb`, `g`, `gb`.
///
/// As in Redis, no digits mean 0 and digits beyond `u64::MAX` mean that maximum. Unlike Redis, an amount that its unit
/// takes out of range is `None` instead of some smaller number.
pub fn parse_memory(text: &[u8]) -> Option<u64> {
    let digit_count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = text.split_at(digit_count);
    let unit_bytes = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1024,
        b"m" => 1000 * 1000,
        b"mb" => 1024 * 1024,
        b"g" => 1000 * 1000 * 1000,
        b"gb" => 1024 * 1024 * 1024,
        _ => return None,
    };
    digits
        .iter()
        .fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
        .checked_mul(unit_bytes)
}

#[cfg(test)]
mod tests {
    use super::parse_memory;

    #[test]
    fn units() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("100mb", Some(100 * 1024 * 1024)),
            ("100m", Some(100_000_000)),
            ("1Gb", Some(1 << 30)),
            ("1G", Some(1_000_000_000)),
            ("2kB", Some(2048)),
            ("2k", Some(2000)),
            ("7B", Some(7)),
            ("", Some(0)),
            ("mb", Some(0)),
            ("99999999999999999999", Some(u64::MAX)),
            ("18446744073709551615kb", None),
            ("-1", None),
            ("+1", None),
            ("1tb", None),
            ("1.5gb", None),
            ("1 mb", None),
            ("1mbx", None),
        ] {
            assert_eq!(parse_memory(text.as_bytes()), bytes, "{text}");
        }
    }
}
