//! A batch: the requests that are wholly in a buffer, decoded, looked up and prefetched before the first one runs. They
//! are those of one client, or of several.
//!
//! At many millions of keys a request costs a cache miss or two. A pipeline's misses can overlap: first the roots of all
//! keys' tables are fetched, then their cells, then their entries, and only then are the requests executed, in their order.

mod ahead;

pub use ahead::Ahead;

use crate::command::table::{Commands, KeyPattern};
use crate::keyspace::Position;
use crate::keyspace::door::Known;
use crate::resp::Args;
use crate::resp::decode::{Decoder, Found, INLINE_LEN_MAX, Limits, Span};
use crate::resp::error::ProtocolError;

/// Requests of one batch at most: enough to overlap misses, few enough to stay in the first-level cache.
pub const REQUESTS_MAX: usize = 64;
/// What an unusually long request leaves behind is given back above so many arguments.
const SPANS_KEPT: usize = 64 * 1024;
/// Keys of one request that are worked out ahead.
const KEYS_PER_REQUEST_MAX: usize = 128;

/// One decoded request. Ranges refer to the batch's vectors.
#[derive(Clone, Copy)]
pub struct Request {
    first_span: u32,
    span_count: u32,
    first_key: u32,
    key_count: u32,
    /// The id of its command, if there is one of its name.
    pub command: Option<u32>,
    /// Where the next request begins in the buffer.
    pub end: usize,
}

/// Whether two short texts are equal: for names of up to sixteen bytes without a call.
#[inline]
fn is_same_name(one: &[u8], other: &[u8]) -> bool {
    fn ends<const N: usize>(name: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
        Some((name.first_chunk()?, name.last_chunk()?))
    }
    if one.len() != other.len() {
        return false;
    }
    match one.len() {
        4..=8 => ends::<4>(one) == ends::<4>(other),
        9..=16 => ends::<8>(one) == ends::<8>(other),
        3 => ends::<2>(one) == ends::<2>(other),
        _ => one == other,
    }
}

/// Reused from batch to batch.
#[derive(Default)]
pub struct Batch {
    requests: Vec<Request>,
    spans: Vec<Span>,
    keys: Vec<Known>,
    /// Inline commands with quotes as they came, and where: decoding unquotes them in place.
    quoted: Vec<(usize, Vec<u8>)>,
}

/// A place in a [`Batch`], to cut back to.
#[derive(Clone, Copy)]
pub struct Mark {
    requests: usize,
    spans: usize,
    keys: usize,
    quoted: usize,
}

impl Mark {
    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.requests
    }
}

impl Batch {
    pub fn clear(&mut self) {
        self.requests.clear();
        self.spans.clear();
        self.keys.clear();
        self.quoted.clear();
    }

    pub fn mark(&self) -> Mark {
        Mark {
            requests: self.requests.len(),
            spans: self.spans.len(),
            keys: self.keys.len(),
            quoted: self.quoted.len(),
        }
    }

    /// Forgets the requests since `mark`, and makes them as they came.
    #[cold]
    pub fn cut_back(&mut self, mark: Mark, buffer: &mut [u8]) {
        for (at, line) in self.quoted.drain(mark.quoted..) {
            buffer[at..at + line.len()].copy_from_slice(&line);
        }
        self.requests.truncate(mark.requests);
        self.spans.truncate(mark.spans);
        self.keys.truncate(mark.keys);
    }

    /// Decodes what is whole from `start` on, behind the requests that are here. Returns where decoding stopped, and what
    /// was wrong there, if anything: the requests before it still count.
    pub fn decode(
        &mut self,
        decoder: &mut Decoder,
        buffer: &mut [u8],
        start: usize,
        limits: Limits,
        commands: &Commands,
        ahead: Ahead<'_>,
    ) -> (usize, Option<ProtocolError>) {
        let mut at = start;
        // Until a client has authenticated, each request may change what the next one may be.
        let requests_max = self.requests.len() + if limits.unauthenticated { 1 } else { REQUESTS_MAX };
        while self.requests.len() < requests_max {
            let first_span = self.spans.len();
            // However much has piled up, the spans of one long request stand here at a time.
            if first_span >= SPANS_KEPT {
                break;
            }
            if buffer.get(at).is_some_and(|first| *first != b'*') {
                self.remember_quoted(&buffer[at..], at);
            }
            match decoder.next(buffer, at, limits, &mut self.spans) {
                Ok(Found::Request { end }) => {
                    let ends = self.add(buffer, first_span, end, commands, ahead);
                    at = end;
                    if ends {
                        break;
                    }
                }
                Ok(Found::Nothing { end }) => at = end,
                Ok(Found::Incomplete) => break,
                Err(error) => return (at, Some(error)),
            }
        }
        (at, None)
    }

