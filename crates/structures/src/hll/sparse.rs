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

use std::ops::Range;

use super::skip::{self, BLOCK};
use super::{Fault, HEADER_BYTES, Histogram, Pattern, REGISTERS, dense, invalidate};

const SHORT_ZEROS_MAX: usize = 64;
const VALUES_MAX: usize = 4;
/// The highest value that a run can have.
const VALUE_MAX: u8 = 32;
/// Runs that are looked at after a change, to merge them.
const MERGED_AT_ONCE: usize = 5;
/// Bytes that those runs can take, with one that the last of them may be merged with.
const MERGED_BYTES_MAX: usize = MERGED_AT_ONCE * 2 + 1;
/// What a change may touch: the run before it, what a run is split into (two of two bytes each, and one between them),
/// and what is merged.
const WINDOW_BYTES: usize = 2 + 5 + MERGED_BYTES_MAX;
/// Runs are copied this many bytes at a time, whatever they take: with a length known beforehand no call is needed.
const STRIDE: usize = 16;

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

/// What raising a register does to a sparse sketch.
#[derive(Debug, PartialEq, Eq)]
pub enum Raise {
    /// It is as high already.
    Nothing,
    /// Other runs take the place of some.
    Edit(Edit),
    /// It must become dense first: the value is too high for a run, or the runs would get too long.
    Promote,
}

/// Bytes to put in the place of others, the header counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Edit {
    pub range: Range<usize>,
    runs: Window,
}

impl Edit {
    pub fn bytes(&self) -> &[u8] {
        self.runs.get()
    }
}

/// Says how to raise a register of a whole sparse sketch that may get `bytes_max` long, so that it can be done where the
/// sketch is. O(bytes before the register), 16 at a time.
// Always: a plan that is copied to its caller is read while it is still being written.
#[inline(always)]
pub fn plan(bytes: &[u8], pattern: Pattern, bytes_max: usize) -> Result<Raise, Fault> {
    let Pattern { index, rank } = pattern;
    if rank > VALUE_MAX {
        return Ok(Raise::Promote);
    }
    let Found { at, before, first, run } = find(bytes, index)?;
    if run.value >= rank {
        return Ok(Raise::Nothing);
    }
    let from = before.unwrap_or(HEADER_BYTES);
    let mut runs = Window::default();
    runs.push_all(bytes, from..at);
    let kept = runs.length;
    runs.push_run(run.value, index - first);
    runs.push_run(rank, 1);
    runs.push_run(run.value, first + run.length - 1 - index);
    let pieces = runs.length - kept;
    if pieces > run.bytes && bytes.len() + pieces - run.bytes > bytes_max {
        return Ok(Raise::Promote);
    }
    let behind = at + run.bytes;
    let to = bytes.len().min(behind + MERGED_BYTES_MAX);
    runs.push_all(bytes, behind..to);
    runs.merge_equal();
    Ok(Raise::Edit(Edit { range: from..to, runs }))
}

/// Raises a register of a whole sparse sketch; says whether it was lower.
pub(super) fn raise(bytes: &mut Vec<u8>, pattern: Pattern, bytes_max: usize) -> Result<bool, Fault> {
    match plan(bytes, pattern, bytes_max)? {
        Raise::Nothing => Ok(false),
        Raise::Edit(edit) => {
            bytes.splice(edit.range.clone(), edit.bytes().iter().copied());
            invalidate(bytes);
            Ok(true)
        }
        Raise::Promote => {
            *bytes = to_dense(bytes)?;
            Ok(dense::raise(bytes, pattern))
        }
    }
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
    let (mut at, mut first) = (HEADER_BYTES, 0);
    // The runs that begin in the last block, and whether one of them goes on behind it.
    let (mut begins, mut is_open) = (0, false);
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let runs = skip::runs(block, is_open);
        if first + runs.registers > index {
            let (byte, registers) = skip::spot(block, is_open, (index - first) as u16);
            // From where the last block begins, if there is one.
            let all_begins = u64::from(begins) | u64::from(runs.begins) << BLOCK;
            let is_second = runs.begins >> byte & 1 == 0;
            let place = BLOCK + byte - usize::from(is_second);
            let found_at = at + place - BLOCK;
            let half = if is_second { skip::first_half(bytes[found_at]) } else { 0 };
            let begin_before = all_begins & ((1 << place) - 1);
            return Ok(Found {
                at: found_at,
                before: (begin_before > 0).then(|| at + begin_before.ilog2() as usize - BLOCK),
                first: first + registers - half,
                run: Run::at(bytes, found_at)?,
            });
        }
        (begins, is_open) = (runs.begins, runs.is_open);
        first += runs.registers;
        at += BLOCK;
    }
    find_from(bytes, index, (at, first), (begins, is_open))
}

