//! Writes replies in the client's protocol straight into its output buffer.
//!
//! There is no reply value in between: a handler says what it answers, piece by piece, and the bytes are where they
//! are sent from. Lengths come first in RESP, so an aggregate's count is said before its elements.

use crate::resp::error::CommandError;
use crate::resp::output::{Output, SHARED_LEN_MIN};
use bytes::Bytes;
use dunlin_structures::number::{DECIMAL_BYTES, put_decimal};

/// The protocol version that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// Writes the reply of one command.
pub struct Reply<'a> {
    out: &'a mut Output,
    protocol: Protocol,
}

/// An array that is being written.
#[derive(Debug)]
#[must_use]
pub struct OpenArray {
    at: usize,
}

impl<'a> Reply<'a> {
    #[inline]
    pub fn new(out: &'a mut Output, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// The same writer for a shorter time, to hand it on.
    pub fn reborrow(&mut self) -> Reply<'_> {
        Reply { out: self.out, protocol: self.protocol }
    }

    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Replies after this one speak another version (HELLO).
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    pub fn is_resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    /// The buffer itself, for marks and cutting back.
    pub fn output(&mut self) -> &mut Output {
        self.out
    }

    #[inline]
    pub fn ok(&mut self) {
        self.out.bytes.extend_from_slice(b"+OK\r\n");
    }

    #[inline]
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    #[inline]
    pub fn integer(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// 1 or 0: how commands answer yes and no in both protocols.
    #[inline]
    pub fn flag(&mut self, value: bool) {
        self.out.bytes.extend_from_slice(if value { b":1\r\n" } else { b":0\r\n" });
    }

    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        let out = &mut self.out.bytes;
        out.reserve(value.len() + 32);
        push_header(out, b'$', value.len() as i64);
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }

    /// A bulk that stays where it is when it is large, and is copied when it is small.
    #[inline]
    pub fn bulk_shared(&mut self, value: &Bytes) {
        if value.len() < SHARED_LEN_MIN {
            return self.bulk(value);
        }
        self.header(b'$', value.len() as i64);
        self.out.push_shared(value.clone());
        self.out.bytes.extend_from_slice(b"\r\n");
    }

    pub fn bulk_str(&mut self, value: &str) {
        self.bulk(value.as_bytes());
    }

    /// An integer in the shape of a bulk string.
    #[inline]
    pub fn bulk_integer(&mut self, value: i64) {
        push_bulk_integer(&mut self.out.bytes, value);
    }

    /// Nothing there: `$-1` in RESP2, `_` in RESP3.
    #[inline]
    pub fn null(&mut self) {
        self.out.bytes.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// No array: `*-1` in RESP2, `_` in RESP3.
    pub fn null_array(&mut self) {
        self.out.bytes.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    #[inline]
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len as i64);
    }

    /// Begins an array whose elements are counted while they are written; see [`Reply::end_array`].
    pub fn begin_array(&mut self) -> OpenArray {
        let at = self.out.bytes.len();
        self.out.bytes.extend_from_slice(b"*0\r\n");
        OpenArray { at }
    }

    /// Says how many elements an array has that was begun. Nothing of it may be shared with its place of storage.
    pub fn end_array(&mut self, array: OpenArray, len: usize) {
        self.end(array, b'*', len);
    }

    /// As [`Reply::end_array`], for pairs that are a map in RESP3; in RESP2 an array of pairs, which are arrays.
    pub fn end_pairs(&mut self, array: OpenArray, len: usize) {
        let kind = if self.is_resp3() { b'%' } else { b'*' };
        self.end(array, kind, len);
    }

    fn end(&mut self, array: OpenArray, kind: u8, len: usize) {
        let bytes = &mut self.out.bytes;
        if len < 10 {
            bytes[array.at] = kind;
            bytes[array.at + 1] = b'0' + len as u8;
        } else {
            let mut header = Vec::with_capacity(24);
            push_header(&mut header, kind, len as i64);
            bytes.splice(array.at..array.at + 4, header);
        }
    }

