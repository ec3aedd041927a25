//! Replies as Lua values, and Lua values as replies.

use crate::error::Error;
use crate::frame::{Frame, Type, to_integer};
use crate::vm::Finished;
use dunlin_structures::number::{DoubleBuffer, IntegerBuffer};
use std::collections::BTreeMap;

/// How deep replies of commands may be nested. None is as deep as that.
const DEPTH_MAX: usize = 128;

/// Pushes the value of a reply, given as RESP bytes.
pub(crate) fn to_value(frame: &mut Frame<'_>, reply: &[u8]) -> Result<(), Error> {
    let mut rest = reply;
    push_value(frame, &mut rest, 0)
}

const MALFORMED: Error = Error::text("malformed reply");

fn line<'r>(rest: &mut &'r [u8]) -> Result<(u8, &'r [u8]), Error> {
    let (&kind, text) = rest.split_first().ok_or(MALFORMED)?;
    let end = text.iter().position(|byte| *byte == b'\r').ok_or(MALFORMED)?;
    let line = &text[..end];
    *rest = text.get(end + 2..).ok_or(MALFORMED)?;
    Ok((kind, line))
}

fn integer(digits: &[u8]) -> Result<i64, Error> {
    // Lengths are short and come from here.
    let (is_negative, digits) = match digits.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, digits),
    };
    let mut value = 0i64;
    for digit in digits {
        let digit = i64::from(digit.wrapping_sub(b'0'));
        value = value.wrapping_mul(10).wrapping_sub(digit);
    }
    Ok(if is_negative { value } else { value.wrapping_neg() })
}

fn bulk<'r>(rest: &mut &'r [u8], len: i64) -> Result<&'r [u8], Error> {
    let len = usize::try_from(len).map_err(|_| MALFORMED)?;
    let text = rest.get(..len).ok_or(MALFORMED)?;
    *rest = rest.get(len + 2..).ok_or(MALFORMED)?;
    Ok(text)
}

/// Fails if there is no memory for so many elements. What they hold has been looked at with the whole reply.
fn check_elements(frame: &mut Frame<'_>, count: usize) -> Result<(), Error> {
    const ELEMENT_BYTES: usize = 40;
    if count < 1024 { Ok(()) } else { frame.check_memory(count.saturating_mul(ELEMENT_BYTES)) }
}

