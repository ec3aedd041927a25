//! The longest single insert while a collection grows, and what dropping it takes, in CPU time of the thread that does it.
//!
//! `cargo bench -p dunlin-structures --bench collections [-- COUNT]`: four million elements of 16 bytes, if nothing is said.
//!
//! Each collection is filled twice in one process. Both hash alike, so what an insert has to do comes at the same element in
//! both; what the machine did to one of them (time stolen, interrupts served) comes elsewhere in the other. The skip list of a
//! sorted set draws its levels, so that only its table repeats.

use std::collections::HashMap;

use dunlin_structures::alloc::{Jemalloc, purge, purge_in_background};
use dunlin_structures::entry::{Entry, Kind};
use dunlin_structures::fields::{self, FieldExpiry};
use dunlin_structures::list::{self, End};
use dunlin_structures::packed::{Item, Limits};
use dunlin_structures::set::{self, SetLimits};
use dunlin_structures::stream::{Stream, StreamId};
use dunlin_structures::zset;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Inserts below this are like all others.
const SLOW_NS: u64 = 20_000;
const LIMITS: Limits = Limits { entries: 128, bytes: 64 };

fn main() {
    // As the server does it: else the thread that inserts also gives memory back, milliseconds at a time.
    purge_in_background(1000);
    let count = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(4_000_000);
    let sets = SetLimits { ints: 512, packed: LIMITS };
    let lists = list::Limits { fill: -2, alone: list::Limits::ALONE_DEFAULT };
    let streams = Limits { entries: 100, bytes: 4096 };
    measure(
        count,
        "list, at its head",
        || list::empty(b"key"),
        |entry, number| {
            list::push(entry, End::Head, [&text(number)[..]].into_iter(), lists);
        },
    );
    measure(
        count,
        "hash",
        || fields::empty(b"key"),
        |entry, number| {
            fields::set(entry, &text(number), &text(number), FieldExpiry::Clear, LIMITS);
        },
    );
    measure(
        count,
        "set of strings",
        || set::make(b"key", Item::of(b"a"), 1, &sets),
        |entry, number| {
            set::add(entry, Item::of(&text(number)), &sets);
        },
    );
    measure(
        count,
        "set of integers",
        || set::make(b"key", Item::Int(1), 1, &sets),
        |entry, number| {
            set::add(entry, Item::Int(mixed(number) as i64 >> 20), &sets);
        },
    );
    measure(
        count,
        "sorted set",
        || zset::empty(b"key"),
        |entry, number| {
            zset::update(entry, LIMITS, &text(number), |_| Some((mixed(number) >> 20) as f64));
        },
    );
    let make_stream = || Entry::boxed(b"key", Kind::Stream, Box::new(Stream::default()), None);
    measure(count, "stream", make_stream, |entry, number| {
        let stream = entry.payload_as_mut::<Stream>().expect("a stream was made");
        let pair = [&b"field"[..], &text(number)];
        stream.append(StreamId { ms: number + 1, seq: 0 }, pair.into_iter(), streams);
    });
}

fn measure(count: u64, name: &str, make: impl Fn() -> Entry, insert: impl Fn(&mut Entry, u64)) {
    let (first, mean_ns, drop_ms) = fill(count, &make, &insert);
    purge();
    let (second, ..) = fill(count, &make, &insert);
    purge();
    let both: Vec<u64> = first.iter().filter_map(|(number, ns)| Some(*ns.min(second.get(number)?))).collect();
    let longest_us = |slow: &mut dyn Iterator<Item = u64>| slow.max().unwrap_or(0) / 1000;
    println!(
        "{name:<18} longest {:>5} and {:>5} us, in both {:>4} us; mean {mean_ns:>4} ns; dropped in {drop_ms} ms",
        longest_us(&mut first.values().copied()),
        longest_us(&mut second.values().copied()),
        longest_us(&mut both.into_iter()),
    );
}

/// The inserts that took long, by their number; the mean of all in ns, and ms for dropping the collection.
fn fill(
    count: u64,
    make: impl Fn() -> Entry,
    insert: impl Fn(&mut Entry, u64),
) -> (HashMap<u64, u64>, u64, u64) {
    let (mut entry, mut slow) = (make(), HashMap::new());
    let begin = cpu_ns();
    let mut before = begin;
    for number in 0..count {
        insert(&mut entry, number);
        let now = cpu_ns();
        if now - before > SLOW_NS {
            slow.insert(number, now - before);
        }
        before = now;
    }
    drop(entry);
    (slow, (before - begin) / count, (cpu_ns() - before) / 1_000_000)
}

fn text(number: u64) -> [u8; 16] {
    let mut text = *b"itm:000000000000";
    let mut rest = number;
    for digit in text[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    text
}

/// Numbers that look random and are the same in every run.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 27
}

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
