//! Changing the set in an entry, and how it moves on to the next encoding.
//!
//! The rules are Redis': integers stay integers up to a number of them, and become packed with the first other member if
//! that is allowed; a packed block takes members up to a number and a length; everything else is large.

use crate::entry::{Encoding, Entry, Kind, PACKED_LEN_MAX};
use crate::packed::{Encoded, Item, Limits, PackedMut};

use super::ints;
use super::large::{LargeSet, RUN};
use super::view::Set;

/// Texts below this length fit into a packed block whatever else is to be said of them.
const SHORT_TEXT: usize = 4096;

/// Up to which size a set stands in its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLimits {
    /// Integers of a set that has nothing else.
    pub ints: usize,
    /// Members of any kind.
    pub packed: Limits,
}

/// An empty set that is about to get `len` members, `first` the first of them.
pub fn make(key: &[u8], first: Item<'_>, len: usize, limits: &SetLimits) -> Entry {
    match first {
        Item::Int(_) if len <= limits.ints => empty(key, Encoding::Intset),
        _ if len <= limits.packed.entries => empty(key, Encoding::Packed),
        _ => Entry::boxed(key, Kind::Set, Box::new(LargeSet::new()), None),
    }
}

/// A set of one member: what [`make`] and then [`add`] would give, made at once.
#[inline]
pub fn single(key: &[u8], item: Item<'_>, limits: &SetLimits) -> Entry {
    let mut entry = match item {
        Item::Int(number) if limits.ints > 0 => {
            let (bytes, len) = ints::encode_one(number);
            return Entry::packed(key, Kind::Set, Encoding::Intset, &bytes[..len], None);
        }
        Item::Text(text)
            if limits.packed.entries > 0 && is_short(item, limits) && text.len() < SHORT_TEXT =>
        {
            return Entry::packed_parts(key, Kind::Set, Encoded::new(item).parts());
        }
        _ => make(key, item, 1, limits),
    };
    add(&mut entry, item, limits);
    entry
}

fn empty(key: &[u8], encoding: Encoding) -> Entry {
    Entry::packed(key, Kind::Set, encoding, &[], None)
}

/// Prepares a set for `len` more members: when they alone are too many for the way it is stored, it becomes large now.
pub fn announce_len(entry: &mut Entry, len: usize, limits: &SetLimits) {
    let is_too_much = match entry.encoding() {
        Encoding::Intset => len > limits.ints,
        Encoding::Packed => len > limits.packed.entries,
        _ => false,
    };
    if is_too_much {
        grow_large(entry);
    }
}

/// Adds a member. Whether it was none before. O(1) amortized for a large set, O(n) for a small one.
#[inline]
pub fn add(entry: &mut Entry, item: Item<'_>, limits: &SetLimits) -> bool {
    match (entry.encoding(), item) {
        (Encoding::Intset, Item::Int(number)) => add_int(entry, number, limits),
        (Encoding::Intset, Item::Text(text)) => {
            if fits_packed(entry, text, limits) {
                let block = packed(Set::of(entry).iter().chain([item]));
                entry.set_packed(Encoding::Packed, &block);
                return true;
            }
            add_large(entry, item)
        }
        (Encoding::Packed, _) => add_packed(entry, item, limits),
        _ => entry.payload_as_mut::<LargeSet>().is_some_and(|set| set.add(item)),
    }
}

fn add_int(entry: &mut Entry, number: i64, limits: &SetLimits) -> bool {
    if ints::len_with(entry, number) > PACKED_LEN_MAX {
        return add_large(entry, Item::Int(number));
    }
    let is_new = ints::add(entry, number);
    if is_new && Set::of(entry).len() > limits.ints {
        grow_large(entry);
    }
    is_new
}

fn add_packed(entry: &mut Entry, item: Item<'_>, limits: &SetLimits) -> bool {
    let (block, encoded) = (entry.block(), Encoded::new(item));
    let Err(len) = block.find_or_count::<1>(&encoded) else { return false };
    let end = block.bytes().len();
    let fits = len < limits.packed.entries && is_short(item, limits) && end + encoded.len() <= PACKED_LEN_MAX;
    if !fits {
        return add_large(entry, item);
    }
    entry.splice_packed(end..end, encoded.parts());
    true
}

/// Adds to a small set that becomes large with that.
#[cold]
fn add_large(entry: &mut Entry, item: Item<'_>) -> bool {
    if Set::of(entry).contains(item) {
        return false;
    }
    grow_large(entry);
    entry.payload_as_mut::<LargeSet>().is_some_and(|set| set.add(item))
}

#[inline]
fn is_short(item: Item<'_>, limits: &SetLimits) -> bool {
    // No integer has more digits: most need not be written to be counted.
    matches!(item, Item::Int(_) if limits.packed.bytes >= 20) || item.text_len() <= limits.packed.bytes
}

