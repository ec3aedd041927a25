//! Turns the log on and off, starts, stops, rewrites and reloads it.
//!
//! Whatever makes a base needs the state of one point in time: it holds all shards while it writes the commands, and
//! says in the log how long everybody waited. (Checkpoints will end that.) The disk is waited for afterwards.

use crate::command::blocking;
use crate::commit::{Hold, LogSink};
use crate::config::AppendFsync;
use crate::keyspace::door::Access;
use crate::keyspace::shard::ShardDb;
use crate::keyspace::{Locked, Lsn};
use crate::persist::active::{ActiveLog, Sink};
use crate::persist::base;
use crate::persist::figures::Figures;
use crate::persist::latency;
use crate::persist::replay::{self, ReplayError};
use crate::persist::settings::LogSettings;
use crate::persist::writing;
use crate::script::library::Libraries;
use crate::state::{Server, gates, unix_ms};
use arc_swap::{ArcSwap, ArcSwapOption};
use dunlin_storage::disk::{Disk, RealDisk};
use dunlin_storage::log::{self, Damage, Loader, LogBuffer, LogDirectory, LogError, LogWriter};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

/// Redis, too, says nothing of loading before it has read so much.
const SHORT_LOG_BYTES: u64 = 2 << 20;
/// After a rewrite has failed the next one that nobody asked for waits so long.
const REWRITE_RETRY_MS: i64 = 60_000;

/// The log of a server, on or off.
#[derive(Default)]
pub struct Persistence {
    settings: ArcSwap<LogSettings>,
    active: ArcSwapOption<ActiveLog>,
    pub figures: Figures,
    /// Held by whoever turns the log on or off, or rewrites it.
    switch: Mutex<Switch>,
}

/// What only the holder of the switch touches.
#[derive(Default)]
struct Switch {
    thread: Option<JoinHandle<()>>,
    /// The data directory is ours, and the log is not open yet.
    claimed: Option<<RealDisk as Disk>::Lock>,
    /// Where a log that is turned on goes on: LSNs never fall.
    last_lsn: u64,
    /// When the last rewrite failed, in ms since 1970.
    rewrite_failed_at: i64,
}

/// Why the log could not be opened or turned on. The server must not serve after it failed to start with it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("the log can't be replayed: {0}")]
    Replay(#[from] ReplayError),
    #[error("the log's thread can't be started: {0}")]
    Thread(io::Error),
    #[error("there is none in the data directory")]
    NothingToLoad,
}

impl Persistence {
    pub fn settings(&self) -> Arc<LogSettings> {
        self.settings.load_full()
    }

    pub fn is_on(&self) -> bool {
        self.active.load().is_some()
    }

    pub(super) fn active(&self) -> Option<Arc<ActiveLog>> {
        self.active.load_full()
    }

    /// Waits until no script owns anything, and lets none begin meanwhile. Not for a worker, which may have to run them.
    pub fn without_scripts<R>(&self, server: &Server, work: impl FnOnce() -> R) -> R {
        let _none = WithoutScripts::wait(server);
        work()
    }

    /// Begins BGREWRITEAOF: returns at once, the rewrite goes on by itself.
    ///
    /// # Errors
    /// In words for the client.
    pub fn rewrite_in_background(&self, server: &Arc<Server>) -> Result<(), String> {
        rewrite_in_background(server)
    }

    /// DEBUG LOADAOF: forgets everything and loads the log anew; one that is off, as BGREWRITEAOF left it. Takes as long
    /// as the log is long, and waits for the workers: not for one of them to call.
    ///
    /// # Errors
    /// In words for the client. The data are as before then.
    pub fn reload(&self, server: &Arc<Server>) -> Result<(), String> {
        reload(server)
    }

    /// All shards were held for so long: what a fork is to Redis.
    pub fn note_pause(&self, server: &Server, took: std::time::Duration) {
        latency::paused(server, took);
    }

    /// Whether acknowledged writes would be lost if the server ended now. Waits for the disk.
    pub fn would_lose(&self, server: &Server) -> bool {
        if let Some(log) = self.active() {
            sync_ahead(server, &log);
        }
        server.gates.closed() & gates::LOG_FAILED != 0
    }

    /// Called by the clockwork every now and then.
    pub fn tick(&self, server: &Server, now: i64) {
        if let Some(log) = self.active.load().as_ref() {
            writing::hold_back_if_late(server, log, self.settings.load().fsync, now);
        }
    }
}

