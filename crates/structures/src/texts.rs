//! Many texts in two buffers.

use crate::number::IntegerBuffer;
use std::collections::HashSet;

/// Texts in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    pub fn push_int(&mut self, number: i64) {
        self.push(IntegerBuffer::new().format(number));
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.bytes[start..end])
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }

    /// The texts two by two; an odd one at the end is left out.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
        let text = |index| self.get(index).unwrap_or_default();
        (0..self.len() / 2).map(move |pair| (text(2 * pair), text(2 * pair + 1)))
    }

    /// Whether two of the texts `0`, `stride`, `2 * stride`, .. are equal.
    pub fn has_duplicates(&self, stride: usize) -> bool {
        let mut seen = HashSet::with_capacity(self.len() / stride);
        !self.iter().step_by(stride).all(|text| seen.insert(text))
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut all = Self::new();
        texts.into_iter().for_each(|text| all.push(text.as_ref()));
        all
    }
}
