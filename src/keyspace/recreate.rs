//! What makes an entry anew: the commands that, run in order on an empty key, give an equal one.
//!
//! The one place that knows which commands recreate which kind of value. It serves the base of a rewritten log, and the
//! effects of whatever is logged by its result (RENAME, COPY, MOVE, the STORE commands). Large collections are told in
//! pieces, as Redis does, so that no command grows without bound.

mod module;
mod stream;

use dunlin_structures::Entry;
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::fields::Fields;
use dunlin_structures::list::{self, End};
use dunlin_structures::number::DoubleBuffer;
use dunlin_structures::set::Set;
use dunlin_structures::zset::Zset;

/// Elements in one command.
pub const PIECE_LEN: usize = 64;

/// Hands `emit` one command after the other, each as its arguments. O(size of the value).
pub fn commands(entry: &Entry, emit: &mut dyn FnMut(&[&[u8]])) {
    match entry.kind() {
        Kind::String => string(entry, emit),
        Kind::List => list(entry, emit),
        Kind::Zset => zset(entry, emit),
        Kind::Set => set(entry, emit),
        Kind::Stream => stream::commands(entry, emit),
        Kind::Hash => hash(entry, emit),
        Kind::Module => module::commands(entry, emit),
    }
    // The commands of collections can't give them a time to live.
    if let Some(at) = entry.expire_at().filter(|_| entry.kind() != Kind::String) {
        emit(&[b"PEXPIREAT", entry.key(), itoa::Buffer::new().format(at).as_bytes()]);
    }
}

fn string(entry: &Entry, emit: &mut dyn FnMut(&[&[u8]])) {
    let mut text = IntText::new();
    let value = entry.string_bytes(&mut text).unwrap_or_default();
    match entry.expire_at() {
        Some(at) => emit(&[b"SET", entry.key(), value, b"PXAT", itoa::Buffer::new().format(at).as_bytes()]),
        None => emit(&[b"SET", entry.key(), value]),
    }
}

fn list(entry: &Entry, emit: &mut dyn FnMut(&[&[u8]])) {
    let mut pieces = Pieces::new(b"RPUSH", entry.key(), 1);
    for item in list::items(entry, 0, End::Tail) {
        pieces.arg(item.text(&mut IntText::new()), emit);
    }
    pieces.end(emit);
}

fn zset(entry: &Entry, emit: &mut dyn FnMut(&[&[u8]])) {
    let mut pieces = Pieces::new(b"ZADD", entry.key(), 2);
    let (mut digits, mut text) = (DoubleBuffer::new(), IntText::new());
    // A small set knows no -0. A large one does, and is large again by the time that it is told of them; if only long members
    // make it large, and all of them are at -0, it is so from the first of them on.
    let mut negative_zeros = Vec::new();
    for (member, score) in Zset::of(entry).iter_all() {
        if score == 0.0 && score.is_sign_negative() {
            negative_zeros.push(member.text(&mut text).to_vec());
        } else {
            pieces.arg(digits.format(score), emit);
            pieces.arg(member.text(&mut text), emit);
        }
    }
    negative_zeros.sort_by_key(|member| std::cmp::Reverse(member.len()));
    for member in &negative_zeros {
        pieces.arg(b"-0", emit);
        pieces.arg(member, emit);
    }
    pieces.end(emit);
}

fn set(entry: &Entry, emit: &mut dyn FnMut(&[&[u8]])) {
    let mut pieces = Pieces::new(b"SADD", entry.key(), 1);
    let mut digits = IntText::new();
    for member in Set::of(entry).iter() {
        pieces.arg(member.text(&mut digits), emit);
    }
    pieces.end(emit);
}

fn hash(entry: &Entry, emit: &mut dyn FnMut(&[&[u8]])) {
    let key = entry.key();
    let (mut name, mut value) = (IntText::new(), IntText::new());
    let fields = Fields::all_of(entry);
    let mut pieces = Pieces::new(b"HSET", key, 2);
    for field in fields.iter() {
        pieces.arg(field.name.text(&mut name), emit);
        pieces.arg(field.value.text(&mut value), emit);
    }
    pieces.end(emit);
    if entry.next_due().is_some() {
        let mut time = itoa::Buffer::new();
        for field in fields.iter() {
            if let Some(at) = field.expire_at {
                let (at, name) = (time.format(at).as_bytes(), field.name.text(&mut name));
                emit(&[b"HPEXPIREAT", key, at, b"FIELDS", b"1", name]);
            }
        }
    }
}

/// Collects arguments into commands of `name key argument..` with up to [`PIECE_LEN`] groups each.
pub struct Pieces<'a> {
    head: [&'a [u8]; 2],
    /// Arguments of one element: 1 for members, 2 for fields with values.
    group: usize,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Pieces<'a> {
    pub fn new(name: &'a [u8], key: &'a [u8], group: usize) -> Self {
        Self { head: [name, key], group, bytes: Vec::new(), ends: Vec::new() }
    }

    /// Adds an argument, and emits a command once it has enough.
    pub fn arg(&mut self, arg: &[u8], emit: &mut dyn FnMut(&[&[u8]])) {
        self.bytes.extend_from_slice(arg);
        self.ends.push(self.bytes.len());
        if self.ends.len() == self.group * PIECE_LEN {
            self.end(emit);
        }
    }

    /// Emits what is left.
    pub fn end(&mut self, emit: &mut dyn FnMut(&[&[u8]])) {
        if self.ends.is_empty() {
            return;
        }
        let mut args: Vec<&[u8]> = self.head.to_vec();
        let mut from = 0;
        for &end in &self.ends {
            args.push(&self.bytes[from..end]);
            from = end;
        }
        emit(&args);
        self.bytes.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE_LEN, Pieces};

    #[test]
    fn pieces_have_a_head_each_and_no_more_than_their_share() {
        let mut commands = Vec::new();
        let mut emit =
            |args: &[&[u8]]| commands.push(args.iter().map(|arg| arg.to_vec()).collect::<Vec<_>>());
        let mut pieces = Pieces::new(b"HSET", b"k", 2);
        for number in 0..2 * (PIECE_LEN + 1) {
            pieces.arg(number.to_string().as_bytes(), &mut emit);
        }
        pieces.end(&mut emit);
        pieces.end(&mut emit);
        assert_eq!(commands.iter().map(Vec::len).collect::<Vec<_>>(), [2 + 2 * PIECE_LEN, 4]);
        assert_eq!(commands[1].concat(), format!("HSETk{}{}", 2 * PIECE_LEN, 2 * PIECE_LEN + 1).into_bytes());
    }
}
