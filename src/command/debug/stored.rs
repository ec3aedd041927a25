//! DEBUG OBJECT, LISTPACK, HTSTATS and HTSTATS-KEY: how things are stored.

use crate::command::{CommandResult, Context};
use crate::keyspace::{Position, SHARD_COUNT};
use crate::resp::{Args, CommandError};
use dunlin_storage::rdb::entry;
use dunlin_structures::Entry;
use dunlin_structures::fields::FieldTable;
use dunlin_structures::list;
use dunlin_structures::packed::Packed;
use dunlin_structures::set::LargeSet;
use dunlin_structures::table::Chains;
use dunlin_structures::zset::SortedSet;
use std::fmt::Write as _;

/// Asks the entry of the key at argument 2, expired or not.
fn ask<R>(cx: &mut Context<'_>, args: &Args<'_>, ask: impl FnOnce(&Entry) -> R) -> Result<R, CommandError> {
    let (db, key) = (cx.session.db, args.at(2));
    let position = Position::of(key);
    cx.keys.visit_shard(position.shard(), |shard| {
        let table = shard.db_ref(db).table(position);
        let entry = table.and_then(|table| table.get(position.hash, key)).ok_or(CommandError::NoSuchKey)?;
        Ok(ask(&entry))
    })
}

pub(super) fn object(cx: &mut Context<'_>, args: &Args<'_>) -> CommandResult {
    let now = cx.server.access_clock(cx.now());
    let position = Position::of(args.at(2));
    let compresses = cx.server.settings.snapshot().rdb_compression();
    let line = ask(cx, args, |entry| {
        let idle_s = now.idle_s(entry.clock());
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
    let mut chains = Chains::default();
    let mut volatile = 0;
    for shard in 0..SHARD_COUNT {
        cx.keys.visit_shard(shard, |shard| {
            let db = shard.db_ref(db);
            db.tables().iter().for_each(|table| table.count_chains(&mut chains));
            volatile += db.expires().len();
        });
    }
    let mut text = String::from("[Dictionary HT]\n");
    describe(&mut text, &chains, is_full(args));
    text += "[Expires HT]\n";
    // Times stand in an ordered index, which has neither slots nor chains.
    if volatile == 0 {
        describe(&mut text, &Chains::default(), false);
    } else {
        let _ = writeln!(text, "{HEADING} table size: {volatile}\n number of elements: {volatile}");
    }
    cx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

pub(super) fn table_of_key(cx: &mut Context<'_>, args: &Args<'_>) -> CommandResult {
    let chains = ask(cx, args, |entry| {
        let mut chains = Chains::default();
        if let Some(hash) = entry.payload_as::<FieldTable>() {
            hash.table().count_chains(&mut chains);
        } else if let Some(set) = entry.payload_as::<LargeSet>() {
            set.count_chains(&mut chains);
        } else if let Some(set) = entry.payload_as::<SortedSet>() {
            set.count_chains(&mut chains);
        } else {
            return None;
        }
        Some(chains)
    })?;
    let chains = chains.ok_or(CommandError::text(
        "The value stored at the specified key is not represented using an hash table",
    ))?;
    let mut text = String::new();
    describe(&mut text, &chains, is_full(args));
    cx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn is_full(args: &Args<'_>) -> bool {
    args.len() == 3 || args.is(3, "full")
}

const HEADING: &str = "Hash table 0 stats (main hash table):\n";

/// What Redis tells of a table, where a slot is a home: the cell from which on an element is looked for. Tables grow leaf
/// by leaf, so there is never a second one that elements are moved to.
fn describe(text: &mut String, chains: &Chains, is_full: bool) {
    let (size, elements) = (chains.homes(), chains.elements());
    *text += HEADING;
    if elements == 0 {
        *text += "No stats available for empty dictionaries\n";
        return;
    }
    let _ = writeln!(text, " table size: {size}\n number of elements: {elements}");
    if !is_full {
        return;
    }
    let slots = size - chains.homes_with[0];
    let average = elements as f64 / slots as f64;
    let _ = write!(
        text,
        " different slots: {slots}\n max chain length: {}\n avg chain length (counted): {average:.2}\n \
         avg chain length (computed): {average:.2}\n Chain length distribution:\n",
        chains.longest(),
    );
    for (length, homes) in chains.homes_with.iter().enumerate().filter(|(_, homes)| **homes > 0) {
        let _ = writeln!(text, "   {length}: {homes} ({:.2}%)", *homes as f64 * 100.0 / size as f64);
    }
}
