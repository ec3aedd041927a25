//! The one hint that this crate gives to the processor: fetch a cache line that will be read soon.

#![expect(unsafe_code, reason = "the prefetch instruction is only reachable through an intrinsic")]

/// Asks for the cache line of `address`. The address need not be valid: a prefetch never faults and changes nothing.
#[inline(always)]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction is part of the base instruction set (SSE) and never faults, whatever the address.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address.cast::<i8>());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: PRFM never faults, reads no memory that the program can see and leaves flags and stack alone.
    unsafe {
        core::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(readonly, nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}
