//! A few integers in rising order, all of one width.

use std::ops::Range;

use crate::entry::{Encoding, Entry};

/// The integers of a small set, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Ints<'a> {
    width: usize,
    bytes: &'a [u8],
}

/// Bytes of the narrowest width that holds this integer.
const fn width_of(number: i64) -> usize {
    match number {
        -0x8000..=0x7fff => 2,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    }
}

impl<'a> Ints<'a> {
    /// From the bytes of an entry: none, or the width and the integers.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        match bytes {
            [width, integers @ ..] => Self { width: usize::from(*width), bytes: integers },
            [] => Self { width: 2, bytes: &[] },
        }
    }

    #[inline]
    pub const fn len(self) -> usize {
        self.bytes.len() / self.width
    }

    #[inline]
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The integers without the width, little-endian.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes that each integer takes: 2, 4 or 8.
    pub const fn width(self) -> usize {
        self.width
    }

    /// The integer at an index, which must be below the number of them.
    #[inline]
    fn at(self, index: usize) -> i64 {
        let bytes = &self.bytes[index * self.width..(index + 1) * self.width];
        let mut wide = [0; 8];
        // The copies have constant lengths, so that each is one load.
        match self.width {
            2 => wide[..2].copy_from_slice(bytes),
            4 => wide[..4].copy_from_slice(bytes),
            _ => wide[..8].copy_from_slice(bytes),
        }
        let shift = 64 - 8 * self.width as u32;
        i64::from_le_bytes(wide) << shift >> shift
    }

    #[inline]
    pub fn get(self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| self.at(index))
    }

    pub fn first(self) -> Option<i64> {
        self.get(0)
    }

    pub fn last(self) -> Option<i64> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Where this integer is, or else where it belongs. O(log n).
    #[inline]
    pub fn find(self, number: i64) -> Result<usize, usize> {
        // Integers often come in order: behind the last one no search is needed.
        if self.last().is_none_or(|last| last < number) {
            return Err(self.len());
        }
        let Range { mut start, mut end } = 0..self.len();
        while start < end {
            let middle = start.midpoint(end);
            match self.at(middle).cmp(&number) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Less => start = middle + 1,
                std::cmp::Ordering::Greater => end = middle,
            }
        }
        Err(start)
    }

    #[inline]
    pub fn contains(self, number: i64) -> bool {
        self.find(number).is_ok()
    }

    /// Shows all of them, rising: as [`Ints::iter`], but the width is looked at once.
    #[inline]
    pub fn for_each(self, mut show: impl FnMut(i64)) {
        let bytes = self.bytes;
        match self.width {
            2 => bytes.as_chunks().0.iter().for_each(|&bytes| show(i64::from(i16::from_le_bytes(bytes)))),
            4 => bytes.as_chunks().0.iter().for_each(|&bytes| show(i64::from(i32::from_le_bytes(bytes)))),
            _ => bytes.as_chunks().0.iter().for_each(|&bytes| show(i64::from_le_bytes(bytes))),
        }
    }

    /// All of them, rising.
    #[inline]
    pub fn iter(self) -> impl ExactSizeIterator<Item = i64> + DoubleEndedIterator + Clone + use<'a> {
        (0..self.len()).map(move |index| self.at(index))
    }
}

/// The bytes of one integer, and how many they are.
pub(super) fn encode_one(number: i64) -> ([u8; 9], usize) {
    let (mut bytes, width) = ([0; 9], width_of(number));
    bytes[0] = width as u8;
    bytes[1..].copy_from_slice(&number.to_le_bytes());
    (bytes, 1 + width)
}

/// The bytes of integers that are in rising order.
pub(super) fn encode(numbers: impl Iterator<Item = i64> + Clone) -> Vec<u8> {
    let Some(width) = numbers.clone().map(width_of).max() else { return Vec::new() };
    let mut bytes = vec![width as u8];
    numbers.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()[..width]));
    bytes
}

/// The bytes that the integers of this entry would take with one more.
pub(super) fn len_with(entry: &Entry, number: i64) -> usize {
    let ints = of(entry);
    1 + (ints.len() + 1) * width_of(number).max(ints.width)
}

fn of(entry: &Entry) -> Ints<'_> {
    Ints::new(entry.packed_bytes().unwrap_or_default())
}

/// Adds an integer to an entry of this encoding. Whether it was none of them before. O(n).
pub(super) fn add(entry: &mut Entry, number: i64) -> bool {
    let ints = of(entry);
    let Err(index) = ints.find(number) else { return false };
    let width = ints.width;
    if ints.is_empty() || width_of(number) > width {
        let (below, above) = (ints.iter().take(index), ints.iter().skip(index));
        let bytes = encode(below.chain([number]).chain(above));
        entry.set_packed(Encoding::Intset, &bytes);
    } else {
        let at = 1 + index * width;
        entry.splice_packed(at..at, [&number.to_le_bytes()[..width]]);
    }
    true
}

/// Takes an integer out. Whether it was one of them. O(n).
pub(super) fn remove(entry: &mut Entry, number: i64) -> bool {
    let ints = of(entry);
    let Ok(index) = ints.find(number) else { return false };
    let at = 1 + index * ints.width;
    let range = if ints.len() == 1 { 0..at + ints.width } else { at..at + ints.width };
    entry.splice_packed(range, []);
    true
}
