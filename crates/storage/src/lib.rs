//! Durable storage of Dunlin.
