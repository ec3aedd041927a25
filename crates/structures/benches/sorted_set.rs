//! What a large sorted set costs: nanoseconds an operation and the longest one, while it grows to a million members of 16
//! bytes, is asked, and shrinks; and bytes a member. `cargo bench -p dunlin-structures --bench sorted_set`.

use std::time::Instant;

use dunlin_structures::alloc::{Jemalloc, thread_bytes};
use dunlin_structures::entry::Payload;
use dunlin_structures::zset::{Bound, ScoreRange, SortedSet, Zset};

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const MEMBERS: u64 = 1_000_000;

/// Numbers that look random and are the same in every run.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 27
}

fn member(number: u64) -> String {
    format!("member:{:09}", number % MEMBERS)
}

/// Runs `operation` a million times and prints its mean and its longest time.
fn measure(name: &str, mut operation: impl FnMut(u64)) {
    let mut longest = 0;
    let begin = Instant::now();
    for number in 0..MEMBERS {
        let start = Instant::now();
        operation(number);
        longest = longest.max(start.elapsed().as_nanos());
    }
    let mean = begin.elapsed().as_nanos() / u128::from(MEMBERS);
    println!("{name:<44} {mean:>6} ns, longest {:>6} us", longest / 1000);
}

fn main() {
    for order in ["random", "rising", "falling", "equal"] {
        let before = thread_bytes().balance();
        let mut set = SortedSet::new();
        measure(&format!("add, {order} scores"), |number| {
            let score = match order {
                "random" => (mixed(number) % MEMBERS) as f64,
                "rising" => number as f64,
                "falling" => -(number as f64),
                _ => 1.0,
            };
            set.update(member(number).as_bytes(), |_| Some(score));
        });
        let bytes = (thread_bytes().balance() - before) as f64;
        println!("{:<44} {:>6.1} allocated, {:.1} counted", "  bytes a member", bytes / set.len() as f64, {
            set.memory_bytes() as f64 / set.len() as f64
        });
        if order != "random" {
            continue;
        }
        measure("score of", |number| {
            std::hint::black_box(set.score(member(mixed(number)).as_bytes()));
        });
        measure("rank of", |number| {
            std::hint::black_box(set.rank(member(mixed(number)).as_bytes()));
        });
        measure("increment by a little", |number| {
            set.update(member(mixed(number)).as_bytes(), |old| Some(old.unwrap_or_default() + 1.0));
        });
        measure("another score", |number| {
            set.update(member(mixed(number)).as_bytes(), |_| Some((mixed(number + 7) % MEMBERS) as f64));
        });
        measure("100 from a rank", |number| {
            let from = mixed(number) as usize % (set.len() - 100);
            std::hint::black_box(
                set.iter(from, 100, false).map(|(member, score)| member.len() as f64 + score).sum::<f64>(),
            );
        });
        measure("how many between two scores", |number| {
            let min = (mixed(number) % MEMBERS) as f64;
            let range = ScoreRange { min: Bound::Included(min), max: Bound::Included(min + 1000.0) };
            std::hint::black_box(Zset::Large(&set).ranks_of_scores(&range));
        });
        measure("remove", |number| {
            set.remove(member(mixed(number)).as_bytes());
        });
    }
}
