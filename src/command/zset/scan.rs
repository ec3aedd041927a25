//! Walking through all members, a few at a time: ZSCAN.

use crate::command::scanning::{ScanOptions, parse_cursor, reply_empty};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;
use crate::resp::reply::push_header;
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::number::DoubleBuffer;
use dunlin_structures::zset::Zset;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "zscan",
    arity: -3,
    flags: READONLY,
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::SORTED_SET,
    group: "sorted-set",
    since: "2.8.0",
    summary: "Incrementally iterate sorted sets elements and associated scores.",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection..",
    syntax: "key cursor [MATCH pattern] [COUNT count]",
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(zscan),
    ..CommandSpec::BLANK
}];

/// Members and scores, as they will be sent.
#[derive(Default)]
struct Found {
    bulks: Vec<u8>,
    count: usize,
}

impl Found {
    fn add(&mut self, member: &[u8], score: f64) {
        for text in [member, DoubleBuffer::new().format(score)] {
            push_header(&mut self.bulks, b'$', text.len() as i64);
            self.bulks.extend_from_slice(text);
            self.bulks.extend_from_slice(b"\r\n");
            self.count += 1;
        }
    }
}

fn zscan(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut cursor = parse_cursor(args.at(2))?;
    let Some(entry) = cx.keys.read_kind(args.at(1), Kind::Zset)? else {
        reply_empty(&mut cx.reply);
        return Ok(());
    };
    args.seek(3);
    let options = ScanOptions::parse(args)?;
    let mut found = Found::default();
    match Zset::of(&entry) {
        Zset::Small(_) => {
            cursor = 0;
            let mut digits = IntText::new();
            for (member, score) in Zset::of(&entry).iter_all() {
                let member = member.text(&mut digits);
                if options.includes(member) {
                    found.add(member, score);
                }
            }
        }
        Zset::Large(set) => {
            let mut visited = 0;
            while visited < options.count {
                cursor = set.scan(cursor, |member, score| {
                    visited += 1;
                    if options.includes(member) {
                        found.add(member, score);
                    }
                });
                if cursor == 0 {
                    break;
                }
            }
        }
    }
    cx.reply.array(2);
    cx.reply.bulk_integer(cursor as i64);
    cx.reply.array(found.count);
    cx.reply.raw(&found.bulks);
    Ok(())
}
