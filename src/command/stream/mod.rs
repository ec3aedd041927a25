//! Streams, by what is done to them. [`id`] reads IDs, [`show`] writes entries, [`effect`] logs what groups do.

pub mod ack;
pub mod add;
pub mod autoclaim;
pub mod claim;
pub mod delete;
pub mod effect;
pub mod group;
pub mod id;
pub mod info;
pub mod pending;
pub mod range;
pub mod read;
pub mod readgroup;
pub mod set_id;
pub mod show;
#[cfg(test)]
mod tests;
pub mod trim;

use crate::resp::{CommandError, text};
use dunlin_structures::Entry;
use dunlin_structures::stream::Stream;
use std::borrow::Cow;

/// An empty stream, for a key that has none.
fn empty(key: &[u8]) -> Entry {
    Stream::new().into_entry(key, None)
}

/// Bytes in an error line: up to the first NUL, as Redis prints them.
fn printed(text: &[u8]) -> Cow<'_, str> {
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    text::shown(&text[..end])
}

/// There is no such key, or no such group in it.
fn no_key_or_group(key: &[u8], group: &[u8], context: &str) -> CommandError {
    let (key, group) = (printed(key), printed(group));
    CommandError::Coded(format!("NOGROUP No such key '{key}' or consumer group '{group}'{context}").into())
}

/// The key is there, but has no such group.
fn no_group(key: &[u8], group: &[u8]) -> CommandError {
    let (key, group) = (printed(key), printed(group));
    CommandError::Coded(format!("NOGROUP No such consumer group '{group}' for key name '{key}'").into())
}