/// Takes the data directory, if there is to be a log. The start does so before it touches anything that a server which
/// has it already may use.
///
/// # Errors
/// Another server has it.
pub fn claim(server: &Server, settings: &LogSettings) -> Result<(), StartError> {
    if settings.enabled {
        server.persist.switch.lock().claimed = Some(directory(settings).lock(&holder())?);
    }
    Ok(())
}

/// Whether the log, as it is on the disk, is loaded in an instant.
pub fn is_short(settings: &LogSettings) -> bool {
    directory(settings).size_bytes().is_ok_and(|bytes| bytes <= SHORT_LOG_BYTES)
}

/// Loads the log and opens it for writing, if there is to be one. Takes as long as the log is long; the caller keeps the
/// `LOADING` gate closed meanwhile.
///
/// # Errors
/// The log can't be loaded whole, or another server has the directory.
pub fn start(server: &Arc<Server>, settings: LogSettings) -> Result<(), StartError> {
    let persist = &server.persist;
    persist.settings.store(Arc::new(settings.clone()));
    if !settings.enabled {
        return Ok(());
    }
    let mut switch = persist.switch.lock();
    let directory = directory(&settings);
    let lock = match switch.claimed.take() {
        Some(lock) => lock,
        None => directory.lock(&holder())?,
    };
    let loader = load(server, directory, &settings)?;
    let lsn = loader.lsn();
    let (writer, refused) = match LogWriter::resume(loader, rand::random()) {
        Ok(writer) => (writer, None),
        // All data are there: they are served, and writes are refused, as if the disk had become full just now.
        Err(error) if error.lacks_room() => {
            let directory = self::directory(&settings);
            (LogWriter::failed(directory, lsn, rand::random(), &error)?, Some(error))
        }
        Err(error) => return Err(error.into()),
    };
    let log = Arc::new(ActiveLog::new(writer, lsn, lock));
    server.commit.set_durable(Lsn(lsn.get()));
    open(server, &mut switch, &log)?;
    follow_fsync(server, settings.fsync);
    if let Some(error) = refused {
        writing::fail(server, &error, true);
    }
    Ok(())
}

/// Follows a change of the settings.
///
/// # Errors
/// The log could not be turned on, in words for the client; then it is off as before.
pub fn follow(server: &Arc<Server>, settings: LogSettings) -> Result<(), String> {
    let persist = &server.persist;
    let before = persist.settings();
    if server.gates.closed() & gates::LOADING != 0 {
        // The log is opened when it has been read; to turn it on or off meanwhile would wait for that.
        if settings.enabled != before.enabled {
            return Err("the log is being loaded".to_owned());
        }
        persist.settings.store(Arc::new(LogSettings { fsync: settings.fsync, ..(*before).clone() }));
        return Ok(());
    }
    // Where the files are is settled when the log is turned on.
    let settings = match persist.is_on() && settings.enabled {
        true => LogSettings { data_dir: before.data_dir.clone(), names: before.names.clone(), ..settings },
        false => settings,
    };
    persist.settings.store(Arc::new(settings.clone()));
    let followed = match (persist.is_on(), settings.enabled) {
        (false, true) => turn_on(server, &settings),
        (true, false) => {
            turn_off(server);
            Ok(())
        }
        (true, true) | (false, false) => Ok(()),
    };
    match followed {
        Ok(()) => {
            follow_fsync(server, settings.fsync);
            Ok(())
        }
        Err(error) => {
            tracing::error!("Unable to turn on AOF: {error}");
            persist.settings.store(before);
            Err("Unable to turn on AOF. Check server logs.".to_owned())
        }
    }
}

/// Writes and syncs everything and closes the log, for good: nobody reaches a key any more. A rewrite that runs is
/// waited for.
///
/// # Errors
/// What was not yet durable may be lost.
pub fn stop(server: &Arc<Server>) -> Result<(), LogError> {
    let mut switch = server.persist.switch.lock();
    // A command that had passed the gates would change and acknowledge what no log holds: the locks are kept for what
    // is left of the process.
    std::mem::forget(server.keyspace.lock_all());
    finish(server, &mut switch)
}

