//! How large a block may be: Redis' `list-max-listpack-size`.

/// Bytes of a listpack that are not elements: its header and its end byte. They count, since Redis' limits mean them.
const FRAME_BYTES: usize = 7;
/// What Redis assumes that an element takes beside its text.
const ELEMENT_OVERHEAD: usize = 8;
/// The largest block when elements are counted instead of bytes.
const COUNTED_BYTES_MAX: usize = 8192;
/// By the limits -1 to -5.
const BYTES_MAX: [usize; 5] = [4096, 8192, 16_384, 32_768, 65_536];

/// What decides where one block ends and the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Elements in a block; -1 to -5 stand for 4, 8, 16, 32 and 64 KiB instead.
    pub fill: i64,
    /// A text of this length or longer has a block of its own.
    pub alone: usize,
}

impl Limits {
    /// Redis' default for [`Limits::alone`].
    pub const ALONE_DEFAULT: usize = 1 << 30;

    /// The most bytes of elements that a block has, unless one element alone is longer.
    pub(super) fn block_bytes(self) -> usize {
        match self.fill {
            ..0 => {
                let level = usize::try_from(self.fill.unsigned_abs()).unwrap_or(usize::MAX);
                BYTES_MAX[level.min(BYTES_MAX.len()) - 1]
            }
            0.. => COUNTED_BYTES_MAX,
        }
    }

    /// The most elements of a block; nothing if only bytes count.
    fn count(self) -> Option<usize> {
        // A block for no elements would be of no use.
        (self.fill >= 0).then(|| usize::try_from(self.fill.max(1)).unwrap_or(usize::MAX))
    }

    /// Whether one block of so many elements, in so many bytes, is too large.
    pub(super) fn exceeded(self, bytes: usize, count: usize) -> bool {
        bytes + FRAME_BYTES > self.block_bytes() || self.count().is_some_and(|most| count > most)
    }

    /// Whether a text can be added to a block of so many elements, in so many bytes.
    pub(super) fn has_room(self, bytes: usize, count: usize, text: &[u8]) -> bool {
        !self.is_alone(text) && !self.exceeded(bytes + text.len() + ELEMENT_OVERHEAD, count + 1)
    }

    pub(super) const fn is_alone(self, text: &[u8]) -> bool {
        text.len() >= self.alone
    }

    /// Whether a list that has become so small is stored as a small one again: at half of what made it large.
    pub(super) fn is_small_again(self, bytes: usize, count: usize) -> bool {
        match self.count() {
            Some(most) => count <= most / 2,
            None => bytes + FRAME_BYTES <= self.block_bytes() / 2,
        }
    }
}
