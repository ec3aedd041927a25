//! DEBUG OBJECT, LISTPACK, HTSTATS and HTSTATS-KEY: how things are stored.

use crate::command::{CommandResult, Context};
use crate::keyspace::Position;
use crate::resp::{Args, CommandError};
use crate::state::Server;
use dunlin_storage::rdb::entry;
use dunlin_structures::Entry;
use dunlin_structures::entry::Payload;
use dunlin_structures::list;
use dunlin_structures::packed::Packed;

/// Asks the entry of the key at argument 2, expired or not.
fn ask<R>(cx: &Context<'_>, args: &Args<'_>, ask: impl FnOnce(&Entry) -> R) -> Result<R, CommandError> {
    let key = args.at(2);
    let position = Position::of(key);
    let shard = cx.server.keyspace.lock(position.shard());
    let table = shard.db_ref(cx.session.db).table(position);
    let entry = table.and_then(|table| table.get(position.hash, key)).ok_or(CommandError::NoSuchKey)?;
    Ok(ask(&entry))
}

pub(super) fn object(cx: &mut Context<'_>, args: &Args<'_>) -> CommandResult {
    let now = Server::access_clock(cx.now());
    let position = Position::of(args.at(2));
    let compresses = cx.server.settings.snapshot().rdb_compression();
    let line = ask(cx, args, |entry| {
        let idle_s = now.wrapping_sub(entry.clock()) & 0x00ff_ffff;
        format!(
            "Value at:{:#x} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{idle_s}",
            position.hash,
            entry.encoding_name(),
            entry::len(entry, compresses).unwrap_or_else(|| entry.memory_bytes()),
            entry.clock(),
        )
    })?;
    cx.reply.simple(&line);
    Ok(())
}

pub(super) fn listpack(cx: &mut Context<'_>, args: &Args<'_>) -> CommandResult {
    let text = ask(cx, args, |entry| match entry.encoding_name() {
        "listpack" if entry.kind() == dunlin_structures::entry::Kind::List => {
            Some(list::blocks(entry).map(|block| described(block.packed)).collect())
        }
        "listpack" => entry.packed_bytes().map(|bytes| described(Packed::new(bytes))),
        _ => None,
    })?;
    let text = text.ok_or(CommandError::text("Not a listpack encoded object."))?;
    tracing::info!("DEBUG LISTPACK: {text}");
    cx.reply.simple("Listpack structure printed on stdout");
    Ok(())
}

fn described(block: Packed<'_>) -> String {
    block.spots().map(|spot| format!("{}..{} {:?}; ", spot.start, spot.end, spot.item)).collect()
}

pub(super) fn tables(cx: &mut Context<'_>, args: &Args<'_>) -> CommandResult {
    let db = cx.database(args.at(2)).map_err(|_| CommandError::text("Out of range database"))?;
    let keys = cx.server.keyspace.sum(|shard| shard.db_ref(db).len());
    let volatile = cx.server.keyspace.sum(|shard| shard.db_ref(db).expires().len());
    let text = format!("[Dictionary HT]\n{}[Expires HT]\n{}", statistics(keys), statistics(volatile));
    cx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

pub(super) fn table_of_key(cx: &mut Context<'_>, args: &Args<'_>) -> CommandResult {
    let len = ask(cx, args, |entry| {
        let has_table = matches!(entry.encoding_name(), "hashtable" | "skiplist");
        entry.payload().filter(|_| has_table).map(Payload::len)
    })?;
    let len = len.ok_or(CommandError::text(
        "The value stored at the specified key is not represented using an hash table",
    ))?;
    cx.reply.verbatim("txt", statistics(len).as_bytes());
    Ok(())
}

/// What Redis tells of a table. Ours grows leaf by leaf, so it is never being moved to another one; its size is what
/// Redis' would be.
fn statistics(elements: usize) -> String {
    if elements == 0 {
        return "Hash table 0 stats (main hash table):\nNo stats available for empty dictionaries\n".into();
    }
    let size = elements.next_power_of_two().max(4);
    format!("Hash table 0 stats (main hash table):\n table size: {size}\n number of elements: {elements}\n")
}
