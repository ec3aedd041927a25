//! `string.find`, `match`, `gmatch` and `gsub`.
//!
//! Lua's own recurse in C for every part of a pattern that repeats, and can take time without end while no hook is
//! called. Here the depth is bounded, and a long search gives others a moment and ends when its script is killed.

use crate::error::Error;
use crate::frame::{Frame, Function, Type};
use crate::natives::Native;
use std::ffi::{CStr, c_int};

pub(crate) const FUNCTIONS: &[(&CStr, Function)] =
    &[(c"find", find), (c"match", string_match), (c"gmatch", gmatch), (c"gfind", gmatch), (c"gsub", gsub)];

const CAPTURES_MAX: usize = 32;
/// How deep a match may nest.
const DEPTH_MAX: u32 = 1_000;
/// Steps between two looks at the clock.
const STEPS_PER_TICK: u32 = 16_384;
const SPECIALS: &[u8] = b"^$*+?.([%-";

#[derive(Clone, Copy, Default)]
struct Capture {
    start: usize,
    len: Length,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Length {
    #[default]
    Unfinished,
    Position,
    Bytes(usize),
}

/// What a search keeps from place to place.
struct Search {
    captures: [Capture; CAPTURES_MAX],
    level: usize,
    depth: u32,
    /// Since the last look at the clock.
    steps: u32,
}

impl Search {
    fn new() -> Self {
        Self { captures: [Capture::default(); CAPTURES_MAX], level: 0, depth: 0, steps: 0 }
    }
}

/// A search in a text.
struct Matcher<'m> {
    text: &'m [u8],
    pattern: &'m [u8],
    search: &'m mut Search,
    frame: &'m Frame<'m>,
}

type Matched = Result<Option<usize>, Error>;

/// A pattern ends at its first NUL.
fn until_nul(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(|byte| *byte == 0).unwrap_or(pattern.len());
    &pattern[..end]
}

impl<'m> Matcher<'m> {
    fn new(frame: &'m Frame<'m>, search: &'m mut Search, text: &'m [u8], pattern: &'m [u8]) -> Self {
        Self { text, pattern, search, frame }
    }

    /// The pattern's byte at a place; zero behind its end.
    fn at(&self, place: usize) -> u8 {
        self.pattern.get(place).copied().unwrap_or(0)
    }

    fn step(&mut self) -> Result<(), Error> {
        self.search.steps += 1;
        if self.search.steps >= STEPS_PER_TICK {
            self.search.steps = 0;
            self.frame.tick()?;
        }
        Ok(())
    }

    /// Matches from the beginning of the pattern, or behind its anchor.
    fn start(&mut self, text: usize, pattern: usize) -> Matched {
        self.search.level = 0;
        self.run(text, pattern)
    }

    fn run(&mut self, text: usize, pattern: usize) -> Matched {
        if self.search.depth >= DEPTH_MAX {
            return Err(Error::text("pattern too complex"));
        }
        self.search.depth += 1;
        let result = self.run_on(text, pattern);
        self.search.depth -= 1;
        result
    }