fn push_value(frame: &mut Frame<'_>, rest: &mut &[u8], depth: usize) -> Result<(), Error> {
    if depth > DEPTH_MAX {
        return Err(MALFORMED);
    }
    if depth > 0 {
        frame.reserve(6)?;
    }
    let (kind, text) = line(rest)?;
    match kind {
        b'$' => match integer(text)? {
            -1 => frame.push_boolean(false),
            len => {
                let text = bulk(rest, len)?;
                frame.push_bytes(text);
            }
        },
        b':' => frame.push_number(integer(text)? as f64),
        b'+' => {
            frame.push_table(0, 1);
            frame.push_bytes(text);
            frame.set_field_raw(c"ok");
        }
        b'-' => {
            let mut whole = Vec::with_capacity(text.len() + 1);
            whole.push(b'-');
            whole.extend_from_slice(text);
            frame.push_error_table(&whole, true);
        }
        b'*' => match integer(text)? {
            -1 => frame.push_boolean(false),
            len => {
                let len = usize::try_from(len).map_err(|_| MALFORMED)?;
                check_elements(frame, len)?;
                frame.push_table(len, 0);
                for index in 1..=len {
                    push_value(frame, rest, depth + 1)?;
                    frame.set_index_raw(index as i32);
                }
            }
        },
        b'%' | b'~' => {
            let is_map = kind == b'%';
            let len = integer(text)?;
            check_elements(frame, usize::try_from(len).unwrap_or(0))?;
            frame.push_table(0, 1);
            frame.push_table(0, usize::try_from(len).unwrap_or(0));
            for _ in 0..len {
                push_value(frame, rest, depth + 1)?;
                if is_map {
                    push_value(frame, rest, depth + 1)?;
                } else {
                    frame.push_boolean(true);
                }
                frame.set_raw(-3)?;
            }
            frame.set_field_raw(if is_map { c"map" } else { c"set" });
        }
        b'_' => frame.push_nil(),
        b'#' => frame.push_boolean(text == b"t"),
        b',' => {
            let value = match text {
                b"inf" => f64::INFINITY,
                b"-inf" => f64::NEG_INFINITY,
                b"nan" | b"-nan" => f64::NAN,
                _ => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(MALFORMED)?,
            };
            frame.push_table(0, 1);
            frame.push_number(value);
            frame.set_field_raw(c"double");
        }
        b'(' => {
            frame.push_table(0, 1);
            frame.push_bytes(text);
            frame.set_field_raw(c"big_number");
        }
        b'=' => {
            let text = bulk(rest, integer(text)?)?;
            let (format, text) = (text.get(..3).ok_or(MALFORMED)?, text.get(4..).ok_or(MALFORMED)?);
            frame.push_table(0, 1);
            frame.push_table(0, 2);
            frame.push_bytes(text);
            frame.set_field_raw(c"string");
            frame.push_bytes(format);
            frame.set_field_raw(c"format");
            frame.set_field_raw(c"verbatim_string");
        }
        b'|' => {
            for _ in 0..integer(text)? {
                push_value(frame, rest, depth + 1)?;
                push_value(frame, rest, depth + 1)?;
                frame.pop(2);
            }
            push_value(frame, rest, depth + 1)?;
        }
        _ => return Err(MALFORMED),
    }
    Ok(())
}

/// Writes the value on top as a reply, and takes it off. An error at the top is returned instead, as the caller has
/// to count it.
pub(crate) fn to_reply(frame: &mut Frame<'_>, out: &mut Vec<u8>, resp3: bool, script3: bool) -> Finished {
    if frame.type_of(-1) == Type::Table {
        frame.push_field_raw(-1, c"err");
        let is_error = frame.type_of(-1) == Type::String;
        frame.pop(1);
        if is_error {
            return failure_of_table(frame, None);
        }
    }
    let mut writer = Writer { out, resp3, script3, tables: 0, errors: None };
    match writer.value(frame) {
        Ok(()) => match writer.errors {
            None => Finished::Replied,
            Some(codes) => Finished::RepliedErrors { codes },
        },
        Err(Error::Plain(text) | Error::Table(text) | Error::Text(text)) => {
            Finished::Failed { line: [b"ERR ", &text[..]].concat(), counted: false }
        }
        Err(_) => unreachable!("no arguments are looked at"),
    }
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    resp3: bool,
    script3: bool,
    tables: u32,
    /// The codes of the errors that were written, as [`Finished::RepliedErrors`] has them.
    errors: Option<BTreeMap<Vec<u8>, u64>>,
}

/// Slots of Lua's stack that nested tables may take, one to three each: far fewer than in Redis, and far more than anybody
/// nests.
const NESTING_SLOTS: i32 = 2_000;
/// So much of an error line tells its code.
const CODE_MAX: usize = 32;
/// Tables between two looks at the clock.
const TABLES_PER_TICK: u32 = 256;

