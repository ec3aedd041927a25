//! Finds a request's keys by its command's key specs.

use crate::command::spec::{Begin, Find, KeyFlags, KeySpec, key};
use crate::resp::Args;
use smallvec::SmallVec;

/// An argument that is a key, and what is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyArg {
    pub index: usize,
    pub flags: KeyFlags,
}

/// All keys of a request, or `None` where the specs and the arguments disagree.
pub fn find(specs: &[KeySpec], args: Args<'_>) -> Option<SmallVec<[KeyArg; 4]>> {
    let mut found = SmallVec::new();
    for spec in specs {
        if spec.flags.has(key::NOT_KEY) {
            continue;
        }
        let Some(first) = begin(spec, args) else { continue };
        let (first, last, step) = match spec.find {
            Find::Range { last, step, limit } => {
                let end = args.len().checked_sub(1)?;
                if last < 0 && first > end && !found.is_empty() {
                    // There are none of these (PFMERGE of a key alone); the others are keys all the same.
                    continue;
                }
                let last = match last {
                    0.. => first + last as usize,
                    _ if limit > 1 => first + (end.checked_sub(first)? + 1) / limit as usize - 1,
                    back => (end + 1).checked_sub(usize::from(back.unsigned_abs()))?,
                };
                (first, last, step)
            }
            Find::Counted { count, first: offset, step } => {
                let count = dunlin_structures::number::parse_i64(args.get(first + count as usize)?)?;
                let count = usize::try_from(count).ok().filter(|&count| count > 0)?;
                let first = first + offset as usize;
                (first, first.checked_add(count.checked_mul(step as usize)?)? - step as usize, step)
            }
            Find::Unknown => continue,
        };
        if last >= args.len() || last < first {
            return None;
        }
        let flags = spec.flags;
        found.extend((first..=last).step_by(step.max(1) as usize).map(|index| KeyArg { index, flags }));
    }
    Some(found)
}

fn begin(spec: &KeySpec, args: Args<'_>) -> Option<usize> {
    match spec.begin {
        Begin::Index(index) => Some(index as usize),
        Begin::IndexUnless { index, word, from, others } => {
            behind(args, word, from.into(), others).next().is_none().then_some(index.into())
        }
        Begin::Keyword(word, from) if from >= 0 => {
            (from as usize..args.len()).find(|&index| args.is(index, word)).map(|index| index + 1)
        }
        Begin::Keyword(word, from) => {
            let from = args.len().checked_sub(usize::from(from.unsigned_abs()))?;
            (1..=from).rev().find(|&index| args.is(index, word)).map(|index| index + 1)
        }
        Begin::Unknown => None,
        Begin::KeywordAmong { word, from, others, .. } => behind(args, word, from.into(), others).next(),
        Begin::Option { word, from, others, .. } => behind(args, word, from.into(), others).last(),
    }
}

/// Where the arguments of such options stand.
fn behind(args: Args<'_>, word: &str, from: usize, others: &[(&str, u16)]) -> impl Iterator<Item = usize> {
    let mut at = from;
    std::iter::from_fn(move || {
        while at < args.len() {
            if args.is(at, word) && at + 1 < args.len() {
                at += 2;
                return Some(at - 1);
            }
            let other = others.iter().find(|(other, _)| args.is(at, other));
            at += 1 + other.map_or(0, |(_, skipped)| usize::from(*skipped));
        }
        None
    })
}

/// What this request does to its key, where the spec says that it depends on the arguments.
pub fn actual_flags(command: &str, request: Args<'_>, flags: KeyFlags) -> KeyFlags {
    let is_any = |index: usize, words: &[&str]| words.iter().any(|word| request.is(index, word));
    match command {
        _ if !flags.has(key::VARIABLE_FLAGS) => flags,
        // What SET compares or returns, it reads.
        "set"
            if (3..request.len()).any(|index| is_any(index, &["GET", "IFEQ", "IFNE", "IFDEQ", "IFDNE"])) =>
        {
            key::RW.and(key::ACCESS).and(key::UPDATE)
        }
        "set" => key::OW.and(key::UPDATE),
        // What it compares it reads.
        "delex" if request.len() > 2 => flags.and(key::ACCESS),
        "bitfield" if only_reads(request) => key::RO.and(key::ACCESS),
        "bitfield" => key::RW.and(key::ACCESS).and(key::UPDATE),
        _ => flags,
    }
}

/// Whether a BITFIELD has GETs only. What is no right one counts as a write.
fn only_reads(request: Args<'_>) -> bool {
    let mut index = 2;
    while index < request.len() {
        index += match () {
            () if request.is(index, "GET") => 3,
            () if request.is(index, "OVERFLOW") => 2,
            () => return false,
        };
    }
    index == request.len()
}