    /// Adds a request, and says whether it is the last one, since it may change what the next one may be.
    #[inline]
    fn add(
        &mut self,
        buffer: &[u8],
        first_span: usize,
        end: usize,
        commands: &Commands,
        ahead: Ahead<'_>,
    ) -> bool {
        let first_key = self.keys.len();
        let is_one_of_several = end < buffer.len() || !self.requests.is_empty();
        let args = Args::new(buffer, &self.spans[first_span..]);
        let command = match self.named_again(args.at(0), buffer) {
            Some(before) => before.map(|id| &commands.all()[id as usize]),
            None => commands.find(args.at(0)),
        };
        match command.map_or(KeyPattern::None, |command| command.key_pattern) {
            KeyPattern::One(index) => {
                if let Some(key) = args.span(index) {
                    self.add_key(buffer, key, true, is_one_of_several, ahead);
                }
            }
            KeyPattern::Tail { first, back, step } => {
                let end = args.len().saturating_sub(back);
                let indices = (first_span + first, first_span + end, step);
                self.add_keys(buffer, indices, is_one_of_several, ahead);
            }
            KeyPattern::None | KeyPattern::General => {}
        }
        self.requests.push(Request {
            first_span: first_span as u32,
            span_count: (self.spans.len() - first_span) as u32,
            first_key: first_key as u32,
            key_count: (self.keys.len() - first_key) as u32,
            command: command.map(|command| command.id as u32),
            end,
        });
        command.is_some_and(|command| command.id == commands.reset_id())
    }

    /// The command of a request whose name is that of the one before it, letter for letter, as in most pipelines.
    #[inline]
    fn named_again(&self, name: &[u8], buffer: &[u8]) -> Option<Option<u32>> {
        let before = self.requests.last()?;
        let its_name = self.spans.get(before.first_span as usize)?.of(buffer);
        is_same_name(its_name, name).then_some(before.command)
    }

    /// The keys at each `step`th span from `first` up to `end`, unless they are too many.
    #[inline(never)]
    fn add_keys(
        &mut self,
        buffer: &[u8],
        (first, end, step): (usize, usize, usize),
        is_one_of_several: bool,
        ahead: Ahead<'_>,
    ) {
        if end.saturating_sub(first) > KEYS_PER_REQUEST_MAX * step {
            return;
        }
        let is_one_of_several = is_one_of_several || first + step < end;
        let mut index = first;
        while index < end {
            // Several keys of one request are hardly ever the same.
            self.add_key(buffer, self.spans[index], index == first, is_one_of_several, ahead);
            index += step;
        }
    }

    /// Works out where a key lives. The root of its table arrives while the next requests are decoded; a lone key is
    /// looked up at once.
    #[inline(always)]
    fn add_key(
        &mut self,
        buffer: &[u8],
        key: Span,
        may_come_again: bool,
        is_one_of_several: bool,
        ahead: Ahead<'_>,
    ) {
        let again = if may_come_again { self.again(buffer, key) } else { None };
        let position = match again {
            Some(position) => position,
            None => {
                let position = Position::of(key.of(buffer));
                if is_one_of_several {
                    ahead.keyspace.prefetch_root(position);
                }
                position
            }
        };
        self.keys.push(Known { key, position });
    }

    /// The position of a key that is the one before it once more, as where a pipeline works on one key.
    #[inline]
    fn again(&self, buffer: &[u8], key: Span) -> Option<Position> {
        let before = self.keys.last()?;
        let (one, other) = (before.key.of(buffer), key.of(buffer));
        // Most that differ do so at their end: no call for these.
        (one.len() == other.len() && one.last() == other.last() && one == other).then_some(before.position)
    }

    /// Keeps an inline command as it came, if unquoting it will change it.
    #[cold]
    fn remember_quoted(&mut self, rest: &[u8], at: usize) {
        let Some(end) = memchr::memchr(b'\n', &rest[..rest.len().min(INLINE_LEN_MAX + 1)]) else { return };
        let line = &rest[..end];
        if memchr::memchr2(b'"', b'\'', line).is_some() {
            self.quoted.push((at, line.to_vec()));
        }
    }

    /// Makes the requests from `from` to the end of `buffer` as they came: they will be decoded again.
    #[cold]
    pub fn put_back(&self, buffer: &mut [u8], from: usize) {
        let range = from..buffer.len();
        for (at, line) in self.quoted.iter().filter(|(at, _)| range.contains(at)) {
            buffer[*at..*at + line.len()].copy_from_slice(line);
        }
    }

    /// Gives back what a request with very many arguments took.
    pub fn trim(&mut self) {
        if self.spans.capacity() > SPANS_KEPT {
            self.spans = Vec::new();
        }
    }

    pub fn len(&self) -> usize {
        self.requests.len()
    }

    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub fn request(&self, index: usize) -> Option<Request> {
        self.requests.get(index).copied()
    }

    #[inline]
    pub fn args<'b>(&'b self, request: Request, buffer: &'b [u8]) -> Args<'b> {
        let first = request.first_span as usize;
        Args::new(buffer, &self.spans[first..first + request.span_count as usize])
    }

    #[inline]
    pub fn known(&self, request: Request) -> &[Known] {
        let first = request.first_key as usize;
        &self.keys[first..first + request.key_count as usize]
    }
}
