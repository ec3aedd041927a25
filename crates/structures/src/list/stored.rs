//! Lists in entries, whatever form they have there.
//!
//! The entries must be lists. A small list's entry holds the number of its elements in one byte, then the elements;
//! nothing at all when there are none.

use std::ops::Range;

use super::edit::matches;
use super::items::{BlockView, Items};
use super::large::List;
use super::limits::Limits;
use super::{End, Side};
use crate::entry::{Encoding, Entry, Kind, Payload};
use crate::packed::{Encoded, Item, Packed};

/// The longest list, in bytes, that stands in its entry; and from where on it stands there again.
const INLINE_BYTES_MAX: usize = 512;
const INLINE_AGAIN_BYTES: usize = 256;
/// The number of elements is a byte.
const INLINE_COUNT_MAX: usize = 255;
/// At most what an element of an inline list takes beside its text.
const ELEMENT_OVERHEAD: usize = 4;

/// A list without elements, to be filled.
pub fn empty(key: &[u8]) -> Entry {
    Entry::packed(key, Kind::List, Encoding::Packed, &[], None)
}

/// A list of these elements, stored as Redis stores a list that it has read from a file.
pub fn build<'t>(key: &[u8], texts: impl Iterator<Item = &'t [u8]>, limits: Limits) -> Entry {
    let mut list = List::small();
    list.is_quick = true;
    texts.for_each(|text| list.push(End::Tail, text, limits));
    list.settle(|bytes, count| !limits.exceeded(bytes, count));
    let mut entry = empty(key);
    if list.fits_inline(INLINE_BYTES_MAX) {
        move_inline(&list, &mut entry);
    } else {
        entry.set_payload(Box::new(list));
    }
    entry
}

/// Number of elements. O(1).
#[inline]
pub fn len(entry: &Entry) -> usize {
    match inline(entry) {
        Some((_, count)) => count,
        None => large(entry).map_or(0, List::len),
    }
}

/// The element at `index`. From the nearer end; O(blocks).
pub fn get(entry: &Entry, index: usize) -> Option<Item<'_>> {
    match inline(entry) {
        Some((block, count)) if index < count => block.get(index).map(|spot| spot.item),
        Some(_) => None,
        None => large(entry)?.get(index),
    }
}

/// The elements from `from` on, towards an end. O(blocks) to begin with.
pub fn items(entry: &Entry, from: usize, towards: End) -> Items<'_> {
    let Some((block, count)) = inline(entry) else {
        return large(entry).map_or_else(Items::none, |list| list.items(from, towards));
    };
    let Some(spot) = (from < count).then(|| block.get(from)).flatten() else { return Items::none() };
    let bytes = block.bytes();
    match towards {
        End::Tail => Items::new(towards, Packed::new(&bytes[spot.start..]), count - from),
        End::Head => Items::new(towards, Packed::new(&bytes[..spot.end]), from + 1),
    }
}

/// The blocks in order.
pub fn blocks(entry: &Entry) -> impl Iterator<Item = BlockView<'_>> {
    let inline = inline(entry).filter(|(_, count)| *count > 0);
    let inline = inline.map(|(packed, count)| BlockView { packed, count, alone: false });
    inline.into_iter().chain(large(entry).into_iter().flat_map(List::views))
}

/// Bytes of all elements as they are packed. O(blocks).
pub fn len_bytes(entry: &Entry) -> usize {
    blocks(entry).map(|block| block.packed.bytes().len()).sum()
}

/// A list of elements that are added at an end, one after the other, to an empty one; and how many they are.
#[inline]
pub fn pushed<'t>(
    key: &[u8],
    end: End,
    texts: impl ExactSizeIterator<Item = &'t [u8]> + Clone,
    limits: Limits,
) -> (Entry, usize) {
    if texts.len() == 1
        && let Some(text) = texts.clone().next()
        && !limits.exceeded(text.len(), 1)
        && text.len() + ELEMENT_OVERHEAD <= INLINE_BYTES_MAX
    {
        let encoded = Encoded::of(text);
        let [head, text, tail] = encoded.parts();
        return (Entry::packed_parts(key, Kind::List, [&[1], head, text, tail]), 1);
    }
    let mut entry = empty(key);
    let len = push(&mut entry, end, texts, limits);
    (entry, len)
}

/// Adds elements at an end, one after the other. Returns how many there are then.
#[inline]
pub fn push<'t>(
    entry: &mut Entry,
    end: End,
    texts: impl ExactSizeIterator<Item = &'t [u8]> + Clone,
    limits: Limits,
) -> usize {
    let bytes = texts.clone().map(<[u8]>::len).sum();
    if let Some(mut len) = grow_inline(entry, bytes, texts.len(), limits) {
        for text in texts {
            push_inline(entry, len, end, text);
            len += 1;
        }
        return len;
    }
    let Some(list) = large_mut(entry) else { return 0 };
    texts.for_each(|text| list.push(end, text, limits));
    list.len
}

