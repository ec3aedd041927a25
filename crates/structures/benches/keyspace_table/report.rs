//! The measurements, each printed as a row of a table.

use std::collections::HashMap;
use std::hint::black_box;
use std::process::Command;

use dunlin_structures::entry::StringValue;
use dunlin_structures::{Entry, Table, hash_key};

use crate::stores::{Store, make};
use crate::workload::{Key, cpu_ns, key, random_keys, resident_bytes};

const STORES: [&str; 4] = ["dashmap", "hashbrown", "table", "one-table"];
const MILLION: u64 = 1_000_000;
const VALUE: [u8; 32] = [b'v'; 32];

pub(crate) fn section(name: &str) {
    match name {
        "speed" => speed(),
        "memory" => memory(),
        "growth" => growth(),
        "walk" => walk(),
        other => println!("no section is named {other}: speed, memory, growth, walk"),
    }
}

fn load(store: &dyn Store, count: u64) {
    (0..count).for_each(|number| store.set(&key(number), StringValue::Text(&VALUE)));
}

/// Runs this program again for one measurement, in a fresh process, and prints what it says.
fn in_child(arguments: &[&str]) {
    let program = std::env::current_exe().expect("the program has a path");
    let output =
        Command::new(program).arg("child").args(arguments).output().expect("the program starts again");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn memory() {
    println!("\nmemory: growth of resident bytes a key (16-byte keys)");
    for store in STORES {
        for (count, value) in [
            ("1000000", "32"),
            ("1300000", "32"),
            ("1600000", "32"),
            ("5000000", "32"),
            ("1000000", "int"),
            ("1300000", "int"),
            ("1600000", "int"),
            ("5000000", "int"),
        ] {
            in_child(&["memory", store, count, value]);
        }
    }
}

pub(crate) fn memory_child(store_name: &str, count: &str, value: &str) {
    let count: u64 = count.parse().expect("a number of keys");
    let before = resident_bytes();
    let store = make(store_name);
    for number in 0..count {
        let value = match value {
            "int" => StringValue::Int(number as i64 * 1000),
            _ => StringValue::Text(&VALUE),
        };
        store.set(&key(number), value);
    }
    let bytes = (resident_bytes() - before) as f64 / count as f64;
    let stats = dunlin_structures::alloc::stats();
    let [allocated, active] = [stats.allocated, stats.active].map(|bytes| bytes as f64 / count as f64);
    println!(
        "{store_name:10} {count:>8} keys, value {value:>3}: {bytes:6.1} bytes a key \
         (allocated {allocated:.1}, in active pages {active:.1})"
    );
    let begin = cpu_ns();
    let moved = store.defragment();
    if moved > 0 {
        let took_us = (cpu_ns() - begin) / 1000;
        dunlin_structures::alloc::purge();
        let bytes = (resident_bytes() - before) as f64 / count as f64;
        println!("{store_name:10} after moving {moved} leaves in {took_us} us: {bytes:6.1} bytes a key");
    }
    std::mem::forget(store);
}

fn growth() {
    println!("\ngrowth: longest single insert on the way to 20 million keys, CPU time");
    for store in STORES {
        in_child(&["growth", store, "20000000"]);
    }
}

/// Fills two stores one after the other. Both hash alike, so what an insert has to do comes at the same key in both;
/// what the machine did to one of them (time stolen, interrupts served) comes elsewhere in the other.
pub(crate) fn growth_child(store_name: &str, count: &str) {
    let count: u64 = count.parse().expect("a number of keys");
    let (first, mean) = slow_inserts(store_name, count);
    dunlin_structures::alloc::purge();
    let (second, _) = slow_inserts(store_name, count);
    let both =
        first.iter().filter_map(|(number, ns)| Some((*number, *ns.min(second.get(number)?)))).collect();
    println!("{store_name:10} {}; mean {mean} ns", longest(&first));
    println!("{:10} again: {}", "", longest(&second));
    println!("{:10} in both: {}", "", longest(&both));
}

/// Fills a store. The inserts that took longer than most splits do, by the number of their key, and the mean; in ns.
fn slow_inserts(store_name: &str, count: u64) -> (HashMap<u64, u64>, u64) {
    const SLOW_NS: u64 = 20_000;
    let store = make(store_name);
    let mut slow = HashMap::new();
    let begin = cpu_ns();
    let mut before = begin;
    for number in 0..count {
        store.set(&key(number), StringValue::Text(&VALUE));
        let now = cpu_ns();
        if now - before > SLOW_NS {
            slow.insert(number, now - before);
        }
        before = now;
    }
    (slow, (cpu_ns() - begin) / count)
}

fn longest(slow: &HashMap<u64, u64>) -> String {
    let mut longest: Vec<(u64, u64)> = slow.iter().map(|(number, ns)| (*ns, *number)).collect();
    longest.sort_unstable_by(|one, other| other.cmp(one));
    let over =
        [100_000, 300_000, 1_000_000].map(|limit| longest.iter().filter(|(ns, _)| *ns > limit).count());
    let list = longest.iter().take(4).map(|(ns, at)| format!("{} us at {at}", ns / 1000)).collect::<Vec<_>>();
    format!("longest {}; over 0.1/0.3/1 ms: {over:?}", list.join(", "))
}

fn speed() {
    println!(
        "\nspeed: ns of CPU an operation and thread, a million keys at random, best of 5 (threads x batch)"
    );
    for name in STORES {
        let store = make(name);
        load(&*store, MILLION);
        for threads in [1, 2] {
            for batch in [0, 16, 64] {
                if batch > 0 && !name.contains("table") {
                    continue;
                }
                let get = best(&*store, threads, |store, keys| get_all(store, keys, batch));
                let set = best(&*store, threads, |store, keys| set_all(store, keys, batch));
                println!("{name:10} {threads} x {batch:2}: get {get:5.0}, set {set:5.0}");
            }
        }
    }
}

fn get_all(store: &dyn Store, keys: &[Key], batch: usize) {
    let mut found = 0;
    if batch == 0 {
        found += keys.iter().filter(|key| store.get(key).is_some()).count();
    } else {
        for keys in keys.chunks(batch) {
            store.prefetch(keys);
            found += keys.iter().filter(|key| store.get(key).is_some()).count();
        }
    }
    assert_eq!(found, keys.len());
}

fn set_all(store: &dyn Store, keys: &[Key], batch: usize) {
    for keys in keys.chunks(batch.max(1)) {
        if batch > 0 {
            store.prefetch(keys);
        }
        keys.iter().for_each(|key| store.set(key, StringValue::Text(&VALUE)));
    }
}

/// The least CPU time an operation took, over five rounds of the slower thread.
fn best(store: &dyn Store, threads: u64, work: impl Fn(&dyn Store, &[Key]) + Sync) -> f64 {
    const CHOICES: usize = 1_000_000;
    let keys: Vec<Vec<Key>> = (0..threads).map(|seed| random_keys(MILLION, CHOICES, seed * 77 + 5)).collect();
    let round = || {
        std::thread::scope(|scope| {
            let work = &work;
            let run = |keys: &'_ Vec<Key>| {
                let begin = cpu_ns();
                work(store, keys);
                cpu_ns() - begin
            };
            let running: Vec<_> = keys.iter().map(|keys| scope.spawn(move || run(keys))).collect();
            running.into_iter().map(|thread| thread.join().expect("no panic")).max().unwrap_or(0)
        })
    };
    (0..5).map(|_| round()).min().unwrap_or(0) as f64 / CHOICES as f64
}

