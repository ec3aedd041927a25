//! A command's arguments: borrowed from the buffer they arrived in, read in order or by index.

use crate::resp::decode::Span;
use crate::resp::error::CommandError;
use dunlin_structures::number;

/// The arguments of one request, its name first. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
    next: usize,
}

impl<'a> Args<'a> {
    /// `spans` must have been parsed from `buffer`. Reading starts behind the name.
    #[inline]
    pub fn new(buffer: &'a [u8], spans: &'a [Span]) -> Self {
        Self { buffer, spans, next: 1 }
    }

    /// How many there are, the name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The bytes of a span of this request.
    #[inline]
    pub fn slice(&self, span: Span) -> &'a [u8] {
        span.of(self.buffer)
    }

    pub fn span(&self, index: usize) -> Option<Span> {
        self.spans.get(index).copied()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The argument at `index` (0 is the name); empty where there is none: the arity was checked before.
    #[inline]
    pub fn at(&self, index: usize) -> &'a [u8] {
        self.get(index).unwrap_or(&[])
    }

    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| span.of(self.buffer))
    }

    /// The next unread argument.
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "a cursor, not an iterator: commands look back and ahead"
    )]
    pub fn next(&mut self) -> Option<&'a [u8]> {
        let arg = self.get(self.next)?;
        self.next += 1;
        Some(arg)
    }

    /// The next argument, which the grammar demands.
    #[inline]
    pub fn required(&mut self) -> Result<&'a [u8], CommandError> {
        self.next().ok_or(CommandError::Syntax)
    }

    pub fn peek(&self) -> Option<&'a [u8]> {
        self.get(self.next)
    }

    /// How many are unread.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.spans.len().saturating_sub(self.next)
    }

    /// Where reading goes on (0 is the name).
    pub fn position(&self) -> usize {
        self.next
    }

    pub fn seek(&mut self, index: usize) {
        self.next = index;
    }

    /// Takes the next argument if it is this word, in any case.
    pub fn accept(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
        self.next += usize::from(found);
        found
    }

    /// Whether the argument at `index` is this word, in any case.
    pub fn is(&self, index: usize, word: &str) -> bool {
        self.at(index).eq_ignore_ascii_case(word.as_bytes())
    }

    /// The next argument as a 64-bit integer.
    pub fn integer(&mut self) -> Result<i64, CommandError> {
        let arg = self.required()?;
        number::parse_i64(arg).ok_or(CommandError::NotAnInteger)
    }

    /// The argument at `index` as a 64-bit integer.
    pub fn integer_at(&self, index: usize) -> Result<i64, CommandError> {
        // No error is made, which would have to be dropped, where none is needed.
        match number::parse_i64(self.at(index)) {
            Some(number) => Ok(number),
            None => Err(CommandError::NotAnInteger),
        }
    }

    /// The next argument as a double.
    pub fn double(&mut self) -> Result<f64, CommandError> {
        let arg = self.required()?;
        number::parse_f64(arg).ok_or(CommandError::NotAFloat)
    }

    /// Complains if anything is unread.
    pub fn finish(&self) -> Result<(), CommandError> {
        if self.remaining() == 0 { Ok(()) } else { Err(CommandError::Syntax) }
    }

    /// All arguments from `index` on.
    pub fn from(&self, index: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let buffer = self.buffer;
        self.spans.get(index..).unwrap_or(&[]).iter().map(move |span| span.of(buffer))
    }

    /// The arguments from `index` on as a request of their own, its name first.
    pub fn after(&self, index: usize) -> Args<'a> {
        Args { buffer: self.buffer, spans: self.spans.get(index..).unwrap_or(&[]), next: 1 }
    }

    /// The unread arguments.
    pub fn rest(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        self.from(self.next)
    }
}
