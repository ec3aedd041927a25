//! How jemalloc is set up in every binary that links this crate. `_RJEM_MALLOC_CONF` in the environment still wins.

#![expect(unsafe_code, reason = "jemalloc finds its configuration by the name of a symbol")]

/// A NUL-terminated string, as jemalloc reads it.
#[repr(transparent)]
pub struct Conf(Option<&'static u8>);

/// Freed pages go back after a second, given back by jemalloc's own thread and not by whoever frees next: a table
/// that has grown leaves its old leaves behind, and they would count as used for ten seconds.
// SAFETY: the symbol is jemalloc's documented `malloc_conf` under the crate's prefix, a `const char *`; no other crate
// defines it, and the string ends with NUL.
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static MALLOC_CONF: Conf = Conf(Some(&CONF[0]));

static CONF: &[u8] = b"background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0\0";
