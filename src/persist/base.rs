//! The keyspace as commands that make it anew: the base of a rewritten log.

use crate::keyspace::Locked;
use dunlin_storage::disk::DiskFile;
use dunlin_storage::log::{BaseWriter, LogError};
use dunlin_structures::Entry;
use dunlin_structures::entry::{IntText, Kind};
use std::io;

/// Why a base could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum BaseError {
    #[error(transparent)]
    Log(#[from] LogError),
    /// A handler has stored what the base can't express: a fault of ours, but no reason to lose the log that is there.
    #[error("a {} can't be written into the log's base", .0.name())]
    Kind(Kind),
}

impl From<BaseError> for io::Error {
    fn from(error: BaseError) -> Self {
        io::Error::other(error)
    }
}

/// Writes every key of the locked shards, expired ones too: their deletion is an effect of its own. Returns how many.
pub(super) fn write<F: DiskFile>(
    shards: &mut Locked<'_>,
    base: &mut BaseWriter<F>,
) -> Result<u64, BaseError> {
    let mut command = Vec::new();
    let mut count = 0;
    for (_, shard) in shards.iter_mut() {
        for (db, part) in shard.dbs().iter().enumerate() {
            // Databases are counted in 16 bits.
            let db = u16::try_from(db).unwrap_or(u16::MAX);
            for table in part.tables() {
                for entry in table.iter() {
                    command.clear();
                    encode(&entry, &mut command)?;
                    base.command(db, &command)?;
                    count += 1;
                }
            }
        }
    }
    Ok(count)
}

/// Appends the command that makes an entry.
fn encode(entry: &Entry, command: &mut Vec<u8>) -> Result<(), BaseError> {
    use dunlin_storage::log::resp::encode_command;
    let mut text = IntText::default();
    let Some(value) = entry.string_bytes(&mut text) else { return Err(BaseError::Kind(entry.kind())) };
    match entry.expire_at() {
        None => encode_command(&[b"SET", entry.key(), value], command),
        Some(at) => {
            encode_command(&[b"SET", entry.key(), value, b"PXAT", at.to_string().as_bytes()], command);
        }
    }
    Ok(())
}
