//! The entry as an owned pointer: making it, reading it, its expiry and its clock.

#![expect(unsafe_code, reason = "an entry is a block of raw memory whose shape stands in its header")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ptr::NonNull;

use bytes::Bytes;

use super::header::{Encoding, HEADER_BYTES, Header, Kind, LONG_KEY, Shape};
use super::value::{Payload, StringValue, ValueRef};
use crate::alloc::size_class;
use crate::table::Element;

/// A key with its value: eight bytes that own one block of memory. See the module's description for its layout.
#[repr(transparent)]
pub struct Entry {
    block: NonNull<u8>,
}

// SAFETY: an entry owns its block and everything in it: numbers, bytes, a `Bytes` and a payload, which are all Send.
unsafe impl Send for Entry {}
// SAFETY: a shared entry is only read, and everything in it is Sync.
unsafe impl Sync for Entry {}

/// A buffer value as it stands in the entry. `Bytes` does not tell its capacity, so it is kept beside.
pub(super) struct BufferValue {
    pub(super) bytes: Bytes,
    pub(super) capacity: usize,
}

/// Bytes of the refcount that a shared buffer allocates.
const BUFFER_SHARED_BYTES: usize = 32;

/// A value on its way into a block.
pub(super) enum NewValue<'a> {
    Int(i64),
    Inline(&'a [u8], Encoding),
    Buffer(BufferValue),
    Boxed(Box<dyn Payload>),
}

impl<'a> NewValue<'a> {
    #[inline]
    pub(super) fn from_string(value: &'a StringValue<'a>) -> Self {
        let encoding = value.encoding();
        match value {
            StringValue::Int(number) => Self::Int(*number),
            StringValue::Text(text) | StringValue::Raw(text) => match encoding {
                Encoding::Buffer => Self::buffer(Bytes::copy_from_slice(text)),
                _ => Self::Inline(text, encoding),
            },
            StringValue::Buffer(buffer) => match encoding {
                Encoding::Buffer => Self::buffer(buffer.clone()),
                _ => Self::Inline(buffer, encoding),
            },
        }
    }

    fn buffer(bytes: Bytes) -> Self {
        let capacity = bytes.len();
        Self::Buffer(BufferValue { bytes, capacity })
    }

    #[inline]
    pub(super) fn shape(&self, key_len: usize, has_expiry: bool) -> Shape {
        let (encoding, value_len) = match self {
            Self::Int(_) => (Encoding::Int, size_of::<i64>()),
            Self::Inline(text, encoding) => (*encoding, text.len()),
            Self::Buffer(_) => (Encoding::Buffer, size_of::<BufferValue>()),
            Self::Boxed(_) => (Encoding::Boxed, size_of::<Box<dyn Payload>>()),
        };
        Shape { has_expiry, key_len, encoding, value_len }
    }
}

impl Entry {
    /// A string. O(length of key and value).
    ///
    /// `expire_at`: milliseconds since 1970, or none.
    pub fn string(key: &[u8], value: StringValue<'_>, expire_at: Option<i64>) -> Self {
        Self::create(key, Kind::String, NewValue::from_string(&value), expire_at, 0)
    }

    /// A value of another kind, owned by the entry.
    pub fn boxed(key: &[u8], kind: Kind, payload: Box<dyn Payload>, expire_at: Option<i64>) -> Self {
        Self::create(key, kind, NewValue::Boxed(payload), expire_at, 0)
    }

    pub(super) fn create(
        key: &[u8],
        kind: Kind,
        value: NewValue<'_>,
        expire_at: Option<i64>,
        clock: u32,
    ) -> Self {
        let shape = value.shape(key.len(), expire_at.is_some());
        // SAFETY: the value is written at its place, at once.
        unsafe {
            let entry = Self::allocate(key, kind, shape, expire_at, clock);
            write_value(entry.block.add(shape.value_offset()), value);
            entry
        }
    }

    /// A block of that shape with everything in it but the value.
    ///
    /// # Safety
    ///
    /// `shape` has the length of `key` and says whether there is an expiry. The caller writes the value at its place
    /// before the entry is used or dropped.
    pub(super) unsafe fn allocate(
        key: &[u8],
        kind: Kind,
        shape: Shape,
        expire_at: Option<i64>,
        clock: u32,
    ) -> Self {
        let header = Header::new(kind, shape, clock);
        let layout = block_layout(shape);
        // SAFETY: the block is as large as the shape says, so header, expiry, long key length, key and value all lie
        // inside it; header, expiry and long length are at multiples of 8 in a block aligned to 8.
        unsafe {
            let Some(block) = NonNull::new(alloc(layout)) else { handle_alloc_error(layout) };
            block.cast::<Header>().write(header);
            if let Some(at) = expire_at {
                block.add(HEADER_BYTES).cast::<i64>().write(at);
            }
            if header.short_key_len() == LONG_KEY {
                block.add(header.fixed_bytes()).cast::<u64>().write(key.len() as u64);
            }
            block.add(shape.key_offset()).copy_from_nonoverlapping(NonNull::from(key).cast(), key.len());
            Self { block }
        }
    }

