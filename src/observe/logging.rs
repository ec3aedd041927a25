//! The log: what the server tells its operator, a line at a time, to a file or to standard output.
//!
//! ```text
//! 4711:M 22 Nov 2026 05:36:09.740 * Ready to accept connections tcp
//! ```
//! has the process, its role, the local time, and a sign for the level: `.` debug, `-` verbose, `*` notice, `#`
//! warning, as Redis writes it. Code says `tracing::info!` for a notice and `tracing::warn!` or `error!` for a
//! warning; `debug!` is verbose and `trace!` is debug. With `log-format json` a line is an object,
//! with the time in UTC.
//!
//! The file is opened for each line, as Redis does, so that it may be moved away at any time. A line that can't be
//! written is lost: a full disk must not stop the server.

use crate::config::load::reason;
use crate::config::{LogFormat, LogLevel};
use crate::state::unix_ms;
use chrono::{DateTime, Local, SecondsFormat, TimeZone, Utc};
use std::fmt::{self, Write as _};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

/// What of the log can change while the server runs: how much it tells, and in which form. Cheap to copy.
#[derive(Debug, Clone)]
pub struct Manner {
    level: Arc<AtomicU8>,
    json: Arc<AtomicBool>,
}

impl Manner {
    fn new(level: LogLevel, format: LogFormat) -> Self {
        Manner {
            level: Arc::new(AtomicU8::new(level as u8)),
            json: Arc::new(AtomicBool::new(format == LogFormat::Json)),
        }
    }

    /// Takes effect at once, for all threads.
    pub fn set(&self, level: LogLevel, format: LogFormat) {
        self.json.store(format == LogFormat::Json, Ordering::Relaxed);
        self.level.store(level as u8, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }

    fn filter(&self) -> LevelFilter {
        match self.level.load(Ordering::Relaxed) {
            level if level == LogLevel::Debug as u8 => LevelFilter::TRACE,
            level if level == LogLevel::Verbose as u8 => LevelFilter::DEBUG,
            level if level == LogLevel::Notice as u8 => LevelFilter::INFO,
            level if level == LogLevel::Warning as u8 => LevelFilter::WARN,
            _ => LevelFilter::OFF,
        }
    }
}

/// Begins to log, for the whole process, to a file or to standard output. Only the first call has an effect on where
/// the log goes.
///
/// # Errors
/// When the file can't be opened for writing, in Redis' words.
pub fn start(file: Option<PathBuf>, level: LogLevel, format: LogFormat) -> Result<Manner, String> {
    if let Some(file) = &file {
        append(file, b"").map_err(|error| format!("Can't open the log file: {}", reason(&error)))?;
    }
    let manner = Manner::new(level, format);
    let lines = Lines { file, manner: manner.clone(), process: std::process::id() };
    // A test's process may have a log already.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(lines));
    Ok(manner)
}

fn append(file: &Path, line: &[u8]) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open(file)?.write_all(line)
}

/// Turns events into lines.
struct Lines {
    /// `None` for standard output.
    file: Option<PathBuf>,
    manner: Manner,
    process: u32,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Asked again whenever the level changes.
        if *metadata.level() <= self.manner.filter() { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.manner.filter()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.manner.filter())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let now_ms = unix_ms();
        let level = *event.metadata().level();
        let line = match self.manner.json.load(Ordering::Relaxed) {
            false => human_line(self.process, &local_time(now_ms), level, &text),
            true => json_line(self.process, &rfc3339(now_ms), level, &text),
        };
        let _ = match &self.file {
            Some(file) => append(file, line.as_bytes()),
            None => std::io::stdout().write_all(line.as_bytes()),
        };
    }
}

/// What an event says.
#[derive(Default)]
struct Text {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Text {
    fn push(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else {
            self.fields.push((field.name(), value));
        }
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, format!("{value:?}"));
    }
}

/// One line, whatever the message has in it: a client must not be able to forge lines.
fn human_line(process: u32, time: &str, level: Level, text: &Text) -> String {
    let sign = match level {
        Level::TRACE => '.',
        Level::DEBUG => '-',
        Level::INFO => '*',
        Level::WARN | Level::ERROR => '#',
    };
    let mut line = format!("{process}:M {time} {sign} ");
    let mut plain = |text: &str| {
        line.extend(text.chars().map(|char| if char.is_control() { ' ' } else { char }));
    };
    plain(&text.message);
    for (name, value) in &text.fields {
        plain(&format!(" {name}={value}"));
    }
    line.push('\n');
    line
}