/// Whether the integers of this entry and a text may be packed together.
fn fits_packed(entry: &Entry, text: &[u8], limits: &SetLimits) -> bool {
    let Set::Ints(ints) = Set::of(entry) else { return false };
    let mut ends = [ints.first(), ints.last()].into_iter().flatten();
    ints.len() < limits.packed.entries
        && text.len() <= limits.packed.bytes
        && ends.all(|number| is_short(Item::Int(number), limits))
        // No integer takes more than ten bytes.
        && ints.len() * 10 + text.len() + 10 <= PACKED_LEN_MAX
}

fn packed<'a>(items: impl Iterator<Item = Item<'a>>) -> Vec<u8> {
    let mut block = Vec::new();
    for item in items {
        Encoded::new(item).parts().iter().for_each(|part| block.extend_from_slice(part));
    }
    block
}

#[cold]
fn grow_large(entry: &mut Entry) {
    let mut large = LargeSet::new();
    for item in Set::of(entry).iter() {
        large.add(item);
    }
    entry.set_payload(Box::new(large));
}

/// Adds members, and says how many were none before.
pub fn add_all<'i>(
    entry: &mut Entry,
    items: impl IntoIterator<Item = Item<'i>>,
    limits: &SetLimits,
) -> usize {
    let mut items = items.into_iter();
    let mut count = 0;
    // Once it is large it stays so.
    while entry.payload().is_none() {
        let Some(item) = items.next() else { return count };
        count += usize::from(add(entry, item, limits));
    }
    let Some(set) = entry.payload_as_mut::<LargeSet>() else { return count };
    let mut run = [Item::Int(0); RUN];
    loop {
        let mut len = 0;
        for (slot, item) in run.iter_mut().zip(items.by_ref()) {
            *slot = item;
            len += 1;
        }
        count += set.add_run(&run[..len]);
        if len < RUN {
            return count;
        }
    }
}

/// Takes a member out. Whether it was one. O(1) amortized for a large set, O(n) for a small one.
#[inline]
pub fn remove(entry: &mut Entry, item: Item<'_>) -> bool {
    match (entry.encoding(), item) {
        (Encoding::Intset, Item::Int(number)) => ints::remove(entry, number),
        (Encoding::Intset, Item::Text(_)) => false,
        (Encoding::Packed, _) => {
            let found = entry.block().find_or_count::<1>(&Encoded::new(item)).ok();
            let range = found.map(|spot| spot.start..spot.end);
            range.map(|range| entry.splice_packed(range, [])).is_some()
        }
        _ => entry.payload_as_mut::<LargeSet>().is_some_and(|set| set.remove(item)),
    }
}

/// A set of these members, which are different from each other, stored as if they were added one after the other to an
/// empty set of integers, or to an empty packed one. O(n), or O(n log n) for integers.
pub fn build(key: &[u8], items: &[Item<'_>], starts_as_ints: bool, limits: &SetLimits) -> Entry {
    let leading_ints = items.iter().take_while(|item| matches!(item, Item::Int(_))).count();
    let small = if starts_as_ints && leading_ints == items.len() {
        let fits = items.len() <= limits.ints && 8 * items.len() < PACKED_LEN_MAX;
        fits.then_some(Encoding::Intset)
    } else {
        let fits = (!starts_as_ints || leading_ints <= limits.ints) && may_pack(items, limits);
        fits.then_some(Encoding::Packed)
    };
    if let Some(encoding) = small {
        return Entry::packed(key, Kind::Set, encoding, &small_bytes(encoding, items), None);
    }
    Entry::boxed(key, Kind::Set, Box::new(large(items)), None)
}

/// A large set of these members.
pub(super) fn large(items: &[Item<'_>]) -> LargeSet {
    let mut set = LargeSet::with_capacity(items.len());
    for run in items.chunks(RUN) {
        set.add_run(run);
    }
    set
}

/// Whether these members may be packed, whatever they are.
pub(super) fn may_pack(items: &[Item<'_>], limits: &SetLimits) -> bool {
    items.len() <= limits.packed.entries
        && items.iter().all(|item| is_short(*item, limits))
        && items.iter().map(Item::encoded_len).sum::<usize>() <= PACKED_LEN_MAX
}

/// The bytes of a small set with these members.
pub(super) fn small_bytes(encoding: Encoding, items: &[Item<'_>]) -> Vec<u8> {
    if encoding != Encoding::Intset {
        return packed(items.iter().copied());
    }
    let number = |item: &Item<'_>| if let Item::Int(number) = item { Some(*number) } else { None };
    let mut numbers: Vec<i64> = items.iter().filter_map(number).collect();
    numbers.sort_unstable();
    ints::encode(numbers.iter().copied())
}
