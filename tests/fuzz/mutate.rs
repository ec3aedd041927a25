//! Spoils valid bytes: flips, cuts, splices, and numbers at the ends of their ranges.

use crate::random::Random;
use std::ops::Range;

/// Where counts, lengths and their arithmetic go wrong.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "-0",
    "00",
    "+1",
    "2",
    "7",
    "9",
    "10",
    "16",
    "63",
    "64",
    "127",
    "255",
    "256",
    "1023",
    "1024",
    "1025",
    "16384",
    "16385",
    "32767",
    "65535",
    "65536",
    "65537",
    "1048576",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "536870911",
    "536870912",
    "536870913",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
    "1e9",
    "0x10",
    "1.5",
    "nan",
    "inf",
    "",
];

/// The largest input; what is spoiled again and again would grow without end.
const LEN_MAX: usize = 128 * 1024;

/// Makes a new input from those that there are, with some of the decoder's own words.
pub(crate) fn mutant(random: &mut Random, corpus: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
    // The shorter of two: more of them can be tried, and they say as much.
    let (one, other) = (random.pick(corpus), random.pick(corpus));
    let mut bytes = if one.len() < other.len() { one.clone() } else { other.clone() };
    let times = if random.one_in(8) { 0 } else { 1 + random.below(6) };
    for _ in 0..times {
        mutate(random, &mut bytes, corpus, words);
    }
    bytes.truncate(LEN_MAX);
    bytes
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&[u8]]) {
    let at = random.below(bytes.len() + 1);
    match random.below(16) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.byte(),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(..at)),
        4 => drop(bytes.drain(random.range(bytes.len()))),
        5 => {
            let filling = vec![random.byte(); random.below(40)];
            insert(bytes, at, &filling);
        }
        6 => {
            let noise: Vec<u8> = (0..random.below(20)).map(|_| random.byte()).collect();
            insert(bytes, at, &noise);
        }
        // Something is there twice, perhaps many times.
        7 => {
            let piece = bytes[random.range(bytes.len())].to_vec();
            let times = if random.one_in(20) { 1000 } else { 1 };
            insert(bytes, at, &piece.repeat(times.min(LEN_MAX / (piece.len() + 1))));
        }
        // A piece of another input comes in, or replaces the rest.
        8 => {
            let other = random.pick(corpus);
            let piece = other[random.range(other.len())].to_vec();
            insert(bytes, at, &piece);
        }
        9 => {
            let other = random.pick(corpus);
            let from = random.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        10 => {
            let range = random.range(bytes.len());
            let other = random.pick(corpus);
            let piece = other[random.range(other.len())].to_vec();
            bytes.splice(range, piece);
        }
        11 => insert(bytes, at, words[random.below(words.len())]),
        12 => lines(random, bytes),
        13 if !words.is_empty() => replace_word(random, bytes, words),
        _ => replace_number(random, bytes),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}

/// Drops a line, says it again, or moves it.
fn lines(random: &mut Random, bytes: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let (one, other) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(3) {
        0 => drop(lines.remove(one)),
        1 => lines.insert(other, lines[one].clone()),
        _ => lines.swap(one, other),
    }
    *bytes = lines.concat();
}

/// Another word in the place of one of the bytes' own.
fn replace_word(random: &mut Random, bytes: &mut Vec<u8>, words: &[&[u8]]) {
    let runs = runs(bytes, u8::is_ascii_alphabetic);
    if !runs.is_empty() {
        let run = random.pick(&runs).clone();
        bytes.splice(run, random.pick(words).iter().copied());
    }
}

/// A number that stands somewhere becomes another one: its neighbour, one at the end of a range, or a random one.
fn replace_number(random: &mut Random, bytes: &mut Vec<u8>) {
    let runs = runs(bytes, u8::is_ascii_digit);
    if runs.is_empty() {
        return;
    }
    let run = random.pick(&runs).clone();
    let old = std::str::from_utf8(&bytes[run.clone()]).ok().and_then(|digits| digits.parse::<u64>().ok());
    let new = match (random.below(4), old) {
        (0, Some(old)) => old.wrapping_add(1).to_string(),
        (1, Some(old)) => old.wrapping_sub(1).to_string(),
        (2, _) => (random.next() >> random.below(64)).to_string(),
        _ => (*random.pick(NUMBERS)).to_owned(),
    };
    bytes.splice(run, new.into_bytes());
}

/// The runs of bytes of one kind.
fn runs(bytes: &[u8], is_one: impl Fn(&u8) -> bool) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes[at..].iter().position(|byte| !is_one(byte)).map_or(bytes.len(), |len| at + len);
        if end > at {
            runs.push(at..end);
        }
        at = end + 1;
    }
    runs
}
