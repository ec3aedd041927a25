//! The incremental request parser: RESP arrays of bulk strings, and inline commands.
//!
//! It borrows and never copies: a request is a run of [`Span`]s into the buffer that the bytes were read into.
//! A request that is not complete yet leaves its progress in the [`Decoder`]: a few numbers, however many arguments
//! have come. They are walked over once as they arrive, however small the pieces, and once more for their spans when
//! the request is whole. Nothing is allocated from a length that the client merely claims, and a span, which is
//! larger than a tiny argument, exists only while its request is executed.

use crate::resp::error::ProtocolError;

/// One argument: a range of the buffer it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    #[inline]
    pub fn of<'b>(&self, buffer: &'b [u8]) -> &'b [u8] {
        let start = self.start as usize;
        buffer.get(start..start + self.len as usize).unwrap_or(&[])
    }
}

/// What the client may ask for; changes when it authenticates and by CONFIG SET.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `proto-max-bulk-len`, in bytes.
    pub bulk_len_max: u64,
    /// Whether the client still has to authenticate: it gets few and short arguments only.
    pub unauthenticated: bool,
}

/// From so many bytes on Redis has a buffer for an argument alone, and CLIENT LIST's qbuf tells of that.
const LONG_ARGUMENT: usize = 32 * 1024;
/// Bytes of an inline request before its line's end.
pub const INLINE_LEN_MAX: usize = 64 * 1024;
const MULTIBULK_LEN_MAX: i64 = i32::MAX as i64;
const UNAUTHENTICATED_ARGS_MAX: i64 = 10;
const UNAUTHENTICATED_BULK_MAX: i64 = 16384;

/// What [`Decoder::next`] found at the given place.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A whole request: its spans were appended, and the next one begins at `end`.
    Request { end: usize },
    /// Nothing to execute (an empty line, `*0`); go on at `end`.
    Nothing { end: usize },
    /// The rest has not arrived.
    Incomplete,
}

/// Requests of at most so many arguments get their spans while they are looked at for the first time, whole or not.
const ARGS_AT_ONCE: i64 = 1024;

/// The progress within a request that is only partly there. Offsets count from the request's first byte.
#[derive(Default, Debug)]
pub struct Decoder {
    partial: Option<Partial>,
}

#[derive(Clone, Copy, Debug)]
struct Partial {
    /// Where its arguments begin, and how many they are.
    first: usize,
    count: i64,
    /// Where parsing goes on.
    offset: usize,
    /// Arguments still to come.
    remaining: i64,
    /// The length of the bulk whose header was read last, if its bytes are outstanding.
    bulk_len: Option<usize>,
}

