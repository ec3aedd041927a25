//! BITFIELD and BITFIELD_RO: integers of any width at any bit, several at once.

use super::{SET_BITS, bit_offset};
use crate::command::spec::*;
use crate::command::string::range::length_of;
use crate::command::string::value::computed;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::door::Expiry;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::Entry;
use dunlin_structures::bits::{Field, Overflow};
use dunlin_structures::entry::IntText;
use dunlin_structures::number::parse_i64;
use smallvec::SmallVec;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "bitfield",
        arity: -2,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE).and(key::VARIABLE_FLAGS))
            .note("This command allows both access and modification of the key")],
        acl: acl::BITMAP,
        group: "bitmap",
        since: "3.2.0",
        summary: "Performs arbitrary bitfield integer operations on strings.",
        complexity: "O(1) for each subcommand specified",
        syntax: "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | \
                 INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] \
                 <SET encoding offset value | INCRBY encoding offset increment> ...]]",
        run: Run::OnKeys(bitfield),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "bitfield_ro",
        arity: -2,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::BITMAP,
        group: "bitmap",
        since: "6.0.0",
        summary: "Performs arbitrary read-only bitfield integer operations on strings.",
        complexity: "O(1) for each subcommand specified",
        syntax: "key [GET encoding offset [GET encoding offset ...]]",
        run: Run::OnKeys(bitfield_ro),
        ..CommandSpec::BLANK
    },
];

type Steps = SmallVec<[Step; 4]>;

/// One of the things to do.
struct Step {
    field: Field,
    offset: u64,
    action: Action,
}

enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

impl Step {
    /// The byte behind the last one that it writes.
    fn written_end(&self) -> Option<usize> {
        let last = self.offset + u64::from(self.field.bits) - 1;
        (!matches!(self.action, Action::Get)).then_some((last / 8) as usize + 1)
    }

    /// Does it and replies; says whether that is a change, as each write to a string that `grew` is. Nothing is done
    /// where that would overflow and must not.
    fn perform(&self, bytes: &mut [u8], grew: bool, reply: &mut Reply<'_>) -> bool {
        let before = self.field.get(bytes, self.offset);
        let (after, shows_new) = match self.action {
            Action::Get => (Some(before), true),
            Action::Set(number, overflow) => (self.field.fit(self.field.given(number), overflow), false),
            Action::Increment(by, overflow) => {
                (self.field.fit(i128::from(before) + i128::from(by), overflow), true)
            }
        };
        let Some(after) = after else {
            reply.null();
            return false;
        };
        reply.integer(if shows_new { after } else { before });
        if after != before {
            self.field.set(bytes, self.offset, after);
        }
        after != before || grew && !matches!(self.action, Action::Get)
    }
}

fn bitfield(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let steps = parse(cx, args)?;
    let Some(end) = steps.iter().filter_map(Step::written_end).max() else {
        return read(cx, args.at(1), &steps);
    };
    let slot = cx.keys.write(args.at(1));
    let length = slot.string()?.map(length_of);
    let grows = length.is_none_or(|length| length < end);
    let reply = &mut cx.reply;
    reply.array(steps.len());
    let mut perform = |bytes: &mut [u8]| {
        let mut changed = false;
        for step in &steps {
            changed |= step.perform(bytes, grows, reply);
        }
        changed
    };
    // Where every step failed, the string may have grown nevertheless. Redis tells nobody; the log must know.
    const GREW: Change<'static> = Change::request(EventClass::Silent, "setbit");
    if length.is_some() {
        let edit = |entry: &mut Entry| entry.with_bytes_mut(end, perform).unwrap_or(false);
        slot.edit_existing(edit, |changed, announcer| match (*changed, grows) {
            (true, _) => announcer.change(SET_BITS),
            (false, true) => announcer.change(GREW),
            (false, false) => {}
        });
    } else {
        let mut bytes = vec![0; end];
        let changed = perform(&mut bytes);
        let change = if changed { SET_BITS } else { GREW };
        slot.put_string(computed(&bytes.into()), Expiry::Clear, change);
    }
    Ok(())
}

fn bitfield_ro(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let steps = parse(cx, args)?;
    if steps.iter().any(|step| step.written_end().is_some()) {
        return Err(CommandError::text("BITFIELD_RO only supports the GET subcommand"));
    }
    read(cx, args.at(1), &steps)
}

fn read(cx: &mut Context<'_>, key: &[u8], steps: &Steps) -> CommandResult {
    let mut text = IntText::new();
    let entry = cx.keys.read_string(key)?;
    let bytes = entry.as_ref().and_then(|entry| entry.string_bytes(&mut text)).unwrap_or_default();
    cx.reply.array(steps.len());
    for step in steps {
        cx.reply.integer(step.field.get(bytes, step.offset));
    }
    Ok(())
}

fn parse(cx: &Context<'_>, args: &mut Args<'_>) -> Result<Steps, CommandError> {
    let limit = cx.string_len_max();
    let mut steps = Steps::new();
    let mut overflow = Overflow::Wrap;
    args.seek(2);
    while args.remaining() > 0 {
        // A word without all of its arguments is a syntax error, whatever they are.
        let room = args.remaining() - 1;
        if room >= 1 && args.accept("OVERFLOW") {
            overflow = overflow_named(args.required()?)?;
            continue;
        }
        let action: Option<fn(i64, Overflow) -> Action> = if room >= 2 && args.accept("GET") {
            None
        } else if room >= 3 && args.accept("SET") {
            Some(Action::Set)
        } else if room >= 3 && args.accept("INCRBY") {
            Some(Action::Increment)
        } else {
            return Err(CommandError::Syntax);
        };
        let field = field_named(args.required()?)?;
        let offset = bit_offset(args.required()?, Some(field.bits), limit)?;
        let action = match action {
            Some(action) => action(args.integer()?, overflow),
            None => Action::Get,
        };
        steps.push(Step { field, offset, action });
    }
    Ok(steps)
}

fn overflow_named(word: &[u8]) -> Result<Overflow, CommandError> {
    match word.to_ascii_lowercase().as_slice() {
        b"wrap" => Ok(Overflow::Wrap),
        b"sat" => Ok(Overflow::Saturate),
        b"fail" => Ok(Overflow::Fail),
        _ => Err(CommandError::text("Invalid OVERFLOW type specified")),
    }
}

/// `i` or `u` and a number of bits.
fn field_named(text: &[u8]) -> Result<Field, CommandError> {
    let (signed, digits) = match text {
        [b'i', digits @ ..] => (true, digits),
        [b'u', digits @ ..] => (false, digits),
        _ => (false, &[][..]),
    };
    // Redis reads a C string.
    let digits = &digits[..memchr::memchr(0, digits).unwrap_or(digits.len())];
    match parse_i64(digits) {
        Some(bits @ 1..=63) => Ok(Field { signed, bits: bits as u32 }),
        Some(64) if signed => Ok(Field { signed, bits: 64 }),
        _ => Err(CommandError::text(
            "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        )),
    }
}
