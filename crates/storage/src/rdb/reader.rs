//! Bytes, read from the front.

use super::{Damaged, Read};

const ENDS: Damaged = Damaged("the bytes end in the middle of a value");

/// What is left to read.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: u64) -> Read<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| ENDS)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(ENDS)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(ENDS)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn byte(&mut self) -> Read<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A time in ms.
    pub fn time(&mut self) -> Read<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub fn double(&mut self) -> Read<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// A number of elements of at least a byte each.
    pub fn count(&mut self) -> Read<usize> {
        let count = super::length::read(self)?;
        // More than there are bytes can't be there.
        usize::try_from(count).ok().filter(|count| *count <= self.rest.len()).ok_or(ENDS)
    }
}
