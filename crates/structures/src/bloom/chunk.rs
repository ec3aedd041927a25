//! A filter in pieces, as BF.SCANDUMP gives and BF.LOADCHUNK takes them.
//!
//! ```text
//! header:  items 8 │ layers 4 │ options 4 │ growth 4 │ layer..
//! layer:   bytes 8 │ bits 8 │ items 8 │ error 8 │ bits an item 8 │ hashes 4 │ capacity 8 │ log2 of bits 1
//! ```
//!
//! All little-endian, without gaps. Behind it come the bits of all layers, one after the other, in chunks that don't go
//! across layers. A position is the number of bytes before it, plus one.

use super::{Bloom, LAYERS_MAX, Layer};
use crate::zeroed::zeroed;

/// Bytes of bits in one chunk at most.
pub const CHUNK_BYTES: usize = 16 * 1024 * 1024;

const HEAD_BYTES: usize = 20;
const LAYER_BYTES: usize = 53;

/// Why a chunk is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The position can't be one.
    Position,
    /// It lies behind the end.
    Beyond,
    /// It goes beyond its layer.
    TooLong,
}

/// What stands before a filter's bits.
pub fn header(bloom: &Bloom) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES + LAYER_BYTES * bloom.layers.len());
    out.extend_from_slice(&bloom.items.to_le_bytes());
    out.extend_from_slice(&(bloom.layers.len() as u32).to_le_bytes());
    out.extend_from_slice(&bloom.options.to_le_bytes());
    out.extend_from_slice(&bloom.growth.to_le_bytes());
    for layer in &bloom.layers {
        out.extend_from_slice(&(layer.bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(&layer.bits.to_le_bytes());
        out.extend_from_slice(&layer.items.to_le_bytes());
        out.extend_from_slice(&layer.error.to_le_bytes());
        out.extend_from_slice(&layer.bits_per_item.to_le_bytes());
        out.extend_from_slice(&layer.hashes.to_le_bytes());
        out.extend_from_slice(&layer.capacity.to_le_bytes());
        out.push(layer.bits_log2);
    }
    out
}

/// Whether chunks tell all of a filter: old ones, which only RESTORE makes, may have fewer bits than their bytes.
pub fn is_told(filter: &Bloom) -> bool {
    filter.layers().iter().all(|layer| layer.bytes.len() as u64 * 8 == layer.bits)
}

/// A filter of that header, all of whose bits are 0 still. Nothing if no filter has such a header, or if its bits would
/// take more than `room` bytes.
pub fn from_header(header: &[u8], room: u64) -> Option<Bloom> {
    let mut rest = header;
    let items = u64::from_le_bytes(take(&mut rest)?);
    let count = u32::from_le_bytes(take(&mut rest)?) as usize;
    let options = u32::from_le_bytes(take(&mut rest)?);
    let growth = u32::from_le_bytes(take(&mut rest)?);
    if count > LAYERS_MAX || rest.len() != count * LAYER_BYTES {
        return None;
    }
    let lengths = rest.as_chunks::<LAYER_BYTES>().0.iter().map(|layer| layer.first_chunk().copied());
    let total = lengths.map(|length| length.map_or(0, u64::from_le_bytes)).try_fold(0, u64::checked_add);
    if total.is_none_or(|total| total > room) {
        return None;
    }
    let layers = (0..count).map(|_| layer(&mut rest)).collect::<Option<_>>()?;
    Bloom::assemble(layers, items, options, growth)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

fn layer(rest: &mut &[u8]) -> Option<Layer> {
    let bytes = u64::from_le_bytes(take(rest)?);
    let bits = u64::from_le_bytes(take(rest)?);
    if bytes.checked_mul(8) != Some(bits) {
        return None;
    }
    let mut layer = Layer {
        bytes: Box::default(),
        bits,
        items: u64::from_le_bytes(take(rest)?),
        error: f64::from_le_bytes(take(rest)?),
        bits_per_item: f64::from_le_bytes(take(rest)?),
        hashes: u32::from_le_bytes(take(rest)?),
        capacity: u64::from_le_bytes(take(rest)?),
        bits_log2: u8::from_le_bytes(take(rest)?),
    };
    layer.bytes = zeroed(usize::try_from(bytes).ok()?)?;
    Some(layer)
}

/// The chunk at that position, and the position behind it; nothing at the end.
pub fn chunk(bloom: &Bloom, position: i64) -> Option<(i64, &[u8])> {
    let (index, offset) = find(bloom, position)?;
    let rest = &bloom.layers[index].bytes[offset..];
    let chunk = &rest[..rest.len().min(CHUNK_BYTES)];
    Some((position + chunk.len() as i64, chunk))
}

/// Writes a chunk of bits that ends before that position. All or nothing.
pub fn load(bloom: &mut Bloom, position: i64, chunk: &[u8]) -> Result<(), Misfit> {
    let start = position.checked_sub_unsigned(chunk.len() as u64);
    let start = start.filter(|start| position > 0 && *start >= 0).ok_or(Misfit::Position)?;
    let (index, offset) = find(bloom, start).ok_or(Misfit::Beyond)?;
    let into = bloom.layers[index].bytes[offset..].get_mut(..chunk.len()).ok_or(Misfit::TooLong)?;
    into.copy_from_slice(chunk);
    Ok(())
}

/// The layer at a position, and the offset in it.
fn find(bloom: &Bloom, position: i64) -> Option<(usize, usize)> {
    let mut offset = usize::try_from(position.checked_sub(1)?).ok()?;
    for (index, layer) in bloom.layers.iter().enumerate() {
        if offset < layer.bytes.len() {
            return Some((index, offset));
        }
        offset -= layer.bytes.len();
    }
    None
}
