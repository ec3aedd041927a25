//! Changing the string in an entry: setting it as a whole, and writing into its bytes.

#![expect(unsafe_code, reason = "values are changed in place when the block's class allows it")]

use std::mem;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::header::{Encoding, Header, Kind, Shape};
use super::object::{BufferValue, Entry, NewValue, write_value};
use super::value::{INLINE_LEN_MAX, Payload, StringValue, ValueRef};
use crate::number::{DECIMAL_BYTES, put_decimal};

/// The least that a long buffer grows by, once it is that long, so that many small appends copy seldom.
const SLACK_BYTES: usize = 1 << 20;

impl Entry {
    /// Sets the string and keeps the expiry. Allocates only when the size class of the block changes, or for a buffer.
    #[inline]
    pub fn set_string(&mut self, value: StringValue<'_>) {
        if let StringValue::Int(number) = value
            && self.put_integer(number)
        {
            return;
        }
        self.overwrite(value, self.expire_at());
    }

    /// Puts a number in the place of a number, which is all that a counter does. Returns whether there was one.
    #[inline]
    fn put_integer(&mut self, number: i64) -> bool {
        let shape = self.shape();
        if shape.encoding != Encoding::Int {
            return false;
        }
        // SAFETY: the encoding says that an integer stands here; `&mut` is the only access.
        unsafe { write_value(self.value_pointer(shape), NewValue::Int(number)) };
        true
    }

    /// Sets the string and the expiry at once. Allocates as [`Entry::set_string`] does.
    pub fn overwrite(&mut self, value: StringValue<'_>, expire_at: Option<i64>) {
        self.replace_value(Kind::String, NewValue::from_string(&value), expire_at);
    }

    /// Appends to the string and returns its new length; nothing if the value is not a string. An integer becomes its
    /// decimal text. Amortized O(length of `tail`), or O(value) when a reply still holds the buffer.
    pub fn append(&mut self, tail: &[u8]) -> Option<usize> {
        let mut text = IntText::new();
        let old_len = self.string_bytes(&mut text)?.len();
        let new_len = old_len + tail.len();
        self.with_bytes_mut(new_len, |bytes| bytes[old_len..].copy_from_slice(tail))?;
        Some(new_len)
    }

    /// Hands the string's bytes out for change, extended with zeros to `len_min` if it is shorter; nothing if the value
    /// is not a string. An integer becomes its decimal text first, and the encoding is named `raw` afterwards.
    /// Complexity as [`Entry::append`].
    pub fn with_bytes_mut<R>(&mut self, len_min: usize, change: impl FnOnce(&mut [u8]) -> R) -> Option<R> {
        let mut text = IntText::new();
        let old_len = self.string_bytes(&mut text)?.len();
        let new_len = old_len.max(len_min);
        if self.encoding() == Encoding::Buffer {
            return self.change_buffer(new_len, change);
        }
        if new_len <= INLINE_LEN_MAX {
            self.resize_inline(old_len, new_len);
            return Some(change(self.inline_mut()));
        }
        let mut buffer = BytesMut::with_capacity(with_slack(new_len));
        buffer.extend_from_slice(self.string_bytes(&mut text)?);
        buffer.resize(new_len, 0);
        let result = change(&mut buffer);
        self.replace_value(Kind::String, NewValue::Buffer(BufferValue::from(buffer)), self.expire_at());
        Some(result)
    }

