//! Taking elements from the ends: LPOP, RPOP, LMPOP.

use super::element::reply_element;
use super::end::{self, pop_command, pop_event};
use super::limits;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::keyspace::{Change, KeySlot};
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::entry::Kind;
use dunlin_structures::list::{self, End, Limits};
use dunlin_structures::number::parse_i64;
use dunlin_structures::packed::Item;

/// What LPOP and RPOP have in common.
const POP: CommandSpec = CommandSpec {
    arity: -2,
    flags: WRITE.and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::DELETE))],
    acl: acl::LIST,
    group: "list",
    since: "1.0.0",
    complexity: "O(N) where N is the number of elements returned",
    syntax: "key [count]",
    history: &[("6.2.0", "Added the `count` argument.")],
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "lpop",
        summary: "Returns the first elements in a list after removing it. Deletes the list if the last element was popped.",
        run: Run::OnKeys(lpop),
        ..POP
    },
    CommandSpec {
        name: "rpop",
        summary: "Returns and removes the last elements of a list. Deletes the list if the last element was popped.",
        run: Run::OnKeys(rpop),
        ..POP
    },
    CommandSpec {
        name: "lmpop",
        arity: -4,
        flags: WRITE.and(MOVABLE_KEYS),
        keys: &[KeySpec::counted(1, key::RW.and(key::ACCESS).and(key::DELETE))],
        acl: acl::LIST,
        group: "list",
        since: "7.0.0",
        summary: "Returns multiple elements from a list after removing them. Deletes the list if the last element was \
                  popped.",
        complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
        syntax: "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        run: Run::OnKeys(lmpop),
        ..CommandSpec::BLANK
    },
];

fn lpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    pop(cx, args, End::Head)
}

fn rpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    pop(cx, args, End::Tail)
}

fn pop(cx: &mut Context<'_>, args: &Args<'_>, end: End) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::WrongArity(cx.command.full_name));
    }
    let count = args.get(2).map(parse_count).transpose()?;
    let limits = limits(cx);
    let slot = cx.keys.write(args.at(1));
    let len = slot.of_kind(Kind::List)?.map(list::len);
    let reply = &mut cx.reply;
    match (len, count) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.null_array(),
        (Some(_), Some(0)) => reply.array(0),
        (Some(_), None) => {
            let change = Change::request(EventClass::List, pop_event(end));
            take(slot, end, 1, limits, change, |item| reply_element(reply, item));
        }
        (Some(len), Some(count)) => {
            let count = count.min(len);
            reply.array(count);
            let change = Change::request(EventClass::List, pop_event(end));
            take(slot, end, count, limits, change, |item| reply_element(reply, item));
        }
    }
    Ok(())
}

fn parse_count(text: &[u8]) -> Result<usize, CommandError> {
    let count = parse_i64(text).and_then(|count| usize::try_from(count).ok());
    count.ok_or(CommandError::text("value is out of range, must be positive"))
}

/// Takes elements from an end and shows them. The list is deleted with its last.
fn take(
    slot: KeySlot<'_, '_>,
    end: End,
    count: usize,
    limits: Limits,
    change: Change<'_>,
    each: impl FnMut(Item<'_>),
) {
    slot.edit_existing(
        |entry| list::pop(entry, end, count, limits, each),
        |_, announcer| announcer.change(change),
    );
}

/// Takes up to `count` elements from an end of the list at `key`, as an effect of its own, and shows them; before them,
/// `begin` is told how many there will be. Returns how many there were: none if there is no list.
pub(super) fn pop_elements(
    cx: &mut Context<'_>,
    key: &[u8],
    end: End,
    count: usize,
    begin: impl FnOnce(&mut Reply<'_>, usize),
) -> Result<usize, CommandError> {
    let limits = limits(cx);
    let slot = cx.keys.write(key);
    let Some(len) = slot.of_kind(Kind::List)?.map(list::len) else { return Ok(0) };
    let count = count.min(len);
    let effect = |effect: &mut EffectWriter| {
        effect.arg(pop_command(end)).arg(key).integer(count as i64);
    };
    let change = Change::composed(EventClass::List, pop_event(end), &effect);
    let reply = &mut cx.reply;
    begin(reply, count);
    take(slot, end, count, limits, change, |item| reply_element(reply, item));
    Ok(count)
}

fn lmpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let request = Request::parse(args)?;
    if !pop_first(cx, &request)? {
        cx.reply.null_array();
    }
    Ok(())
}

/// What LMPOP is asked for.
pub(super) struct Request<'a> {
    keys: Args<'a>,
    number: usize,
    end: End,
    count: usize,
}

impl<'a> Request<'a> {
    /// Reads `numkeys key [key ...] <LEFT | RIGHT> [COUNT count]`.
    pub(super) fn parse(args: &mut Args<'a>) -> Result<Self, CommandError> {
        let number = positive(args, "numkeys should be greater than 0")?;
        let keys = args.after(args.position());
        if number >= args.remaining() {
            return Err(CommandError::Syntax);
        }
        args.seek(args.position() + number);
        let end = end::parse(args)?;
        let mut count = None;
        while args.remaining() > 0 {
            if count.is_some() || args.remaining() == 1 || !args.accept("COUNT") {
                return Err(CommandError::Syntax);
            }
            count = Some(positive(args, "count should be greater than 0")?);
        }
        Ok(Self { keys, number, end, count: count.unwrap_or(1) })
    }

    /// The keys, in the order in which they are tried.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.keys.from(0).take(self.number)
    }
}

fn positive(args: &mut Args<'_>, complaint: &'static str) -> Result<usize, CommandError> {
    let number = args.next().and_then(parse_i64).filter(|&number| number > 0);
    number.and_then(|number| usize::try_from(number).ok()).ok_or(CommandError::text(complaint))
}

/// Pops from the first list that there is and replies its key with the elements. Returns whether there was one.
pub(super) fn pop_first(cx: &mut Context<'_>, request: &Request<'_>) -> Result<bool, CommandError> {
    for key in request.keys() {
        let head = |reply: &mut Reply<'_>, count: usize| {
            reply.array(2);
            reply.bulk(key);
            reply.array(count);
        };
        if cx.keys.reaches(key) && pop_elements(cx, key, request.end, request.count, head)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
