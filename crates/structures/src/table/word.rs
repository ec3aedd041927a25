//! The words that lead to leaves and directories: an address, and what must be known to compute a home before the first
//! access to it. Pure arithmetic.

/// The address bits of a word or a cell.
pub(super) const ADDRESS_MASK: u64 = (1 << 48) - 1;
/// Set in a root word that leads to a directory.
const DIRECTORY_MARK: u64 = 1 << 63;
/// The class of the largest leaf that is not yet split: 14,336 bytes, the largest block that jemalloc serves from slabs
/// (the next ones take a page more than asked for).
pub(super) const CLASS_SPLIT: u8 = 35;
/// No prefix is longer than this; hash bits below position 16 are never looked at.
pub(super) const DEPTH_MAX: u8 = 32;
/// Cells in a leaf beyond those that hold entries: the header, and the empty one at the end.
const CELLS_RESERVED: u64 = 2;

/// Leads to a leaf: address, size class, and the number of hash bits that all its entries share (its depth). An address
/// of 0 stands for a leaf without entries. The word 0 is an empty leaf of depth 0: an empty table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LeafWord(pub(super) u64);

impl LeafWord {
    pub(super) fn new(address: u64, class: u8, depth: u8) -> Self {
        debug_assert!(address & !ADDRESS_MASK == 0 && depth <= DEPTH_MAX);
        Self(address | u64::from(class) << 48 | u64::from(depth) << 56)
    }

    /// A leaf of this depth that has no entries and no memory.
    pub(super) fn vacant(depth: u8) -> Self {
        Self::planned(0, depth)
    }

    /// A vacant leaf that gets a block of this class with its first entry.
    pub(super) fn planned(class: u8, depth: u8) -> Self {
        Self::new(0, class, depth)
    }

    #[inline(always)]
    pub(super) fn is_vacant(self) -> bool {
        self.0 & ADDRESS_MASK == 0
    }

    #[inline(always)]
    pub(super) fn address(self) -> usize {
        (self.0 & ADDRESS_MASK) as usize
    }

    #[inline(always)]
    pub(super) fn class(self) -> u8 {
        (self.0 >> 48) as u8
    }

    #[inline(always)]
    pub(super) fn depth(self) -> u8 {
        (self.0 >> 56) as u8
    }

    /// The 16 hash bits below this leaf's prefix.
    #[inline(always)]
    pub(super) fn tag(self, hash: u64) -> u64 {
        (hash << (self.0 >> 56 & 63)) >> 48
    }

    /// The first hash of this leaf's range, given any hash in it.
    pub(super) fn range_start(self, hash: u64) -> u64 {
        match self.depth() {
            0 => 0,
            depth => hash & (u64::MAX << (64 - depth)),
        }
    }

    /// The index of the cell where entries with this tag would stand if none had to make way.
    #[inline(always)]
    pub(super) fn home(self, tag: u64) -> usize {
        ((tag * HOMES[self.class() as usize]) >> 16) as usize
    }

    /// Where the home cell of `hash` is in memory; not to be read without knowing that the leaf lives.
    #[inline(always)]
    pub(super) fn home_address(self, hash: u64) -> *const u8 {
        let cell = self.home(self.tag(hash)) + 1;
        std::ptr::without_provenance(self.address().wrapping_add(cell * 8))
    }
}

/// What a root word leads to.
pub(super) enum Root {
    Leaf(LeafWord),
    /// Address of the directory's words, and their number as a power of two.
    Directory {
        address: usize,
        depth: u8,
    },
}

#[inline(always)]
pub(super) fn decode_root(root: u64) -> Root {
    if root & DIRECTORY_MARK == 0 {
        Root::Leaf(LeafWord(root))
    } else {
        Root::Directory { address: (root & ADDRESS_MASK) as usize, depth: (root >> 48) as u8 }
    }
}

pub(super) fn directory_root(address: usize, depth: u8) -> u64 {
    DIRECTORY_MARK | address as u64 & ADDRESS_MASK | u64::from(depth) << 48
}

/// Words of 8 bytes in a leaf of this class: 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... as the allocator's classes.
#[inline(always)]
pub(super) const fn words(class: u8) -> u64 {
    (4 + (class as u64 & 3)) << (class >> 2)
}

/// Cells that can hold entries.
#[inline(always)]
pub(super) const fn cells(class: u8) -> u64 {
    words(class) - CELLS_RESERVED
}

/// Cells that are somebody's home; the others, at the end, only take what overflows. Half of the cells of a leaf that is
/// larger than it should be: its hashes are not spread, and may all have their home in the last one.
pub(super) const fn homes(class: u8) -> u64 {
    let cells = cells(class);
    if class > CLASS_SPLIT {
        return cells / 2;
    }
    let overflow = cells / 16;
    cells - if overflow < 16 { overflow } else { 16 }
}

/// `homes` of each class that fits in memory, looked up where it is on the path of every command.
static HOMES: [u64; 256] = {
    let mut table = [0; 256];
    let mut class = 0;
    while class < CLASSES {
        table[class as usize] = homes(class);
        class += 1;
    }
    table
};
/// Classes below this one have sizes below 2^48.
const CLASSES: u8 = 168;

/// Entries that a leaf of this class takes before it grows.
pub(super) const fn limit(class: u8) -> u64 {
    homes(class) - homes(class) / 16
}

/// The smallest class that takes this many entries.
pub(super) fn class_for(len: u64) -> u8 {
    let mut class = 0;
    while limit(class) < len {
        class += 1;
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_the_allocators() {
        for class in 0..=100 {
            let bytes = words(class) as usize * 8;
            assert_eq!(crate::alloc::size_class(bytes), bytes);
            if class > 0 && class <= CLASS_SPLIT {
                assert_eq!(crate::alloc::size_class(words(class - 1) as usize * 8 + 1), bytes);
            }
        }
        assert_eq!(words(CLASS_SPLIT) * 8, 14_336);
    }

    #[test]
    fn homes_rise_with_the_tag_and_stay_inside() {
        for class in 0..=60 {
            let word = LeafWord::new(0, class, 0);
            assert_eq!(word.home(0), 0);
            assert!((word.home(0xffff) as u64) < homes(class) && homes(class) <= cells(class));
            assert!(limit(class) > 0 && limit(class) <= homes(class));
            assert!((1..=0xffff).all(|tag| word.home(tag - 1) <= word.home(tag)));
        }
    }

    #[test]
    fn words_keep_what_they_are_given() {
        let word = LeafWord::new(0x7fff_ffff_fff8, 77, 31);
        assert_eq!((word.address(), word.class(), word.depth()), (0x7fff_ffff_fff8, 77, 31));
        assert_eq!(word.tag(0x0000_0001_2345_8000), 0x91a2);
        assert_eq!(LeafWord::vacant(4).range_start(0xabcd_0000_0000_0000), 0xa000_0000_0000_0000);
        let root = directory_root(0x1000, 20);
        assert!(matches!(decode_root(root), Root::Directory { address: 0x1000, depth: 20 }));
        assert!(matches!(decode_root(word.0), Root::Leaf(leaf) if leaf == word));
        assert_eq!((class_for(1), class_for(2), class_for(3)), (0, 0, 1));
    }
}
