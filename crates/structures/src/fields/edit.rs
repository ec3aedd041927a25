//! Changing a hash in its entry, and its way from one form to the next.

use super::hashtable::FieldTable;
use super::timed::TimedPack;
use super::view::Fields;
use crate::entry::{Encoding, Entry, IntText, Kind, PACKED_LEN_MAX};
use crate::packed::{Encoded, Limits, Packed, PackedMut};

/// What becomes of a field's time to live when its value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldExpiry {
    Keep,
    Clear,
    /// Unix time in ms.
    At(i64),
}

impl FieldExpiry {
    #[inline]
    pub(super) fn after(self, before: Option<i64>) -> Option<i64> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::At(at) => Some(at),
        }
    }
}

/// What the heads and tails of a pair take at most.
const OVERHEAD_MAX: usize = 28;

/// A hash without fields.
pub fn empty(key: &[u8]) -> Entry {
    Entry::packed(key, Kind::Hash, Encoding::Packed, &[], None)
}

/// A hash of these names and values, one after the other, and how many fields that makes: what [`make_room`] and then
/// [`set`] for each pair would give, in as few allocations as possible.
#[inline]
pub fn from_pairs<'t>(
    key: &[u8],
    texts: impl ExactSizeIterator<Item = &'t [u8]> + Clone,
    limits: Limits,
) -> (Entry, usize) {
    let bytes = texts.clone().map(<[u8]>::len).sum::<usize>() + texts.len() * OVERHEAD_MAX;
    let is_long = texts.len() / 2 > limits.entries || texts.clone().any(|text| text.len() > limits.bytes);
    let mut pairs = texts.clone();
    if texts.len() == 2
        && !is_long
        && bytes <= PACKED_LEN_MAX
        && let (Some(name), Some(value)) = (pairs.next(), pairs.next())
    {
        let (name, value) = (Encoded::of(name), Encoded::of(value));
        let ([a, b, c], [d, e, f]) = (name.parts(), value.parts());
        return (Entry::packed_parts(key, Kind::Hash, [a, b, c, d, e, f]), 1);
    }
    many_pairs(key, texts, is_long || bytes > PACKED_LEN_MAX, bytes)
}

fn many_pairs<'t>(
    key: &[u8],
    mut texts: impl ExactSizeIterator<Item = &'t [u8]>,
    is_large: bool,
    bytes: usize,
) -> (Entry, usize) {
    let mut count = 0;
    if is_large {
        let mut table = FieldTable::with_capacity(texts.len() / 2);
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            count += usize::from(table.set(name, value, FieldExpiry::Clear));
        }
        return (Entry::boxed(key, Kind::Hash, Box::new(table), None), count);
    }
    let mut block = Vec::with_capacity(bytes);
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        match locate(Packed::new(&block), &Encoded::of(name)) {
            Ok((start, end)) => PackedMut::replace(&mut block, start..end, value),
            Err(_) => {
                let end = block.len();
                PackedMut::insert_pair(&mut block, end, name, value);
                count += 1;
            }
        }
    }
    (Entry::packed(key, Kind::Hash, Encoding::Packed, &block, None), count)
}

/// Makes a small hash a large one before many texts are put into it, as Redis does: if one of them is too long, or if
/// they are more pairs than a small one may have. O(texts), and O(n) when the hash changes its form.
#[inline]
pub fn make_room<'t>(
    entry: &mut Entry,
    pairs: usize,
    texts: impl IntoIterator<Item = &'t [u8]>,
    limits: Limits,
) {
    if !is_table(entry) && (pairs > limits.entries || texts.into_iter().any(|text| text.len() > limits.bytes))
    {
        to_table(entry, pairs);
    }
}

/// Sets a field's value, and says whether it is a new one.
#[inline]
pub fn set(entry: &mut Entry, name: &[u8], value: &[u8], expiry: FieldExpiry, limits: Limits) -> bool {
    if let Some(table) = entry.payload_as_mut::<FieldTable>() {
        return table.set(name, value, expiry);
    }
    if name.len() > limits.bytes || value.len() > limits.bytes {
        to_table(entry, 0);
    } else if let FieldExpiry::At(_) = expiry {
        to_timed(entry);
    }
    if let Some(bytes) = entry.packed_bytes() {
        if bytes.len() + name.len() + value.len() + OVERHEAD_MAX <= PACKED_LEN_MAX {
            return set_packed(entry, name, value, limits);
        }
        to_table(entry, 0);
    }
    if let Some(pack) = entry.payload_as_mut::<TimedPack>() {
        let is_new = pack.set(name, value, expiry);
        if pack.len() > limits.entries {
            to_table(entry, 0);
        }
        return is_new;
    }
    entry.payload_as_mut::<FieldTable>().is_some_and(|table| table.set(name, value, expiry))
}

