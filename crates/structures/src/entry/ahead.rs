//! Prefetching a value that stands outside of its entry.

use super::object::Entry;
use super::value::ValueRef;
use crate::prefetch::prefetch;

/// Lines fetched: behind these the processor has seen the pattern and goes on by itself.
const LINES: usize = 4;
const LINE_BYTES: usize = 64;

/// What there is to fetch of a value beyond the first lines of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    Nothing,
    Lines,
    Object,
    /// A string's bytes elsewhere, of which nothing was fetched: see [`Entry::prefetch_value`].
    Buffer,
}

impl Entry {
    /// Has what the entry's first lines lead to on its way into the cache: an object's own fields, or the further lines of
    /// a value in the entry. The first two lines should be there already.
    #[inline]
    pub fn prefetch_more(&self) -> More {
        match self.value() {
            ValueRef::Boxed(object) => {
                let address = std::ptr::from_ref(object).cast::<u8>();
                prefetch(address);
                prefetch(address.wrapping_add(LINE_BYTES));
                More::Object
            }
            ValueRef::Inline(bytes) | ValueRef::Packed(bytes) if bytes.len() > 2 * LINE_BYTES => {
                // Where the second line ends is not known here: half a line may be fetched in vain.
                for at in (LINE_BYTES + LINE_BYTES / 2..bytes.len()).step_by(LINE_BYTES).take(LINES) {
                    prefetch(bytes.as_ptr().wrapping_add(at));
                }
                More::Lines
            }
            ValueRef::Buffer(_) => More::Buffer,
            _ => More::Nothing,
        }
    }

    /// Has what an object's fields lead to on its way into the cache. They should be there already.
    #[inline]
    pub fn prefetch_in_object(&self) {
        if let Some(object) = self.payload() {
            object.prefetch();
        }
    }

    /// Has what looking for these elements touches on its way into the cache, if the value is an object: see
    /// [`Payload::prefetch_elements`](super::Payload::prefetch_elements).
    pub fn prefetch_elements(&self, elements: &[&[u8]], ranked: bool) {
        if let Some(object) = self.payload() {
            object.prefetch_elements(elements, ranked);
        }
    }

    /// Has the first lines of a large value on their way into the cache. The entry itself should be there already.
    #[inline]
    pub fn prefetch_value(&self) {
        if let ValueRef::Buffer(buffer) = self.value() {
            for line in 0..LINES.min(buffer.len().div_ceil(LINE_BYTES)) {
                prefetch(buffer.as_ptr().wrapping_add(line * LINE_BYTES));
            }
        }
    }
}
