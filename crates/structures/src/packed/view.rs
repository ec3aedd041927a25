//! Reading a block.

use super::element::{Encoded, Item, Needle, decode, len_backwards, short_len};

/// A block, borrowed for reading.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a> {
    bytes: &'a [u8],
}

/// An element and where it stands in its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot<'a> {
    pub item: Item<'a>,
    pub start: usize,
    /// Where the next element begins.
    pub end: usize,
}

impl<'a> Packed<'a> {
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Whether every element is whole, stored as this module would and readable in both directions; then, how many
    /// there are. For blocks from elsewhere. O(bytes).
    pub fn check(bytes: &[u8]) -> Option<usize> {
        let (mut at, mut count) = (0, 0);
        while at < bytes.len() {
            let (item, len) = decode(&bytes[at..])?;
            let is_ours = match item {
                Item::Text(text) => Item::of(text) == item,
                Item::Int(_) => true,
            };
            let encoded = Encoded::new(item);
            let same = encoded.parts().concat() == bytes.get(at..at + len)?;
            if !is_ours || !same {
                return None;
            }
            (at, count) = (at + len, count + 1);
        }
        Some(count)
    }

    #[inline]
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// Number of elements. O(n).
    pub fn len(self) -> usize {
        let (mut at, mut count) = (0, 0);
        while let Some(end) = self.end_of(at) {
            (at, count) = (end, count + 1);
        }
        count
    }

    /// The element that begins at `start`; nothing at the end of the block.
    #[inline]
    pub fn at(self, start: usize) -> Option<Spot<'a>> {
        let (item, len) = decode(self.bytes.get(start..)?)?;
        Some(Spot { item, start, end: start + len })
    }

    /// The element that ends at `end`; nothing at the beginning of the block.
    #[inline]
    pub fn before(self, end: usize) -> Option<Spot<'a>> {
        let start = end.checked_sub(len_backwards(self.bytes.get(..end)?)?)?;
        self.at(start)
    }

    /// The element at `index`. O(index).
    pub fn get(self, index: usize) -> Option<Spot<'a>> {
        self.spots().nth(index)
    }

    /// All elements, from either end.
    #[inline]
    pub fn items(self) -> Items<'a> {
        Items { block: self, start: 0, end: self.bytes.len() }
    }

    /// All elements with their places, from either end.
    #[inline]
    pub fn spots(self) -> impl DoubleEndedIterator<Item = Spot<'a>> {
        Spots(self.items())
    }

    /// Where the element that begins at `start` ends; nothing at the end of the block.
    #[inline]
    pub fn end_of(self, start: usize) -> Option<usize> {
        match short_len(*self.bytes.get(start)?) {
            0 => Some(self.at(start)?.end),
            len => Some(start + len),
        }
    }

    /// The first of the elements `0`, `STRIDE`, `2 * STRIDE`, .. that stands for `text`: with a stride of 2 only the
    /// fields of pairs are looked at. O(n), without formatting or copying.
    #[inline]
    pub fn find<const STRIDE: usize>(self, text: &[u8]) -> Option<Spot<'a>> {
        self.find_or_count::<STRIDE>(&Encoded::of(text)).ok()
    }

    /// As [`Packed::find`] for an element that is encoded already; or how many elements were looked at. Compares bytes,
    /// since equal elements have equal ones, and decodes none but the one that is found.
    #[inline]
    pub fn find_or_count<const STRIDE: usize>(self, wanted: &Encoded<'_>) -> Result<Spot<'a>, usize> {
        let wanted = Needle::new(wanted);
        let (mut at, mut count) = (0, 0);
        while let Some(rest) = self.bytes.get(at..)
            && let Some(&head) = rest.first()
        {
            if wanted.begins(rest)
                && let Some(spot) = self.at(at)
            {
                return Ok(spot);
            }
            count += 1;
            at = match short_len(head) {
                0 => self.end_of(at).ok_or(count)?,
                len => at + len,
            };
            for _ in 1..STRIDE {
                at = self.end_of(at).ok_or(count)?;
            }
        }
        Err(count)
    }
}

/// The elements of a block.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    block: Packed<'a>,
    start: usize,
    end: usize,
}

impl<'a> Items<'a> {
    #[inline]
    fn next_spot(&mut self) -> Option<Spot<'a>> {
        if self.start >= self.end {
            return None;
        }
        let spot = self.block.at(self.start)?;
        self.start = spot.end;
        Some(spot)
    }

    #[inline]
    fn last_spot(&mut self) -> Option<Spot<'a>> {
        if self.start >= self.end {
            return None;
        }
        let spot = self.block.before(self.end)?;
        self.end = spot.start;
        Some(spot)
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        self.next_spot().map(|spot| spot.item)
    }
}

impl DoubleEndedIterator for Items<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.last_spot().map(|spot| spot.item)
    }
}

struct Spots<'a>(Items<'a>);

impl<'a> Iterator for Spots<'a> {
    type Item = Spot<'a>;

    #[inline]
    fn next(&mut self) -> Option<Spot<'a>> {
        self.0.next_spot()
    }
}

impl DoubleEndedIterator for Spots<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.last_spot()
    }
}