fn set_packed(entry: &mut Entry, name: &[u8], value: &[u8], limits: Limits) -> bool {
    let block = entry.block();
    let bytes = block.bytes().len();
    let (name, value) = (Encoded::of(name), Encoded::of(value));
    let place = locate(block, &name);
    let is_new = place.is_err();
    match place {
        Ok((start, end)) => entry.splice_packed(start..end, value.parts()),
        Err(_) => entry.insert_encoded_pair(bytes, &name, &value),
    }
    let count = match place {
        Err(before) => before + 1,
        // No pair takes less than four bytes: short blocks can't have too many.
        Ok(_) if bytes / 4 <= limits.entries => 0,
        Ok(_) => entry.block().len() / 2,
    };
    if count > limits.entries {
        to_table(entry, 0);
    }
    is_new
}

/// Where the value of the field of that name stands; or how many fields there are.
#[inline]
fn locate(block: Packed<'_>, name: &Encoded<'_>) -> Result<(usize, usize), usize> {
    let name = block.find_or_count::<2>(name)?;
    let end = block.end_of(name.end).unwrap_or(name.end);
    Ok((name.end, end))
}

/// Removes a field, and says whether it was there. A hash without fields is left as it is: its key is the caller's.
pub fn remove(entry: &mut Entry, name: &[u8]) -> bool {
    if let Some(bytes) = entry.packed_bytes() {
        let block = Packed::new(bytes);
        let Some(field) = block.find::<2>(name) else { return false };
        let end = block.at(field.end).map_or(bytes.len(), |value| value.end);
        let range = field.start..end;
        entry.remove(range);
        return true;
    }
    if let Some(pack) = entry.payload_as_mut::<TimedPack>() {
        return pack.remove(name);
    }
    entry.payload_as_mut::<FieldTable>().is_some_and(|table| table.remove(name))
}

/// Sets when a field expires, or that it doesn't, and says whether it is there.
pub fn set_expiry(entry: &mut Entry, name: &[u8], at: Option<i64>) -> bool {
    if let Some(bytes) = entry.packed_bytes() {
        if Packed::new(bytes).find::<2>(name).is_none() {
            return false;
        }
        if at.is_none() {
            return true;
        }
        to_timed(entry);
    }
    if let Some(pack) = entry.payload_as_mut::<TimedPack>() {
        return pack.set_expiry(name, at);
    }
    entry.payload_as_mut::<FieldTable>().is_some_and(|table| table.set_expiry(name, at))
}

/// Removes fields that expired before `now`, and names each: all of a small hash, at most `limit` of a large one, where
/// the others count as gone from then on. Returns how many were removed.
pub fn remove_due(entry: &mut Entry, now: i64, limit: usize, mut removed: impl FnMut(&[u8])) -> usize {
    if let Some(pack) = entry.payload_as_mut::<TimedPack>() {
        return pack.remove_due(now, removed);
    }
    let Some(table) = entry.payload_as_mut::<FieldTable>() else { return 0 };
    let mut count = 0;
    while count < limit
        && let Some(field) = table.pop_due(now)
    {
        removed(field.name());
        count += 1;
    }
    if table.soonest().is_some_and(|at| at < now) {
        table.hide_due(now);
    }
    count
}

/// The names of fields that counted as gone and that changes have now taken out of a large hash.
pub fn take_met(entry: &mut Entry) -> Vec<Vec<u8>> {
    entry.payload_as_mut::<FieldTable>().map(FieldTable::take_met).unwrap_or_default()
}

/// Whether there are fields that count as gone, but are still to be taken out.
pub fn has_hidden(entry: &Entry) -> bool {
    entry.payload_as::<FieldTable>().is_some_and(FieldTable::has_hidden)
}

/// Whether every field of this hash has expired before `now`: then nothing is to be gone through.
pub fn all_due(entry: &Entry, now: i64) -> bool {
    entry.payload_as::<FieldTable>().is_some_and(|table| table.all_due(now))
        || entry.payload_as::<TimedPack>().is_some_and(|pack| pack.all_due(now))
}

fn is_table(entry: &Entry) -> bool {
    entry.payload_as::<FieldTable>().is_some()
}

/// Gives a packed hash room for times.
fn to_timed(entry: &mut Entry) {
    if let Some(bytes) = entry.packed_bytes() {
        let pack = TimedPack::from_pairs(Packed::new(bytes));
        entry.set_payload(Box::new(pack));
    }
}

/// Makes a small hash a large one, with room for about so many fields.
fn to_table(entry: &mut Entry, len: usize) {
    if is_table(entry) {
        return;
    }
    let mut table = FieldTable::with_capacity(len);
    let (mut name, mut value) = (IntText::new(), IntText::new());
    for field in Fields::all_of(entry).iter() {
        let expiry = field.expire_at.map_or(FieldExpiry::Clear, FieldExpiry::At);
        table.set(field.name.text(&mut name), field.value.text(&mut value), expiry);
    }
    entry.set_payload(Box::new(table));
}
