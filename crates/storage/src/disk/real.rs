//! The file system of the machine, through rustix.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, FlockOperation, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::{Disk, DiskFile};

/// The most parts that one writev takes (IOV_MAX on Linux).
const PARTS_MAX: usize = 1024;

/// A data directory on the machine's file system.
#[derive(Clone, Debug)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// `root` is the data directory; every path is taken relative to it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    fn open(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
        let path = self.root.join(path);
        Ok(retry_on_intr(|| fs::open(&path, flags | OFlags::CLOEXEC, mode))?)
    }
}

impl Disk for RealDisk {
    type File = RealFile;
    type Lock = RealLock;

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        match fs::mkdir(self.root.join(dir), Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH) {
            Err(Errno::EXIST) if self.root.join(dir).is_dir() => Ok(()),
            other => Ok(other?),
        }
    }

    fn create(&self, path: &Path) -> io::Result<RealFile> {
        RealFile::at_end(self.open(path, OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC)?)
    }

    fn open_append(&self, path: &Path) -> io::Result<RealFile> {
        RealFile::at_end(self.open(path, OFlags::RDWR)?)
    }

    fn open_read(&self, path: &Path) -> io::Result<RealFile> {
        RealFile::at_end(self.open(path, OFlags::RDONLY)?)
    }

    fn file_len(&self, path: &Path) -> io::Result<Option<u64>> {
        match std::fs::metadata(self.root.join(path)) {
            Ok(found) if found.is_file() => Ok(Some(found.len())),
            Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Ok(fs::rename(self.root.join(from), self.root.join(to))?)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Ok(fs::unlink(self.root.join(path))?)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.root.join(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that isn't UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let fd = self.open(dir, OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(retry_on_intr(|| fs::fsync(&fd))?)
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Result<RealLock, String>> {
        let fd = self.open(path, OFlags::RDWR | OFlags::CREATE)?;
        let mut file = RealFile::at_end(fd)?;
        match retry_on_intr(|| fs::flock(&file.fd, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => {
                // The note only makes the other's error text clearer, so a full disk doesn't keep us from starting.
                let _noted = file.truncate(0).and_then(|()| file.append(&[IoSlice::new(holder.as_bytes())]));
                Ok(Ok(RealLock { _fd: file.fd }))
            }
            Err(Errno::WOULDBLOCK) => {
                let mut note = [0u8; 256];
                let len = file.read_at(0, &mut note).unwrap_or(0);
                Ok(Err(String::from_utf8_lossy(&note[..len]).trim_end().to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// An open file of a [`RealDisk`].
#[derive(Debug)]
pub struct RealFile {
    fd: OwnedFd,
    /// Where it ends. (O_APPEND would send every write there.)
    end: u64,
}

impl RealFile {
    fn at_end(fd: OwnedFd) -> io::Result<Self> {
        let mut file = Self { fd, end: 0 };
        file.end = file.len()?;
        Ok(file)
    }
}

impl DiskFile for RealFile {
    fn append(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_at(self.end, parts)
    }

    fn write_at(&mut self, offset: u64, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let parts = &parts[..parts.len().min(PARTS_MAX)];
        let count = retry_on_intr(|| rustix::io::pwritev(&self.fd, parts, offset))?;
        self.end = self.end.max(offset + count as u64);
        Ok(count)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::io::pread(&self.fd, &mut *into, offset))?)
    }

    fn len(&self) -> io::Result<u64> {
        let size = fs::fstat(&self.fd)?.st_size;
        u64::try_from(size).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "negative file size"))
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(retry_on_intr(|| fs::fdatasync(&self.fd))?)
    }

    fn truncate(&mut self, len_bytes: u64) -> io::Result<()> {
        retry_on_intr(|| fs::ftruncate(&self.fd, len_bytes))?;
        self.end = len_bytes;
        Ok(())
    }
}

/// The exclusive lock on a file; given back when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub struct RealLock {
    _fd: OwnedFd,
}