/// Looks run by run, behind the last whole block.
fn find_from(
    bytes: &[u8],
    index: usize,
    (mut at, mut first): (usize, usize),
    (mut begins, is_open): (u32, bool),
) -> Result<Found, Fault> {
    let last_block = at.saturating_sub(BLOCK);
    if is_open {
        // The run over the end of the last block may be the one.
        at -= 1;
        first -= skip::first_half(bytes[at]);
        begins &= !(1 << (BLOCK - 1));
    }
    let mut before = (begins > 0).then(|| last_block + begins.ilog2() as usize);
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

/// A few runs: those that a change may touch.
#[derive(Debug)]
struct Window {
    /// With room for what is copied behind the last run.
    bytes: [u8; WINDOW_BYTES + STRIDE],
    length: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { bytes: [0; WINDOW_BYTES + STRIDE], length: 0 }
    }
}

impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Window {}

impl Window {
    #[inline(always)]
    fn push_run(&mut self, value: u8, length: usize) {
        if length > 0 {
            let (encoded, width) = encode(value, length);
            self.bytes[self.length..self.length + 2].copy_from_slice(&encoded);
            self.length += width;
        }
    }

    /// Adds runs of a sketch, [`STRIDE`] bytes at most.
    #[inline(always)]
    fn push_all(&mut self, sketch: &[u8], runs: Range<usize>) {
        let (to, length) = (self.length, runs.len());
        match sketch.get(runs.start..runs.start + STRIDE) {
            Some(stride) => self.bytes[to..to + STRIDE].copy_from_slice(stride),
            None => self.bytes[to..to + length].copy_from_slice(&sketch[runs]),
        }
        self.length += length;
    }

    fn get(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Merges neighbours of equal value, in the first few runs.
    fn merge_equal(&mut self) {
        const IS_VALUE: u8 = 0x80;
        const LENGTH: u8 = 0b11;
        // Hardly ever are two neighbours equal, even if second halves of runs are taken for runs.
        let may_merge = |index: usize| {
            let (first, next) = (self.bytes[index], self.bytes[index + 1]);
            (first & IS_VALUE != 0) & ((first ^ next) & !LENGTH == 0)
        };
        if !(0..MERGED_BYTES_MAX).fold(false, |any, index| any | may_merge(index)) {
            return;
        }
        let mut at = 0;
        for _ in 0..MERGED_AT_ONCE {
            let [first, next] = match self.get().get(at..) {
                Some([first, next, ..]) => [*first, *next],
                _ => return,
            };
            let lengths = (first & LENGTH) + (next & LENGTH) + 2;
            if first & IS_VALUE == 0 {
                at += 1 + usize::from(first >> 6 & 1);
            } else if (first ^ next) & !LENGTH == 0 && usize::from(lengths) <= VALUES_MAX {
                self.bytes.copy_within(at + 1..self.length, at);
                self.length -= 1;
                self.bytes[at] = first & !LENGTH | (lengths - 1);
            } else {
                at += 1;
            }
        }
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
