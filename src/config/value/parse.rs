//! Text to values of settings; the errors are in Redis' words.

use super::{BufferLimit, BufferLimits, MemoryLimit, SavePoint, Value, ValueError};
use crate::config::events;
use crate::config::setting::{Kind, TextRule};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

fn wrong<T>(text: &str) -> Result<T, ValueError> {
    Err(ValueError(text.into()))
}

/// Reads a value. `current` is what the setting has now: groups that are not named keep it, and with `accumulate`
/// (later `save` lines of a file) it is added to.
///
/// # Errors
/// [`ValueError`] in Redis' words.
pub fn parse(
    kind: Kind,
    arguments: &[&[u8]],
    current: &Value,
    accumulate: bool,
) -> Result<Value, ValueError> {
    if kind.takes_many() {
        return parse_many(kind, arguments, current, accumulate);
    }
    let &[argument] = arguments else { return wrong("wrong number of arguments") };
    match kind {
        Kind::Flag if argument.eq_ignore_ascii_case(b"yes") => Ok(Value::Flag(true)),
        Kind::Flag if argument.eq_ignore_ascii_case(b"no") => Ok(Value::Flag(false)),
        Kind::Flag => wrong("argument must be 'yes' or 'no'"),
        Kind::Int { min, max } => parse_int(argument, min, max).map(Value::Int),
        Kind::Clamped { min, max } => {
            parse_int(argument, 0, i64::from(i32::MAX)).map(|number| Value::Int(number.clamp(min, max)))
        }
        Kind::Memory { min, max } => {
            let Some(bytes) = memory(argument) else { return wrong("argument must be a memory value") };
            if !(min..=max).contains(&bytes) {
                return Err(ValueError(format!("argument must be between {min} and {max} inclusive")));
            }
            Ok(Value::Bytes(bytes))
        }
        Kind::MemoryOrPercent => parse_limit(argument).map(Value::Limit),
        Kind::Octal { max } => {
            let Some(bits) =
                std::str::from_utf8(argument).ok().and_then(|text| u32::from_str_radix(text, 8).ok())
            else {
                return wrong("argument couldn't be parsed as an octal number");
            };
            if bits > max {
                return Err(ValueError(format!("argument must be between 0 and {max:o} inclusive")));
            }
            Ok(Value::Octal(bits))
        }
        Kind::Choice(words) => word_index(words, argument).map(Value::Choice),
        Kind::Events => match events::bits(argument) {
            Some(bits) => Ok(Value::Events(bits)),
            None => wrong("Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        },
        Kind::Directory => {
            let Value::Text(present) = current else { return wrong("wrong number of arguments") };
            let path = Path::new(OsStr::from_bytes(present)).join(OsStr::from_bytes(argument));
            // Without `.` and doubled slashes; `..` stays, since it depends on links.
            let path: PathBuf = path.components().collect();
            Ok(Value::Text(path.into_os_string().into_vec()))
        }
        _ => {
            let Kind::Text(rule) = kind else { return wrong("wrong number of arguments") };
            check_text(rule, argument)?;
            Ok(Value::Text(argument.to_vec()))
        }
    }
}

fn parse_many(
    kind: Kind,
    arguments: &[&[u8]],
    current: &Value,
    accumulate: bool,
) -> Result<Value, ValueError> {
    // One empty argument stands for none.
    let listed = if arguments == [b"".as_slice()] { &[] } else { arguments };
    match (kind, current) {
        (Kind::Flags(words), _) => parse_flags(words, arguments),
        (Kind::Words { max }, _) if arguments.len() > max => wrong("Too many bind addresses specified."),
        (Kind::Words { .. }, _) => Ok(Value::Words(listed.iter().map(|word| word.to_vec()).collect())),
        (Kind::Save, Value::Save(before)) => {
            let keep = accumulate && !listed.is_empty();
            let mut points = if keep { before.clone() } else { Vec::new() };
            points.extend(parse_save(listed)?);
            Ok(Value::Save(points))
        }
        (Kind::BufferLimits, Value::BufferLimits(before)) => {
            parse_buffer_limits(arguments, *before).map(Value::BufferLimits)
        }
        (Kind::OomScores, _) => parse_scores(arguments),
        (Kind::Percentiles, _) => parse_percentiles(listed),
        (Kind::ReplicaOf, _) => parse_replica_of(arguments),
        // A kind's values are always of its own variant.
        _ => wrong("wrong number of arguments"),
    }
}

/// A whole number as Redis reads it: no plus sign, no leading zeros, no blanks.
pub(super) fn strict_int(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let number: i64 = text.parse().ok()?;
    (itoa::Buffer::new().format(number) == text).then_some(number)
}

fn parse_int(argument: &[u8], min: i64, max: i64) -> Result<i64, ValueError> {
    let Some(number) = strict_int(argument) else {
        return wrong("argument couldn't be parsed into an integer");
    };
    if !(min..=max).contains(&number) {
        return Err(ValueError(format!("argument must be between {min} and {max} inclusive")));
    }
    Ok(number)
}

/// Bytes with an optional unit: k, m, g are powers of 1000; kb, mb, gb powers of 1024. No digits are 0, as in Redis.
pub fn memory(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let scale: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let number = if digits == 0 { 0 } else { std::str::from_utf8(number).ok()?.parse::<u64>().ok()? };
    number.checked_mul(scale)
}

fn parse_limit(argument: &[u8]) -> Result<MemoryLimit, ValueError> {
    if let Some(bytes) = memory(argument) {
        return Ok(MemoryLimit::Bytes(bytes));
    }
    match argument.strip_suffix(b"%").and_then(strict_int) {
        Some(percent) if percent > 100 => wrong("percentage argument must be less or equal to 100"),
        Some(percent) => match u8::try_from(percent) {
            Ok(percent) => Ok(MemoryLimit::Percent(percent)),
            Err(_) => wrong("argument must be a memory or percent value"),
        },
        None => wrong("argument must be a memory or percent value"),
    }
}

fn word_index(words: &[&str], argument: &[u8]) -> Result<usize, ValueError> {
    words
        .iter()
        .position(|word| word.as_bytes().eq_ignore_ascii_case(argument))
        .ok_or_else(|| ValueError(format!("argument(s) must be one of the following: {}", words.join(", "))))
}

fn parse_flags(words: &[&str], arguments: &[&[u8]]) -> Result<Value, ValueError> {
    let mut bits = 0;
    if arguments.is_empty() {
        word_index(words, b"")?;
    }
    for argument in arguments {
        let index = word_index(words, argument)?;
        bits |= if index == 0 { 0 } else { 1 << (index - 1) };
    }
    // The only flags there are: default, save, nosave, now, force.
    if bits & 0b11 == 0b11 {
        return wrong("shutdown options SAVE and NOSAVE can't be used simultaneously");
    }
    Ok(Value::Flags(bits))
}

fn parse_save(arguments: &[&[u8]]) -> Result<Vec<SavePoint>, ValueError> {
    let pairs = arguments.chunks(2).map(|pair| {
        let &[seconds, changes] = pair else { return None };
        let point = SavePoint { seconds: strict_int(seconds)?, changes: strict_int(changes)? };
        (point.seconds >= 1 && point.changes >= 0).then_some(point)
    });
    pairs.collect::<Option<_>>().ok_or_else(|| ValueError("Invalid save parameters".into()))
}

fn parse_buffer_limits(arguments: &[&[u8]], mut limits: BufferLimits) -> Result<BufferLimits, ValueError> {
    if !arguments.len().is_multiple_of(4) {
        return wrong("Wrong number of arguments in buffer limit configuration.");
    }
    for group in arguments.chunks(4) {
        let &[class, hard, soft, seconds] = group else { continue };
        let limit = match class.to_ascii_lowercase().as_slice() {
            b"normal" => &mut limits.normal,
            b"slave" | b"replica" => &mut limits.replica,
            b"pubsub" => &mut limits.pubsub,
            _ => return wrong("Invalid client class specified in buffer limit configuration."),
        };
        let seconds = strict_int(seconds).and_then(|seconds| u64::try_from(seconds).ok());
        let (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) = (memory(hard), memory(soft), seconds)
        else {
            return wrong("Error in hard, soft or soft_seconds setting in buffer limit configuration.");
        };
        *limit = BufferLimit { hard_bytes, soft_bytes, soft_seconds };
    }
    Ok(limits)
}

fn parse_scores(arguments: &[&[u8]]) -> Result<Value, ValueError> {
    if arguments.len() != 3 {
        return wrong("wrong number of arguments");
    }
    let scores = arguments.iter().map(|text| strict_int(text).filter(|score| (-2000..=2000).contains(score)));
    match scores.collect() {
        Some(scores) => Ok(Value::Numbers(scores)),
        None => wrong("Invalid oom-score-adj-values, elements must be between -2000 and 2000."),
    }
}

fn parse_percentiles(arguments: &[&[u8]]) -> Result<Value, ValueError> {
    let mut percentiles = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let Some(percentile) = dunlin_structures::number::parse_f64(argument) else {
            return wrong("Invalid latency-tracking-info-percentiles parameters");
        };
        if !(0.0..=100.0).contains(&percentile) {
            return wrong("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
        }
        percentiles.push(percentile);
    }
    Ok(Value::Percentiles(percentiles))
}

fn parse_replica_of(arguments: &[&[u8]]) -> Result<Value, ValueError> {
    let &[host, port] = arguments else {
        // The default, "not a replica", is shown as an empty text.
        return if arguments.is_empty() {
            Ok(Value::Text(Vec::new()))
        } else {
            wrong("wrong number of arguments")
        };
    };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Value::Text(Vec::new()));
    }
    match strict_int(port) {
        Some(0..=65535) => Ok(Value::Text([host, port].join(&b' '))),
        _ => wrong("Invalid master port"),
    }
}

