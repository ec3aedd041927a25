//! `cjson`.

use crate::error::Error;
use crate::format;
use crate::frame::{Frame, Function, Type};
use crate::sandbox::set_functions;
use std::ffi::{CStr, c_int};

/// What scripts can set; for one script.
pub(crate) struct Config {
    sparse_convert: bool,
    sparse_ratio: i32,
    sparse_safe: i32,
    encode_max_depth: i32,
    decode_max_depth: i32,
    encode_invalid_numbers: Invalid,
    decode_invalid_numbers: bool,
    precision: i32,
    keep_buffer: bool,
}

/// What becomes of numbers that JSON doesn't know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_max_depth: 1000,
            decode_max_depth: 1000,
            encode_invalid_numbers: Invalid::Refused,
            decode_invalid_numbers: true,
            precision: 14,
            keep_buffer: true,
        }
    }
}

/// Our own recursion ends here, whatever a script allows.
const DEPTH_MAX: i32 = 2_500;

const FUNCTIONS: &[(&CStr, Function)] = &[
    (c"encode", encode),
    (c"decode", decode),
    (c"encode_sparse_array", encode_sparse_array),
    (c"encode_max_depth", encode_max_depth),
    (c"decode_max_depth", decode_max_depth),
    (c"encode_number_precision", encode_number_precision),
    (c"encode_keep_buffer", encode_keep_buffer),
    (c"encode_invalid_numbers", encode_invalid_numbers),
    (c"decode_invalid_numbers", decode_invalid_numbers),
    (c"new", new),
];

/// Pushes the library.
pub(crate) fn build(frame: &mut Frame<'_>) {
    frame.push_table(0, 16);
    set_functions(frame, FUNCTIONS);
    frame.push_null_pointer();
    frame.set_field_raw(c"null");
    frame.push_bytes(b"cjson");
    frame.set_field_raw(c"_NAME");
    frame.push_bytes(b"2.1.0");
    frame.set_field_raw(c"_VERSION");
}

fn new(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    build(frame);
    Ok(1)
}

fn limit_arguments(frame: &mut Frame<'_>, count: c_int) -> Result<(), Error> {
    if frame.top() > count {
        return Err(Error::argument(count + 1, "found too many arguments"));
    }
    frame.set_top(count);
    Ok(())
}

type Setting<T> = fn(&mut Config) -> &mut T;

fn integer_option(
    frame: &mut Frame<'_>,
    index: c_int,
    setting: Setting<i32>,
    (min, max): (i32, i32),
) -> Result<(), Error> {
    if !frame.is_none_or_nil(index) {
        let value = frame.check_integer(index)? as i32;
        if !(min..=max).contains(&value) {
            let text = format!("expected integer between {min} and {max}");
            return Err(Error::Argument(1, text.into_bytes().into()));
        }
        *setting(&mut frame.host().json) = value;
    }
    let value = *setting(&mut frame.host().json);
    frame.push_number(f64::from(value));
    Ok(())
}

/// The index of an option's word; booleans stand for the first two.
fn word_option(frame: &mut Frame<'_>, index: c_int, words: &[&str]) -> Result<Option<usize>, Error> {
    if frame.is_none_or_nil(index) {
        return Ok(None);
    }
    if frame.type_of(index) == Type::Boolean {
        return Ok(Some(usize::from(frame.boolean(index))));
    }
    let given = frame.check_bytes(index)?;
    match words.iter().position(|word| word.as_bytes() == given) {
        Some(found) => Ok(Some(found)),
        None => {
            let text = [b"invalid option '", given, b"'"].concat();
            Err(Error::Argument(index, text.into()))
        }
    }
}

fn switch(frame: &mut Frame<'_>, index: c_int, setting: Setting<bool>) -> Result<(), Error> {
    if let Some(word) = word_option(frame, index, &["off", "on"])? {
        *setting(&mut frame.host().json) = word == 1;
    }
    let value = *setting(&mut frame.host().json);
    frame.push_boolean(value);
    Ok(())
}

fn encode_sparse_array(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    limit_arguments(frame, 3)?;
    switch(frame, 1, |config| &mut config.sparse_convert)?;
    integer_option(frame, 2, |config| &mut config.sparse_ratio, (0, i32::MAX))?;
    integer_option(frame, 3, |config| &mut config.sparse_safe, (0, i32::MAX))?;
    Ok(3)
}

fn encode_max_depth(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    limit_arguments(frame, 1)?;
    integer_option(frame, 1, |config| &mut config.encode_max_depth, (1, i32::MAX))?;
    Ok(1)
}

