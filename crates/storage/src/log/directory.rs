//! The directory of a log: its names, its manifest, its lock.
//!
//! The manifest is replaced as a whole (written beside, synced, renamed, directory synced), and only after the names
//! of all files in it were made durable: whatever a crash leaves, the manifest names files that are there.

use std::io::{self, IoSlice, Read};
use std::path::{Path, PathBuf};

use super::annotation;
use super::error::LogError;
use super::manifest::{LogFile, Manifest};
use crate::disk::{Disk, DiskFile, append_all};

/// The name of the lock file, in the data directory.
const LOCK_NAME: &str = "dunlin.lock";

/// A manifest larger than this isn't one.
const MANIFEST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What the files are called.
#[derive(Clone, Debug)]
pub struct LogNames {
    /// `appenddirname`: the directory inside the data directory.
    pub dir: String,
    /// `appendfilename`: what the names of the files begin with.
    pub file: String,
}

impl Default for LogNames {
    fn default() -> Self {
        Self { dir: "appendonlydir".to_owned(), file: "appendonly.aof".to_owned() }
    }
}

/// Where a log lives.
#[derive(Clone, Debug)]
pub struct LogDirectory<D> {
    pub(super) disk: D,
    names: LogNames,
}

impl<D: Disk> LogDirectory<D> {
    pub fn new(disk: D, names: LogNames) -> Self {
        Self { disk, names }
    }

    /// Takes the data directory for one server; `holder` is what the next one is told. Held until dropped.
    ///
    /// # Errors
    /// [`LogError::Locked`] if another process has it.
    pub fn lock(&self, holder: &str) -> Result<D::Lock, LogError> {
        let path = Path::new(LOCK_NAME);
        match self.disk.lock(path, holder).map_err(io_error("lock", path))? {
            Ok(lock) => Ok(lock),
            Err(holder) => Err(LogError::Locked { path: path.to_owned(), holder }),
        }
    }