/// The variables that a process title may have.
const TITLE_VARIABLES: &[&str] =
    &["title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"];

fn check_text(rule: TextRule, text: &[u8]) -> Result<(), ValueError> {
    match rule {
        TextRule::Any => Ok(()),
        TextRule::BaseName { empty: false } if text.is_empty() => wrong("appendfilename can't be empty"),
        TextRule::BaseName { empty: true } if text.contains(&b'/') => {
            wrong("dbfilename can't be a path, just a filename")
        }
        TextRule::BaseName { .. } if text.contains(&b'/') => {
            wrong("appendfilename can't be a path, just a filename")
        }
        TextRule::BaseName { .. } => Ok(()),
        TextRule::BaseDirectory if text.is_empty() => wrong("appenddirname can't be empty"),
        TextRule::BaseDirectory if text.contains(&b'/') => {
            wrong("appenddirname can't be a path, just a dirname")
        }
        TextRule::BaseDirectory => Ok(()),
        TextRule::HostName if text.len() >= 256 => wrong("Hostnames must be less than 256 characters"),
        TextRule::HostName => {
            if text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
                return Ok(());
            }
            wrong("Hostnames may only contain alphanumeric characters, hyphens or dots")
        }
        TextRule::NodeName => {
            if text.iter().all(|byte| byte.is_ascii_graphic() && !b"\"'=:@,#".contains(byte)) {
                return Ok(());
            }
            wrong("Announced human node name contained invalid character")
        }
        TextRule::ProcessTitle if !text.is_empty() && is_title_template(text) => Ok(()),
        TextRule::ProcessTitle => wrong("template format is invalid or contains unknown variables"),
        TextRule::SocketAddress => {
            let address = std::str::from_utf8(text).ok();
            if text.is_empty() || address.is_some_and(|text| text.parse::<std::net::SocketAddr>().is_ok()) {
                return Ok(());
            }
            wrong("argument must be an address and port such as 127.0.0.1:9121, or empty")
        }
    }
}

fn is_title_template(text: &[u8]) -> bool {
    let Ok(mut rest) = std::str::from_utf8(text) else { return false };
    while let Some((_, after)) = rest.split_once('{') {
        let Some((variable, after)) = after.split_once('}') else { return false };
        if !TITLE_VARIABLES.contains(&variable) {
            return false;
        }
        rest = after;
    }
    true
}
