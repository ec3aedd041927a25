//! HSCAN: the fields of a hash, step by step.

use super::value::{BLANK, push_item};
use crate::command::scanning::{ScanOptions, parse_cursor, reply_empty};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;
use crate::resp::output::SHARED_LEN_MIN;
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::fields::Fields;

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

fn hscan(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut cursor = parse_cursor(args.at(2))?;
    let now = cx.keys.now;
    let Some(entry) = cx.keys.read_kind(args.at(1), Kind::Hash)? else {
        reply_empty(&mut cx.reply);
        return Ok(());
    };
    args.seek(3);
    let mut with_values = true;
    let options = ScanOptions::parse_with(args, |args| {
        let names_only = args.accept("novalues");
        with_values &= !names_only;
        names_only
    })?;
    let (mut found, mut bulks, mut left) = (0, Vec::new(), options.count);
    let mut name = IntText::new();
    let fields = Fields::of(&entry, now);
    loop {
        let (next, looked_at) = fields.scan(cursor, |field| {
            if options.includes(field.name.text(&mut name)) {
                push_item(&mut bulks, field.name);
                found += 1;
                if with_values {
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
    drop(entry);
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
