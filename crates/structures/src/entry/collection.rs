//! Collections in an entry: a packed block that stands in the entry itself, or an owned object.
//!
//! A small collection costs no allocation of its own. Its bytes are opaque here: what is in them is the business of
//! [`crate::packed`] and of each type's module, which also decide when one becomes an object.

#![expect(unsafe_code, reason = "packed bytes are moved in place when the block's class allows it")]

use std::any::Any;
use std::ops::Range;

use super::header::{Encoding, Kind, Shape};
use super::object::{Entry, NewValue};
use super::value::{Payload, ValueRef};

/// The longest packed block that an entry can hold. A collection that outgrows it becomes an object, whatever the
/// configured thresholds: 8 MiB less one byte.
pub const PACKED_LEN_MAX: usize = super::header::INLINE_LEN_MAX;

impl Entry {
    /// A small collection from its packed bytes, of at most [`PACKED_LEN_MAX`]. `encoding` is `Packed` or `Intset`.
    /// O(length of key and bytes).
    pub fn packed(key: &[u8], kind: Kind, encoding: Encoding, bytes: &[u8], expire_at: Option<i64>) -> Self {
        assert!(bytes.len() <= PACKED_LEN_MAX && is_packed(encoding));
        Self::create(key, kind, NewValue::Inline(bytes, encoding), expire_at, 0)
    }

    /// A small collection whose packed bytes are `parts`, one behind the other; together at most [`PACKED_LEN_MAX`].
    #[inline]
    pub fn packed_parts<const N: usize>(key: &[u8], kind: Kind, parts: [&[u8]; N]) -> Self {
        let value_len = parts.iter().map(|part| part.len()).sum();
        assert!(value_len <= PACKED_LEN_MAX);
        let shape = Shape { has_expiry: false, key_len: key.len(), encoding: Encoding::Packed, value_len };
        // SAFETY: all of the value is written below, before anybody can see it.
        let mut entry = unsafe { Self::allocate(key, kind, shape, None, 0) };
        put_parts(entry.inline_mut(), 0, parts);
        entry
    }

    /// The bytes of a small collection; nothing for strings and objects.
    #[inline]
    pub fn packed_bytes(&self) -> Option<&[u8]> {
        match self.value() {
            ValueRef::Packed(bytes) => Some(bytes),
            ValueRef::Int(_) | ValueRef::Inline(_) | ValueRef::Buffer(_) | ValueRef::Boxed(_) => None,
        }
    }

    /// The bytes of a small collection, for changes that keep their number.
    #[inline]
    pub fn packed_bytes_mut(&mut self) -> Option<&mut [u8]> {
        is_packed(self.encoding()).then(|| self.inline_mut())
    }

    /// Replaces a range of a small collection's bytes by `parts`, one after the other. Moves the entry only when its
    /// size class changes. O(bytes behind the range), or O(entry) when it moves.
    ///
    /// # Panics
    ///
    /// If the value is not packed, the range is not inside it, or the result would be longer than [`PACKED_LEN_MAX`].
    #[inline]
    pub fn splice_packed<const N: usize>(&mut self, range: Range<usize>, parts: [&[u8]; N]) {
        let shape = self.shape();
        assert!(is_packed(shape.encoding));
        self.splice_shaped(shape, range, parts);
    }