fn json_line(process: u32, time: &str, level: Level, text: &Text) -> String {
    let level = match level {
        Level::TRACE => "debug",
        Level::DEBUG => "verbose",
        Level::INFO => "notice",
        Level::WARN | Level::ERROR => "warning",
    };
    let mut line = format!("{{\"time\":\"{time}\",\"level\":\"{level}\",\"pid\":{process},\"message\":");
    push_json_string(&text.message, &mut line);
    for (name, value) in &text.fields {
        line.push(',');
        push_json_string(name, &mut line);
        line.push(':');
        push_json_string(value, &mut line);
    }
    line.push_str("}\n");
    line
}

fn push_json_string(text: &str, line: &mut String) {
    line.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => line.extend(['\\', char]),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            _ if char.is_control() => {
                let _ = write!(line, "\\u{:04x}", u32::from(char)); // Writing to a String can't fail.
            }
            _ => line.push(char),
        }
    }
    line.push('"');
}

/// The time of a line: as Redis writes it, in the zone of the machine (`TZ` counts).
fn local_time(unix_ms: i64) -> String {
    written_as_redis(&time(unix_ms).with_timezone(&Local))
}

fn written_as_redis<Zone: TimeZone<Offset: fmt::Display>>(time: &DateTime<Zone>) -> String {
    time.format("%d %b %Y %H:%M:%S%.3f").to_string()
}

/// For machines: in UTC.
fn rfc3339(unix_ms: i64) -> String {
    time(unix_ms).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A clock that is beyond all calendars reads as 1970.
fn time(unix_ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(unix_ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_apart() {
        for (unix_ms, redis, rfc) in [
            (0, "01 Jan 1970 00:00:00.000", "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "29 Feb 2000 00:00:00.000", "2000-02-29T00:00:00.000Z"),
            (1_704_067_199_999, "31 Dec 2023 23:59:59.999", "2023-12-31T23:59:59.999Z"),
            (4_107_542_400_000, "01 Mar 2100 00:00:00.000", "2100-03-01T00:00:00.000Z"),
            (1_795_325_769_740, "22 Nov 2026 05:36:09.740", "2026-11-22T05:36:09.740Z"),
        ] {
            assert_eq!((written_as_redis(&time(unix_ms)), rfc3339(unix_ms)), (redis.into(), rfc.into()));
        }
        assert_eq!(time(i64::MAX), time(0));
    }

    #[test]
    fn lines_have_the_form_of_redis_or_json_and_are_one_line() {
        let text = Text { message: "a \"b\"\nforged".into(), fields: vec![("client", "1\r\n".into())] };
        let human = human_line(7, "01 Jan 1970 00:00:00.000", Level::WARN, &text);
        assert_eq!(human, "7:M 01 Jan 1970 00:00:00.000 # a \"b\" forged client=1  \n");
        let json = json_line(7, &rfc3339(0), Level::INFO, &text);
        assert_eq!(
            json,
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"notice\",\"pid\":7,\
             \"message\":\"a \\\"b\\\"\\nforged\",\"client\":\"1\\r\\n\"}\n"
        );
    }

    #[test]
    fn events_reach_the_file_from_their_level_on() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("log");
        let manner = Manner::new(LogLevel::Notice, LogFormat::Human);
        let lines = Lines { file: Some(file.clone()), manner: manner.clone(), process: 7 };
        let subscriber = Registry::default().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let say = || {
                tracing::trace!("one");
                tracing::debug!("two");
                tracing::info!(number = 3, "three");
                tracing::warn!("four");
            };
            say();
            manner.set(LogLevel::Debug, LogFormat::Human);
            say();
            manner.set(LogLevel::Warning, LogFormat::Human);
            say();
            manner.set(LogLevel::Nothing, LogFormat::Human);
            say();
        });
        let text = std::fs::read_to_string(&file).expect("the log is there");
        let signs: Vec<&str> = text.lines().filter_map(|line| line.split(' ').nth(5)).collect();
        assert_eq!(signs, ["*", "#", ".", "-", "*", "#", "#"], "{text}");
        assert!(text.contains("* three number=3\n"), "{text}");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_refused() {
        let file = Some("/nonexistent/log".into());
        let error = start(file, LogLevel::Notice, LogFormat::Human).expect_err("there is no such directory");
        assert_eq!(error, "Can't open the log file: No such file or directory");
    }
}
