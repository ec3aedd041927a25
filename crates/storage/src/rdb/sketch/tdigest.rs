//! t-digests: compression, lowest and highest number, capacity, how many centroids are merged and how many numbers wait,
//! how often it was compressed, weight of the merged and of those that wait; then the merged ones' means, and their weights.
//!
//! Numbers that wait are not told: who writes merges them first. Versions of RedisBloom before 2.8 leave out a single
//! observation so, though they count it; it is the lowest and the highest.

use super::{Damaged, ModuleType, PartWriter, Parts, Read};
use dunlin_structures::entry::Payload;
use dunlin_structures::tdigest::{self, Centroid, TDigest};
use std::any::Any;

pub const TYPE: ModuleType = ModuleType { name: "TDIS-TYPE", version: 0, read, write };

fn read(parts: &mut Parts<'_, '_>, _version: u16) -> Read<Box<dyn Payload>> {
    let (compression, min, max) = (parts.double()?, parts.double()?, parts.double()?);
    let (capacity, merged, waiting) = (parts.signed()?, parts.signed()?, parts.signed()?);
    let compressions = parts.signed()?;
    let (mut weight, waiting_weight) = (parts.double()?, parts.double()?);
    // Eight bytes and an opcode each, twice.
    let merged = usize::try_from(merged).ok().filter(|merged| *merged <= parts.bytes_left() / 18);
    let merged = merged.ok_or(Damaged("more centroids than there are bytes"))?;
    let mut centroids = Vec::with_capacity(merged);
    for _ in 0..merged {
        centroids.push(Centroid { mean: parts.double()?, weight: 0 });
    }
    for centroid in &mut centroids {
        centroid.weight = whole(parts.double()?)?;
    }
    match (merged, waiting) {
        (_, 0) if waiting_weight == 0.0 => {}
        (0, 1) if waiting_weight == 1.0 && weight == 0.0 && min == max => {
            centroids.push(Centroid { mean: min, weight: 1 });
            weight = 1.0;
        }
        _ => return Err(Damaged("numbers that wait to be merged")),
    }
    let parts = tdigest::Parts { compression, min, max, capacity, compressions, weight, centroids };
    Ok(Box::new(TDigest::from_parts(parts).ok_or(Damaged("no t-digest"))?))
}

fn whole(number: f64) -> Read<i64> {
    let is_whole = number.fract() == 0.0 && (1.0..9.2e18).contains(&number);
    is_whole.then_some(number as i64).ok_or(Damaged("a weight that is no count"))
}

fn write(parts: &mut PartWriter<'_>, object: &dyn Payload) -> Option<()> {
    let digest: &TDigest = (object as &dyn Any).downcast_ref()?;
    let saved = digest.parts();
    parts.double(saved.compression);
    parts.double(saved.min);
    parts.double(saved.max);
    parts.signed(saved.capacity);
    parts.signed(saved.centroids.len() as i64);
    parts.signed(0);
    parts.signed(saved.compressions);
    parts.double(saved.weight);
    parts.double(0.0);
    saved.centroids.iter().for_each(|centroid| parts.double(centroid.mean));
    saved.centroids.iter().for_each(|centroid| parts.double(centroid.weight as f64));
    Some(())
}
