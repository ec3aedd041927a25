//! What goes into an entry and what comes out of it.

use std::any::Any;
use std::fmt::Debug;

use bytes::Bytes;

use super::header::Encoding;

/// The longest string that is named `embstr`, as in Redis.
pub const EMBSTR_LEN_MAX: usize = 44;
/// The longest string that is stored inside its entry.
pub const INLINE_LEN_MAX: usize = 512;

/// A string to be stored.
#[derive(Clone, Debug)]
pub enum StringValue<'a> {
    /// An integer: the caller has found that the string is the shortest decimal form of one.
    Int(i64),
    /// A string set as a whole: named `embstr` up to 44 bytes, else `raw`.
    Text(&'a [u8]),
    /// A string named `raw` whatever its length, as one that was changed in place.
    Raw(&'a [u8]),
    /// As `Text`, from a buffer that becomes the value's own if it is longer than 512 bytes. The buffer should hold
    /// nothing else: a slice keeps the whole alive.
    Buffer(Bytes),
}

impl StringValue<'_> {
    /// The encoding that this value is stored in.
    pub fn encoding(&self) -> Encoding {
        let by_len = |len: usize, short: Encoding| {
            if len <= EMBSTR_LEN_MAX {
                short
            } else if len <= INLINE_LEN_MAX {
                Encoding::Raw
            } else {
                Encoding::Buffer
            }
        };
        match self {
            Self::Int(_) => Encoding::Int,
            Self::Text(text) => by_len(text.len(), Encoding::Embstr),
            Self::Raw(text) => by_len(text.len(), Encoding::Raw),
            Self::Buffer(buffer) => by_len(buffer.len(), Encoding::Embstr),
        }
    }
}

/// A value in an entry, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    Int(i64),
    Inline(&'a [u8]),
    /// A small collection: the packed block, or the integers of a set.
    Packed(&'a [u8]),
    Buffer(&'a Bytes),
    Boxed(&'a dyn Payload),
}

/// An owned value that is neither a string nor short: a collection. The entry owns it and drops it.
pub trait Payload: Any + Debug + Send + Sync {
    /// The name that OBJECT ENCODING answers.
    fn encoding_name(&self) -> &'static str;

    /// The name that TYPE answers, where it isn't the kind's: each module type has its own.
    fn type_name(&self) -> Option<&'static str> {
        None
    }

    /// Number of elements: a collection without any is deleted.
    fn len(&self) -> usize;

    /// Whether its key is to be deleted. A value of a module type stays, whatever is in it.
    fn is_empty(&self) -> bool {
        self.type_name().is_none() && self.len() == 0
    }

    /// Bytes that the value takes outside of the entry.
    fn memory_bytes(&self) -> usize;

    /// As [`Payload::memory_bytes`], but an estimate from so many blocks where all of them would have to be asked.
    fn sampled_bytes(&self, _samples: usize) -> usize {
        self.memory_bytes()
    }

    /// About how many blocks of memory dropping it frees: what tells whether to do that elsewhere. O(1).
    fn blocks(&self) -> usize;

    /// Has what most commands read first on its way into the cache. The object itself is there already.
    fn prefetch(&self) {}

    /// Has what looking for these elements touches on its way into the cache; with `ranked`, also what tells their places
    /// in the order. Nothing is promised.
    fn prefetch_elements(&self, _elements: &[&[u8]], _ranked: bool) {}

    /// When the first of its elements expires, in ms since 1970, if elements of it do. O(1).
    fn next_due(&self) -> Option<i64> {
        None
    }

    /// An equal value that shares nothing that can be changed.
    fn duplicate(&self) -> Box<dyn Payload>;
}
