//! Data structures of Dunlin.

pub mod glob;
pub mod lcs;
pub mod number;
pub mod slot;
