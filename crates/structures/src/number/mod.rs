//! Numbers as Redis reads and writes them: its strictness, its rounding and its layout, whatever the platform.
//!
//! | part | reads | writes |
//! |---|---|---|
//! | `integer` | [`parse_i64`]: only what [`IntegerBuffer`] could have written | [`IntegerBuffer::format`] |
//! | `decimal` | | [`put_decimal`]: the same in fewer steps, for who joins it with other bytes |
//! | `double` | [`parse_f64`]: what C's strtod accepts, whole and in range | [`format_f64`]: shortest digits |
//! | `long_double` | [`LongDouble::parse`]: strtold | [`LongDouble::format`]: at most 17 decimals |
//! | `memory` | [`parse_memory`]: `100mb` | |
//!
//! `scan` is what the two floating-point readers share: the texts, before any rounding; `round` is how bits are
//! dropped. Nothing here depends on the locale, and nothing panics, whatever the bytes.

mod decimal;
mod double;
mod integer;
mod long_double;
mod memory;
mod round;
mod scan;

pub use decimal::{DECIMAL_BYTES, put_decimal};
pub use double::{DoubleBuffer, format_f64, parse_f64};
pub use integer::{IntegerBuffer, parse_i64};
pub use long_double::LongDouble;
pub use memory::parse_memory;
