//! Glob patterns, of CONFIG GET and of `include`.

pub(super) use dunlin_structures::glob::matches;

/// Whether a text has anything that a pattern would read otherwise.
pub(super) fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|byte| b"*?[".contains(byte))
}