    /// Replaces a range of the string's bytes, and names it `raw` afterwards. Nothing if the value is not a string.
    /// Amortized O(bytes behind the range), or O(value) when it moves to another block or a reply still holds the buffer.
    ///
    /// # Panics
    ///
    /// If the range is not inside the string.
    pub fn splice_string(&mut self, range: Range<usize>, new: &[u8]) -> Option<()> {
        let shape = self.shape();
        let is_inline = matches!(shape.encoding, Encoding::Embstr | Encoding::Raw);
        let old_len = if is_inline { shape.value_len } else { self.string_bytes(&mut IntText::new())?.len() };
        assert!(range.start <= range.end && range.end <= old_len);
        let new_len = old_len - range.len() + new.len();
        if is_inline && new_len <= INLINE_LEN_MAX {
            let raw = Shape { encoding: Encoding::Raw, ..shape };
            if shape.encoding != Encoding::Raw {
                self.set_header(Header::new(Kind::String, raw, self.clock()));
            }
            self.splice_shaped(raw, range, [new]);
            return Some(());
        }
        let splice = |bytes: &mut [u8]| {
            let behind = range.start + new.len();
            bytes.copy_within(range.end..old_len, behind);
            bytes[range.start..behind].copy_from_slice(new);
        };
        self.with_bytes_mut(new_len, splice)?;
        if new_len < old_len {
            self.truncate_string(new_len);
        }
        Some(())
    }

    /// Leaves the first bytes of a string that [`Entry::with_bytes_mut`] changed.
    fn truncate_string(&mut self, len: usize) {
        match self.buffer_mut() {
            Some(buffer) => buffer.bytes.truncate(len),
            None => {
                let bytes = self.inline_mut()[..len].to_vec();
                self.set_string(StringValue::Raw(&bytes));
            }
        }
    }

    /// The string's bytes; those of an integer are written to `text`. Nothing if the value is not a string.
    pub fn string_bytes<'a>(&'a self, text: &'a mut IntText) -> Option<&'a [u8]> {
        match self.value() {
            ValueRef::Int(number) => Some(text.format(number)),
            ValueRef::Inline(bytes) => Some(bytes),
            ValueRef::Buffer(buffer) => Some(buffer),
            ValueRef::Packed(_) | ValueRef::Boxed(_) => None,
        }
    }

    /// The string's bytes where they stand. Nothing if the value is an integer, or not a string.
    #[inline]
    pub fn stored_bytes(&self) -> Option<&[u8]> {
        match self.value() {
            ValueRef::Inline(bytes) => Some(bytes),
            ValueRef::Buffer(buffer) => Some(buffer),
            ValueRef::Int(_) | ValueRef::Packed(_) | ValueRef::Boxed(_) => None,
        }
    }

    fn change_buffer<R>(&mut self, new_len: usize, change: impl FnOnce(&mut [u8]) -> R) -> Option<R> {
        let slot = self.buffer_mut()?;
        let mut buffer = match mem::take(&mut slot.bytes).try_into_mut() {
            Ok(unique) if unique.capacity() >= new_len => unique,
            Ok(unique) => copy_with_slack(&unique, new_len),
            Err(shared) => copy_with_slack(&shared, new_len),
        };
        buffer.resize(new_len, 0);
        let result = change(&mut buffer);
        *slot = BufferValue::from(buffer);
        Some(result)
    }

    fn buffer_mut(&mut self) -> Option<&mut BufferValue> {
        let shape = self.shape();
        // SAFETY: the encoding says that a buffer stands here, 8-aligned; `&mut` is the only access.
        (shape.encoding == Encoding::Buffer)
            .then(|| unsafe { self.value_pointer(shape).cast::<BufferValue>().as_mut() })
    }

    /// The bytes of an inline string or packed collection.
    pub(super) fn inline_mut(&mut self) -> &mut [u8] {
        let shape = self.shape();
        let len = if shape.encoding.is_inline() { shape.value_len } else { 0 };
        // SAFETY: an inline value of that length stands here; `&mut` is the only access.
        unsafe { std::slice::from_raw_parts_mut(self.value_pointer(shape).as_ptr(), len) }
    }

    /// Makes an integer or inline string an inline string of `new_len` (not shorter, at most the longest inline one),
    /// named `raw`.
    fn resize_inline(&mut self, old_len: usize, new_len: usize) {
        let old = self.shape();
        let new = Shape { encoding: Encoding::Raw, value_len: new_len, ..old };
        if old.encoding.is_inline() && old.block_bytes() == new.block_bytes() {
            self.set_header(Header::new(Kind::String, new, self.clock()));
            self.inline_mut()[old_len..].fill(0);
            return;
        }
        let mut longer = [0; INLINE_LEN_MAX];
        let mut text = IntText::new();
        if let Some(bytes) = self.string_bytes(&mut text) {
            longer[..old_len].copy_from_slice(bytes);
        }
        let value = NewValue::Inline(&longer[..new_len], Encoding::Raw);
        self.replace_value(Kind::String, value, self.expire_at());
    }

