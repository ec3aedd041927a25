//! A disk in memory that fails on request and keeps only what was promised when it loses power.
//!
//! It holds every file and directory twice: as programs see it, and as the platter has it. A loss of power, which
//! may come at any call, leaves the platter's state plus whatever part of the rest the seed picks: any prefix of the
//! appended bytes (or zeros in their place, as some file systems leave them), or all of them but for a sector, which is
//! zeros, and any subset of the changes of names. A program is right if it is right for every seed and every call.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile};

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call may or may not take effect; it and all later calls fail.
    PowerLoss,
    /// EIO; a failed sync makes nothing durable, and no later sync of the same bytes does.
    Io,
    /// ENOSPC on calls that need space.
    NoSpace,
    /// An append takes only a part of its bytes.
    Short,
}

/// A disk in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct FakeDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    dirs: Vec<PathBuf>,
    durable_dirs: Vec<PathBuf>,
    /// Changes of names since the directory was synced, oldest first.
    unsynced: Vec<NameChange>,
    locks: BTreeMap<PathBuf, String>,
    faults: BTreeMap<u64, Fault>,
    calls: u64,
    off: bool,
    random: u64,
}

/// What is written whole or not at all where other bytes were; smaller than on real disks.
const SECTOR_BYTES: usize = 32;

#[derive(Clone, Debug, Default)]
struct Inode {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// Cut below what is durable, and not synced since.
    cut: bool,
    /// A sync failed: from here on the kernel believes the bytes clean.
    lost_from: Option<usize>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf, usize),
    Dir(PathBuf),
}

impl NameChange {
    fn parent(&self) -> &Path {
        let path = match self {
            NameChange::Link(path, _) | NameChange::Unlink(path) | NameChange::Dir(path) => path,
            NameChange::Rename(_, to, _) => to,
        };
        path.parent().unwrap_or(Path::new(""))
    }
}

