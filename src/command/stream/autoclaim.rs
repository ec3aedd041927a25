//! XAUTOCLAIM.

use super::claim::Claims;
use super::effect::GroupName;
use super::{id, no_key_or_group, show};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::entry::Kind;
use dunlin_structures::number::parse_i64;
use dunlin_structures::stream::{Pending, Stream, StreamId};
use std::ops::Bound;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "xautoclaim",
    arity: -6,
    flags: WRITE.and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
    acl: acl::STREAM,
    group: "stream",
    since: "6.2.0",
    summary: "Changes, or acquires, ownership of messages in a consumer group, as if the messages were delivered to as \
              consumer group member.",
    complexity: "O(1) if COUNT is small.",
    syntax: "key group consumer min-idle-time start [COUNT count] [JUSTID]",
    history: &[(
        "7.0.0",
        "Added an element to the reply array, containing deleted entries the command cleared from the PEL",
    )],
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(xautoclaim),
    ..CommandSpec::BLANK
}];

/// Entries that are looked at for each that is wanted.
const ATTEMPTS: usize = 10;
/// What keeps Redis' arithmetic from overflowing.
const COUNT_MAX: i64 = i64::MAX / 16;
/// Redis makes room for so many IDs first: more than any machine can address are refused.
const COUNT_WITH_ROOM_MAX: usize = (1 << 47) / size_of::<StreamId>();

struct Request<'a> {
    consumer: &'a [u8],
    min_idle: i64,
    start: StreamId,
    count: usize,
    just_id: bool,
}

impl<'a> Request<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Self, CommandError> {
        let min_idle = parse_i64(args.at(4));
        let min_idle = min_idle.ok_or(CommandError::text("Invalid min-idle-time argument for XAUTOCLAIM"))?;
        let start = id::parse_start(args.at(5))?;
        let mut request =
            Self { consumer: args.at(3), min_idle: min_idle.max(0), start, count: 100, just_id: false };
        args.seek(6);
        while args.remaining() > 0 {
            if args.remaining() > 1 && args.accept("COUNT") {
                let count = parse_i64(args.required()?).filter(|count| (1..=COUNT_MAX).contains(count));
                let count = count.and_then(|count| usize::try_from(count).ok());
                request.count = count.ok_or(CommandError::text("COUNT must be > 0"))?;
            } else if args.accept("JUSTID") {
                request.just_id = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(request)
    }

    fn claim(&self, stream: &mut Stream, name: &[u8], reply: &mut Reply<'_>, now: i64) -> Claims {
        let Some(place) = stream.groups.get_mut(name) else { return Claims::default() };
        // Taken out, so that the stream can be read while its group changes.
        let mut group = std::mem::take(place);
        let (mut claims, consumer) = Claims::begin(&mut group, self.consumer, now);
        let (mut given, mut deleted) = (Vec::new(), Vec::new());
        let mut from = Bound::Included(self.start);
        let mut attempts = self.count.saturating_mul(ATTEMPTS);
        let next = loop {
            let next = group.pending().range((from, Bound::Unbounded)).next().map(|(id, p)| (*id, *p));
            let Some((id, pending)) = next else { break StreamId::ZERO };
            if attempts == 0 || given.len() + deleted.len() == self.count {
                break id;
            }
            attempts -= 1;
            from = Bound::Excluded(id);
            if !stream.contains(id) {
                claims.forget(&mut group, id);
                deleted.push(id);
            } else if self.min_idle == 0 || now.wrapping_sub(pending.delivered_at) >= self.min_idle {
                let deliveries =
                    if self.just_id { pending.deliveries } else { Pending::one_more(pending.deliveries) };
                claims.give(&mut group, id, Pending { consumer, delivered_at: now, deliveries }, now);
                given.push(id);
            }
        };
        claims.end(&group);
        if let Some(place) = stream.groups.get_mut(name) {
            *place = group;
        }
        reply.array(3);
        show::id(reply, next);
        reply.array(given.len());
        for id in given {
            match stream.get(id).filter(|_| !self.just_id) {
                Some(entry) => show::entry(reply, &entry),
                None => show::id(reply, id),
            }
        }
        reply.array(deleted.len());
        deleted.into_iter().for_each(|id| show::id(reply, id));
        claims
    }
}

fn xautoclaim(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.counted_from();
    let name = GroupName { key: args.at(1), group: args.at(2) };
    // As in XACK; whatever is wrong with the request.
    cx.keys.read(name.key);
    let request = Request::parse(args)?;
    let slot = cx.keys.write(name.key);
    let has_group =
        slot.of_kind(Kind::Stream)?.is_some_and(|entry| Stream::of(entry).groups.contains_key(name.group));
    if !has_group {
        return Err(no_key_or_group(name.key, name.group, ""));
    }
    if request.count > COUNT_WITH_ROOM_MAX {
        return Err(CommandError::text(
            "Insufficient memory, failed allocating transient memory, COUNT too high.",
        ));
    }
    let reply = &mut cx.reply;
    slot.edit_existing(
        |entry| request.claim(Stream::of_mut(entry), name.group, reply, now),
        |claims, announcer| claims.announce(name, request.consumer, announcer),
    );
    Ok(())
}
