//! The first eight bytes of an entry, and where the parts behind them stand. Pure arithmetic.

use crate::alloc::size_class;

/// The type of a value, by Redis' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    String = 0,
    List = 1,
    Set = 2,
    Zset = 3,
    Hash = 4,
    Module = 5,
    Stream = 6,
}

impl Kind {
    /// The name that TYPE answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Zset => "zset",
            Self::Hash => "hash",
            Self::Module => "module",
            Self::Stream => "stream",
        }
    }

    #[inline]
    pub(super) const fn from_bits(bits: u64) -> Self {
        match bits & 0xf {
            0 => Self::String,
            1 => Self::List,
            2 => Self::Set,
            3 => Self::Zset,
            4 => Self::Hash,
            6 => Self::Stream,
            _ => Self::Module,
        }
    }
}

/// How a value is stored. Two inline encodings differ only in the name that OBJECT ENCODING answers, which depends on how
/// the string was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// A 64-bit integer.
    Int = 0,
    /// A short string that was set as a whole.
    Embstr = 1,
    /// A string up to 512 bytes that is longer than an embstr, or was changed in place.
    Raw = 2,
    /// A string in a refcounted buffer. Its name is `raw` too.
    Buffer = 3,
    /// An owned object that knows its own name.
    Boxed = 4,
    /// A small collection as a packed block inside the entry (see [`crate::packed`]).
    Packed = 5,
    /// A small set of integers inside the entry, in rising order, all of one width.
    Intset = 6,
}

impl Encoding {
    #[inline(always)]
    pub(super) const fn from_bits(bits: u64) -> Self {
        match bits & 0xf {
            0 => Self::Int,
            1 => Self::Embstr,
            2 => Self::Raw,
            3 => Self::Buffer,
            5 => Self::Packed,
            6 => Self::Intset,
            _ => Self::Boxed,
        }
    }

    /// Whether the value's bytes stand in the entry, with their length in the header.
    #[inline(always)]
    pub(super) const fn is_inline(self) -> bool {
        matches!(self, Self::Embstr | Self::Raw | Self::Packed | Self::Intset)
    }
}

/// Key lengths from here on stand behind the header.
pub(super) const LONG_KEY: u64 = 255;
/// The largest access clock: 24 bits.
pub(super) const CLOCK_MAX: u32 = (1 << 24) - 1;
pub(super) const HEADER_BYTES: usize = 8;

// From the lowest bit on: kind (4 bits), encoding (4), whether there is an expiry (1), access clock (24), length of the
// key (8), length of the inline value (23).
const EXPIRY_FLAG: u64 = 1 << 8;
const CLOCK_SHIFT: u32 = 9;
const KEY_LEN_SHIFT: u32 = 33;
const VALUE_LEN_SHIFT: u32 = 41;
/// The longest inline value.
pub(super) const INLINE_LEN_MAX: usize = (1 << (u64::BITS - VALUE_LEN_SHIFT)) - 1;

/// The header word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Header(pub(super) u64);

impl Header {
    pub(super) fn new(kind: Kind, shape: Shape, clock: u32) -> Self {
        let key_len = (shape.key_len as u64).min(LONG_KEY);
        let inline_len = if shape.encoding.is_inline() { shape.value_len as u64 } else { 0 };
        debug_assert!(inline_len <= INLINE_LEN_MAX as u64);
        Self(
            kind as u64
                | (shape.encoding as u64) << 4
                | if shape.has_expiry { EXPIRY_FLAG } else { 0 }
                | u64::from(clock & CLOCK_MAX) << CLOCK_SHIFT
                | key_len << KEY_LEN_SHIFT
                | inline_len << VALUE_LEN_SHIFT,
        )
    }

    #[inline(always)]
    pub(super) const fn kind(self) -> Kind {
        Kind::from_bits(self.0)
    }

    #[inline(always)]
    pub(super) const fn encoding(self) -> Encoding {
        Encoding::from_bits(self.0 >> 4)
    }

    #[inline(always)]
    pub(super) const fn has_expiry(self) -> bool {
        self.0 & EXPIRY_FLAG != 0
    }

    #[inline(always)]
    pub(super) const fn clock(self) -> u32 {
        (self.0 >> CLOCK_SHIFT) as u32 & CLOCK_MAX
    }

    pub(super) const fn with_clock(self, clock: u32) -> Self {
        let cleared = self.0 & !((CLOCK_MAX as u64) << CLOCK_SHIFT);
        Self(cleared | ((clock & CLOCK_MAX) as u64) << CLOCK_SHIFT)
    }

    /// The header of an entry whose inline value has another length.
    #[inline(always)]
    pub(super) const fn with_inline_len(self, len: usize) -> Self {
        debug_assert!(len <= INLINE_LEN_MAX);
        Self(self.0 & ((1 << VALUE_LEN_SHIFT) - 1) | (len as u64) << VALUE_LEN_SHIFT)
    }

    /// The key's length, or `LONG_KEY` if it stands behind the header.
    #[inline(always)]
    pub(super) const fn short_key_len(self) -> u64 {
        self.0 >> KEY_LEN_SHIFT & 0xff
    }

    #[inline(always)]
    pub(super) const fn inline_len(self) -> usize {
        (self.0 >> VALUE_LEN_SHIFT) as usize
    }

    /// Bytes before the key, or before a long key's length.
    #[inline(always)]
    pub(super) const fn fixed_bytes(self) -> usize {
        HEADER_BYTES + (self.0 >> 8 & 1) as usize * 8
    }
}

/// Everything that decides where the parts of an entry stand and how large its block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) has_expiry: bool,
    pub(super) key_len: usize,
    pub(super) encoding: Encoding,
    /// Bytes of the value inside the entry.
    pub(super) value_len: usize,
}

impl Shape {
    #[inline(always)]
    pub(super) const fn key_offset(self) -> usize {
        let long = if self.key_len as u64 >= LONG_KEY { 8 } else { 0 };
        HEADER_BYTES + if self.has_expiry { 8 } else { 0 } + long
    }

    #[inline(always)]
    pub(super) const fn value_offset(self) -> usize {
        let end_of_key = self.key_offset() + self.key_len;
        match self.encoding {
            Encoding::Int | Encoding::Embstr | Encoding::Raw | Encoding::Packed | Encoding::Intset => {
                end_of_key
            }
            Encoding::Buffer | Encoding::Boxed => (end_of_key + 7) & !7,
        }
    }

    /// The size of the block: the allocator's class, used in full.
    #[inline(always)]
    pub(super) const fn block_bytes(self) -> usize {
        size_class(self.value_offset() + self.value_len)
    }
}
