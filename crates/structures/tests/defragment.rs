//! Tables under the server's allocator: moving leaves together keeps everything, and empties pages.

use dunlin_structures::entry::StringValue;
use dunlin_structures::{Entry, Table, alloc, hash_key};

#[global_allocator]
static ALLOCATOR: alloc::Jemalloc = alloc::Jemalloc;

#[test]
fn leaves_that_are_left_behind_move_together() {
    // One table in fifteen stays at a size that all had.
    let mut tables: Vec<Table<Entry>> = (0..6_000).map(|_| Table::new()).collect();
    let key = |table: usize, number: usize| format!("{table}:{number}").into_bytes();
    let mut fill = |from: usize, to: usize, chosen: fn(usize) -> bool| {
        for (index, table) in tables.iter_mut().enumerate().filter(|(index, _)| chosen(*index)) {
            for number in from..to {
                let key = key(index, number);
                table.insert_new(hash_key(&key), Entry::string(&key, StringValue::Int(number as i64), None));
            }
        }
    };
    fill(0, 40, |_| true);
    fill(40, 80, |index| index % 15 != 0);

    let before = alloc::stats().active;
    let moved: usize = (0..3).map(|_| tables.iter_mut().map(Table::defragment).sum::<usize>()).sum();
    let after = alloc::stats().active;
    assert!(moved > 100, "{moved} leaves moved");
    assert!(after + 100_000 < before, "{before} bytes in active pages, then {after}");

    for (index, table) in tables.iter().enumerate() {
        table.check_invariants();
        let len = if index % 15 == 0 { 40 } else { 80 };
        assert_eq!(table.len(), len);
        for number in 0..len {
            let key = key(index, number);
            assert!(table.get(hash_key(&key), &key).is_some());
        }
    }
}

#[test]
fn a_table_with_a_directory_keeps_its_elements() {
    let mut table = Table::new();
    for number in 0..50_000_u32 {
        let key = number.to_be_bytes();
        table.insert_new(hash_key(&key), Entry::string(&key, StringValue::Int(1), None));
        if number % 5_000 == 0 {
            table.defragment();
        }
    }
    for number in (0..50_000_u32).filter(|number| number % 8 != 0) {
        let key = number.to_be_bytes();
        table.remove(hash_key(&key), &key).expect("there");
        if number % 5_001 == 0 {
            table.defragment();
            table.check_invariants();
        }
    }
    table.defragment();
    table.check_invariants();
    assert_eq!(table.len(), 50_000 / 8);
}
