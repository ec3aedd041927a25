//! XTRIM, and the options that XADD shares with it.

use super::effect::write_id;
use super::id::{self, NewId};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::number::parse_i64;
use dunlin_structures::stream::{Precision, Stream, StreamId, TrimTo};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "xtrim",
    arity: -4,
    flags: WRITE,
    keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
    acl: acl::STREAM,
    group: "stream",
    since: "5.0.0",
    summary: "Deletes messages from the beginning of a stream.",
    complexity: "O(N), with N being the number of evicted entries. Constant times are very small however, since entries \
                 are organized in macro nodes containing multiple entries that can be released with a single \
                 deallocation.",
    syntax: "key <<MAXLEN | MINID> [= | ~] threshold [LIMIT count]>",
    history: &[("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option.")],
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(xtrim),
    ..CommandSpec::BLANK
}];

/// Which entries go, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trim {
    pub to: TrimTo,
    pub precision: Precision,
}

/// What stands before the fields of XADD, or behind the key of XTRIM.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub trim: Option<Trim>,
    pub no_stream_made: bool,
    /// Of XADD only.
    pub id: Option<NewId>,
}

/// What trimming left, for its effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trimmed {
    pub to: TrimTo,
    pub dropped: usize,
    pub len: usize,
    pub first_id: StreamId,
}

impl Trim {
    /// Blocks that go, if they are many, are moved to `cut_off`.
    pub(super) fn apply(self, stream: &mut Stream, cut_off: &mut Option<Stream>) -> Trimmed {
        let dropped = stream.trim(self.to, self.precision, cut_off);
        Trimmed { to: self.to, dropped, len: stream.len(), first_id: stream.first_id }
    }
}

impl Trimmed {
    /// The options that give the same result, however a stream's blocks are divided.
    pub(super) fn write(&self, writer: &mut EffectWriter) {
        match self.to {
            TrimTo::MinId(_) if self.len > 0 => {
                writer.arg(b"MINID").arg(b"=");
                write_id(writer, self.first_id);
            }
            TrimTo::MinId(_) | TrimTo::Len(_) => {
                writer.arg(b"MAXLEN").arg(b"=").integer(self.len as i64);
            }
        }
    }
}

impl Options {
    /// Reads from the third argument on, with XADD up to and including its ID. `node_entries` is the threshold that the
    /// limit of an approximate trim follows from.
    pub(super) fn parse(args: &mut Args<'_>, adds: bool, node_entries: usize) -> Result<Self, CommandError> {
        const BOTH: CommandError =
            CommandError::text("syntax error, MAXLEN and MINID options at the same time are not compatible");
        let mut options = Self::default();
        let (mut limit, mut to, mut approximate) = (None, None, false);
        args.seek(2);
        while let Some(option) = args.next() {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            let more = args.remaining() > 0;
            if adds && option == b"*" {
                options.id = Some(NewId::Any);
                break;
            } else if (is("maxlen") || is("minid")) && more {
                if to.is_some() {
                    return Err(BOTH);
                }
                approximate = false;
                if let (Some(mark @ (b"~" | b"=")), true) = (args.peek(), args.remaining() > 1) {
                    approximate = mark == b"~";
                    args.required()?;
                }
                to = Some(if is("maxlen") {
                    let len = usize::try_from(args.integer()?);
                    TrimTo::Len(len.map_err(|_| CommandError::text("The MAXLEN argument must be >= 0."))?)
                } else {
                    TrimTo::MinId(id::parse(args.required()?, 0)?)
                });
            } else if is("limit") && more {
                let number = usize::try_from(args.integer()?);
                limit = Some(number.map_err(|_| CommandError::text("The LIMIT argument must be >= 0."))?);
            } else if adds && is("nomkstream") {
                options.no_stream_made = true;
            } else if adds {
                options.id = Some(id::parse_new(option)?);
                break;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if limit.is_some_and(|limit| limit > 0) && to.is_none() {
            return Err(CommandError::text(
                "syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ));
        }
        if !adds && to.is_none() {
            return Err(CommandError::text("syntax error, XTRIM must be called with a trimming strategy"));
        }
        if limit.is_some() && !approximate {
            return Err(CommandError::text(
                "syntax error, LIMIT cannot be used without the special ~ option",
            ));
        }
        let precision = match (approximate, limit) {
            (false, _) => Precision::Exact,
            (true, Some(0)) => Precision::Blocks { limit: None },
            (true, Some(limit)) => Precision::Blocks { limit: Some(limit) },
            (true, None) => Precision::Blocks { limit: Some(default_limit(node_entries)) },
        };
        options.trim = to.map(|to| Trim { to, precision });
        Ok(options)
    }
}

/// The entries of 100 full blocks.
fn default_limit(node_entries: usize) -> usize {
    match node_entries.saturating_mul(100) {
        0 => 10_000,
        limit => limit.min(1_000_000),
    }
}

fn xtrim(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let options = Options::parse(args, false, cx.server.thresholds.stream_node().entries)?;
    let key = args.at(1);
    let slot = cx.keys.write(key);
    slot.of_kind(Kind::Stream)?;
    let Some(trim) = options.trim else { return Err(CommandError::Syntax) };
    let mut cut_off = None;
    let trimmed = slot.edit_existing(
        |entry| trim.apply(Stream::of_mut(entry), &mut cut_off),
        |trimmed, announcer| {
            let effect = |writer: &mut EffectWriter| {
                writer.arg(b"XTRIM").arg(key);
                trimmed.write(writer);
            };
            if trimmed.dropped > 0 {
                announcer.change(match trim.precision {
                    Precision::Exact => Change::request(EventClass::Stream, "xtrim"),
                    Precision::Blocks { .. } => Change::composed(EventClass::Stream, "xtrim", &effect),
                });
            }
        },
    );
    discard(cx, cut_off);
    cx.reply.integer(trimmed.map_or(0, |trimmed| trimmed.dropped as i64));
    Ok(())
}

/// Frees what was taken out of a stream.
pub(super) fn discard(cx: &Context<'_>, garbage: Option<Stream>) {
    if let Some(garbage) = garbage {
        cx.keys.discard(garbage.into_entry(b"", None));
    }
}

/// A number of entries that is asked for; below zero none.
pub(super) fn count(text: &[u8]) -> Result<usize, CommandError> {
    let count = parse_i64(text).ok_or(CommandError::NotAnInteger)?;
    Ok(usize::try_from(count).unwrap_or(0))
}
