//! The last bytes of the stream, for replicas whose connection broke.

use std::collections::VecDeque;

/// A window of the stream (repl-backlog-size).
pub(super) struct History {
    bytes: VecDeque<u8>,
    max: usize,
}

impl History {
    pub(super) fn new(max: usize) -> Self {
        Self { bytes: VecDeque::new(), max }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How much may be kept from now on.
    pub(super) fn set_max(&mut self, max: usize) {
        self.max = max;
        self.bytes.drain(..self.bytes.len().saturating_sub(max));
        self.bytes.shrink_to(max);
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(self.max)..];
        let excess = (self.bytes.len() + bytes.len()).saturating_sub(self.max);
        self.bytes.drain(..excess);
        self.bytes.extend(bytes);
    }

    /// The last so many bytes, if they are known.
    pub(super) fn last(&self, count: usize) -> Option<Vec<u8>> {
        let start = self.bytes.len().checked_sub(count)?;
        let (front, back) = self.bytes.as_slices();
        let mut bytes = Vec::with_capacity(count);
        bytes.extend_from_slice(&front[start.min(front.len())..]);
        bytes.extend_from_slice(&back[start.saturating_sub(front.len())..]);
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_end() {
        let mut history = History::new(10);
        let mut all = Vec::new();
        for (index, len) in [3, 4, 5, 1, 9, 10, 25, 2].into_iter().enumerate() {
            let bytes = vec![b'a' + index as u8; len];
            history.push(&bytes);
            all.extend_from_slice(&bytes);
            let kept = all.len().min(10);
            assert_eq!(history.len(), kept);
            for count in 0..=kept {
                assert_eq!(history.last(count).as_deref(), Some(&all[all.len() - count..]));
            }
            assert_eq!(history.last(kept + 1), None);
        }
        history.set_max(4);
        assert_eq!(history.last(4).as_deref(), Some(&all[all.len() - 4..]));
        assert_eq!(history.last(5), None);
    }
}
