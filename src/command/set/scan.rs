//! Walking through all members, a few at a time: SSCAN.

use super::Bulks;
use crate::command::scanning::{ScanOptions, parse_cursor, reply_empty};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::set::Set;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "sscan",
    arity: -3,
    flags: READONLY,
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::SET,
    group: "set",
    since: "2.8.0",
    summary: "Iterates over members of a set.",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to \
                 return back to 0. N is the number of elements inside the collection..",
    syntax: "key cursor [MATCH pattern] [COUNT count]",
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(sscan),
    ..CommandSpec::BLANK
}];

fn sscan(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut cursor = parse_cursor(args.at(2))?;
    let Some(entry) = cx.keys.read_kind(args.at(1), Kind::Set)? else {
        reply_empty(&mut cx.reply);
        return Ok(());
    };
    args.seek(3);
    let options = ScanOptions::parse(args)?;
    let (mut found, mut digits) = (Bulks::default(), IntText::new());
    let mut visit = |text: &[u8]| {
        if options.includes(text) {
            found.add_text(text);
        }
    };
    match Set::of(&entry) {
        Set::Large(set) => {
            let mut visited = 0;
            while visited < options.count {
                cursor = set.scan(cursor, |member| {
                    visited += 1;
                    visit(member.text(&mut digits));
                });
                if cursor == 0 {
                    break;
                }
            }
        }
        small => {
            cursor = 0;
            small.iter().for_each(|member| visit(member.text(&mut digits)));
        }
    }
    cx.reply.array(2);
    cx.reply.bulk_integer(cursor as i64);
    cx.reply.array(found.count);
    found.send(&mut cx.reply);
    Ok(())
}
