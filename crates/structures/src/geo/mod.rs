//! Places on Earth as numbers of 52 bits, and what lies near a place: the arithmetic behind GEOADD and GEOSEARCH.
//!
//! A position is a [`cell`] of the finest grid: longitude and latitude, each as a fraction of its range in 26 bits, taken
//! by turns bit by bit. So a coarser cell is a range of numbers, and an area is searched as the nine cells around its
//! middle that are large enough to [`cover`](cover()) it.
//!
//! Everything is computed as Redis does, operation by operation, so that results agree to the last bit.

mod cell;
mod cover;
mod distance;
#[cfg(test)]
mod tests;

pub use cell::{LATITUDE_MAX, LONGITUDE_MAX, Position, geohash};
pub use cover::cover;
pub use distance::{Shape, distance};