    /// A map of `pairs` pairs; in RESP2 a flat array.
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', 2 * pairs as i64),
            Protocol::Resp3 => self.header(b'%', pairs as i64),
        }
    }

    pub fn set(&mut self, len: usize) {
        self.header(if self.is_resp3() { b'~' } else { b'*' }, len as i64);
    }

    /// An out-of-band message; in RESP2 a plain array.
    pub fn push(&mut self, len: usize) {
        self.header(if self.is_resp3() { b'>' } else { b'*' }, len as i64);
    }

    pub fn attribute(&mut self, pairs: usize) {
        debug_assert!(self.is_resp3(), "RESP2 has no attributes");
        self.header(b'|', pairs as i64);
    }

    /// A double; in RESP2 a bulk string with the same digits.
    pub fn double(&mut self, value: f64) {
        let mut buffer = dunlin_structures::number::DoubleBuffer::new();
        self.double_text(buffer.format(value));
    }

    /// A long double that was formatted already: `,` in RESP3 and a bulk in RESP2.
    pub fn double_text(&mut self, digits: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits),
            Protocol::Resp3 => self.line(b',', digits),
        }
    }

    pub fn boolean(&mut self, value: bool) {
        match self.protocol {
            Protocol::Resp2 => self.flag(value),
            Protocol::Resp3 => self.out.bytes.extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" }),
        }
    }

    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    /// Text with a three-letter format (`txt`, `mkd`); in RESP2 a bulk string.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        debug_assert_eq!(format.len(), 3);
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.header(b'=', text.len() as i64 + 4);
                let out = &mut self.out.bytes;
                out.extend_from_slice(format.as_bytes());
                out.push(b':');
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    pub fn error(&mut self, error: &CommandError) {
        self.line(b'-', &error.line());
    }

    /// An error line given whole, without `-` and CRLF.
    pub fn error_line(&mut self, line: &[u8]) {
        self.line(b'-', line);
    }

    /// The lines of a HELP subcommand, framed as Redis frames them.
    pub fn help(&mut self, container: &str, lines: &[&str]) {
        let title =
            format!("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", container.to_uppercase());
        self.array(lines.len() + 3);
        self.simple(&title);
        for line in lines {
            self.simple(line);
        }
        self.simple("HELP");
        self.simple("    Print this help.");
    }

    /// Bytes that are a reply already.
    pub fn raw(&mut self, reply: &[u8]) {
        self.out.bytes.extend_from_slice(reply);
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        let out = &mut self.out.bytes;
        out.reserve(text.len() + 3);
        out.push(kind);
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn header(&mut self, kind: u8, value: i64) {
        push_header(&mut self.out.bytes, kind, value);
    }
}

/// `kind`, a number and CRLF. Numbers below 100 are nearly all there are, and have a path of their own.
#[inline]
pub fn push_header(out: &mut Vec<u8>, kind: u8, value: i64) {
    match value {
        0..=9 => out.extend_from_slice(&[kind, b'0' + value as u8, b'\r', b'\n']),
        10..=99 => {
            let [tens, ones] = PAIRS[value as usize];
            out.extend_from_slice(&[kind, tens, ones, b'\r', b'\n']);
        }
        _ => push_long_header(out, kind, value),
    }
}

#[inline(never)]
fn push_long_header(out: &mut Vec<u8>, kind: u8, value: i64) {
    let mut line = Line::of(value);
    line.put_head([0, 0, 0, 0, 0, 0, 0, kind], 1);
    line.push_to(out);
}

/// An integer in the shape of a bulk string.
#[inline]
pub fn push_bulk_integer(out: &mut Vec<u8>, value: i64) {
    let mut line = Line::of(value);
    let len = Line::END - line.start;
    let [tens, ones] = PAIRS[len];
    if len < 10 {
        line.put_head([0, 0, 0, 0, b'$', ones, b'\r', b'\n'], 4);
    } else {
        line.put_head([0, 0, 0, b'$', tens, ones, b'\r', b'\n'], 5);
    }
    line.push_to(out);
}

