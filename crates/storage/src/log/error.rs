//! What can go wrong with the log, and whether it changed anything.

use std::io;
use std::path::PathBuf;

/// What is wrong with the bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    #[error("the file ends in the middle of a command")]
    EndOfFile,
    #[error("the file is empty, and has had a line at least")]
    Empty,
    #[error("the file ends in the middle of a MULTI/EXEC group")]
    OpenGroup,
    #[error("bad format")]
    Format,
    #[error("a length is out of range")]
    Length,
    #[error("an annotation line is malformed")]
    Annotation,
    #[error("the checksum does not match")]
    Checksum,
    #[error("a log sequence number does not follow from the one before")]
    Sequence,
    #[error("MULTI, EXEC or SELECT is out of place")]
    Group,
}

/// An error of the log. Unless a variant says otherwise nothing changed, on disk or in memory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The disk refused. Files that the manifest doesn't name may remain; the log is as it was.
    #[error("can't {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    /// A write or an fsync of the log failed, now or earlier: nothing is written any more until
    /// `LogWriter::recover_after_error` or a finished rewrite succeeded. What was reported durable is durable.
    #[error("the log has failed and takes no writes: {cause}")]
    Poisoned { cause: String },

    /// The log is off: it has no file to write to until a rewrite is finished.
    #[error("the log is not open for writing")]
    Detached,

    #[error("{}, line {line}: {problem}: '{text}'", path.display())]
    Manifest { path: PathBuf, line: usize, problem: &'static str, text: String },

    #[error("{} is named in the manifest and is missing", path.display())]
    Missing { path: PathBuf },

    #[error(
        "{} is there, and the manifest {} is not, which says what of the log counts: put the manifest back (a line \
         'file NAME seq N type b' for the base and 'type i' for each incr file, in order), or move the files away to \
         begin without them",
        path.display(), manifest.display()
    )]
    NoManifest { path: PathBuf, manifest: PathBuf },

    #[error(
        "{} is an RDB file, which this version does not read; let Redis rewrite it with \
         'aof-use-rdb-preamble no' and BGREWRITEAOF",
        path.display()
    )]
    RdbBase { path: PathBuf },

    /// Bytes that must be whole are not. Nothing was cut.
    #[error("{} is damaged at offset {offset}: {damage}", path.display())]
    Damaged { path: PathBuf, offset: u64, damage: Damage },

    /// The end of the last file is torn and the options forbid to cut it.
    #[error(
        "{} is torn: {damage}; its last {dropped_bytes} bytes, from offset {offset}, would have to be cut \
         (aof-load-truncated yes does that)",
        path.display()
    )]
    Torn { path: PathBuf, offset: u64, dropped_bytes: u64, damage: Damage },

    /// The last file holds nothing, and the options forbid to start without what it held.
    #[error(
        "{} is empty, and has had a line at least: whatever it held is lost (aof-load-truncated yes starts without it)",
        path.display()
    )]
    Empty { path: PathBuf },

    #[error("another server ({holder}) has its log in this directory: {} is locked", path.display())]
    Locked { path: PathBuf, holder: String },

    #[error("a rewrite of the log is running already")]
    RewriteRunning,

    #[error("no rewrite of the log is running")]
    NoRewrite,
}

impl LogError {
    /// Whether the disk has no room (or we may not have more of it), which may change.
    pub fn lacks_room(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if [StorageFull, QuotaExceeded, FileTooLarge].contains(&source.kind()))
    }
}