/// Removes up to `count` elements from an end and shows them. Returns how many there were. O(count).
pub fn pop(
    entry: &mut Entry,
    end: End,
    count: usize,
    limits: Limits,
    mut each: impl FnMut(Item<'_>),
) -> usize {
    let count = count.min(len(entry));
    take(entry, end, count, &mut each);
    shrink(entry, limits);
    count
}

/// Moves an element from an end to one of the two, and returns its text.
pub fn rotate(entry: &mut Entry, from: End, to: End, limits: Limits) -> Option<Vec<u8>> {
    let mut text = None;
    take(entry, from, 1, &mut |item| text = Some(item.to_vec()));
    if let Some(text) = &text {
        push(entry, to, std::iter::once(&text[..]), limits);
        shrink(entry, limits);
    }
    text
}

/// Replaces the element at `index`. Returns whether there is one. O(blocks).
pub fn set(entry: &mut Entry, index: usize, text: &[u8], limits: Limits) -> bool {
    if grow_inline(entry, text.len(), 1, limits).is_some() {
        let place = inline(entry).filter(|(_, count)| index < *count).and_then(|(block, _)| block.get(index));
        let Some((start, end)) = place.map(|spot| (spot.start, spot.end)) else { return false };
        entry.splice_packed(1 + start..1 + end, Encoded::of(text).parts());
        return true;
    }
    let is_set = large_mut(entry).is_some_and(|list| list.set(index, text, limits));
    if is_set {
        shrink(entry, limits);
    }
    is_set
}

/// Inserts beside the first element that stands for `pivot`. Returns whether there is one. O(n).
pub fn insert(entry: &mut Entry, pivot: &[u8], side: Side, text: &[u8], limits: Limits) -> bool {
    if grow_inline(entry, text.len(), 1, limits).is_some() {
        let spot = inline(entry).and_then(|(block, _)| block.find::<1>(pivot));
        let Some((start, end)) = spot.map(|spot| (spot.start, spot.end)) else { return false };
        insert_inline(entry, if side == Side::Before { start } else { end }, text);
        return true;
    }
    large_mut(entry).is_some_and(|list| list.insert(pivot, side, text, limits))
}

/// Removes elements that stand for `text`: the first `most`, counted from an end. Returns how many there were. O(n).
pub fn remove(entry: &mut Entry, text: &[u8], most: usize, from: End, limits: Limits) -> usize {
    if let Some((block, _)) = inline(entry) {
        let ranges = matches(block, text, most, from);
        for range in ranges.iter().rev() {
            remove_inline(entry, range.clone(), 1);
        }
        return ranges.len();
    }
    let removed = large_mut(entry).map_or(0, |list| list.remove(text, most, from));
    if removed > 0 {
        shrink(entry, limits);
    }
    removed
}

/// Keeps only the elements in a range of indexes. What was cut off is returned, as entries without a key, where it is so
/// large that freeing it takes time. O(blocks).
pub fn trim(entry: &mut Entry, kept: &Range<usize>, limits: Limits) -> Vec<Entry> {
    if let Some((_, count)) = inline(entry) {
        let mut none = |_: Item<'_>| {};
        take(entry, End::Tail, count.saturating_sub(kept.end), &mut none);
        take(entry, End::Head, kept.start.min(count), &mut none);
    } else if let Some(list) = large_mut(entry) {
        let cut_off = list.trim(kept);
        shrink(entry, limits);
        let entry = |list: List| Entry::boxed(b"", Kind::List, Box::new(list), None);
        return cut_off.into_iter().flatten().map(entry).collect();
    }
    Vec::new()
}

/// Panics if anything is not as it must be. O(n).
pub fn check_invariants(entry: &Entry) {
    assert_eq!(entry.kind(), Kind::List);
    if let Some((block, count)) = inline(entry) {
        assert_eq!(Packed::check(block.bytes()), Some(count));
        assert!(block.bytes().len() <= INLINE_BYTES_MAX + ELEMENT_OVERHEAD);
    } else {
        large(entry).expect("a list is inline or an object").check_invariants();
    }
}

#[inline]
fn large(entry: &Entry) -> Option<&List> {
    entry.payload_as()
}

#[inline]
fn large_mut(entry: &mut Entry) -> Option<&mut List> {
    entry.payload_as_mut()
}

/// The elements of a small list, and their number.
#[inline]
fn inline(entry: &Entry) -> Option<(Packed<'_>, usize)> {
    match entry.packed_bytes()? {
        [] => Some((Packed::new(&[]), 0)),
        [count, elements @ ..] => Some((Packed::new(elements), usize::from(*count))),
    }
}

/// Prepares for texts of so many bytes more, as Redis does before it adds any. If the list stays inline, returns how many
/// elements it has.
#[inline]
fn grow_inline(entry: &mut Entry, bytes: usize, count: usize, limits: Limits) -> Option<usize> {
    let Some((block, has)) = inline(entry) else {
        if let Some(list) = large_mut(entry) {
            list.expect(bytes, count, limits);
        }
        return None;
    };
    let has_bytes = block.bytes().len();
    let is_small = !limits.exceeded(has_bytes + bytes, has + count);
    let fits =
        has_bytes + bytes + ELEMENT_OVERHEAD * count <= INLINE_BYTES_MAX && has + count <= INLINE_COUNT_MAX;
    if is_small && fits {
        return Some(has);
    }
    let mut list = List::from_bytes(block.bytes(), has, limits);
    list.is_quick = !is_small;
    entry.set_payload(Box::new(list));
    None
}

/// Adds an element at an end of a list of `len` elements.
#[inline]
fn push_inline(entry: &mut Entry, len: usize, end: End, text: &[u8]) {
    let encoded = Encoded::of(text);
    let [head, text, tail] = encoded.parts();
    let count = [len as u8 + 1];
    match end {
        // The count goes with the element at the head.
        End::Head => entry.splice_packed(0..len.min(1), [&count, head, text, tail]),
        End::Tail if len == 0 => entry.splice_packed(0..0, [&count, head, text, tail]),
        End::Tail => {
            let end = entry.packed_bytes().map_or(0, <[u8]>::len);
            entry.splice_packed(end..end, [head, text, tail]);
            if let Some([first, ..]) = entry.packed_bytes_mut() {
                *first = len as u8 + 1;
            }
        }
    }
}

/// Adds an element where one begins, or at the end.
#[inline]
fn insert_inline(entry: &mut Entry, at: usize, text: &[u8]) {
    let encoded = Encoded::of(text);
    let [head, text, tail] = encoded.parts();
    if entry.packed_bytes().is_some_and(<[u8]>::is_empty) {
        return entry.splice_packed(0..0, [&[1], head, text, tail]);
    }
    entry.splice_packed(1 + at..1 + at, [head, text, tail]);
    if let Some([count, ..]) = entry.packed_bytes_mut() {
        *count += 1;
    }
}

/// Removes the `count` elements in a range of bytes.
fn remove_inline(entry: &mut Entry, range: Range<usize>, count: usize) {
    let before = inline(entry).map_or(0, |(_, count)| count);
    if count >= before {
        return entry.set_packed(Encoding::Packed, &[]);
    }
    entry.splice_packed(1 + range.start..1 + range.end, []);
    if let Some([left, ..]) = entry.packed_bytes_mut() {
        *left -= count as u8;
    }
}

/// Removes up to `count` elements from an end and shows them. The list keeps its form.
fn take(entry: &mut Entry, end: End, count: usize, each: &mut impl FnMut(Item<'_>)) {
    let Some((block, has)) = inline(entry) else {
        if let Some(list) = large_mut(entry) {
            list.pop(end, count, each);
        }
        return;
    };
    let count = count.min(has);
    if count == 0 {
        return;
    }
    let len = block.bytes().len();
    let range = match end {
        End::Head => {
            let mut cut = 0;
            for spot in block.spots().take(count) {
                each(spot.item);
                cut = spot.end;
            }
            0..cut
        }
        End::Tail => {
            let mut cut = len;
            for spot in block.spots().rev().take(count) {
                each(spot.item);
                cut = spot.start;
            }
            cut..len
        }
    };
    remove_inline(entry, range, count);
}

/// Gives a list that has lost elements the form that it has at its new size.
#[inline]
fn shrink(entry: &mut Entry, limits: Limits) {
    let Some(list) = large_mut(entry) else { return };
    if list.blocks.len() > 1 {
        return;
    }
    list.settle(|bytes, count| limits.is_small_again(bytes, count));
    if list.fits_inline(INLINE_AGAIN_BYTES) {
        let list = std::mem::replace(list, List::small());
        move_inline(&list, entry);
    }
}

impl List {
    /// Whether it can stand in its entry, where at most so many bytes may.
    #[inline]
    fn fits_inline(&self, bytes_max: usize) -> bool {
        let only = self.only_block().filter(|_| !self.is_quick);
        only.is_some_and(|(bytes, count)| bytes.len() <= bytes_max && count <= INLINE_COUNT_MAX)
    }
}

/// Puts a list that fits into its entry.
fn move_inline(list: &List, entry: &mut Entry) {
    match list.only_block() {
        Some((bytes, count)) if count > 0 => {
            entry.set_packed(Encoding::Packed, &[&[count as u8], bytes].concat());
        }
        _ => entry.set_packed(Encoding::Packed, &[]),
    }
}
