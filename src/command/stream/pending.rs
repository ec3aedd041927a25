//! XPENDING.

use super::{id, no_key_or_group, show, trim};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::entry::Kind;
use dunlin_structures::stream::{Group, Stream, StreamId};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "xpending",
    arity: -3,
    flags: READONLY,
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::STREAM,
    group: "stream",
    since: "5.0.0",
    summary: "Returns the information and entries from a stream consumer group's pending entries list.",
    complexity: "O(N) with N being the number of elements returned, so asking for a small fixed number of entries per \
                 call is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When \
                 the command returns just the summary and the list of consumers is small, it runs in O(1) time; \
                 otherwise, an additional O(N) time for iterating every consumer.",
    syntax: "key group [[IDLE min-idle-time] start end count [consumer]]",
    history: &[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")],
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(xpending),
    ..CommandSpec::BLANK
}];

/// Which pending entries are to be shown.
struct Wanted<'a> {
    min_idle: i64,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

fn xpending(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let wanted = match args.len() {
        3 => None,
        6..=9 => Some(Wanted::parse(args)?),
        _ => return Err(CommandError::Syntax),
    };
    let now = cx.now();
    let (key, name) = (args.at(1), args.at(2));
    let entry = cx.keys.read_kind(key, Kind::Stream)?;
    let group = entry.as_ref().and_then(|entry| Stream::of(entry).groups.get(name));
    let group = group.ok_or_else(|| no_key_or_group(key, name, ""))?;
    match wanted {
        None => summary(&mut cx.reply, group),
        Some(wanted) => wanted.show(&mut cx.reply, group, now),
    }
    Ok(())
}

fn summary(reply: &mut Reply<'_>, group: &Group) {
    let pending = group.pending();
    reply.array(4);
    reply.integer(pending.len() as i64);
    let (Some((first, _)), Some((last, _))) = (pending.first_key_value(), pending.last_key_value()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    show::id(reply, *first);
    show::id(reply, *last);
    let array = reply.begin_array();
    let mut count = 0;
    for (_, consumer) in group.consumers().filter(|(_, consumer)| !consumer.pending().is_empty()) {
        reply.array(2);
        reply.bulk(&consumer.name);
        reply.bulk_integer(consumer.pending().len() as i64);
        count += 1;
    }
    reply.end_array(array, count);
}

impl<'a> Wanted<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Self, CommandError> {
        let mut from = 3;
        let mut min_idle = 0;
        if args.is(3, "IDLE") {
            min_idle = args.integer_at(4)?;
            if args.len() < 8 {
                return Err(CommandError::Syntax);
            }
            from += 2;
        }
        let count = trim::count(args.at(from + 2))?;
        let (start, end) = (id::parse_start(args.at(from))?, id::parse_end(args.at(from + 1))?);
        Ok(Self { min_idle, start, end, count, consumer: args.get(from + 3) })
    }

    fn show(&self, reply: &mut Reply<'_>, group: &Group, now: i64) {
        let consumer = match self.consumer.map(|name| group.find(name)) {
            Some(None) => {
                reply.array(0);
                return;
            }
            found => found.flatten(),
        };
        let array = reply.begin_array();
        let mut shown = 0;
        let mut show_one = |id: StreamId| {
            let Some(pending) = group.pending().get(&id) else { return false };
            let idle = now.wrapping_sub(pending.delivered_at);
            if shown < self.count && (self.min_idle == 0 || idle >= self.min_idle) {
                reply.array(4);
                show::id(reply, id);
                reply.bulk(&group.consumer(pending.consumer).name);
                reply.integer(idle.max(0));
                reply.integer(pending.deliveries as i64);
                shown += 1;
            }
            shown < self.count
        };
        if self.start <= self.end && self.count > 0 {
            let range = self.start..=self.end;
            match consumer {
                Some(id) => group.consumer(id).pending().range(range).all(|id| show_one(*id)),
                None => group.pending().range(range).all(|(id, _)| show_one(*id)),
            };
        }
        reply.end_array(array, shown);
    }
}