    #[inline(always)]
    pub(super) fn header(&self) -> Header {
        // SAFETY: every entry begins with its header.
        unsafe { self.block.cast::<Header>().read() }
    }

    #[inline(always)]
    pub(super) fn set_header(&mut self, header: Header) {
        // SAFETY: as above; `&mut` is the only access.
        unsafe { self.block.cast::<Header>().write(header) }
    }

    #[inline(always)]
    fn key_span(&self) -> (usize, usize) {
        let header = self.header();
        let offset = header.fixed_bytes();
        match header.short_key_len() {
            LONG_KEY => (offset + 8, self.long_key_len(offset)),
            len => (offset, len as usize),
        }
    }

    #[cold]
    fn long_key_len(&self, offset: usize) -> usize {
        // SAFETY: with the mark in the header the key's length stands here, a multiple of 8.
        unsafe { self.block.add(offset).cast::<u64>().read() as usize }
    }

    /// The shape of the block as it is.
    #[inline(always)]
    pub(super) fn shape(&self) -> Shape {
        let header = self.header();
        let encoding = header.encoding();
        let value_len = match encoding {
            Encoding::Int => size_of::<i64>(),
            Encoding::Embstr | Encoding::Raw | Encoding::Packed | Encoding::Intset => header.inline_len(),
            Encoding::Buffer => size_of::<BufferValue>(),
            Encoding::Boxed => size_of::<Box<dyn Payload>>(),
        };
        Shape { has_expiry: header.has_expiry(), key_len: self.key_span().1, encoding, value_len }
    }

    /// The key.
    #[inline(always)]
    pub fn key(&self) -> &[u8] {
        let (offset, len) = self.key_span();
        // SAFETY: the key of that length stands there, says the header.
        unsafe { std::slice::from_raw_parts(self.block.add(offset).as_ptr(), len) }
    }

