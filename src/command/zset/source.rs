//! What a sorted set can be made of: sorted sets, and sets, whose members all count as having the score 1.

use crate::resp::CommandError;
use dunlin_structures::Entry;
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::packed::Item;
use dunlin_structures::set::Set;
use dunlin_structures::zset::Zset;

/// Number of members.
pub(super) fn len(entry: &Entry) -> Result<usize, CommandError> {
    match entry.kind() {
        Kind::Zset => Ok(Zset::of(entry).len()),
        Kind::Set => Ok(Set::of(entry).len()),
        _ => Err(CommandError::WrongType),
    }
}

/// Shows every member with its score.
pub(super) fn each(entry: &Entry, mut visit: impl FnMut(&[u8], f64)) {
    let mut digits = IntText::new();
    if entry.kind() == Kind::Set {
        Set::of(entry).iter().for_each(|member| visit(member.text(&mut digits), 1.0));
    } else {
        Zset::of(entry).iter_all().for_each(|(member, score)| visit(member.text(&mut digits), score));
    }
}

/// The score of a member, if it is there.
pub(super) fn score(entry: &Entry, member: &[u8]) -> Option<f64> {
    if entry.kind() == Kind::Set {
        Set::of(entry).contains(Item::of(member)).then_some(1.0)
    } else {
        Zset::of(entry).score(member)
    }
}
