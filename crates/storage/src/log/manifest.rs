//! The manifest: which files make up the log, in which order. The text is Redis 7's.
//!
//! ```text
//! file appendonly.aof.2.base.aof seq 2 type b
//! file appendonly.aof.1.incr.aof seq 1 type h
//! file appendonly.aof.4.incr.aof seq 4 type i
//! ```
//!
//! Pure text in, values out; knows nothing of disks.

use std::fmt::Write;

/// Redis reads lines up to this length, the line feed included.
const LINE_BYTES_MAX: usize = 1024;

/// No log comes so far; the next number still fits into 64 bits.
const SEQUENCE_MAX: u64 = 1 << 62;

/// One file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// A name without a directory.
    pub name: String,
    pub sequence: u64,
}

/// The files of a log. The incr files are in ascending order of their sequence numbers, and come after the base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub base: Option<LogFile>,
    /// Files that a rewrite has replaced and that are to be removed.
    pub history: Vec<LogFile>,
    pub incr: Vec<LogFile>,
    /// Comment lines, kept as they came.
    comments: Vec<String>,
}

/// Why a manifest can't be read. The texts are Redis'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestProblem {
    /// Counted from 1.
    pub line: usize,
    pub problem: &'static str,
    pub text: String,
}

impl Manifest {
    /// Whether it names no file that holds data.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.incr.is_empty()
    }

    /// The files to load, in order.
    pub fn files(&self) -> impl Iterator<Item = &LogFile> {
        self.base.iter().chain(&self.incr)
    }

    /// Whether a file of this name is part of the log, or was.
    pub fn names(&self, name: &str) -> bool {
        self.files().chain(&self.history).any(|file| file.name == name)
    }

    /// One more than the highest sequence number of any base that it names.
    pub fn next_base_sequence(&self) -> u64 {
        self.base.as_ref().map_or(0, |base| base.sequence) + 1
    }

    /// One more than the highest sequence number of any incr file that it names.
    pub fn next_incr_sequence(&self) -> u64 {
        self.incr.last().map_or(0, |incr| incr.sequence) + 1
    }

    /// The text of the manifest.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for comment in &self.comments {
            text.push_str(comment);
            text.push('\n');
        }
        let typed = [('b', self.base.as_slice()), ('h', &self.history), ('i', &self.incr)];
        for (kind, files) in typed {
            for LogFile { name, sequence } in files {
                // Writing to a String can't fail.
                let _infallible = writeln!(text, "file {} seq {sequence} type {kind}", quoted(name));
            }
        }
        text
    }

    /// Reads the text of a manifest, accepting what Redis accepts: comments, quoted names, unknown keys.
    ///
    /// # Errors
    /// The first line that Redis would refuse, and why.
    pub fn parse(text: &str) -> Result<Self, ManifestProblem> {
        let mut manifest = Self::default();
        if text.is_empty() {
            return Err(problem(0, "Found an empty AOF manifest", ""));
        }
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let number = index + 1;
            if line.starts_with('#') {
                manifest.comments.push(line.trim_end().to_owned());
                continue;
            }
            if !line.ends_with('\n') || line.len() > LINE_BYTES_MAX {
                return Err(problem(number, "The AOF manifest file contains too long line", line));
            }
            manifest.take_line(line.trim()).map_err(|text| problem(number, text, line.trim()))?;
        }
        Ok(manifest)
    }

    fn take_line(&mut self, line: &str) -> Result<(), &'static str> {
        const INVALID: &str = "Invalid AOF manifest file format";
        let words = split_words(line).ok_or(INVALID)?;
        if words.len() < 6 || words.len() % 2 != 0 {
            return Err(INVALID);
        }
        let (mut name, mut sequence, mut kind) = (None, None, None);
        for pair in words.chunks_exact(2) {
            let (key, value) = (&pair[0], &pair[1]);
            if key.eq_ignore_ascii_case("file") {
                if value.is_empty() || value.contains(['/', '\\']) {
                    return Err("File can't be a path, just a filename");
                }
                name = Some(value.clone());
            } else if key.eq_ignore_ascii_case("seq") {
                sequence = value.parse().ok().filter(|sequence| (1..=SEQUENCE_MAX).contains(sequence));
            } else if key.eq_ignore_ascii_case("type") {
                kind = value.chars().next();
            }
        }
        let (Some(name), Some(sequence), Some(kind)) = (name, sequence, kind) else { return Err(INVALID) };
        let file = LogFile { name, sequence };
        match kind {
            'b' if self.base.is_some() => return Err("Found duplicate base file information"),
            'b' => self.base = Some(file),
            'h' => self.history.push(file),
            'i' if self.next_incr_sequence() > sequence => {
                return Err("Found a non-monotonic sequence number");
            }
            'i' => self.incr.push(file),
            _ => return Err("Unknown AOF file type"),
        }
        Ok(())
    }
}

