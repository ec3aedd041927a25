//! Bloom filters that grow: whether an item was added, with no false "no" and few false "yes".
//!
//! A [`Bloom`] is a chain of [`Layer`]s, each a plain Bloom filter for a number of items. When the last one is full a
//! larger one follows, with half the error rate, so that the rates of all together stay below what was asked for. Hashes,
//! places of bits and the forms for transport ([`chunk`]) are RedisBloom's, so that filters move between the two; what it
//! leaves short of the asked rate is made up for in [`plan`].
//!
//! Knows nothing of keys and of how much memory there is: who lets it grow says how many bytes it may take.

pub mod chunk;
mod layer;
pub mod plan;
#[cfg(test)]
mod tests;

pub use layer::Layer;
use layer::Pattern;
use plan::Plan;

use crate::entry::Payload;

/// What TYPE answers.
pub const TYPE_NAME: &str = "MBbloom--";

/// Layers at most: halving an error rate ends a little later.
pub const LAYERS_MAX: usize = 1100;

/// Rates of a layer to that of the one before it, and of the first one to that of the whole.
const TIGHTENING: f64 = 0.5;

/// RedisBloom's bits for how a filter was made.
mod option {
    /// Sizes are not rounded up to powers of two.
    pub(super) const EXACT_SIZE: u32 = 1;
    /// A layer's number of items was its number of bits, as a power of two.
    pub(super) const SIZE_IS_BITS: u32 = 2;
    /// Hashes have 64 bits.
    pub(super) const WIDE: u32 = 4;
    pub(super) const NO_SCALING: u32 = 8;
    pub(super) const ALL: u32 = 15;
}

/// What a filter is asked to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wish {
    /// Items of the first layer.
    pub capacity: u64,
    /// Between 0 and 1, both excluded.
    pub error: f64,
    /// How many times as large each further layer is.
    pub growth: u32,
    pub scales: bool,
}

/// Why a filter can't be made, or takes no further item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such filter, or no further layer.
    Impossible,
    NoMemory,
    /// It is full and must not grow.
    Full,
}

/// A chain of layers. There is one at least.
#[derive(Clone, Debug)]
pub struct Bloom {
    layers: Vec<Layer>,
    items: u64,
    options: u32,
    growth: u32,
}

impl Bloom {
    /// An empty filter. `room`: the bytes that it may take.
    pub fn new(wish: &Wish, room: u64) -> Result<Self, Refusal> {
        if !(wish.error > 0.0 && wish.error < 1.0) {
            return Err(Refusal::Impossible);
        }
        let scaling = if wish.scales { 0 } else { option::NO_SCALING };
        let mut bloom = Self {
            layers: Vec::new(),
            items: 0,
            options: option::EXACT_SIZE | option::WIDE | scaling,
            growth: wish.growth,
        };
        let error = if wish.scales { wish.error * TIGHTENING } else { wish.error };
        bloom.push_layer(wish.capacity, error, room)?;
        Ok(bloom)
    }

    /// A filter from its parts; nothing if they are not those of one.
    pub fn assemble(layers: Vec<Layer>, items: u64, options: u32, growth: u32) -> Option<Self> {
        let is_known = options & !option::ALL == 0 && (1..=LAYERS_MAX).contains(&layers.len());
        let sum = layers.iter().try_fold(0_u64, |sum, layer| sum.checked_add(layer.items));
        let is_whole = is_known && sum == Some(items) && layers.iter().all(Layer::is_sound);
        is_whole.then_some(Self { layers, items, options, growth })
    }

    fn push_layer(&mut self, capacity: u64, error: f64, room: u64) -> Result<(), Refusal> {
        if self.layers.len() == LAYERS_MAX || self.options & option::SIZE_IS_BITS != 0 {
            return Err(Refusal::Impossible);
        }
        let plan = if self.options & option::EXACT_SIZE == 0 {
            Plan::rounded(capacity, error)
        } else {
            Plan::exact(capacity, error).map(|plan| plan.kept_to(self.allowance(error)))
        };
        let plan = plan.ok_or(Refusal::Impossible)?;
        if plan.bytes() > room {
            return Err(Refusal::NoMemory);
        }
        self.layers.push(Layer::new(&plan, error).ok_or(Refusal::NoMemory)?);
        Ok(())
    }

    /// The rate that the next layer may really have.
    fn allowance(&self, error: f64) -> f64 {
        let whole = match self.layers.first() {
            Some(first) if self.scales() => first.error / TIGHTENING,
            None if self.scales() => error / TIGHTENING,
            _ => error,
        };
        plan::allowance(error, whole, self.layers.len())
    }

    fn pattern(&self, item: &[u8]) -> Pattern {
        if self.options & option::WIDE != 0 { Pattern::wide(item) } else { Pattern::narrow(item) }
    }

    /// Whether the item was added, or looks so. O(layers).
    pub fn contains(&self, item: &[u8]) -> bool {
        let pattern = self.pattern(item);
        self.layers.iter().rev().any(|layer| layer.contains(pattern))
    }

    /// Adds an item, and says whether it is new. O(layers), or that and the size of a new layer of up to `room` bytes.
    pub fn add(&mut self, item: &[u8], room: u64) -> Result<bool, Refusal> {
        let pattern = self.pattern(item);
        if self.layers.iter().rev().any(|layer| layer.contains(pattern)) {
            return Ok(false);
        }
        if let Some(last) = self.layers.last().filter(|last| last.items >= last.capacity) {
            if !self.scales() {
                return Err(Refusal::Full);
            }
            let capacity = last.capacity.checked_mul(self.growth.into()).ok_or(Refusal::Impossible)?;
            self.push_layer(capacity, last.error * TIGHTENING, room)?;
        }
        if let Some(last) = self.layers.last_mut() {
            last.insert(pattern);
            self.items += 1;
        }
        Ok(true)
    }

    pub fn scales(&self) -> bool {
        self.options & option::NO_SCALING == 0
    }

    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Items that were new when they were added.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// Items that the layers are made for.
    pub fn capacity(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.capacity))
    }

    pub fn options(&self) -> u32 {
        self.options
    }

    pub fn growth(&self) -> u32 {
        self.growth
    }

    /// Bytes as RedisBloom counts them: of its structures and of the bits.
    pub fn told_bytes(&self) -> usize {
        const CHAIN: usize = 32;
        const LINK: usize = 64;
        CHAIN + self.layers.iter().map(|layer| LINK + layer.bytes.len()).sum::<usize>()
    }
}

impl Payload for Bloom {
    fn encoding_name(&self) -> &'static str {
        "raw"
    }

    fn type_name(&self) -> Option<&'static str> {
        Some(TYPE_NAME)
    }

    fn len(&self) -> usize {
        self.items as usize
    }

    fn memory_bytes(&self) -> usize {
        let layers: usize = self.layers.iter().map(|layer| crate::alloc::size_class(layer.bytes.len())).sum();
        layers + size_of::<Self>() + self.layers.capacity() * size_of::<Layer>()
    }

    fn blocks(&self) -> usize {
        // The last one is the largest, unless layers don't grow.
        let last = self.layers.last().map_or(0, |layer| layer.bytes.len());
        self.layers.len() + last.saturating_mul(2) / PAGES_AS_BLOCK
    }

    fn duplicate(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }
}

/// So many bytes in one block take about as long to be freed as a block.
const PAGES_AS_BLOCK: usize = 64 * 1024;