/// See [`Persistence::rewrite_in_background`].
fn rewrite_in_background(server: &Arc<Server>) -> Result<(), String> {
    let persist = &server.persist;
    let log = persist.active();
    if persist.figures.rewrite_since_ms.load(Ordering::Acquire) != 0 {
        return Err("Background append only file rewriting already in progress".to_owned());
    }
    persist.figures.rewrite_started();
    let server = Arc::clone(server);
    let spawned = std::thread::Builder::new().name("rewrite".into()).spawn(move || {
        let mut switch = server.persist.switch.lock();
        let result = match (&log, server.persist.active()) {
            (None, None) => write_base_only(&server, switch.last_lsn),
            (Some(log), Some(active)) if Arc::ptr_eq(log, &active) => rewrite(&server, log),
            // It was turned off or on, perhaps as another one, since this was asked for.
            _ => Err(LogError::Detached.into()),
        };
        drop(log);
        if let Err(error) = &result {
            tracing::error!("The log could not be rewritten: {error}");
            switch.rewrite_failed_at = unix_ms();
        }
        server.persist.figures.rewrite_ended(result.is_ok());
    });
    if let Err(error) = spawned {
        persist.figures.rewrite_ended(false);
        return Err(format!("Can't rewrite the log in the background: {error}"));
    }
    Ok(())
}

/// Begins a rewrite if the log has grown as much as the settings say. Called by the log's thread.
pub(super) fn rewrite_if_grown(server: &Arc<Server>, log: &ActiveLog) {
    let persist = &server.persist;
    let settings = persist.settings();
    let growth_percent = u64::from(settings.rewrite_growth_percent);
    if growth_percent == 0 || persist.figures.rewrite_since_ms.load(Ordering::Acquire) != 0 {
        return;
    }
    let size = log.positions.size_bytes();
    let before = log.size_at_rewrite.load(Ordering::Relaxed).max(1).unsigned_abs();
    let limit = u128::from(before) * u128::from(100 + growth_percent) / 100;
    if size < settings.rewrite_bytes_min || u128::from(size) < limit {
        return;
    }
    rewrite_unasked(server, &format!("Starting automatic rewriting of AOF on {growth_percent}% growth"));
}

/// Begins a rewrite of a log that has failed, if there is as much room as the log takes now: it holds everybody up, and
/// for nothing if the disk is still full.
pub(super) fn rewrite_if_room(server: &Arc<Server>, log: &ActiveLog) {
    let free_bytes = rustix::fs::statvfs(&server.persist.settings().data_dir)
        .map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    if free_bytes > log.positions.size_bytes() {
        rewrite_unasked(server, "Rewriting the log that has failed, since there seems to be room for it");
    }
}

fn rewrite_unasked(server: &Arc<Server>, why: &str) {
    // Somebody else is busy with the log: next time.
    let Some(switch) = server.persist.switch.try_lock() else { return };
    let failed_at = switch.rewrite_failed_at;
    drop(switch);
    if failed_at != 0 && unix_ms() - failed_at < REWRITE_RETRY_MS {
        return;
    }
    tracing::info!("{why}");
    if let Err(reason) = rewrite_in_background(server) {
        tracing::warn!("{reason}");
    }
}

/// See [`Persistence::reload`].
fn reload(server: &Arc<Server>) -> Result<(), String> {
    let persist = &server.persist;
    // First, while all else goes on: who must end a script that doesn't end by itself can still say so.
    let _scripts = WithoutScripts::wait(server);
    let _switch = persist.switch.lock();
    let log = persist.active();
    // Of a log that is off others may make use meanwhile, and the files may be elsewhere since.
    let (mut settings, _lock) = match log {
        Some(_) => (LogSettings::clone(&persist.settings()), None),
        None => {
            let settings = LogSettings::new(&server.settings.snapshot());
            let lock = directory(&settings).lock(&holder()).map_err(|error| error.to_string())?;
            (settings, Some(lock))
        }
    };
    // What is written whole has no torn tail: anything that doesn't fit is damage, and a file in use must not be cut.
    settings.load.cut_torn_tail &= log.is_none();
    if log.is_none() {
        let found = Loader::open(directory(&settings), settings.load).map_err(StartError::from);
        // A start begins with nothing then; here nothing would be left.
        let is_new = found.map(|loader| loader.is_new()).map_err(|error| as_before(&error))?;
        if is_new {
            return Err(as_before(&StartError::NothingToLoad));
        }
    }
    server.gates.close(gates::LOADING);
    // A command that had passed the gate before would meet a part of the data, and change what no log holds.
    server.rounds.wait();
    let before = {
        let mut shards = server.keyspace.lock_all();
        server.commit.set_log(None);
        // What is loaded is no effect of anything that happens now.
        server.replication.begin_anew(server);
        let written = log.as_ref().map(|log| log.writer.lock().write_from(&log.buffer)).transpose();
        written.map(|_| {
            let libraries = Libraries::clone(&server.scripts.functions.load());
            server.scripts.functions.store(Libraries::default());
            (exchange(server, &mut shards, Vec::new()), libraries)
        })
    };
    let reloaded = before.map_err(StartError::from).and_then(|(before, libraries)| {
        let loaded = load(server, directory(&settings), &settings).map(drop);
        // What goes is freed when the shards are free again.
        let _gone = match &loaded {
            Ok(()) => before,
            Err(_) => {
                let mut shards = server.keyspace.lock_all();
                server.scripts.functions.store(libraries);
                exchange(server, &mut shards, before)
            }
        };
        loaded
    });
    let mut shards = server.keyspace.lock_all();
    server.commit.set_log(log.as_ref().map(|log| sink(server, log)));
    server.gates.open(gates::LOADING);
    // While the past was repeated nobody was served from it. What is there now is there for those who wait.
    let mut ready = Vec::new();
    shards.for_each(|_, shard| ready.extend(shard.waiters.keys()));
    if !ready.is_empty() {
        let now = server.now();
        let access = Access { clock: server.access_clock(now), no_touch: false, keeps_expired: false };
        blocking::serve(server, &server.workers[0], now, access, shards, ready);
    }
    reloaded.map_err(|error| as_before(&error))
}

