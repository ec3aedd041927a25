//! XCLAIM, and what XAUTOCLAIM shares with it.

use super::effect::{Claim, GroupName};
use super::{id, no_key_or_group, printed, show};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::door::Announcer;
use crate::keyspace::effect::{Effect, EffectWriter};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::entry::Kind;
use dunlin_structures::number::parse_i64;
use dunlin_structures::stream::{ConsumerId, Group, Pending, Stream, StreamId};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "xclaim",
    arity: -6,
    flags: WRITE.and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))],
    acl: acl::STREAM,
    group: "stream",
    since: "5.0.0",
    summary: "Changes, or acquires, ownership of a message in a consumer group, as if the message was delivered a consumer \
              group member.",
    complexity: "O(log N) with N being the number of messages in the PEL of the consumer group.",
    syntax: "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] \
             [FORCE] [JUSTID] [LASTID lastid]",
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(xclaim),
    ..CommandSpec::BLANK
}];

/// What claiming changed in a group.
#[derive(Default)]
pub(super) struct Claims {
    consumer_is_new: bool,
    /// What became of each entry's place in the list: for one that is not in the stream any more, what it was.
    entries: Vec<(StreamId, Box<[u8]>, Pending)>,
    has_moved: bool,
    last_id: StreamId,
    entries_read: Option<u64>,
}

impl Claims {
    /// The claiming consumer tries.
    pub(super) fn begin(group: &mut Group, name: &[u8], now: i64) -> (Self, ConsumerId) {
        let (consumer, consumer_is_new) = group.create(name, now);
        group.consumer_mut(consumer).seen_at = now;
        (Self { consumer_is_new, ..Self::default() }, consumer)
    }

    /// Takes an entry off the list that is not in the stream any more.
    pub(super) fn forget(&mut self, group: &mut Group, id: StreamId) {
        if let Some(pending) = group.pending().get(&id).copied() {
            self.entries.push((id, group.consumer(pending.consumer).name.clone(), pending));
            group.acknowledge(id);
        }
    }

    pub(super) fn give(&mut self, group: &mut Group, id: StreamId, pending: Pending, now: i64) {
        group.assign(id, pending);
        let consumer = group.consumer_mut(pending.consumer);
        consumer.active_at = now;
        self.entries.push((id, consumer.name.clone(), pending));
    }

    pub(super) fn end(&mut self, group: &Group) {
        (self.last_id, self.entries_read) = (group.last_id, group.entries_read);
    }

    pub(super) fn announce(&self, name: GroupName<'_>, consumer: &[u8], announcer: &mut Announcer<'_, '_>) {
        if self.consumer_is_new {
            let effect = |writer: &mut EffectWriter| name.create_consumer(writer, consumer);
            announcer.change(Change::composed(EventClass::Stream, "xgroup-createconsumer", &effect).aside());
        }
        if !self.entries.is_empty() || self.has_moved {
            let effect = |writer: &mut EffectWriter| {
                for (id, consumer, pending) in &self.entries {
                    name.claim(
                        writer,
                        &Claim {
                            consumer,
                            entries: std::slice::from_ref(id),
                            delivered_at: pending.delivered_at,
                            deliveries: pending.deliveries,
                            last_id: self.last_id,
                        },
                    );
                }
                if self.has_moved {
                    name.progress(writer, self.last_id, self.entries_read);
                }
            };
            announcer.change(Change::untold(EventClass::Stream, Effect::Compose(&effect)).aside());
        }
    }
}

struct Request<'a> {
    consumer: &'a [u8],
    min_idle: i64,
    ids: Vec<StreamId>,
    delivered_at: i64,
    deliveries: Option<u64>,
    force: bool,
    just_id: bool,
    last_id: StreamId,
}

