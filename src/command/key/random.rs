//! RANDOMKEY: a key by chance.
//!
//! Every key is about as likely as any other, however unevenly they are spread over slots: a shard is drawn by how many
//! keys it has, and a table of it likewise.

use crate::command::key::scan::drop_expired;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::SHARD_COUNT;
use crate::keyspace::shard::{below, has_expired};
use crate::resp::Args;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "randomkey",
    arity: 1,
    flags: READONLY.and(READS_ALL),
    acl: acl::KEYSPACE,
    group: "generic",
    since: "1.0.0",
    summary: "Returns a random key name from the database.",
    complexity: "O(1)",
    tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
    run: Run::Unlocked(randomkey),
    ..CommandSpec::BLANK
}];

/// How often a key that has expired is passed over before none is answered.
const TRIES: usize = 100;

fn randomkey(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    for _ in 0..TRIES {
        let Some(shard) = random_shard(cx) else { break };
        let now = cx.now();
        let found = cx.keys.visit(shard, |db| {
            let entry = db.sample(&mut rand::random)?;
            let is_live = !has_expired(&entry, now);
            Some(is_live.then(|| entry.key().to_vec()))
        });
        match found {
            Some(Some(key)) => {
                cx.reply.bulk(&key);
                return Ok(());
            }
            Some(None) => drop_expired(cx, shard),
            // The shard's last key went in between.
            None => {}
        }
    }
    cx.reply.null();
    Ok(())
}

/// A shard by chance, in proportion to its keys; none if there are no keys.
fn random_shard(cx: &mut Context<'_>) -> Option<usize> {
    let mut counts = [0; SHARD_COUNT];
    for (shard, count) in counts.iter_mut().enumerate() {
        *count = cx.keys.visit(shard, |db| db.len()) as u64;
    }
    let mut chance = below(counts.iter().sum(), rand::random())?;
    counts.iter().position(|&count| {
        let here = chance < count;
        chance = chance.saturating_sub(count);
        here
    })
}
