//! The bytes on their way to a client: one growing buffer, and large values by reference between its parts.

use bytes::Bytes;
use std::collections::VecDeque;

/// Values from this many bytes on leave by reference instead of being copied.
pub const SHARED_LEN_MIN: usize = 16 * 1024;

/// An output buffer. `shared` values stand between the bytes before and behind their place.
#[derive(Default, Debug)]
pub struct Output {
    pub bytes: Vec<u8>,
    /// Of `bytes` so many were sent; they are dropped when that is worth moving the rest.
    sent: usize,
    shared: VecDeque<Shared>,
    shared_len: usize,
    /// So much of it is counted by somebody else.
    counted_elsewhere: usize,
}

/// A value in an [`Output`] that stands before the byte `at`.
#[derive(Debug)]
struct Shared {
    at: usize,
    value: Bytes,
    is_counted_elsewhere: bool,
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

    /// The same without what somebody else counts, for all who share it.
    #[inline]
    pub fn held_len(&self) -> usize {
        self.len() - self.counted_elsewhere
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
        for shared in self.shared.drain(mark.shared..) {
            self.shared_len -= shared.value.len();
            self.counted_elsewhere -= shared.counted_elsewhere();
        }
    }

    /// Takes what was written from byte `at` on, large values included. There are none before it.
    pub fn split_off(&mut self, at: usize) -> Output {
        let mut rest = Output { bytes: self.bytes.split_off(at), ..Output::default() };
        rest.shared = self.shared.drain(..).map(|shared| Shared { at: shared.at - at, ..shared }).collect();
        rest.shared_len = std::mem::take(&mut self.shared_len);
        rest.counted_elsewhere = std::mem::take(&mut self.counted_elsewhere);
        rest
    }

    /// Appends a value without copying it.
    pub fn push_shared(&mut self, value: Bytes) {
        self.shared_len += value.len();
        self.shared.push_back(Shared { at: self.bytes.len(), value, is_counted_elsewhere: false });
    }

    /// The same with a value that many share, and that is counted once for all of them.
    pub fn push_counted(&mut self, value: Bytes) {
        self.shared_len += value.len();
        self.counted_elsewhere += value.len();
        self.shared.push_back(Shared { at: self.bytes.len(), value, is_counted_elsewhere: true });
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
        (self.shared_len, self.counted_elsewhere) = (0, 0);
    }

    /// Moves everything of `other` behind what is here, leaving `other` empty with its capacity.
    pub fn append(&mut self, other: &mut Output) {
        let (base, sent) = (self.bytes.len(), other.sent);
        self.bytes.extend_from_slice(&other.bytes[sent..]);
        let moved = other.shared.drain(..).map(|shared| Shared { at: base + shared.at - sent, ..shared });
        self.shared.extend(moved);
        self.shared_len += other.shared_len;
        self.counted_elsewhere += other.counted_elsewhere;
        other.clear();
    }

    /// The first pieces to send, in order: at most `pieces.len()`. Returns how many were filled in.
    pub fn pieces<'a>(&'a self, pieces: &mut [std::io::IoSlice<'a>]) -> usize {
        let mut filled = 0;
        let mut from = self.sent;
        for Shared { at, value, .. } in &self.shared {
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
        while let Some(shared) = self.shared.front_mut() {
            let before = shared.at - self.sent;
            if count < before {
                break;
            }
            count -= before;
            self.sent = shared.at;
            let taken = count.min(shared.value.len());
            self.shared_len -= taken;
            if shared.is_counted_elsewhere {
                self.counted_elsewhere -= taken;
            }
            count -= taken;
            if taken < shared.value.len() {
                let _ = shared.value.split_to(taken);
                break;
            }
            self.shared.pop_front();
        }
        self.sent += count;
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.shared.iter_mut().for_each(|shared| shared.at -= self.sent);
            self.sent = 0;
        }
    }
}

impl Shared {
    fn counted_elsewhere(&self) -> usize {
        if self.is_counted_elsewhere { self.value.len() } else { 0 }
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
            output.push_counted(Bytes::from_static(b"H"));
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
                let counted_elsewhere = usize::from(first + second < 8);
                assert_eq!(output.held_len(), output.len() - counted_elsewhere);
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
