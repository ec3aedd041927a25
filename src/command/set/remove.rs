//! Removing members: SREM by name, SPOP by chance.

use super::{Bulks, limits};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::effect::Change;
use crate::keyspace::event::EventClass;
use crate::keyspace::recreate::PIECE_LEN;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::number::parse_i64;
use dunlin_structures::packed::Item;
use dunlin_structures::set::{self, Set};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "srem",
        arity: -3,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
        acl: acl::SET,
        group: "set",
        since: "1.0.0",
        summary: "Removes one or more members from a set. Deletes the set if the last member was removed.",
        complexity: "O(N) where N is the number of members to be removed.",
        syntax: "key member [member ...]",
        history: &[("2.4.0", "Accepts multiple `member` arguments.")],
        elements: Elements::ALL,
        run: Run::OnKeys(srem),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "spop",
        arity: -2,
        flags: WRITE.and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::DELETE))],
        acl: acl::SET,
        group: "set",
        since: "1.0.0",
        summary: "Returns one or more random members from a set after removing them. Deletes the set if the last \
                  member was popped.",
        complexity: "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
        syntax: "key [count]",
        history: &[("3.2.0", "Added the `count` argument.")],
        tips: &["nondeterministic_output"],
        run: Run::OnKeys(spop),
        ..CommandSpec::BLANK
    },
];

fn srem(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let slot = cx.keys.write(args.at(1));
    slot.of_kind(Kind::Set)?;
    let removed = slot.edit_existing(
        |entry| args.from(2).filter(|member| set::remove(entry, Item::of(member))).count(),
        |removed, announcer| {
            if *removed > 0 {
                announcer.change(Change::request(EventClass::Set, "srem"));
            }
        },
    );
    cx.reply.integer(removed.unwrap_or(0) as i64);
    Ok(())
}

fn spop(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    match args.len() {
        2 => pop_one(cx, args.at(1)),
        3 => pop_many(cx, args.at(1), args.at(2)),
        _ => Err(CommandError::Syntax),
    }
}

fn pop_one(cx: &mut Context<'_>, key: &[u8]) -> CommandResult {
    let limits = limits(cx);
    let slot = cx.keys.write(key);
    slot.of_kind(Kind::Set)?;
    let popped = slot.edit_existing(
        |entry| {
            let mut popped = Vec::new();
            set::pop(entry, 1, &limits, &mut rand::random, |item| popped = item.to_vec());
            popped
        },
        |popped, announcer| {
            announcer.change(Change::composed(EventClass::Set, "spop", &|w| {
                w.arg(b"SREM").arg(key).arg(popped);
            }));
        },
    );
    match popped {
        Some(member) => cx.reply.bulk(&member),
        None => cx.reply.null(),
    }
    Ok(())
}

/// Texts one behind the other.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }
}

fn pop_many(cx: &mut Context<'_>, key: &[u8], count: &[u8]) -> CommandResult {
    let count = parse_i64(count).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or(CommandError::text("value is out of range, must be positive"))?;
    let limits = limits(cx);
    let mut slot = cx.keys.write(key);
    let set = slot.of_kind(Kind::Set)?.map_or(Set::EMPTY, Set::of);
    if set.is_empty() || count == 0 {
        cx.reply.set(0);
        return Ok(());
    }
    if count >= set.len() {
        let mut bulks = Bulks::default();
        set.iter().for_each(|member| bulks.add(member));
        slot.event(EventClass::Set, "spop");
        slot.discard(Change::composed(EventClass::Generic, "del", &|w| {
            w.arg(b"DEL").arg(key);
        }));
        cx.reply.set(bulks.count);
        bulks.send(&mut cx.reply);
        return Ok(());
    }
    let popped = slot.edit_existing(
        |entry| {
            let (mut texts, mut digits) = (Texts::default(), IntText::new());
            set::pop(entry, count, &limits, &mut rand::random, |item| {
                texts.bytes.extend_from_slice(item.text(&mut digits));
                texts.ends.push(texts.bytes.len());
            });
            texts
        },
        |texts, announcer| {
            announcer.change(Change::composed(EventClass::Set, "spop", &|w| {
                for (index, text) in texts.iter().enumerate() {
                    if index % PIECE_LEN == 0 {
                        w.end();
                        w.arg(b"SREM").arg(key);
                    }
                    w.arg(text);
                }
            }));
        },
    );
    let mut bulks = Bulks::default();
    popped.iter().flat_map(Texts::iter).for_each(|text| bulks.add_text(text));
    cx.reply.set(bulks.count);
    bulks.send(&mut cx.reply);
    Ok(())
}
