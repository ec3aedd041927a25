//! XDEL, and deletion that heeds groups: XDELEX, XACKDEL.

use super::effect::write_id;
use super::id;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::door::Announcer;
use crate::keyspace::effect::{Effect, EffectWriter};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::stream::{Group, Stream, StreamId};
use std::collections::BTreeMap;

/// What the commands have in common.
const DELETE: CommandSpec = CommandSpec {
    flags: WRITE.and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
    acl: acl::STREAM,
    group: "stream",
    since: "8.2.0",
    complexity: "O(1) for each single item to delete in the stream, regardless of the stream size.",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "xackdel",
        arity: -6,
        summary: "Acknowledges messages of a consumer group and deletes them from the stream.",
        complexity: "O(1) for each message ID processed.",
        syntax: "key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
        run: Run::OnKeys(xackdel),
        ..DELETE
    },
    CommandSpec {
        name: "xdel",
        arity: -3,
        since: "5.0.0",
        summary: "Returns the number of messages after removing them from a stream.",
        syntax: "key id [id ...]",
        run: Run::OnKeys(xdel),
        ..DELETE
    },
    CommandSpec {
        name: "xdelex",
        arity: -5,
        summary: "Deletes messages from a stream, with control of what consumer groups know of them.",
        syntax: "key [KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
        run: Run::OnKeys(xdelex),
        ..DELETE
    },
];

fn xdel(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let slot = cx.keys.write(args.at(1));
    if slot.of_kind(Kind::Stream)?.is_none() {
        cx.reply.integer(0);
        return Ok(());
    }
    let ids = args.from(2).map(|text| id::parse(text, 0)).collect::<Result<Vec<_>, _>>()?;
    let count = slot.edit_existing(
        |entry| {
            let stream = Stream::of_mut(entry);
            ids.iter().filter(|id| stream.delete(**id)).count()
        },
        |count, announcer| {
            if *count > 0 {
                announcer.change(Change::request(EventClass::Stream, "xdel"));
            }
        },
    );
    cx.reply.integer(count.unwrap_or(0) as i64);
    Ok(())
}

/// What becomes of the mentions of an entry in the lists of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum References {
    Keep,
    Delete,
    /// An entry is deleted only once every group has acknowledged it.
    AreAwaited,
}

/// What became of an entry, as these commands tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Missing = -1,
    Deleted = 1,
    /// Somebody has yet to acknowledge it.
    Kept = 2,
}

struct Request {
    references: References,
    ids: Vec<StreamId>,
}

impl Request {
    /// Reads the options and the IDs, in either order.
    fn parse(args: &mut Args<'_>, from: usize) -> Result<Self, CommandError> {
        let (mut references, mut ids) = (None, None);
        args.seek(from);
        while args.remaining() > 0 {
            let option = [
                ("KEEPREF", References::Keep),
                ("DELREF", References::Delete),
                ("ACKED", References::AreAwaited),
            ];
            if let Some((_, option)) = option.into_iter().find(|(word, _)| args.accept(word)) {
                if references.replace(option).is_some() {
                    return Err(CommandError::Syntax);
                }
            } else if ids.is_none() && args.accept("IDS") {
                ids = Some(Self::ids(args)?);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let ids = ids.ok_or(CommandError::Syntax)?;
        Ok(Self { references: references.unwrap_or(References::Keep), ids })
    }

    fn ids(args: &mut Args<'_>) -> Result<Vec<StreamId>, CommandError> {
        const WRONG_COUNT: CommandError = CommandError::text("Number of IDs must be a positive integer");
        let count = args.integer().ok().and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| *count > 0).ok_or(WRONG_COUNT)?;
        if count > args.remaining() {
            return Err(CommandError::text("The `numids` parameter must match the number of arguments"));
        }
        (0..count).map(|_| id::parse(args.required()?, 0)).collect()
    }
}

/// What came of a request. Its effects are commands of Redis 7, which has no others.
#[derive(Default)]
struct Outcome {
    fates: Vec<Fate>,
    deleted: Vec<StreamId>,
    acknowledged: BTreeMap<Box<[u8]>, Vec<StreamId>>,
}

impl Outcome {
    fn acknowledge(&mut self, name: &[u8], group: &mut Group, id: StreamId) -> bool {
        let was_pending = group.acknowledge(id);
        if was_pending {
            self.acknowledged.entry(name.into()).or_default().push(id);
        }
        was_pending
    }

    /// Deletes an entry, unless somebody has yet to acknowledge it. Lists may be changed even where there is no entry.
    fn delete(&mut self, stream: &mut Stream, id: StreamId, references: References) -> Fate {
        match references {
            References::Keep => {}
            References::Delete => {
                for (name, group) in &mut stream.groups {
                    self.acknowledge(name, group, id);
                }
            }
            References::AreAwaited => {
                let awaits = |group: &Group| group.last_id < id || group.pending().contains_key(&id);
                if stream.contains(id) && stream.groups.values().any(awaits) {
                    return Fate::Kept;
                }
            }
        }
        if !stream.delete(id) {
            return Fate::Missing;
        }
        self.deleted.push(id);
        Fate::Deleted
    }

    fn announce(&self, key: &[u8], announcer: &mut Announcer<'_, '_>) {
        for (name, ids) in &self.acknowledged {
            let effect = |writer: &mut EffectWriter| write(writer.arg(b"XACK").arg(key).arg(name), ids);
            announcer.change(Change::untold(EventClass::Stream, Effect::Compose(&effect)).aside());
        }
        if !self.deleted.is_empty() {
            let effect = |writer: &mut EffectWriter| write(writer.arg(b"XDEL").arg(key), &self.deleted);
            announcer.change(Change::composed(EventClass::Stream, "xdel", &effect));
        }
    }
}

fn write(writer: &mut EffectWriter, ids: &[StreamId]) {
    ids.iter().for_each(|id| write_id(writer, *id));
    writer.end();
}

fn xdelex(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let request = Request::parse(args, 2)?;
    run(cx, args, &request, |outcome, stream, id| outcome.delete(stream, id, request.references))
}

fn xackdel(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let request = Request::parse(args, 3)?;
    let name = args.at(2);
    run(cx, args, &request, |outcome, stream, id| {
        let group = stream.groups.get_mut(name);
        if !group.is_some_and(|group| outcome.acknowledge(name, group, id)) {
            return Fate::Missing;
        }
        match outcome.delete(stream, id, request.references) {
            // It was acknowledged, and is gone, whoever deleted it.
            Fate::Missing => Fate::Deleted,
            fate => fate,
        }
    })
}

fn run(
    cx: &mut Context<'_>,
    args: &Args<'_>,
    request: &Request,
    mut each: impl FnMut(&mut Outcome, &mut Stream, StreamId) -> Fate,
) -> CommandResult {
    let key = args.at(1);
    let slot = cx.keys.write(key);
    slot.of_kind(Kind::Stream)?;
    let outcome = slot.edit_existing(
        |entry| {
            let stream = Stream::of_mut(entry);
            let mut outcome = Outcome::default();
            for id in &request.ids {
                let fate = each(&mut outcome, stream, *id);
                outcome.fates.push(fate);
            }
            outcome
        },
        |outcome, announcer| outcome.announce(key, announcer),
    );
    let fates = outcome.map_or_else(|| vec![Fate::Missing; request.ids.len()], |outcome| outcome.fates);
    cx.reply.array(fates.len());
    fates.iter().for_each(|fate| cx.reply.integer(*fate as i64));
    Ok(())
}
