//! The copy that a replica begins with.
//!
//! It is of one point in time: all shards are held while it is written, to a file without a name, and everybody waits for
//! that, as for the base of a rewritten log. Then the file is sent piece by piece, as fast as the replica takes it, while
//! effects gather for it.

use super::replica::Replica;
use crate::hub;
use crate::keyspace::{Locked, Lsn};
use crate::persist::snapshot::{self, Block};
use crate::state::Server;
use crate::state::clients::flag;
use dunlin_storage::rdb::file::{FileBlock, FileWriter};
use dunlin_storage::rdb::{VERSION, VERSION_TIMES};
use dunlin_structures::Entry;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What is read of the file at once, at most.
const PIECE_BYTES: u64 = 256 * 1024;
/// So much may wait to be sent before more is read, unless a limit says less.
const WINDOW_BYTES: u64 = 1024 * 1024;
/// ... but never less than this.
const WINDOW_BYTES_MIN: u64 = 4096;
/// How soon it is looked whether the replica has taken something, and how late if it takes nothing.
const LOOK_AFTER: Duration = Duration::from_millis(1);
const LOOK_AFTER_MAX: Duration = Duration::from_millis(64);

/// Why a replica gets no copy.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the replica is gone")]
    Gone,
    #[error("the replica takes nothing")]
    Stalled,
    #[error(transparent)]
    File(#[from] io::Error),
}

/// A copy that was made.
struct Copy {
    /// At its beginning, when it is to be sent.
    file: File,
    len: u64,
    /// It may be sent once this may leave: a replica is not to have what may be lost here.
    lsn: Lsn,
}

impl Block for FileBlock {
    fn entry(&mut self, db: u16, entry: &Entry) {
        Self::entry(self, db, entry);
    }

    fn is_full(&self) -> bool {
        Self::is_full(self)
    }

    fn clear(&mut self) {
        Self::clear(self);
    }
}

/// Has a replica given a copy of everything and then all that happens, on a thread of its own.
///
/// # Errors
/// There can be no further thread; then the client is none.
pub fn begin(server: &Arc<Server>, replica: &Arc<Replica>) -> io::Result<()> {
    let (server, replica) = (Arc::clone(server), Arc::clone(replica));
    server.replication.admit(&server, &replica);
    let started = std::thread::Builder::new().name("sync".into()).spawn({
        let (server, replica) = (Arc::clone(&server), Arc::clone(&replica));
        move || run(&server, &replica)
    });
    if started.is_err() {
        server.replication.forget(&server, &replica.client);
    }
    started.map(drop)
}

fn run(server: &Arc<Server>, replica: &Arc<Replica>) {
    let client = &replica.client;
    tracing::info!("Replica {} at {} asks for synchronization", client.id, client.address);
    let peer = (replica.host(), replica.introduction.port);
    let waits = server.replication.returns.delay_of(&peer, server.now());
    if !waits.is_zero() {
        tracing::warn!(
            "Replica {} comes back for another copy at once, as if it could not use the last one: it waits {} ms",
            client.id,
            waits.as_millis()
        );
        std::thread::sleep(waits);
    }
    let copied = copy(server, replica).and_then(|copy| send(server, replica, copy));
    server.replication.returns.note(peer, server.now());
    match copied {
        Ok(()) => tracing::info!("Synchronization with replica {} succeeded", client.id),
        Err(error) => {
            tracing::warn!("Synchronization with replica {} failed: {error}", client.id);
            client.kill();
        }
    }
}

/// Writes the copy.
fn copy(server: &Arc<Server>, replica: &Arc<Replica>) -> Result<Copy, Failure> {
    let _only = server.replication.copying.lock();
    let file = BufWriter::new(unnamed_file()?);
    let (written, paused) = server.persist.without_scripts(server, || {
        let began = Instant::now();
        let mut shards = server.keyspace.lock_all();
        let Some((offset, lsn)) = server.replication.cut(server, replica) else {
            return (Err(Failure::Gone), Duration::ZERO);
        };
        if replica.answers {
            // Before anything else that it is sent from now on.
            let line = format!("+FULLRESYNC {} {offset}\r\n", server.replication.id());
            hub::send(server, &replica.client, Lsn::default(), |out| {
                out.bytes.extend_from_slice(line.as_bytes())
            });
        }
        let written = write(server, &mut shards, replica, file);
        let written = written.map(|(file, len, count)| (Copy { file, len, lsn }, count));
        (written.map_err(Failure::from), began.elapsed())
    });
    let (mut copy, count) = written?;
    server.replication.full_syncs.fetch_add(1, Relaxed);
    server.persist.note_pause(server, paused);
    tracing::info!(
        "A copy of {count} keys, {} bytes, was made while all shards were held for {} ms",
        copy.len,
        paused.as_millis()
    );
    copy.file.rewind()?;
    Ok(copy)
}

