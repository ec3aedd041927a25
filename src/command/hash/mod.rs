//! The hash family: fields with values under one key, each of which may have a time to live of its own.
//!
//! * [`get`] reads fields, [`random`] some by chance, [`scan`] all of them step by step.
//! * [`set`] stores them, [`delete`] removes them, [`count`] adds to numbers.
//! * [`expire`] says when fields go, [`ttl`] when they will; [`getex`] and [`setex`] do that beside reading and storing.
//! * [`arguments`] reads what several of them are given, [`value`] writes what they reply.
//!
//! The write door has removed what has expired before a handler sees a hash; a reader passes over it ([`Fields`] with
//! the unit's time). Effects say when a field goes, never how long it lives.
//!
//! [`Fields`]: dunlin_structures::fields::Fields

pub mod arguments;
pub mod count;
pub mod delete;
pub mod expire;
pub mod get;
pub mod getex;
pub mod random;
pub mod scan;
pub mod set;
pub mod setex;
#[cfg(test)]
mod tests;
pub mod ttl;
pub mod value;
