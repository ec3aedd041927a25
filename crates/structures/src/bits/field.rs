//! Integers of 1 to 64 bits that stand at any bit: BITFIELD.

/// A type of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub signed: bool,
    /// 1 to 64; at most 63 if not signed.
    pub bits: u32,
}

/// What becomes of a number that a field can't hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The lowest bits of it are taken.
    Wrap,
    /// The nearest number that fits is.
    Saturate,
    /// Nothing.
    Fail,
}

/// A field of 64 bits that begins in the middle of a byte ends in the ninth.
const WINDOW_BYTES: usize = 9;

impl Field {
    /// The integer at a bit. Behind the end there are zeros.
    pub fn get(self, bytes: &[u8], offset: u64) -> i64 {
        let raw = (window(bytes, offset) >> self.shift(offset)) as u64 & self.mask();
        self.widen(raw)
    }

    /// Writes an integer that fits. All of the field must lie inside.
    pub fn set(self, bytes: &mut [u8], offset: u64, number: i64) {
        let shift = self.shift(offset);
        let all = window(bytes, offset) & !(u128::from(self.mask()) << shift)
            | u128::from(number as u64 & self.mask()) << shift;
        let from = (offset / 8) as usize;
        let to = bytes.len().min(from + WINDOW_BYTES);
        let length = to - from;
        bytes[from..to].copy_from_slice(&all.to_be_bytes()[..length]);
    }

    /// A number as the field holds it, after an overflow was dealt with; nothing if that fails.
    pub fn fit(self, number: i128, overflow: Overflow) -> Option<i64> {
        let (low, high) = self.limits();
        if (low..=high).contains(&number) {
            return Some(number as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.widen(number as u64 & self.mask())),
            Overflow::Saturate => Some(number.clamp(low, high) as i64),
            Overflow::Fail => None,
        }
    }

    /// What SET stores: the number's 64 bits are taken for the field's kind of integer.
    ///
    /// Near the lowest number Redis' test for overflow wraps, and takes it for one that is too high: so does this.
    pub fn given(self, number: i64) -> i128 {
        let is_far_below = self.bits < 64 && self.limits().1 - i128::from(number) > i128::from(i64::MAX);
        match self.signed {
            true if is_far_below => i128::from(number) + (1 << 64),
            true => i128::from(number),
            false => i128::from(number as u64),
        }
    }

    fn limits(self) -> (i128, i128) {
        if self.signed {
            (-1 << (self.bits - 1), (1 << (self.bits - 1)) - 1)
        } else {
            (0, (1 << self.bits) - 1)
        }
    }

    fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    fn widen(self, raw: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.signed { (raw << unused) as i64 >> unused } else { raw as i64 }
    }

    /// How far the field stands from the low end of its window.
    fn shift(self, offset: u64) -> u32 {
        128 - (offset % 8) as u32 - self.bits
    }
}

/// The bytes from that of the bit `offset` on, the first the highest.
fn window(bytes: &[u8], offset: u64) -> u128 {
    let mut window = [0; 16];
    let from = usize::try_from(offset / 8).unwrap_or(usize::MAX);
    if let Some(behind) = bytes.get(from..) {
        let length = behind.len().min(WINDOW_BYTES);
        window[..length].copy_from_slice(&behind[..length]);
    }
    u128::from_be_bytes(window)
}