impl FakeDisk {
    /// An empty disk; `seed` decides what a loss of power leaves.
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(State { random: seed, ..State::default() })) }
    }

    /// Lets the call with this number, counted from 0, go wrong.
    pub fn fail_call(&self, call: u64, fault: Fault) {
        self.lock().faults.insert(call, fault);
    }

    /// Takes back what [`Self::fail_call`] ordered.
    pub fn forgive(&self) {
        self.lock().faults.clear();
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.lock().off
    }

    /// The disk as it comes up after the loss of power: another disk, on.
    pub fn after_power_loss(&self) -> FakeDisk {
        let mut state = self.lock();
        let mut random = state.random;
        let mut names = state.durable_names.clone();
        let mut dirs = state.durable_dirs.clone();
        for change in &state.unsynced {
            if next(&mut random).is_multiple_of(2) {
                apply(change, &mut names, &mut dirs);
            }
        }
        let files: Vec<Inode> = state.files.iter().map(|file| file.survivor(&mut random)).collect();
        names.retain(|path, _| {
            path.parent().is_none_or(|dir| dir == Path::new("") || dirs.iter().any(|d| d == dir))
        });
        state.random = random;
        let after = State {
            files,
            durable_names: names.clone(),
            names,
            durable_dirs: dirs.clone(),
            dirs,
            random: next(&mut random),
            ..State::default()
        };
        FakeDisk { state: Arc::new(Mutex::new(after)) }
    }

    /// The disk as it is when only the process ends: all that was written is there. The locks are given back.
    pub fn after_kill(&self) -> FakeDisk {
        let state = self.lock();
        let after = State {
            files: state.files.clone(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            dirs: state.dirs.clone(),
            durable_dirs: state.durable_dirs.clone(),
            unsynced: state.unsynced.clone(),
            random: state.random,
            ..State::default()
        };
        FakeDisk { state: Arc::new(Mutex::new(after)) }
    }

    /// The bytes of a file as programs see them.
    pub fn bytes(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let state = self.lock();
        state.names.get(path.as_ref()).map(|&file| state.files[file].bytes.clone())
    }

    /// Puts a file in place, durably.
    pub fn put(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        let mut state = self.lock();
        let path = path.as_ref().to_owned();
        if let Some(dir) =
            path.parent().filter(|dir| *dir != Path::new("") && !state.dirs.iter().any(|d| d == dir))
        {
            state.dirs.push(dir.to_owned());
            state.durable_dirs.push(dir.to_owned());
        }
        let file = state.files.len();
        state.files.push(Inode { bytes: bytes.to_vec(), durable: bytes.to_vec(), ..Inode::default() });
        state.names.insert(path.clone(), file);
        state.durable_names.insert(path, file);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inode {
    /// What a loss of power leaves of the file.
    fn survivor(&self, random: &mut u64) -> Inode {
        let common = self.durable.len();
        let mut bytes = self.durable.clone();
        if !self.cut {
            let reached = self.lost_from.unwrap_or(self.bytes.len());
            // Bytes written in place: any sectors of them are there.
            for at in (0..common.min(reached)).step_by(SECTOR_BYTES) {
                let sector = at..(at + SECTOR_BYTES).min(common).min(reached);
                if bytes[sector.clone()] != self.bytes[sector.clone()] && next(random).is_multiple_of(2) {
                    bytes[sector.clone()].copy_from_slice(&self.bytes[sector]);
                }
            }
            // Appended bytes: some of them are there.
            let added = reached.max(common) - common;
            let kept = if added == 0 { 0 } else { pick(random, added + 1) };
            bytes.extend_from_slice(&self.bytes[common..common + kept]);
            match next(random) % 5 {
                4 if added > 0 => {
                    // Later pages reached the disk, and one before them did not.
                    bytes.truncate(common);
                    bytes.extend_from_slice(&self.bytes[common..common + added]);
                    let at = common + pick(random, added);
                    let sector = at - at % SECTOR_BYTES;
                    let end = bytes.len().min(sector + SECTOR_BYTES);
                    bytes[sector.max(common)..end].fill(0);
                }
                0 => bytes.resize(common + added, 0),
                1 if kept > 1 => {
                    let hole = pick(random, kept);
                    bytes[common + hole..].fill(0);
                }
                _ => {}
            }
        } else if next(random).is_multiple_of(2) {
            // A truncation that wasn't synced, and what was written after it: all or nothing.
            bytes = self.bytes.clone();
        }
        Inode { durable: bytes.clone(), bytes, ..Inode::default() }
    }
}

impl State {
    /// Counts the call and says what goes wrong with it.
    fn enter(&mut self) -> io::Result<Option<Fault>> {
        if self.off {
            return Err(io::Error::other("the power is off"));
        }
        let call = self.calls;
        self.calls += 1;
        let fault = self.faults.get(&call).copied();
        match fault {
            Some(Fault::Io) => Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())),
            Some(Fault::PowerLoss) => {
                self.off = true;
                Ok(fault)
            }
            other => Ok(other),
        }
    }

    /// As [`Self::enter`] for calls that take effect whole or not at all: with the power lost, the seed decides.
    /// `true` if the caller shall go on.
    fn enter_whole(&mut self) -> io::Result<bool> {
        match self.enter()? {
            Some(Fault::NoSpace) => Err(no_space()),
            Some(Fault::PowerLoss) => Ok(next(&mut self.random).is_multiple_of(2)),
            _ => Ok(true),
        }
    }

    /// The end of a call that may have lost power.
    fn leave<T>(&self, value: T) -> io::Result<T> {
        if self.off { Err(io::Error::other("the power went off")) } else { Ok(value) }
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for FakeDisk {
    type File = FakeFile;
    type Lock = FakeLock;

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock();
        if state.enter_whole()? && !state.dirs.iter().any(|known| known == dir) {
            state.dirs.push(dir.to_owned());
            state.unsynced.push(NameChange::Dir(dir.to_owned()));
        }
        state.leave(())
    }

    fn create(&self, path: &Path) -> io::Result<FakeFile> {
        let mut state = self.lock();
        let goes_on = state.enter_whole()?;
        let dir = path.parent().unwrap_or(Path::new(""));
        if dir != Path::new("") && !state.dirs.iter().any(|known| known == dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let known = state.names.get(path).copied();
        let file = known.unwrap_or(state.files.len());
        if goes_on {
            match known {
                Some(file) => {
                    state.files[file].cut |= !state.files[file].durable.is_empty();
                    state.files[file].bytes.clear();
                    state.files[file].lost_from = None;
                }
                None => {
                    state.files.push(Inode::default());
                    state.names.insert(path.to_owned(), file);
                    state.unsynced.push(NameChange::Link(path.to_owned(), file));
                }
            }
        }
        state.leave(FakeFile { disk: self.clone(), file })
    }

    fn open_append(&self, path: &Path) -> io::Result<FakeFile> {
        self.open_read(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<FakeFile> {
        let mut state = self.lock();
        state.enter()?;
        let file = state.file(path)?;
        state.leave(FakeFile { disk: self.clone(), file })
    }

    fn file_len(&self, path: &Path) -> io::Result<Option<u64>> {
        let mut state = self.lock();
        state.enter()?;
        let len = state.names.get(path).map(|&file| state.files[file].bytes.len() as u64);
        state.leave(len)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let goes_on = state.enter_whole()?;
        let file = state.file(from)?;
        if goes_on {
            state.names.remove(from);
            state.names.insert(to.to_owned(), file);
            state.unsynced.push(NameChange::Rename(from.to_owned(), to.to_owned(), file));
        }
        state.leave(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let goes_on = state.enter_whole()?;
        state.file(path)?;
        if goes_on {
            state.names.remove(path);
            state.unsynced.push(NameChange::Unlink(path.to_owned()));
        }
        state.leave(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.lock();
        state.enter()?;
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        let names = inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
        state.leave(names)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock();
        if state.enter_whole()? {
            let (synced, kept): (Vec<_>, Vec<_>) =
                std::mem::take(&mut state.unsynced).into_iter().partition(|change| change.parent() == dir);
            state.unsynced = kept;
            let State { durable_names, durable_dirs, .. } = &mut *state;
            synced.iter().for_each(|change| apply(change, durable_names, durable_dirs));
        }
        state.leave(())
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Result<FakeLock, String>> {
        let mut state = FakeDisk::lock(self);
        state.enter()?;
        if let Some(present) = state.locks.get(path) {
            return Ok(Err(present.clone()));
        }
        state.locks.insert(path.to_owned(), holder.to_owned());
        state.leave(Ok(FakeLock { disk: self.clone(), path: path.to_owned() }))
    }
}

/// An open file of a [`FakeDisk`].
#[derive(Debug)]
pub struct FakeFile {
    disk: FakeDisk,
    file: usize,
}

impl DiskFile for FakeFile {
    fn append(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let end = self.disk.lock().files[self.file].bytes.len();
        self.write_at(end as u64, parts)
    }

    fn write_at(&mut self, offset: u64, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.disk.lock();
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let taken = match state.enter()? {
            Some(Fault::NoSpace) => return Err(no_space()),
            Some(Fault::Short | Fault::PowerLoss) => pick(&mut state.random, bytes.len()),
            _ => bytes.len(),
        };
        let file = &mut state.files[self.file].bytes;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let overwritten = file.len().checked_sub(start).expect("no holes are written").min(taken);
        file[start..start + overwritten].copy_from_slice(&bytes[..overwritten]);
        file.extend_from_slice(&bytes[overwritten..taken]);
        state.leave(taken)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.disk.lock();
        let fault = state.enter()?;
        let bytes = &state.files[self.file].bytes;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let mut len = into.len().min(bytes.len() - start);
        if fault == Some(Fault::Short) && len > 1 {
            len /= 2;
        }
        into[..len].copy_from_slice(&bytes[start..start + len]);
        state.leave(len)
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.lock();
        state.enter()?;
        let len = state.files[self.file].bytes.len() as u64;
        state.leave(len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let entered = state.enter();
        let file = &mut state.files[self.file];
        match entered {
            Err(error) => {
                let same = file.bytes.iter().zip(&file.durable).take_while(|(a, b)| a == b).count();
                file.lost_from.get_or_insert(same);
                return Err(error);
            }
            Ok(Some(Fault::PowerLoss)) => {}
            Ok(_) => match file.lost_from {
                // The kernel forgot that these pages were dirty: this sync says yes and keeps nothing of them.
                Some(from) if from <= file.bytes.len() => {
                    let old = std::mem::take(&mut file.durable);
                    file.durable = file.bytes[..from].to_vec();
                    file.durable.extend(old.get(from..).unwrap_or_default());
                    file.durable.truncate(file.bytes.len());
                    file.cut = false;
                }
                _ => {
                    file.lost_from = None;
                    file.cut = false;
                    file.durable = file.bytes.clone();
                }
            },
        }
        state.leave(())
    }

    fn truncate(&mut self, len_bytes: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        let goes_on = state.enter_whole()?;
        let len = usize::try_from(len_bytes).unwrap_or(usize::MAX);
        let file = &mut state.files[self.file];
        if goes_on && len < file.bytes.len() {
            file.cut |= len < file.durable.len();
            file.bytes.truncate(len);
            file.lost_from = file.lost_from.filter(|&from| from < len);
        }
        state.leave(())
    }
}

/// A lock on a [`FakeDisk`], given back when dropped.
#[derive(Debug)]
pub struct FakeLock {
    disk: FakeDisk,
    path: PathBuf,
}

impl Drop for FakeLock {
    fn drop(&mut self) {
        self.disk.lock().locks.remove(&self.path);
    }
}

fn apply(change: &NameChange, names: &mut BTreeMap<PathBuf, usize>, dirs: &mut Vec<PathBuf>) {
    match change {
        NameChange::Link(path, file) => {
            names.insert(path.clone(), *file);
        }
        NameChange::Unlink(path) => {
            names.remove(path);
        }
        NameChange::Rename(from, to, file) => {
            names.remove(from);
            names.insert(to.clone(), *file);
        }
        NameChange::Dir(path) => dirs.push(path.clone()),
    }
}

fn no_space() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
}

/// A number below `count`, or 0 if `count` is.
fn pick(random: &mut u64, count: usize) -> usize {
    if count == 0 { 0 } else { usize::try_from(next(random) % count as u64).unwrap_or(0) }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the next random number.
fn next(random: &mut u64) -> u64 {
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *random;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
