//! The string family: values that are bytes, and counters among them.
//!
//! * [`get`] reads values; [`set`] stores them, under conditions and with a time to live; [`many`] does both to several
//!   keys at once.
//! * [`delete`] removes a key if its value is as expected.
//! * [`count`] adds to numbers. [`range`] reads and writes parts of a value. [`lcs`] compares two.
//! * [`condition`] and [`lifetime`] are the options that several of them share, [`value`] what they store and show.
//!
//! Effects name what was stored and when it goes, never how that came about: a condition that held, a relative time and
//! a sum of floats are not repeated when the log is replayed.

pub mod condition;
pub mod count;
pub mod delete;
pub mod get;
pub mod lcs;
pub mod lifetime;
pub mod many;
pub mod range;
pub mod set;
#[cfg(test)]
mod tests;
pub mod value;
