//! Text of redis.conf to directives that remember where they stood.
//!
//! ```text
//! # a comment                  (skipped; a # only counts at the beginning of a line)
//! save 3600 1                  → line 2: save | 3600 | 1
//! include conf.d/*.conf        (a directive like any other here; `load` follows it)
//! ```
//! Knows no setting and opens no file, but for [`expand`], which lists directories.

use super::glob;
use super::quote;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Of a longer line only the beginning is shown.
const SHOWN_BYTES_MAX: usize = 512;

/// Where configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    StandardInput,
    CommandLine,
    Environment,
}

/// One place in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub source: Arc<Source>,
    /// From 1.
    pub line: usize,
    /// The line without blanks at its ends.
    pub text: Vec<u8>,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.source {
            Source::File(path) => {
                write!(out, "Reading the configuration file '{}', at line {}", path.display(), self.line)?;
            }
            Source::StandardInput => {
                write!(out, "Reading the configuration file from standard input, at line {}", self.line)?;
            }
            Source::CommandLine => write!(out, "Reading the command line")?,
            Source::Environment => write!(out, "Reading the environment")?,
        }
        let shown = &self.text[..self.text.len().min(SHOWN_BYTES_MAX)];
        let more = if shown.len() < self.text.len() { "..." } else { "" };
        write!(out, "\n>>> '{}{more}'", String::from_utf8_lossy(shown))
    }
}

/// A line's arguments; the first one is the directive's name, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    pub name: Vec<u8>,
    pub arguments: Vec<Vec<u8>>,
    pub origin: Origin,
}

/// What one line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A comment or nothing.
    Blank,
    Directive {
        name: Vec<u8>,
        arguments: Vec<Vec<u8>>,
    },
    UnbalancedQuotes,
}

/// Reads one line, which may have blanks at its ends.
pub fn read_line(line: &[u8]) -> Line {
    let line = trim(line);
    if line.first().is_none_or(|&byte| byte == b'#') {
        return Line::Blank;
    }
    let Ok(mut arguments) = quote::split(line) else { return Line::UnbalancedQuotes };
    if arguments.is_empty() {
        return Line::Blank;
    }
    let name = arguments.remove(0).to_ascii_lowercase();
    Line::Directive { name, arguments }
}

/// The line without blanks at its ends.
pub fn trim(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| b" \t\r\n".contains(byte);
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &line[start..end]
}

/// All directives of a text, in order.
///
/// # Errors
/// The place of the first line whose quotes are unbalanced.
pub fn directives(text: &[u8], source: &Arc<Source>) -> Result<Vec<Directive>, Origin> {
    let mut directives = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let origin = || Origin { source: Arc::clone(source), line: index + 1, text: trim(line).to_vec() };
        match read_line(line) {
            Line::Blank => {}
            Line::Directive { name, arguments } => {
                directives.push(Directive { name, arguments, origin: origin() });
            }
            Line::UnbalancedQuotes => return Err(origin()),
        }
    }
    Ok(directives)
}

/// The files that an `include` names: the path itself, or those that match its pattern, sorted (perhaps none).
/// A pattern matches within one part of the path; hidden files only match where the pattern begins with a dot.
pub fn expand(path: &[u8]) -> Vec<PathBuf> {
    if !glob::is_pattern(path) {
        return vec![PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()))];
    }
    let start = if path.first() == Some(&b'/') { PathBuf::from("/") } else { PathBuf::new() };
    let mut found = vec![start];
    for part in path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
        found = found.iter().flat_map(|directory| expand_part(directory, part)).collect();
    }
    found.retain(|path| path.exists());
    found.sort();
    found
}

fn expand_part(directory: &Path, part: &[u8]) -> Vec<PathBuf> {
    if !glob::is_pattern(part) {
        return vec![directory.join(std::ffi::OsStr::from_bytes(part))];
    }
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let Ok(entries) = std::fs::read_dir(listed) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name()));
    let hidden_too = part.first() == Some(&b'.');
    names
        .filter(|name| hidden_too || name.as_bytes().first() != Some(&b'.'))
        .filter(|name| glob::matches(part, name.as_bytes(), false))
        .map(|name| directory.join(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(line: &str) -> Vec<String> {
        match read_line(line.as_bytes()) {
            Line::Blank => vec![],
            Line::Directive { name, arguments } => std::iter::once(name)
                .chain(arguments)
                .map(|word| String::from_utf8_lossy(&word).into_owned())
                .collect(),
            Line::UnbalancedQuotes => vec!["unbalanced".into()],
        }
    }

    #[test]
    fn lines_are_read_as_redis_reads_them() {
        for (line, expect) in [
            ("", &[][..]),
            ("   \t\r", &[]),
            ("# port 1", &[]),
            ("   # port 1", &[]),
            ("PORT 6379", &["port", "6379"]),
            ("  save 3600 1 \r", &["save", "3600", "1"]),
            ("port 6379 # not a comment", &["port", "6379", "#", "not", "a", "comment"]),
            ("requirepass \"a b\\x21\"", &["requirepass", "a b!"]),
            ("dir '/a", &["unbalanced"]),
        ] {
            assert_eq!(words(line), expect, "{line:?}");
        }
    }

    #[test]
    fn directives_keep_their_lines() {
        let source = Arc::new(Source::StandardInput);
        let read = directives(b"# one\n\nport 1\n  bind a b\n", &source).expect("the quotes are balanced");
        let places: Vec<_> = read.iter().map(|directive| directive.origin.line).collect();
        assert_eq!(places, [3, 4]);
        assert_eq!(read[1].origin.text, b"bind a b");
        let wrong = directives(b"port 1\n bind \"a\n", &source).expect_err("a quote is open");
        assert_eq!((wrong.line, wrong.text.as_slice()), (2, b"bind \"a".as_slice()));
    }

    #[test]
    fn of_a_very_long_line_the_beginning_is_shown() {
        let source = Arc::new(Source::StandardInput);
        let text = format!("port {}", "1".repeat(300_000));
        let read = directives(text.as_bytes(), &source).expect("there are no quotes");
        let shown = read[0].origin.to_string();
        assert!(shown.len() < 700 && shown.ends_with("111...'"), "{shown}");
    }

    #[test]
    fn includes_expand_sorted_and_without_hidden_files() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for name in ["b.conf", "a.conf", ".c.conf", "d.txt"] {
            std::fs::write(directory.path().join(name), "").expect("a file can be written");
        }
        let found = |pattern: &str| -> Vec<String> {
            let paths = expand(directory.path().join(pattern).as_os_str().as_bytes());
            let names = paths.iter().filter_map(|path| path.file_name());
            names.map(|name| name.to_string_lossy().into_owned()).collect()
        };
        assert_eq!(found("*.conf"), ["a.conf", "b.conf"]);
        assert_eq!(found("[ab].con?"), ["a.conf", "b.conf"]);
        assert_eq!(found(".*"), [".c.conf"]);
        assert_eq!(found("*.none"), [""; 0]);
        assert_eq!(found("missing"), ["missing"]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(text in any::<Vec<u8>>()) {
            let _ = directives(&text, &Arc::new(Source::StandardInput));
        }
    }
}
