//! Layouts against a plain array of registers, estimates against what was added, and bytes that are no sketch.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

const SPARSE_MAX: usize = 3000;

fn registers_of(bytes: &[u8]) -> Vec<u8> {
    let mut union = Union::default();
    union.merge(bytes).unwrap();
    union.registers().to_vec()
}

fn pattern() -> impl Strategy<Value = Pattern> {
    // Near ones, so that runs are split and merged.
    let index = prop_oneof![0..REGISTERS, 0..40usize, REGISTERS - 40..REGISTERS];
    (index, prop_oneof![9 => 1..5u8, 2 => 1..=32u8, 1 => 1..=51u8])
        .prop_map(|(index, rank)| Pattern { index, rank })
}

proptest! {
    #[test]
    fn both_layouts_hold_what_is_raised(patterns in vec(pattern(), 0..400), limit in prop_oneof![Just(SPARSE_MAX), 20..200usize]) {
        let mut sketch = empty();
        let mut dense = sparse::to_dense(&sketch).unwrap();
        let mut model = vec![0; REGISTERS];
        for pattern in patterns {
            let raised = model[pattern.index] < pattern.rank;
            model[pattern.index] = model[pattern.index].max(pattern.rank);
            prop_assert_eq!(raise(&mut sketch, pattern, limit), Ok(raised));
            prop_assert_eq!(raise(&mut dense, pattern, limit), Ok(raised));
            prop_assert_eq!(dense::register(&dense, pattern.index), model[pattern.index]);
            prop_assert!(sketch.len() <= limit || sketch.len() == DENSE_BYTES);
        }
        prop_assert_eq!(&registers_of(&sketch), &model);
        prop_assert_eq!(&registers_of(&dense), &model);
        prop_assert_eq!(count(&sketch), count(&dense));
        let mut union = Union::default();
        union.merge(&sketch).unwrap();
        prop_assert_eq!(Ok(union.count()), count(&dense));
        union.merge(&dense).unwrap();
        let mut written = empty();
        union.write_to(&mut written, limit).unwrap();
        prop_assert_eq!(&registers_of(&written), &model);
        prop_assert_eq!(cached(&written), None);
    }

    #[test]
    fn no_bytes_are_too_strange(header_is_right: bool, mut bytes in vec(any::<u8>(), 0..300), patterns in vec(pattern(), 0..20)) {
        if header_is_right && bytes.len() >= HEADER_BYTES {
            bytes[..5].copy_from_slice(b"HYLL\x01");
        }
        let _ = count(&bytes);
        let _ = cached(&bytes);
        let _ = Union::default().merge(&bytes);
        if Layout::of(&bytes) == Ok(Layout::Sparse) {
            let _ = sparse::describe(&bytes);
            let _ = sparse::to_dense(&bytes);
            for pattern in patterns {
                let _ = raise(&mut bytes, pattern, SPARSE_MAX);
            }
        }
    }
}

#[test]
fn what_is_no_sketch() {
    let dense = sparse::to_dense(&empty()).unwrap();
    for (bytes, layout) in [
        (&b""[..], Err(Fault::Foreign)),
        (b"HYLL\x01", Err(Fault::Foreign)),
        (b"hyll\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", Err(Fault::Foreign)),
        (b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", Err(Fault::Foreign)),
        (b"HYLL\x00\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", Err(Fault::Foreign)),
        (b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", Ok(Layout::Sparse)),
        (&dense, Ok(Layout::Dense)),
        (&dense[1..], Err(Fault::Foreign)),
    ] {
        assert_eq!(Layout::of(bytes), layout, "{bytes:?}");
    }
    for broken in [&b"\x7f\xfe"[..], b"\x7f", b"\x7f\xff\x00", b""] {
        let bytes = [&empty()[..HEADER_BYTES], broken].concat();
        assert_eq!(count(&bytes), Err(Fault::Corrupted), "{broken:?}");
        assert_eq!(sparse::to_dense(&bytes), Err(Fault::Corrupted), "{broken:?}");
        assert_eq!(Union::default().merge(&bytes), Err(Fault::Corrupted), "{broken:?}");
    }
}

/// Registers of 52 and more, which no element gives.
#[test]
fn impossible_registers_are_counted_somehow() {
    let mut dense = sparse::to_dense(&empty()).unwrap();
    dense[HEADER_BYTES..].fill(0xff);
    assert_eq!(count(&dense), Ok(1 << 63));
}

/// The relative error of a sketch whenever ten times as much was added, up to `size`.
fn errors(sketch: u64, size: u64) -> Vec<f64> {
    let (mut bytes, mut checkpoint, mut errors) = (empty(), 10, Vec::new());
    for number in 0..size {
        raise(&mut bytes, Pattern::of(&(sketch << 40 | number).to_le_bytes()), SPARSE_MAX).unwrap();
        if number + 1 == checkpoint {
            errors.push(count(&bytes).unwrap() as f64 / checkpoint as f64 - 1.0);
            checkpoint *= 10;
        }
    }
    errors
}

const STANDARD_ERROR: f64 = 0.0081;

/// 10^7 elements in a hundred sketches: the error of so many samples is known to within a tenth or so.
#[test]
fn the_standard_error_is_what_is_promised() {
    const SKETCHES: u64 = 100;
    let all: Vec<Vec<f64>> = (0..SKETCHES).map(|sketch| errors(sketch, 100_000)).collect();
    for size in 0..5 {
        let squares: f64 = all.iter().map(|errors| errors[size] * errors[size]).sum();
        let error = (squares / SKETCHES as f64).sqrt();
        println!("10^{}: {:.4} %", size + 1, error * 100.0);
        assert!(error < 1.2 * STANDARD_ERROR, "{error} at 10^{}", size + 1);
    }
}

#[test]
fn ten_million_elements_in_one_sketch() {
    for error in errors(1 << 20, 10_000_000) {
        assert!(error.abs() < 4.0 * STANDARD_ERROR, "{error}");
    }
}
