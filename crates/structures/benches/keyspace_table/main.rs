//! Compares three homes for the same entries: `dashmap`, `hashbrown` behind 64 mutexes, and Dunlin's table.
//!
//! `cargo bench -p dunlin-structures --bench keyspace_table -- [speed|memory|growth|walk]...` (all by default).
//! Under `valgrind --tool=callgrind`, `child lookups 1` and `child lookups 2` differ by a million look-ups without hashing.
//! Each figure of memory and growth comes from a process of its own. Times are CPU times of the thread that works.

mod report;
mod stores;
mod workload;

#[global_allocator]
static ALLOCATOR: dunlin_structures::alloc::Jemalloc = dunlin_structures::alloc::Jemalloc;

fn main() {
    // As the server does it: else the thread that inserts also gives memory back, milliseconds at a time.
    dunlin_structures::alloc::purge_in_background(1000);
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["child", "memory", store, count, value] => report::memory_child(store, count, value),
        ["child", "growth", store, count] => report::growth_child(store, count),
        ["child", "lookups", rounds] => report::lookups_child(rounds),
        [] => ["memory", "speed", "walk", "growth"].into_iter().for_each(report::section),
        sections => sections.iter().for_each(|section| report::section(section)),
    }
}
