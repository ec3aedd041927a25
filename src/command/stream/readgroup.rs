//! XREADGROUP: reading as one of several consumers.

use super::effect::{Claim, GroupName};
use super::read::{Answer, Request, missed, nothing_yet};
use super::{id, no_key_or_group, show};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::door::Announcer;
use crate::keyspace::effect::{Effect, EffectWriter};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::entry::Kind;
use dunlin_structures::stream::{ConsumerId, Direction, Group, Pending, Stream, StreamId};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "xreadgroup",
    arity: -7,
    flags: WRITE.and(BLOCKING).and(MOVABLE_KEYS),
    keys: &[KeySpec {
        notes: "",
        flags: key::RO.and(key::ACCESS),
        begin: Begin::KeywordAmong {
            word: "STREAMS",
            told: 4,
            from: 1,
            others: &[("GROUP", 2), ("COUNT", 1), ("BLOCK", 1)],
        },
        find: Find::Range { last: -1, step: 1, limit: 2 },
    }],
    acl: acl::STREAM,
    group: "stream",
    since: "5.0.0",
    summary: "Returns new or historical messages from a stream for a consumer in a group. Blocks until a message is \
              available otherwise.",
    complexity: "For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. \
                 always asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when \
                 XREADGROUP blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the stream \
                 getting new data.",
    syntax: "GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS <key [key ...] id [id ...]>",
    run: Run::OnKeys(xreadgroup),
    ..CommandSpec::BLANK
}];

/// `>`: entries that no consumer was given. No entry comes behind this one, so it is free to stand for that.
const NEW: StreamId = StreamId::MAX;

/// Who reads.
#[derive(Clone, Copy)]
struct Reader<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    count: usize,
    no_ack: bool,
    now: i64,
}

/// What a stream's group went through.
#[derive(Default)]
struct Delivery {
    consumer_is_new: bool,
    /// Entries that were delivered for the first time, to be acknowledged.
    given: Vec<StreamId>,
    /// Entries that were delivered once more, and how often.
    repeated: Vec<(StreamId, u64)>,
    has_moved: bool,
    last_id: StreamId,
    entries_read: Option<u64>,
}

fn xreadgroup(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.counted_from();
    let request = Request::parse(args, true, now)?;
    let Some((group, consumer)) = request.group else {
        return Err(CommandError::text("Missing GROUP option for XREADGROUP"));
    };
    let mut after = Vec::with_capacity(request.len);
    for index in 0..request.len {
        let key = request.key(index);
        if request.reaches(cx, index)? {
            let has_group = match cx.keys.peek(key) {
                Some(entry) if entry.kind() != Kind::Stream => return Err(CommandError::WrongType),
                Some(entry) => Stream::of(&entry).groups.contains_key(group),
                None => {
                    missed(cx, key);
                    false
                }
            };
            if !has_group {
                return Err(no_key_or_group(key, group, " in XREADGROUP with GROUP option"));
            }
        }
        after.push(match request.id(index) {
            (_, b"$") => {
                return Err(CommandError::text(
                    "The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
                     consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just \
                     return an empty result set.",
                ));
            }
            (_, b">") => NEW,
            (_, id) => id::parse(id, 0)?,
        });
    }
    let reader = Reader { group, consumer, count: request.count, no_ack: request.no_ack, now };
    let mut answer = Answer::default();
    for (index, after) in after.iter().enumerate() {
        if !request.reaches(cx, index)? {
            continue;
        }
        let key = request.key(index);
        let reply = &mut cx.reply;
        cx.keys.write(key).edit_existing(
            |entry| reader.read(Stream::of_mut(entry), key, *after, reply, &mut answer),
            |delivery, announcer| reader.announce(key, delivery, announcer),
        );
    }
    if answer.end(&mut cx.reply) {
        return Ok(());
    }
    nothing_yet(cx, &request, true, &[])
}

