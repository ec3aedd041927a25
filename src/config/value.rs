//! Values of settings: read from text by their [`Kind`], shown as CONFIG GET shows them, written as redis.conf has
//! them.
//!
//! The texts of [`ValueError`] are Redis' own, since clients see them. Knows nothing of names and defaults.

mod parse;

use super::events;
use super::quote::quote;
use super::setting::Kind;

pub use parse::{memory, parse};

/// Why a text is no value of a kind; in Redis' words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);

/// One line of `save`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavePoint {
    pub seconds: i64,
    pub changes: i64,
}

/// How many bytes of unread replies one client may have; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BufferLimit {
    pub hard_bytes: u64,
    pub soft_bytes: u64,
    /// How long a client may be above `soft_bytes`.
    pub soft_seconds: u64,
}

/// The limits of each class of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BufferLimits {
    pub normal: BufferLimit,
    pub replica: BufferLimit,
    pub pubsub: BufferLimit,
}

/// A limit in bytes, or relative to maxmemory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    Bytes(u64),
    /// From 0 to 100.
    Percent(u8),
}

/// A value of any setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Flag(bool),
    Int(i64),
    Bytes(u64),
    Limit(MemoryLimit),
    Octal(u32),
    /// Place in the list of words.
    Choice(usize),
    /// Bit n stands for word n + 1 of the list.
    Flags(u32),
    Text(Vec<u8>),
    /// Classes of keyspace events.
    Events(u32),
    Words(Vec<Vec<u8>>),
    Save(Vec<SavePoint>),
    BufferLimits(BufferLimits),
    Numbers(Vec<i64>),
    Percentiles(Vec<f64>),
}

impl Value {
    /// As CONFIG GET shows it.
    pub fn show(&self, kind: Kind) -> Vec<u8> {
        match self {
            Value::Flag(on) => if *on { "yes" } else { "no" }.into(),
            Value::Int(number) => number.to_string().into(),
            Value::Bytes(bytes) | Value::Limit(MemoryLimit::Bytes(bytes)) => bytes.to_string().into(),
            Value::Limit(MemoryLimit::Percent(percent)) => format!("{percent}%").into(),
            Value::Octal(bits) => format!("{bits:o}").into(),
            Value::Choice(index) => words_of(kind).get(*index).copied().unwrap_or("").into(),
            Value::Flags(bits) => show_flags(words_of(kind), *bits).into(),
            Value::Text(text) => text.clone(),
            Value::Events(bits) => events::shown(*bits),
            Value::Words(words) => words.join(&b' '),
            Value::Save(points) => joined(points, |point| format!("{} {}", point.seconds, point.changes)),
            Value::BufferLimits(limits) => joined(&limits.classes(), |(class, limit)| {
                format!("{class} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
            }),
            Value::Numbers(numbers) => joined(numbers, i64::to_string),
            Value::Percentiles(percentiles) => joined(percentiles, |number| show_percentile(*number)),
        }
    }

    /// As redis.conf has it after the name; one entry a line.
    pub fn to_file(&self, kind: Kind) -> Vec<Vec<u8>> {
        match self {
            Value::Bytes(bytes) | Value::Limit(MemoryLimit::Bytes(bytes)) => vec![with_unit(*bytes).into()],
            Value::Text(text) if kind == Kind::ReplicaOf => vec![text.clone()],
            Value::Text(text) => vec![quote(text)],
            Value::Events(bits) => vec![quote(&events::written(*bits))],
            Value::BufferLimits(limits) => limits.classes().iter().map(buffer_limit_to_file).collect(),
            Value::Words(words) if !words.is_empty() => {
                vec![words.iter().map(|word| quote_if_needed(word)).collect::<Vec<_>>().join(&b' ')]
            }
            _ => {
                let shown = self.show(kind);
                vec![if shown.is_empty() { quote(&shown) } else { shown }]
            }
        }
    }
}

impl BufferLimits {
    /// With the names that Redis shows.
    fn classes(&self) -> [(&'static str, BufferLimit); 3] {
        [("normal", self.normal), ("slave", self.replica), ("pubsub", self.pubsub)]
    }
}

fn buffer_limit_to_file((class, limit): &(&'static str, BufferLimit)) -> Vec<u8> {
    let class = if *class == "slave" { "replica" } else { class };
    let (hard, soft) = (with_unit(limit.hard_bytes), with_unit(limit.soft_bytes));
    format!("{class} {hard} {soft} {}", limit.soft_seconds).into()
}

fn words_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Choice(words) | Kind::Flags(words) => words,
        _ => &[],
    }
}

fn show_flags(words: &[&str], bits: u32) -> String {
    let Some((none, words)) = words.split_first() else { return String::new() };
    if bits == 0 {
        return (*none).to_string();
    }
    let set = words.iter().enumerate().filter(|(index, _)| bits & (1 << index) != 0);
    set.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

/// Six decimals, less the zeros at the end.
fn show_percentile(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn joined<T>(items: &[T], show: impl Fn(&T) -> String) -> Vec<u8> {
    items.iter().map(show).collect::<Vec<_>>().join(" ").into()
}

/// In the largest unit that divides it.
fn with_unit(bytes: u64) -> String {
    for (scale, unit) in [(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")] {
        if bytes != 0 && bytes.is_multiple_of(scale) {
            return format!("{}{unit}", bytes / scale);
        }
    }
    bytes.to_string()
}

fn quote_if_needed(word: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"'\\".contains(byte);
    if !word.is_empty() && word.iter().all(plain) { word.to_vec() } else { quote(word) }
}

#[cfg(test)]
mod tests;
