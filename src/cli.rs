//! The command line: `dunlin [redis.conf] [--name value ...] [-]`, as redis-server takes it.
//!
//! Decides what was asked for and builds the configuration; prints nothing and starts nothing.

use crate::config::load::{ENVIRONMENT_PREFIX, is_directive};
use crate::config::quote;
use crate::config::{Config, LoadError, Loader, Machine, Source};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What `--help` prints.
pub const USAGE: &str = "\
Usage: dunlin [/path/to/redis.conf] [--name value ...] [-]
       dunlin - (read the configuration from standard input)
       dunlin -v or --version
       dunlin -h or --help
       dunlin [...] --check-config (say whether the configuration is right, and start nothing)

Options are lines of redis.conf with -- before them, and may have several values.
Settings also come from the environment: DUNLIN_MAXMEMORY=1gb is maxmemory 1gb.
Options win over the environment, the environment over the file.

Examples:
       dunlin (with the defaults: 127.0.0.1:6379, nothing kept on disk)
       echo 'maxmemory 128mb' | dunlin -
       dunlin /etc/redis/6379.conf
       dunlin --port 7777 --bind 127.0.0.1 ::1
       dunlin --appendonly yes --dir /var/lib/dunlin
       dunlin /etc/myredis.conf --loglevel verbose -
";

/// What `--version` prints.
pub fn version() -> String {
    format!("Dunlin v={} bits={} (speaks like Redis 7.2.4)", env!("CARGO_PKG_VERSION"), usize::BITS)
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Help,
    Version,
    /// Something that redis-server can and we cannot; with the reason.
    Unsupported(String),
    Start(Sources),
}

/// Where the configuration is to come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    pub from_stdin: bool,
    /// Options, as lines of a configuration file.
    pub options: Vec<u8>,
    /// Only say whether it is right.
    pub check_only: bool,
}

/// Reads the arguments after the program's name.
pub fn read(arguments: &[OsString]) -> Request {
    let mut words: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
    match words.first() {
        Some(&b"-h" | &b"--help") => return Request::Help,
        Some(&b"-v" | &b"--version") => return Request::Version,
        Some(&b"--test-memory") => {
            return Request::Unsupported(
                "--test-memory is not supported: memtester and memtest86+ test memory better.".into(),
            );
        }
        Some(&b"--check-system") => {
            return Request::Unsupported("--check-system is not supported.".into());
        }
        _ => {}
    }
    let mut sources = Sources::default();
    words.retain(|word| {
        sources.check_only |= word == b"--check-config";
        word != b"--check-config"
    });
    // As redis-server takes it: first or last.
    if words.first() == Some(&b"-".as_slice()) {
        sources.from_stdin = true;
        words.remove(0);
    }
    if let Some(first) = words.first().filter(|_| !sources.from_stdin).filter(|word| !word.starts_with(b"-"))
    {
        sources.file = Some(PathBuf::from(std::ffi::OsStr::from_bytes(first)));
        words.remove(0);
    }
    if words.last() == Some(&b"-".as_slice()) {
        sources.from_stdin = true;
        words.pop();
    }
    // redis-server takes words without dashes for a line, and so do we if they may be one.
    if let Some(word) = words.first().filter(|word| !word.starts_with(b"-") && !is_directive(word)) {
        let shown = String::from_utf8_lossy(word);
        return Request::Unsupported(match &sources.file {
            Some(file) => format!(
                "'{shown}': one configuration file can be given, and that is '{}'. A line 'include {shown}' in it reads \
                 another one; options begin with --.",
                file.display()
            ),
            None => format!(
                "'{shown}': the configuration is read from standard input, and from no file too. Options begin with --."
            ),
        });
    }
    sources.options = option_lines(&words);
    Request::Start(sources)
}

/// Options joined to lines. A word that begins with `--` begins a line, unless it follows an option that has no value
/// yet: it is then that value (a password may well look like an option).
fn option_lines(words: &[&[u8]]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut needs_value = false;
    for (index, word) in words.iter().enumerate() {
        let Some(option) = word.strip_prefix(b"--").filter(|_| !needs_value) else {
            quote::quote_into(word, &mut lines);
            lines.push(b' ');
            needs_value = false;
            continue;
        };
        if !lines.is_empty() {
            lines.push(b'\n');
        }
        lines.extend(option);
        lines.push(b' ');
        // `--port 6380` may be one word, which is then whole.
        needs_value = quote::split(option).is_ok_and(|parts| parts.len() == 1);
        // An empty list of save points, as scripts make it of an empty array.
        let next_is_option = words.get(index + 1).is_none_or(|next| next.starts_with(b"--"));
        if needs_value && option.eq_ignore_ascii_case(b"save") && next_is_option {
            lines.extend(b"\"\"");
            needs_value = false;
        }
    }
    lines
}

/// Builds the configuration: file, standard input (if [`Sources::from_stdin`]), environment, options; later ones win.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn load(
    sources: &Sources,
    machine: &Machine,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    stdin: &[u8],
) -> Result<Config, LoadError> {
    let mut loader = Loader::new(machine);
    if let Some(file) = &sources.file {
        loader.file(file)?;
    }
    if sources.from_stdin {
        loader.text(Source::StandardInput, stdin)?;
    }
    loader.environment(environment)?;
    loader.text(Source::CommandLine, &sources.options)?;
    Ok(loader.finish())
}

/// True for a variable that [`load`] would read, so that a test can start a child without them.
pub fn is_setting_variable(name: &std::ffi::OsStr) -> bool {
    name.as_bytes().starts_with(ENVIRONMENT_PREFIX.as_bytes())
}

#[cfg(test)]
mod tests;
