//! How strings are stored and shown.

use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{CommandError, Reply};
use bytes::Bytes;
use dunlin_structures::Entry;
use dunlin_structures::entry::{StringValue, ValueRef};
use dunlin_structures::number::parse_i64;

/// Up to here a copy costs less than sharing.
const COPIED_MAX: usize = 4096;

/// The value to store for an argument: an integer if it is exactly one's text.
#[inline]
pub(super) fn stored(text: &[u8]) -> StringValue<'_> {
    match parse_i64(text) {
        Some(number) => StringValue::Int(number),
        None => StringValue::Text(text),
    }
}

/// Replies a string's value as a bulk.
#[inline]
pub(super) fn reply_value(reply: &mut Reply<'_>, entry: &Entry) {
    match entry.value() {
        ValueRef::Inline(text) => reply.bulk(text),
        ValueRef::Int(number) => reply.bulk_integer(number),
        ValueRef::Buffer(buffer) => reply.bulk_shared(buffer),
        ValueRef::Packed(_) | ValueRef::Boxed(_) => reply.null(),
    }
}

/// A string's value as a 64-bit integer.
#[inline]
pub(super) fn integer(entry: &Entry) -> Result<i64, CommandError> {
    let number = match entry.value() {
        ValueRef::Int(number) => return Ok(number),
        ValueRef::Inline(text) => parse_i64(text),
        ValueRef::Buffer(_) | ValueRef::Packed(_) | ValueRef::Boxed(_) => None,
    };
    number.ok_or(CommandError::NotAnInteger)
}

/// The value to store for bytes that were computed: named `raw` whatever they are. Long ones become the value's own.
pub(in crate::command) fn computed(bytes: &Bytes) -> StringValue<'_> {
    if bytes.len() > COPIED_MAX { StringValue::Buffer(bytes.clone()) } else { StringValue::Raw(bytes) }
}

/// Complains if a string would outgrow `proto-max-bulk-len`.
pub(super) fn check_length(length: usize, limit: u64) -> Result<(), CommandError> {
    if length as u64 > limit { Err(CommandError::StringTooLong) } else { Ok(()) }
}

/// The change of a command whose own bytes say what it did.
#[inline]
pub(super) const fn as_requested(event: &'static str) -> Change<'static> {
    Change::request(EventClass::String, event)
}