impl Writer<'_> {
    fn header(&mut self, kind: u8, value: i64) {
        let mut digits = IntegerBuffer::new();
        self.out.push(kind);
        self.out.extend_from_slice(digits.format(value));
        self.out.extend_from_slice(b"\r\n");
    }

    fn bulk(&mut self, text: &[u8]) {
        self.header(b'$', text.len() as i64);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.out.extend(text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        self.out.extend_from_slice(b"\r\n");
    }

    fn error(&mut self, line: &[u8], counted: bool) {
        self.line(b'-', line);
        let codes = self.errors.get_or_insert_default();
        if !counted {
            let code = line[..line.len().min(CODE_MAX)].split_inclusive(|byte| *byte == b' ').next();
            *codes.entry(code.unwrap_or_default().to_vec()).or_default() += 1;
        }
    }

    fn null(&mut self) {
        self.out.extend_from_slice(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// Writes the value on top, and takes it off. Fails if the script has to end, or the reply is too large.
    fn value(&mut self, frame: &mut Frame<'_>) -> Result<(), Error> {
        if frame.top() > NESTING_SLOTS || !frame.has_room(8) {
            self.error(b"ERR reached lua stack limit", false);
            frame.pop(1);
            return Ok(());
        }
        match frame.type_of(-1) {
            Type::String => {
                let text = frame.bytes(-1).unwrap_or_default();
                frame.check_reply(self.out.len() + text.len())?;
                self.bulk(text);
            }
            Type::Number => self.header(b':', frame.number(-1).map_or(0, to_integer)),
            Type::Boolean => match (frame.boolean(-1), self.script3, self.resp3) {
                (true, false, _) | (true, true, false) => self.out.extend_from_slice(b":1\r\n"),
                (false, false, _) => self.null(),
                (false, true, false) => self.out.extend_from_slice(b":0\r\n"),
                (true, true, true) => self.out.extend_from_slice(b"#t\r\n"),
                (false, true, true) => self.out.extend_from_slice(b"#f\r\n"),
            },
            Type::Table => self.table(frame)?,
            _ => self.null(),
        }
        frame.pop(1);
        Ok(())
    }

    /// Writes the table on top.
    fn table(&mut self, frame: &mut Frame<'_>) -> Result<(), Error> {
        self.tables += 1;
        if self.tables.is_multiple_of(TABLES_PER_TICK) {
            frame.tick()?;
            frame.check_reply(self.out.len())?;
        }
        // Most are arrays.
        let table = frame.top();
        frame.push_index(-1, 1);
        let may_be_array = frame.type_of(-1) != Type::Nil;
        frame.pop(1);
        let written = self.tagged(frame)?;
        frame.set_top(table);
        match (written, may_be_array) {
            (true, _) => Ok(()),
            (false, true) => self.array(frame),
            (false, false) => {
                self.out.extend_from_slice(b"*0\r\n");
                Ok(())
            }
        }
    }

    /// Writes a table that stands for another type; returns whether it is one.
    fn tagged(&mut self, frame: &mut Frame<'_>) -> Result<bool, Error> {
        let table = frame.top();
        let field = |frame: &mut Frame<'_>, name| {
            frame.set_top(table);
            frame.push_field_raw(table, name);
            frame.type_of(-1)
        };
        if field(frame, c"err") == Type::String {
            frame.set_top(table);
            frame.push_copy(table);
            if let Finished::Failed { line, counted } = failure_of_table(frame, None) {
                self.error(&line, counted);
            }
        } else if field(frame, c"ok") == Type::String {
            self.line(b'+', until_nul(frame.bytes(-1).unwrap_or_default()));
        } else if field(frame, c"double") == Type::Number {
            let number = frame.number(-1).unwrap_or_default();
            let mut digits = DoubleBuffer::new();
            if self.resp3 {
                let digits = digits.format(number);
                self.line(b',', digits);
            } else {
                self.bulk(digits.format(number));
            }
        } else if field(frame, c"big_number") == Type::String {
            let digits = frame.bytes(-1).unwrap_or_default();
            if self.resp3 {
                self.line(b'(', digits);
            } else {
                let clean = |&byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte };
                let digits: Vec<u8> = digits.iter().map(clean).collect();
                self.bulk(&digits);
            }
        } else if field(frame, c"verbatim_string") == Type::Table && self.verbatim(frame) {
        } else if field(frame, c"map") == Type::Table {
            self.pairs(frame, true)?;
        } else if field(frame, c"set") == Type::Table {
            self.pairs(frame, false)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn verbatim(&mut self, frame: &mut Frame<'_>) -> bool {
        frame.push_field_raw(-1, c"format");
        frame.push_field_raw(-2, c"string");
        let (Some(format), Some(text)) = (frame.bytes(-2), frame.bytes(-1)) else { return false };
        if !self.resp3 {
            self.bulk(text);
            return true;
        }
        let mut three = [b' '; 3];
        let len = format.len().min(3);
        three[..len].copy_from_slice(&format[..len]);
        self.header(b'=', text.len() as i64 + 4);
        self.out.extend_from_slice(&three);
        self.out.push(b':');
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
        true
    }

    /// Writes the keys of the table on top, and their values if it is a map.
    fn pairs(&mut self, frame: &mut Frame<'_>, is_map: bool) -> Result<(), Error> {
        let table = frame.top();
        let mut count = 0;
        frame.push_nil();
        while frame.next(table) {
            frame.pop(1);
            count += 1;
        }
        match (is_map, self.resp3) {
            (true, true) => self.header(b'%', count),
            (true, false) => self.header(b'*', 2 * count),
            (false, true) => self.header(b'~', count),
            (false, false) => self.header(b'*', count),
        }
        frame.push_nil();
        while frame.next(table) {
            frame.push_copy(-2);
            self.value(frame)?;
            if is_map {
                self.value(frame)?;
            } else {
                frame.pop(1);
            }
        }
        Ok(())
    }

    fn array(&mut self, frame: &mut Frame<'_>) -> Result<(), Error> {
        let mut count = 0;
        loop {
            frame.push_index(-1, count + 1);
            let is_over = frame.type_of(-1) == Type::Nil;
            frame.pop(1);
            if is_over {
                break;
            }
            count += 1;
        }
        self.header(b'*', i64::from(count));
        for index in 1..=count {
            frame.push_index(-1, index);
            self.value(frame)?;
        }
        Ok(())
    }
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Makes an error line of what a script failed with: the value on top, which is taken off.
pub(crate) fn failure(frame: &mut Frame<'_>, name: &str, is_library: bool) -> Finished {
    if frame.type_of(-1) == Type::Table {
        return failure_of_table(frame, (!is_library).then_some(name));
    }
    let text = frame.bytes(-1).unwrap_or(b"execution failure");
    let text = until_nul(text);
    let mut line = format!("ERR Error running script {name}, ").into_bytes();
    line.extend_from_slice(&text[..text.len().min(100)]);
    frame.pop(1);
    Finished::Failed { line, counted: false }
}

/// The error line of a table; with the place where it happened if the script's name is given.
fn failure_of_table(frame: &mut Frame<'_>, name: Option<&str>) -> Finished {
    let table = frame.top();
    let text = |frame: &mut Frame<'_>, field| {
        frame.push_field_raw(table, field);
        let text = frame.to_bytes(-1).map(|text| until_nul(text).to_vec());
        frame.set_top(table);
        text
    };
    let mut line = text(frame, c"err").unwrap_or_else(|| b"ERR unknown error".to_vec());
    let (source, at) = (text(frame, c"source"), text(frame, c"line"));
    if let (Some(name), Some(source), Some(at)) = (name, source, at) {
        line.extend_from_slice(format!(" script: {name}, on ").as_bytes());
        line.extend_from_slice(&source);
        line.push(b':');
        line.extend_from_slice(&at);
        line.push(b'.');
    }
    while line.last().is_some_and(|last| matches!(last, b'\r' | b'\n')) {
        line.pop();
    }
    frame.push_field_raw(table, c"ignore_error_stats_update");
    let counted = frame.type_of(-1) == Type::Boolean && frame.boolean(-1);
    frame.set_top(table);
    frame.pop(1);
    Finished::Failed { line, counted }
}
