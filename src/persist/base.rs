//! The keyspace as commands that make it anew: the base of a rewritten log.

use crate::keyspace::{Locked, recreate};
use dunlin_storage::disk::DiskFile;
use dunlin_storage::log::resp::encode_command;
use dunlin_storage::log::{BaseWriter, LogError};

/// Writes every key of the locked shards, expired ones too: their deletion is an effect of its own. Returns how many.
pub(super) fn write<F: DiskFile>(shards: &mut Locked<'_>, base: &mut BaseWriter<F>) -> Result<u64, LogError> {
    let mut command = Vec::new();
    let mut count = 0;
    for (_, shard) in shards.iter_mut() {
        for (db, part) in shard.dbs().iter().enumerate() {
            // Databases are counted in 16 bits.
            let db = u16::try_from(db).unwrap_or(u16::MAX);
            for table in part.tables() {
                for entry in table.iter() {
                    let mut written = Ok(());
                    recreate::commands(&entry, &mut |args| {
                        if written.is_ok() {
                            command.clear();
                            encode_command(args, &mut command);
                            written = base.command(db, &command);
                        }
                    });
                    written?;
                    count += 1;
                }
            }
        }
    }
    Ok(count)
}