    /// [`Entry::splice_packed`], for short strings too, by who knows the block's shape.
    #[inline(always)]
    pub(super) fn splice_shaped<const N: usize>(
        &mut self,
        old: Shape,
        range: Range<usize>,
        parts: [&[u8]; N],
    ) {
        debug_assert_eq!(old, self.shape());
        let added: usize = parts.iter().map(|part| part.len()).sum();
        let old_len = old.value_len;
        assert!(old.encoding.is_inline() && range.start <= range.end && range.end <= old_len);
        let new_len = old_len - (range.end - range.start) + added;
        assert!(new_len <= PACKED_LEN_MAX);
        let new = Shape { value_len: new_len, ..old };
        let (start, sizes) = (range.start, (old.block_bytes(), new.block_bytes()));
        if sizes.0 == sizes.1 {
            self.set_header(self.header().with_inline_len(new_len));
            let value = self.value_pointer(new);
            if range.end < old_len && added != range.end - start {
                // SAFETY: the block has room for either shape, and both have the value at the same offset; the tail
                // moves from behind the old range to behind the new parts, inside the value.
                unsafe { value.add(range.end).copy_to(value.add(start + added), old_len - range.end) };
            }
        } else {
            // SAFETY: the sizes are those of this entry's shape and of the one that it gets when `added` bytes stand in the
            // place of the range, which are written next.
            unsafe { self.move_around(old, sizes, range, added) };
        }
        // SAFETY: a value of that length stands there now; `&mut` is the only access.
        let value = unsafe { std::slice::from_raw_parts_mut(self.value_pointer(new).as_ptr(), new_len) };
        put_parts(value, start, parts);
    }

    /// Makes the value a small collection with these bytes; kind, expiry and clock stay.
    pub fn set_packed(&mut self, encoding: Encoding, bytes: &[u8]) {
        assert!(bytes.len() <= PACKED_LEN_MAX && is_packed(encoding));
        self.replace_value(self.kind(), NewValue::Inline(bytes, encoding), self.expire_at());
    }

    /// Makes the value an object; kind, expiry and clock stay.
    pub fn set_payload(&mut self, payload: Box<dyn Payload>) {
        self.replace_value(self.kind(), NewValue::Boxed(payload), self.expire_at());
    }

    /// The object, if it is a `T`.
    #[inline]
    pub fn payload_as<T: Payload>(&self) -> Option<&T> {
        let payload: &dyn Any = self.payload()?;
        payload.downcast_ref()
    }

    /// The object, if it is a `T`, to be changed.
    #[inline]
    pub fn payload_as_mut<T: Payload>(&mut self) -> Option<&mut T> {
        let payload: &mut dyn Any = self.payload_mut()?;
        payload.downcast_mut()
    }

    /// Whether this is a collection without elements: its key is to be deleted (unless it is a stream).
    #[inline]
    pub fn is_empty_collection(&self) -> bool {
        match self.value() {
            ValueRef::Packed(bytes) => bytes.is_empty(),
            ValueRef::Boxed(payload) => payload.is_empty(),
            ValueRef::Int(_) | ValueRef::Inline(_) | ValueRef::Buffer(_) => false,
        }
    }

    /// When the first element of a collection expires, if elements of it do, as only fields of hashes can. O(1).
    #[inline]
    pub fn next_due(&self) -> Option<i64> {
        if self.kind() != Kind::Hash {
            return None;
        }
        match self.value() {
            ValueRef::Boxed(payload) => payload.next_due(),
            ValueRef::Int(_) | ValueRef::Inline(_) | ValueRef::Buffer(_) | ValueRef::Packed(_) => None,
        }
    }

    /// The name that TYPE answers.
    pub fn type_name(&self) -> &'static str {
        self.payload().and_then(Payload::type_name).unwrap_or(self.kind().name())
    }

    /// About how many blocks of memory dropping the entry frees. O(1).
    #[inline]
    pub fn blocks(&self) -> usize {
        1 + match self.value() {
            ValueRef::Boxed(payload) => payload.blocks(),
            ValueRef::Buffer(_) => 1,
            ValueRef::Int(_) | ValueRef::Inline(_) | ValueRef::Packed(_) => 0,
        }
    }
}

/// Writes parts one after the other. Most are one byte, for which a copy of any length would be a call.
#[inline(always)]
fn put_parts<const N: usize>(value: &mut [u8], mut at: usize, parts: [&[u8]; N]) {
    for part in parts {
        match part {
            [] => {}
            [only] => value[at] = *only,
            _ => value[at..at + part.len()].copy_from_slice(part),
        }
        at += part.len();
    }
}

const fn is_packed(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::Packed | Encoding::Intset)
}
