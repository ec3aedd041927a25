//! Digests without numbers: TDIGEST.CREATE and TDIGEST.RESET.

use super::{MISSING, compression};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::tdigest::{COMPRESSION_DEFAULT, TDigest};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "tdigest.create",
        arity: -2,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::TDIGEST,
        group: "module",
        since: "2.4.0",
        summary: "Creates an empty t-digest.",
        complexity: "O(1)",
        syntax: "key [COMPRESSION compression]",
        run: Run::OnKeys(create),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "tdigest.reset",
        arity: 2,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::DELETE))],
        acl: acl::TDIGEST,
        group: "module",
        since: "2.4.0",
        summary: "Forgets all numbers of a t-digest.",
        complexity: "O(1)",
        syntax: "key",
        run: Run::OnKeys(reset),
        ..CommandSpec::BLANK
    },
];

fn create(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if !matches!(args.len(), 2 | 4) {
        return Err(CommandError::WrongArity("tdigest.create"));
    }
    let slot = cx.keys.write(args.at(1));
    if slot.module::<TDigest>()?.is_some() {
        return Err(CommandError::text("T-Digest: key already exists"));
    }
    let compression = match args.len() {
        2 => COMPRESSION_DEFAULT,
        // The word may stand in either place, as in RedisBloom; the number in the last one only.
        _ if args.is(2, "compression") || args.is(3, "compression") => compression(args.at(3))?,
        _ => return Err(CommandError::text("T-Digest: wrong keyword")),
    };
    let digest = TDigest::new(compression).ok_or(CommandError::text("T-Digest: allocation failed"))?;
    const CHANGE: Change<'static> = Change::request(EventClass::Silent, "tdigest.create");
    slot.place(Entry::module(args.at(1), digest), CHANGE);
    cx.reply.ok();
    Ok(())
}

fn reset(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut slot = cx.keys.write(args.at(1));
    slot.module::<TDigest>()?.ok_or(MISSING)?;
    const CHANGE: Change<'static> = Change::request(EventClass::Silent, "tdigest.reset");
    slot.update(CHANGE, |entry: &mut Entry| entry.module_value_mut::<TDigest>().reset());
    cx.reply.ok();
    Ok(())
}
