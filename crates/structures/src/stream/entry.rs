//! One entry, read where it stands.

use super::id::StreamId;
use crate::packed::{Item, Packed};

/// An entry, borrowed from its block.
#[derive(Clone, Copy, Debug)]
pub struct StreamEntry<'a> {
    pub id: StreamId,
    packed: Packed<'a>,
    len: usize,
    /// Where its names are, if they are the block's; else they stand among its values.
    shared_names: Option<usize>,
    texts: usize,
}

impl<'a> StreamEntry<'a> {
    pub(super) fn new(
        id: StreamId,
        packed: Packed<'a>,
        len: usize,
        shared_names: Option<usize>,
        texts: usize,
    ) -> Self {
        Self { id, packed, len, shared_names, texts }
    }

    pub(super) fn has_own_names(&self) -> bool {
        self.shared_names.is_none()
    }

    pub(super) fn texts_at(&self) -> usize {
        self.texts
    }

    /// Number of its fields.
    #[expect(clippy::len_without_is_empty, reason = "an entry has fields")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Its fields, each with its value.
    pub fn fields(&self) -> Fields<'a> {
        Fields { packed: self.packed, left: self.len, names: self.shared_names, texts: self.texts }
    }
}

/// The fields of an entry.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    packed: Packed<'a>,
    left: usize,
    names: Option<usize>,
    texts: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = match self.names {
            Some(at) => {
                let name = self.packed.at(at)?;
                self.names = Some(name.end);
                name.item
            }
            None => {
                let name = self.packed.at(self.texts)?;
                self.texts = name.end;
                name.item
            }
        };
        let value = self.packed.at(self.texts)?;
        self.texts = value.end;
        Some((name, value.item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}