/// The digits of the numbers below 100.
const PAIRS: [[u8; 2]; 100] = {
    let (mut pairs, mut number) = ([[0; 2]; 100], 0);
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// A number with what stands before it, and CRLF. It is put together, and leaves, by copies of fixed lengths, which cost
/// less than those of its own would.
struct Line {
    bytes: [u8; 64],
    start: usize,
}

impl Line {
    /// Where the digits end. Eight bytes before the first may be written.
    const END: usize = 8 + DECIMAL_BYTES;
    /// No line has more bytes: five, a sign, nineteen digits and CRLF.
    const COPIED: usize = 32;

    #[inline(always)]
    fn of(value: i64) -> Self {
        let mut bytes = [0; 64];
        let start = bytes[8..].first_chunk_mut().map_or(0, |digits| put_decimal(digits, value));
        (bytes[Self::END], bytes[Self::END + 1]) = (b'\r', b'\n');
        Self { bytes, start: start + 8 }
    }

    /// Puts the last `len` bytes of `head` before what is there.
    #[inline(always)]
    fn put_head(&mut self, head: [u8; 8], len: usize) {
        if let Some(before) = self.bytes[self.start - 8..].first_chunk_mut() {
            *before = head;
        }
        self.start -= len;
    }

    #[inline(always)]
    fn push_to(&self, out: &mut Vec<u8>) {
        let len = out.len() + Self::END + 2 - self.start;
        if let Some(copied) = self.bytes[self.start..].first_chunk::<{ Self::COPIED }>() {
            out.extend_from_slice(copied);
        }
        out.truncate(len);
    }
}

/// Encodes a command as clients and the log write it: an array of bulk strings.
pub fn encode_command(out: &mut Vec<u8>, args: &[&[u8]]) {
    push_header(out, b'*', args.len() as i64);
    for arg in args {
        push_header(out, b'$', arg.len() as i64);
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(protocol: Protocol, write: impl Fn(&mut Reply<'_>), expect: &str) {
        let mut output = Output::default();
        write(&mut Reply::new(&mut output, protocol));
        assert_eq!(String::from_utf8_lossy(&output.bytes), expect);
    }

    #[test]
    fn every_type_in_both_protocols() {
        use Protocol::{Resp2, Resp3};
        check(Resp2, |r| r.bulk(b"abc"), "$3\r\nabc\r\n");
        for number in [0, 9, 10, 99, 100, 101, 12_345, -1, -10, -123, i64::MAX, i64::MIN] {
            let len = number.to_string().len();
            check(Resp2, |r| r.integer(number), &format!(":{number}\r\n"));
            check(Resp2, |r| r.bulk_integer(number), &format!("${len}\r\n{number}\r\n"));
        }
        check(Resp2, |r| r.bulk_integer(-1), "$2\r\n-1\r\n");
        check(Resp2, |r| r.bulk_integer(123_456_789), "$9\r\n123456789\r\n");
        check(Resp2, |r| r.bulk_integer(1_234_567_890), "$10\r\n1234567890\r\n");
        check(Resp2, |r| r.bulk_integer(i64::MIN), "$20\r\n-9223372036854775808\r\n");
        check(Resp2, |r| r.null(), "$-1\r\n");
        check(Resp3, |r| r.null(), "_\r\n");
        check(Resp2, |r| r.map(2), "*4\r\n");
        check(Resp3, |r| r.map(12), "%12\r\n");
        for len in [0, 9, 10, 1234] {
            let counted = |r: &mut Reply<'_>| {
                let array = r.begin_array();
                r.ok();
                r.end_array(array, len);
            };
            check(Resp3, counted, &format!("*{len}\r\n+OK\r\n"));
        }
        check(Resp3, |r| r.set(100), "~100\r\n");
        check(Resp3, |r| r.push(3), ">3\r\n");
        check(Resp2, |r| r.double(3.5), "$3\r\n3.5\r\n");
        check(Resp3, |r| r.double(3.5), ",3.5\r\n");
        check(Resp3, |r| r.boolean(true), "#t\r\n");
        check(Resp2, |r| r.boolean(false), ":0\r\n");
        check(Resp3, |r| r.big_number("123"), "(123\r\n");
        check(Resp3, |r| r.verbatim("txt", b"hi"), "=6\r\ntxt:hi\r\n");
        check(Resp2, |r| r.verbatim("txt", b"hi"), "$2\r\nhi\r\n");
        check(Resp2, |r| r.error(&CommandError::text("a\r\nb")), "-ERR a  b\r\n");
    }
}