fn as_before(error: &StartError) -> String {
    format!("the log can't be loaded, the data are as before: {error}")
}

/// While this lives no script owns anything, or begins to: what is in the shards is of no unfinished unit.
struct WithoutScripts<'s>(&'s Server);

impl<'s> WithoutScripts<'s> {
    /// Waits for scripts that have begun. To be made before anything is locked that they might need.
    fn wait(server: &'s Server) -> Self {
        let owners = &server.scripts.owners;
        owners.hold();
        let is_owned = || {
            owners.token_holder() != 0
                || (0..crate::keyspace::SHARD_COUNT).any(|index| server.keyspace.lock(index).owner != 0)
        };
        while is_owned() {
            owners.wait_for_end();
        }
        Self(server)
    }
}

impl Drop for WithoutScripts<'_> {
    fn drop(&mut self) {
        self.0.scripts.owners.release();
        self.0.gates.retry();
    }
}

/// Puts these parts of databases, in the order in which they were taken out, in the place of those that are there;
/// nothing, where there are none.
fn exchange(server: &Server, shards: &mut Locked<'_>, parts: Vec<ShardDb>) -> Vec<ShardDb> {
    let mut parts = parts.into_iter();
    let mut taken = Vec::new();
    shards.for_each(|index, shard| {
        for db in 0..server.keyspace.databases() {
            shard.touch_flushed(db);
            taken.push(std::mem::replace(shard.db(db), parts.next().unwrap_or_default()));
        }
        server.keyspace.set_next_expiry(index, shard.next_expiry());
    });
    taken
}

fn directory(settings: &LogSettings) -> LogDirectory<RealDisk> {
    LogDirectory::new(RealDisk::new(&settings.data_dir), settings.names.clone())
}

fn holder() -> String {
    format!("process {}", std::process::id())
}

fn sink(server: &Arc<Server>, log: &Arc<ActiveLog>) -> Box<dyn LogSink> {
    Box::new(Sink { log: Arc::clone(log), server: Arc::downgrade(server) })
}

/// Replays the log of a directory.
fn load(
    server: &Arc<Server>,
    directory: LogDirectory<RealDisk>,
    settings: &LogSettings,
) -> Result<Loader<RealDisk>, StartError> {
    let started = unix_ms();
    let memory_before = held_memory();
    let mut loader = Loader::open(directory, settings.load)?;
    if let Some(torn) = loader.torn_tail().filter(|torn| torn.damage == Damage::Empty) {
        tracing::warn!(
            "!!! {}: {}: whatever else it held is lost (aof-load-truncated is enabled) !!!",
            torn.path.display(),
            torn.damage
        );
    } else if let Some(torn) = loader.torn_tail() {
        tracing::warn!(
            "!!! The log ended torn: {}. Its last {} bytes are cut off {} at offset {} (aof-load-truncated is enabled) !!!",
            torn.damage,
            torn.dropped_bytes,
            torn.path.display(),
            torn.offset
        );
    }
    let count = replay::run(server, &mut loader)?;
    let grown = held_memory() - memory_before;
    server.persist.figures.loaded_memory.fetch_add(grown, Ordering::Relaxed);
    if !loader.is_new() {
        let seconds = (unix_ms() - started) as f64 / 1000.0;
        tracing::info!("DB loaded from append only file: {count} commands in {seconds:.3} seconds");
    }
    Ok(loader)
}

