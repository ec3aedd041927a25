//! Every error text that a client can see, byte for byte as Redis 7.2 words it.

use crate::resp::text::raw;
use std::borrow::Cow;

/// What the client did wrong, or why it can't be served now. Nothing has changed when a handler returns one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    WrongType,
    Syntax,
    NotAnInteger,
    NotAFloat,
    OutOfRange,
    NoSuchKey,
    IndexOutOfRange,
    NanOrInfinity,
    Overflow,
    InvalidExpire(&'static str),
    WrongArity(&'static str),
    UnknownCommand(Box<[u8]>),
    UnknownSubcommand {
        container: &'static str,
        given: Box<[u8]>,
    },
    StringTooLong,
    NoAuth,
    WrongPass,
    NoPermission(Box<str>),
    OutOfMemory,
    /// There are fewer replicas than min-replicas-to-write.
    NoReplicas,
    LogFailed(Box<str>),
    DbIndexOutOfRange,
    Loading,
    Busy,
    BusyFunction,
    NoProto,
    /// WAITAOF without a log.
    NoLogToWaitFor,
    /// `ERR` and a text that only one command uses; it stands beside that command.
    Plain(Cow<'static, str>),
    /// A whole error line with its own prefix (`BUSYKEY ...`), without the leading `-`.
    Coded(Cow<'static, str>),
    /// The arguments of an unknown subcommand or bad arity of one, as Redis words it for containers.
    TryHelp {
        given: Box<[u8]>,
        container: &'static str,
    },
}

impl CommandError {
    /// What those are told who come while a script runs for too long.
    pub fn busy(with_function: bool) -> Self {
        if with_function { Self::BusyFunction } else { Self::Busy }
    }

    /// `ERR` followed by a text of the command's own.
    pub const fn text(text: &'static str) -> Self {
        Self::Plain(Cow::Borrowed(text))
    }

    /// `ERR` followed by a composed text, in which bytes of the client's stand as [`text::shown`](super::text::shown).
    pub fn formatted(text: String) -> Self {
        Self::Plain(Cow::Owned(text))
    }

    /// A whole line with its own code word, such as `NOSCRIPT ...`.
    pub const fn coded(line: &'static str) -> Self {
        Self::Coded(Cow::Borrowed(line))
    }

    /// The line without `-` and CRLF. Line breaks that a client smuggled in become spaces.
    pub fn line(&self) -> Cow<'static, [u8]> {
        let fixed: &'static str = match self {
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::Syntax => "ERR syntax error",
            Self::NotAnInteger => "ERR value is not an integer or out of range",
            Self::NotAFloat => "ERR value is not a valid float",
            Self::OutOfRange => "ERR value is out of range",
            Self::NoSuchKey => "ERR no such key",
            Self::IndexOutOfRange => "ERR index out of range",
            Self::NanOrInfinity => "ERR increment would produce NaN or Infinity",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::NoAuth => "NOAUTH Authentication required.",
            Self::WrongPass => "WRONGPASS invalid username-password pair or user is disabled.",
            Self::NoReplicas => "NOREPLICAS Not enough good replicas to write.",
            Self::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'.",
            Self::DbIndexOutOfRange => "ERR DB index is out of range",
            Self::Loading => "LOADING Redis is loading the dataset in memory",
            Self::Busy => {
                "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
            }
            Self::NoLogToWaitFor => {
                "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
            }
            Self::BusyFunction => {
                "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
            }
            Self::NoProto => "NOPROTO unsupported protocol version",
            Self::InvalidExpire(command) => {
                return format!("ERR invalid expire time in '{command}' command").into_bytes().into();
            }
            Self::WrongArity(command) => {
                return format!("ERR wrong number of arguments for '{command}' command").into_bytes().into();
            }
            Self::UnknownCommand(line) => return sanitized(line),
            Self::UnknownSubcommand { container, given } | Self::TryHelp { given, container } => {
                let mut line = match self {
                    Self::TryHelp { .. } => {
                        b"ERR unknown subcommand or wrong number of arguments for '".to_vec()
                    }
                    _ => b"ERR unknown subcommand '".to_vec(),
                };
                let given = before_nul(given);
                line.extend_from_slice(&given[..given.len().min(128)]);
                line.extend_from_slice(format!("'. Try {} HELP.", container.to_uppercase()).as_bytes());
                return sanitized(&line);
            }
            Self::NoPermission(text) => {
                return sanitized(&raw(&format!("NOPERM {text}")));
            }
            Self::LogFailed(cause) => {
                return sanitized(&raw(&format!("MISCONF Errors writing to the AOF file: {cause}")));
            }
            Self::Plain(text) => return sanitized(&raw(&format!("ERR {text}"))),
            Self::Coded(line) => return sanitized(&raw(line)),
        };
        Cow::Borrowed(fixed.as_bytes())
    }

    /// The code word, under which INFO counts the error.
    pub fn code(&self) -> String {
        let line = self.line();
        let end = memchr::memchr(b' ', &line).unwrap_or(line.len());
        String::from_utf8_lossy(&line[..end]).into_owned()
    }
}

/// The error for a command that is not in the table, naming it and its first arguments as Redis does.
pub fn unknown_command<'a>(name: &'a [u8], args: impl Iterator<Item = &'a [u8]>) -> CommandError {
    let mut line = b"ERR unknown command '".to_vec();
    let name = before_nul(name);
    line.extend_from_slice(&name[..name.len().min(128)]);
    line.extend_from_slice(b"', with args beginning with: ");
    let mut room = 128usize;
    for arg in args {
        if room == 0 {
            break;
        }
        let arg = before_nul(arg);
        let shown = &arg[..arg.len().min(room)];
        line.push(b'\'');
        line.extend_from_slice(shown);
        line.extend_from_slice(b"' ");
        room = room.saturating_sub(shown.len() + 3);
    }
    CommandError::UnknownCommand(line.into_boxed_slice())
}

/// Redis prints C strings: they end at the first NUL.
fn before_nul(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

fn sanitized(line: &[u8]) -> Cow<'static, [u8]> {
    let clean = |&byte: &u8| if byte == b'\r' || byte == b'\n' { b' ' } else { byte };
    Cow::Owned(line.iter().map(clean).collect())
}

/// The connection can't go on: the text is sent and the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    InvalidMultibulkLength,
    UnauthenticatedMultibulkLength,
    InvalidBulkLength,
    UnauthenticatedBulkLength,
    ExpectedDollar(u8),
    TooBigInline,
    TooBigMultibulkCount,
    TooBigBulkCount,
    UnbalancedQuotes,
}

impl ProtocolError {
    /// The line without `-` and CRLF.
    pub fn line(&self) -> Vec<u8> {
        let text = match self {
            Self::InvalidMultibulkLength => "invalid multibulk length",
            Self::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            Self::InvalidBulkLength => "invalid bulk length",
            Self::UnauthenticatedBulkLength => "unauthenticated bulk length",
            Self::TooBigInline => "too big inline request",
            Self::TooBigMultibulkCount => "too big mbulk count string",
            Self::TooBigBulkCount => "too big bulk count string",
            Self::UnbalancedQuotes => "unbalanced quotes in request",
            Self::ExpectedDollar(got) => {
                let mut line = b"ERR Protocol error: expected '$', got '".to_vec();
                line.push(if *got == b'\r' || *got == b'\n' { b' ' } else { *got });
                line.push(b'\'');
                return line;
            }
        };
        format!("ERR Protocol error: {text}").into_bytes()
    }
}