impl Reader<'_> {
    /// Reads one stream into the answer, if there is something to read.
    fn read(
        self,
        stream: &mut Stream,
        key: &[u8],
        after: StreamId,
        reply: &mut Reply<'_>,
        answer: &mut Answer,
    ) -> Delivery {
        let Some(place) = stream.groups.get_mut(self.group) else { return Delivery::default() };
        // Taken out, so that the stream can be read while its group changes.
        let mut group = std::mem::take(place);
        let (consumer, consumer_is_new) = group.create(self.consumer, self.now);
        group.consumer_mut(consumer).seen_at = self.now;
        let mut delivery = Delivery { consumer_is_new, ..Delivery::default() };
        if after != NEW {
            answer.stream(reply, key);
            self.read_again(stream, &mut group, consumer, after, reply, &mut delivery);
        } else if stream.last_entry_id().is_some_and(|last| last > group.last_id) {
            answer.stream(reply, key);
            self.read_new(stream, &mut group, consumer, reply, &mut delivery);
        }
        (delivery.last_id, delivery.entries_read) = (group.last_id, group.entries_read);
        if let Some(place) = stream.groups.get_mut(self.group) {
            *place = group;
        }
        delivery
    }

    fn read_new(
        self,
        stream: &Stream,
        group: &mut Group,
        consumer: ConsumerId,
        reply: &mut Reply<'_>,
        delivery: &mut Delivery,
    ) {
        let start = group.last_id.next().unwrap_or(StreamId::MAX);
        let array = reply.begin_array();
        let mut count = 0;
        for entry in stream.range(start, StreamId::MAX, Direction::Forward).take(self.count) {
            delivery.has_moved |= stream.note_delivery(group, entry.id);
            show::entry(reply, &entry);
            count += 1;
            if !self.no_ack {
                group.assign(entry.id, Pending { consumer, delivered_at: self.now, deliveries: 1 });
                delivery.given.push(entry.id);
            }
        }
        reply.end_array(array, count);
        if !delivery.given.is_empty() {
            group.consumer_mut(consumer).active_at = self.now;
        }
    }

    /// Reads what the consumer was given and has not acknowledged.
    fn read_again(
        self,
        stream: &Stream,
        group: &mut Group,
        consumer: ConsumerId,
        after: StreamId,
        reply: &mut Reply<'_>,
        delivery: &mut Delivery,
    ) {
        let start = after.next().unwrap_or(StreamId::MAX);
        let ids: Vec<_> =
            group.consumer(consumer).pending().range(start..).take(self.count).copied().collect();
        reply.array(ids.len());
        for id in ids {
            match (stream.get(id), group.pending().get(&id).copied()) {
                (Some(entry), Some(pending)) => {
                    show::entry(reply, &entry);
                    let deliveries = Pending::one_more(pending.deliveries);
                    group.assign(id, Pending { deliveries, delivered_at: self.now, ..pending });
                    delivery.repeated.push((id, deliveries));
                }
                _ => {
                    reply.array(2);
                    show::id(reply, id);
                    reply.null_array();
                }
            }
        }
    }

    fn announce(self, key: &[u8], delivery: &Delivery, announcer: &mut Announcer<'_, '_>) {
        let name = GroupName { key, group: self.group };
        let claim = |entries, deliveries| Claim {
            consumer: self.consumer,
            entries,
            delivered_at: self.now,
            deliveries,
            last_id: delivery.last_id,
        };
        if delivery.consumer_is_new {
            let effect = |writer: &mut EffectWriter| name.create_consumer(writer, self.consumer);
            announcer.change(Change::composed(EventClass::Stream, "xgroup-createconsumer", &effect).aside());
        }
        if delivery.has_moved || !delivery.given.is_empty() || !delivery.repeated.is_empty() {
            let effect = |writer: &mut EffectWriter| {
                name.claim(writer, &claim(&delivery.given, 1));
                for (id, deliveries) in &delivery.repeated {
                    name.claim(writer, &claim(std::slice::from_ref(id), *deliveries));
                }
                if delivery.has_moved {
                    name.progress(writer, delivery.last_id, delivery.entries_read);
                }
            };
            announcer.change(Change::untold(EventClass::Stream, Effect::Compose(&effect)).aside());
        }
    }
}
