//! XADD.

use super::effect::write_id;
use super::id::NewId;
use super::trim::{Options, discard};
use super::{empty, show};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::stream::{BLOCK_LEN_MAX, Precision, Stream, StreamId};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "xadd",
    arity: -5,
    flags: WRITE.and(DENYOOM).and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))
        .note("UPDATE instead of INSERT because of the optional trimming feature")],
    acl: acl::STREAM,
    group: "stream",
    since: "5.0.0",
    summary: "Appends a new message to a stream. Creates the key if it doesn't exist.",
    complexity: "O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.",
    syntax: "key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]",
    history: &[
        ("6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."),
        ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
    ],
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(xadd),
    ..CommandSpec::BLANK
}];

fn xadd(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let limits = cx.server.thresholds.stream_node();
    let options = Options::parse(args, true, limits.entries)?;
    let texts = args.rest();
    if texts.len() == 0 || !texts.len().is_multiple_of(2) {
        return Err(CommandError::WrongArity(cx.command.full_name));
    }
    let Some(wanted) = options.id else { return Err(CommandError::Syntax) };
    if wanted == NewId::Given(StreamId::ZERO) {
        return Err(CommandError::text("The ID specified in XADD must be greater than 0-0"));
    }
    let (key, now) = (args.at(1), cx.counted_from());
    let slot = cx.keys.write(key);
    let stored = slot.of_kind(Kind::Stream)?.map(Stream::of);
    if stored.is_none() && options.no_stream_made {
        cx.reply.null();
        return Ok(());
    }
    let id = choose_id(wanted, stored, now)?;
    if texts.clone().map(<[u8]>::len).sum::<usize>() > BLOCK_LEN_MAX {
        return Err(CommandError::text("Elements are too large to be stored"));
    }
    let trim = options.trim;
    let is_told =
        matches!(wanted, NewId::Given(_)) && trim.is_none_or(|trim| trim.precision == Precision::Exact);
    let mut cut_off = None;
    slot.edit(
        empty,
        |entry| {
            let stream = Stream::of_mut(entry);
            stream.append(id, texts.clone(), limits);
            trim.map(|trim| trim.apply(stream, &mut cut_off)).filter(|trimmed| trimmed.dropped > 0)
        },
        |trimmed, announcer| {
            let effect = |writer: &mut EffectWriter| {
                writer.arg(b"XADD").arg(key);
                if let Some(trimmed) = trimmed {
                    trimmed.write(writer);
                }
                write_id(writer, id);
                texts.clone().for_each(|text| {
                    writer.arg(text);
                });
            };
            announcer.change(if is_told {
                Change::request(EventClass::Stream, "xadd")
            } else {
                Change::composed(EventClass::Stream, "xadd", &effect)
            });
            if trimmed.is_some() {
                announcer.event(EventClass::Stream, "xtrim");
            }
        },
    );
    discard(cx, cut_off);
    show::id(&mut cx.reply, id);
    Ok(())
}

/// The ID of the new entry: greater than any before it.
fn choose_id(wanted: NewId, stored: Option<&Stream>, now: i64) -> Result<StreamId, CommandError> {
    const TOO_SMALL: CommandError =
        CommandError::text("The ID specified in XADD is equal or smaller than the target stream top item");
    const EXHAUSTED: CommandError =
        CommandError::text("The stream has exhausted the last possible ID, unable to add more items");
    let last = stored.map_or(StreamId::ZERO, |stream| stream.last_id);
    if last == StreamId::MAX {
        return Err(EXHAUSTED);
    }
    let id = match wanted {
        NewId::Any if now as u64 > last.ms => StreamId::new(now as u64, 0),
        NewId::Any => last.next().ok_or(EXHAUSTED)?,
        NewId::At(ms) if ms == last.ms => StreamId::new(ms, last.seq.checked_add(1).ok_or(TOO_SMALL)?),
        NewId::At(ms) => StreamId::new(ms, 0),
        NewId::Given(id) => id,
    };
    if id > last { Ok(id) } else { Err(TOO_SMALL) }
}
