//! A field of a large hash: name, value and time to live in one block of memory.
//!
//! ```text
//! short:  form (1) │ length of name (1) │ of value (2)                │ time (8)? │ name │ value
//! long:   form (1) │ unused (7) │ length of name (8) │ of value (8)   │ time (8)? │ name │ value
//! ```

#![expect(unsafe_code, reason = "a field is a block of raw memory whose shape stands in its first bytes")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ptr::NonNull;

use crate::alloc::size_class;
use crate::hash_key;
use crate::table::{Element, Ref};

const TIMED: u8 = 1;
const LONG: u8 = 2;
const SHORT_HEADER: usize = 4;
const LONG_HEADER: usize = 24;

/// A name with its value: eight bytes that own one block of memory.
#[repr(transparent)]
pub struct Field {
    block: NonNull<u8>,
}

// SAFETY: a field owns its block, which holds nothing but numbers and bytes.
unsafe impl Send for Field {}
// SAFETY: a shared field is only read.
unsafe impl Sync for Field {}

/// What a block looks like: all offsets follow from it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    is_timed: bool,
    name_len: usize,
    value_len: usize,
}

impl Shape {
    #[inline]
    const fn is_long(self) -> bool {
        self.name_len > u8::MAX as usize || self.value_len > u16::MAX as usize
    }

    #[inline]
    const fn time_offset(self) -> usize {
        if self.is_long() { LONG_HEADER } else { SHORT_HEADER }
    }

    #[inline]
    const fn name_offset(self) -> usize {
        self.time_offset() + if self.is_timed { size_of::<i64>() } else { 0 }
    }

    #[inline]
    const fn value_offset(self) -> usize {
        self.name_offset() + self.name_len
    }

    #[inline]
    fn block_bytes(self) -> usize {
        size_class(self.value_offset() + self.value_len)
    }

    #[inline]
    fn layout(self) -> Layout {
        // SAFETY: the alignment is a power of two; name and value exist in memory, so their sum with a few bytes stays
        // below isize::MAX.
        unsafe { Layout::from_size_align_unchecked(self.block_bytes(), 8) }
    }
}

impl Field {
    /// A field with its value. O(length of both).
    pub fn new(name: &[u8], value: &[u8], expire_at: Option<i64>) -> Self {
        let shape = Shape { is_timed: expire_at.is_some(), name_len: name.len(), value_len: value.len() };
        // SAFETY: the layout is not empty. Header, time, name and value lie inside a block of that shape, one behind the
        // other; the header's numbers are at multiples of their size in a block aligned to 8.
        unsafe {
            let Some(block) = NonNull::new(alloc(shape.layout())) else { handle_alloc_error(shape.layout()) };
            let mut field = Self { block };
            field.write_header(shape);
            if let Some(at) = expire_at {
                block.add(shape.time_offset()).cast::<i64>().write_unaligned(at);
            }
            block.add(shape.name_offset()).copy_from_nonoverlapping(NonNull::from(name).cast(), name.len());
            block
                .add(shape.value_offset())
                .copy_from_nonoverlapping(NonNull::from(value).cast(), value.len());
            field
        }
    }

    /// Writes form and lengths.
    ///
    /// # Safety
    ///
    /// The block is as large as `shape` says.
    unsafe fn write_header(&mut self, shape: Shape) {
        let form = if shape.is_timed { TIMED } else { 0 } | if shape.is_long() { LONG } else { 0 };
        // SAFETY: the block has room for the header of its shape and is aligned to 8.
        unsafe {
            self.block.write(form);
            if shape.is_long() {
                self.block.add(8).cast::<u64>().write(shape.name_len as u64);
                self.block.add(16).cast::<u64>().write(shape.value_len as u64);
            } else {
                self.block.add(1).write(shape.name_len as u8);
                self.block.add(2).cast::<u16>().write(shape.value_len as u16);
            }
        }
    }

