//! Ranges of scores and of bytes.

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound<T> {
    /// Before everything.
    Lowest,
    Included(T),
    Excluded(T),
    /// Behind everything.
    Highest,
}

/// Scores between two bounds, of which `Lowest` and `Highest` need not be used: there are infinities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    pub min: Bound<f64>,
    pub max: Bound<f64>,
}

/// Members between two bounds by their bytes, where all have one score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextRange<'a> {
    pub min: Bound<&'a [u8]>,
    pub max: Bound<&'a [u8]>,
}

impl<T: PartialOrd + Copy> Bound<T> {
    /// Whether a value stands before a range that begins here.
    #[inline]
    pub(super) fn is_below(&self, value: &T) -> bool {
        match self {
            Self::Lowest => false,
            Self::Included(min) => value < min,
            Self::Excluded(min) => value <= min,
            Self::Highest => true,
        }
    }

    /// Whether a value does not stand behind a range that ends here.
    #[inline]
    pub(super) fn reaches(&self, value: &T) -> bool {
        match self {
            Self::Lowest => false,
            Self::Included(max) => value <= max,
            Self::Excluded(max) => value < max,
            Self::Highest => true,
        }
    }
}
