//! The keyspace as commands that make it anew: the base of a rewritten log.

use crate::keyspace::{Locked, recreate};
use crate::persist::snapshot::{self, Block};
use crate::state::Server;
use dunlin_storage::disk::DiskFile;
use dunlin_storage::log::{BaseBlock, BaseWriter, LogError};
use dunlin_structures::Entry;

impl Block for BaseBlock {
    fn entry(&mut self, db: u16, entry: &Entry) {
        recreate::commands(entry, &mut |args| self.command_args(db, args));
    }

    fn is_full(&self) -> bool {
        Self::is_full(self)
    }

    fn clear(&mut self) {
        Self::clear(self);
    }
}

/// Writes every key of the locked shards, expired ones too. Returns how many.
pub(super) fn write<F: DiskFile>(
    server: &Server,
    shards: &mut Locked<'_>,
    base: &mut BaseWriter<F>,
) -> Result<u64, LogError> {
    // The libraries change only while all shards are held.
    for library in server.scripts.functions.load().iter() {
        base.command_args(0, &[b"FUNCTION", b"LOAD", &library.code])?;
    }
    snapshot::write(shards, BaseBlock::default, |block| base.block(block))
}