    #[inline]
    fn shape(&self) -> Shape {
        // SAFETY: every block begins with its header, whose form says which one it is.
        unsafe {
            let form = self.block.read();
            let (name_len, value_len) = if form & LONG == 0 {
                (usize::from(self.block.add(1).read()), usize::from(self.block.add(2).cast::<u16>().read()))
            } else {
                let lengths = self.block.add(8).cast::<u64>();
                (lengths.read() as usize, lengths.add(1).read() as usize)
            };
            Shape { is_timed: form & TIMED != 0, name_len, value_len }
        }
    }

    /// The field's name.
    #[inline]
    pub fn name(&self) -> &[u8] {
        let shape = self.shape();
        // SAFETY: a name of that length stands there.
        unsafe { std::slice::from_raw_parts(self.block.add(shape.name_offset()).as_ptr(), shape.name_len) }
    }

    #[inline]
    pub fn value(&self) -> &[u8] {
        let shape = self.shape();
        // SAFETY: a value of that length stands there.
        unsafe { std::slice::from_raw_parts(self.block.add(shape.value_offset()).as_ptr(), shape.value_len) }
    }

    /// When the field expires: milliseconds since 1970.
    #[inline]
    pub fn expire_at(&self) -> Option<i64> {
        let shape = self.shape();
        // SAFETY: a timed field has its time there.
        shape.is_timed.then(|| unsafe { self.block.add(shape.time_offset()).cast::<i64>().read_unaligned() })
    }

    /// Replaces the value; the time to live stays. In place if the block's size class is the same.
    #[inline]
    pub fn set_value(&mut self, value: &[u8]) {
        let old = self.shape();
        let new = Shape { value_len: value.len(), ..old };
        if old.is_long() == new.is_long() && old.block_bytes() == new.block_bytes() {
            // SAFETY: both shapes have the value at the same offset, and the block has room for either.
            unsafe {
                self.write_header(new);
                let at = self.block.add(new.value_offset());
                at.copy_from_nonoverlapping(NonNull::from(value).cast(), value.len());
            }
        } else {
            *self = Self::new(self.name(), value, self.expire_at());
        }
    }

    /// Sets when the field expires, or that it does not. Moves the field when that changes whether it does.
    pub fn set_expire_at(&mut self, expire_at: Option<i64>) {
        let shape = self.shape();
        match expire_at {
            // SAFETY: a timed field has its time there.
            Some(at) if shape.is_timed => unsafe {
                self.block.add(shape.time_offset()).cast::<i64>().write_unaligned(at);
            },
            None if !shape.is_timed => {}
            _ => *self = Self::new(self.name(), self.value(), expire_at),
        }
    }

    /// Bytes that the field takes in the allocator.
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        self.shape().block_bytes()
    }

    /// Name and value of a field in a borrowed table, for as long as that is borrowed.
    #[inline]
    pub(super) fn parts<'a>(field: &Ref<'a, Self>) -> (&'a [u8], &'a [u8]) {
        let (name, value): (*const [u8], *const [u8]) = (field.name(), field.value());
        // SAFETY: both lie in the field's block. The table, which owns the field, is borrowed for 'a, so nobody changes
        // or frees the block that long.
        unsafe { (&*name, &*value) }
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        // SAFETY: the block was allocated with a layout of the same size class and alignment, and is freed once.
        unsafe { dealloc(self.block.as_ptr(), self.shape().layout()) }
    }
}

// SAFETY: the address is that of a block from the allocator, in user space; its provenance is exposed, and the same
// address gives the same field back.
unsafe impl Element for Field {
    #[inline]
    fn into_raw(self) -> NonNull<u8> {
        let block = self.block;
        std::mem::forget(self);
        block.as_ptr().expose_provenance();
        block
    }

    #[inline]
    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Self { block: raw }
    }

    #[inline]
    fn has_key(&self, key: &[u8]) -> bool {
        self.name() == key
    }

    #[inline]
    fn hash(&self) -> u64 {
        hash_key(self.name())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("name", &self.name()).field("value", &self.value()).finish()
    }
}
