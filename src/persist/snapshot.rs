//! Every entry of the keyspace, encoded while all shards are held: the base of a rewritten log, a replica's first copy.
//!
//! Everybody waits meanwhile, so all cores help: threads take shard after shard and encode its entries, block by block, and
//! the calling thread writes what they hand it.

use crate::keyspace::{Locked, Shard};
use dunlin_structures::Entry;
use parking_lot::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

/// More threads would wait for the one that writes.
const ENCODERS_MAX: usize = 4;
/// Blocks that wait to be written, for each thread that encodes.
const BLOCKS_AHEAD: usize = 2;

/// What entries are encoded into. Blocks may be written in any order.
pub trait Block: Send {
    fn entry(&mut self, db: u16, entry: &Entry);
    /// Whether it is large enough to be written.
    fn is_full(&self) -> bool;
    /// Makes room for the next entries.
    fn clear(&mut self);
}

/// The shards that nobody has taken yet.
type Todo<'s> = Mutex<Vec<&'s mut Shard>>;

fn next<'s>(todo: &Todo<'s>) -> Option<&'s mut Shard> {
    todo.lock().pop()
}

/// Has every entry of the locked shards written, expired ones too: their deletion is an effect of its own. Returns how
/// many.
///
/// # Errors
/// The first of `put`'s: then nothing more is encoded.
pub fn write<B: Block, E>(
    shards: &mut Locked<'_>,
    new: impl Fn() -> B + Sync,
    mut put: impl FnMut(&B) -> Result<(), E>,
) -> Result<u64, E> {
    let encoders = std::thread::available_parallelism().map_or(1, usize::from).min(ENCODERS_MAX);
    let (full, blocks) = sync_channel(encoders * BLOCKS_AHEAD);
    let (empty, emptied) = channel();
    let emptied = Mutex::new(emptied);
    let mut all = Vec::new();
    shards.for_each(|_, shard| all.push(shard));
    let todo: Todo<'_> = Mutex::new(all);
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for _ in 0..encoders {
            let (todo, full, emptied, new) = (&todo, full.clone(), &emptied, &new);
            let encode = move || encode(todo, full, emptied, new);
            match std::thread::Builder::new().name("base".into()).spawn_scoped(scope, encode) {
                Ok(thread) => threads.push(thread),
                Err(error) => tracing::debug!("one thread less encodes: {error}"),
            }
        }
        if threads.is_empty() {
            return encode_here(&todo, new(), put);
        }
        drop(full);
        let written = write_all(blocks, &mut put, |block| {
            // Who would have used it again has ended.
            let _unused = empty.send(block);
        });
        let counts = threads.into_iter().map(|thread| match thread.join() {
            Ok(count) => count,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let count = counts.sum();
        written.map(|()| count)
    })
}

/// Writes blocks until there are no more. Dropping the receiver on an error ends those who make them.
fn write_all<B: Block, E>(
    blocks: Receiver<B>,
    put: &mut impl FnMut(&B) -> Result<(), E>,
    give_back: impl Fn(B),
) -> Result<(), E> {
    for mut block in blocks {
        put(&block)?;
        block.clear();
        give_back(block);
    }
    Ok(())
}

/// Encodes shards until there are no more, or nobody takes the blocks. Returns how many entries.
fn encode<B: Block>(
    todo: &Todo<'_>,
    full: SyncSender<B>,
    emptied: &Mutex<Receiver<B>>,
    new: &impl Fn() -> B,
) -> u64 {
    let mut count = 0;
    let mut block = new();
    while let Some(shard) = next(todo) {
        let taken = encode_shard(shard, &mut block, &mut count, |block| {
            let empty = emptied.lock().try_recv().unwrap_or_else(|_| new());
            full.send(std::mem::replace(block, empty)).map_err(drop)
        });
        if taken.is_err() {
            return count;
        }
    }
    // If it is not taken the writing has failed, and says so.
    let _taken = full.send(block);
    count
}

/// The same on the one thread that there is.
fn encode_here<B: Block, E>(
    todo: &Todo<'_>,
    mut block: B,
    mut put: impl FnMut(&B) -> Result<(), E>,
) -> Result<u64, E> {
    let mut count = 0;
    while let Some(shard) = next(todo) {
        encode_shard(shard, &mut block, &mut count, |block| {
            put(block)?;
            block.clear();
            Ok::<_, E>(())
        })?;
    }
    put(&block)?;
    Ok(count)
}

fn encode_shard<B: Block, E>(
    shard: &mut Shard,
    block: &mut B,
    count: &mut u64,
    mut hand_over: impl FnMut(&mut B) -> Result<(), E>,
) -> Result<(), E> {
    for (db, part) in shard.dbs().iter().enumerate() {
        // Databases are counted in 16 bits.
        let db = u16::try_from(db).unwrap_or(u16::MAX);
        for table in part.tables() {
            for entry in table.iter() {
                block.entry(db, &entry);
                *count += 1;
                if block.is_full() {
                    hand_over(block)?;
                }
            }
        }
    }
    Ok(())
}
