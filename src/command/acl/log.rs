//! ACL LOG.

use crate::command::{CommandResult, Context};
use crate::resp::Args;

/// Entries that are shown to who asks for no number.
const SHOWN: usize = 10;

pub(super) fn log(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    super::no_further(args, 3)?;
    let log = &cx.server.users.log;
    let count = match args.len() {
        3 if args.is(2, "reset") => {
            log.reset();
            cx.reply.ok();
            return Ok(());
        }
        3 => usize::try_from(args.integer_at(2)?).unwrap_or(0),
        _ => SHOWN,
    };
    let now = cx.now();
    let entries = log.latest(count);
    let reply = &mut cx.reply;
    reply.array(entries.len());
    for entry in &entries {
        let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        reply.map(10);
        reply.bulk_str("count");
        reply.integer(integer(entry.count));
        let words = [("reason", entry.reason.word()), ("context", entry.context.word())];
        for (field, word) in words {
            reply.bulk_str(field);
            reply.bulk_str(word);
        }
        reply.bulk_str("object");
        reply.bulk(&entry.object);
        reply.bulk_str("username");
        reply.bulk(&entry.user);
        reply.bulk_str("age-seconds");
        reply.double((now - entry.updated_at) as f64 / 1000.0);
        reply.bulk_str("client-info");
        reply.bulk(&entry.client);
        reply.bulk_str("entry-id");
        reply.integer(integer(entry.id));
        reply.bulk_str("timestamp-created");
        reply.integer(entry.created_at);
        reply.bulk_str("timestamp-last-updated");
        reply.integer(entry.updated_at);
    }
    Ok(())
}