fn walk() {
    println!(
        "\nwalk: a million keys; ns of CPU an element of a whole scan, a sample, one slot counted and listed"
    );
    for name in STORES {
        let store = make(name);
        load(&*store, MILLION);
        let timed = |work: &dyn Fn() -> usize| {
            let begin = cpu_ns();
            black_box(work());
            (cpu_ns() - begin) as f64
        };
        let scan = timed(&|| store.walk()) / MILLION as f64;
        let samples = MILLION / 2;
        let sample = timed(&|| {
            let random = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
            (0..samples).filter_map(|number| store.sample(random(number))).sum()
        }) / samples as f64;
        let sample = if store.sample(1).is_some() { format!("{sample:.0}") } else { "none".to_owned() };
        let slots = if name == "table" { 2_000 } else { 5 };
        let list = timed(&|| (0..slots).map(|slot| store.list_slot(slot * 7)).sum()) / slots as f64;
        println!("{name:10} scan {scan:5.1}, sample {sample}, slot {list:.0}");
    }
}

/// So many rounds of a million look-ups in one table with their hashes at hand: for counting instructions from outside.
pub(crate) fn lookups_child(rounds: &str) {
    let rounds: u64 = rounds.parse().expect("a number of rounds");
    let mut table = Table::new();
    let keys: Vec<(u64, Key)> = (0..1000).map(key).map(|key| (hash_key(&key), key)).collect();
    for (hash, key) in &keys {
        table.insert_new(*hash, Entry::string(key, StringValue::Text(&VALUE), None));
    }
    let mut found = 0;
    for _ in 0..rounds * 1000 {
        found += keys.iter().filter(|(hash, key)| table.get(*hash, black_box(key)).is_some()).count();
    }
    println!("{found} found");
}