    /// The directory of the log, relative to the data directory.
    pub fn dir(&self) -> &Path {
        Path::new(&self.names.dir)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    pub fn manifest_path(&self) -> PathBuf {
        self.path(&format!("{}.manifest", self.names.file))
    }

    pub(super) fn base_name(&self, sequence: u64) -> String {
        format!("{}.{sequence}.base.aof", self.names.file)
    }

    pub(super) fn incr_name(&self, sequence: u64) -> String {
        format!("{}.{sequence}.incr.aof", self.names.file)
    }

    pub(super) fn temp_path(&self, name: &str) -> PathBuf {
        self.path(&format!("temp-{name}"))
    }

    /// How much there is to load at most, in bytes: all files, whether the manifest names them or not.
    ///
    /// # Errors
    /// The disk refused.
    pub fn size_bytes(&self) -> Result<u64, LogError> {
        let names = self.disk.list(self.dir()).map_err(io_error("list", self.dir()))?;
        let single = Path::new(&self.names.file).to_owned();
        names.iter().map(|name| self.path(name)).chain([single]).try_fold(0, |sum, path| {
            let len = self.disk.file_len(&path).map_err(io_error("look at", &path))?;
            Ok(sum + len.unwrap_or(0))
        })
    }

    /// Makes the directory if it isn't there, durably.
    pub(super) fn create(&self) -> Result<(), LogError> {
        self.disk.create_dir(self.dir()).map_err(io_error("create", self.dir()))?;
        self.disk.sync_dir(Path::new("")).map_err(io_error("sync", Path::new(".")))
    }

    pub(super) fn sync(&self) -> Result<(), LogError> {
        self.disk.sync_dir(self.dir()).map_err(io_error("sync", self.dir()))
    }

    /// Reads the manifest; an empty one if there is none, and no file that it should name.
    pub(super) fn read_manifest(&self) -> Result<Manifest, LogError> {
        let path = self.manifest_path();
        match self.disk.file_len(&path).map_err(io_error("read", &path))? {
            None => return self.refuse_orphans().map(|()| Manifest::default()),
            Some(len) if len > MANIFEST_BYTES_MAX => {
                return Err(manifest_error(&path, 0, "The AOF manifest file is too large", ""));
            }
            Some(_) => {}
        }
        let file = self.disk.open_read(&path).map_err(io_error("open", &path))?;
        let mut bytes = Vec::new();
        Sequential { file, offset: 0 }
            .take(MANIFEST_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(io_error("read", &path))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| manifest_error(&path, 0, "Invalid AOF manifest file format", "not UTF-8"))?;
        Manifest::parse(&text)
            .map_err(|problem| manifest_error(&path, problem.line, problem.problem, &problem.text))
    }

    /// Fails if a file of a log is there: whoever went on without a manifest would take its name and empty it. What a
    /// start leaves that died before it wrote the first manifest holds nothing, and is passed over.
    fn refuse_orphans(&self) -> Result<(), LogError> {
        let prefix = format!("{}.", self.names.file);
        for name in self.disk.list(self.dir()).map_err(io_error("list", self.dir()))? {
            let is_ours = name.strip_prefix(&prefix).is_some_and(|rest| {
                [".base.aof", ".base.rdb", ".incr.aof"].iter().any(|suffix| rest.ends_with(suffix))
            });
            let path = self.path(&name);
            if is_ours && self.holds_more_than_a_line(&path)? {
                return Err(LogError::NoManifest { path, manifest: self.manifest_path() });
            }
        }
        Ok(())
    }

    /// Whether a file holds more than the line with which we begin one, or a part of it; zeros don't count.
    fn holds_more_than_a_line(&self, path: &Path) -> Result<bool, LogError> {
        let file = self.disk.open_read(path).map_err(io_error("open", path))?;
        let mut bytes = Vec::new();
        let limit = 2 * annotation::LINE_BYTES_MAX;
        Sequential { file, offset: 0 }
            .take(limit as u64)
            .read_to_end(&mut bytes)
            .map_err(io_error("read", path))?;
        let len = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let is_line = bytes[..len].first().is_none_or(|&byte| byte == annotation::PREFIX[0] || byte == 0)
            && !bytes[..len.saturating_sub(1)].contains(&b'\n');
        Ok(!is_line || bytes.len() == limit)
    }

    /// Replaces the manifest, durably. On an error the old or the new one is in place.
    pub(super) fn write_manifest(&self, manifest: &Manifest) -> Result<(), LogError> {
        let path = self.manifest_path();
        let temp = self.temp_path(&format!("{}.manifest", self.names.file));
        // The names of the files before the manifest that names them.
        self.sync()?;
        let mut file = self.disk.create(&temp).map_err(io_error("create", &temp))?;
        append_all(&mut file, &mut [IoSlice::new(manifest.to_text().as_bytes())])
            .and_then(|()| file.sync_data())
            .map_err(io_error("write", &temp))?;
        self.disk.rename(&temp, &path).map_err(io_error("rename", &temp))?;
        self.sync()
    }

    /// Removes the files that a rewrite replaced, then their names from the manifest. Files that are gone already
    /// are fine.
    pub(super) fn remove_history(&self, manifest: &mut Manifest) -> Result<(), LogError> {
        if manifest.history.is_empty() {
            return Ok(());
        }
        for LogFile { name, .. } in &manifest.history {
            self.remove_if_there(&self.path(name))?;
        }
        let mut kept = manifest.clone();
        kept.history.clear();
        self.write_manifest(&kept)?;
        *manifest = kept;
        Ok(())
    }

    /// Removes what an interrupted rewrite left: files with our temporary names.
    pub(super) fn remove_temporaries(&self) -> Result<(), LogError> {
        let prefix = format!("temp-{}", self.names.file);
        for name in self.disk.list(self.dir()).map_err(io_error("list", self.dir()))? {
            if name.starts_with(&prefix) {
                self.remove_if_there(&self.path(&name))?;
            }
        }
        Ok(())
    }

    pub(super) fn remove_if_there(&self, path: &Path) -> Result<(), LogError> {
        match self.disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path)(error)),
            _ => Ok(()),
        }
    }

    /// Moves a log of one file, as Redis wrote it before version 7, into the directory and names it as the base. An
    /// interrupted move is finished by the next start.
    pub(super) fn upgrade_single_file(&self, manifest: &mut Manifest) -> Result<(), LogError> {
        let old = Path::new(&self.names.file);
        let new = self.path(&self.names.file);
        let there = |path: &Path| Ok(self.disk.file_len(path).map_err(io_error("look at", path))?.is_some());
        if !there(old)? {
            return Ok(());
        }
        let interrupted = manifest.incr.is_empty()
            && manifest.base.as_ref().is_some_and(|base| base.name == self.names.file)
            && !there(&new)?;
        if !manifest.is_empty() && !interrupted {
            return Ok(());
        }
        let file = self.disk.open_read(old).map_err(io_error("open", old))?;
        refuse_rdb(&file, old)?;
        manifest.base = Some(LogFile { name: self.names.file.clone(), sequence: 1 });
        self.create()?;
        self.write_manifest(manifest)?;
        self.disk.rename(old, &new).map_err(io_error("move", old))?;
        self.sync()?;
        self.disk.sync_dir(Path::new("")).map_err(io_error("sync", Path::new(".")))
    }
}

/// Fails if the file begins as an RDB file does.
pub(super) fn refuse_rdb<F: DiskFile>(file: &F, path: &Path) -> Result<(), LogError> {
    let mut magic = [0u8; 5];
    let mut got = 0;
    while got < magic.len() {
        match file.read_at(got as u64, &mut magic[got..]).map_err(io_error("read", path))? {
            0 => break,
            n => got += n,
        }
    }
    if &magic == b"REDIS" { Err(LogError::RdbBase { path: path.to_owned() }) } else { Ok(()) }
}

pub(super) fn io_error<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> LogError + 'a {
    move |source| LogError::Io { action, path: path.to_owned(), source }
}

fn manifest_error(path: &Path, line: usize, problem: &'static str, text: &str) -> LogError {
    LogError::Manifest { path: path.to_owned(), line, problem, text: text.to_owned() }
}

/// Reads a file from its beginning on.
struct Sequential<F> {
    file: F,
    offset: u64,
}

impl<F: DiskFile> Read for Sequential<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.offset, into)?;
        self.offset += read as u64;
        Ok(read)
    }
}