/// A file that goes with the process: in the data directory, or where that takes none.
fn unnamed_file() -> io::Result<File> {
    tempfile::tempfile_in(".").or_else(|_| tempfile::tempfile())
}

/// Returns the file, its length, and the number of keys.
fn write(
    server: &Server,
    shards: &mut Locked<'_>,
    replica: &Replica,
    out: BufWriter<File>,
) -> io::Result<(File, u64, u64)> {
    let asked = &replica.introduction;
    // What is newer than version 10 is written only where it is needed: older servers don't read it.
    let mut has_times = false;
    shards.for_each(|_, shard| has_times |= shard.dbs().iter().any(|db| !db.element_expires().is_empty()));
    let version = if has_times && !asked.without_data { VERSION_TIMES } else { VERSION };
    let now = (server.now() / 1000).to_string();
    let used = crate::observe::memory::used(server).to_string();
    let about = [
        ("redis-ver", crate::observe::info::REDIS_VERSION),
        ("redis-bits", "64"),
        ("ctime", &now),
        ("used-mem", &used),
        ("aof-base", "0"),
    ];
    let mut file = FileWriter::new(out, version, &about)?;
    if !asked.without_functions {
        for library in server.scripts.functions.load().iter() {
            file.library(&library.code)?;
        }
    }
    let compresses = server.settings.snapshot().rdb_compression();
    let count = match asked.without_data {
        true => 0,
        false => snapshot::write(shards, || FileBlock::new(compresses), |block| file.block(block))?,
    };
    let (out, len) = file.finish()?;
    Ok((out.into_inner().map_err(io::IntoInnerError::into_error)?, len, count))
}

/// Sends the copy, and what has happened since it was made.
fn send(server: &Server, replica: &Arc<Replica>, copy: Copy) -> Result<(), Failure> {
    let client = &replica.client;
    let Copy { file, len, lsn } = copy;
    let put = |bytes: &[u8]| hub::send(server, client, lsn, |out| out.bytes.extend_from_slice(bytes));
    if !server.replication.begin_sending(replica) || !put(format!("${len}\r\n").as_bytes()) {
        return Err(Failure::Gone);
    }
    // The copy itself is not to be what a limit cuts the replica off for.
    let limit = server.hot.output_limit(client.output_class());
    let limits = [limit.hard_bytes, limit.soft_bytes].into_iter().filter(|limit| *limit > 0);
    let window = limits.fold(WINDOW_BYTES, |window, limit| window.min(limit / 4)).max(WINDOW_BYTES_MIN);
    let mut file = file.take(len);
    let mut piece = vec![0; window.min(PIECE_BYTES) as usize];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            break;
        }
        wait_until_sent(server, replica, window)?;
        if !put(&piece[..count]) {
            return Err(Failure::Gone);
        }
    }
    if file.limit() > 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    if replica.introduction.only_copy {
        // Its connection ends when all of it has left.
        client.set_flag(flag::CLOSING, true);
        client.wake();
        return Ok(());
    }
    server.replication.go_online(server, replica);
    Ok(())
}

/// Waits until no more than so many bytes wait to be sent, for as long as the replica takes some.
fn wait_until_sent(server: &Server, replica: &Replica, bytes: u64) -> Result<(), Failure> {
    let client = &replica.client;
    let patience = Duration::from_secs(server.settings.snapshot().repl_timeout_seconds());
    let (mut taken_at, mut taken) = (Instant::now(), client.net_output.load(Relaxed));
    let mut look_after = LOOK_AFTER;
    loop {
        if client.is_killed() || client.outbox.is_closed() {
            return Err(Failure::Gone);
        }
        if client.outbox.bytes() + client.output_bytes.load(Relaxed) <= bytes {
            return Ok(());
        }
        let now_taken = client.net_output.load(Relaxed);
        if now_taken != taken {
            (taken_at, taken, look_after) = (Instant::now(), now_taken, LOOK_AFTER);
        } else if taken_at.elapsed() > patience {
            return Err(Failure::Stalled);
        }
        std::thread::sleep(look_after);
        look_after = (2 * look_after).min(LOOK_AFTER_MAX);
    }
}
