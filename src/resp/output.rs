//! The bytes on their way to a client: one growing buffer, and large values by reference between its parts.

use bytes::Bytes;
use std::collections::VecDeque;

/// Values from this many bytes on leave by reference instead of being copied.
pub const SHARED_LEN_MIN: usize = 16 * 1024;

/// An output buffer. `shared` values stand between the bytes before and behind their offset.
#[derive(Default, Debug)]
pub struct Output {
    pub bytes: Vec<u8>,
    /// Of `bytes` so many were sent; they are dropped when that is worth moving the rest.
    sent: usize,
    shared: VecDeque<(usize, Bytes)>,
    shared_len: usize,
}

/// A place in an [`Output`], to cut back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: usize,
    shared: usize,
}

impl Output {
    /// Bytes that wait to be sent, those held by reference included.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent + self.shared_len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == self.sent && self.shared.is_empty()
    }

    #[inline]
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), shared: self.shared.len() }
    }

    /// Forgets what was written since `mark`.
    pub fn cut_back(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        for (_, value) in self.shared.drain(mark.shared..) {
            self.shared_len -= value.len();
        }
    }

    /// Takes what was written from byte `at` on, large values included. There are none before it.
    pub fn split_off(&mut self, at: usize) -> Output {
        let mut rest = Output { bytes: self.bytes.split_off(at), ..Output::default() };
        rest.shared = self.shared.drain(..).map(|(place, value)| (place - at, value)).collect();
        rest.shared_len = std::mem::take(&mut self.shared_len);
        rest
    }

    /// Appends a value without copying it.
    pub fn push_shared(&mut self, value: Bytes) {
        self.shared_len += value.len();
        self.shared.push_back((self.bytes.len(), value));
    }

    pub fn has_shared(&self) -> bool {
        !self.shared.is_empty()
    }

    /// What waits to be sent, if it is all in one piece.
    pub fn plain_bytes(&self) -> Option<&[u8]> {
        self.shared.is_empty().then(|| &self.bytes[self.sent..])
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
        self.shared.clear();
        self.shared_len = 0;
    }

    /// Moves everything of `other` behind what is here, leaving `other` empty with its capacity.
    pub fn append(&mut self, other: &mut Output) {
        let (base, sent) = (self.bytes.len(), other.sent);
        self.bytes.extend_from_slice(&other.bytes[sent..]);
        self.shared.extend(other.shared.drain(..).map(|(at, value)| (base + at - sent, value)));
        self.shared_len += other.shared_len;
        other.clear();
    }

    /// The first pieces to send, in order: at most `pieces.len()`. Returns how many were filled in.
    pub fn pieces<'a>(&'a self, pieces: &mut [std::io::IoSlice<'a>]) -> usize {
        let mut filled = 0;
        let mut from = self.sent;
        for (at, value) in &self.shared {
            for part in [&self.bytes[from..*at], &value[..]] {
                if !part.is_empty() && filled < pieces.len() {
                    pieces[filled] = std::io::IoSlice::new(part);
                    filled += 1;
                }
            }
            from = *at;
            if filled == pieces.len() {
                return filled;
            }
        }
        if from < self.bytes.len() && filled < pieces.len() {
            pieces[filled] = std::io::IoSlice::new(&self.bytes[from..]);
            filled += 1;
        }
        filled
    }

    /// Drops the first `count` bytes, which were sent. Takes time for what is dropped, not for what remains.
    pub fn consume(&mut self, mut count: usize) {
        while let Some((at, value)) = self.shared.front_mut() {
            let before = *at - self.sent;
            if count < before {
                break;
            }
            count -= before;
            self.sent = *at;
            if count < value.len() {
                self.shared_len -= count;
                let _ = value.split_to(count);
                count = 0;
                break;
            }
            count -= value.len();
            self.shared_len -= value.len();
            self.shared.pop_front();
        }
        self.sent += count;
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.shared.iter_mut().for_each(|(at, _)| *at -= self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::IoSlice;

    fn flatten(output: &Output) -> Vec<u8> {
        let mut pieces = [IoSlice::new(&[]); 64];
        let filled = output.pieces(&mut pieces);
        pieces[..filled].iter().flat_map(|piece| piece.to_vec()).collect()
    }

    #[test]
    fn any_split_of_the_sending_yields_the_same_bytes() {
        let build = || {
            let mut output = Output::default();
            output.bytes.extend_from_slice(b"abc");
            output.push_shared(Bytes::from_static(b"DEFG"));
            output.push_shared(Bytes::from_static(b"H"));
            output.bytes.extend_from_slice(b"ij");
            output.push_shared(Bytes::from_static(b"KL"));
            output
        };
        for first in 0..=12 {
            for second in 0..=(12 - first) {
                let mut output = build();
                output.consume(first);
                output.consume(second);
                assert_eq!(flatten(&output), b"abcDEFGHijKL"[first + second..], "{first} {second}");
                assert_eq!(output.len(), 12 - first - second);
            }
        }
    }

    #[test]
    fn cutting_back_forgets_references_too() {
        let mut output = Output::default();
        output.bytes.extend_from_slice(b"a");
        let mark = output.mark();
        output.push_shared(Bytes::from_static(b"DEFG"));
        output.bytes.extend_from_slice(b"x");
        output.cut_back(mark);
        assert_eq!((flatten(&output), output.len()), (b"a".to_vec(), 1));
    }
}
