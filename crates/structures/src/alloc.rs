//! The allocator: jemalloc behind Rust's `GlobalAlloc`, and what it can tell about memory.
//!
//! jemalloc is built with size classes in steps of 8 bytes (see `.cargo/config.toml`), so blocks of 24, 40 and 56 bytes
//! exist and are only 8-aligned. The usual binding passes no alignment up to 16 and would hand them to callers who ask
//! for 16; this one names every alignment above 8. It knows nothing of keys or of limits: it counts bytes.

#![expect(unsafe_code, reason = "an allocator is an unsafe trait over foreign functions")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use tikv_jemalloc_ctl::{background_thread, epoch, raw};
use tikv_jemalloc_sys as sys;

/// Every block of jemalloc has at least this alignment; a larger one must be asked for.
const ALIGN_GUARANTEED: usize = 8;

/// jemalloc's page on x86-64, and the largest step between two size classes.
const PAGE_BYTES: usize = 4096;

/// jemalloc as the global allocator: `#[global_allocator] static ALLOCATOR: Jemalloc = Jemalloc;`
#[derive(Debug, Clone, Copy, Default)]
pub struct Jemalloc;

/// The `mallocx` flags for an alignment: none while the guaranteed one is enough.
#[inline(always)]
const fn align_flags(align: usize) -> c_int {
    if align <= ALIGN_GUARANTEED { 0 } else { sys::MALLOCX_ALIGN(align) }
}

/// jemalloc leaves a request of 0 bytes undefined in some of its entry points, so it is asked for 1.
#[inline(always)]
const fn at_least_one(size: usize) -> usize {
    if size == 0 { 1 } else { size }
}

