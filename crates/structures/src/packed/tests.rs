use proptest::prelude::*;

use super::{Encoded, Item, Packed, PackedMut};
use crate::entry::{Encoding, Entry, Kind};

fn encoded(text: &[u8]) -> Vec<u8> {
    Encoded::of(text).parts().concat()
}

#[test]
fn elements_have_the_bytes_of_listpacks() {
    assert_eq!(encoded(b"0"), [0x00, 1]);
    assert_eq!(encoded(b"127"), [0x7f, 1]);
    assert_eq!(encoded(b"128"), [0xc0, 0x80, 2]);
    assert_eq!(encoded(b"-1"), [0xdf, 0xff, 2]);
    assert_eq!(encoded(b"-4096"), [0xd0, 0x00, 2]);
    assert_eq!(encoded(b"4096"), [0xf1, 0x00, 0x10, 3]);
    assert_eq!(encoded(b"-32769"), [0xf2, 0xff, 0x7f, 0xff, 4]);
    assert_eq!(encoded(b"8388608"), [0xf3, 0x00, 0x00, 0x80, 0x00, 5]);
    assert_eq!(encoded(b"-9223372036854775808"), [0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80, 9]);
    assert_eq!(encoded(b""), [0x80, 1]);
    assert_eq!(encoded(b"abc"), [0x83, b'a', b'b', b'c', 4]);
    assert_eq!(encoded(b"007"), [0x83, b'0', b'0', b'7', 4]);
    assert_eq!(encoded(b"-0"), [0x82, b'-', b'0', 3]);
    let long = encoded(&[b'x'; 200]);
    assert_eq!((&long[..2], &long[202..]), (&[0xe0, 200][..], &[1, 0x80 | 74][..]));
    let longer = encoded(&[b'x'; 5000]);
    assert_eq!((&longer[..5], &longer[5005..]), (&[0xf0, 0x88, 0x13, 0, 0][..], &[39, 0x80 | 13][..]));
}

#[test]
fn lengths_round_the_bounds_of_backward_lengths_are_read_in_both_directions() {
    for len in [
        0, 62, 63, 64, 125, 126, 127, 128, 4095, 4096, 16_376, 16_377, 16_378, 16_379, 16_400, 2_097_145,
        2_097_150,
    ] {
        let mut block = Vec::new();
        block.push_text(b"first");
        block.push_text(&vec![b'y'; len]);
        let view = Packed::new(&block);
        let last = view.items().next_back().expect("two elements");
        assert_eq!(last.text_len(), len);
        assert_eq!(view.items().nth(1), Some(last));
        assert_eq!(Packed::check(&block), Some(2));
    }
}

trait PushText {
    fn push_text(&mut self, text: &[u8]);
}

impl PushText for Vec<u8> {
    fn push_text(&mut self, text: &[u8]) {
        PackedMut::push(self, text);
    }
}

#[test]
fn damaged_blocks_are_refused() {
    let mut block = Vec::new();
    block.push_text(b"hello");
    block.push_text(b"1234567");
    for cut in 1..block.len() {
        if cut != encoded(b"hello").len() {
            assert_eq!(Packed::check(&block[..cut]), None, "cut at {cut}");
        }
    }
    assert_eq!(Packed::check(&[0xff]), None);
    assert_eq!(Packed::check(&[0x81, b'7', 2]), None, "an integer as text");
    assert_eq!(Packed::check(&[0xf1, 1, 0, 3]), None, "an integer that is too wide");
    assert_eq!(Packed::check(&[0xf0, 0xff, 0xff, 0xff, 0xff]), None, "a length that is only claimed");
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        (-5000_i64..5000).prop_map(|number| number.to_string().into_bytes()),
        "[0-9-]{0,21}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(any::<u8>(), 0..300),
        // Names that differ little, anywhere, round the lengths at which they are compared in another way.
        "[ab]{1,3}n{0,16}[ab]{0,3}n{0,3}[ab]".prop_map(String::into_bytes),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Insert(prop::sample::Index, Vec<u8>),
    Replace(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, prop::sample::Index),
    Pair(prop::sample::Index, Vec<u8>, Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<prop::sample::Index>(), text()).prop_map(|(at, text)| Step::Insert(at, text)),
        2 => (any::<prop::sample::Index>(), text()).prop_map(|(at, text)| Step::Replace(at, text)),
        1 => (any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(from, to)| Step::Remove(from, to)),
        2 => (any::<prop::sample::Index>(), text(), text()).prop_map(|(at, one, two)| Step::Pair(at, one, two)),
    ]
}