    /// Puts another value and expiry in, in place if the block has the right class.
    pub(super) fn replace_value(&mut self, kind: Kind, value: NewValue<'_>, expire_at: Option<i64>) {
        let old = self.shape();
        let new = value.shape(old.key_len, expire_at.is_some());
        if old.has_expiry != new.has_expiry || old.block_bytes() != new.block_bytes() {
            *self = Self::create(self.key(), kind, value, expire_at, self.clock());
            return;
        }
        drop(self.take_outside());
        self.set_header(Header::new(kind, new, self.clock()));
        // SAFETY: the block has the class of the new shape, so the value lies inside it; what the old value owned is
        // dropped; with an expiry in the shape it stands behind the header.
        unsafe {
            if let Some(at) = expire_at {
                self.expiry_pointer().write(at);
            }
            write_value(self.value_pointer(new), value);
        }
    }

    /// Takes what the value owns outside of the block, and leaves something empty that owns nothing.
    pub(super) fn take_outside(&mut self) -> Option<NewValue<'static>> {
        let shape = self.shape();
        let at = self.value_pointer(shape);
        // SAFETY: the encoding says what stands at the value's offset, 8-aligned; `&mut` is the only access.
        unsafe {
            match shape.encoding {
                Encoding::Int | Encoding::Embstr | Encoding::Raw | Encoding::Packed | Encoding::Intset => {
                    None
                }
                Encoding::Buffer => {
                    let empty = BufferValue { bytes: Bytes::new(), capacity: 0 };
                    Some(NewValue::Buffer(mem::replace(at.cast::<BufferValue>().as_mut(), empty)))
                }
                Encoding::Boxed => {
                    let empty: Box<dyn Payload> = Box::new(Nothing);
                    Some(NewValue::Boxed(mem::replace(at.cast::<Box<dyn Payload>>().as_mut(), empty)))
                }
            }
        }
    }
}

/// Stands where a payload was moved out, for as long as its entry takes to go. Has no size: boxing it allocates nothing.
#[derive(Debug)]
struct Nothing;

impl Payload for Nothing {
    fn encoding_name(&self) -> &'static str {
        "unknown"
    }

    fn len(&self) -> usize {
        0
    }

    fn memory_bytes(&self) -> usize {
        0
    }

    fn blocks(&self) -> usize {
        0
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        Box::new(Self)
    }
}

impl From<BytesMut> for BufferValue {
    fn from(buffer: BytesMut) -> Self {
        let capacity = buffer.capacity();
        Self { bytes: buffer.freeze(), capacity }
    }
}

/// The capacity to allocate for a string of `len` bytes that is being grown: twice as much, but for long ones an eighth
/// more, or a mebibyte.
fn with_slack(len: usize) -> usize {
    len.saturating_add(len.min(SLACK_BYTES.max(len / 8)))
}

fn copy_with_slack(bytes: &[u8], new_len: usize) -> BytesMut {
    let capacity = if new_len > bytes.len() { with_slack(new_len) } else { new_len };
    let mut copy = BytesMut::with_capacity(capacity);
    copy.extend_from_slice(bytes);
    copy
}

/// Room for the decimal text of an integer.
#[derive(Debug, Default)]
pub struct IntText {
    text: [u8; DECIMAL_BYTES],
}

impl IntText {
    pub const fn new() -> Self {
        Self { text: [0; DECIMAL_BYTES] }
    }

    /// The shortest decimal text of `number`.
    #[inline]
    pub fn format(&mut self, number: i64) -> &[u8] {
        let start = put_decimal(&mut self.text, number);
        &self.text[start..]
    }
}