    /// The type of the value.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.header().kind()
    }

    /// How the value is stored.
    #[inline]
    pub fn encoding(&self) -> Encoding {
        self.header().encoding()
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding_name(&self) -> &'static str {
        match self.encoding() {
            Encoding::Int => "int",
            Encoding::Embstr => "embstr",
            Encoding::Raw | Encoding::Buffer => "raw",
            Encoding::Packed => "listpack",
            Encoding::Intset => "intset",
            Encoding::Boxed => self.payload().map_or("unknown", |payload| payload.encoding_name()),
        }
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> ValueRef<'_> {
        let shape = self.shape();
        // SAFETY: the encoding in the header says what stands at the value's offset; buffers and boxes are 8-aligned,
        // integers may not be.
        unsafe {
            let at = self.block.add(shape.value_offset());
            match shape.encoding {
                Encoding::Int => ValueRef::Int(at.cast::<i64>().read_unaligned()),
                Encoding::Embstr | Encoding::Raw => {
                    ValueRef::Inline(std::slice::from_raw_parts(at.as_ptr(), shape.value_len))
                }
                Encoding::Packed | Encoding::Intset => {
                    ValueRef::Packed(std::slice::from_raw_parts(at.as_ptr(), shape.value_len))
                }
                Encoding::Buffer => ValueRef::Buffer(&at.cast::<BufferValue>().as_ref().bytes),
                Encoding::Boxed => ValueRef::Boxed(at.cast::<Box<dyn Payload>>().as_ref().as_ref()),
            }
        }
    }

    /// The object of an entry made by [`Entry::boxed`].
    pub fn payload(&self) -> Option<&dyn Payload> {
        match self.value() {
            ValueRef::Boxed(payload) => Some(payload),
            ValueRef::Int(_) | ValueRef::Inline(_) | ValueRef::Buffer(_) | ValueRef::Packed(_) => None,
        }
    }

    /// The object of an entry made by [`Entry::boxed`], to be changed.
    pub fn payload_mut(&mut self) -> Option<&mut dyn Payload> {
        let shape = self.shape();
        (shape.encoding == Encoding::Boxed).then(|| {
            // SAFETY: the encoding says that a box stands here, 8-aligned; `&mut` is the only access.
            unsafe { self.block.add(shape.value_offset()).cast::<Box<dyn Payload>>().as_mut().as_mut() }
        })
    }

    /// When the key expires: milliseconds since 1970.
    #[inline]
    pub fn expire_at(&self) -> Option<i64> {
        // SAFETY: with the flag in the header the expiry stands behind it.
        self.header().has_expiry().then(|| unsafe { self.block.add(HEADER_BYTES).cast::<i64>().read() })
    }

    /// Sets when the key expires, or that it does not. Moves the entry when that changes whether it has an expiry.
    /// O(1), or O(length of key and inline value).
    pub fn set_expire_at(&mut self, expire_at: Option<i64>) {
        match expire_at {
            Some(at) if self.header().has_expiry() => {
                // SAFETY: with the flag in the header the expiry stands there; `&mut` is the only access.
                unsafe { self.expiry_pointer().write(at) }
            }
            None if !self.header().has_expiry() => {}
            _ => self.rebuild(expire_at),
        }
    }

    /// Moves key and value to a new block with another expiry.
    fn rebuild(&mut self, expire_at: Option<i64>) {
        let taken = self.take_outside();
        *self = self.remake(self.key(), taken, expire_at);
    }

    /// The same value, expiry and clock under another key. O(length of key and inline value): what the value owns moves.
    pub fn under_key(mut self, key: &[u8]) -> Self {
        let taken = self.take_outside();
        self.remake(key, taken, self.expire_at())
    }

    /// A copy with another key. A long string's buffer is shared until one of the two is changed. O(length of key and
    /// inline value), or what the payload takes.
    pub fn copy_under_key(&self, key: &[u8]) -> Self {
        let outside = match self.value() {
            ValueRef::Int(_) | ValueRef::Inline(_) | ValueRef::Packed(_) => None,
            ValueRef::Buffer(bytes) => {
                let capacity = self.buffer_capacity();
                Some(NewValue::Buffer(BufferValue { bytes: bytes.clone(), capacity }))
            }
            ValueRef::Boxed(payload) => Some(NewValue::Boxed(payload.duplicate())),
        };
        self.remake(key, outside, self.expire_at())
    }

    /// An entry of the same kind, encoding and clock. Its value is `outside`, which stands in for what this one owns
    /// outside of its block, or a copy of what stands in the block.
    fn remake(&self, key: &[u8], outside: Option<NewValue<'static>>, expire_at: Option<i64>) -> Self {
        let value = match (outside, self.value()) {
            (Some(outside), _) => outside,
            (None, ValueRef::Int(number)) => NewValue::Int(number),
            (None, ValueRef::Inline(bytes) | ValueRef::Packed(bytes)) => {
                NewValue::Inline(bytes, self.encoding())
            }
            (None, ValueRef::Buffer(_) | ValueRef::Boxed(_)) => {
                unreachable!("what is outside was handed over")
            }
        };
        Self::create(key, self.kind(), value, expire_at, self.clock())
    }

    /// Moves the entry to a block of another size: all that stands before `range` of the value as it is, what stands behind
    /// it behind `added` bytes instead.
    ///
    /// # Safety
    ///
    /// `old` is the entry's shape, with the value's bytes in the entry, and `range` is inside of them. The sizes are those of
    /// its block and of that for a value in which `added` bytes take the place of `range`; they differ. The caller writes
    /// those bytes before the entry is used.
    #[inline]
    pub(super) unsafe fn move_around(
        &mut self,
        old: Shape,
        (old_size, new_size): (usize, usize),
        range: std::ops::Range<usize>,
        added: usize,
    ) {
        let (offset, tail) = (old.value_offset(), old.value_len - range.end);
        // SAFETY: header, expiry, key and value stand at the same offsets in either block, and all that is copied lies
        // inside of both, say their sizes. The old block was allocated with that size, and is not used afterwards.
        unsafe {
            let layout = |size| Layout::from_size_align_unchecked(size, 8);
            let Some(block) = NonNull::new(alloc(layout(new_size))) else {
                handle_alloc_error(layout(new_size))
            };
            block.copy_from_nonoverlapping(self.block, offset + range.start);
            let from = self.block.add(offset + range.end);
            block.add(offset + range.start + added).copy_from_nonoverlapping(from, tail);
            dealloc(self.block.as_ptr(), layout(old_size));
            self.block = block;
        }
        self.set_header(self.header().with_inline_len(range.start + added + tail));
    }

    /// The integer of a string that is stored as one.
    #[inline(always)]
    pub fn integer(&self) -> Option<i64> {
        let header = self.header();
        let shape = Shape {
            has_expiry: header.has_expiry(),
            key_len: self.key_span().1,
            encoding: Encoding::Int,
            value_len: size_of::<i64>(),
        };
        // SAFETY: the encoding says that an integer stands there, which may not be aligned.
        (header.encoding() == Encoding::Int)
            .then(|| unsafe { self.block.add(shape.value_offset()).cast::<i64>().read_unaligned() })
    }

    #[inline(always)]
    pub(super) fn expiry_pointer(&mut self) -> NonNull<i64> {
        // SAFETY: every block is larger than its header.
        unsafe { self.block.add(HEADER_BYTES).cast() }
    }

    /// The access clock: 24 bits that eviction policies read and write.
    #[inline]
    pub fn clock(&self) -> u32 {
        self.header().clock()
    }

    /// Sets the access clock to the low 24 bits of `clock`.
    #[inline]
    pub fn set_clock(&mut self, clock: u32) {
        self.set_header(self.header().with_clock(clock));
    }

    /// Bytes that the entry takes in the allocator, with its buffer or object.
    pub fn memory_bytes(&self) -> usize {
        self.sampled_bytes(usize::MAX)
    }

    /// As [`Entry::memory_bytes`], but an estimate from so many blocks where a value doesn't know its size. O(samples).
    pub fn sampled_bytes(&self, samples: usize) -> usize {
        let shape = self.shape();
        let outside = match self.value() {
            ValueRef::Int(_) | ValueRef::Inline(_) | ValueRef::Packed(_) => 0,
            ValueRef::Buffer(_) => size_class(self.buffer_capacity()) + BUFFER_SHARED_BYTES,
            ValueRef::Boxed(payload) => payload.sampled_bytes(samples),
        };
        shape.block_bytes() + outside
    }

    fn buffer_capacity(&self) -> usize {
        // SAFETY: called when the encoding is Buffer: then one stands at the value's offset, 8-aligned.
        unsafe { self.block.add(self.shape().value_offset()).cast::<BufferValue>().as_ref().capacity }
    }

    /// The value's place in the block, for the module's own writes.
    #[inline(always)]
    pub(super) fn value_pointer(&mut self, shape: Shape) -> NonNull<u8> {
        // SAFETY: the value of this entry's shape lies inside its block.
        unsafe { self.block.add(shape.value_offset()) }
    }
}

