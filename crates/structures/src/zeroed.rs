//! Large blocks of zeros, if there is memory for them.
//!
//! Where `vec![0; n]` ends the process, this says no. The system gives fresh pages as zeros, so that a block costs what
//! is written to it.

#![expect(unsafe_code, reason = "no safe function allocates zeros and can fail")]

use std::alloc::{Layout, alloc_zeroed};

/// `len` zeros; nothing if the allocator has no memory for them.
pub(crate) fn zeroed(len: usize) -> Option<Box<[u8]>> {
    if len == 0 {
        return Some(Box::default());
    }
    let layout = Layout::array::<u8>(len).ok()?;
    // SAFETY: the layout's size is not 0.
    let block = unsafe { alloc_zeroed(layout) };
    if block.is_null() {
        return None;
    }
    let block = std::ptr::slice_from_raw_parts_mut(block, len);
    // SAFETY: the block comes from the global allocator with the layout of a `[u8]` of this length, all of it is
    // initialized, and nobody else has it.
    Some(unsafe { Box::from_raw(block) })
}

#[cfg(test)]
mod tests {
    use super::zeroed;

    #[test]
    fn zeros_or_nothing() {
        assert_eq!(zeroed(0).as_deref(), Some(&[][..]));
        assert_eq!(zeroed(3).as_deref(), Some(&[0, 0, 0][..]));
        // A block that nobody looks at need not be asked for: with optimization it would "be there".
        assert!(zeroed(isize::MAX as usize + 1).is_none() && std::hint::black_box(zeroed(1 << 60)).is_none());
    }
}