impl Decoder {
    /// Looks for one request at `buffer[start..]`, appending its arguments to `spans`.
    ///
    /// The buffer is mutable because the arguments of inline commands are unquoted in place.
    /// After [`Found::Incomplete`] call again with the same request start and more bytes.
    #[inline]
    pub fn next(
        &mut self,
        buffer: &mut [u8],
        start: usize,
        limits: Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Found, ProtocolError> {
        if self.partial.is_some() {
            return self.resume(buffer, start, limits, spans);
        }
        match buffer.get(start) {
            None => Ok(Found::Incomplete),
            Some(b'*') => self.multibulk(buffer, start, limits, spans),
            Some(_) => inline(buffer, start, spans),
        }
    }

    /// How many bytes must arrive before it is worth calling [`Decoder::next`] again, counted from the request's start.
    pub fn needed(&self) -> Option<usize> {
        let partial = self.partial?;
        partial.bulk_len.map(|len| partial.offset + len + 2)
    }

    /// How many bytes of the request stand before a long argument that is not whole yet; 0: there is none.
    pub fn before_long_argument(&self) -> usize {
        let partial = self.partial.filter(|partial| partial.bulk_len.is_some_and(|len| len >= LONG_ARGUMENT));
        partial.map_or(0, |partial| partial.offset)
    }

    #[inline]
    fn multibulk(
        &mut self,
        buffer: &[u8],
        start: usize,
        limits: Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Found, ProtocolError> {
        let (count, at) = match short_header(buffer, start, b'*') {
            Some((count, at)) => (count as i64, at),
            None => match line_number(buffer, start + 1, ProtocolError::InvalidMultibulkLength)? {
                Some(header) => header,
                None if buffer.len() - start > INLINE_LEN_MAX => {
                    return Err(ProtocolError::TooBigMultibulkCount);
                }
                None => return Ok(Found::Incomplete),
            },
        };
        if count > MULTIBULK_LEN_MAX {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if limits.unauthenticated && count > UNAUTHENTICATED_ARGS_MAX {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        if count <= 0 {
            return Ok(Found::Nothing { end: at });
        }
        if count > ARGS_AT_ONCE {
            let partial =
                Partial { first: at - start, count, offset: at - start, remaining: count, bulk_len: None };
            self.partial = Some(partial);
            return self.resume(buffer, start, limits, spans);
        }
        let first_span = spans.len();
        match bulks(buffer, at, (count, None), limits, |span| spans.push(span))? {
            Progress::Whole { end } => Ok(Found::Request { end }),
            Progress::Stopped { at: stop, remaining, bulk_len } => {
                spans.truncate(first_span);
                let partial = Partial { first: at - start, count, offset: stop - start, remaining, bulk_len };
                self.partial = Some(partial);
                Ok(Found::Incomplete)
            }
        }
    }

    /// Goes on with a request where its bytes ended. A piece costs what is in it, however many arguments came before.
    #[cold]
    fn resume(
        &mut self,
        buffer: &[u8],
        start: usize,
        limits: Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Found, ProtocolError> {
        let Some(partial) = self.partial.take() else { return Ok(Found::Incomplete) };
        let outstanding = (partial.remaining, partial.bulk_len);
        match bulks(buffer, start + partial.offset, outstanding, limits, |_| {})? {
            Progress::Whole { .. } => {
                spans.reserve_exact(usize::try_from(partial.count).unwrap_or(0));
                let all = (partial.count, None);
                // What was let in stays in, whatever the limits are by now.
                let limits = Limits { bulk_len_max: u64::MAX, unauthenticated: false };
                match bulks(buffer, start + partial.first, all, limits, |span| spans.push(span))? {
                    Progress::Whole { end } => Ok(Found::Request { end }),
                    Progress::Stopped { .. } => Ok(Found::Incomplete),
                }
            }
            Progress::Stopped { at, remaining, bulk_len } => {
                self.partial = Some(Partial { offset: at - start, remaining, bulk_len, ..partial });
                Ok(Found::Incomplete)
            }
        }
    }
}

/// How far the arguments of a request have come.
enum Progress {
    Whole {
        end: usize,
    },
    /// At `at` something is missing: a header, or the bytes of a bulk whose length is known.
    Stopped {
        at: usize,
        remaining: i64,
        bulk_len: Option<usize>,
    },
}

/// Reads arguments from `at` on: so many are outstanding, the first perhaps with its header read already.
#[inline]
fn bulks(
    buffer: &[u8],
    mut at: usize,
    (mut remaining, mut bulk_len): (i64, Option<usize>),
    limits: Limits,
    mut found: impl FnMut(Span),
) -> Result<Progress, ProtocolError> {
    while remaining > 0 {
        let len = match bulk_len.take() {
            Some(len) => len,
            None => match bulk_header(buffer, at, limits)? {
                Some((len, after)) => {
                    at = after;
                    len
                }
                None => return Ok(Progress::Stopped { at, remaining, bulk_len: None }),
            },
        };
        if buffer.len() < at + len + 2 {
            return Ok(Progress::Stopped { at, remaining, bulk_len: Some(len) });
        }
        // Like Redis, the two bytes after a bulk are skipped, not checked.
        found(Span { start: at as u32, len: len as u32 });
        at += len + 2;
        remaining -= 1;
    }
    Ok(Progress::Whole { end: at })
}

/// A header at `at` whose number has one or two digits, as nearly all have, and where the line after it begins. All that
/// is odd about one makes it none, for the long way to look at.
#[inline(always)]
fn short_header(buffer: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    let &[first, second, third, fourth, fifth] = buffer.get(at..)?.first_chunk()?;
    let word = u32::from_le_bytes([first, second, third, fourth]);
    let (digit, next) = (second.wrapping_sub(b'0'), third.wrapping_sub(b'0'));
    let one = u32::from_le_bytes([mark, 0, b'\r', b'\n']);
    if word & 0xffff_00ff == one && digit <= 9 {
        return Some((usize::from(digit), at + 4));
    }
    let two = u32::from_le_bytes([mark, 0, 0, b'\r']);
    let is_two = word & 0xff00_00ff == two && fifth == b'\n' && (1..=9).contains(&digit) && next <= 9;
    is_two.then(|| (usize::from(digit) * 10 + usize::from(next), at + 5))
}

/// The number between `from` and the next CRLF, and where the line after it begins.
/// `None`: the line is not whole yet.
#[inline]
fn line_number(
    buffer: &[u8],
    from: usize,
    invalid: ProtocolError,
) -> Result<Option<(i64, usize)>, ProtocolError> {
    // Nearly always one to three digits follow: read them by hand before looking for a line end.
    let mut at = from;
    let mut value: i64 = 0;
    while let Some(digit) = buffer.get(at).map(|byte| byte.wrapping_sub(b'0')) {
        if digit > 9 || at - from > 17 {
            break;
        }
        value = value * 10 + i64::from(digit);
        at += 1;
    }
    if at > from && buffer.get(at) == Some(&b'\r') {
        if at + 1 < buffer.len() {
            let canonical = buffer.get(from) != Some(&b'0') || at == from + 1;
            return if canonical { Ok(Some((value, at + 2))) } else { Err(invalid) };
        }
        return Ok(None);
    }
    odd_line_number(buffer, from, invalid)
}

/// The slow twin of [`line_number`]: signs, errors, and lines that are not all there.
#[cold]
fn odd_line_number(
    buffer: &[u8],
    from: usize,
    invalid: ProtocolError,
) -> Result<Option<(i64, usize)>, ProtocolError> {
    let rest = buffer.get(from..).unwrap_or(&[]);
    let Some(end) = memchr::memchr(b'\r', rest) else { return Ok(None) };
    if end + 1 >= rest.len() {
        return Ok(None);
    }
    match dunlin_structures::number::parse_i64(&rest[..end]) {
        Some(value) => Ok(Some((value, from + end + 2))),
        None => Err(invalid),
    }
}

#[inline(always)] // Left to itself the compiler makes it a call: ten instructions more an argument.
fn bulk_header(buffer: &[u8], at: usize, limits: Limits) -> Result<Option<(usize, usize)>, ProtocolError> {
    // What two digits say is below every limit.
    match short_header(buffer, at, b'$') {
        Some(header) => Ok(Some(header)),
        None => long_bulk_header(buffer, at, limits),
    }
}

/// The twin of [`bulk_header`] for longer bulks, errors, and headers that are not all there.
#[inline(never)]
fn long_bulk_header(
    buffer: &[u8],
    at: usize,
    limits: Limits,
) -> Result<Option<(usize, usize)>, ProtocolError> {
    match buffer.get(at) {
        None => return Ok(None),
        Some(b'$') => {}
        Some(&other) => {
            // Redis waits for the whole line before it complains.
            if memchr::memchr(b'\r', &buffer[at..]).is_none() {
                return if buffer.len() - at > INLINE_LEN_MAX {
                    Err(ProtocolError::TooBigBulkCount)
                } else {
                    Ok(None)
                };
            }
            return Err(ProtocolError::ExpectedDollar(other));
        }
    }
    let Some((len, after)) = line_number(buffer, at + 1, ProtocolError::InvalidBulkLength)? else {
        return if buffer.len() - at > INLINE_LEN_MAX {
            Err(ProtocolError::TooBigBulkCount)
        } else {
            Ok(None)
        };
    };
    if len < 0 || len as u64 > limits.bulk_len_max {
        return Err(ProtocolError::InvalidBulkLength);
    }
    if limits.unauthenticated && len > UNAUTHENTICATED_BULK_MAX {
        return Err(ProtocolError::UnauthenticatedBulkLength);
    }
    Ok(Some((len as usize, after)))
}

/// An inline command: a line of words, quoted as in a shell.
#[cold]
fn inline(buffer: &mut [u8], start: usize, spans: &mut Vec<Span>) -> Result<Found, ProtocolError> {
    // Words may be of one byte: what has piled up behind a gate is no line. (Redis only looks at lines that have no end
    // yet, so what it takes depends on the pieces they come in.)
    let seen = buffer.len().min(start + INLINE_LEN_MAX + 1);
    let Some(newline) = memchr::memchr(b'\n', &buffer[start..seen]) else {
        return if buffer.len() - start > INLINE_LEN_MAX {
            Err(ProtocolError::TooBigInline)
        } else {
            Ok(Found::Incomplete)
        };
    };
    let end = start + newline + 1;
    let mut line_end = start + newline;
    if line_end > start && buffer[line_end - 1] == b'\r' {
        line_end -= 1;
    }
    let first_span = spans.len();
    if split_words(&mut buffer[start..line_end], start, spans).is_none() {
        spans.truncate(first_span);
        return Err(ProtocolError::UnbalancedQuotes);
    }
    Ok(if spans.len() == first_span { Found::Nothing { end } } else { Found::Request { end } })
}

/// Splits a line as Redis' `sdssplitargs` does, unquoting in place (an unquoted word is never longer).
/// `None` if quotes are not closed, or closed in the middle of a word.
fn split_words(line: &mut [u8], base: usize, spans: &mut Vec<Span>) -> Option<()> {
    let space = |byte: u8| byte.is_ascii_whitespace() || byte == 0x0b;
    let mut read = 0;
    loop {
        while read < line.len() && space(line[read]) {
            read += 1;
        }
        // sdssplitargs works on C strings: a NUL ends the line, and makes no word.
        if read >= line.len() || line[read] == 0 {
            return Some(());
        }
        let word_start = read;
        let mut write = read;
        while read < line.len() && !space(line[read]) {
            match line[read] {
                quote @ (b'"' | b'\'') => {
                    (read, write) = unquote(line, read + 1, write, quote)?;
                    // A closing quote must end the word.
                    if read < line.len() && !space(line[read]) {
                        return None;
                    }
                }
                0 => {
                    spans.push(Span { start: (base + word_start) as u32, len: (write - word_start) as u32 });
                    return Some(());
                }
                byte => {
                    line[write] = byte;
                    write += 1;
                    read += 1;
                }
            }
        }
        spans.push(Span { start: (base + word_start) as u32, len: (write - word_start) as u32 });
    }
}

/// Copies a quoted part that begins at `read` down to `write`; returns both places behind it.
fn unquote(line: &mut [u8], mut read: usize, mut write: usize, quote: u8) -> Option<(usize, usize)> {
    let hex = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    loop {
        let byte = *line.get(read)?;
        let out = match byte {
            0 => return None,
            _ if byte == quote => return Some((read + 1, write)),
            b'\\' if quote == b'\'' && line.get(read + 1) == Some(&b'\'') => {
                read += 2;
                b'\''
            }
            b'\\' if quote == b'"' && line.get(read + 1).is_some_and(|&next| next != 0) => {
                let next = line[read + 1];
                let digits = (next == b'x')
                    .then(|| Some((hex(*line.get(read + 2)?)?, hex(*line.get(read + 3)?)?)))
                    .flatten();
                if let Some((high, low)) = digits {
                    read += 4;
                    high * 16 + low
                } else {
                    read += 2;
                    match next {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 8,
                        b'a' => 7,
                        other => other,
                    }
                }
            }
            other => {
                read += 1;
                other
            }
        };
        line[write] = out;
        write += 1;
    }
}

#[cfg(test)]
mod tests;
