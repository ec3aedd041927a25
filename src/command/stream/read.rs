//! XREAD, and the options that XREADGROUP shares with it.

use super::{id, show, trim};
use crate::command::blocking::{Blocking, Nothing, Wait, deadline_after_ms};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::event::EventClass;
use crate::resp::reply::OpenArray;
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::entry::Kind;
use dunlin_structures::stream::{Direction, IdText, Stream, StreamId};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "xread",
    arity: -4,
    flags: READONLY.and(BLOCKING).and(MOVABLE_KEYS),
    keys: &[KeySpec {
        notes: "",
        flags: key::RO.and(key::ACCESS),
        begin: Begin::Keyword("STREAMS", 1),
        find: Find::Range { last: -1, step: 1, limit: 2 },
    }],
    acl: acl::STREAM,
    group: "stream",
    since: "5.0.0",
    summary: "Returns messages from multiple streams with IDs greater than the ones requested. Blocks until a message is \
              available otherwise.",
    complexity: "For each stream mentioned: O(N) with N being the number of elements being returned, it means that \
                 XREAD-ing with a fixed COUNT is O(1). Note that when the BLOCK option is used, XADD will pay O(M) time \
                 in order to serve the M clients blocked on the stream getting new data.",
    syntax: "[COUNT count] [BLOCK milliseconds] STREAMS <key [key ...] id [id ...]>",
    run: Run::OnKeys(xread),
    ..CommandSpec::BLANK
}];

/// What XREAD or XREADGROUP is asked.
pub(super) struct Request<'a> {
    args: Args<'a>,
    /// Entries of each stream at most.
    pub count: usize,
    /// Whether to wait, and until when.
    pub wait: Option<Option<i64>>,
    pub no_ack: bool,
    /// A group and a consumer in it.
    pub group: Option<(&'a [u8], &'a [u8])>,
    /// Where the streams' keys begin, and how many there are.
    first: usize,
    pub len: usize,
}

impl<'a> Request<'a> {
    pub(super) fn parse(args: &mut Args<'a>, in_group: bool, now: i64) -> Result<Self, CommandError> {
        let mut request =
            Self { args: *args, count: usize::MAX, wait: None, no_ack: false, group: None, first: 0, len: 0 };
        while let Some(option) = args.next() {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            let more = args.remaining();
            if is("BLOCK") && more > 0 {
                request.wait = Some(deadline_after_ms(args.required()?, now)?);
            } else if is("COUNT") && more > 0 {
                request.count = match trim::count(args.required()?)? {
                    0 => usize::MAX,
                    count => count,
                };
            } else if is("STREAMS") && more > 0 {
                if !more.is_multiple_of(2) {
                    return Err(CommandError::text(if in_group {
                        "Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
                    } else {
                        "Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
                    }));
                }
                (request.first, request.len) = (args.position(), more / 2);
                break;
            } else if is("GROUP") && more > 1 {
                if !in_group {
                    return Err(CommandError::text(
                        "The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                request.group = Some((args.required()?, args.required()?));
            } else if is("NOACK") {
                if !in_group {
                    return Err(CommandError::text(
                        "The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                request.no_ack = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if request.len == 0 {
            return Err(CommandError::Syntax);
        }
        Ok(request)
    }

    pub(super) fn key(&self, index: usize) -> &'a [u8] {
        self.args.at(self.first + index)
    }

    /// The argument that says behind which entry to read the stream, and its index in the request.
    pub(super) fn id(&self, index: usize) -> (usize, &'a [u8]) {
        let at = self.first + self.len + index;
        (at, self.args.at(at))
    }

    pub(super) fn keys(&self) -> Vec<&'a [u8]> {
        (0..self.len).map(|index| self.key(index)).collect()
    }

    /// Whether the stream may be looked at. A client who waited is served from the streams that changed.
    pub(super) fn reaches(&self, cx: &mut Context<'_>, index: usize) -> Result<bool, CommandError> {
        let reaches = cx.keys.reaches(self.key(index));
        // Where the request means what Redis' search for keys doesn't find (XREAD COUNT STREAMS).
        if reaches || cx.blocking == Blocking::Serving { Ok(reaches) } else { Err(CommandError::Syntax) }
    }
}

/// The streams that are answered: a map from keys to entries.
#[derive(Default)]
pub(super) struct Answer {
    array: Option<OpenArray>,
    len: usize,
}

impl Answer {
    /// The next stream; its entries follow.
    pub(super) fn stream(&mut self, reply: &mut Reply<'_>, key: &[u8]) {
        if self.array.is_none() {
            self.array = Some(reply.begin_array());
        }
        self.len += 1;
        if !reply.is_resp3() {
            reply.array(2);
        }
        reply.bulk(key);
    }

    /// Whether there was any.
    pub(super) fn end(self, reply: &mut Reply<'_>) -> bool {
        let Some(array) = self.array else { return false };
        reply.end_pairs(array, self.len);
        true
    }
}

fn xread(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.now();
    let request = Request::parse(args, false, now)?;
    let mut after = Vec::with_capacity(request.len);
    // What `$` stands for is settled when the request comes, not when it is run again.
    let mut settled = Vec::new();
    for index in 0..request.len {
        let last = if request.reaches(cx, index)? {
            match cx.keys.peek(request.key(index)) {
                Some(entry) if entry.kind() != Kind::Stream => return Err(CommandError::WrongType),
                Some(entry) => Stream::of(&entry).last_id,
                None => {
                    missed(cx, request.key(index));
                    StreamId::ZERO
                }
            }
        } else {
            StreamId::MAX
        };
        after.push(match request.id(index) {
            (at, b"$") => {
                settled.push((at, IdText::of(last).as_bytes().to_vec()));
                last
            }
            (_, b">") => {
                return Err(CommandError::text(
                    "The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
                ));
            }
            (_, id) => id::parse(id, 0)?,
        });
    }
    let mut answer = Answer::default();
    for (index, after) in after.iter().enumerate() {
        if !request.reaches(cx, index)? {
            continue;
        }
        let key = request.key(index);
        let found = cx.keys.read_kind(key, Kind::Stream)?;
        let (Some(entry), Some(start)) = (found, after.next()) else { continue };
        let entries = Stream::of(&entry).range(start, StreamId::MAX, Direction::Forward);
        let mut entries = entries.take(request.count).peekable();
        if entries.peek().is_some() {
            answer.stream(&mut cx.reply, key);
            show::entries(&mut cx.reply, entries);
        }
    }
    if answer.end(&mut cx.reply) {
        return Ok(());
    }
    nothing_yet(cx, &request, false, &settled)
}

/// As in Redis, who looks whether all may be read has missed what is not there, and who reads then misses it again.
pub(super) fn missed(cx: &mut Context<'_>, key: &[u8]) {
    cx.keys.event(EventClass::KeyMiss, "keymiss", key);
}

/// Waits if the request says so; else answers that there is nothing.
pub(super) fn nothing_yet(
    cx: &mut Context<'_>,
    request: &Request<'_>,
    wants_missing: bool,
    settled: &[(usize, Vec<u8>)],
) -> CommandResult {
    let Some(deadline) = request.wait else {
        cx.reply.null_array();
        return Ok(());
    };
    let wait = Wait { kind: Kind::Stream, deadline, nothing: Nothing::NullArray, wants_missing };
    cx.block_as(&request.keys(), wait, settled)
}