    fn run_on(&mut self, mut text: usize, mut pattern: usize) -> Matched {
        loop {
            self.step()?;
            match self.at(pattern) {
                0 => return Ok(Some(text)),
                b'(' if self.at(pattern + 1) == b')' => {
                    return self.open_capture(text, pattern + 2, Length::Position);
                }
                b'(' => return self.open_capture(text, pattern + 1, Length::Unfinished),
                b')' => return self.close_capture(text, pattern + 1),
                b'%' => match self.at(pattern + 1) {
                    b'b' => match self.balanced(text, pattern + 2)? {
                        Some(end) => {
                            (text, pattern) = (end, pattern + 4);
                            continue;
                        }
                        None => return Ok(None),
                    },
                    b'f' => {
                        pattern += 2;
                        if self.at(pattern) != b'[' {
                            return Err(Error::text("missing '[' after '%f' in pattern"));
                        }
                        let end = self.class_end(pattern)?;
                        let before = text.checked_sub(1).map_or(0, |place| self.text[place]);
                        let here = self.text.get(text).copied().unwrap_or(0);
                        if self.in_set(before, pattern, end - 1) || !self.in_set(here, pattern, end - 1) {
                            return Ok(None);
                        }
                        pattern = end;
                        continue;
                    }
                    digit if digit.is_ascii_digit() => match self.back_reference(text, digit)? {
                        Some(end) => {
                            (text, pattern) = (end, pattern + 2);
                            continue;
                        }
                        None => return Ok(None),
                    },
                    _ => {}
                },
                b'$' if self.at(pattern + 1) == 0 => {
                    return Ok((text == self.text.len()).then_some(text));
                }
                _ => {}
            }
            let end = self.class_end(pattern)?;
            let is_one = self.is_one(text, pattern, end);
            match self.at(end) {
                b'?' => {
                    if is_one && let Some(found) = self.run(text + 1, end + 1)? {
                        return Ok(Some(found));
                    }
                    pattern = end + 1;
                }
                b'*' => return self.expand(text, pattern, end),
                b'+' => return if is_one { self.expand(text + 1, pattern, end) } else { Ok(None) },
                b'-' => return self.expand_least(text, pattern, end),
                _ if is_one => (text, pattern) = (text + 1, end),
                _ => return Ok(None),
            }
        }
    }

    /// Where the item of the pattern ends that begins at a place.
    fn class_end(&self, mut place: usize) -> Result<usize, Error> {
        let first = self.at(place);
        place += 1;
        match first {
            b'%' if self.at(place) == 0 => Err(Error::text("malformed pattern (ends with '%')")),
            b'%' => Ok(place + 1),
            b'[' => {
                if self.at(place) == b'^' {
                    place += 1;
                }
                // The first may be a `]`.
                loop {
                    if self.at(place) == 0 {
                        return Err(Error::text("malformed pattern (missing ']')"));
                    }
                    let byte = self.at(place);
                    place += 1;
                    if byte == b'%' && self.at(place) != 0 {
                        place += 1;
                    }
                    if self.at(place) == b']' {
                        return Ok(place + 1);
                    }
                }
            }
            _ => Ok(place),
        }
    }

    fn is_one(&self, text: usize, pattern: usize, end: usize) -> bool {
        let Some(&byte) = self.text.get(text) else { return false };
        match self.at(pattern) {
            b'.' => true,
            b'%' => in_class(byte, self.at(pattern + 1)),
            b'[' => self.in_set(byte, pattern, end - 1),
            other => other == byte,
        }
    }

    /// Whether a byte is in the set from `place` (its `[`) to `end` (its `]`).
    fn in_set(&self, byte: u8, mut place: usize, end: usize) -> bool {
        let mut found = true;
        if self.at(place + 1) == b'^' {
            found = false;
            place += 1;
        }
        place += 1;
        while place < end {
            if self.at(place) == b'%' {
                place += 1;
                if in_class(byte, self.at(place)) {
                    return found;
                }
            } else if self.at(place + 1) == b'-' && place + 2 < end {
                if (self.at(place)..=self.at(place + 2)).contains(&byte) {
                    return found;
                }
                place += 2;
            } else if self.at(place) == byte {
                return found;
            }
            place += 1;
        }
        !found
    }

    fn expand(&mut self, text: usize, pattern: usize, end: usize) -> Matched {
        let mut count = 0;
        while self.is_one(text + count, pattern, end) {
            count += 1;
            self.step()?;
        }
        loop {
            if let Some(found) = self.run(text + count, end + 1)? {
                return Ok(Some(found));
            }
            if count == 0 {
                return Ok(None);
            }
            count -= 1;
        }
    }

    fn expand_least(&mut self, mut text: usize, pattern: usize, end: usize) -> Matched {
        loop {
            if let Some(found) = self.run(text, end + 1)? {
                return Ok(Some(found));
            }
            if !self.is_one(text, pattern, end) {
                return Ok(None);
            }
            text += 1;
        }
    }