// SAFETY: blocks come from jemalloc with the alignment asked for (named whenever it exceeds the guaranteed one), stay
// valid until given back, and are given back with the size and the flags they were made with. Nothing unwinds.
unsafe impl GlobalAlloc for Jemalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = at_least_one(layout.size());
        // SAFETY: the size is not 0 and the alignment is a power of two.
        unsafe {
            if layout.align() <= ALIGN_GUARANTEED {
                sys::malloc(size).cast()
            } else {
                sys::mallocx(size, align_flags(layout.align())).cast()
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let size = at_least_one(layout.size());
        // SAFETY: as in `alloc`. calloc knows fresh pages and does not write zeros over them.
        unsafe {
            if layout.align() <= ALIGN_GUARANTEED {
                sys::calloc(1, size).cast()
            } else {
                sys::mallocx(size, align_flags(layout.align()) | sys::MALLOCX_ZERO).cast()
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller vouches that `block` was made by this allocator with this layout.
        unsafe { sys::sdallocx(block.cast(), at_least_one(layout.size()), align_flags(layout.align())) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let flags = align_flags(layout.align());
        // SAFETY: as in `dealloc`; the new block is asked for with the same alignment.
        unsafe { sys::rallocx(block.cast::<c_void>(), at_least_one(new_size), flags).cast() }
    }
}

/// Bytes that a block of `size` bytes really takes, for alignments up to 8: jemalloc's size class. Pure arithmetic:
/// steps of 8 bytes up to 64, then four classes a doubling, but never steps of more than a page. O(1), a handful of
/// instructions.
#[inline(always)]
pub const fn size_class(size: usize) -> usize {
    if size <= 64 {
        return if size == 0 { 8 } else { (size + 7) & !7 };
    }
    let step = 1_usize << (usize::BITS - (size - 1).leading_zeros() - 3);
    let step = if step > PAGE_BYTES { PAGE_BYTES } else { step };
    (size + (step - 1)) & !(step - 1)
}

/// Bytes that a block of this layout really takes in jemalloc.
#[inline]
pub fn usable_size(layout: Layout) -> usize {
    if layout.align() <= ALIGN_GUARANTEED {
        return size_class(layout.size());
    }
    // SAFETY: the size is not 0 and the alignment is a power of two; nallocx only computes.
    unsafe { sys::nallocx(at_least_one(layout.size()), align_flags(layout.align())) }
}

/// What the allocator holds in the whole process, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// In blocks that the program holds, or that a thread keeps for its next ones.
    pub allocated: u64,
    /// The latter.
    pub cached: u64,
    /// In pages that hold such blocks: `active / allocated` is the fragmentation inside the allocator.
    pub active: u64,
    /// Of physical memory: active pages, the allocator's own data and pages not yet given back.
    pub resident: u64,
    /// In extents mapped from the operating system.
    pub mapped: u64,
    /// Address space kept for later without memory behind it.
    pub retained: u64,
    /// The allocator's own bookkeeping.
    pub metadata: u64,
}

/// Reads the global statistics, brought up to date first. Costs about 20 µs: not more often than every 100 ms.
/// A figure that the allocator does not report is 0.
pub fn stats() -> Stats {
    // A refused epoch only means that the figures are those of the previous reading.
    let _ = epoch::advance();
    Stats {
        allocated: read_size(b"stats.allocated\0"),
        active: read_size(b"stats.active\0"),
        resident: read_size(b"stats.resident\0"),
        mapped: read_size(b"stats.mapped\0"),
        retained: read_size(b"stats.retained\0"),
        metadata: read_size(b"stats.metadata\0"),
        // 4096 stands for all arenas (MALLCTL_ARENAS_ALL).
        cached: read_size(b"stats.arenas.4096.tcache_bytes\0"),
    }
}

fn read_size(name: &'static [u8]) -> u64 {
    // SAFETY: all names that are read here are of type size_t, says jemalloc's manual.
    unsafe { raw::read::<usize>(name) }.map_or(0, |bytes| bytes as u64)
}

/// Gives unused pages of all arenas back to the operating system. Returns whether the allocator agreed.
pub fn purge() -> bool {
    // The index 4096 stands for "all arenas" (MALLCTL_ARENAS_ALL).
    const PURGE_ALL_ARENAS: &std::ffi::CStr = c"arena.4096.purge";
    // SAFETY: the name is a valid C string and this node takes and gives no value.
    let status = unsafe {
        sys::mallctl(
            PURGE_ALL_ARENAS.as_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            0,
        )
    };
    status == 0
}

/// What jemalloc tells of the slab that a block lies in, in the order in which it writes it.
#[repr(C)]
#[derive(Clone, Copy)]
struct SlabUse {
    current_slab: usize,
    free: usize,
    blocks: usize,
    block_bytes: usize,
    class_free: usize,
    class_blocks: usize,
}

/// Whether this process' blocks come from jemalloc: whether it counts one that is made now.
fn is_global_allocator() -> bool {
    let before = thread_allocated_bytes();
    drop(std::hint::black_box(Box::new([0_u8; 64])));
    thread_allocated_bytes() > before
}

/// Moves a block of `size` bytes, aligned to 8 and made by the global allocator, out of a slab that has more free places than
/// the others of its class, so that such slabs empty and their pages go to other classes. `None`, with nothing changed,
/// if there is no reason to, or if the global allocator is another one. Costs about 0.2 µs, and a copy if it moves.
///
/// # Safety
///
/// The block was made by the global allocator, with that size and an alignment of at most 8, and the caller has the only access to it. If
/// it is moved the old address is free.
pub(crate) unsafe fn move_out_of_sparse_slab(block: *mut u8, size: usize) -> Option<*mut u8> {
    static QUERY: OnceLock<Option<[usize; 3]>> = OnceLock::new();
    let query = (*QUERY.get_or_init(|| {
        let mut mib = [0; 3];
        let found = raw::name_to_mib(b"experimental.utilization.query\0", &mut mib).is_ok();
        // jemalloc reads wild memory when it is asked about a block that is not its own.
        (found && is_global_allocator()).then_some(mib)
    }))?;
    let mut slab =
        SlabUse { current_slab: 0, free: 0, blocks: 0, block_bytes: 0, class_free: 0, class_blocks: 0 };
    let mut slab_bytes = size_of::<SlabUse>();
    let mut asked = block;
    // SAFETY: the node takes a pointer into jemalloc's memory, which the global allocator's is, and gives six words.
    let status = unsafe {
        sys::mallctlbymib(
            query.as_ptr(),
            query.len(),
            (&raw mut slab).cast(),
            &raw mut slab_bytes,
            (&raw mut asked).cast(),
            size_of::<*mut u8>(),
        )
    };
    let is_sparse = slab.free * slab.class_blocks > slab.class_free * slab.blocks;
    let is_current =
        (slab.current_slab..slab.current_slab + slab.blocks * slab.block_bytes).contains(&(block as usize));
    if status != 0 || slab.blocks < 2 || !is_sparse || is_current {
        return None;
    }
    // SAFETY: the block is jemalloc's, so is the new one of the same size, and they do not overlap. Without the thread's
    // cache, which would hand out the place that was just left.
    unsafe {
        let moved: *mut u8 = sys::mallocx(at_least_one(size), sys::MALLOCX_TCACHE_NONE).cast();
        if moved.is_null() {
            return None;
        }
        std::ptr::copy_nonoverlapping(block, moved, size);
        sys::sdallocx(block.cast(), at_least_one(size), sys::MALLOCX_TCACHE_NONE);
        Some(moved)
    }
}

/// Has threads of jemalloc's own give unused pages back, `decay_ms` after they fell idle. Otherwise the thread whose
/// allocation happens to come when pages are due gives them all back, which was seen to take 5 ms. To be called after
/// any fork, since threads do not survive it. Returns whether the allocator agreed.
pub fn purge_in_background(decay_ms: usize) -> bool {
    // SAFETY: all names are of the types given here, says jemalloc's manual: ssize_t (whose positive values are those of
    // usize) and unsigned.
    unsafe {
        let arenas = raw::read::<u32>(b"arenas.narenas\0").unwrap_or(0);
        let _ = raw::write(b"arenas.dirty_decay_ms\0", decay_ms);
        for arena in 0..arenas {
            // An arena that is not in use yet refuses, and takes the default that was set above.
            let _ = raw::write(format!("arena.{arena}.dirty_decay_ms\0").as_bytes(), decay_ms);
        }
    }
    background_thread::write(true).is_ok()
}

/// From now on blocks of 8 MiB and more go back to the operating system the moment they are freed. (jemalloc's default
/// with a background thread is to keep them as long as small ones: a buffer that grew to 100 MB in steps then holds
/// several times that for a second.) Returns whether the allocator agreed.
pub fn give_back_large_at_once() -> bool {
    // The arena of large blocks is made with the first of them. Touched by nobody, it costs address space only.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE_BYTES)));
    // SAFETY: the node is of type unsigned, says jemalloc's manual.
    let Ok(arena) = (unsafe { raw::read::<u32>(b"opt.narenas\0") }) else { return false };
    let name = format!("arena.{arena}.dirty_decay_ms\0");
    // SAFETY: the name ends with NUL and the node is of type ssize_t, says jemalloc's manual.
    unsafe { raw::write::<isize>(name.as_bytes(), 0) }.is_ok()
}

/// From this size on jemalloc takes blocks from an arena of their own (its `oversize_threshold`), the one behind those
/// of the threads.
const LARGE_BYTES: usize = 8 << 20;

/// Bytes that this thread has ever allocated and freed. Other threads may free what this one allocated, so only the sum
/// over all threads of the difference says what is in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThreadBytes {
    pub allocated: u64,
    pub freed: u64,
}

impl ThreadBytes {
    /// Allocated minus freed: what this thread's work has added to (or taken from) the memory in use.
    pub const fn balance(self) -> i64 {
        self.allocated.wrapping_sub(self.freed) as i64
    }
}

thread_local! {
    /// Where jemalloc counts for this thread: (allocated, freed). Null until first asked for.
    static COUNTERS: Cell<(*const u64, *const u64)> = const { Cell::new((std::ptr::null(), std::ptr::null())) };
}

/// This thread's counters, read in a few nanoseconds. Zeros where the allocator keeps none.
#[inline]
pub fn thread_bytes() -> ThreadBytes {
    let (mut allocated, mut freed) = COUNTERS.get();
    if allocated.is_null() {
        (allocated, freed) = find_counters();
    }
    if allocated.is_null() || freed.is_null() {
        return ThreadBytes::default();
    }
    // SAFETY: jemalloc hands out pointers into this thread's own data, valid while the thread lives; only this thread
    // writes them, and not during this read.
    unsafe { ThreadBytes { allocated: allocated.read_volatile(), freed: freed.read_volatile() } }
}

/// Bytes that this thread has allocated less those that it freed, whoever allocated them.
#[inline]
pub fn thread_held_bytes() -> i64 {
    let bytes = thread_bytes();
    bytes.allocated.wrapping_sub(bytes.freed).cast_signed()
}

/// Bytes that this thread has ever allocated.
#[inline]
pub fn thread_allocated_bytes() -> u64 {
    thread_bytes().allocated
}

#[cold]
fn find_counters() -> (*const u64, *const u64) {
    // SAFETY: both nodes are of type `uint64_t *`, says jemalloc's manual.
    let found = unsafe {
        raw::read::<*const u64>(b"thread.allocatedp\0")
            .and_then(|allocated| Ok((allocated, raw::read::<*const u64>(b"thread.deallocatedp\0")?)))
    };
    let counters = found.unwrap_or((std::ptr::null(), std::ptr::null()));
    COUNTERS.set(counters);
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layouts() -> impl Iterator<Item = Layout> {
        let sizes =
            [0, 1, 7, 8, 9, 15, 16, 17, 24, 31, 40, 48, 56, 57, 100, 512, 4000, 4096, 70_000, 5_000_000];
        (0..=12).flat_map(move |shift| {
            sizes.map(|size| Layout::from_size_align(size, 1 << shift).expect("a size far below the limit"))
        })
    }

    #[test]
    fn every_alignment_is_kept_by_alloc_zero_and_realloc() {
        for layout in layouts() {
            // Several at once, so that a class that is aligned only by luck shows.
            let mut blocks = Vec::new();
            for round in 0..9_u8 {
                // SAFETY: each block is used within its size and given back once, with the layout it has then.
                unsafe {
                    let block = if round % 2 == 0 {
                        Jemalloc.alloc(layout)
                    } else {
                        let zeroed = Jemalloc.alloc_zeroed(layout);
                        assert!(
                            std::slice::from_raw_parts(zeroed, layout.size()).iter().all(|&byte| byte == 0)
                        );
                        zeroed
                    };
                    assert!(
                        !block.is_null() && (block as usize).is_multiple_of(layout.align()),
                        "{layout:?}"
                    );
                    std::ptr::write_bytes(block, round + 1, layout.size());
                    blocks.push(block);
                }
            }
            let larger = layout.size() * 3 + 8;
            for (round, block) in (1_u8..).zip(blocks) {
                // SAFETY: as above; after realloc the layout has the new size.
                unsafe {
                    let block = Jemalloc.realloc(block, layout, larger);
                    assert!(
                        !block.is_null() && (block as usize).is_multiple_of(layout.align()),
                        "{layout:?} regrown"
                    );
                    let kept = std::slice::from_raw_parts(block, layout.size());
                    assert!(kept.iter().all(|&byte| byte == round));
                    let regrown = Layout::from_size_align(larger, layout.align()).expect("valid");
                    Jemalloc.dealloc(block, regrown);
                }
            }
        }
    }

    #[test]
    fn size_class_is_what_jemalloc_says() {
        let near_powers = (6..40).flat_map(|shift| {
            let power = 1_usize << shift;
            [power - 1, power, power + 1, power + power / 4, power + power / 4 + 1, power / 8 * 15]
        });
        for size in (1..20_000).chain(near_powers) {
            // SAFETY: nallocx only computes.
            let expected = unsafe { sys::nallocx(size, 0) };
            assert_eq!(size_class(size), expected, "size {size}");
        }
        assert_eq!(size_class(0), 8);
        assert_eq!(usable_size(Layout::from_size_align(40, 16).expect("valid")), 48);
    }

    #[test]
    fn counters_follow_this_thread() {
        let before = thread_bytes();
        let layout = Layout::from_size_align(100_000, 8).expect("valid");
        // SAFETY: allocated and freed once with the same layout.
        unsafe {
            let block = Jemalloc.alloc(layout);
            assert_eq!(thread_bytes().balance() - before.balance(), usable_size(layout) as i64);
            Jemalloc.dealloc(block, layout);
        }
        assert_eq!(thread_bytes().balance(), before.balance());
        assert!(thread_allocated_bytes() >= before.allocated + 100_000);
    }

    #[test]
    fn stats_and_purge_answer() {
        let layout = Layout::from_size_align(1 << 20, 8).expect("valid");
        // SAFETY: allocated and freed once with the same layout.
        unsafe {
            let block = Jemalloc.alloc(layout);
            let stats = stats();
            assert!(stats.allocated - stats.cached >= 1 << 20, "{stats:?}");
            assert!(stats.resident >= stats.active && stats.active >= stats.allocated, "{stats:?}");
            Jemalloc.dealloc(block, layout);
        }
        assert!(purge());
        assert!(purge_in_background(1000));
    }
}
