//! How many bits and hashes a layer has.
//!
//! RedisBloom takes the textbook's numbers, which promise the asked rate for independent hashes. Its hashes are not: the
//! places of an item are a first one and equal steps, in 64 bits, modulo the number of bits. A step that is 0 modulo that
//! number, or a small fraction of it, leaves few places of an item. Only where the steps run over 64 bits do the places
//! shift, by 2^64 modulo the number of bits, which is a small fraction of it too where that has many factors. In large
//! filters this is rare; in one for 100 items with a rate of 1 in 10,000 it makes three and a half times as many false
//! answers as were asked for. Rounding up the number of hashes costs up to a tenth, too.
//!
//! So each layer's real rate is estimated, and where it may be beyond what is allowed, the layer gets more bits, in an odd
//! number of words, and as many hashes as are best for them. The result is a layer like any other, which RedisBloom
//! reads.

/// Hashes at most: as many as the smallest rate that there is has.
pub const HASHES_MAX: u32 = 1100;

/// Hashes that are tried for the sure rate: more are never best.
const BEST_HASHES_MAX: u32 = 64;

// As short as RedisBloom has them: whether a product is beyond a whole number depends on it.
#[expect(clippy::approx_constant, reason = "the number of hashes must be the same as RedisBloom's")]
const LN_2: f64 = 0.693_147_180_559_945;
const LN_2_SQUARED: f64 = 0.480_453_013_918_201;

/// Rates below this are not made sure of: it would take more memory than they are worth.
const SURE_RATE: f64 = 1e-9;

/// Of the whole rate, what a filter that doesn't grow may be above it.
const EXCESS_OF_ONE: f64 = 0.05;
/// Of the whole rate, what the first layer of others may be above its own; further ones less by the square of their
/// number: together a tenth.
const EXCESS_OF_FIRST: f64 = 0.06;

/// Steps that leave so few places are reckoned with: how many there are of each, for 1 place and more.
const SHORT_STEPS: [f64; 16] =
    [1.0, 1.0, 2.0, 2.0, 4.0, 2.0, 6.0, 4.0, 6.0, 4.0, 10.0, 4.0, 12.0, 6.0, 8.0, 8.0];
/// The same, if the number of words is odd: places, and how many steps there are of them.
const SHORT_STEPS_OF_ODD: [(i32, f64); 5] = [(1, 1.0), (2, 1.0), (4, 2.0), (8, 4.0), (16, 8.0)];
/// What steps do that have few places only together with where they run over; as measured, and a little more.
const COINCIDENCE: f64 = 2.2;

/// Sizes are multiples of this.
const WORD_BITS: u64 = 64;

/// A layer that is to be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    pub capacity: u64,
    /// Bits, in words.
    words: u64,
    pub bits_log2: u8,
    pub hashes: u32,
    pub bits_per_item: f64,
}

/// What a layer's real rate may be: its own `error`, and a share of the whole filter's that depends on how many layers
/// were before it.
pub fn allowance(error: f64, whole: f64, index: usize) -> f64 {
    let is_alone = error == whole;
    let excess = if is_alone { EXCESS_OF_ONE } else { EXCESS_OF_FIRST / ((index + 1) as f64).powi(2) };
    (error + whole * excess).max(SURE_RATE)
}

fn bits_per_item(error: f64) -> f64 {
    (error.ln() / LN_2_SQUARED).abs()
}

/// The number of hashes that goes with so many bits an item.
pub fn hashes_of(bits_per_item: f64) -> u32 {
    (LN_2 * bits_per_item).ceil() as u32
}

/// How much of a layer is filled by so many items, and how often it answers yes by chance.
fn filled(items: f64, bits: f64, hashes: u32) -> (f64, f64) {
    let places = f64::from(hashes);
    let load = places * items / bits;
    let filled = -(-load).exp_m1();
    // Some layers are filled more than others, which counts for more.
    let variance = ((-load).exp() - (1.0 + load) * (-2.0 * load).exp()) / (bits * filled * filled);
    let spread = 1.0 + places * (places - 1.0) / 2.0 * variance;
    (filled, (filled.powi(hashes as i32) * spread).min(1.0))
}

/// How often items with equal or opposite steps share what they do, for each pair of steps: what is not shared must be
/// taken by chance.
fn shared(filled: f64, hashes: u32) -> f64 {
    let places = f64::from(hashes);
    if filled > 0.999 {
        return 2.0 * places - 1.0;
    }
    1.0 + 2.0 * filled * (1.0 - filled.powi(hashes as i32 - 1)) / (1.0 - filled)
}

