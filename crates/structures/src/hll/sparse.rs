//! Registers as runs of equal ones, a byte or two each:
//!
//! ```text
//! 00xxxxxx             x + 1 zeros
//! 01xxxxxx yyyyyyyy    xy + 1 zeros
//! 1vvvvvxx             x + 1 registers of v + 1
//! ```
//!
//! What a sketch looks like after a change depends on how it looked before, and on where runs are merged. Both follow
//! Redis: an equal history gives equal bytes.

use super::skip::{self, BLOCK};
use super::{Fault, HEADER_BYTES, Histogram, Pattern, REGISTERS, dense, invalidate};

const SHORT_ZEROS_MAX: usize = 64;
const VALUES_MAX: usize = 4;
/// The highest value that a run can have.
const VALUE_MAX: u8 = 32;
/// Runs that are looked at after a change, to merge them.
const MERGED_AT_ONCE: usize = 5;

/// Equal registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// 0 for zeros.
    pub value: u8,
    pub length: usize,
    /// Bytes that it takes.
    bytes: usize,
}

impl Run {
    /// Whether it is a run of zeros of the longer form.
    pub fn is_wide(self) -> bool {
        self.bytes == 2
    }

    /// The run that begins at `at`.
    #[inline]
    fn at(runs: &[u8], at: usize) -> Result<Self, Fault> {
        let first = *runs.get(at).ok_or(Fault::Corrupted)?;
        let low = usize::from(first & 0x3f);
        Ok(match first >> 6 {
            0 => Self { value: 0, length: low + 1, bytes: 1 },
            1 => {
                let second = *runs.get(at + 1).ok_or(Fault::Corrupted)?;
                Self { value: 0, length: (low << 8 | usize::from(second)) + 1, bytes: 2 }
            }
            _ => Self { value: (first >> 2 & 0x1f) + 1, length: usize::from(first & 0b11) + 1, bytes: 1 },
        })
    }
}

/// The runs of a sparse sketch, without its header. Nothing follows a fault.
pub fn runs(runs: &[u8]) -> impl Iterator<Item = Result<Run, Fault>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let run = (at < runs.len()).then(|| Run::at(runs, at));
        at = match run {
            Some(Ok(run)) => at + run.bytes,
            _ => runs.len(),
        };
        run
    })
}

/// The runs of a whole sparse sketch in the words of PFDEBUG DECODE.
pub fn describe(bytes: &[u8]) -> Result<String, Fault> {
    let words = runs(bytes.get(HEADER_BYTES..).unwrap_or_default()).map(|run| {
        run.map(|run| match run {
            Run { value: 0, bytes: 2, length } => format!("Z:{length}"),
            Run { value: 0, length, .. } => format!("z:{length}"),
            Run { value, length, .. } => format!("v:{value},{length}"),
        })
    });
    Ok(words.collect::<Result<Vec<_>, _>>()?.join(" "))
}

pub(super) fn histogram(bytes: &[u8]) -> Result<Histogram, Fault> {
    let (mut histogram, mut covered) = ([0; 64], 0);
    for run in runs(bytes) {
        let run = run?;
        covered += run.length;
        if covered > REGISTERS {
            return Err(Fault::Corrupted);
        }
        histogram[usize::from(run.value)] += run.length as u32;
    }
    if covered == REGISTERS { Ok(histogram) } else { Err(Fault::Corrupted) }
}

/// The same sketch with dense registers.
pub fn to_dense(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut dense = dense::empty_like(bytes);
    let mut from = 0;
    for run in runs(&bytes[HEADER_BYTES..]) {
        let run = run?;
        if from + run.length > REGISTERS {
            return Err(Fault::Corrupted);
        }
        if run.value > 0 {
            for index in from..from + run.length {
                dense::raise(&mut dense, Pattern { index, rank: run.value });
            }
        }
        from += run.length;
    }
    if from == REGISTERS { Ok(dense) } else { Err(Fault::Corrupted) }
}