    fn open_capture(&mut self, text: usize, pattern: usize, len: Length) -> Matched {
        let Some(capture) = self.search.captures.get_mut(self.search.level) else {
            return Err(Error::text("too many captures"));
        };
        *capture = Capture { start: text, len };
        self.search.level += 1;
        let found = self.run(text, pattern)?;
        if found.is_none() {
            self.search.level -= 1;
        }
        Ok(found)
    }

    fn close_capture(&mut self, text: usize, pattern: usize) -> Matched {
        let open = self.search.captures[..self.search.level]
            .iter()
            .rposition(|capture| capture.len == Length::Unfinished);
        let Some(open) = open else { return Err(Error::text("invalid pattern capture")) };
        self.search.captures[open].len = Length::Bytes(text - self.search.captures[open].start);
        let found = self.run(text, pattern)?;
        if found.is_none() {
            self.search.captures[open].len = Length::Unfinished;
        }
        Ok(found)
    }

    fn balanced(&mut self, text: usize, pattern: usize) -> Matched {
        let (open, close) = (self.at(pattern), self.at(pattern + 1));
        if open == 0 || close == 0 {
            return Err(Error::text("unbalanced pattern"));
        }
        if self.text.get(text) != Some(&open) {
            return Ok(None);
        }
        let mut nesting = 1;
        for place in text + 1..self.text.len() {
            self.step()?;
            let byte = self.text[place];
            if byte == close {
                nesting -= 1;
                if nesting == 0 {
                    return Ok(Some(place + 1));
                }
            } else if byte == open {
                nesting += 1;
            }
        }
        Ok(None)
    }

    fn back_reference(&mut self, text: usize, digit: u8) -> Matched {
        let capture = usize::from(digit).checked_sub(usize::from(b'1'));
        let capture = capture.and_then(|index| self.search.captures[..self.search.level].get(index));
        let (start, len) = match capture {
            Some(&Capture { start, len: Length::Bytes(len) }) => (start, len),
            // A place is no text, and nothing is like it.
            Some(&Capture { len: Length::Position, .. }) => return Ok(None),
            _ => return Err(Error::text("invalid capture index")),
        };
        let is_there = self.text[text..].starts_with(&self.text[start..start + len]);
        Ok(is_there.then_some(text + len))
    }

    /// The captures of a match, or the whole of it if there are none and `whole` says so.
    fn results(&self, from: usize, to: usize, whole: bool) -> Result<Vec<Piece>, Error> {
        let count = if self.search.level == 0 && whole { 1 } else { self.search.level };
        (0..count).map(|index| self.result(index, from, to)).collect()
    }

    fn result(&self, index: usize, from: usize, to: usize) -> Result<Piece, Error> {
        if index >= self.search.level {
            return if index == 0 {
                Ok(Piece::Text(from, to))
            } else {
                Err(Error::text("invalid capture index"))
            };
        }
        let Capture { start, len } = self.search.captures[index];
        match len {
            Length::Bytes(len) => Ok(Piece::Text(start, start + len)),
            Length::Position => Ok(Piece::Position(start)),
            Length::Unfinished => Err(Error::text("unfinished capture")),
        }
    }
}

/// What a capture stands for: a part of the text, or a place in it.
#[derive(Clone, Copy)]
enum Piece {
    Text(usize, usize),
    Position(usize),
}

fn in_class(byte: u8, class: u8) -> bool {
    let is_in = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    is_in != class.is_ascii_uppercase()
}

/// Pushes what captures of the text at `text` stand for.
fn push_pieces(frame: &mut Frame<'_>, text: c_int, pieces: &[Piece]) -> Result<c_int, Error> {
    frame.reserve(pieces.len() + 2)?;
    for piece in pieces {
        push_piece(frame, text, *piece);
    }
    Ok(pieces.len() as c_int)
}

fn push_piece(frame: &mut Frame<'_>, text: c_int, piece: Piece) {
    match piece {
        Piece::Position(place) => frame.push_number((place + 1) as f64),
        Piece::Text(from, to) => {
            let part = frame.bytes(text).unwrap_or_default()[from..to].to_vec();
            frame.push_bytes(&part);
        }
    }
}

