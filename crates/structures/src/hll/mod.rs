//! HyperLogLog: how many different elements were added, estimated from 16,384 registers with a standard error of
//! 0.81 %.
//!
//! ```text
//! "HYLL" │ encoding 1 │ unused 3 │ cached cardinality 8, little-endian; its highest bit: out of date │ registers
//! ```
//!
//! The layouts are Redis', byte for byte, and so are the hash and the estimate: a sketch is a string that may come from
//! another server and go there. [`dense`] registers take 6 bits each, [`sparse`] ones are runs. All bytes are input:
//! what is no sketch, or is a broken one, is a [`Fault`], never a panic.
//!
//! An element selects a register by the low bits of its hash, and may raise it ([`Pattern`]); the estimate works from
//! how many registers hold which value; [`Union`] holds registers a byte each, to merge several sketches.

pub mod dense;
mod estimate;
mod pattern;
mod skip;
pub mod sparse;
#[cfg(test)]
mod tests;
mod union;

pub use pattern::Pattern;
pub use union::Union;

/// How many registers there are: a power of two.
pub const REGISTERS: usize = 1 << REGISTER_BITS;
const REGISTER_BITS: u32 = 14;
/// Bits of the hash that are left to count zeros in; a register's value is at most one more.
const RANK_BITS: u32 = 64 - REGISTER_BITS;

const MAGIC: &[u8] = b"HYLL";
const HEADER_BYTES: usize = 16;
const CACHE: std::ops::Range<usize> = 8..16;
const STALE: u8 = 0x80;
/// Length of a sketch with dense registers.
pub const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * 6 / 8;

/// How many registers hold each value.
type Histogram = [u32; 64];

/// Why bytes can't be worked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They aren't a sketch at all.
    Foreign,
    /// They begin as one, but their runs don't cover the registers.
    Corrupted,
}

/// How registers are stored. The numbers are those in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Dense = 0,
    Sparse = 1,
}

impl Layout {
    /// The layout of a sketch, after a look at its header.
    pub fn of(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
            return Err(Fault::Foreign);
        }
        match bytes[4] {
            0 if bytes.len() == DENSE_BYTES => Ok(Self::Dense),
            1 => Ok(Self::Sparse),
            _ => Err(Fault::Foreign),
        }
    }
}

/// A sketch of nothing.
pub fn empty() -> Vec<u8> {
    let mut bytes = header(Layout::Sparse).to_vec();
    sparse::push_zeros(&mut bytes, REGISTERS);
    bytes
}

fn header(layout: Layout) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..MAGIC.len()].copy_from_slice(MAGIC);
    header[4] = layout as u8;
    header
}

/// The cardinality as it was last computed, unless something was added since.
pub fn cached(bytes: &[u8]) -> Option<u64> {
    let field = bytes.get(CACHE)?.try_into().ok()?;
    let cardinality = u64::from_le_bytes(field);
    (cardinality >> 63 == 0).then_some(cardinality)
}

pub fn set_cached(bytes: &mut [u8], cardinality: u64) {
    bytes[CACHE].copy_from_slice(&cardinality.to_le_bytes());
}

/// Says that the cached cardinality is out of date.
pub fn invalidate(bytes: &mut [u8]) {
    bytes[CACHE.end - 1] |= STALE;
}

/// The estimated cardinality.
pub fn count(bytes: &[u8]) -> Result<u64, Fault> {
    let histogram = match Layout::of(bytes)? {
        Layout::Dense => dense::histogram(&bytes[HEADER_BYTES..]),
        Layout::Sparse => sparse::histogram(&bytes[HEADER_BYTES..])?,
    };
    Ok(estimate::cardinality(&histogram))
}

/// Raises a register to what an element shows, in either layout; says whether that changed anything. A sparse sketch
/// becomes a dense one where it must; `sparse_bytes_max` is how long it may get.
pub fn raise(bytes: &mut Vec<u8>, pattern: Pattern, sparse_bytes_max: usize) -> Result<bool, Fault> {
    match Layout::of(bytes)? {
        Layout::Dense => Ok(dense::raise(bytes, pattern)),
        Layout::Sparse => sparse::raise(bytes, pattern, sparse_bytes_max),
    }
}