fn decode_max_depth(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    limit_arguments(frame, 1)?;
    integer_option(frame, 1, |config| &mut config.decode_max_depth, (1, i32::MAX))?;
    Ok(1)
}

fn encode_number_precision(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    limit_arguments(frame, 1)?;
    integer_option(frame, 1, |config| &mut config.precision, (1, 14))?;
    Ok(1)
}

fn encode_keep_buffer(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    limit_arguments(frame, 1)?;
    switch(frame, 1, |config| &mut config.keep_buffer)?;
    Ok(1)
}

fn encode_invalid_numbers(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    limit_arguments(frame, 1)?;
    if let Some(word) = word_option(frame, 1, &["off", "on", "null"])? {
        frame.host().json.encode_invalid_numbers = [Invalid::Refused, Invalid::Written, Invalid::Null][word];
    }
    match frame.host().json.encode_invalid_numbers {
        Invalid::Null => frame.push_bytes(b"null"),
        other => frame.push_boolean(other == Invalid::Written),
    }
    Ok(1)
}

fn decode_invalid_numbers(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    limit_arguments(frame, 1)?;
    switch(frame, 1, |config| &mut config.decode_invalid_numbers)?;
    Ok(1)
}

fn encode(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if frame.top() != 1 {
        return Err(Error::argument(1, "expected 1 argument"));
    }
    let mut out = std::mem::take(&mut frame.host().text);
    out.clear();
    append(frame, &mut out, 0)?;
    frame.spend(out.len())?;
    frame.host().text = out;
    frame.push_text();
    Ok(1)
}

fn cannot_serialise(frame: &Frame<'_>, index: c_int, reason: &str) -> Error {
    Error::formatted(format!("Cannot serialise {}: {reason}", frame.type_name(index)))
}

/// Appends the value on top.
fn append(frame: &mut Frame<'_>, out: &mut Vec<u8>, depth: i32) -> Result<(), Error> {
    match frame.type_of(-1) {
        Type::String => append_string(frame, -1, out)?,
        Type::Number => append_number(frame, out, -1)?,
        Type::Boolean => out.extend_from_slice(if frame.boolean(-1) { b"true" } else { b"false" }),
        Type::Table => append_table(frame, out, depth + 1)?,
        Type::Nil => out.extend_from_slice(b"null"),
        Type::LightUserdata if frame.is_null_pointer(-1) => out.extend_from_slice(b"null"),
        _ => return Err(cannot_serialise(frame, -1, "type not supported")),
    }
    Ok(())
}

fn append_table(frame: &mut Frame<'_>, out: &mut Vec<u8>, depth: i32) -> Result<(), Error> {
    if depth > frame.host().json.encode_max_depth.min(DEPTH_MAX) || !frame.has_room(4) {
        return Err(Error::formatted(format!("Cannot serialise, excessive nesting ({depth})")));
    }
    frame.tick()?;
    frame.check_memory(out.len())?;
    let table = frame.top();
    let len = array_len(frame, table)?;
    if len > 0 {
        out.push(b'[');
        for index in 1..=len {
            if index > 1 {
                out.push(b',');
            }
            tick_at(frame, index as usize)?;
            frame.push_index(table, index);
            append(frame, out, depth)?;
            frame.pop(1);
        }
        out.push(b']');
        return Ok(());
    }
    out.push(b'{');
    let (mut is_first, mut count) = (true, 0);
    frame.push_nil();
    while frame.next(table) {
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        count += 1;
        tick_at(frame, count)?;
        match frame.type_of(-2) {
            Type::Number => {
                out.push(b'"');
                append_number(frame, out, -2)?;
                out.extend_from_slice(b"\":");
            }
            Type::String => {
                append_string(frame, -2, out)?;
                out.push(b':');
            }
            _ => return Err(cannot_serialise(frame, -2, "table key must be a number or string")),
        }
        append(frame, out, depth)?;
        frame.pop(1);
    }
    out.push(b'}');
    Ok(())
}

/// Looks at the clock at every so many elements.
fn tick_at(frame: &Frame<'_>, count: usize) -> Result<(), Error> {
    if count.is_multiple_of(1024) { frame.tick() } else { Ok(()) }
}

