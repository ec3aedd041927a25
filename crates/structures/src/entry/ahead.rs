//! Prefetching a value that stands outside of its entry.

use super::object::Entry;
use super::value::ValueRef;
use crate::prefetch::prefetch;

/// Lines fetched: behind these the processor has seen the pattern and goes on by itself.
const LINES: usize = 4;

impl Entry {
    /// Has an object's own fields on their way into the cache; says whether the value is one. The entry itself should be
    /// there already.
    #[inline]
    pub fn prefetch_object(&self) -> bool {
        let Some(object) = self.payload() else { return false };
        let address = std::ptr::from_ref(object).cast::<u8>();
        prefetch(address);
        prefetch(address.wrapping_add(64));
        true
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
            for line in 0..LINES.min(buffer.len().div_ceil(64)) {
                prefetch(buffer.as_ptr().wrapping_add(line * 64));
            }
        }
    }
}