fn problem(line: usize, problem: &'static str, text: &str) -> ManifestProblem {
    ManifestProblem { line, problem, text: text.to_owned() }
}

/// The name as it stands in the manifest: in quotes if it has spaces or anything else that needs care.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\');
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    let mut text = String::from("\"");
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                // Writing to a String can't fail.
                let _infallible = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text.push('"');
    text
}

/// Splits a line at white space as redis.conf and redis-cli do: double quotes with escapes, single quotes without.
/// `None` if a quote isn't closed or is followed by something else than a space.
fn split_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start().as_bytes();
    while !rest.is_empty() {
        let mut word = Vec::new();
        rest = match rest[0] {
            quote @ (b'"' | b'\'') => quoted_word(&rest[1..], quote, &mut word)?,
            _ => bare_word(rest, &mut word)?,
        };
        words.push(String::from_utf8(word).ok()?);
        rest = rest.trim_ascii_start();
    }
    Some(words)
}

fn bare_word<'a>(bytes: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    let end = bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len());
    // Redis would open a quote in the middle of a word; nobody writes such names.
    if bytes[..end].contains(&b'"') {
        return None;
    }
    word.extend_from_slice(&bytes[..end]);
    Some(&bytes[end..])
}

fn quoted_word<'a>(bytes: &'a [u8], quote: u8, word: &mut Vec<u8>) -> Option<&'a [u8]> {
    let mut at = 0;
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        if byte == quote {
            let rest = &bytes[at..];
            return rest.first().is_none_or(u8::is_ascii_whitespace).then_some(rest);
        }
        if byte != b'\\' {
            word.push(byte);
            continue;
        }
        let escaped = *bytes.get(at)?;
        if quote == b'\'' {
            if escaped == b'\'' {
                at += 1;
            }
            word.push(if escaped == b'\'' { b'\'' } else { b'\\' });
            continue;
        }
        at += 1;
        let hex = (escaped == b'x')
            .then(|| bytes.get(at..at + 2))
            .flatten()
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        if hex.is_some() {
            at += 2;
        }
        word.push(hex.unwrap_or(match escaped {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 0x07,
            b'b' => 0x08,
            other => other,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, sequence: u64) -> LogFile {
        LogFile { name: name.to_owned(), sequence }
    }

    #[test]
    fn text_is_as_redis_writes_it() {
        let manifest = Manifest {
            base: Some(file("appendonly.aof.2.base.aof", 2)),
            history: vec![file("appendonly.aof.1.incr.aof", 1)],
            incr: vec![file("a b\"\n\u{e9}.2.incr.aof", 2), file("x.3.incr.aof", 3)],
            comments: Vec::new(),
        };
        let text = "file appendonly.aof.2.base.aof seq 2 type b\n\
                    file appendonly.aof.1.incr.aof seq 1 type h\n\
                    file \"a b\\\"\\n\\xc3\\xa9.2.incr.aof\" seq 2 type i\n\
                    file x.3.incr.aof seq 3 type i\n";
        assert_eq!(manifest.to_text(), text);
        assert_eq!(Manifest::parse(text), Ok(manifest));
    }

    #[test]
    fn what_redis_accepts_is_accepted() {
        let text =
            "# a comment\nFILE 'a\\'b' Seq 7 new-key \"new value\" type incr\n\tfile x seq 8  type i\r\n";
        let manifest = Manifest::parse(text).expect("valid");
        assert_eq!(manifest.incr, [file("a'b", 7), file("x", 8)]);
        assert!(manifest.to_text().starts_with("# a comment\nfile \"a'b\" seq 7 type i\n"));
    }

    #[test]
    fn what_redis_refuses_is_refused() {
        let long = format!("file {} seq 1 type i\n", "x".repeat(1100));
        let cases = [
            ("", 0, "empty"),
            ("\n", 1, "Invalid"),
            ("file a seq 1\n", 1, "Invalid"),
            ("file a seq 1 type i x\n", 1, "Invalid"),
            ("file a seq 0 type i\n", 1, "Invalid"),
            ("file a seq x type i\n", 1, "Invalid"),
            // Its successor overflowed.
            ("file a seq 18446744073709551615 type i\n", 1, "Invalid"),
            ("file \"a seq 1 type i\n", 1, "Invalid"),
            ("file ../a seq 1 type i\n", 1, "path"),
            ("file a seq 1 type z\n", 1, "Unknown"),
            ("file a seq 1 type i", 1, "too long"),
            (&long, 1, "too long"),
            ("file a seq 1 type b\nfile b seq 2 type b\n", 2, "duplicate"),
            ("file a seq 2 type i\nfile b seq 2 type i\n", 2, "non-monotonic"),
        ];
        for (text, line, part) in cases {
            let problem = Manifest::parse(text).expect_err(text);
            assert_eq!(problem.line, line, "{text}");
            assert!(problem.problem.contains(part), "{text}: {}", problem.problem);
        }
    }
}
