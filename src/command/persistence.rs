//! Commands about what is kept on disk. The work is done by `persist`.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};

const NO_RDB: CommandError = CommandError::text(
    "RDB files are not supported; with appendonly yes the log keeps the data, and BGREWRITEAOF compacts it",
);

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "bgrewriteaof",
        arity: 1,
        flags: ADMIN.and(NOSCRIPT).and(NO_ASYNC_LOADING),
        group: "server",
        since: "1.0.0",
        summary: "Asynchronously rewrites the append-only file to disk.",
        complexity: "O(1)",
        run: Run::Unlocked(bgrewriteaof),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "bgsave",
        arity: -1,
        flags: ADMIN.and(NOSCRIPT).and(NO_ASYNC_LOADING),
        group: "server",
        since: "1.0.0",
        summary: "Asynchronously saves the database(s) to disk.",
        complexity: "O(1)",
        syntax: "[SCHEDULE]",
        history: &[("3.2.2", "Added the `SCHEDULE` option.")],
        run: Run::Unlocked(bgsave),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "lastsave",
        arity: 1,
        flags: LOADING.and(STALE).and(FAST),
        acl: acl::ADMIN.and(acl::DANGEROUS),
        group: "server",
        since: "1.0.0",
        summary: "Returns the Unix timestamp of the last successful save to disk.",
        complexity: "O(1)",
        tips: &["nondeterministic_output"],
        run: Run::Unlocked(lastsave),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "save",
        arity: 1,
        flags: ADMIN.and(NOSCRIPT).and(NO_ASYNC_LOADING).and(NO_MULTI),
        group: "server",
        since: "1.0.0",
        summary: "Synchronously saves the database(s) to disk.",
        complexity: "O(N) where N is the total number of keys in all databases",
        run: Run::Unlocked(save),
        ..CommandSpec::BLANK
    },
];

fn bgrewriteaof(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    if let Some(server) = cx.server.this.upgrade() {
        server.persist.rewrite_in_background(&server).map_err(CommandError::formatted)?;
    }
    // It begins with holding all shards, so not before a transaction lets its own go.
    let begins = if cx.keys.lent().is_some() { "scheduled" } else { "started" };
    cx.reply.simple(&format!("Background append only file rewriting {begins}"));
    Ok(())
}

fn bgsave(_: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.accept("SCHEDULE");
    args.finish()?;
    Err(NO_RDB)
}

fn save(_: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    Err(NO_RDB)
}

/// As in Redis, the time of the start while nothing was saved since.
fn lastsave(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.integer(cx.server.started_at / 1000);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::check;

    #[test]
    fn what_needs_rdb_files_or_a_log_says_so() {
        const NO_RDB: &str = "-ERR RDB files are not supported; with appendonly yes the log keeps the data, and \
                              BGREWRITEAOF compacts it";
        check(&[
            ("SAVE", NO_RDB),
            ("BGSAVE", NO_RDB),
            ("BGSAVE SCHEDULE", NO_RDB),
            ("BGSAVE NOW", "-ERR syntax error"),
        ]);
    }
}
