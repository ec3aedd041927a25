//! The few things that storage asks of a file system, as a trait.
//!
//! Paths are relative to the data directory, which the disk knows. The contract is what POSIX promises after a loss
//! of power, and no more: bytes are kept once their file was synced, names once their directory was synced. Nothing
//! above this module touches `std::fs`.

#[cfg(any(test, feature = "fake-disk"))]
pub mod fake;
mod real;

use std::io::{self, IoSlice};
use std::path::Path;

pub use real::{RealDisk, RealFile, RealLock};

/// A data directory. Clones name the same directory.
pub trait Disk: Clone + Send + 'static {
    type File: DiskFile;
    /// Held as long as the value lives.
    type Lock: Send + 'static;

    /// Creates a directory; one that is there already is fine. Its name is kept once the parent was synced.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Creates an empty file, or empties the one that is there.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file that exists, for reading and appending.
    fn open_append(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file that exists, for reading.
    fn open_read(&self, path: &Path) -> io::Result<Self::File>;

    /// The size of a file in bytes, or `None` if there is no such file.
    fn file_len(&self, path: &Path) -> io::Result<Option<u64>>;

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names of the files in a directory, sorted; none if there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes creations, renames and removals in a directory durable. The empty path is the data directory.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the exclusive lock on a file, creating it, and notes the holder in it. `Err(text)` inside the result is
    /// what the present holder noted.
    fn lock(&self, path: &Path, holder: &str) -> io::Result<Result<Self::Lock, String>>;
}

/// An open file. Appends go to its end, other writes and reads to any offset.
pub trait DiskFile: Send + 'static {
    /// Appends the parts in order; returns the number of bytes written, which may fall short of all.
    fn append(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Writes the parts in order at an offset within the file or at its end; returns how many bytes, which may fall short
    /// of all.
    fn write_at(&mut self, offset: u64, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Reads at an offset in bytes; 0 at the end of the file.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    fn len(&self) -> io::Result<u64>;

    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Makes the bytes and the length of the file durable (fdatasync).
    fn sync_data(&mut self) -> io::Result<()>;

    fn truncate(&mut self, len_bytes: u64) -> io::Result<()>;
}

/// Appends all parts, going on after short writes. On an error an unknown part of the bytes is in the file.
///
/// # Errors
/// What the disk said, or `WriteZero` if it took nothing.
pub(crate) fn append_all<F: DiskFile>(file: &mut F, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.append(parts)? {
            0 => return Err(io::Error::new(io::ErrorKind::WriteZero, "the disk took no bytes")),
            n => IoSlice::advance_slices(&mut parts, n),
        }
    }
    Ok(())
}
