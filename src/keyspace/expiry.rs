//! The index of a shard's keys by the time they expire.
//!
//! Exact: a volatile key has one record, which goes when its time changes or the key goes, so that nothing is ever
//! searched for and no garbage piles up. Every operation is O(log n).

use crate::keyspace::router::Position;
use crate::keyspace::shard::below;
use std::collections::BTreeSet;

/// Times are kept in 48 bits (until the year 10889); a key that lives longer is looked at then.
const TIME_MAX: i64 = (1 << 48) - 1;

/// A record: 48 bits of time in ms since 1970, 16 bits of slot, 64 bits of hash, in this order.
#[derive(Default)]
pub struct ExpiryIndex {
    records: BTreeSet<u128>,
}

fn record(at: i64, position: Position) -> u128 {
    let time = at.clamp(0, TIME_MAX) as u128;
    time << 80 | u128::from(position.slot) << 64 | u128::from(position.hash)
}

fn parts(record: u128) -> (i64, Position) {
    ((record >> 80) as i64, Position { slot: (record >> 64) as u16, hash: record as u64 })
}

impl ExpiryIndex {
    pub fn insert(&mut self, at: i64, position: Position) {
        self.records.insert(record(at, position));
    }

    pub fn remove(&mut self, at: i64, position: Position) {
        self.records.remove(&record(at, position));
    }

    /// The time and place of the key that expires first.
    pub fn first(&self) -> Option<(i64, Position)> {
        self.records.first().copied().map(parts)
    }

    /// The record behind a time by chance, from the first to the last. `random` gives 64 random bits a call.
    pub fn draw(&self, random: &mut impl FnMut() -> u64) -> Option<(i64, Position)> {
        let (first, last) = (self.records.first()?, self.records.last()?);
        let times = (last >> 80) as u64 - (first >> 80) as u64 + 1;
        let time = (first >> 80) + u128::from(below(times, random())?);
        let place = u128::from(random()) << 16 | u128::from(random() >> 48);
        self.records.range(time << 80 | place..).next().or(Some(first)).copied().map(parts)
    }

    /// Whether an entry's exact time is what a record says.
    pub fn agrees(exact: i64, recorded: i64) -> bool {
        exact.clamp(0, TIME_MAX) == recorded
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The sum of all times, for averages (48 bits each, so it can't overflow).
    pub fn average_time(&self) -> Option<i64> {
        let sample = self.records.iter().take(1000);
        let count = self.records.len().min(1000) as i64;
        (count > 0).then(|| sample.map(|record| (record >> 80) as i64).sum::<i64>() / count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_in_order_of_time() {
        let mut index = ExpiryIndex::default();
        let position = |slot| Position { slot, hash: u64::MAX - u64::from(slot) };
        for (at, slot) in [(50, 1), (20, 9000), (i64::MAX, 3), (-5, 4)] {
            index.insert(at, position(slot));
        }
        let mut random = 0u64;
        let mut next = || {
            random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            random
        };
        let drawn: BTreeSet<_> = (0..100).filter_map(|_| index.draw(&mut next)).map(|(at, _)| at).collect();
        assert!(drawn.contains(&TIME_MAX) && drawn.iter().all(|at| [0, 20, 50, TIME_MAX].contains(at)));
        assert_eq!(ExpiryIndex::default().draw(&mut next), None);
        let mut order = Vec::new();
        while let Some((at, place)) = index.first() {
            index.remove(at, place);
            order.push((at, place));
        }
        assert_eq!(
            order,
            [(0, position(4)), (20, position(9000)), (50, position(1)), (TIME_MAX, position(3))]
        );
        assert!(ExpiryIndex::agrees(i64::MAX, TIME_MAX) && !ExpiryIndex::agrees(50, 20));
    }
}