/// Writes a value at its place.
///
/// # Safety
///
/// `at` is where a value of this shape belongs in a block of that shape, and holds no value that must be dropped.
#[inline(always)]
pub(super) unsafe fn write_value(at: NonNull<u8>, value: NewValue<'_>) {
    // SAFETY: in bounds, and aligned for all but integers and bytes, says the caller.
    unsafe {
        match value {
            NewValue::Int(number) => at.cast::<i64>().write_unaligned(number),
            NewValue::Inline(text, _) => {
                at.copy_from_nonoverlapping(NonNull::from(text).cast(), text.len());
            }
            NewValue::Buffer(buffer) => at.cast::<BufferValue>().write(buffer),
            NewValue::Boxed(payload) => at.cast::<Box<dyn Payload>>().write(payload),
        }
    }
}

#[inline(always)]
pub(super) fn block_layout(shape: Shape) -> Layout {
    // SAFETY: the alignment is a power of two; key and inline value exist in memory, so their sum with a few dozen
    // bytes stays below isize::MAX.
    unsafe { Layout::from_size_align_unchecked(shape.block_bytes(), 8) }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let shape = self.shape();
        // SAFETY: the value is dropped once, according to its encoding, and the block is freed with the layout that it
        // was allocated with: shape changes in place keep the class.
        unsafe {
            let at = self.block.add(shape.value_offset());
            match shape.encoding {
                Encoding::Int | Encoding::Embstr | Encoding::Raw | Encoding::Packed | Encoding::Intset => {}
                Encoding::Buffer => at.cast::<BufferValue>().drop_in_place(),
                Encoding::Boxed => at.cast::<Box<dyn Payload>>().drop_in_place(),
            }
            dealloc(self.block.as_ptr(), block_layout(shape));
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entry")
            .field("key", &self.key().escape_ascii().to_string())
            .field("kind", &self.kind())
            .field("encoding", &self.encoding())
            .field("expire_at", &self.expire_at())
            .finish_non_exhaustive()
    }
}

// SAFETY: blocks are aligned to 8 and, as all user space memory, below 2^48; the address is exposed when given up, and
// gives the same entry back.
unsafe impl Element for Entry {
    #[inline(always)]
    fn into_raw(self) -> NonNull<u8> {
        std::mem::ManuallyDrop::new(self).block
    }

    #[inline(always)]
    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Self { block: raw }
    }

    #[inline(always)]
    fn has_key(&self, key: &[u8]) -> bool {
        self.key() == key
    }

    #[inline]
    fn hash(&self) -> u64 {
        crate::hash::hash_key(self.key())
    }
}
