//! The keyspace as commands that make it anew: the base of a rewritten log.
//!
//! Everybody waits meanwhile, so all cores help: threads take shard after shard and encode its keys, block by block, and
//! the calling thread writes what they hand it.

use crate::keyspace::{Locked, Shard, recreate};
use crate::state::Server;
use dunlin_storage::disk::DiskFile;
use dunlin_storage::log::{BaseBlock, BaseWriter, LogError};
use parking_lot::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

/// More threads would wait for the one that writes.
const ENCODERS_MAX: usize = 4;
/// Blocks that wait to be written, for each thread that encodes.
const BLOCKS_AHEAD: usize = 2;

/// The shards that nobody has taken yet.
type Todo<'s> = Mutex<Vec<&'s mut Shard>>;

fn next<'s>(todo: &Todo<'s>) -> Option<&'s mut Shard> {
    todo.lock().pop()
}

/// Writes every key of the locked shards, expired ones too: their deletion is an effect of its own. Returns how many.
pub(super) fn write<F: DiskFile>(
    server: &Server,
    shards: &mut Locked<'_>,
    base: &mut BaseWriter<F>,
) -> Result<u64, LogError> {
    // The libraries change only while all shards are held.
    for library in server.scripts.functions.load().iter() {
        base.command_args(0, &[b"FUNCTION", b"LOAD", &library.code])?;
    }
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
            let (todo, full, emptied) = (&todo, full.clone(), &emptied);
            let encode = move || encode(todo, full, emptied);
            match std::thread::Builder::new().name("base".into()).spawn_scoped(scope, encode) {
                Ok(thread) => threads.push(thread),
                Err(error) => tracing::debug!("one thread less writes the base: {error}"),
            }
        }
        if threads.is_empty() {
            return encode_here(&todo, base);
        }
        drop(full);
        let written = write_all(blocks, base, |block| {
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
fn write_all<F: DiskFile>(
    blocks: Receiver<BaseBlock>,
    base: &mut BaseWriter<F>,
    give_back: impl Fn(BaseBlock),
) -> Result<(), LogError> {
    for mut block in blocks {
        base.block(&block)?;
        block.clear();
        give_back(block);
    }
    Ok(())
}

/// Encodes shards until there are no more, or nobody takes the blocks. Returns how many keys.
fn encode(todo: &Todo<'_>, full: SyncSender<BaseBlock>, emptied: &Mutex<Receiver<BaseBlock>>) -> u64 {
    let mut count = 0;
    let mut block = BaseBlock::default();
    while let Some(shard) = next(todo) {
        let taken = encode_shard(shard, &mut block, &mut count, |block| {
            let empty = emptied.lock().try_recv().unwrap_or_default();
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
fn encode_here<F: DiskFile>(todo: &Todo<'_>, base: &mut BaseWriter<F>) -> Result<u64, LogError> {
    let mut count = 0;
    let mut block = BaseBlock::default();
    while let Some(shard) = next(todo) {
        encode_shard(shard, &mut block, &mut count, |block| {
            base.block(block)?;
            block.clear();
            Ok::<_, LogError>(())
        })?;
    }
    base.block(&block)?;
    Ok(count)
}

fn encode_shard<E>(
    shard: &mut Shard,
    block: &mut BaseBlock,
    count: &mut u64,
    mut hand_over: impl FnMut(&mut BaseBlock) -> Result<(), E>,
) -> Result<(), E> {
    for (db, part) in shard.dbs().iter().enumerate() {
        // Databases are counted in 16 bits.
        let db = u16::try_from(db).unwrap_or(u16::MAX);
        for table in part.tables() {
            for entry in table.iter() {
                recreate::commands(&entry, &mut |args| block.command_args(db, args));
                *count += 1;
                if block.is_full() {
                    hand_over(block)?;
                }
            }
        }
    }
    Ok(())
}
