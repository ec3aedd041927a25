//! HSCAN: the fields of a hash, step by step.

use super::get::with_fields;
use super::value::{BLANK, push_item};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::output::SHARED_LEN_MIN;
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::fields::FieldRef;
use dunlin_structures::glob;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "hscan",
    arity: -3,
    flags: READONLY,
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    since: "2.8.0",
    summary: "Iterates over fields and values of a hash.",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to \
                 return back to 0. N is the number of elements inside the collection.",
    syntax: "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(hscan),
    ..BLANK
}];

/// COUNT if none is given.
const COUNT_DEFAULT: usize = 10;

/// What is asked for.
struct Wanted<'a> {
    pattern: &'a [u8],
    count: usize,
    with_values: bool,
}

impl<'a> Wanted<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Self, CommandError> {
        let mut wanted = Self { pattern: b"*", count: COUNT_DEFAULT, with_values: true };
        while args.remaining() > 0 {
            if args.accept("NOVALUES") {
                wanted.with_values = false;
            } else if args.remaining() == 1 {
                return Err(CommandError::Syntax);
            } else if args.accept("COUNT") {
                let count = usize::try_from(args.integer()?).ok();
                wanted.count = count.filter(|count| *count > 0).ok_or(CommandError::Syntax)?;
            } else if args.accept("MATCH") {
                wanted.pattern = args.required()?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(wanted)
    }

    fn includes(&self, field: &FieldRef<'_>) -> bool {
        self.pattern == b"*" || glob::matches(self.pattern, field.name.text(&mut IntText::new()), false)
    }
}

fn hscan(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut cursor = parse_cursor(args.at(2)).ok_or(CommandError::text("invalid cursor"))?;
    if cx.keys.read_kind(args.at(1), Kind::Hash)?.is_none() {
        cx.reply.array(2);
        cx.reply.bulk(b"0");
        cx.reply.array(0);
        return Ok(());
    }
    args.seek(3);
    let wanted = Wanted::parse(args)?;
    let (mut found, mut bulks, mut left) = (0, Vec::new(), wanted.count);
    with_fields(cx, args.at(1), |fields, _| {
        loop {
            let (next, looked_at) = fields.scan(cursor, |field| {
                if wanted.includes(&field) {
                    push_item(&mut bulks, field.name);
                    found += 1;
                    if wanted.with_values {
                        push_item(&mut bulks, field.value);
                        found += 1;
                    }
                }
            });
            cursor = next;
            left = left.saturating_sub(looked_at.max(1));
            if cursor == 0 || left == 0 {
                break;
            }
        }
    })?;
    cx.reply.array(2);
    cx.reply.bulk_integer(cursor as i64);
    cx.reply.array(found);
    if bulks.len() < SHARED_LEN_MIN {
        cx.reply.raw(&bulks);
    } else {
        cx.reply.output().push_shared(bulks.into());
    }
    Ok(())
}

/// A cursor as `strtoul` reads it: with a sign, with leading zeros, and nothing for zero; but no white space.
fn parse_cursor(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text {
        [] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let is_number = digits.iter().all(u8::is_ascii_digit);
    let number: u64 = str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()?;
    Some(if negative { number.wrapping_neg() } else { number })
}
