//! What a table asks of the things it holds.

#![expect(unsafe_code, reason = "the contract of thin pointers cannot be checked by the compiler")]

use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::word::ADDRESS_MASK;

/// An owned thin pointer with a key, hashed by [`Element::hash`].
///
/// It may also be a small value that stands where the address would: such an element owns nothing, and its "address" is
/// any number but 0
/// and the one with all 48 bits set.
///
/// # Safety
///
/// `into_raw` gives an address below 2^48 (user space on x86-64 and AArch64), exposes its provenance or owns memory whose
/// provenance is exposed, and `from_raw` of that address gives the same element back.
pub unsafe trait Element: Sized {
    /// Gives up the element for its address. Whoever holds the address owns the element.
    fn into_raw(self) -> NonNull<u8>;

    /// Takes an element back from its address.
    ///
    /// # Safety
    ///
    /// `raw` came from `into_raw` of this type, and at most one of all elements made from it is ever dropped or
    /// mutated.
    unsafe fn from_raw(raw: NonNull<u8>) -> Self;

    /// Whether this is the key that the element is found by. That never changes while the element is in a table.
    fn has_key(&self, key: &[u8]) -> bool;

    /// The hash of the key: what callers of the table pass beside that key.
    fn hash(&self) -> u64;
}

/// The element of a cell or raw word, borrowed: never dropped here.
///
/// # Safety
///
/// The address bits of `cell` are those of a live element, which outlives the result and is not mutated meanwhile.
#[inline(always)]
pub(super) unsafe fn borrow<E: Element>(cell: u64) -> ManuallyDrop<E> {
    // SAFETY: the address is that of a live element, hence not null; ManuallyDrop keeps the table its owner.
    unsafe { ManuallyDrop::new(E::from_raw(address_of(cell))) }
}

/// The address in a cell, as a pointer.
///
/// # Safety
///
/// The address bits of `cell` are not 0.
#[inline(always)]
pub(super) unsafe fn address_of(cell: u64) -> NonNull<u8> {
    let address = std::ptr::with_exposed_provenance_mut::<u8>((cell & ADDRESS_MASK) as usize);
    // SAFETY: not 0, says the caller.
    unsafe { NonNull::new_unchecked(address) }
}

/// The address of an element, as the low 48 bits of a cell.
#[inline(always)]
pub(super) fn address_bits<E: Element>(element: E) -> u64 {
    let address = element.into_raw().as_ptr().expose_provenance() as u64;
    debug_assert!(address != 0 && address < ADDRESS_MASK);
    address & ADDRESS_MASK
}
