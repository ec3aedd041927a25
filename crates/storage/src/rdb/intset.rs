//! Intsets: integers in rising order, all of one width.
//!
//! ```text
//! bytes of one 4 │ integers 4 │ integers
//! ```

use super::{Damaged, Read, Reader, Writer};

const BROKEN: Damaged = Damaged("an intset whose header is wrong");

/// The integers, each larger than the one before.
pub fn integers(bytes: &[u8]) -> Read<Vec<i64>> {
    let mut reader = Reader::new(bytes);
    let width = u32::from_le_bytes(reader.array()?);
    let count = u32::from_le_bytes(reader.array()?);
    let bytes = reader.rest();
    if bytes.len() as u64 != u64::from(width) * u64::from(count) {
        return Err(BROKEN);
    }
    let integers: Vec<i64> = match width {
        2 => bytes.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes).into()).collect(),
        4 => bytes.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes).into()).collect(),
        8 => bytes.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect(),
        _ => return Err(BROKEN),
    };
    if !integers.is_sorted_by(|a, b| a < b) {
        return Err(Damaged("an intset out of order"));
    }
    Ok(integers)
}

/// Writes rising integers as a string that holds an intset, in the least width that fits all.
pub fn write(writer: &mut Writer, integers: &[i64]) {
    let fits = |min: i64, max: i64| integers.iter().all(|number| (min..=max).contains(number));
    let width: usize = match () {
        () if fits(i16::MIN.into(), i16::MAX.into()) => 2,
        () if fits(i32::MIN.into(), i32::MAX.into()) => 4,
        () => 8,
    };
    let mut bytes = Vec::with_capacity(8 + width * integers.len());
    bytes.extend_from_slice(&(width as u32).to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(integers.len()).unwrap_or(u32::MAX).to_le_bytes());
    integers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()[..width]));
    writer.string(&bytes);
}
