//! What a digest is made of: TDIGEST.INFO.

use super::read;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;
use dunlin_structures::tdigest::Centroid;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "tdigest.info",
    arity: 2,
    flags: READONLY.and(FAST),
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::TDIGEST,
    group: "module",
    since: "2.4.0",
    summary: "Returns the size of a t-digest, and how many numbers it stands for.",
    complexity: "O(1)",
    syntax: "key",
    run: Run::OnKeys(info),
    ..CommandSpec::BLANK
}];

/// "Memory usage" is the most that the digest may take, which RedisBloom takes from the beginning: its capacity, and a
/// pointer.
fn info(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let digest = read(&mut cx.keys, args.at(1))?;
    let capacity = digest.capacity() as i64;
    let waiting = digest.waiting().len() as i64;
    let facts = [
        ("Compression", digest.compression() as i64),
        ("Capacity", capacity),
        ("Merged nodes", digest.merged().len() as i64),
        ("Unmerged nodes", waiting),
        ("Merged weight", digest.merged_weight()),
        ("Unmerged weight", waiting),
        ("Observations", digest.observations()),
        ("Total compressions", digest.compressions()),
        ("Memory usage", capacity * size_of::<Centroid>() as i64 + 8),
    ];
    cx.reply.map(facts.len());
    for (name, number) in facts {
        cx.reply.simple(name);
        cx.reply.integer(number);
    }
    Ok(())
}