/// What this thread has allocated and not freed, in bytes.
fn held_memory() -> i64 {
    let bytes = dunlin_structures::alloc::thread_bytes();
    bytes.allocated.wrapping_sub(bytes.freed).cast_signed()
}

/// Starts the log's thread and has effects go to the log.
fn open(server: &Arc<Server>, switch: &mut Switch, log: &Arc<ActiveLog>) -> Result<(), StartError> {
    let (thread_server, thread_log) = (Arc::clone(server), Arc::clone(log));
    let thread = std::thread::Builder::new().name("log".into());
    let thread =
        thread.spawn(move || writing::run(&thread_server, &thread_log)).map_err(StartError::Thread)?;
    switch.thread = Some(thread);
    server.persist.active.store(Some(Arc::clone(log)));
    let _scripts = WithoutScripts::wait(server);
    let _shards = server.keyspace.lock_all();
    server.commit.set_log(Some(sink(server, log)));
    Ok(())
}

/// Replies wait for each sync, or not.
fn follow_fsync(server: &Server, policy: AppendFsync) {
    let hold = match server.persist.is_on() {
        true => writing::usual_hold(policy),
        false => Hold::None,
    };
    // The log's thread lets go of replies while it holds the writer: it can't undo this with the policy before.
    let log = server.persist.active();
    let _writer = log.as_ref().map(|log| log.writer.lock());
    server.commit.set_hold(hold);
}

/// CONFIG SET appendonly yes: a base of what there is, and everything from then on.
fn turn_on(server: &Arc<Server>, settings: &LogSettings) -> Result<(), StartError> {
    let mut switch = server.persist.switch.lock();
    let directory = directory(settings);
    let lock = directory.lock(&holder())?;
    let lsn = log::Lsn::new(switch.last_lsn);
    let writer = LogWriter::detached(directory, lsn, rand::random())?;
    let log = Arc::new(ActiveLog::new(writer, lsn, lock));
    // Nothing counts as durable before the base is there, so with `always` replies wait for it from now on.
    open(server, &mut switch, &log)?;
    server.persist.figures.rewrite_started();
    let written = rewrite(server, &log);
    server.persist.figures.rewrite_ended(written.is_ok());
    if let Err(error) = written {
        // There was no log before, so nobody has been promised what this one would have kept.
        if let Err(error) = close(server, &mut switch) {
            tracing::debug!("the log that could not be turned on: {error}");
        }
        return Err(error);
    }
    Ok(())
}

fn turn_off(server: &Arc<Server>) {
    if let Err(error) = close(server, &mut server.persist.switch.lock()) {
        tracing::error!("The log could not be finished when it was turned off: {error}");
    }
}

/// Has effects go nowhere and finishes the log.
fn close(server: &Arc<Server>, switch: &mut Switch) -> Result<(), LogError> {
    let scripts = WithoutScripts::wait(server);
    let shards = server.keyspace.lock_all();
    server.commit.set_log(None);
    drop((shards, scripts));
    finish(server, switch)
}

/// Ends the log's thread and finishes the files; nothing is appended any more.
fn finish(server: &Arc<Server>, switch: &mut Switch) -> Result<(), LogError> {
    let Some(log) = server.persist.active.swap(None) else { return Ok(()) };
    log.stopping.store(true, Ordering::Release);
    log.wake();
    if switch.thread.take().is_some_and(|thread| thread.join().is_err()) {
        tracing::error!("the log's thread had failed");
    }
    let mut writer = log.writer.lock();
    if writer.failure().is_some() && writer.recover_after_error().is_ok() {
        tracing::warn!("The log takes writes again, and is finished.");
    }
    let closed = writer.close(&log.buffer);
    switch.last_lsn = log.buffer.appended_lsn().get();
    if let Ok(durable) = closed {
        server.commit.set_durable(Lsn(durable.get()));
        server.commit.set_hold(Hold::None);
    }
    writing::forget_failure(server);
    server.gates.open(gates::LOG_FULL);
    closed.map(drop)
}