/// How many elements an array has that is on top; not positive if it is an object.
fn array_len(frame: &mut Frame<'_>, table: c_int) -> Result<i32, Error> {
    let (mut max, mut items) = (0i32, 0i32);
    frame.push_nil();
    while frame.next(table) {
        let key = match frame.type_of(-2) {
            Type::Number => frame.number(-2).unwrap_or_default(),
            _ => 0.0,
        };
        if key < 1.0 || key.floor() != key {
            frame.pop(2);
            return Ok(-1);
        }
        if key > f64::from(max) {
            // As C converts what is no int.
            max = if key > f64::from(i32::MAX) { i32::MIN } else { key as i32 };
        }
        items = items.wrapping_add(1);
        frame.pop(1);
    }
    let config = &frame.host().json;
    if config.sparse_ratio > 0 && max > items.wrapping_mul(config.sparse_ratio) && max > config.sparse_safe {
        if !config.sparse_convert {
            return Err(cannot_serialise(frame, -1, "excessively sparse array"));
        }
        return Ok(-1);
    }
    Ok(max)
}

fn append_number(frame: &mut Frame<'_>, out: &mut Vec<u8>, index: c_int) -> Result<(), Error> {
    let number = frame.number(index).unwrap_or_default();
    let config = &frame.host().json;
    let precision = config.precision as usize;
    if !number.is_finite() {
        match config.encode_invalid_numbers {
            Invalid::Refused => return Err(cannot_serialise(frame, index, "must not be NaN or Inf")),
            Invalid::Null => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
            Invalid::Written if number.is_nan() => {
                out.extend_from_slice(b"nan");
                return Ok(());
            }
            Invalid::Written => {}
        }
    }
    format::number(number, precision, out);
    Ok(())
}

fn append_string(frame: &Frame<'_>, index: c_int, out: &mut Vec<u8>) -> Result<(), Error> {
    let text = frame.bytes(index).unwrap_or_default();
    frame.check_memory(out.len() + text.len())?;
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut from = 0;
    for (at, &byte) in text.iter().enumerate() {
        let short: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'/' => b"\\/",
            8 => b"\\b",
            9 => b"\\t",
            10 => b"\\n",
            12 => b"\\f",
            13 => b"\\r",
            0..32 | 127 => b"",
            _ => continue,
        };
        out.extend_from_slice(&text[from..at]);
        from = at + 1;
        if short.is_empty() {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            let (high, low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        } else {
            out.extend_from_slice(short);
        }
    }
    out.extend_from_slice(&text[from..]);
    out.push(b'"');
    Ok(())
}

fn decode(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if frame.top() != 1 {
        return Err(Error::argument(1, "expected 1 argument"));
    }
    let text = frame.check_bytes(1)?.to_vec();
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(Error::text("JSON parser does not support UTF-16 or UTF-32"));
    }
    frame.spend(text.len())?;
    // What it says in as many bytes takes at least as many.
    frame.check_memory(text.len())?;
    let config = &frame.host().json;
    let (max_depth, lenient) = (config.decode_max_depth.min(DEPTH_MAX), config.decode_invalid_numbers);
    let mut parser =
        Parser { text: &text, at: 0, depth: 0, max_depth, lenient, string: Vec::new(), values: 0 };
    let token = parser.next();
    parser.value(frame, token)?;
    let token = parser.next();
    if token.kind != Kind::End {
        return Err(unexpected("the end", &token));
    }
    Ok(1)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

struct Token {
    kind: Kind,
    at: usize,
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    depth: i32,
    max_depth: i32,
    lenient: bool,
    /// The last string.
    string: Vec<u8>,
    values: u32,
}

fn unexpected(expected: &str, token: &Token) -> Error {
    let found = match token.kind {
        Kind::ObjectBegin => "T_OBJ_BEGIN",
        Kind::ObjectEnd => "T_OBJ_END",
        Kind::ArrayBegin => "T_ARR_BEGIN",
        Kind::ArrayEnd => "T_ARR_END",
        Kind::String => "T_STRING",
        Kind::Number(_) => "T_NUMBER",
        Kind::Boolean(_) => "T_BOOLEAN",
        Kind::Null => "T_NULL",
        Kind::Colon => "T_COLON",
        Kind::Comma => "T_COMMA",
        Kind::End => "T_END",
        Kind::Error(text) => text,
    };
    Error::formatted(format!("Expected {expected} but found {found} at character {}", token.at + 1))
}