/// Raises a register of a whole sparse sketch; says whether it was lower.
pub(super) fn raise(bytes: &mut Vec<u8>, pattern: Pattern, bytes_max: usize) -> Result<bool, Fault> {
    let Pattern { index, rank } = pattern;
    if rank > VALUE_MAX {
        return promote(bytes, pattern);
    }
    let Found { at, before, first, run } = find(bytes, index)?;
    if run.value >= rank {
        return Ok(false);
    }
    let mut pieces = Pieces::default();
    pieces.push(run.value, index - first);
    pieces.push(rank, 1);
    pieces.push(run.value, first + run.length - 1 - index);
    let pieces = pieces.get();
    if pieces.len() > run.bytes && bytes.len() + pieces.len() - run.bytes > bytes_max {
        return promote(bytes, pattern);
    }
    replace(bytes, at, run.bytes, pieces);
    merge_equal(bytes, before.unwrap_or(HEADER_BYTES));
    invalidate(bytes);
    Ok(true)
}

fn promote(bytes: &mut Vec<u8>, pattern: Pattern) -> Result<bool, Fault> {
    *bytes = to_dense(bytes)?;
    Ok(dense::raise(bytes, pattern))
}

/// The run that covers a register.
struct Found {
    at: usize,
    /// Where the run before it begins.
    before: Option<usize>,
    /// The first register that it covers.
    first: usize,
    run: Run,
}

#[inline]
fn find(bytes: &[u8], index: usize) -> Result<Found, Fault> {
    let (mut at, mut before, mut first) = (HEADER_BYTES, None, 0);
    let (mut begins, mut is_open) = (0, false);
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let runs = skip::runs(block, is_open);
        if first + runs.registers > index {
            break;
        }
        (begins, is_open) = (runs.begins, runs.is_open);
        first += runs.registers;
        at += BLOCK;
    }
    let last_block = at.saturating_sub(BLOCK);
    if is_open {
        // The run over the end of the last block may be the one.
        at -= 1;
        first -= skip::first_half(bytes[at]);
        begins &= !(1 << (BLOCK - 1));
    }
    if begins > 0 {
        before = Some(last_block + begins.ilog2() as usize);
    }
    loop {
        let run = Run::at(bytes, at)?;
        if index < first + run.length {
            return Ok(Found { at, before, first, run });
        }
        before = Some(at);
        first += run.length;
        at += run.bytes;
    }
}

/// What a run is split into: at most two runs of zeros of two bytes each, and a value between them.
#[derive(Default)]
struct Pieces {
    bytes: [u8; 5],
    length: usize,
}

impl Pieces {
    fn push(&mut self, value: u8, length: usize) {
        if length == 0 {
            return;
        }
        let (encoded, width) = encode(value, length);
        self.bytes[self.length..self.length + width].copy_from_slice(&encoded[..width]);
        self.length += width;
    }

    fn get(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A run's bytes, and how many they are.
fn encode(value: u8, length: usize) -> ([u8; 2], usize) {
    let less = length - 1;
    match value {
        0 if length <= SHORT_ZEROS_MAX => ([less as u8, 0], 1),
        0 => ([0x40 | (less >> 8) as u8, less as u8], 2),
        value => ([0x80 | (value - 1) << 2 | less as u8, 0], 1),
    }
}

pub(super) fn push_zeros(bytes: &mut Vec<u8>, length: usize) {
    let (encoded, width) = encode(0, length);
    bytes.extend_from_slice(&encoded[..width]);
}

fn replace(bytes: &mut Vec<u8>, at: usize, old: usize, new: &[u8]) {
    let end = bytes.len();
    if new.len() > old {
        bytes.resize(end + new.len() - old, 0);
    }
    if new.len() != old {
        bytes.copy_within(at + old..end, at + new.len());
        bytes.truncate(end + new.len() - old);
    }
    bytes[at..at + new.len()].copy_from_slice(new);
}

/// Merges neighbours of equal value, in a few runs from `at` on.
fn merge_equal(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..MERGED_AT_ONCE {
        let Ok(run) = Run::at(bytes, at) else { return };
        let next = Run::at(bytes, at + 1).ok().filter(|next| run.value > 0 && next.value == run.value);
        match next {
            Some(next) if run.length + next.length <= VALUES_MAX => {
                bytes.remove(at);
                bytes[at] = encode(run.value, run.length + next.length).0[0];
            }
            _ => at += run.bytes,
        }
    }
}
