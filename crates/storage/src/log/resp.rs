//! Commands as the log holds them: arrays of bulk strings, encoded and parsed.
//!
//! Stricter than Redis, which ignores what follows a number on its line and what stands where CRLF should: a log that
//! was written whole has neither.

use std::ops::Range;

/// Appends `args` as one command in wire form. Allocates only to grow `out`.
pub fn encode_command(args: &[&[u8]], out: &mut Vec<u8>) {
    encode_header(b'*', args.len(), out);
    for arg in args {
        encode_bulk(arg, out);
    }
}

/// Appends one bulk string in wire form.
pub fn encode_bulk(bytes: &[u8], out: &mut Vec<u8>) {
    encode_header(b'$', bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends `*<count>\r\n` or `$<length>\r\n`.
pub fn encode_header(kind: u8, number: usize, out: &mut Vec<u8>) {
    out.push(kind);
    let mut digits = [0u8; 20];
    out.extend_from_slice(decimal(number as u64, &mut digits));
    out.extend_from_slice(b"\r\n");
}

/// The decimal digits of `number`, in the end of `into`.
pub(crate) fn decimal(mut number: u64, into: &mut [u8; 20]) -> &[u8] {
    let mut at = into.len();
    loop {
        at -= 1;
        into[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &into[at..];
        }
    }
}

/// The arguments of one command, the command's name first.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Range<usize>],
}

impl<'a> Args<'a> {
    /// `spans` lie in `bytes`.
    pub(crate) fn new(bytes: &'a [u8], spans: &'a [Range<usize>]) -> Self {
        Self { bytes, spans }
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| &self.bytes[span.clone()])
    }

    /// The whole command in wire form, and where in it the arguments stand.
    pub fn parts(&self) -> (&'a [u8], &'a [Range<usize>]) {
        (self.bytes, self.spans)
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.spans.iter().map(move |span| &bytes[span.clone()])
    }

    /// Whether the command has this name, in any case, and so many arguments with it.
    pub(crate) fn is(&self, name: &str, count: usize) -> bool {
        self.len() == count && self.get(0).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// What a look at the start of some bytes found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A whole command of so many bytes.
    Whole(usize),
    /// The bytes end before the command does; `need` bytes would show more of it (`None`: who knows).
    Incomplete { need: Option<usize> },
    /// Not a command: wrong at this place.
    Malformed { at: usize },
    /// A length or count beyond its limit, at this place.
    TooLong { at: usize },
}

/// Parses one command at the start of `bytes`. `spans` gets the places of its arguments; it grows with what is there,
/// never with what is claimed. O(bytes).
pub(crate) fn parse_command(bytes: &[u8], bulk_bytes_max: u64, spans: &mut Vec<Range<usize>>) -> Parsed {
    spans.clear();
    let (count, mut at) = match parse_header(bytes, 0, b'*') {
        Ok(found) => found,
        Err(other) => return other,
    };
    if count == 0 || count > i32::MAX as u64 {
        return Parsed::TooLong { at: 0 };
    }
    for _ in 0..count {
        let (len, start) = match parse_header(bytes, at, b'$') {
            Ok(found) => found,
            Err(other) => return other,
        };
        if len > bulk_bytes_max {
            return Parsed::TooLong { at };
        }
        let Ok(len) = usize::try_from(len) else { return Parsed::TooLong { at } };
        let end = start + len;
        match bytes.get(end..end + 2) {
            Some(b"\r\n") => {}
            Some([b'\r', _]) => return Parsed::Malformed { at: end + 1 },
            Some(_) => return Parsed::Malformed { at: end },
            None if bytes.get(end).is_some_and(|&byte| byte != b'\r') => {
                return Parsed::Malformed { at: end };
            }
            None => return Parsed::Incomplete { need: Some(end + 2) },
        }
        spans.push(start..end);
        at = end + 2;
    }
    Parsed::Whole(at)
}

/// Parses `<kind><digits>\r\n` at `at`: the number, and where the next byte is.
fn parse_header(bytes: &[u8], at: usize, kind: u8) -> Result<(u64, usize), Parsed> {
    match bytes.get(at) {
        None => return Err(Parsed::Incomplete { need: None }),
        Some(&byte) if byte != kind => return Err(Parsed::Malformed { at }),
        Some(_) => {}
    }
    let mut number = 0u64;
    let mut place = at + 1;
    loop {
        match bytes.get(place) {
            None => return Err(Parsed::Incomplete { need: None }),
            Some(digit @ b'0'..=b'9') => {
                if place - at > 11 {
                    return Err(Parsed::TooLong { at });
                }
                number = number * 10 + u64::from(digit - b'0');
            }
            Some(b'\r') if place > at + 1 => break,
            Some(_) => return Err(Parsed::Malformed { at: place }),
        }
        place += 1;
    }
    match bytes.get(place + 1) {
        None => Err(Parsed::Incomplete { need: None }),
        Some(b'\n') => Ok((number, place + 2)),
        Some(_) => Err(Parsed::Malformed { at: place + 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_parsed() {
        let mut out = Vec::new();
        encode_command(&[b"SET", b"", b"a\r\nb"], &mut out);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n");
        let mut spans = Vec::new();
        assert_eq!(parse_command(&out, 100, &mut spans), Parsed::Whole(out.len()));
        let args: Vec<&[u8]> = Args::new(&out, &spans).iter().collect();
        assert_eq!(args, [&b"SET"[..], b"", b"a\r\nb"]);
        for cut in 0..out.len() {
            assert!(
                matches!(parse_command(&out[..cut], 100, &mut spans), Parsed::Incomplete { .. }),
                "{cut}"
            );
        }
    }

    #[test]
    fn malformed_commands_say_where() {
        let cases: &[(&[u8], Parsed)] = &[
            (b"*0\r\n", Parsed::TooLong { at: 0 }),
            (b"*-1\r\n", Parsed::Malformed { at: 1 }),
            (b"*\r\n", Parsed::Malformed { at: 1 }),
            (b"*1 \r\n", Parsed::Malformed { at: 2 }),
            (b"*1\r\r", Parsed::Malformed { at: 3 }),
            (b"*99999999999999999999\r\n", Parsed::TooLong { at: 0 }),
            (b"*1\r\n$101\r\n", Parsed::TooLong { at: 4 }),
            (b"*1\r\n+OK\r\n", Parsed::Malformed { at: 4 }),
            (b"*1\r\n$1\r\nab\r\n", Parsed::Malformed { at: 9 }),
            (b"*1\r\n$1\r\na\rb", Parsed::Malformed { at: 10 }),
            (b"\0\0\0", Parsed::Malformed { at: 0 }),
        ];
        for (bytes, expected) in cases {
            let found = parse_command(bytes, 100, &mut Vec::new());
            assert_eq!(&found, expected, "{}", bytes.escape_ascii());
        }
    }
}
