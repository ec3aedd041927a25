//! Spoiled bytes to every decoder of what comes from a socket, a disk or an operator: it never panics, never takes more
//! memory than the bytes warrant, and what it accepts is what was said.
//!
//! Coverage isn't measured, as libFuzzer does; in its place an input that was answered in a way not seen before is kept
//! and spoiled further. Runs on the stable toolchain, for `DUNLIN_FUZZ_SECONDS` a decoder (2 by default) from
//! `DUNLIN_FUZZ_SEED`; the same seed makes the same inputs. A failing input is made small and printed as a literal,
//! which then belongs into the decoder's corpus.
//!
//! A decoder to come needs a file like `configuration.rs`: a corpus, words that it knows, and a function from bytes to
//! what it made of them.

mod configuration;
mod harness;
mod log;
mod mutate;
mod random;
mod rdb;
mod requests;
mod users;

/// The server's own allocator counts what a decoder takes.
#[global_allocator]
static ALLOCATOR: dunlin_structures::alloc::Jemalloc = dunlin_structures::alloc::Jemalloc;
