//! What the operator asked for, as far as it touches the log.

use crate::config::{AppendFsync, Config};
use dunlin_storage::log::{LoadOptions, LogNames};
use std::path::PathBuf;

/// How the log is kept. Made from the configuration at the start and after each CONFIG SET.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// Whether there is a log at all.
    pub enabled: bool,
    pub data_dir: PathBuf,
    pub names: LogNames,
    pub fsync: AppendFsync,
    pub load: LoadOptions,
    /// The log is rewritten once it has grown by so many percent; 0: never by itself.
    pub rewrite_growth_percent: u32,
    /// Below this size, in bytes, it is not.
    pub rewrite_bytes_min: u64,
}

impl LogSettings {
    pub fn new(config: &Config) -> Self {
        Self {
            enabled: config.append_only(),
            data_dir: config.dir(),
            names: LogNames {
                dir: config.append_dir_name().to_string_lossy().into_owned(),
                file: config.append_file_name().to_string_lossy().into_owned(),
            },
            fsync: config.append_fsync(),
            load: LoadOptions { cut_torn_tail: config.aof_load_truncated(), ..LoadOptions::default() },
            rewrite_growth_percent: config.auto_aof_rewrite_percentage(),
            rewrite_bytes_min: config.auto_aof_rewrite_min_size_bytes(),
        }
    }
}

impl Default for LogSettings {
    /// No log.
    fn default() -> Self {
        Self {
            enabled: false,
            data_dir: PathBuf::from("."),
            names: LogNames::default(),
            fsync: AppendFsync::EverySecond,
            load: LoadOptions::default(),
            rewrite_growth_percent: 100,
            rewrite_bytes_min: 64 << 20,
        }
    }
}