/// Where a search begins that was asked to begin at `position`.
fn beginning(position: i64, len: usize) -> usize {
    let position = if position < 0 { position.saturating_add(len as i64 + 1) } else { position };
    usize::try_from(position - 1).unwrap_or(0).min(len)
}

fn find(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    search(frame, true)
}

fn string_match(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    search(frame, false)
}

fn search(frame: &mut Frame<'_>, is_find: bool) -> Result<c_int, Error> {
    frame.check_bytes(1)?;
    frame.check_bytes(2)?;
    let position = frame.optional_integer(3, 1)?;
    let plain = is_find && frame.top() >= 4 && frame.boolean(4);
    let found = {
        let (text, pattern) = (frame.bytes(1).unwrap_or_default(), frame.bytes(2).unwrap_or_default());
        let begin = beginning(position, text.len());
        let has_specials = || until_nul(pattern).iter().any(|byte| SPECIALS.contains(byte));
        if is_find && (plain || !has_specials()) {
            plain_find(&text[begin..], pattern)
                .map(|place| (begin + place, begin + place + pattern.len(), Vec::new()))
        } else {
            let pattern = until_nul(pattern);
            let anchor = usize::from(pattern.first() == Some(&b'^'));
            let mut search = Search::new();
            let mut matcher = Matcher::new(frame, &mut search, text, pattern);
            let mut found = None;
            for from in begin..=text.len() {
                if let Some(to) = matcher.start(from, anchor)? {
                    found = Some((from, to, matcher.results(from, to, !is_find)?));
                    break;
                }
                if anchor == 1 {
                    break;
                }
            }
            found
        }
    };
    let Some((from, to, pieces)) = found else {
        frame.push_nil();
        return Ok(1);
    };
    if !is_find {
        return push_pieces(frame, 1, &pieces);
    }
    frame.push_number((from + 1) as f64);
    frame.push_number(to as f64);
    Ok(push_pieces(frame, 1, &pieces)? + 2)
}

fn plain_find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let Some(&first) = wanted.first() else { return Some(0) };
    let mut from = 0;
    while let Some(place) = text[from..].iter().position(|byte| *byte == first) {
        if text[from + place..].starts_with(wanted) {
            return Some(from + place);
        }
        from += place + 1;
    }
    None
}

fn gmatch(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    frame.check_bytes(1)?;
    frame.check_bytes(2)?;
    frame.set_top(2);
    frame.push_number(0.0);
    frame.push_closure(next_match, 3);
    Ok(1)
}

fn next_match(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    frame.set_top(0);
    for index in 1..=3 {
        frame.push_upvalue(index);
    }
    let begin = frame.number(3).unwrap_or_default() as usize;
    let found = {
        let (text, pattern) = (frame.bytes(1).unwrap_or_default(), frame.bytes(2).unwrap_or_default());
        let mut search = Search::new();
        let mut matcher = Matcher::new(frame, &mut search, text, until_nul(pattern));
        let mut found = None;
        for from in begin..=text.len() {
            if let Some(to) = matcher.start(from, 0)? {
                found = Some((from, to, matcher.results(from, to, true)?));
                break;
            }
        }
        found
    };
    let Some((from, to, pieces)) = found else { return Ok(0) };
    // Behind an empty match it goes on one further.
    frame.push_number((if to == from { to + 1 } else { to }) as f64);
    frame.set_upvalue(3);
    push_pieces(frame, 1, &pieces)
}

