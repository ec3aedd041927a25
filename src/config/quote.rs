//! Arguments of one line, as Redis splits and quotes them (files and CONFIG REWRITE share the rules).
//!
//! ```text
//! set  "a \x41\n" 'it\'s' plain   →   set | a A⏎ | it's | plain
//! ```
//! Knows nothing of directives. All input is bytes; nothing here can panic.

/// A quote was not closed, or something other than a blank followed a closing quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unbalanced;

/// What C's `isspace` accepts in the "C" locale; a zero byte ends an argument as well.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0)
}

/// Splits a line into arguments. Linear in its length.
///
/// # Errors
/// [`Unbalanced`] when a quoted part does not end, or ends in the middle of an argument.
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, Unbalanced> {
    let mut arguments = Vec::new();
    let mut rest = line;
    loop {
        while let [first, tail @ ..] = rest
            && is_blank(*first)
        {
            rest = tail;
        }
        if rest.is_empty() {
            return Ok(arguments);
        }
        let mut argument = Vec::new();
        rest = take_argument(rest, &mut argument)?;
        arguments.push(argument);
    }
}

/// Takes one argument off the front. It may begin plain and end quoted, as in `foo"bar baz"`.
fn take_argument<'a>(mut rest: &'a [u8], argument: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    while let [first, tail @ ..] = rest {
        match first {
            b'"' => return after_quote(take_double_quoted(tail, argument)?),
            b'\'' => return after_quote(take_single_quoted(tail, argument)?),
            _ if is_blank(*first) => break,
            _ => argument.push(*first),
        }
        rest = tail;
    }
    Ok(rest)
}

/// A closing quote must be the end of its argument.
fn after_quote(rest: &[u8]) -> Result<&[u8], Unbalanced> {
    match rest.first() {
        Some(&byte) if !is_blank(byte) => Err(Unbalanced),
        _ => Ok(rest),
    }
}

fn take_double_quoted<'a>(mut rest: &'a [u8], argument: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        rest = match rest {
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                argument.push(hex(*high) << 4 | hex(*low));
                tail
            }
            [b'\\', escaped, tail @ ..] => {
                argument.push(unescape(*escaped));
                tail
            }
            [b'"', tail @ ..] => return Ok(tail),
            [byte, tail @ ..] => {
                argument.push(*byte);
                tail
            }
            [] => return Err(Unbalanced),
        }
    }
}

/// Between single quotes only `\'` is special.
fn take_single_quoted<'a>(mut rest: &'a [u8], argument: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        rest = match rest {
            [b'\\', b'\'', tail @ ..] => {
                argument.push(b'\'');
                tail
            }
            [b'\'', tail @ ..] => return Ok(tail),
            [byte, tail @ ..] => {
                argument.push(*byte);
                tail
            }
            [] => return Err(Unbalanced),
        }
    }
}

fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0, // Callers pass hexadecimal digits only.
    }
}

/// Appends the argument in double quotes, so that [`split`] gives it back.
pub fn quote_into(argument: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    for &byte in argument {
        match byte {
            b'\\' | b'"' => line.extend([b'\\', byte]),
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            b'\t' => line.extend(b"\\t"),
            0x07 => line.extend(b"\\a"),
            0x08 => line.extend(b"\\b"),
            0x20..=0x7e => line.push(byte),
            _ => line.extend(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    line.push(b'"');
}

/// The argument in double quotes; see [`quote_into`].
pub fn quote(argument: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(argument.len() + 2);
    quote_into(argument, &mut line);
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_split_as_redis_splits_them() {
        type Case<'a> = (&'a str, Result<&'a [&'a [u8]], Unbalanced>);
        let cases: &[Case] = &[
            ("", Ok(&[])),
            ("  \t ", Ok(&[])),
            ("port 6379", Ok(&[b"port", b"6379"])),
            ("\tport\t 6379\r", Ok(&[b"port", b"6379"])),
            ("save \"\"", Ok(&[b"save", b""])),
            ("save ''", Ok(&[b"save", b""])),
            (r#"a "\x41\x4b\n\r\t\b\a\"\\\q""#, Ok(&[b"a", b"AK\n\r\t\x08\x07\"\\q"])),
            (r#"a "\x4""#, Ok(&[b"a", b"x4"])),
            (r"a 'it\'s \n'", Ok(&[b"a", b"it's \\n"])),
            ("foo\"bar baz\"", Ok(&[b"foobar baz"])),
            ("a \"b", Err(Unbalanced)),
            ("a 'b", Err(Unbalanced)),
            ("a \"b\"c", Err(Unbalanced)),
            ("a 'b'c", Err(Unbalanced)),
            ("a \"b\\", Err(Unbalanced)),
            ("# not special here", Ok(&[b"#", b"not", b"special", b"here"])),
        ];
        for (line, expect) in cases {
            let arguments = split(line.as_bytes());
            let arguments = arguments.as_ref().map(|list| list.iter().map(Vec::as_slice).collect::<Vec<_>>());
            assert_eq!(arguments, expect.as_ref().map(|list| list.to_vec()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn quoting_round_trips(arguments in proptest::collection::vec(any::<Vec<u8>>(), 0..5)) {
            let mut line = Vec::new();
            for argument in &arguments {
                quote_into(argument, &mut line);
                line.push(b' ');
            }
            prop_assert!(line.iter().all(|&byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(split(&line), Ok(arguments));
        }

        #[test]
        fn splitting_arbitrary_bytes_never_panics(line in any::<Vec<u8>>()) {
            let _ = split(&line);
        }
    }
}
