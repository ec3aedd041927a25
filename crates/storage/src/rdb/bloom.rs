//! Bloom filters: RedisBloom's module type `MBbloom--`.
//!
//! ```text
//! items │ layers │ options (2) │ growth (4) │ layer..
//! layer:  capacity │ error │ hashes │ bits an item │ (bits │ log2 of bits) (1) │ bits themselves │ items
//! ```
//!
//! What is marked came with that version.

use super::module::{ModuleType, PartWriter, Parts};
use super::{Damaged, Read};
use dunlin_structures::bloom::{Bloom, LAYERS_MAX, Layer, TYPE_NAME};
use dunlin_structures::entry::Payload;
use std::any::Any;

pub(super) const TYPE: ModuleType = ModuleType { name: TYPE_NAME, version: 4, read, write };

const BROKEN: Damaged = Damaged("a Bloom filter that is none");

fn read(parts: &mut Parts<'_, '_>, version: u16) -> Read<Box<dyn Payload>> {
    let items = parts.unsigned()?;
    let count = parts.unsigned()?;
    let options = if version >= 2 { parts.unsigned()? } else { 0 };
    let growth = if version >= 4 { parts.unsigned()? } else { 2 };
    if count > LAYERS_MAX as u64 {
        return Err(BROKEN);
    }
    let layers = (0..count).map(|_| read_layer(parts, version)).collect::<Read<Vec<_>>>()?;
    let narrow = |number: u64| u32::try_from(number).map_err(|_| BROKEN);
    let bloom = Bloom::assemble(layers, items, narrow(options)?, narrow(growth)?).ok_or(BROKEN)?;
    Ok(Box::new(bloom))
}

fn read_layer(parts: &mut Parts<'_, '_>, version: u16) -> Read<Layer> {
    let capacity = parts.unsigned()?;
    let error = parts.double()?;
    let hashes = u32::try_from(parts.unsigned()?).map_err(|_| BROKEN)?;
    let bits_per_item = parts.double()?;
    let (bits, bits_log2) = match version {
        0 => ((capacity as f64 * bits_per_item) as u64, 0),
        _ => (parts.unsigned()?, u8::try_from(parts.unsigned()?).map_err(|_| BROKEN)?),
    };
    let bytes = parts.string()?.into_owned().into_boxed_slice();
    let items = parts.unsigned()?;
    Ok(Layer { bytes, bits, bits_log2, hashes, bits_per_item, error, capacity, items })
}

fn write(parts: &mut PartWriter<'_>, object: &dyn Payload) -> Option<()> {
    let object: &dyn Any = object;
    let bloom: &Bloom = object.downcast_ref()?;
    parts.unsigned(bloom.items());
    parts.unsigned(bloom.layers().len() as u64);
    parts.unsigned(bloom.options().into());
    parts.unsigned(bloom.growth().into());
    for layer in bloom.layers() {
        parts.unsigned(layer.capacity);
        parts.double(layer.error);
        parts.unsigned(layer.hashes.into());
        parts.double(layer.bits_per_item);
        parts.unsigned(layer.bits);
        parts.unsigned(layer.bits_log2.into());
        parts.string(&layer.bytes);
        parts.unsigned(layer.items);
    }
    Some(())
}
