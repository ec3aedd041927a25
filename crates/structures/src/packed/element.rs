//! One element: from text to bytes and back.

use crate::entry::IntText;
use crate::number::parse_i64;

const TEXT_6: u8 = 0x80;
const INT_13: u8 = 0xC0;
const TEXT_12: u8 = 0xE0;
const TEXT_32: u8 = 0xF0;
const INT_16: u8 = 0xF1;
const INT_24: u8 = 0xF2;
const INT_32: u8 = 0xF3;
const INT_64: u8 = 0xF4;

/// The longest text that is the decimal form of a 64-bit integer.
const INT_TEXT_LEN_MAX: usize = 20;

/// An element, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    Int(i64),
    /// Bytes that are not the shortest decimal form of a 64-bit integer.
    Text(&'a [u8]),
}

impl<'a> Item<'a> {
    /// The element that stands for this text. O(1) for all but short digits.
    #[inline]
    pub fn of(text: &'a [u8]) -> Self {
        let may_be_number = matches!(text, [b'0'..=b'9' | b'-', ..] if text.len() <= INT_TEXT_LEN_MAX);
        match may_be_number.then(|| parse_i64(text)).flatten() {
            Some(number) => Self::Int(number),
            None => Self::Text(text),
        }
    }

    /// The text; that of an integer is written to `digits`.
    #[inline]
    pub fn text<'t>(&'t self, digits: &'t mut IntText) -> &'t [u8] {
        match self {
            Self::Int(number) => digits.format(*number),
            Self::Text(text) => text,
        }
    }

    /// The text's length.
    pub fn text_len(&self) -> usize {
        match self {
            Self::Int(number) => IntText::new().format(*number).len(),
            Self::Text(text) => text.len(),
        }
    }

    pub fn to_vec(&self) -> Vec<u8> {
        self.text(&mut IntText::new()).to_vec()
    }

    /// The bytes that the element takes.
    pub fn encoded_len(&self) -> usize {
        let encoded = Encoded::new(*self);
        encoded.len()
    }
}

/// An element on its way into a block: three parts, so that its text is copied once.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a> {
    head: [u8; 9],
    head_len: u8,
    text: &'a [u8],
    tail: [u8; 5],
    tail_len: u8,
}

impl<'a> Encoded<'a> {
    /// Encodes an element.
    ///
    /// # Panics
    ///
    /// If the text is longer than 4 GiB.
    #[inline]
    pub fn new(item: Item<'a>) -> Self {
        let mut head = [0; 9];
        let (head_len, text): (usize, &[u8]) = match item {
            Item::Int(number) => (encode_int(number, &mut head), &[]),
            Item::Text(text) => (encode_text_len(text.len(), &mut head), text),
        };
        let (tail, tail_len) = encode_tail(head_len + text.len());
        Self { head, head_len: head_len as u8, text, tail, tail_len: tail_len as u8 }
    }

    /// Encodes the element that stands for this text.
    #[inline]
    pub fn of(text: &'a [u8]) -> Self {
        Self::new(Item::of(text))
    }

    /// Its bytes, in three parts.
    #[inline]
    pub fn parts(&self) -> [&[u8]; 3] {
        [&self.head[..usize::from(self.head_len)], self.text, &self.tail[..usize::from(self.tail_len)]]
    }

    /// Number of its bytes.
    #[expect(clippy::len_without_is_empty, reason = "no element has no bytes")]
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.head_len) + self.text.len() + usize::from(self.tail_len)
    }
}

/// An element that others are compared with. Its first and last bytes are at hand as words: names in one collection are
/// mostly of one length and begin alike, and a call to compare each would cost more than all the rest.
pub(super) struct Needle<'a> {
    encoded: &'a Encoded<'a>,
    /// Bytes of head and text.
    len: usize,
    first: u64,
    first_mask: u64,
    last: u64,
}

impl<'a> Needle<'a> {
    #[inline]
    pub(super) fn new(encoded: &'a Encoded<'a>) -> Self {
        const WORD: usize = size_of::<u64>();
        let (head_len, text) = (usize::from(encoded.head_len), encoded.text);
        let len = head_len + text.len();
        let first = match text.first_chunk() {
            Some(bytes) if head_len == 1 => u64::from_le_bytes(*bytes) << 8 | u64::from(encoded.head[0]),
            _ => {
                let own = encoded.head[..head_len].iter().chain(text).take(WORD).enumerate();
                own.fold(0, |word, (place, &byte)| word | u64::from(byte) << (8 * place))
            }
        };
        let first_mask = if len >= WORD { u64::MAX } else { (1 << (8 * len)) - 1 };
        let last = text.last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Self { encoded, len, first, first_mask, last }
    }

    /// Whether `bytes`, which begin with an element, begin with this one: elements with one text have one form.
    #[inline(always)]
    pub(super) fn begins(&self, bytes: &[u8]) -> bool {
        let Some(first) = bytes.first_chunk().map(|first| u64::from_le_bytes(*first)) else {
            return self.begins_short(bytes);
        };
        first & self.first_mask == self.first && (self.len <= 8 || self.goes_on(bytes))
    }