/// How often a layer with that many items answers yes for another one at most, however many factors the number of its
/// bits has.
fn rate_at_most(items: f64, bits: f64, hashes: u32) -> f64 {
    let (filled, by_chance) = filled(items, bits, hashes);
    // Few places: each is taken by chance, but together they are more likely to be than as many as there should be.
    let short = SHORT_STEPS.iter().zip(1..hashes as i32);
    let short: f64 = short.map(|(steps, places)| steps * (filled.powi(places) - by_chance)).sum();
    by_chance + short.max(0.0) / bits + 2.0 * shared(filled, hashes) * items / (bits * bits)
}

/// How often a layer with that many items and an odd number of words answers yes for another one.
fn rate(items: f64, bits: f64, hashes: u32) -> f64 {
    let (filled, by_chance) = filled(items, bits, hashes);
    let places = hashes as i32;
    // How often the steps run over 64 bits is as likely one number as another, and each time there are other places.
    let runs = |first: i32| (1..=places).map(move |run| filled.powi(places.min(run * first)) - by_chance);
    let short = SHORT_STEPS_OF_ODD.iter().map(|(first, steps)| steps * runs(*first).sum::<f64>());
    // Steps that are equal modulo the number of bits mostly run over at different times.
    let pairs = 2.0 * shared(filled, hashes) * items / bits * 3.0_f64.min(f64::from(hashes));
    by_chance + COINCIDENCE * (short.sum::<f64>() + pairs).max(0.0) / (bits * f64::from(hashes))
}

impl Plan {
    /// RedisBloom's, with no rounding but to whole words.
    pub fn exact(capacity: u64, error: f64) -> Option<Self> {
        let bits_per_item = Some(bits_per_item(error)).filter(|bits| bits.is_finite())?;
        let bits = capacity as f64 * bits_per_item;
        // Beyond this no machine goes; what is smaller can be counted in integers.
        let is_possible = capacity > 0 && error > 0.0 && error < 1.0 && bits < (1_u64 << 56) as f64;
        is_possible.then(|| Self {
            capacity,
            words: (bits as u64).max(1).div_ceil(WORD_BITS),
            bits_log2: 0,
            hashes: hashes_of(bits_per_item),
            bits_per_item,
        })
    }

    /// RedisBloom 1's: a power of two, for as many more items as go into it.
    pub fn rounded(capacity: u64, error: f64) -> Option<Self> {
        let exact = Self::exact(capacity, error)?;
        let bits = capacity as f64 * exact.bits_per_item;
        let bits_log2 = (bits.max(1.0).log2().floor() as u8) + 1;
        let more = ((1_u64 << bits_log2) as f64 - bits) / exact.bits_per_item;
        let words = (1_u64 << bits_log2).div_ceil(WORD_BITS);
        Some(Self { capacity: capacity.saturating_add(more as u64), words, bits_log2, ..exact })
    }

    pub fn bits(&self) -> u64 {
        self.words * WORD_BITS
    }

    pub fn bytes(&self) -> u64 {
        self.words * (WORD_BITS / 8)
    }

    /// The same, or larger, so that its real rate is at most `allowed`.
    pub fn kept_to(self, allowed: f64) -> Self {
        let items = self.capacity as f64;
        if rate_at_most(items, self.bits() as f64, self.hashes) <= allowed {
            return self;
        }
        let rate = |words: u64, hashes| rate(items, (words * WORD_BITS) as f64, hashes);
        let mut best: Option<(u64, u32)> = None;
        for hashes in 1..=self.hashes.min(BEST_HASHES_MAX) {
            // More words than the best so far has need not be tried.
            let limit = best.map_or(1 << 50, |(words, _)| words - 1);
            if limit < self.words || rate(limit, hashes) > allowed {
                continue;
            }
            let (mut too_few, mut enough) = (self.words - 1, limit);
            while enough - too_few > 1 {
                let middle = too_few + (enough - too_few) / 2;
                *(if rate(middle, hashes) <= allowed { &mut enough } else { &mut too_few }) = middle;
            }
            best = Some((enough, hashes));
        }
        let Some((words, hashes)) = best else { return self };
        let words = words | 1;
        let bits_per_item =
            if hashes == self.hashes { self.bits_per_item } else { (f64::from(hashes) - 0.5) / LN_2 };
        Self { words, hashes, bits_per_item, ..self }
    }
}