fn gsub(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    frame.check_bytes(1)?;
    frame.check_bytes(2)?;
    let kind = frame.type_of(3);
    // As C cuts it off.
    let max = if frame.is_none_or_nil(4) { c_int::MAX } else { frame.check_integer(4)? as c_int };
    if !matches!(kind, Type::Number | Type::String | Type::Table | Type::Function) {
        return Err(Error::argument(3, "string/function/table expected"));
    }
    if kind == Type::Number {
        frame.to_bytes(3);
    }
    frame.set_top(3);
    let len = frame.len(1);
    let anchor = usize::from(frame.bytes(2).unwrap_or_default().first() == Some(&b'^'));
    let (mut out, mut pieces) = (Vec::new(), Vec::new());
    let (mut search, mut at, mut count) = (Search::new(), 0, 0);
    while count < max {
        let found = {
            let (text, pattern) = (frame.bytes(1).unwrap_or_default(), frame.bytes(2).unwrap_or_default());
            let mut matcher = Matcher::new(frame, &mut search, text, until_nul(pattern));
            let to = matcher.start(at, anchor)?;
            if let Some(to) = to {
                pieces.clear();
                let captures = matcher.search.level.max(1);
                match kind {
                    // A text may name any capture: what it names is looked at then.
                    Type::String => pieces.extend((0..=captures).map(|index| matcher.result(index, at, to))),
                    Type::Table => pieces.push(Ok(matcher.result(0, at, to)?)),
                    _ => {
                        for index in 0..captures {
                            pieces.push(Ok(matcher.result(index, at, to)?));
                        }
                    }
                }
            }
            to
        };
        if let Some(to) = found {
            count += 1;
            add_replacement(frame, kind, Piece::Text(at, to), &pieces, &mut out)?;
        }
        match found {
            Some(to) if to > at => at = to,
            _ if at < len => {
                out.push(frame.bytes(1).unwrap_or_default()[at]);
                at += 1;
            }
            _ => break,
        }
        if anchor == 1 {
            break;
        }
        frame.check_memory(out.len())?;
    }
    out.extend_from_slice(&frame.bytes(1).unwrap_or_default()[at.min(len)..]);
    frame.check_memory(out.len())?;
    frame.spend(len)?;
    frame.push_bytes(&out);
    frame.push_number(count as f64);
    Ok(2)
}

fn add_replacement(
    frame: &mut Frame<'_>,
    kind: Type,
    whole: Piece,
    pieces: &[Result<Piece, Error>],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    if kind == Type::String {
        return add_string(frame, whole, pieces, out);
    }
    let is_plain_table = kind == Type::Table && !frame.has_metatable(3);
    if kind == Type::Table && !is_plain_table {
        frame.push_native(Native::Index);
    }
    frame.push_copy(3);
    frame.reserve(pieces.len() + 2)?;
    for piece in pieces.iter().flatten() {
        push_piece(frame, 1, *piece);
    }
    if is_plain_table {
        frame.get_raw(-2);
    } else {
        let arguments = pieces.len() + usize::from(kind == Type::Table);
        frame.call(arguments as c_int, 1, out.len())?;
    }
    match frame.type_of(-1) {
        Type::String | Type::Number => {
            let text = frame.to_bytes(-1).unwrap_or_default();
            out.extend_from_slice(text);
        }
        // Kept as it is.
        Type::Nil => add_piece(frame, whole, out),
        Type::Boolean if !frame.boolean(-1) => add_piece(frame, whole, out),
        _ => {
            let name = frame.type_name(-1);
            return Err(Error::formatted(format!("invalid replacement value (a {name})")));
        }
    }
    frame.set_top(3);
    Ok(())
}

fn add_piece(frame: &Frame<'_>, piece: Piece, out: &mut Vec<u8>) {
    match piece {
        Piece::Text(from, to) => out.extend_from_slice(&frame.bytes(1).unwrap_or_default()[from..to]),
        Piece::Position(place) => crate::format::number((place + 1) as f64, 14, out),
    }
}

fn add_string(
    frame: &Frame<'_>,
    whole: Piece,
    pieces: &[Result<Piece, Error>],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let replacement = frame.bytes(3).unwrap_or_default();
    let mut rest = replacement.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        frame.check_memory(out.len())?;
        match rest.next() {
            Some(b'0') => add_piece(frame, whole, out),
            Some(digit @ b'1'..=b'9') => match pieces.get(usize::from(digit - b'1')) {
                Some(piece) => add_piece(frame, piece.clone()?, out),
                None => return Err(Error::text("invalid capture index")),
            },
            Some(&other) => out.push(other),
            None => out.push(0),
        }
    }
    Ok(())
}