    /// Whether the bytes from the ninth on are equal, too.
    #[inline]
    fn goes_on(&self, bytes: &[u8]) -> bool {
        let Encoded { head, head_len, text, .. } = self.encoded;
        let head_len = usize::from(*head_len);
        let Some(other) = bytes.get(head_len..self.len) else { return false };
        match other.last_chunk() {
            // The two words overlap or meet: that is all of it.
            Some(last) if self.len <= 16 => u64::from_le_bytes(*last) == self.last,
            Some(last) => u64::from_le_bytes(*last) == self.last && other == *text,
            None => bytes[..head_len] == head[..head_len] && other == *text,
        }
    }

    /// At the end of a block there may be less than a word.
    #[inline(never)]
    fn begins_short(&self, bytes: &[u8]) -> bool {
        let Encoded { head, head_len, text, .. } = self.encoded;
        let head_len = usize::from(*head_len);
        bytes.get(..head_len) == Some(&head[..head_len]) && bytes.get(head_len..self.len) == Some(*text)
    }
}

#[inline]
fn encode_int(number: i64, head: &mut [u8; 9]) -> usize {
    let wide = number.to_le_bytes();
    match number {
        0..=127 => {
            head[0] = wide[0];
            1
        }
        -4096..=4095 => {
            let bits = (number as u16) & 0x1fff;
            head[0] = INT_13 | (bits >> 8) as u8;
            head[1] = bits as u8;
            2
        }
        _ => {
            let (mark, len) = match number {
                -0x8000..=0x7fff => (INT_16, 2),
                -0x80_0000..=0x7f_ffff => (INT_24, 3),
                -0x8000_0000..=0x7fff_ffff => (INT_32, 4),
                _ => (INT_64, 8),
            };
            head[0] = mark;
            head[1..=len].copy_from_slice(&wide[..len]);
            1 + len
        }
    }
}

#[inline]
fn encode_text_len(len: usize, head: &mut [u8; 9]) -> usize {
    if len < 64 {
        head[0] = TEXT_6 | len as u8;
        1
    } else if len < 4096 {
        head[0] = TEXT_12 | (len >> 8) as u8;
        head[1] = len as u8;
        2
    } else {
        let len = u32::try_from(len).expect("texts are shorter than 4 GiB");
        head[0] = TEXT_32;
        head[1..5].copy_from_slice(&len.to_le_bytes());
        5
    }
}

/// The length of an element, in groups of 7 bits, the highest first; all but the first are marked.
#[inline]
fn encode_tail(len: usize) -> ([u8; 5], usize) {
    let mut tail = [0; 5];
    let count = tail_len(len);
    if count == 1 {
        tail[0] = len as u8;
        return (tail, 1);
    }
    for (place, byte) in tail[..count].iter_mut().rev().enumerate() {
        let mark = if place + 1 == count { 0 } else { 0x80 };
        *byte = (len >> (7 * place)) as u8 & 0x7f | mark;
    }
    (tail, count)
}

/// Bytes that the backward length of an element of `len` bytes takes; at these bounds, as Redis has them.
#[inline]
fn tail_len(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// The element at the beginning of `bytes` and the number of bytes that it takes; nothing if it isn't whole.
#[inline]
pub(super) fn decode(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let head = *bytes.first()?;
    let (item, len) = match head {
        0..=0x7f => (Item::Int(i64::from(head)), 1),
        TEXT_6..=0xbf => {
            let end = 1 + usize::from(head & 0x3f);
            (Item::Text(bytes.get(1..end)?), end)
        }
        INT_13..=0xdf => {
            let bits = u16::from_be_bytes([head & 0x1f, *bytes.get(1)?]);
            (Item::Int(i64::from((bits << 3) as i16 >> 3)), 2)
        }
        TEXT_12..=0xef => {
            let end = 2 + usize::from(u16::from_be_bytes([head & 0x0f, *bytes.get(1)?]));
            (Item::Text(bytes.get(2..end)?), end)
        }
        TEXT_32 => {
            let len = u32::from_le_bytes(*bytes.get(1..)?.first_chunk()?) as usize;
            (Item::Text(bytes.get(5..5 + len)?), 5 + len)
        }
        INT_16 => (Item::Int(i64::from(i16::from_le_bytes(*bytes.get(1..)?.first_chunk()?))), 3),
        INT_24 => {
            let [low, middle, high] = *bytes.get(1..)?.first_chunk()?;
            (Item::Int(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8)), 4)
        }
        INT_32 => (Item::Int(i64::from(i32::from_le_bytes(*bytes.get(1..)?.first_chunk()?))), 5),
        INT_64 => (Item::Int(i64::from_le_bytes(*bytes.get(1..)?.first_chunk()?)), 9),
        0xf5.. => return None,
    };
    Some((item, len + tail_len(len)))
}

/// Bytes of the element that `bytes` begin with, if it is of one of the forms that nearly all have: a short text, or a
/// small integer; else 0.
#[inline]
pub(super) fn short_len(head: u8) -> usize {
    match head {
        0..=0x7f => 2,
        TEXT_6..=0xbf => usize::from(head & 0x3f) + 2,
        INT_13..=0xdf => 3,
        _ => 0,
    }
}

/// Bytes of the element that ends where `bytes` end, its backward length included; nothing if that isn't whole.
#[inline]
pub(super) fn len_backwards(bytes: &[u8]) -> Option<usize> {
    let mut len = 0;
    for place in 0..5 {
        let byte = *bytes.get(bytes.len().checked_sub(1 + place)?)?;
        len |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(len + place + 1);
        }
    }
    None
}
