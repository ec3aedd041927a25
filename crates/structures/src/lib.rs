//! Data structures of Dunlin.
