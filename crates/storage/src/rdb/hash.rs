//! Hashes: fields with values one by one or packed; and the forms with times to live.

use super::{Damaged, Read, Reader, Texts, Value, Writer, length, listpack, string};
use dunlin_structures::number::parse_i64;

const TIME: Damaged = Damaged("a field's time to live that is none");
/// The latest time that a field can be given (46 bits, as in Redis): what is read must be told by a command.
const TIME_MAX: u64 = (1 << 46) - 1;
/// What Valkey says of a field without a time to live.
const NEVER: i64 = -1;

pub fn read(reader: &mut Reader<'_>) -> Read<Value> {
    let mut pairs = Texts::new();
    for _ in 0..reader.count()? {
        pairs.push(&string::read(reader)?);
        pairs.push(&string::read(reader)?);
    }
    Ok(Value::Hash(pairs, Vec::new()))
}

/// A string with fields and values by turns.
pub fn read_packed(reader: &mut Reader<'_>, items: fn(&[u8]) -> Read<Texts>) -> Read<Value> {
    let pairs = items(&string::read(reader)?)?;
    if !pairs.len().is_multiple_of(2) {
        return Err(Damaged("a field without a value"));
    }
    Ok(Value::Hash(pairs, Vec::new()))
}

/// Redis 7.4: before each field its time to live, counted from the soonest of all if that `has_soonest`; 0: none.
pub fn read_times(reader: &mut Reader<'_>, has_soonest: bool) -> Read<Value> {
    let soonest = if has_soonest { soonest(reader)? } else { 0 };
    let (mut pairs, mut times) = (Texts::new(), Vec::new());
    for _ in 0..reader.count()? {
        let time = length::read(reader)?;
        let at = match (time, has_soonest) {
            (0, _) => 0,
            (_, true) => soonest.checked_add(time - 1).ok_or(TIME)?,
            (_, false) => time,
        };
        pairs.push(&string::read(reader)?);
        pairs.push(&string::read(reader)?);
        times.push(expiry(at)?);
    }
    Ok(Value::Hash(pairs, times))
}

fn soonest(reader: &mut Reader<'_>) -> Read<u64> {
    let at = u64::from_le_bytes(reader.array()?);
    // One more: none of the fields has a time.
    if at > TIME_MAX + 1 { Err(TIME) } else { Ok(at) }
}

fn expiry(at: u64) -> Read<Option<i64>> {
    match at {
        0 => Ok(None),
        1..=TIME_MAX => Ok(Some(at as i64)),
        _ => Err(TIME),
    }
}

/// Redis 7.4: a listpack of fields, values and times; before it the soonest of them if that `has_soonest`.
pub fn read_listpack_times(reader: &mut Reader<'_>, has_soonest: bool) -> Read<Value> {
    if has_soonest {
        soonest(reader)?;
    }
    let items = listpack::items(&string::read(reader)?)?;
    if !items.len().is_multiple_of(3) {
        return Err(Damaged("a field without a value or a time"));
    }
    let (mut pairs, mut times) = (Texts::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        if index % 3 < 2 {
            pairs.push(item);
        } else {
            let at = parse_i64(item).and_then(|at| u64::try_from(at).ok()).ok_or(TIME)?;
            times.push(expiry(at)?);
        }
    }
    Ok(Value::Hash(pairs, times))
}

/// Valkey 9: behind each value the field's time, or -1.
pub fn read_valkey(reader: &mut Reader<'_>) -> Read<Value> {
    let (mut pairs, mut times) = (Texts::new(), Vec::new());
    for _ in 0..reader.count()? {
        pairs.push(&string::read(reader)?);
        pairs.push(&string::read(reader)?);
        times.push(match reader.time()? {
            NEVER => None,
            at => Some(expiry(at as u64)?.ok_or(TIME)?),
        });
    }
    Ok(Value::Hash(pairs, times))
}

/// Writes a field that stands by itself. How many there are goes before the first.
pub fn write(writer: &mut Writer, name: &[u8], value: &[u8]) {
    writer.string(name);
    writer.string(value);
}

/// Writes a field with its time to live, as [`read_times`] reads it: behind `soonest`, the least of all times, and how
/// many fields there are.
pub fn write_timed(writer: &mut Writer, name: &[u8], value: &[u8], expire_at: Option<i64>, soonest: i64) {
    writer.length(expire_at.map_or(0, |at| at.abs_diff(soonest) + 1));
    write(writer, name, value);
}