/// Writes a base of the state as it is now, and has it replace what the log was. Also how a failed log is made to
/// work again.
fn rewrite(server: &Arc<Server>, log: &ActiveLog) -> Result<(), StartError> {
    let rewritten = write_anew(server, log);
    // Even without its base it may have left the failure behind.
    let writer = log.writer.lock();
    if rewritten.is_ok() || writer.failure().is_none() && !writer.is_detached() {
        writing::recovered(server);
    }
    rewritten
}

fn write_anew(server: &Arc<Server>, log: &ActiveLog) -> Result<(), StartError> {
    sync_ahead(server, log);
    // Before the shards, so that nobody waits for a sync that runs: see the lock order in `persist`.
    let scripts = WithoutScripts::wait(server);
    let mut writer = log.writer.lock();
    if writer.failure().is_some() && !writer.needs_rewrite() {
        // Where the disk still refuses, a new file may not be refused.
        let _mended = writer.recover_after_error();
    }
    let paused_at = Instant::now();
    let (written, count, base_writer) = {
        let mut shards = server.keyspace.lock_all();
        let mut base = writer.begin_rewrite(&log.buffer)?;
        drop(writer);
        let written = base::write(server, &mut shards, &mut base);
        match written {
            Ok(count) => (Ok(()), count, Some(base)),
            Err(error) => (Err(error), 0, None),
        }
    };
    drop(scripts);
    let paused = paused_at.elapsed();
    latency::paused(server, paused);
    // What came in since counts from here on.
    sync_ahead(server, log);
    tracing::info!(
        "AOF rewrite: {count} keys were written while all shards were held for {} ms",
        paused.as_millis()
    );
    let sealed = match (written, base_writer) {
        (Ok(()), Some(base)) => base.seal().map_err(StartError::from),
        (Err(error), _) => Err(error.into()),
        (Ok(()), None) => Err(LogError::NoRewrite.into()),
    };
    let mut writer = log.writer.lock();
    let sealed = match sealed {
        Ok(sealed) => sealed,
        Err(error) => {
            writer.abort_rewrite();
            return Err(error);
        }
    };
    writer.finish_rewrite(sealed)?;
    let durable = writer.positions().durable();
    let size = i64::try_from(writer.size_bytes().1).unwrap_or(i64::MAX);
    log.size_at_rewrite.store(size, Ordering::Relaxed);
    drop(writer);
    server.commit.set_durable(Lsn(durable.get()));
    tracing::info!("Background AOF rewrite finished successfully: {size} bytes");
    Ok(())
}

/// BGREWRITEAOF while the log is off: a log of what there is now, which nothing is added to, for a start with appendonly
/// yes. Called with the switch held, so that the log isn't turned on meanwhile.
fn write_base_only(server: &Arc<Server>, last_lsn: u64) -> Result<(), StartError> {
    // Where the files are may have changed since the log was on.
    let settings = LogSettings::new(&server.settings.snapshot());
    let directory = directory(&settings);
    let _lock = directory.lock(&holder())?;
    let lsn = log::Lsn::new(last_lsn);
    let mut writer = LogWriter::detached(directory, lsn, rand::random())?;
    let buffer = LogBuffer::new(lsn, 0);
    let (base, written) = {
        let _scripts = WithoutScripts::wait(server);
        let mut shards = server.keyspace.lock_all();
        let mut base = writer.begin_rewrite(&buffer)?;
        let written = base::write(server, &mut shards, &mut base);
        (base, written)
    };
    match written.and_then(|_| base.seal()) {
        Ok(sealed) => writer.finish_rewrite(sealed)?,
        Err(error) => {
            writer.abort_rewrite();
            return Err(error.into());
        }
    }
    writer.close(&buffer)?;
    tracing::info!("Background AOF rewrite finished successfully: {} bytes", writer.size_bytes().1);
    Ok(())
}

/// Has most of what waits on its way to the disk before the shards are held.
fn sync_ahead(server: &Server, log: &ActiveLog) {
    log.note_write();
    let mut writer = log.writer.lock();
    match writer.write_from(&log.buffer).and_then(|_| writer.sync()) {
        // Who waits may do so for the file that a rewrite has begun: it counts from now on.
        Ok(_) => server.commit.set_durable(Lsn(writer.positions().durable().get())),
        // Off, or failed and said so before.
        Err(LogError::Detached | LogError::Poisoned { .. }) => {}
        Err(error) => writing::fail(server, &error, writer.may_retry()),
    }
}
