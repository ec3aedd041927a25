//! Sketches of the heaviest items: how many, width, depth and decay; a string of the buckets and one of the heap's places,
//! as they lie in memory there; then each place's item, with a NUL behind it.
//!
//! ```text
//! bucket:  fingerprint 4 │ count 4
//! place:   fingerprint 4 │ length of the item 4 │ address of the item 8 │ count 4 │ padding 4
//! ```
//!
//! An address is no use to who reads it. In the first place's we keep the state that chance is drawn from, so that a
//! value that was restored goes on as the one that was dumped; RedisBloom, which draws from the process' own, passes over
//! it, and what stands there from RedisBloom is as good a state as any. Where an item was cut off at a NUL there, its
//! fingerprint is of the whole one; the item that is there is what counts.

use super::{Damaged, ModuleType, PartWriter, Parts, Read};
use dunlin_structures::entry::Payload;
use dunlin_structures::topk::{self, Heavy, Shape, TopK};
use std::any::Any;

pub const TYPE: ModuleType = ModuleType { name: "TopK-TYPE", version: 0, read, write };

const PLACE_LEN: usize = 24;

fn read(parts: &mut Parts<'_, '_>, _version: u16) -> Read<Box<dyn Payload>> {
    let (k, width, depth) = (parts.unsigned()?, parts.unsigned()?, parts.unsigned()?);
    let shape = Shape { k, width, depth, decay: parts.double()? };
    let buckets = parts.string()?;
    let places = parts.string()?;
    let (places, []) = places.as_chunks::<PLACE_LEN>() else { return Err(Damaged("a part of a place")) };
    let mut draws = None;
    let mut heap = Vec::with_capacity(places.len().min(parts.bytes_left()));
    for place in places {
        draws.get_or_insert(u64::from_le_bytes(eight(place)));
        heap.push(read_heavy(place, &parts.string()?)?);
    }
    let sketch = TopK::from_parts(shape, draws.unwrap_or_default(), &buckets, heap);
    Ok(Box::new(sketch.ok_or(Damaged("no sketch of the heaviest items"))?))
}

/// The address in a place.
fn eight(place: &[u8; PLACE_LEN]) -> [u8; 8] {
    std::array::from_fn(|index| place[8 + index])
}

fn four(place: &[u8; PLACE_LEN], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| place[at + index]))
}

/// An empty string is what free places have, too: one that was counted, or has the fingerprint, is an item.
fn read_heavy(place: &[u8; PLACE_LEN], text: &[u8]) -> Read<Heavy> {
    let [item @ .., 0] = text else { return Err(Damaged("an item without its end")) };
    let (fingerprint, count) = (topk::fingerprint(item), four(place, 16));
    if item.is_empty() && count == 0 && four(place, 0) != fingerprint {
        return Ok(Heavy::default());
    }
    Ok(Heavy { fingerprint, count, item: Some(item.into()) })
}

fn write(parts: &mut PartWriter<'_>, object: &dyn Payload) -> Option<()> {
    let sketch: &TopK = (object as &dyn Any).downcast_ref()?;
    let Shape { k, width, depth, decay } = sketch.shape();
    parts.unsigned(k);
    parts.unsigned(width);
    parts.unsigned(depth);
    parts.double(decay);
    parts.string(sketch.buckets());
    let mut bytes = Vec::with_capacity(sketch.heap().len() * PLACE_LEN);
    for (index, heavy) in sketch.heap().iter().enumerate() {
        let len = heavy.item.as_ref().map_or(0, |item| item.len());
        bytes.extend_from_slice(&heavy.fingerprint.to_le_bytes());
        bytes.extend_from_slice(&(len as u32).to_le_bytes());
        bytes.extend_from_slice(&if index == 0 { sketch.draws() } else { 0 }.to_le_bytes());
        bytes.extend_from_slice(&heavy.count.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
    }
    parts.string(&bytes);
    for heavy in sketch.heap() {
        bytes.clear();
        bytes.extend_from_slice(heavy.item.as_deref().unwrap_or_default());
        bytes.push(0);
        parts.string(&bytes);
    }
    Some(())
}