impl Parser<'_> {
    /// The byte at a place; the text ends with a NUL, or at the first.
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn starts_with(&self, word: &str) -> bool {
        self.text[self.at.min(self.text.len())..].starts_with(word.as_bytes())
    }

    fn next(&mut self) -> Token {
        while matches!(self.byte(self.at), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        let at = self.at;
        let byte = self.byte(at);
        let single = match byte {
            b'{' => Some(Kind::ObjectBegin),
            b'}' => Some(Kind::ObjectEnd),
            b'[' => Some(Kind::ArrayBegin),
            b']' => Some(Kind::ArrayEnd),
            b',' => Some(Kind::Comma),
            b':' => Some(Kind::Colon),
            _ => None,
        };
        if let Some(kind) = single {
            self.at += 1;
            return Token { kind, at };
        }
        let kind = match byte {
            0 => Kind::End,
            b'"' => return self.string_token(at),
            b'-' | b'0'..=b'9' if !self.lenient && self.is_invalid_number() => Kind::Error("invalid number"),
            b'-' | b'0'..=b'9' => self.number(),
            _ if self.starts_with("true") => self.word(4, Kind::Boolean(true)),
            _ if self.starts_with("false") => self.word(5, Kind::Boolean(false)),
            _ if self.starts_with("null") => self.word(4, Kind::Null),
            b'i' | b'I' | b'n' | b'N' | b'+' if self.lenient && self.is_invalid_number() => self.number(),
            _ => Kind::Error("invalid token"),
        };
        Token { kind, at }
    }

    fn word(&mut self, len: usize, kind: Kind) -> Kind {
        self.at += len;
        kind
    }

    /// Whether what C would read as a number isn't one in JSON.
    fn is_invalid_number(&self) -> bool {
        let mut at = self.at;
        if self.byte(at) == b'+' {
            return true;
        }
        at += usize::from(self.byte(at) == b'-');
        match self.byte(at) {
            b'0' => self.byte(at + 1) | 0x20 == b'x' || self.byte(at + 1).is_ascii_digit(),
            byte if byte <= b'9' => false,
            _ => {
                let rest = &self.text[at.min(self.text.len())..];
                let starts = |word: &[u8]| rest.len() >= 3 && rest[..3].eq_ignore_ascii_case(word);
                starts(b"inf") || starts(b"nan")
            }
        }
    }

    fn number(&mut self) -> Kind {
        match c_number(&self.text[self.at..]) {
            Some((number, len)) => {
                self.at += len;
                Kind::Number(number)
            }
            None => Kind::Error("invalid number"),
        }
    }

    fn string_token(&mut self, begin: usize) -> Token {
        self.string.clear();
        self.at += 1;
        loop {
            let error = |at, text| Token { kind: Kind::Error(text), at };
            match self.byte(self.at) {
                b'"' => break,
                0 => return error(self.at, "unexpected end of string"),
                b'\\' => {
                    let byte = match self.byte(self.at + 1) {
                        byte @ (b'"' | b'\\' | b'/') => byte,
                        b'b' => 8,
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'f' => 12,
                        b'r' => b'\r',
                        b'u' => {
                            if self.unicode_escape().is_none() {
                                return error(self.at, "invalid unicode escape code");
                            }
                            continue;
                        }
                        _ => return error(self.at, "invalid escape code"),
                    };
                    self.string.push(byte);
                    self.at += 2;
                }
                byte => {
                    self.string.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Token { kind: Kind::String, at: begin }
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        (0..4).try_fold(0, |value, index| {
            char::from(self.byte(at + index)).to_digit(16).map(|digit| value << 4 | digit)
        })
    }

    fn unicode_escape(&mut self) -> Option<()> {
        let mut code = self.hex4(self.at + 2)?;
        let mut len = 6;
        if code & 0xf800 == 0xd800 {
            let second = self.at + len;
            if code & 0x400 != 0 || self.byte(second) != b'\\' || self.byte(second + 1) != b'u' {
                return None;
            }
            let low = self.hex4(second + 2)?;
            if low & 0xfc00 != 0xdc00 {
                return None;
            }
            code = ((code & 0x3ff) << 10 | (low & 0x3ff)) + 0x1_0000;
            len = 12;
        }
        let mut utf8 = [0; 4];
        self.string.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut utf8).as_bytes());
        self.at += len;
        Some(())
    }

    fn descend(&mut self, frame: &mut Frame<'_>) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > self.max_depth || !frame.has_room(4) {
            return Err(Error::formatted(format!(
                "Found too many nested data structures ({}) at character {}",
                self.depth, self.at
            )));
        }
        Ok(())
    }

    /// Pushes the value that a token begins.
    fn value(&mut self, frame: &mut Frame<'_>, token: Token) -> Result<(), Error> {
        self.values += 1;
        if self.values.is_multiple_of(1024) {
            frame.tick()?;
            frame.check_memory(0)?;
        }
        match token.kind {
            Kind::String => frame.push_bytes(&self.string),
            Kind::Number(number) => frame.push_number(number),
            Kind::Boolean(value) => frame.push_boolean(value),
            Kind::Null => frame.push_null_pointer(),
            Kind::ObjectBegin => self.object(frame)?,
            Kind::ArrayBegin => self.array(frame)?,
            _ => return Err(unexpected("value", &token)),
        }
        Ok(())
    }

    fn object(&mut self, frame: &mut Frame<'_>) -> Result<(), Error> {
        self.descend(frame)?;
        frame.push_table(0, 0);
        let mut token = self.next();
        if token.kind != Kind::ObjectEnd {
            loop {
                if token.kind != Kind::String {
                    return Err(unexpected("object key string", &token));
                }
                frame.push_bytes(&self.string);
                token = self.next();
                if token.kind != Kind::Colon {
                    return Err(unexpected("colon", &token));
                }
                token = self.next();
                self.value(frame, token)?;
                frame.set_raw(-3)?;
                token = self.next();
                match token.kind {
                    Kind::ObjectEnd => break,
                    Kind::Comma => token = self.next(),
                    _ => return Err(unexpected("comma or object end", &token)),
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self, frame: &mut Frame<'_>) -> Result<(), Error> {
        self.descend(frame)?;
        frame.push_table(0, 0);
        let mut token = self.next();
        if token.kind != Kind::ArrayEnd {
            for index in 1.. {
                self.value(frame, token)?;
                frame.set_index_raw(index);
                token = self.next();
                match token.kind {
                    Kind::ArrayEnd => break,
                    Kind::Comma => token = self.next(),
                    _ => return Err(unexpected("comma or array end", &token)),
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }
}

/// Reads a number as C's `strtod` does; with how many bytes it takes.
fn c_number(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let is_negative = text.first() == Some(&b'-');
    let signed = |value: f64| if is_negative { -value } else { value };
    let rest = &text[sign..];
    let starts = |word: &[u8]| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word);
    if starts(b"infinity") {
        return Some((signed(f64::INFINITY), sign + 8));
    }
    if starts(b"inf") {
        return Some((signed(f64::INFINITY), sign + 3));
    }
    if starts(b"nan") {
        return Some((signed(f64::NAN), sign + 3));
    }
    if starts(b"0x")
        && let Some((value, len)) = hexadecimal(&rest[2..])
    {
        return Some((signed(value), sign + 2 + len));
    }
    let digits =
        |from: usize| rest[from.min(rest.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let mut len = whole;
    let mut count = whole;
    if rest.get(len) == Some(&b'.') {
        let fraction = digits(len + 1);
        count += fraction;
        if count > 0 {
            len += 1 + fraction;
        }
    }
    if count == 0 {
        return None;
    }
    if matches!(rest.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(len + 1), Some(b'-' | b'+')));
        let exponent = digits(len + 1 + sign);
        if exponent > 0 {
            len += 1 + sign + exponent;
        }
    }
    let value: f64 = std::str::from_utf8(&rest[..len]).ok()?.parse().ok()?;
    Some((signed(value), sign + len))
}

/// The digits behind `0x`.
fn hexadecimal(text: &[u8]) -> Option<(f64, usize)> {
    let (mut value, mut exponent, mut count, mut len) = (0f64, 0i32, 0, 0);
    let mut is_fraction = false;
    while let Some(&byte) = text.get(len) {
        if byte == b'.' && !is_fraction {
            is_fraction = true;
        } else if let Some(digit) = char::from(byte).to_digit(16) {
            value = value * 16.0 + f64::from(digit);
            exponent -= if is_fraction { 4 } else { 0 };
            count += 1;
        } else {
            break;
        }
        len += 1;
    }
    if count == 0 {
        return None;
    }
    if matches!(text.get(len), Some(b'p' | b'P')) {
        let sign = usize::from(matches!(text.get(len + 1), Some(b'-' | b'+')));
        let digits: Vec<u8> =
            text[(len + 1 + sign).min(text.len())..].iter().copied().take_while(u8::is_ascii_digit).collect();
        if !digits.is_empty() {
            let power: i32 = String::from_utf8(digits.clone()).ok()?.parse().unwrap_or(100_000);
            let power = if text.get(len + 1) == Some(&b'-') { -power } else { power };
            exponent = exponent.saturating_add(power);
            len += 1 + sign + digits.len();
        }
    }
    Some((value * 2f64.powi(exponent), len))
}
