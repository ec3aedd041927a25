//! SCAN and KEYS: the names of a database's keys.
//!
//! Both walk the shards one after the other, each locked for a bounded piece of work at a time, so that nobody waits for
//! a walk. They see a key that is there all the while, and may or may not see one that comes or goes.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::command::{expiring, scanning};
use crate::keyspace::shard::has_expired;
use crate::keyspace::walk::Cursor;
use crate::keyspace::{EffectBuffer, Position};
use crate::resp::output::SHARED_LEN_MIN;
use crate::resp::reply::push_header;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::glob;
use dunlin_structures::slot::{hash_tag, slot_of};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "scan",
        arity: -2,
        flags: READONLY.and(READS_ALL),
        acl: acl::KEYSPACE,
        group: "generic",
        since: "2.8.0",
        summary: "Iterates over the key names in the database.",
        complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor \
                     to return back to 0. N is the number of elements inside the collection.",
        syntax: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        history: &[("6.0.0", "Added the `TYPE` subcommand.")],
        tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
        run: Run::Unlocked(scan),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "keys",
        arity: 2,
        flags: READONLY.and(READS_ALL),
        acl: acl::KEYSPACE.and(acl::DANGEROUS),
        group: "generic",
        since: "1.0.0",
        summary: "Returns all key names that match a pattern.",
        complexity: "O(N) with N being the number of keys in the database, under the assumption that the key names in \
                     the database and the given pattern have limited length.",
        syntax: "pattern",
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        run: Run::Unlocked(keys),
        ..CommandSpec::BLANK
    },
];

/// Entries visited under one lock: some ten microseconds.
const ENTRIES_PER_LOCK: usize = 256;
/// SCAN's COUNT if none is given.
const COUNT_DEFAULT: usize = 10;

fn scan(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut cursor = Cursor::from_number(scanning::parse_cursor(args.at(1))?);
    args.seek(2);
    let mut wanted = Wanted { pattern: b"*", kind: None };
    let mut count = COUNT_DEFAULT;
    while args.remaining() > 0 {
        if args.remaining() == 1 {
            return Err(CommandError::Syntax);
        } else if args.accept("COUNT") {
            count = usize::try_from(args.integer()?).map_err(|_| CommandError::Syntax)?;
            if count == 0 {
                return Err(CommandError::Syntax);
            }
        } else if args.accept("MATCH") {
            wanted.pattern = args.required()?;
        } else if args.accept("TYPE") {
            wanted.kind = Some(args.required()?);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let mut names = Names::default();
    walk(cx, &wanted, &mut cursor, count, true, &mut names);
    cx.reply.array(2);
    cx.reply.bulk_integer(cursor.number() as i64);
    names.reply(cx);
    Ok(())
}

fn keys(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let wanted = Wanted { pattern: args.at(1), kind: None };
    let mut names = Names::default();
    let mut cursor = Cursor::START;
    walk(cx, &wanted, &mut cursor, usize::MAX, false, &mut names);
    names.reply(cx);
    Ok(())
}

/// What is looked for.
struct Wanted<'a> {
    pattern: &'a [u8],
    /// A type's name; one that no type has finds nothing.
    kind: Option<&'a [u8]>,
}

impl Wanted<'_> {
    fn includes(&self, entry: &Entry) -> bool {
        (self.pattern == b"*" || glob::matches(self.pattern, entry.key(), false))
            && self.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(entry.type_name().as_bytes()))
    }

    /// The part of the pattern before anything that has a meaning in patterns.
    fn literal_start(&self) -> &[u8] {
        let special = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
        let end = self.pattern.iter().position(special).unwrap_or(self.pattern.len());
        &self.pattern[..end]
    }

    /// The slot of all keys that can match, if the pattern begins with a whole hash tag.
    fn slot(&self) -> Option<u16> {
        let start = self.literal_start();
        (hash_tag(start).len() < start.len()).then(|| slot_of(start))
    }
}

/// Names of keys, as they will be sent.
#[derive(Default)]
struct Names {
    count: usize,
    bulks: Vec<u8>,
}

impl Names {
    fn add(&mut self, key: &[u8]) {
        self.count += 1;
        push_header(&mut self.bulks, b'$', key.len() as i64);
        self.bulks.extend_from_slice(key);
        self.bulks.extend_from_slice(b"\r\n");
    }

    fn reply(self, cx: &mut Context<'_>) {
        cx.reply.array(self.count);
        if self.bulks.len() < SHARED_LEN_MIN {
            cx.reply.raw(&self.bulks);
        } else {
            cx.reply.output().push_shared(self.bulks.into());
        }
    }
}

/// Collects what is wanted from `cursor` on, until about `count` entries were looked at, and moves the cursor on. What
/// has expired is left out, and deleted on the way if `drops_expired`.
fn walk(
    cx: &mut Context<'_>,
    wanted: &Wanted<'_>,
    cursor: &mut Cursor,
    count: usize,
    drops_expired: bool,
    names: &mut Names,
) {
    let now = cx.now();
    let is_live = |entry: &Entry| !has_expired(entry, now);
    if wanted.literal_start().len() == wanted.pattern.len() {
        // One name: no walk is needed.
        let place = Position::of(wanted.pattern);
        cx.keys.visit(place.shard(), |db| {
            let entry = db.table(place).and_then(|table| table.get(place.hash, wanted.pattern));
            if let Some(entry) = entry.filter(|entry| is_live(entry) && wanted.includes(entry)) {
                names.add(entry.key());
            }
        });
        *cursor = Cursor::END;
        return;
    }
    let mut end = Cursor::END;
    if let Some(slot) = wanted.slot() {
        let first;
        (first, end) = Cursor::range_of_slot(slot);
        *cursor = (*cursor).max(first);
    }
    let mut left = count;
    while *cursor < end && left > 0 {
        let shard = cursor.shard();
        let mut met_expired = false;
        let visited = cx.keys.visit(shard, |db| {
            db.walk(cursor, end, left.min(ENTRIES_PER_LOCK), |entry| {
                if !is_live(entry) {
                    met_expired = true;
                } else if wanted.includes(entry) {
                    names.add(entry.key());
                }
            })
        });
        left = left.saturating_sub(visited);
        if met_expired && drops_expired {
            drop_expired(cx, shard);
        }
    }
    if *cursor >= end {
        *cursor = Cursor::END;
    }
}

/// Deletes some of what has expired in a shard: in this unit if it holds the shard, else in one of its own.
pub(super) fn drop_expired(cx: &mut Context<'_>, shard: usize) {
    if cx.keys.access.keeps_expired {
        return;
    }
    if cx.keys.holds(shard) {
        cx.keys.expire_due(shard, expiring::KEYS_PER_VISIT);
    } else {
        expiring::expire_due(cx.server, &mut EffectBuffer::default(), shard, cx.keys.now);
    }
}