impl<'a> Request<'a> {
    fn parse(args: &mut Args<'a>, now: i64) -> Result<Self, CommandError> {
        let min_idle = parse_i64(args.at(4));
        let min_idle = min_idle.ok_or(CommandError::text("Invalid min-idle-time argument for XCLAIM"))?;
        let mut request = Self {
            consumer: args.at(3),
            min_idle: min_idle.max(0),
            ids: args.from(5).map_while(|text| id::parse(text, 0).ok()).collect(),
            delivered_at: now,
            deliveries: None,
            force: false,
            just_id: false,
            last_id: StreamId::ZERO,
        };
        // -1, computed or given, is as good as nothing.
        let mut delivered_at = -1_i64;
        args.seek(5 + request.ids.len());
        while let Some(option) = args.next() {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            let more = args.remaining() > 0;
            let mut integer = |error| parse_i64(args.required()?).ok_or(CommandError::text(error));
            if is("FORCE") {
                request.force = true;
            } else if is("JUSTID") {
                request.just_id = true;
            } else if is("IDLE") && more {
                delivered_at = now.wrapping_sub(integer("Invalid IDLE option argument for XCLAIM")?);
            } else if is("TIME") && more {
                delivered_at = integer("Invalid TIME option argument for XCLAIM")?;
            } else if is("RETRYCOUNT") && more {
                let count = integer("Invalid RETRYCOUNT option argument for XCLAIM")?;
                request.deliveries = u64::try_from(count).ok();
            } else if is("LASTID") && more {
                request.last_id = id::parse(args.required()?, 0)?;
            } else {
                let option = printed(option);
                return Err(CommandError::formatted(format!("Unrecognized XCLAIM option '{option}'")));
            }
        }
        if (0..=now).contains(&delivered_at) {
            request.delivered_at = delivered_at;
        }
        Ok(request)
    }

    fn claim(&self, stream: &mut Stream, name: &[u8], reply: &mut Reply<'_>, now: i64) -> Claims {
        let Some(place) = stream.groups.get_mut(name) else { return Claims::default() };
        // Taken out, so that the stream can be read while its group changes.
        let mut group = std::mem::take(place);
        let (mut claims, consumer) = Claims::begin(&mut group, self.consumer, now);
        if self.last_id > group.last_id {
            group.last_id = self.last_id;
            claims.has_moved = true;
        }
        let array = reply.begin_array();
        let mut count = 0;
        for &id in &self.ids {
            let Some(entry) = stream.get(id) else {
                claims.forget(&mut group, id);
                continue;
            };
            let before = group.pending().get(&id).copied();
            match before {
                None if !self.force => continue,
                Some(before)
                    if self.min_idle > 0 && now.wrapping_sub(before.delivered_at) < self.min_idle =>
                {
                    continue;
                }
                _ => {}
            }
            // An entry that is forced into the list begins as one that was delivered once.
            let before = before.map_or(1, |before| before.deliveries);
            let deliveries =
                self.deliveries.unwrap_or(if self.just_id { before } else { Pending::one_more(before) });
            claims.give(
                &mut group,
                id,
                Pending { consumer, delivered_at: self.delivered_at, deliveries },
                now,
            );
            if self.just_id {
                show::id(reply, id)
            } else {
                show::entry(reply, &entry)
            }
            count += 1;
        }
        reply.end_array(array, count);
        claims.end(&group);
        if let Some(place) = stream.groups.get_mut(name) {
            *place = group;
        }
        claims
    }
}

fn xclaim(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.counted_from();
    let name = GroupName { key: args.at(1), group: args.at(2) };
    // As in XACK.
    cx.keys.read_kind(name.key, Kind::Stream)?;
    let slot = cx.keys.write(name.key);
    let has_group =
        slot.of_kind(Kind::Stream)?.is_some_and(|entry| Stream::of(entry).groups.contains_key(name.group));
    if !has_group {
        return Err(no_key_or_group(name.key, name.group, ""));
    }
    let request = Request::parse(args, now)?;
    let reply = &mut cx.reply;
    slot.edit_existing(
        |entry| request.claim(Stream::of_mut(entry), name.group, reply, now),
        |claims, announcer| claims.announce(name, request.consumer, announcer),
    );
    Ok(())
}