/// Where the element at `index` begins; the end of the block behind the last.
fn offset(block: Packed<'_>, index: usize) -> usize {
    block.get(index).map_or(block.bytes().len(), |spot| spot.start)
}

fn apply(step: &Step, model: &mut Vec<Vec<u8>>, holder: &mut impl PackedMut) {
    match step {
        Step::Insert(at, text) => {
            let index = at.index(model.len() + 1);
            holder.insert(offset(holder.block(), index), text);
            model.insert(index, text.clone());
        }
        Step::Pair(at, one, two) => {
            let index = at.index(model.len() + 1);
            holder.insert_pair(offset(holder.block(), index), one, two);
            model.splice(index..index, [one.clone(), two.clone()]);
        }
        Step::Replace(at, text) if !model.is_empty() => {
            let index = at.index(model.len());
            let Some((start, end)) = holder.block().get(index).map(|spot| (spot.start, spot.end)) else {
                panic!("the model has an element at {index}");
            };
            holder.replace(start..end, text);
            model[index].clone_from(text);
        }
        Step::Remove(from, to) => {
            let (from, to) = (from.index(model.len() + 1), to.index(model.len() + 1));
            let (from, to) = (from.min(to), from.max(to));
            holder.remove(offset(holder.block(), from)..offset(holder.block(), to));
            model.drain(from..to);
        }
        Step::Replace(..) => {}
    }
}

fn agree(model: &[Vec<u8>], block: Packed<'_>) {
    assert_eq!(Packed::check(block.bytes()), Some(model.len()));
    assert!(block.items().map(|item| item.to_vec()).eq(model.iter().cloned()));
    assert!(block.items().rev().map(|item| item.to_vec()).eq(model.iter().rev().cloned()));
    for (index, text) in model.iter().enumerate() {
        let found = block.find::<1>(text).expect("every element is found");
        assert_eq!(found.item, Item::of(text));
        let first = model.iter().position(|other| other == text).expect("it is in the model");
        assert_eq!(found.start, offset(block, first));
        if index % 2 == 0 {
            let first = model.iter().step_by(2).position(|other| other == text).expect("a field");
            assert_eq!(block.find::<2>(text).map(|spot| spot.start), Some(offset(block, first * 2)));
        }
    }
}

proptest! {
    #[test]
    fn blocks_do_what_a_vec_does(steps in prop::collection::vec(step(), 0..40), expire_at in any::<Option<i64>>()) {
        let (mut model, mut mirror) = (Vec::new(), Vec::new());
        let mut block = Vec::new();
        let mut entry = Entry::packed(b"some key", Kind::Hash, Encoding::Packed, &[], expire_at);
        entry.set_clock(7);
        for step in &steps {
            apply(step, &mut model, &mut block);
            apply(step, &mut mirror, &mut entry);
            agree(&model, Packed::new(&block));
            agree(&model, entry.block());
            prop_assert_eq!((entry.key(), entry.kind(), entry.expire_at(), entry.clock()), (&b"some key"[..], Kind::Hash, expire_at, 7));
            prop_assert_eq!(entry.is_empty_collection(), model.is_empty());
        }
    }

    #[test]
    fn any_bytes_are_checked_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if Packed::check(&bytes).is_some() {
            let view = Packed::new(&bytes);
            let rebuilt = view.items().fold(Vec::new(), |mut block, item| {
                block.push_text(&item.to_vec());
                block
            });
            prop_assert_eq!(rebuilt, bytes);
        }
    }
}
